//! Regions and allowances.

use ipc_abi::capability::Kind;

use super::{Checked, Tallies, Violation, ensure};
use crate::kernel::Kernel;
use crate::memory::{Fields, Memory};
use crate::object::{
    Allowance, Field, Frame, FrameKind, Irq, Machine, Number, Region, Space, UNITS_PER_FRAME,
    allowance, entry, irq, machine, region, sort, space,
};

impl<M: Memory + Copy> Kernel<M> {
    pub(super) fn check_region(&self, region: Number<Region>) -> Checked {
        let at = region.into_raw();
        let base = self.memory.get(region, region::BASE);
        let limit = self.memory.get(region, region::LIMIT);
        let high = self.memory.get(region, region::HIGH);
        let end = self.end_of(region);
        let is_ordered = base <= high && high <= limit && limit <= end;
        ensure(is_ordered, "BASE <= HIGH <= LIMIT <= end of a region", at)?;
        for frame in high..limit {
            let kind = self.memory.kind(Frame(frame));
            ensure(
                kind == FrameKind::Free as u8,
                "frames above HIGH are free",
                frame,
            )?;
        }
        let is_memory = self.memory.get(region, region::DEVICE) == 0;
        ensure(
            !is_memory || region.into_raw() == base.wrapping_mul(UNITS_PER_FRAME),
            "a region lies in the first frame of its own range",
            at,
        )
    }

    /// Own parts do not overlap: no frame is in two of them.
    pub(super) fn check_regions(&self, frames: impl Iterator<Item = Frame> + Clone) -> Checked {
        let regions = frames.filter(|&frame| self.memory.kind(frame) == Kind::Region as u8);
        for frame in regions.clone() {
            for other in regions.clone() {
                let (a, b) = (self.own_part(frame), self.own_part(other));
                let is_apart = frame == other || a.1 <= b.0 || b.1 <= a.0;
                ensure(is_apart, "own parts of regions do not overlap", frame.0)?;
            }
        }
        Ok(())
    }

    fn own_part(&self, frame: Frame) -> (u64, u64) {
        let region: Number<Region> = crate::create::frame_number(frame);
        (
            self.memory.get(region, region::BASE),
            self.memory.get(region, region::LIMIT),
        )
    }

    pub(super) fn check_allowance(
        &self,
        allowance: Number<Allowance>,
        tallies: &mut Tallies,
    ) -> Checked {
        let at = allowance.into_raw();
        let first = self.memory.get(allowance, allowance::FIRST);
        let limit = self.memory.get(allowance, allowance::LIMIT);
        let begins = match self.memory.get(allowance, allowance::SORT) {
            sort::TIME => return self.check_time_allowance(allowance, tallies),
            sort::IRQ => machine::IRQ_FIRST,
            sort::ASID => machine::ASID_FIRST,
            _ => return ensure(false, "an allowance has a sort", at),
        };
        let count = self.memory.get(allowance, allowance::COUNT);
        let is_ordered = first <= limit && limit <= first.wrapping_add(count);
        ensure(is_ordered, "FIRST <= LIMIT <= end of an allowance", at)?;
        let named: Number<Allowance> = self.memory.link(self.machine(), begins.at(first));
        let is_alive = self.memory.get(allowance, allowance::ID) != 0;
        // One that dies gives its numbers back at once.
        ensure(
            (named == allowance) == is_alive,
            "the machine knows where an allowance begins",
            at,
        )
    }

    /// The machine's tables of numbers.
    pub(super) fn check_numbers(&self) -> Checked {
        for word in 0..machine::LINES / 64 {
            let (mut lines, mut asids) = (0, 0);
            for bit in 0..64 {
                let number = word.wrapping_mul(64).wrapping_add(bit);
                lines |= u64::from(self.check_line(number)?) << bit;
                asids |= u64::from(self.check_asid(number)?) << bit;
                self.check_first(machine::IRQ_FIRST, number)?;
                self.check_first(machine::ASID_FIRST, number)?;
            }
            self.check_used(machine::LINES_USED, word, lines)?;
            self.check_used(machine::ASIDS_USED, word, asids)?;
        }
        Ok(())
    }

    /// Whether an interrupt line is used.
    fn check_line(&self, number: u64) -> Result<bool, Violation> {
        let irq: Number<Irq> = self.user_of(machine::IRQS, number);
        if irq.is_none() {
            return Ok(false);
        }
        let is_irq = self.is_object(irq.into_raw(), Kind::Irq);
        ensure(is_irq, "an interrupt line is used by an interrupt", number)?;
        let line = self.memory.get(irq, irq::LINE);
        ensure(line == number, "an interrupt knows its line", number)?;
        Ok(true)
    }

    /// Whether an ASID is used.
    fn check_asid(&self, number: u64) -> Result<bool, Violation> {
        let space: Number<Space> = self.user_of(machine::ASIDS, number);
        if space.is_none() {
            return Ok(false);
        }
        let is_space = self.is_object(space.into_raw(), Kind::AddressSpace);
        ensure(is_space, "an ASID is used by a space", number)?;
        let asid = self.memory.get(space, space::ASID);
        ensure(asid == number, "a space knows its ASID", number)?;
        Ok(true)
    }

    fn user_of<O>(&self, users: Field<Machine>, number: u64) -> Number<O> {
        self.memory.link(self.machine(), users.at(number))
    }

    /// A word of a bitmap, which must be `used`.
    fn check_used(&self, bitmap: Field<Machine>, word: u64, used: u64) -> Checked {
        let wrong = self.memory.get(self.machine(), bitmap.at(word)) ^ used;
        let first = word
            .wrapping_mul(64)
            .wrapping_add(u64::from(wrong.trailing_zeros()));
        ensure(wrong == 0, "the bitmap says which numbers are used", first)
    }

    fn check_first(&self, begins: Field<Machine>, number: u64) -> Checked {
        let allowance: Number<Allowance> = self.user_of(begins, number);
        if allowance.is_none() {
            return Ok(());
        }
        let frame = allowance.frame();
        let is_allowance = self.memory.kind(frame) == Kind::Allowance as u8
            && self.memory.entry(frame, entry::ID) & crate::create::unit_bit(allowance.into_raw())
                != 0;
        ensure(
            is_allowance,
            "what begins at a number is an allowance",
            number,
        )?;
        let first = self.memory.get(allowance, allowance::FIRST);
        ensure(
            first == number,
            "an allowance begins where the machine says",
            number,
        )
    }
}
