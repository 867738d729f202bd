//! The server's side of a ring.

use super::end::{End, Words};
use super::memory::{RingMemory, run};
use super::slot::{Completed, Place, Received};
use super::{CLIENT_SLEEPS, COMPLETED, PeerMisbehavior, SERVER_SLEEPS, SUBMITTED, Wake};

/// The server's side of a ring. It completes operations in the order in which they were submitted.
#[derive(Clone, Debug)]
pub struct Completer<M> {
    end: End<M, ServerWords>,
}

#[derive(Clone, Copy, Debug)]
struct ServerWords;

impl Words for ServerWords {
    const PUBLISHED: usize = COMPLETED;
    const SLEEPS: usize = SERVER_SLEEPS;
    const PEER_PUBLISHED: usize = SUBMITTED;
    const PEER_SLEEPS: usize = CLIENT_SLEEPS;
}

impl<M: RingMemory> Completer<M> {
    /// Takes a side of a ring whose words that count are zero: see [`Completer::reset`].
    #[must_use]
    pub const fn new(memory: M) -> Completer<M> {
        Completer {
            end: End::new(memory),
        }
    }

    /// Writes zero to the words that this side counts in, when the other side has done so.
    pub fn reset(&mut self) {
        self.end.reset();
    }

    /// How many slots a queue has. So many requests there can be that were not taken: all that were are completed.
    #[inline(always)]
    #[must_use]
    pub fn slots(&self) -> u64 {
        self.end.memory.submissions().len() as u64
    }

    /// Lets `answer` complete requests that are there, at most so many, up to the end of the queue; tells how many
    /// it were: none only if none is there. A token that no ring has is given back as it came, for its client to
    /// wonder about.
    ///
    /// # Errors
    ///
    /// `TooMany`: the client has more operations under way than there are slots.
    #[inline(always)]
    pub fn serve(
        &mut self,
        most: u64,
        mut answer: impl FnMut(Received<'_, M::Word>, Place<'_, M::Word>) -> Completed,
    ) -> Result<u64, PeerMisbehavior> {
        let possible = self.slots();
        let there = self.end.look(possible)?.min(most);
        let asked = run(self.end.memory.submissions(), self.end.taken, there);
        let places = run(self.end.memory.completions(), self.end.taken, there);
        for (asked, slot) in asked.iter().zip(places) {
            let (token, request) = Received::read(asked);
            let Completed { .. } = answer(request, Place { token, slot });
        }
        let count = asked.len() as u64;
        self.end.taken = self.end.taken.wrapping_add(count);
        self.end.written = self.end.taken;
        Ok(count)
    }

    /// Lets the client see what was completed; tells whether it must be signalled.
    #[inline(always)]
    pub fn publish(&mut self) -> Wake {
        self.end.publish()
    }

    /// Says that this side sleeps until it is signalled; whether it may: not if there is a request.
    ///
    /// # Errors
    ///
    /// `TooMany`.
    pub fn sleep(&mut self) -> Result<bool, PeerMisbehavior> {
        let possible = self.slots();
        self.end.sleep(possible)
    }

    /// Says that this side does not sleep any more.
    pub fn wake(&mut self) {
        self.end.wake();
    }
}
