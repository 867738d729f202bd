//! Hogs, which use up all the time they get and note when, and sleepers.

use alloc::vec::Vec;

use ipc_abi::call::SystemCall;

use crate::failure::Fact;
use crate::raw;
use crate::world::{AREA, World};

/// Ticks between two looks at the counter from which on a hog did not run in between.
pub(crate) const GAP_TICKS: u64 = 64;
/// The most stretches that a hog notes.
pub const STRETCHES: u64 = 254;

impl World {
    /// Starts a hog whose page is mapped at `page`.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn start_hog(&mut self, thread: u64, page: u64) -> Fact {
        let code = AREA + raw::hog_offset();
        self.must(SystemCall::ThreadStart, &[thread, code, 0, page])
            .map(|_| ())
    }

    /// Starts a sleeper, which counts in the word at `count`, a multiple of 16, once it has slept.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn start_sleeper(&mut self, thread: u64, until: u64, count: u64) -> Fact {
        let code = AREA + raw::sleeper_offset();
        self.must(SystemCall::ThreadStart, &[thread, code, count, until])
            .map(|_| ())
    }

    /// When a hog ran, from and to, in ticks.
    #[must_use]
    pub fn stretches(&self, page: u64) -> Vec<(u64, u64)> {
        let count = raw::read_word(page);
        let word = |place: u64| raw::read_word(page + 8 * place);
        (1..=count)
            .map(|number| (word(2 * number), word(2 * number + 1)))
            .collect()
    }
}
