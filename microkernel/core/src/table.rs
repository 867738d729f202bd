//! Capability tables: copying, deleting and looking at what their slots hold; growing them.

use ipc_abi::capability::{Description, Kind, Rights};
use ipc_abi::error::Error;

use crate::capability::Capability;
use crate::kernel::{Answer, Kernel};
use crate::memory::{Fields, Memory};
use crate::object::{CapTable, Frame, Region, table};

impl<M: Memory + Copy> Kernel<M> {
    /// `capability_copy`.
    ///
    /// # Errors
    ///
    /// `BadHandle`, `Stale` for what is copied; those of [`Kernel::find_empty_slot`]; bits of
    /// `rights` that are none do not count.
    pub fn capability_copy(&self, handle: u64, destination: u64, rights: u64) -> Answer {
        let capability = self.capability_seldom(handle)?;
        if !self.is_live(capability) {
            return Err(Error::Stale);
        }
        let slot = self.find_empty_slot(destination)?;
        let [rights, ..] = rights.to_le_bytes();
        self.write_slot(slot, capability.with_rights(Rights::from_raw(rights)));
        Ok(0)
    }

    /// `capability_delete`.
    ///
    /// # Errors
    ///
    /// Those of the table's handle (right `WRITE`), `BadSlot`, `BadHandle` if the slot is empty.
    pub fn capability_delete(&self, place: u64) -> Answer {
        let slot = self.find_slot(place, Rights::WRITE)?;
        if self.read_slot(slot).is_empty() {
            return Err(Error::BadHandle);
        }
        self.write_slot(slot, Capability::EMPTY);
        Ok(0)
    }

    /// `capability_inspect`.
    ///
    /// # Errors
    ///
    /// Those of the table's handle (right `READ`), `BadSlot`.
    pub fn capability_inspect(&self, place: u64) -> Answer {
        let slot = self.find_slot(place, Rights::READ)?;
        let capability = self.read_slot(slot);
        Ok(match capability.kind() {
            None => Description::EMPTY.into_raw(),
            Some(kind) => self.describe(capability, kind).into_raw(),
        })
    }

    fn describe(&self, capability: Capability, kind: Kind) -> Description {
        Description::new(kind, capability.rights(), self.is_live(capability))
    }

    /// `table_extend`.
    ///
    /// # Errors
    ///
    /// Those of the handles of table and region (right `WRITE`); `OutOfRange`, `NotWhole`, `NotFree`
    /// for the frame; `Exhausted` if the table has [`table::CHUNKS_MAX`] chunks.
    pub fn table_extend(&self, table: u64, region: u64, frame: u64) -> Answer {
        let table = self.find_seldom::<CapTable>(table, Rights::WRITE)?;
        let region = self.find_seldom::<Region>(region, Rights::WRITE)?;
        self.check_whole(region, Frame(frame))?;
        if self.memory.get(table, table::CHUNKS) >= table::CHUNKS_MAX {
            return Err(Error::Exhausted);
        }
        self.add_chunk(region, table, Frame(frame));
        Ok(0)
    }
}
