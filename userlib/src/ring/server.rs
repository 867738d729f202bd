//! The server's side: what `serve` does with rings.

use core::sync::atomic::{AtomicBool, Ordering};

use heapless::Vec;
use ipc_abi::interface::promise::{Desk, Ticket};
use ipc_abi::interface::ring::NoBuffer;
use ipc_abi::interface::{Caller, Dispatch, ProtocolError, Replier};
use ipc_abi::manifest::RINGS_MAX;
use ipc_abi::message::{Incoming, Message};
use ipc_abi::ring::{Completer, PeerMisbehavior, Wake};
use ipc_abi::startup::{RingGrant, RingSide};
use ipc_abi::tag::Tag;
use spin::mutex::SpinMutex;

use super::memory::{SharedWords, words_of};
use crate::heap::Yielding;
use crate::syscall;

/// How many requests of one ring are served before somebody else has his turn.
const TURN: u32 = 64;

/// The rings of this process.
pub(crate) static RINGS: Rings = Rings {
    state: SpinMutex::new(State::new()),
    is_any_left: AtomicBool::new(false),
};

/// The rings of a process.
pub(crate) struct Rings {
    state: SpinMutex<State, Yielding>,
    /// Whether a turn ended with something left.
    is_any_left: AtomicBool,
}

struct State {
    grants: Vec<RingGrant, RINGS_MAX>,
    open: Vec<OpenRing, RINGS_MAX>,
}

/// A ring that its client has opened.
struct OpenRing {
    /// The badge of the gate through which it was opened: who asks.
    badge: u64,
    /// The client's process.
    client: u8,
    /// The gate that signals the client.
    doorbell: u32,
    completer: Completer<SharedWords>,
}

impl State {
    const fn new() -> State {
        State {
            grants: Vec::new(),
            open: Vec::new(),
        }
    }

    fn close(&mut self, client: u8) {
        self.open.retain(|ring| ring.client != client);
    }
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
        let mut state = self.state.lock();
        state.grants = grants.iter().take(RINGS_MAX).cloned().collect();
    }

    /// The first grant for which `is_wanted`.
    pub(crate) fn grant(&self, is_wanted: impl Fn(&RingGrant) -> bool) -> Option<RingGrant> {
        let state = self.state.lock();
        state.grants.iter().find(|grant| is_wanted(grant)).cloned()
    }

    /// Opens the server's side of the ring with the caller of `request`.
    pub(crate) fn open(&self, request: &Incoming) -> Result<(), ProtocolError> {
        let client = Caller::of(request).client();
        let is_its = |grant: &RingGrant| grant.side == RingSide::Server && grant.peer == client;
        let grant = self.grant(is_its);
        let grant = grant.ok_or(ProtocolError::NoRing)?;
        let (memory, slots) = words_of(&grant).ok_or(ProtocolError::NoRing)?;
        let mut completer = Completer::new(memory, slots);
        completer.reset();
        // Its client has submitted nothing yet, so it may not be missed that this side waits to be rung.
        let _ = completer.sleep();
        let mut state = self.state.lock();
        state.close(client);
        let opened = state.open.push(OpenRing {
            badge: request.badge,
            client,
            doorbell: grant.doorbell,
            completer,
        });
        opened.map_err(|_| ProtocolError::NoRing)
    }

    /// The client died.
    pub(crate) fn close(&self, client: u8) {
        self.state.lock().close(client);
    }

    /// Whether the last turn left something.
    pub(crate) fn is_any_left(&self) -> bool {
        self.is_any_left.load(Ordering::Relaxed)
    }

    /// Lets `server` serve what is in the rings: a turn of each.
    pub(crate) fn serve<I: Dispatch<S>, S>(&self, server: &mut S) -> More {
        let mut more = More::No;
        for index in 0..RINGS_MAX {
            // Taken out, so that the server's methods may do anything meanwhile.
            let taken = {
                let mut state = self.state.lock();
                (index < state.open.len()).then(|| state.open.swap_remove(index))
            };
            let Some(mut ring) = taken else { break };
            let Ok(left) = ring.serve::<I, S>(server) else {
                continue;
            };
            if left == More::Yes {
                more = More::Yes;
            }
            let mut state = self.state.lock();
            // If it was opened anew meanwhile, by a call that the server received itself, that one counts.
            if state.open.iter().all(|other| other.client != ring.client) {
                let _ = state.open.push(ring);
                let last = state.open.len().saturating_sub(1);
                if index < last {
                    state.open.swap(index, last);
                }
            }
        }
        self.is_any_left.store(more == More::Yes, Ordering::Relaxed);
        more
    }
}

impl OpenRing {
    /// Serves a turn.
    fn serve<I: Dispatch<S>, S>(&mut self, server: &mut S) -> Result<More, PeerMisbehavior> {
        self.completer.wake();
        for _ in 0..TURN {
            let Some(request) = self.completer.take()? else {
                break;
            };
            let incoming = Incoming {
                tag: request.message.tag,
                badge: self.badge,
                words: request.message.words,
            };
            let replier = InRing {
                completer: &mut self.completer,
                token: request.token,
            };
            I::dispatch(server, incoming, &mut NoBuffer, replier);
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

/// Answers into a ring.
struct InRing<'a> {
    completer: &'a mut Completer<SharedWords>,
    token: u32,
}

impl Replier for InRing<'_> {
    type Next = ();

    #[inline(always)]
    fn reply(self, reply: Message, used_words: usize) {
        if reply.tag.into_raw() & Tag::SLOW_BITS == 0 {
            self.completer.complete(self.token, &reply, used_words);
        } else {
            let refusal = Message::empty(ProtocolError::NotInRing.into_raw());
            self.completer.complete(self.token, &refusal, 0);
        }
    }

    fn keep(&self) -> Result<(&'static dyn Desk, Ticket), ProtocolError> {
        Err(ProtocolError::NotInRing)
    }

    fn later(self) {
        let refusal = Message::empty(ProtocolError::NotInRing.into_raw());
        self.completer.complete(self.token, &refusal, 0);
    }
}
