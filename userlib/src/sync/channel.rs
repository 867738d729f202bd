//! Values from many threads to one, in order, with a bound.

use core::fmt;

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use super::{Condvar, Mutex, MutexGuard, Wait};
use crate::time::Deadline;

/// Makes a channel that holds up to `capacity` values, whose memory is taken now.
///
/// # Panics
///
/// If `capacity` is 0.
#[must_use]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a channel holds at least one value");
    let state = State {
        values: VecDeque::with_capacity(capacity),
        senders: 1,
        has_receiver: true,
    };
    let shared = Arc::new(Shared {
        state: Mutex::new(state),
        capacity,
        can_send: Condvar::new(),
        can_receive: Condvar::new(),
    });
    let receiver = Receiver {
        shared: Arc::clone(&shared),
    };
    (Sender { shared }, receiver)
}

struct Shared<T> {
    state: Mutex<State<T>>,
    capacity: usize,
    can_send: Condvar,
    can_receive: Condvar,
}

struct State<T> {
    values: VecDeque<T>,
    senders: usize,
    has_receiver: bool,
}

/// The end into which values go; every clone of it is one.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// The end out of which values come. There is one.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
}

/// A value was not sent: it comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError<T> {
    /// The channel is full. Send it later, or let it be.
    Full(T),
    /// The receiver is gone: nobody wants values any more.
    Disconnected(T),
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            SendError::Full(_) => "the channel is full",
            SendError::Disconnected(_) => "the receiver is gone",
        })
    }
}

/// No value was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiveError {
    /// There is none yet. Wait for one.
    Empty,
    /// There is none, and all senders are gone: there will be none.
    Disconnected,
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            ReceiveError::Empty => "the channel is empty",
            ReceiveError::Disconnected => "all senders are gone",
        })
    }
}

impl<T> Sender<T> {
    /// Sends a value, and waits while the channel is full.
    ///
    /// # Errors
    ///
    /// `Disconnected`.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        let mut state = self.shared.state.lock();
        let is_full =
            |state: &mut State<T>| state.has_receiver && state.values.len() >= self.shared.capacity;
        self.shared.can_send.wait_while(&mut state, is_full);
        self.put(state, value)
    }

    /// Sends a value if there is room.
    ///
    /// # Errors
    ///
    /// `Full`, `Disconnected`.
    pub fn try_send(&self, value: T) -> Result<(), SendError<T>> {
        self.put(self.shared.state.lock(), value)
    }

    fn put(&self, mut state: MutexGuard<'_, State<T>>, value: T) -> Result<(), SendError<T>> {
        if !state.has_receiver {
            return Err(SendError::Disconnected(value));
        }
        if state.values.len() >= self.shared.capacity {
            return Err(SendError::Full(value));
        }
        state.values.push_back(value);
        drop(state);
        self.shared.can_receive.notify_one();
        Ok(())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.shared.state.lock().senders += 1;
        Sender {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.senders -= 1;
        let is_last = state.senders == 0;
        drop(state);
        if is_last {
            self.shared.can_receive.notify_all();
        }
    }
}

impl<T> Receiver<T> {
    /// Receives the oldest value, and waits if there is none.
    ///
    /// # Errors
    ///
    /// `Disconnected`.
    pub fn receive(&self) -> Result<T, ReceiveError> {
        self.receive_until(Deadline::NEVER)
    }

    /// Receives the oldest value, and waits for one until `deadline`.
    ///
    /// # Errors
    ///
    /// `Empty` if the deadline came first; `Disconnected`.
    pub fn receive_until(&self, deadline: Deadline) -> Result<T, ReceiveError> {
        let mut state = self.shared.state.lock();
        loop {
            match take(&mut state) {
                Err(ReceiveError::Empty) => {}
                other => return self.taken(state, other),
            }
            if self.shared.can_receive.wait_until(&mut state, deadline) == Wait::TimedOut {
                let last = take(&mut state);
                return self.taken(state, last);
            }
        }
    }

    /// Receives the oldest value if there is one.
    ///
    /// # Errors
    ///
    /// `Empty`, `Disconnected`.
    pub fn try_receive(&self) -> Result<T, ReceiveError> {
        let mut state = self.shared.state.lock();
        let value = take(&mut state);
        self.taken(state, value)
    }

    /// What is there, and what comes, until all senders are gone.
    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        core::iter::from_fn(|| self.receive().ok())
    }

    fn taken(
        &self,
        state: MutexGuard<'_, State<T>>,
        value: Result<T, ReceiveError>,
    ) -> Result<T, ReceiveError> {
        drop(state);
        if value.is_ok() {
            self.shared.can_send.notify_one();
        }
        value
    }
}

fn take<T>(state: &mut State<T>) -> Result<T, ReceiveError> {
    match state.values.pop_front() {
        Some(value) => Ok(value),
        None if state.senders == 0 => Err(ReceiveError::Disconnected),
        None => Err(ReceiveError::Empty),
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.has_receiver = false;
        // What nobody takes any more goes now, but not under the lock: it can be anything.
        let values = core::mem::take(&mut state.values);
        drop(state);
        self.shared.can_send.notify_all();
        drop(values);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Sender")
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Receiver")
    }
}
