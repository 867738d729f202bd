//! The server's side: what `serve` does with rings.

use core::sync::atomic::{AtomicBool, Ordering};

use heapless::Vec;
use ipc_abi::interface::{Caller, Dispatch, ProtocolError, ring};
use ipc_abi::manifest::RINGS_MAX;
use ipc_abi::message::Incoming;
use ipc_abi::ring::{Completer, PeerMisbehavior, RingWords, Wake};
use ipc_abi::startup::{RingGrant, RingSide};

use super::memory::memory_of;
use crate::sync::Mutex;
use crate::syscall;

/// How many requests of one ring are served before somebody else has his turn.
const TURN: u64 = 64;

/// The rings of this process.
pub(crate) static RINGS: Rings = Rings {
    sides: Mutex::new(Vec::new()),
    is_any_left: AtomicBool::new(false),
};

/// The rings of a process.
pub(crate) struct Rings {
    sides: Mutex<Sides>,
    /// Whether a turn ended with something left.
    is_any_left: AtomicBool,
}

/// The sides of rings that a process has.
type Sides = Vec<Side, RINGS_MAX>;

/// A side of a ring.
struct Side {
    grant: RingGrant,
    /// What the server's side has, once its client has opened it.
    open: Option<OpenRing>,
}

/// A ring that its client has opened.
struct OpenRing {
    /// The badge of the gate through which it was opened: who asks.
    badge: u64,
    /// The gate that signals the client.
    doorbell: u32,
    completer: Completer<RingWords<'static>>,
}

/// Whether there is more to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum More {
    /// Every ring is empty, and its client knows that it must ring.
    No,
    /// Some are not.
    Yes,
}

impl Rings {
    /// Takes what the supervisor gave.
    pub(crate) fn take_grants(&self, grants: &[RingGrant]) {
        let sides = grants.iter().take(RINGS_MAX).map(|grant| Side {
            grant: grant.clone(),
            open: None,
        });
        *self.sides.lock() = sides.collect();
    }

    /// The first grant for which `is_wanted`.
    pub(crate) fn grant(&self, is_wanted: impl Fn(&RingGrant) -> bool) -> Option<RingGrant> {
        let sides = self.sides.lock();
        let mut grants = sides.iter().map(|side| &side.grant);
        grants.find(|grant| is_wanted(grant)).cloned()
    }

    /// Opens the server's side of the ring with the caller of `request`.
    pub(crate) fn open(&self, request: &Incoming) -> Result<(), ProtocolError> {
        let client = Caller::of(request).client();
        let mut sides = self.sides.lock();
        let mut served = sides.iter_mut().filter(|side| side.serves(client));
        let side = served.next().ok_or(ProtocolError::NoRing)?;
        let memory = memory_of(&side.grant).ok_or(ProtocolError::NoRing)?;
        let mut completer = Completer::new(memory);
        completer.reset();
        // Its client has submitted nothing yet, so it may not be missed that this side waits to be rung.
        let _ = completer.sleep();
        side.open = Some(OpenRing {
            badge: request.badge,
            doorbell: side.grant.doorbell,
            completer,
        });
        Ok(())
    }

    /// The client died.
    pub(crate) fn close(&self, client: u8) {
        let mut sides = self.sides.lock();
        let served = sides.iter_mut().filter(|side| side.serves(client));
        served.for_each(|side| side.open = None);
    }

    /// Whether the last turn left something.
    pub(crate) fn is_any_left(&self) -> bool {
        self.is_any_left.load(Ordering::Relaxed)
    }

    /// Lets `server` serve what is in the rings: a turn of each.
    pub(crate) fn serve<I: Dispatch<S>, S>(&self, server: &mut S) -> More {
        let mut more = More::No;
        for index in 0..RINGS_MAX {
            let taken = match self.sides.lock().get_mut(index) {
                Some(side) => side.open.take(),
                None => break,
            };
            let Some(mut ring) = taken else { continue };
            // Who breaks the rules has no ring any more.
            let Ok(left) = ring.serve::<I, S>(server, TURN) else {
                continue;
            };
            if left == More::Yes {
                more = More::Yes;
            }
            self.put_back(index, ring);
        }
        self.is_any_left.store(more == More::Yes, Ordering::Relaxed);
        more
    }

    /// Lets `server` serve all that is in the ring with the caller of `request`, who waits for that.
    pub(crate) fn serve_caller<I: Dispatch<S>, S>(
        &self,
        server: &mut S,
        request: &Incoming,
    ) -> Result<(), ProtocolError> {
        let client = Caller::of(request).client();
        let (index, mut ring) = self.take(client).ok_or(ProtocolError::NoRing)?;
        let slots = ring.completer.slots();
        // There is no more than the slots hold: it submits nothing while it waits. Else it breaks the rules.
        match ring.serve::<I, S>(server, slots) {
            Ok(More::No) => {
                self.put_back(index, ring);
                Ok(())
            }
            Ok(More::Yes) | Err(_) => Err(ProtocolError::NoRing),
        }
    }

    /// Takes the open ring with `client` out, so that the server's methods may do anything meanwhile.
    fn take(&self, client: u8) -> Option<(usize, OpenRing)> {
        let mut sides = self.sides.lock();
        let mut served = sides.iter_mut().enumerate();
        let (index, side) = served.find(|(_, side)| side.serves(client))?;
        Some((index, side.open.take()?))
    }

    /// Puts a ring back. If it was opened anew meanwhile, by a call that the server received itself, that one counts.
    fn put_back(&self, index: usize, ring: OpenRing) {
        if let Some(side) = self.sides.lock().get_mut(index) {
            side.open.get_or_insert(ring);
        }
    }
}

impl Side {
    /// Whether it is the server's side of the ring with `client`.
    fn serves(&self, client: u8) -> bool {
        self.grant.side == RingSide::Server && self.grant.peer == client
    }
}

impl OpenRing {
    /// Serves a turn of at most so many requests.
    #[inline(never)]
    fn serve<I: Dispatch<S>, S>(
        &mut self,
        server: &mut S,
        most: u64,
    ) -> Result<More, PeerMisbehavior> {
        self.completer.wake();
        let mut left = most;
        while left != 0 {
            let served = ring::serve::<I, S, _>(&mut self.completer, server, self.badge, left)?;
            if served == 0 {
                break;
            }
            left = left.saturating_sub(served);
        }
        if self.completer.publish() == Wake::Needed {
            // The client may have gone meanwhile.
            let _ = syscall::signal(self.doorbell);
        }
        if self.completer.sleep()? {
            Ok(More::No)
        } else {
            Ok(More::Yes)
        }
    }
}
