//! What each token is: free, under way, or ended and not yet given back.

use super::SLOTS_MAX;

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing: an operation can have it.
    Free,
    /// Nothing, and no operation can have it any more.
    Closed,
    /// An operation that was submitted.
    UnderWay,
    /// An operation whose completion was taken, and kept.
    Ended,
}

/// The tokens below the number of slots.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    states: [State; SLOTS_MAX as usize],
    /// What a token becomes that is given back.
    unused: State,
}

impl Tokens {
    /// The first `count` are free, and there are no others.
    pub(super) fn new(count: usize) -> Tokens {
        let mut states = [State::Closed; SLOTS_MAX as usize];
        states
            .iter_mut()
            .take(count)
            .for_each(|state| *state = State::Free);
        Tokens {
            states,
            unused: State::Free,
        }
    }

    /// Takes `wanted`, or another if that is not free: it is under way.
    #[inline(always)]
    pub(super) fn take(&mut self, wanted: u32) -> Option<u32> {
        if self.change(wanted, State::Free, State::UnderWay) {
            Some(wanted)
        } else {
            self.take_any()
        }
    }

    #[cold]
    fn take_any(&mut self) -> Option<u32> {
        let mut states = (0..).zip(&mut self.states);
        let (token, state) = states.find(|(_, state)| **state == State::Free)?;
        *state = State::UnderWay;
        Some(token)
    }

    /// No operation can have one any more.
    pub(super) fn close(&mut self) {
        self.unused = State::Closed;
        for state in &mut self.states {
            if *state == State::Free {
                *state = State::Closed;
            }
        }
    }

    /// Whether [`Tokens::close`] was called.
    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.unused, State::Closed)
    }

    /// Ends what a token stands for, and keeps it; whether it was under way.
    pub(super) fn end(&mut self, token: u32) -> bool {
        self.change(token, State::UnderWay, State::Ended)
    }

    /// Ends what a token stands for, and gives it back; whether it was under way. Not when the tokens are closed.
    #[inline(always)]
    pub(super) fn end_and_give_back(&mut self, token: u32) -> bool {
        self.change(token, State::UnderWay, State::Free)
    }

    /// Gives back a token that ended; whether it had.
    pub(super) fn give_back(&mut self, token: u32) -> bool {
        self.change(token, State::Ended, self.unused)
    }

    #[inline(always)]
    fn change(&mut self, token: u32, from: State, to: State) -> bool {
        match self.states.get_mut(token as usize) {
            Some(state) if *state == from => {
                *state = to;
                true
            }
            Some(_) | None => false,
        }
    }
}
