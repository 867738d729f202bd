//! Regions and allowances.

use ipc_abi::capability::Kind;

use super::{Checked, Tallies, Violation, ensure};
use crate::kernel::Kernel;
use crate::memory::{Fields, Memory};
use crate::object::{
    Allowance, Field, Frame, FrameKind, Irq, Layout, Machine, Number, Region, Space,
    UNITS_PER_FRAME, allowance, entry, irq, machine, region, sort, space,
};

/// What uses an interrupt line, and where it knows it.
const LINE: (Kind, Field<Irq>) = (Kind::Irq, irq::LINE);
const LINE_RULES: [&str; 2] = [
    "an interrupt line is used by an interrupt",
    "an interrupt knows its line",
];
/// What uses an ASID, and where it knows it.
const ASID: (Kind, Field<Space>) = (Kind::AddressSpace, space::ASID);
const ASID_RULES: [&str; 2] = ["an ASID is used by a space", "a space knows its ASID"];

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
                let line = self.check_user(machine::IRQS, number, LINE, LINE_RULES)?;
                let asid = self.check_user(machine::ASIDS, number, ASID, ASID_RULES)?;
                lines |= u64::from(line) << bit;
                asids |= u64::from(asid) << bit;
                self.check_first(machine::IRQ_FIRST, number)?;
                self.check_first(machine::ASID_FIRST, number)?;
            }
            self.check_used(machine::LINES_USED, word, lines)?;
            self.check_used(machine::ASIDS_USED, word, asids)?;
        }
        Ok(())
    }

    /// Whether a number is used, by an object of the kind that knows it.
    fn check_user<O: Layout>(
        &self,
        users: Field<Machine>,
        number: u64,
        (kind, known): (Kind, Field<O>),
        [is_kind, knows]: [&'static str; 2],
    ) -> Result<bool, Violation> {
        let user: Number<O> = self.user_of(users, number);
        if user.is_none() {
            return Ok(false);
        }
        ensure(self.is_object(user.into_raw(), kind), is_kind, number)?;
        ensure(self.memory.get(user, known) == number, knows, number)?;
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
