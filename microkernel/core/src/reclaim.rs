//! Reclaiming frames: whoever holds a region gets every frame of it back, whatever is in it.
//!
//! What is in a frame of slots, page tables, records or a pool is the table or the space that it was
//! given to: whoever gives a frame away this way can destroy what it gave it to.

use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;

use crate::create::unit_bit;
use crate::kernel::{Answer, Kernel};
use crate::memory::{Fields, Memory};
use crate::object::{Frame, FrameKind, ID_WORD, Region, UNITS_PER_FRAME, entry, user};

impl<M: Memory + Copy> Kernel<M> {
    /// `reclaim`: destroys whatever is in the frame, one object per call. What is in a frame of
    /// slots, page tables, records or a pool is the table or the space it was given to; what is in
    /// any frame of a large one is the large one.
    ///
    /// # Errors
    ///
    /// Those of the region's handle (right `WRITE`); `OutOfRange`; `Itself` for what the calling
    /// thread is or runs with; `Quarantined`; `Again` until the frame is free.
    pub fn reclaim(&self, region: u64, frame: u64) -> Answer {
        let region = self.find_seldom::<Region>(region, Rights::WRITE)?;
        let frame = Frame(frame);
        self.check_covers(region, frame)?;
        let head = self.head_of(frame);
        let kind = self.memory.kind(head);
        let is_unmade = kind == FrameKind::LargeHead as u8;
        if is_unmade || kind == FrameKind::Quarantined as u8 {
            if is_unmade {
                self.abandon_large(head);
            } else {
                self.release(head)?;
            }
            self.take_apart(Kind::Frame, head.0.wrapping_mul(UNITS_PER_FRAME));
        } else if let Some((kind, number)) = self.victim(head)? {
            if self.memory.interrupt_pending() {
                return Err(Error::Again);
            }
            self.kill(kind, number);
        }
        if self.memory.kind(frame) == FrameKind::Free as u8 {
            return Ok(0);
        }
        self.mark_pending();
        Err(Error::Again)
    }

    /// The next living object to destroy so that `frame` becomes free; none if it is free, or if
    /// all that is in it is being taken apart.
    fn victim(&self, frame: Frame) -> Result<Option<(Kind, u64)>, Error> {
        let byte = self.memory.kind(frame);
        if byte == FrameKind::Free as u8 {
            return Ok(None);
        }
        if let Some(kind) = Kind::from_raw(byte) {
            if kind == Kind::Frame {
                let is_dying = self.memory.entry(frame, entry::SPACE) & user::DYING != 0;
                let number = frame.0.wrapping_mul(UNITS_PER_FRAME);
                return Ok(if is_dying { None } else { Some((kind, number)) });
            }
            let number = self.victim_in_pool(frame, kind)?;
            return Ok((number != 0).then_some((kind, number)));
        }
        let kind = if byte == FrameKind::Slots as u8 {
            Kind::CapTable
        } else if byte >= FrameKind::PageTable as u8 && byte <= FrameKind::Pool as u8 {
            Kind::AddressSpace
        } else {
            return Err(Error::OutOfRange);
        };
        let owner = self.space_of(frame).into_raw();
        if owner == self.own_of(kind) {
            return Err(Error::Itself);
        }
        let is_dying = self.memory.load(owner, ID_WORD) == 0;
        Ok(if is_dying { None } else { Some((kind, owner)) })
    }

    /// The first living object in a pool frame; 0 if all are dying.
    #[inline(never)]
    fn victim_in_pool(&self, frame: Frame, kind: Kind) -> Answer {
        let own = self.own_of(kind);
        let used = self.memory.entry(frame, entry::ID);
        let first = frame.0.wrapping_mul(UNITS_PER_FRAME);
        let mut has_own = false;
        for unit in self.memory.at_most::<UNITS_PER_FRAME>(0..UNITS_PER_FRAME) {
            let number = first.wrapping_add(unit);
            let is_there = used & unit_bit(number) != 0 && self.memory.load(number, ID_WORD) != 0;
            if is_there && number != own {
                return Ok(number);
            }
            has_own |= is_there;
        }
        if has_own { Err(Error::Itself) } else { Ok(0) }
    }
}
