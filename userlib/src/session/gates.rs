//! The gates of sessions: made in a region of the server's own, given away, destroyed.

use alloc::boxed::Box;
use alloc::vec::Vec;

use ipc_abi::boot::OBJECTS_PER_FRAME;
use ipc_abi::call::Place;
use ipc_abi::capability::{Description, Rights};
use ipc_abi::error::Error;
use ipc_abi::interface::granted::Keeper;
use ipc_abi::interface::{Granted, ProtocolError};
use ipc_abi::manifest::{Badge, SessionId};
use ipc_abi::startup::SessionGrant;

use crate::gate::Endpoint;
use crate::keeper::KEEPER;
use crate::sync::Mutex;
use crate::syscall;

/// Where gates are made.
pub(super) trait Gates {
    /// Makes the gate of the session with this number; tells the handle of a copy of it with these rights.
    ///
    /// # Errors
    ///
    /// Those of the kernel; then there is no gate.
    fn make(&mut self, number: u8, badge: Badge, rights: Rights) -> Result<u32, Error>;

    /// Destroys it: every copy is dead.
    fn destroy(&mut self, number: u8);
}

/// Gates of the kernel.
pub(super) struct Native {
    region: u32,
    endpoint: u32,
    /// The slot of the first gate's capability; those of the others follow.
    first_slot: u32,
}

impl Native {
    pub(super) const fn new(grant: SessionGrant, endpoint: Endpoint, first_slot: u32) -> Native {
        Native {
            region: grant.region,
            endpoint: endpoint.handle(),
            first_slot,
        }
    }

    fn slot(&self, number: u8) -> u32 {
        self.first_slot + u32::from(number)
    }

    fn place(&self, number: u8) -> Place {
        KEEPER.table.place(self.slot(number))
    }
}

impl Gates for Native {
    fn make(&mut self, number: u8, badge: Badge, rights: Rights) -> Result<u32, Error> {
        let region = syscall::region_inspect(self.region)?;
        // The region itself is in its first frame.
        let object = (region.first_frame + 1) * OBJECTS_PER_FRAME + u64::from(number);
        let (place, raw) = (self.place(number), badge.into_raw());
        syscall::create_gate(self.region, object, place, self.endpoint, raw)?;
        KEEPER
            .copy(self.slot(number), rights)
            .inspect_err(|_| self.destroy(number))
    }

    fn destroy(&mut self, number: u8) {
        // Neither can be refused: it is this process's own, and nobody else destroys it.
        let _ = syscall::destroy(self.slot(number));
        let _ = syscall::capability_delete(self.place(number));
    }
}

/// Gates that were made and have not reached their clients yet.
pub(super) struct Outbox {
    inner: &'static dyn Keeper,
    posts: Mutex<Vec<Post>>,
}

/// A gate on its way.
struct Post {
    handle: u32,
    id: SessionId,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The server has it.
    Waiting,
    /// Its client does not get it.
    Lost,
}

impl Outbox {
    /// An outbox whose handles are `inner`'s; it is for ever, as a server's sessions are.
    pub(super) fn new(inner: &'static dyn Keeper) -> &'static Outbox {
        Box::leak(Box::new(Outbox {
            inner,
            posts: Mutex::new(Vec::new()),
        }))
    }

    /// A gate that is to be sent.
    pub(super) fn post<I>(&'static self, handle: u32, id: SessionId) -> Granted<I> {
        let fate = Fate::Waiting;
        self.posts.lock().push(Post { handle, id, fate });
        Granted::held(handle, self)
    }

    /// A session whose client did not get its gate.
    pub(super) fn take_lost(&self) -> Option<SessionId> {
        let mut posts = self.posts.lock();
        let index = posts.iter().position(|post| post.fate == Fate::Lost)?;
        Some(posts.swap_remove(index).id)
    }
}

impl Keeper for Outbox {
    /// Nothing arrives in it.
    fn claim(&self, _slot: u32, _accepts: fn(Description) -> bool) -> Result<u32, ProtocolError> {
        Err(ProtocolError::WrongKind)
    }

    fn discard(&self, slot: u32) {
        self.inner.discard(slot);
    }

    fn release(&self, handle: u32) {
        self.inner.release(handle);
        let mut posts = self.posts.lock();
        let waiting = |post: &&mut Post| post.handle == handle && post.fate == Fate::Waiting;
        if let Some(post) = posts.iter_mut().find(waiting) {
            post.fate = Fate::Lost;
        }
    }

    fn release_sent(&self, handle: u32) {
        self.inner.release(handle);
        let is_it = |post: &Post| post.handle == handle && post.fate == Fate::Waiting;
        self.posts.lock().retain(|post| !is_it(post));
    }
}

/// Gates of a test.
#[cfg(not(target_os = "none"))]
pub(super) mod host {
    use alloc::collections::BTreeMap;

    use ipc_abi::capability::Kind;
    use ipc_abi::interface::HostTable;

    use super::{Badge, Error, Gates, Rights};

    /// Gates in the table of a test's thread.
    #[derive(Default)]
    pub(in super::super) struct HostGates {
        made: BTreeMap<u8, u32>,
    }

    impl Gates for HostGates {
        fn make(&mut self, number: u8, badge: Badge, rights: Rights) -> Result<u32, Error> {
            let table = HostTable::of_thread();
            let gate = table.make_object(Kind::Gate, Rights::ALL, badge);
            self.made.insert(number, gate);
            table.copy(gate, rights)
        }

        fn destroy(&mut self, number: u8) {
            let table = HostTable::of_thread();
            if let Some(gate) = self.made.remove(&number) {
                table.destroy(gate);
                table.delete(gate);
            }
        }
    }
}
