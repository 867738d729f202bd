//! The figure of an interrupt: from the raising of its line to the thread that waits for it.
//!
//! The bench program's first thread raises the line. The interrupt comes at once, and a thread of
//! higher priority wakes, which reads the counter and waits again; then the first thread goes on and
//! lets the line fall.

use core::sync::atomic::{AtomicU64, Ordering};

use ipc_abi::call::SystemCall;
use ipc_abi::service::bench::{BenchError, Grant};
use userlib::{Environment, IrqLine, Notification, read_cycles};

use crate::line::{Line, Mmio};
use crate::measure::measure_until;
use crate::rig::Rig;
use crate::samples::Summary;
use crate::workbench::refused;

/// The name of the device on every board.
const DEVICE: &str = "gpio0";
/// How often the first thread looks whether the other one woke: where an interrupt takes a while.
const LOOKS: u32 = 1_000_000;

/// What the counter said when the thread that waits woke; 0 before.
static WOKEN: AtomicU64 = AtomicU64::new(0);

/// A line, and where its interrupts arrive.
#[derive(Debug)]
pub struct Source {
    line: Line<Mmio>,
    irq: IrqLine,
    notification: Notification,
}

impl Source {
    /// Takes the device that the process was given, with its line low; `None` if there is none that
    /// interrupts.
    #[must_use]
    pub fn take(environment: &mut Environment) -> Option<Source> {
        let notification = environment.notification().ok()?;
        let device = environment.device(DEVICE).ok()?;
        let irq = device.irqs().next()?;
        let line = Line::start(Mmio::new(device.into_registers().ok()?))?;
        Some(Source {
            line,
            irq,
            notification,
        })
    }

    /// The handle of the notification.
    #[must_use]
    pub const fn notification(&self) -> u32 {
        self.notification.handle()
    }

    /// Ends an interrupt; tells what the counter said when the thread that waits woke.
    fn end(&mut self) -> Result<u64, BenchError> {
        let woken = (0..LOOKS)
            .map(|_| WOKEN.load(Ordering::Acquire))
            .find(|woken| *woken != 0);
        self.line.lower();
        self.irq
            .acknowledge()
            .map_err(refused(SystemCall::IrqAcknowledge))?;
        WOKEN.store(0, Ordering::Relaxed);
        woken.ok_or(BenchError::NoInterrupt)
    }
}

/// What the thread that waits does; `notification` is the handle.
///
/// # Panics
///
/// If the kernel refuses to let it wait: then the thread stops.
pub fn await_interrupts(notification: u64) -> ! {
    let notification = Notification::new(u32::try_from(notification).unwrap_or(0));
    loop {
        let bits = notification.wait();
        let woken = read_cycles();
        match bits {
            Ok(_) => WOKEN.store(woken, Ordering::Release),
            Err(error) => panic!("no interrupt can come: {}", error.name()),
        }
    }
}

pub(crate) fn measure_interrupt(rig: &mut Rig) -> Result<Summary, BenchError> {
    let source = rig.source.as_mut();
    let source = source.ok_or(BenchError::NotGranted(Grant::Device))?;
    measure_until(
        source,
        |source| source.line.raise(),
        |source, ()| source.end(),
    )
}
