//! Frames of 2 MiB and what makes them up, devices and what they were given.

use super::{Checked, ensure};
use crate::kernel::Kernel;
use crate::large::{LARGE_FRAMES, LARGE_STEP};
use crate::memory::{Fields, Memory};
use crate::object::{Frame, FrameKind, entry, user};

impl<M: Memory + Copy> Kernel<M> {
    /// The bits of a user frame that exclude one another.
    pub(super) fn check_user_bits(&self, frame: Frame, bits: u64) -> Checked {
        let has = |bit| bits & bit != 0;
        let is_given = has(user::GIVEN);
        ensure(
            !is_given || !has(user::DEVICE) && !has(user::CODE),
            "what was given to a device is data",
            frame.0,
        )?;
        ensure(
            bits & user::STEPS == 0 || has(user::LARGE) && !has(user::CODE),
            "only a large frame becomes code in steps",
            frame.0,
        )?;
        ensure(
            bits & user::STEPS == 0 || !self.is_mapped(frame) && !is_given,
            "what becomes code is not mapped",
            frame.0,
        )?;
        if has(user::LARGE) {
            ensure(!has(user::DEVICE), "a large frame is memory", frame.0)?;
            self.check_tails(frame)?;
        }
        Ok(())
    }

    /// How many of its frames a head has.
    fn frames_of(&self, head: Frame) -> u64 {
        let kind = self.memory.kind(head);
        let bits = self.memory.entry(head, entry::SPACE);
        let count = self.memory.entry(head, entry::ADDRESS);
        if kind == FrameKind::LargeHead as u8 {
            return count;
        }
        let is_user = kind == FrameKind::User as u8;
        if bits & user::LARGE == 0 || !is_user && kind != FrameKind::Quarantined as u8 {
            return 0;
        }
        let frees_tails =
            is_user && bits & user::DYING != 0 && bits & user::GIVEN == 0 && !self.is_mapped(head);
        if frees_tails {
            LARGE_FRAMES.wrapping_sub(count)
        } else {
            LARGE_FRAMES
        }
    }

    fn check_tails(&self, head: Frame) -> Checked {
        ensure(
            head.0 & (LARGE_FRAMES - 1) == 0,
            "a large frame is aligned",
            head.0,
        )?;
        for index in 1..self.frames_of(head) {
            let tail = Frame(head.0.wrapping_add(index));
            let is_tail = self.memory.kind(tail) == FrameKind::LargeTail as u8;
            ensure(is_tail, "a large frame has its tails", tail.0)?;
        }
        Ok(())
    }

    /// A frame that is in a large one and not its first.
    pub(super) fn check_tail(&self, frame: Frame) -> Checked {
        let head = self.head_of(frame);
        let index = frame.0.wrapping_sub(head.0);
        ensure(
            index < self.frames_of(head),
            "a tail is of a large frame",
            frame.0,
        )?;
        self.check_free_frame(frame)
    }

    /// The first of a large frame that is being made.
    pub(super) fn check_unmade(&self, head: Frame) -> Checked {
        let taken = self.memory.entry(head, entry::ADDRESS);
        ensure(
            taken != 0 && taken < LARGE_FRAMES && taken.is_multiple_of(LARGE_STEP),
            "what is being made has some of its frames",
            head.0,
        )?;
        for field in [entry::ID, entry::SPACE, entry::RECORDS] {
            let word = self.memory.entry(head, field);
            ensure(word == 0, "what is being made is nothing yet", head.0)?;
        }
        self.check_tails(head)
    }

    /// A frame in quarantine.
    pub(super) fn check_quarantined(&self, frame: Frame) -> Checked {
        let bits = self.memory.entry(frame, entry::SPACE);
        ensure(
            bits & !user::LARGE == 0,
            "what is in quarantine is not mapped",
            frame.0,
        )?;
        let page = self.memory.entry(frame, entry::ADDRESS) & crate::frame::PAGE_BITS;
        ensure(
            page == 0 && self.device_of(frame).0 != 0,
            "what is in quarantine names its device",
            frame.0,
        )?;
        if bits & user::LARGE != 0 {
            self.check_tails(frame)?;
        }
        Ok(())
    }
}
