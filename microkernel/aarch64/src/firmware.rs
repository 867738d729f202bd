//! Power: PSCI, by the conduit that the device tree names.

use core::sync::atomic::{AtomicBool, Ordering};

use smccc::{Hvc, Smc, psci};

use crate::board::Conduit;
use crate::bound::mark_preemption_point;
use crate::register;

static IS_MONITOR: AtomicBool = AtomicBool::new(false);

/// Tells how firmware is called.
pub(crate) fn set_conduit(conduit: Conduit) {
    IS_MONITOR.store(conduit == Conduit::SecureMonitor, Ordering::Relaxed);
}

/// Switches the machine off.
pub fn power_off() -> ! {
    // An error means that there is no such firmware: all that is left is to stand still.
    let _ = if IS_MONITOR.load(Ordering::Relaxed) {
        psci::system_off::<Smc>()
    } else {
        psci::system_off::<Hvc>()
    };
    stop()
}

/// Restarts the machine.
pub fn reset() -> ! {
    // As above.
    let _ = if IS_MONITOR.load(Ordering::Relaxed) {
        psci::system_reset::<Smc>()
    } else {
        psci::system_reset::<Hvc>()
    };
    stop()
}

fn stop() -> ! {
    loop {
        mark_preemption_point();
        register::wait_for_interrupt();
    }
}
