//! How `core` reaches memory: one word at a time, by object number.
//!
//! [`Memory`] is one core's view. Its implementation in `aarch64` is the whole safety argument for
//! kernel memory; on the host it is an array.

use crate::object::{Entry, Field, Frame, Layout, Number, UNIT_WORDS, UNITS_PER_FRAME};

/// The words of kernel objects, the kinds of frames, and the frame table.
///
/// A caller reads and writes only objects that exist: found through a capability that
/// [`crate::capability`] checked, or through a stored link.
pub trait Memory {
    /// Reads word `word` of the object `number`.
    fn load(&self, number: u64, word: usize) -> u64;
    /// Writes word `word` of the object `number`.
    fn store(&self, number: u64, word: usize, value: u64);
    /// Reads the kind byte of a frame that the frame table describes.
    fn kind(&self, frame: Frame) -> u8;
    /// Writes the kind byte of a frame that the frame table describes.
    fn set_kind(&self, frame: Frame, kind: u8);
    /// Reads a word of a frame's table entry.
    fn entry_load(&self, frame: Frame, word: usize) -> u64;
    /// Writes a word of a frame's table entry.
    fn entry_store(&self, frame: Frame, word: usize, value: u64);
    /// Zeroes a frame of the kernel, at once. (What a user frame holds is none of `core`'s business:
    /// that is [`crate::kernel::Effect::ZeroFrame`].)
    fn zero(&self, frame: Frame) {
        let first = frame.0.wrapping_mul(UNITS_PER_FRAME);
        for unit in 0..UNITS_PER_FRAME {
            for word in 0..UNIT_WORDS {
                self.store(first.wrapping_add(unit), word, 0);
            }
        }
    }
    /// Copies `length` bytes (at most 4096) from one message buffer to another, which users of other
    /// cores may write meanwhile: never through a reference.
    fn copy_message(&self, from: Frame, to: Frame, length: u64);
    /// The number of this core's object.
    fn core(&self) -> u64;
    /// The time, in ticks of the counter that user code reads (`CNTVCT_EL0`).
    fn now(&self) -> u64;
    /// Reads word `word` (below 512) of a user frame of memory, which users may write meanwhile: never
    /// through a reference.
    fn load_user(&self, frame: Frame, word: u64) -> u64;
    /// Writes word `word` (below 512) of a user frame of memory, as above.
    fn store_user(&self, frame: Frame, word: u64, value: u64);
    /// Writes the floating-point registers, which are those of the thread `number` and not of the
    /// current one, to that thread.
    fn save_floating(&self, number: u64) {
        let _ = number;
    }
    /// Marks a round of a loop that has at most `BOUND` of them, for the analysis of the machine code;
    /// does nothing. Loops use [`Fields::at_most`].
    fn mark_round<const BOUND: u64>(&self) {}
    /// Marks a place in such a loop that is reached at most `BOUND` times each time that the loop is
    /// entered, with all others of its `NUMBER`; does nothing.
    fn mark_seldom<const NUMBER: u64, const BOUND: u64>(&self) {}
    /// Makes stores to page tables before this visible to the table walk before any store and any user
    /// instruction after it (`dsb ishst`). Every exit ends in `eret`, so no `isb` is needed.
    fn publish_tables(&self) {}
    /// The same value, of which the compiler knows nothing: a function that answers it is still the
    /// last thing that its callers do, and they need no stack for it.
    fn hide(&self, value: u64) -> u64 {
        value
    }
    /// Whether an interrupt waits to be taken: then a long call stops and is made again after it.
    fn interrupt_pending(&self) -> bool;
}

/// Typed access, for every [`Memory`].
pub trait Fields: Memory {
    /// Reads a field.
    fn get<O: Layout>(&self, object: Number<O>, field: Field<O>) -> u64 {
        self.load(object.into_raw(), field.word())
    }

    /// Writes a field.
    fn set<O: Layout>(&self, object: Number<O>, field: Field<O>, value: u64) {
        self.store(object.into_raw(), field.word(), value);
    }

    /// Reads a field that is a link and nothing else.
    fn link<O: Layout, T>(&self, object: Number<O>, field: Field<O>) -> Number<T> {
        Number::from_plain(self.get(object, field))
    }

    /// Reads a field that is a link with a reason or marks, which are dropped.
    fn marked_link<O: Layout, T>(&self, object: Number<O>, field: Field<O>) -> Number<T> {
        Number::from_raw(self.get(object, field))
    }

    /// Writes a field that is a link.
    fn set_link<O: Layout, T>(&self, object: Number<O>, field: Field<O>, target: Number<T>) {
        self.set(object, field, target.into_raw());
    }

    /// Reads a field of a frame's entry.
    fn entry(&self, frame: Frame, field: Field<Entry>) -> u64 {
        self.entry_load(frame, field.word())
    }

    /// Writes a field of a frame's entry.
    fn set_entry(&self, frame: Frame, field: Field<Entry>, value: u64) {
        self.entry_store(frame, field.word(), value);
    }

    /// The rounds of a loop, of which there are never more than `BOUND`: the bound with which the
    /// longest path of the machine code is computed.
    #[inline(always)]
    fn at_most<const BOUND: u64>(
        &self,
        rounds: impl IntoIterator<Item = u64>,
    ) -> impl Iterator<Item = u64> {
        Rounds::<_, _, BOUND> {
            memory: self,
            rounds: rounds.into_iter(),
            count: 0,
        }
    }
}

impl<M: Memory> Fields for M {}

/// See [`Fields::at_most`].
struct Rounds<'a, M: ?Sized, I, const BOUND: u64> {
    memory: &'a M,
    rounds: I,
    count: u64,
}

impl<M, I, const BOUND: u64> Iterator for Rounds<'_, M, I, BOUND>
where
    M: Memory + ?Sized,
    I: Iterator<Item = u64>,
{
    type Item = u64;

    #[inline(always)]
    fn next(&mut self) -> Option<u64> {
        let round = self.rounds.next()?;
        self.count = self.count.wrapping_add(1);
        debug_assert!(self.count <= BOUND, "more rounds than the loop's bound");
        self.memory.mark_round::<BOUND>();
        Some(round)
    }
}
