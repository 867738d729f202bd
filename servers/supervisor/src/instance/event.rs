//! What a process hears of without asking: interrupts of its devices, and deaths of its clients.

use ipc_abi::boot::{FirstHandle, PAGE_BYTES};
use ipc_abi::capability::{Access, Rights};
use ipc_abi::manifest::{DEVICE_LINES_MAX, Device};
use ipc_abi::signal::client_died;
use ipc_abi::startup::{DeviceGrant, IrqGrant};

use super::{Builder, USE};
use crate::kernel::{Handle, Kernel, Object};
use crate::layout;
use crate::store::MakeError;

impl<K: Kernel> Builder<'_, K> {
    /// Makes what signals arrive at, if there can be any.
    pub(super) fn make_notification(&mut self) -> Result<Option<Handle>, MakeError> {
        if self.order.process.devices.is_empty() && self.order.clients.is_empty() {
            return Ok(None);
        }
        let notification = self.store.make(self.holdings, Object::Notification)?;
        self.startup.notification = Some(self.grant(notification, Rights::RECEIVE)?);
        Ok(Some(notification))
    }

    /// Makes the gates by which it will hear that a client died.
    pub(super) fn listen_for_deaths(&mut self, notification: Handle) -> Result<(), MakeError> {
        for client in self.order.clients {
            let object = Object::Gate {
                target: notification,
                badge: client_died(*client),
            };
            let gate = self.store.make(self.holdings, object)?;
            self.deaths.push((*client, gate));
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
