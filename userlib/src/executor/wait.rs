//! What a task can wait for beside other tasks: time and signals.

use core::fmt;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};

use super::clock;
use super::waiting::{Listener, Timer, WAITING};
use crate::time::{Deadline, Duration};

/// Lets the task sleep for at least `duration`, from now on. Others are served meanwhile, unlike in
/// [`crate::time::sleep`].
pub fn sleep_for(duration: Duration) -> Sleep {
    sleep_until(clock::after(duration))
}

/// Lets the task sleep until `deadline`; for ever if that is [`Deadline::NEVER`].
pub const fn sleep_until(deadline: Deadline) -> Sleep {
    Sleep {
        deadline,
        timer: None,
    }
}

/// A task that sleeps.
#[derive(Debug)]
#[must_use = "it sleeps when it is awaited"]
pub struct Sleep {
    deadline: Deadline,
    timer: Option<Timer>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        if clock::is_over(deadline) {
            return Poll::Ready(());
        }
        WAITING.add_timer(&mut self.timer, deadline, context.waker());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            WAITING.remove_timer(timer);
        }
    }
}

/// The time was over before the future was done; it was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the time was over")
    }
}

/// Waits for `future`, but for `duration` only.
///
/// # Errors
///
/// `TimedOut`; `future` is dropped.
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, TimedOut> {
    let mut future = pin!(future);
    let mut sleep = pin!(sleep_for(duration));
    core::future::poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        sleep.as_mut().poll(context).map(|()| Err(TimedOut))
    })
    .await
}

/// Waits until one of the signals `bits` comes to the process's notification, such as that of an interrupt
/// (`IrqLine::bits`); takes those that came, and tells them. A signal that nobody waits for is kept; each is taken
/// by one.
pub const fn signal(bits: u64) -> Signal {
    Signal {
        bits,
        listener: None,
    }
}

/// A task that waits for signals.
#[derive(Debug)]
#[must_use = "it waits when it is awaited"]
pub struct Signal {
    bits: u64,
    listener: Option<Listener>,
}

impl Future for Signal {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u64> {
        let bits = self.bits;
        let taken = WAITING.take_signals(bits);
        if taken != 0 {
            return Poll::Ready(taken);
        }
        WAITING.add_listener(&mut self.listener, bits, context.waker());
        Poll::Pending
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        if let Some(listener) = self.listener {
            WAITING.remove_listener(listener);
        }
    }
}

/// Lets everybody else who can go on do so first: for work that takes long.
pub const fn yield_now() -> Yield {
    Yield { has_yielded: false }
}

/// A task that lets others go first.
#[derive(Debug)]
#[must_use = "it yields when it is awaited"]
pub struct Yield {
    has_yielded: bool,
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.has_yielded {
            return Poll::Ready(());
        }
        self.has_yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
