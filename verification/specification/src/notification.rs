//! Notifications: bits that somebody sets and somebody else takes, all at once.
//!
//! Interrupts set bits, too: one that came does so no more until it is acknowledged.

use ipc_abi::call::{PlatformCount, PlatformOperation};
use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;
use ipc_abi::tag::Tag;

use crate::capability::Answer;
use crate::state::{GateLink, Number, State, Target, Wait};

impl State {
    /// `signal`.
    pub(crate) fn signal(&mut self, handle: u64) -> Answer {
        let gate = self.gates[&self.find(handle, Kind::Gate, Rights::SIGNAL)?];
        match gate.target {
            Target::Notification(target) => self.raise(target, gate.badge),
            Target::Endpoint(_) | Target::Nowhere => return Err(Error::Died),
        }
        Ok(0)
    }

    /// Signals through a gate that may be gone.
    pub(crate) fn signal_through(&mut self, link: Option<GateLink>) {
        let Some((number, id)) = link else { return };
        let Some(gate) = self.gates.get(&number).filter(|it| it.id == Some(id)) else {
            return;
        };
        if let (Target::Notification(target), badge) = (gate.target, gate.badge) {
            self.raise(target, badge);
        }
    }

    /// Sets bits. Who waits for the notification, or receives and is bound to it, gets all that are set
    /// and can run.
    pub(crate) fn raise(&mut self, target: Number, bits: u64) {
        let bits = self.notifications[&target].bits | bits;
        self.set_bits(target, bits);
        if bits == 0 {
            return;
        }
        if let Some(waiter) = self.waiter_for(target) {
            self.set_bits(target, 0);
            self.deliver_signal(waiter, bits);
            self.resume_on(waiter, self.threads[&waiter].context);
            self.preempt();
        } else if let Some(bound) = self.bound_to(target) {
            let Wait::Receive(endpoint) = self.threads[&bound].wait else {
                return;
            };
            self.set_bits(target, 0);
            self.endpoint(endpoint).servers.retain(|it| *it != bound);
            self.deliver_signal(bound, bits);
            let own = self.own_at_rest(bound);
            self.resume_on(bound, own);
            self.preempt();
        }
    }

    fn set_bits(&mut self, target: Number, bits: u64) {
        self.notifications
            .get_mut(&target)
            .expect("a notification")
            .bits = bits;
    }

    /// The thread that waits for a notification.
    pub(crate) fn waiter_for(&self, target: Number) -> Option<Number> {
        let wait = Wait::Notification(target);
        self.threads
            .iter()
            .find(|(_, it)| it.wait == wait)
            .map(|(number, _)| *number)
    }

    /// The thread whose `receive` sees a notification.
    pub(crate) fn bound_to(&self, target: Number) -> Option<Number> {
        let bound = Some(target);
        self.threads
            .iter()
            .find(|(_, it)| it.bound == bound)
            .map(|(number, _)| *number)
    }

    /// Whether the notification that a thread is bound to has bits.
    pub(crate) fn has_signals(&self, thread: Number) -> bool {
        self.threads[&thread]
            .bound
            .is_some_and(|it| self.notifications[&it].bits != 0)
    }

    /// Takes all bits.
    pub(crate) fn take_bits(&mut self, target: Option<Number>) -> u64 {
        let bits = target.map_or(0, |it| self.notifications[&it].bits);
        if let Some(target) = target {
            self.set_bits(target, 0);
        }
        bits
    }

    /// `wait`: whatever it answers, no other register keeps its value.
    pub(crate) fn wait(&mut self, thread: Number) {
        let result = self.wait_or_refuse(thread);
        if let Err(error) = result {
            self.thread(thread).registers.x[..16].fill(0);
            self.finish_delivery(thread, Tag::refusal(error), 0);
        }
    }

    /// `wait`, as a part of `wait_until` as well.
    pub(crate) fn wait_or_refuse(&mut self, thread: Number) -> Result<(), Error> {
        let target = self.find(self.handle_of(thread), Kind::Notification, Rights::RECEIVE)?;
        let bits = self.take_bits(Some(target));
        if bits != 0 {
            self.deliver_signal(thread, bits);
            return Ok(());
        }
        if self.waiter_for(target).is_some() {
            return Err(Error::InUse);
        }
        self.thread(thread).wait = Wait::Notification(target);
        self.clear_for_message(thread);
        self.stop_running();
        self.dispatch();
        Ok(())
    }

    /// `try_wait`.
    pub(crate) fn try_wait(&mut self, thread: Number) -> Result<(), Error> {
        let target = self.find(self.handle_of(thread), Kind::Notification, Rights::RECEIVE)?;
        match self.take_bits(Some(target)) {
            0 => Err(Error::WouldBlock),
            bits => {
                self.deliver_signal(thread, bits);
                Ok(())
            }
        }
    }

    /// The interrupt `line` came.
    pub(crate) fn interrupt(&mut self, line: u64) {
        let irq = self
            .irqs
            .iter_mut()
            .find(|(_, it)| it.id.is_some() && it.line == line);
        let Some((_, irq)) = irq else { return };
        if let Some((target, bits)) = irq.target {
            irq.is_pending = true;
            self.raise(target, bits);
        }
    }

    /// `irq_bind`: the line can come from now on.
    pub(crate) fn irq_bind(&mut self, handle: u64, notification: u64, bits: u64) -> Answer {
        let irq = self.find(handle, Kind::Irq, Rights::WRITE)?;
        let target = self.find(notification, Kind::Notification, Rights::MAKE_GATE)?;
        if bits == 0 {
            return Err(Error::BadArgument);
        }
        if self.irqs[&irq].target.is_some() {
            return Err(Error::InUse);
        }
        let it = self.irq(irq);
        it.target = Some((target, bits));
        it.is_pending = false;
        Ok(0)
    }

    /// `irq_acknowledge`.
    pub(crate) fn irq_acknowledge(&mut self, handle: u64) -> Answer {
        let irq = self.find(handle, Kind::Irq, Rights::WRITE)?;
        self.irq(irq).is_pending = false;
        Ok(0)
    }

    /// `platform_inspect`.
    pub(crate) fn platform_inspect(&self, handle: u64, count: u64) -> Answer {
        self.find(handle, Kind::Platform, Rights::READ)?;
        if count == PlatformCount::Unhelped as u64 {
            Ok(self.unhelped)
        } else {
            Err(Error::BadArgument)
        }
    }

    /// `platform_control`: what the machine does then is not part of the state.
    pub(crate) fn platform_control(&self, handle: u64, operation: u64) -> Answer {
        self.find(handle, Kind::Platform, Rights::WRITE)?;
        let operations = [
            PlatformOperation::PowerOff as u64,
            PlatformOperation::Reset as u64,
        ];
        if operations.contains(&operation) {
            Ok(0)
        } else {
            Err(Error::BadArgument)
        }
    }
}
