//! The workbench: makes kernel objects from what the bench program was granted.
//!
//! Each object gets a frame and a slot of its own, in order; nothing is given back, because the
//! objects of all figures are made once and kept.

use ipc_abi::boot::OBJECTS_PER_FRAME;
use ipc_abi::call::{Place, SystemCall};
use ipc_abi::error::Error;
use ipc_abi::service::bench::{BenchError, Refusal};
use ipc_abi::startup::SlotRange;
use userlib::syscall;

/// Counts through a range of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    next: u64,
    end: u64,
}

impl Numbers {
    /// Makes a counter of `count` numbers from `first`.
    #[must_use]
    pub const fn new(first: u64, count: u64) -> Numbers {
        Numbers {
            next: first,
            end: first.saturating_add(count),
        }
    }
}

impl Iterator for Numbers {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let number = self.next;
        if number >= self.end {
            return None;
        }
        self.next = number.saturating_add(1);
        Some(number)
    }
}

/// Makes objects.
#[derive(Debug)]
pub struct Workbench {
    table: u32,
    region: u32,
    frames: Numbers,
    slots: Numbers,
}

impl Workbench {
    /// Sets up on the region with the handle `region`; new capabilities go into `slots` of `table`.
    ///
    /// # Errors
    ///
    /// `Refused`.
    pub fn new(table: u32, slots: SlotRange, region: u32) -> Result<Workbench, BenchError> {
        let description =
            syscall::region_inspect(region).map_err(refused(SystemCall::RegionInspect))?;
        // The region's own object lies in its first frame.
        let first = description.first_frame.saturating_add(1);
        let frames = Numbers::new(first, description.frames.saturating_sub(1));
        let slots = Numbers::new(u64::from(slots.first), u64::from(slots.count));
        Ok(Workbench {
            table,
            region,
            frames,
            slots,
        })
    }

    /// The handle of the capability table.
    #[must_use]
    pub const fn table(&self) -> u32 {
        self.table
    }

    /// The handle of the region.
    #[must_use]
    pub const fn region(&self) -> u32 {
        self.region
    }

    /// Takes a free frame; tells its number.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`.
    pub fn take_frame(&mut self) -> Result<u64, BenchError> {
        self.frames.next().ok_or(BenchError::OutOfMemory)
    }

    /// Takes a free slot; tells its number, which is the handle of what is put there.
    ///
    /// # Errors
    ///
    /// `OutOfSlots`.
    pub fn take_slot(&mut self) -> Result<u32, BenchError> {
        let slot = self.slots.next().ok_or(BenchError::OutOfSlots)?;
        u32::try_from(slot).map_err(|_| BenchError::OutOfSlots)
    }

    /// The place of a slot.
    #[must_use]
    pub const fn place(&self, slot: u32) -> Place {
        Place::new(self.table, slot)
    }

    /// Makes an object with `create`, a create call that takes region, object number and place;
    /// tells its handle.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`, `OutOfSlots`, `Refused`.
    pub fn create(
        &mut self,
        call: SystemCall,
        create: impl FnOnce(u32, u64, Place) -> Result<(), Error>,
    ) -> Result<u32, BenchError> {
        let object = self.take_frame()?.saturating_mul(OBJECTS_PER_FRAME);
        let slot = self.take_slot()?;
        create(self.region, object, self.place(slot)).map_err(refused(call))?;
        Ok(slot)
    }

    /// Makes a gate to `target`; tells its handle.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`, `OutOfSlots`, `Refused`.
    pub fn create_gate(&mut self, target: u32, badge: u64) -> Result<u32, BenchError> {
        self.create(SystemCall::CreateGate, |region, object, place| {
            syscall::create_gate(region, object, place, target, badge)
        })
    }

    /// Makes a notification and a gate that sets `bits` in it; tells both handles.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`, `OutOfSlots`, `Refused`.
    pub fn create_notification(&mut self, bits: u64) -> Result<Signalling, BenchError> {
        let notification =
            self.create(SystemCall::CreateNotification, syscall::create_notification)?;
        let gate = self.create_gate(notification, bits)?;
        Ok(Signalling { notification, gate })
    }
}

/// A notification and a gate to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signalling {
    /// The notification.
    pub notification: u32,
    /// A gate that sets bits in it.
    pub gate: u32,
}

/// Turns an error of `call` into one of the service.
pub fn refused(call: SystemCall) -> impl FnOnce(Error) -> BenchError {
    move |error| {
        let error = u16::try_from(error.into_raw()).unwrap_or(u16::MAX);
        BenchError::Refused(Refusal {
            call: call as u16,
            error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_handed_out_once_each() {
        let mut numbers = Numbers::new(5, 2);
        assert_eq!(
            (numbers.next(), numbers.next(), numbers.next()),
            (Some(5), Some(6), None)
        );
        assert_eq!(Numbers::new(5, 0).next(), None);
        assert_eq!(
            Numbers::new(u64::MAX, 7).next(),
            None,
            "nothing wraps around"
        );
    }

    #[test]
    fn a_refusal_names_call_and_error() {
        let error = refused(SystemCall::Map)(Error::NeedMemory);
        let refusal = Refusal {
            call: SystemCall::Map as u16,
            error: Error::NeedMemory as u16,
        };
        assert_eq!(error, BenchError::Refused(refusal));
    }
}
