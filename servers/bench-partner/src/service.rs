//! The typed service, and the way into the modes.

use ipc_abi::call::Place;
use ipc_abi::interface::Promise;
use ipc_abi::service::bench_partner::{Partner, mode};
use userlib::{Endpoint, syscall};

use crate::raw;

/// Two slots of the partner's table, for capabilities that come along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// The table.
    pub table: u32,
    /// The first of the slots.
    pub first: u32,
}

impl Slots {
    /// Empties the slot `first + index`, if something is in it.
    pub fn empty(self, index: u32) {
        let place = Place::new(self.table, self.first.saturating_add(index));
        // An empty slot is refused, and is what is wanted.
        let _ = syscall::capability_delete(place);
    }
}

/// The partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    endpoint: Endpoint,
    slots: Slots,
    turns: u64,
}

impl Server {
    /// Makes a partner that serves raw messages on `endpoint`, too.
    #[must_use]
    pub const fn new(endpoint: Endpoint, slots: Slots) -> Server {
        Server {
            endpoint,
            slots,
            turns: 0,
        }
    }
}

impl Partner for Server {
    fn add(&mut self, left: u64, right: u64) -> u64 {
        left.wrapping_add(right)
    }

    fn enter(&mut self, mode: u64, promise: Promise<u64>) {
        let Server {
            endpoint, slots, ..
        } = *self;
        if !(mode::EMPTY..=mode::WAKE).contains(&mode) {
            return promise.answer(0);
        }
        promise.answer(mode);
        match mode {
            mode::WORDS_4 => raw::serve_words::<32>(endpoint),
            mode::WORDS_16 => raw::serve_words::<128>(endpoint),
            mode::LONG => raw::serve_long(endpoint),
            mode::CAPABILITY => raw::serve_capability(endpoint, slots),
            mode::PING_PONG => raw::serve_ping_pong(endpoint, slots),
            mode::FAULT => raw::serve_faults(endpoint),
            mode::WAKE => raw::serve_wake(endpoint, slots),
            _ => raw::serve_empty(endpoint),
        }
    }

    fn take_turns(&mut self, count: u64, promise: Promise<u64>) {
        promise.answer(count);
        self.turns = 0;
        while self.turns < count && syscall::r#yield().is_ok() {
            self.turns = self.turns.saturating_add(1);
        }
    }

    fn turns_taken(&mut self) -> u64 {
        self.turns
    }

    fn do_nothing(&mut self) {}

    fn measure_text(&mut self, text: &str) -> u32 {
        let first = text.bytes().next().map_or(0, u32::from);
        u32::try_from(text.len()).unwrap_or(u32::MAX) | first << 8
    }
}
