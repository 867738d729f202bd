//! Interrupts become signals. A line that came does not come again until its holder acknowledges it.

use ipc_abi::call::{PlatformCount, PlatformOperation};
use ipc_abi::capability::Rights;
use ipc_abi::error::Error;

use crate::kernel::{Answer, Effect, Kernel};
use crate::list::List;
use crate::memory::{Fields, Memory};
use crate::object::{Irq, Notification, Number, Platform, core_state, irq, machine, notification};

/// Interrupts delivered to a notification.
pub(crate) const IRQS: List<Notification, Irq> = List {
    head: notification::IRQS,
    next: irq::NEXT,
    prev: irq::PREV,
};

impl<M: Memory + Copy> Kernel<M> {
    /// `irq_bind`: the line may come from now on.
    ///
    /// # Errors
    ///
    /// Those of the handles (interrupt: right `WRITE`; notification: right `MAKE_GATE`), `InUse` if
    /// it is bound, `BadArgument` if `bits` is 0.
    pub fn irq_bind(&self, handle: u64, notification: u64, bits: u64) -> Answer {
        let irq = self.find_seldom::<Irq>(handle, Rights::WRITE)?;
        let target = self.find_seldom::<Notification>(notification, Rights::MAKE_GATE)?;
        if bits == 0 {
            return Err(Error::BadArgument);
        }
        if self.memory.get(irq, irq::NOTIFICATION) != 0 {
            return Err(Error::InUse);
        }
        self.memory.set_link(irq, irq::NOTIFICATION, target);
        self.memory.set(irq, irq::BITS, bits);
        self.memory.set(irq, irq::PENDING, 0);
        self.push(&IRQS, target, irq);
        self.leave(Effect::UnmaskLine {
            line: self.memory.get(irq, irq::LINE),
        });
        Ok(0)
    }

    /// `irq_acknowledge`.
    ///
    /// # Errors
    ///
    /// Those of the handle (right `WRITE`).
    pub fn irq_acknowledge(&self, handle: u64) -> Answer {
        let irq = self.find_seldom::<Irq>(handle, Rights::WRITE)?;
        if self.memory.get(irq, irq::PENDING) != 0 {
            self.memory.set(irq, irq::PENDING, 0);
            self.leave(Effect::EndLine {
                line: self.memory.get(irq, irq::LINE),
            });
        }
        Ok(0)
    }

    /// The interrupt `line` came, and cannot come again before it is acknowledged: signals its holder.
    #[inline]
    pub fn interrupt(&self, line: u64) {
        let line = line % machine::LINES;
        let irq: Number<Irq> = self.memory.link(self.machine(), machine::IRQS.at(line));
        if irq.is_none() {
            self.refuse_interrupt(line);
            return;
        }
        let target: Number<Notification> = self.memory.link(irq, irq::NOTIFICATION);
        if target.is_none() {
            self.refuse_interrupt(line);
            return;
        }
        self.memory.set(irq, irq::PENDING, 1);
        self.raise_first(self.current(), target, self.memory.get(irq, irq::BITS));
    }

    /// A line came that nobody wants: it is masked.
    #[cold]
    #[inline(never)]
    fn refuse_interrupt(&self, line: u64) {
        self.leave(Effect::MaskLine { line });
        self.leave(Effect::EndLine { line });
    }

    /// An interrupt that is being destroyed is delivered no more.
    pub(crate) fn detach_irq(&self, irq: Number<Irq>) {
        let target: Number<Notification> = self.memory.link(irq, irq::NOTIFICATION);
        if !target.is_none() {
            self.remove(&IRQS, target, irq);
            let line = self.memory.get(irq, irq::LINE);
            self.memory.set(irq, irq::NOTIFICATION, 0);
            self.leave(Effect::MaskLine { line });
            if self.memory.get(irq, irq::PENDING) != 0 {
                self.memory.set(irq, irq::PENDING, 0);
                self.leave(Effect::EndLine { line });
            }
        }
    }

    /// `platform_inspect`.
    ///
    /// # Errors
    ///
    /// Those of the handle (right `READ`), `BadArgument` for an unknown count.
    pub fn platform_inspect(&self, handle: u64, count: u64) -> Answer {
        self.find_seldom::<Platform>(handle, Rights::READ)?;
        if count == PlatformCount::Unhelped as u64 {
            Ok(self.memory.get(self.core(), core_state::UNHELPED))
        } else {
            Err(Error::BadArgument)
        }
    }

    /// `platform_control`.
    ///
    /// # Errors
    ///
    /// Those of the handle (right `WRITE`), `BadArgument` for an unknown operation.
    pub fn platform_control(&self, handle: u64, operation: u64) -> Answer {
        self.find_seldom::<Platform>(handle, Rights::WRITE)?;
        if operation == PlatformOperation::PowerOff as u64 {
            self.leave(Effect::PowerOff);
        } else if operation == PlatformOperation::Reset as u64 {
            self.leave(Effect::Reset);
        } else {
            return Err(Error::BadArgument);
        }
        Ok(0)
    }
}
