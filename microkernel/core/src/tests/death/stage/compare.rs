//! Whether a machine is as it was, but for what legitimately differs.

use super::*;

/// What is not as before although nothing leaked: number of an object, words of it.
type Exception = (u64, core::ops::Range<usize>);

impl Stage {
    /// Which words of the snapshot must be the same in the end: kinds and entries of all frames, and
    /// what is in the kernel's frames but for the exceptions.
    pub(super) fn compared_words(&self) -> Vec<bool> {
        let mut compared = std::vec![true; self.baseline.len()];
        let first = crate::host::FIRST_FRAME;
        for frame in first..first + FRAMES {
            let kind = (&self.host.memory).kind(Frame(frame));
            if kind == FrameKind::Free as u8 || kind == FrameKind::User as u8 {
                let start = usize::try_from((frame - first) * 512).expect("small");
                compared[start..start + 512].fill(false);
            }
        }
        for (number, words) in self.exceptions() {
            let start = usize::try_from((number - first * UNITS_PER_FRAME) * 8).expect("small");
            compared[start + words.start..start + words.end].fill(false);
        }
        compared
    }

    /// What legitimately differs in the end.
    fn exceptions(&self) -> Vec<Exception> {
        let kernel = self.kernel();
        let home = self.home.thread.into_raw();
        let word = |word: usize| word..word + 1;
        let field = |field: crate::object::Field<Thread>| (home, word(field.word()));
        let memory: Number<Region> = self.number_of(MEMORY);
        let devices: Number<Region> = self.number_of(DEVICES);
        let own: Number<Context> = self.number_of(CONTEXT);
        let effects = core_state::EFFECTS.word();
        let mut exceptions = std::vec![
            // The next identity.
            (kernel.machine().into_raw(), word(0)),
            // Effects that were performed.
            (self.kernel().core().into_raw(), effects..effects + 64),
            // A hint: every frame above is free.
            (memory.into_raw(), word(region::HIGH.word())),
            (devices.into_raw(), word(region::HIGH.word())),
            // Dead while the context is current.
            (own.into_raw(), word(context::RUNNING.word())),
        ];
        // The timer and slices go on; wheels turn on.
        let core = self.kernel().core().into_raw();
        for running in [
            core_state::SLICE,
            core_state::SLICE_CONTEXT,
            core_state::ARMED,
            core_state::CALM,
            core_state::STARTED,
        ] {
            exceptions.push((core, word(running.word())));
        }
        let base = core_state::WHEEL_BASE.word();
        exceptions.push((core, base..base + 8));
        // The director's registers, and what is dead while it runs.
        exceptions.push((home, thread::X.word()..thread::X.word() + 31));
        for dead in [
            thread::NEXT,
            thread::PREV,
            thread::CONTEXT,
            thread::WINDOW,
            thread::PSTATE,
            thread::GATE,
            thread::GATE_NEXT,
            thread::GATE_PREV,
            thread::SENDING,
            thread::BADGE,
            thread::SENT_THROUGH,
            thread::BAND,
        ] {
            exceptions.push(field(dead));
        }
        exceptions
    }

    pub(super) fn compare(&self) {
        let after = self.host.memory.snapshot();
        let both = self.baseline.iter().zip(&after).zip(&self.compared);
        for (index, ((before, after), is_compared)) in both.enumerate() {
            assert!(
                !is_compared || before == after,
                "word {:#x} of the machine ({} of its object unit) was {before:#x}, is {after:#x}",
                index / 8 + 0x100_0000,
                index % 8
            );
        }
    }
}
