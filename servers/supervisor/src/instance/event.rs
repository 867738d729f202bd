//! What a process hears of without asking: interrupts of its devices, and what comes in its rings.

use ipc_abi::boot::{FirstHandle, PAGE_BYTES};
use ipc_abi::capability::{Access, Rights};
use ipc_abi::manifest::{DEVICE_LINES_MAX, Device};
use ipc_abi::startup::{DeviceGrant, IrqGrant, RingGrant, RingSide};

use super::{Builder, USE};
use crate::kernel::{Handle, Kernel, Object};
use crate::layout;
use crate::store::MakeError;

impl<K: Kernel> Builder<'_, K> {
    /// Gives it where its signals arrive, if any can. Those that came for its last life are nobody's.
    pub(super) fn give_notification(&mut self) -> Result<Option<Handle>, MakeError> {
        let number = usize::from(self.order.number);
        let Some(notification) = self.order.links.notification(number) else {
            return Ok(None);
        };
        self.store.kernel.drop_signals(notification)?;
        self.startup.notification = Some(self.grant(notification, Rights::RECEIVE)?);
        Ok(Some(notification))
    }

    /// Maps its sides of rings, and gives it the gates that signal its peers.
    pub(super) fn give_rings(&mut self) -> Result<(), MakeError> {
        let links = self.order.links;
        let mut address = layout::RINGS;
        let bell = match links.bell(usize::from(self.order.number)) {
            None => None,
            Some(bell) => {
                self.store.kernel.drop_signals(bell)?;
                Some(self.grant(bell, Rights::RECEIVE)?)
            }
        };
        for (ring, side) in links.rings(self.order.number) {
            for (page, frame) in (0..).zip(&ring.frames) {
                let page = address + page * PAGE_BYTES;
                self.map(*frame, page, Access::READ_WRITE)?;
            }
            let (name, doorbell) = ring.bell(side);
            let doorbell = self.grant(doorbell, Rights::SIGNAL)?;
            let slots = u16::try_from(ring.slots.count()).map_err(|_| MakeError::TooMuch)?;
            let grant = RingGrant {
                name,
                side,
                peer: ring.peer(side),
                slots,
                address,
                doorbell,
                bell: if side == RingSide::Client { bell } else { None },
            };
            let pushed = self.startup.rings.push(grant);
            pushed.map_err(|_| MakeError::TooMuch)?;
            address += layout::RING_STRIDE;
        }
        Ok(())
    }

    /// Maps the devices and makes their interrupts signals.
    pub(super) fn give_devices(&mut self, notification: Handle) -> Result<(), MakeError> {
        let mut address = layout::DEVICES;
        let mut line = 0;
        for device in &self.order.process.devices {
            let irqs = self.give_lines(device, notification, &mut line)?;
            for page in 0..u64::from(device.pages) {
                let registers = device.address + page * PAGE_BYTES;
                let slot = self.store.make_device(self.holdings, registers)?;
                self.map(slot, address + page * PAGE_BYTES, Access::READ_WRITE)?;
                self.store.drop_slot(self.holdings, slot)?;
            }
            let bytes = u64::from(device.pages) * PAGE_BYTES;
            let grant = DeviceGrant {
                name: device.name.clone(),
                address,
                bytes,
                irqs,
            };
            self.startup
                .devices
                .push(grant)
                .map_err(|_| MakeError::TooMuch)?;
            address += bytes + PAGE_BYTES;
        }
        Ok(())
    }

    fn give_lines(
        &mut self,
        device: &Device,
        notification: Handle,
        next_line: &mut u32,
    ) -> Result<heapless::Vec<IrqGrant, DEVICE_LINES_MAX>, MakeError> {
        let mut irqs = heapless::Vec::new();
        for line in &device.lines {
            let object = Object::Irq {
                lines: FirstHandle::Irqs as Handle,
                line: *line,
            };
            let irq = self.store.make(self.holdings, object)?;
            let bits = 1_u64.checked_shl(*next_line).ok_or(MakeError::TooMuch)?;
            *next_line += 1;
            self.store.kernel.bind_irq(irq, notification, bits)?;
            let handle = self.grant(irq, USE)?;
            self.store.drop_slot(self.holdings, irq)?;
            irqs.push(IrqGrant { handle, bits })
                .map_err(|_| MakeError::TooMuch)?;
        }
        Ok(irqs)
    }
}
