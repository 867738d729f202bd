//! Sessions: objects of one client each, reached through a gate of their own.
//!
//! ```text
//!   open --> open --METHOD_CLOSE, close--------------> over: the gate is destroyed, and the object dropped
//!             |   \--the client died-----------------> over
//!             |    \-the client did not get the gate-> over
//!             v
//!          running: while one of its methods runs, the object is taken out
//! ```
//!
//! A server that has sessions says so ([`HasSessions`]) and serves [`WithSessions`]`(SampleInterface)`. A method opens
//! one by [`Sessions::open`] and returns its gate. `system.toml` says how many there can be (`sessions = 64`).
//!
//! Calls that were under way when a session ended are refused with `Died`, by the kernel, or `NoSession`: no number
//! is a session's twice.

mod gates;
mod object;
mod route;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use ipc_abi::capability::Rights;
use ipc_abi::error::Error;
use ipc_abi::interface::{Caller, Dispatch, Granted, Interface};
use ipc_abi::manifest::{Badge, SessionId};

use crate::environment::{Environment, EnvironmentError};

use gates::{Gates, Outbox};
use object::{Object, Plain, Rooted};

pub use object::InRoot;
pub use route::{HasSessions, WithSessions};

/// The reply object in which a caller is saved that gets a session; 0 if there is none.
static SAVING_PLACE: AtomicU32 = AtomicU32::new(0);

/// The reply object in which a caller is saved that gets a session.
pub(crate) fn saving_place() -> Option<u32> {
    let place = SAVING_PLACE.load(Ordering::Relaxed);
    (place != 0).then_some(place)
}

/// The sessions of a server `R`.
pub struct Sessions<R> {
    places: Vec<Place<R>>,
    gates: Box<dyn Gates>,
    outbox: &'static Outbox,
    of_client: usize,
    opened: u64,
}

/// Where a session can be.
enum Place<R> {
    Free,
    /// It is there.
    Open(Holder, Box<dyn Object<R>>),
    /// One of its methods runs.
    Running(Holder),
}

/// Whose a session is, and which.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Holder {
    client: u8,
    id: SessionId,
}

/// Why no session was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionError {
    /// As many are open as `system.toml` allows. Try again when one was closed.
    TooMany,
    /// As many of this client are open as one client may have. It closes one first.
    TooManyOfClient,
    /// The kernel refused to make the gate.
    Refused(Error),
}

impl<R> Sessions<R> {
    /// The sessions that `system.toml` gives this process, of which one client can have so many.
    ///
    /// # Errors
    ///
    /// `NoSessions`, `NoEndpoint`, `NoSlots`.
    pub fn take(
        environment: &mut Environment,
        of_client: usize,
    ) -> Result<Sessions<R>, EnvironmentError> {
        let endpoint = environment.endpoint()?;
        let grant = environment.take_sessions()?;
        let slots = environment.take_slots(u32::from(grant.count))?;
        let gates = gates::Native::new(grant, endpoint, slots.first);
        SAVING_PLACE.store(grant.reply, Ordering::Relaxed);
        let outbox = Outbox::new(&crate::keeper::KEEPER);
        Ok(Sessions::new(
            usize::from(grant.count),
            of_client,
            Box::new(gates),
            outbox,
        ))
    }

    /// So many sessions, of which one client can have so many, for a test that has no kernel: their gates are in
    /// the [`ipc_abi::interface::HostTable`].
    #[cfg(not(target_os = "none"))]
    #[must_use]
    pub fn for_test(count: usize, of_client: usize) -> Sessions<R> {
        let outbox = Outbox::new(ipc_abi::interface::HostTable::of_thread());
        let gates = Box::new(gates::host::HostGates::default());
        Sessions::new(count, of_client, gates, outbox)
    }

    fn new(
        count: usize,
        of_client: usize,
        gates: Box<dyn Gates>,
        outbox: &'static Outbox,
    ) -> Sessions<R> {
        let places = core::iter::repeat_with(|| Place::Free).take(count);
        Sessions {
            places: places.collect(),
            gates,
            outbox,
            of_client,
            opened: 0,
        }
    }

    /// Opens a session of who calls, in which `object` answers `I`. The gate that comes back is for the client: return
    /// it. A session whose gate the client does not get is over. When it is over, `object` is dropped.
    ///
    /// # Errors
    ///
    /// `TooMany`, `TooManyOfClient`, `Refused`; then `object` is dropped.
    pub fn open<I, S>(&mut self, caller: Caller, object: S) -> Result<Granted<I>, SessionError>
    where
        I: Dispatch<S> + 'static,
        S: 'static,
    {
        self.admit::<I>(caller, Box::new(Plain::<I, S>::new(object)))
    }

    /// [`Sessions::open`] for objects whose methods need the server too: the interface's trait is implemented by what
    /// [`InRoot::view`] makes of both.
    ///
    /// # Errors
    ///
    /// Those of `open`.
    pub fn open_with_root<I, S>(
        &mut self,
        caller: Caller,
        object: S,
    ) -> Result<Granted<I>, SessionError>
    where
        I: for<'a> Dispatch<S::View<'a>> + 'static,
        S: InRoot<R> + 'static,
        R: 'static,
    {
        self.admit::<I>(caller, Box::new(Rooted::<I, S>::new(object)))
    }

    /// How many are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.holders().count()
    }

    /// How many of the client with this process number are open.
    #[must_use]
    pub fn count_of(&self, client: u8) -> usize {
        let holders = self.holders();
        holders.filter(|holder| holder.client == client).count()
    }

    /// Ends a session; whether it was open. One of its methods may do that.
    pub fn close(&mut self, id: SessionId) -> bool {
        self.remove(id).is_some()
    }

    /// Ends a session; what was there is the caller's to drop.
    fn remove(&mut self, id: SessionId) -> Option<Place<R>> {
        let place = self.places.get_mut(usize::from(id.number))?;
        place.holder().filter(|holder| holder.id == id)?;
        let ended = core::mem::replace(place, Place::Free);
        self.gates.destroy(id.number);
        Some(ended)
    }

    /// Ends all sessions of a client.
    pub(crate) fn close_all_of(&mut self, client: u8) {
        let holders = self.holders().filter(|holder| holder.client == client);
        let ids: Vec<SessionId> = holders.map(|holder| holder.id).collect();
        for id in ids {
            self.close(id);
        }
    }

    /// Ends the sessions whose gates did not reach their clients; what was there is the caller's to drop.
    fn sweep(&mut self) -> Vec<Place<R>> {
        let lost = core::iter::from_fn(|| self.outbox.take_lost());
        let ids: Vec<SessionId> = lost.collect();
        let ended = ids.into_iter().filter_map(|id| self.remove(id));
        ended.collect()
    }

    fn holders(&self) -> impl Iterator<Item = &Holder> {
        self.places.iter().filter_map(Place::holder)
    }

    fn admit<I: Interface>(
        &mut self,
        caller: Caller,
        object: Box<dyn Object<R>>,
    ) -> Result<Granted<I>, SessionError> {
        drop(self.sweep());
        let client = caller.client();
        if self.count_of(client) >= self.of_client {
            return Err(SessionError::TooManyOfClient);
        }
        let mut refusal = SessionError::TooMany;
        for number in 0..self.places.len() {
            let Some(Place::Free) = self.places.get(number) else {
                continue;
            };
            let number = u8::try_from(number).map_err(|_| SessionError::TooMany)?;
            let generation = self.opened;
            let id = SessionId { number, generation };
            match self
                .gates
                .make(number, Badge::of_session(client, id), rights_for::<I>())
            {
                Ok(handle) => {
                    self.opened += 1;
                    let holder = Holder { client, id };
                    self.put(id, Place::Open(holder, object));
                    return Ok(self.outbox.post(handle, id));
                }
                // The kernel still takes apart the gate that was there: another place will do.
                Err(Error::NotFree) => refusal = SessionError::Refused(Error::NotFree),
                Err(error) => return Err(SessionError::Refused(error)),
            }
        }
        Err(refusal)
    }

    /// Takes the object of a session out, to run one of its methods.
    fn begin(&mut self, badge: Badge) -> Option<(Holder, Box<dyn Object<R>>)> {
        let id = badge.session()?;
        let place = self.places.get_mut(usize::from(id.number))?;
        match core::mem::replace(place, Place::Free) {
            Place::Open(holder, object) if holder.id == id => {
                *place = Place::Running(holder);
                Some((holder, object))
            }
            other @ (Place::Free | Place::Open(..) | Place::Running(_)) => {
                *place = other;
                None
            }
        }
    }

    /// Puts the object back, unless the session ended meanwhile: then it is the caller's to drop.
    fn end(&mut self, holder: Holder, object: Box<dyn Object<R>>) -> Option<Box<dyn Object<R>>> {
        let place = self.places.get_mut(usize::from(holder.id.number));
        match place {
            Some(place @ Place::Running(_)) if place.holder() == Some(&holder) => {
                *place = Place::Open(holder, object);
                None
            }
            Some(_) | None => Some(object),
        }
    }

    fn put(&mut self, id: SessionId, filled: Place<R>) {
        if let Some(place) = self.places.get_mut(usize::from(id.number)) {
            *place = filled;
        }
    }
}

impl<R> Place<R> {
    const fn holder(&self) -> Option<&Holder> {
        match self {
            Place::Free => None,
            Place::Open(holder, _) | Place::Running(holder) => Some(holder),
        }
    }
}

impl<R> core::fmt::Debug for Sessions<R> {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (open, all) = (self.count(), self.places.len());
        write!(formatter, "Sessions({open} of {all})")
    }
}

/// What the gate of a session that speaks `I` allows: capabilities pass only if its methods have any.
fn rights_for<I: Interface>() -> Rights {
    let mut rights = Rights::SEND;
    if I::TAKES_CAPABILITIES {
        rights = rights.union(Rights::GRANT);
    }
    if I::BRINGS_CAPABILITIES {
        rights = rights.union(Rights::GRANT_REPLY);
    }
    rights
}

#[cfg(test)]
mod tests;
