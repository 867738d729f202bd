//! Who waits for time and for signals, in each thread that serves.
//!
//! It is one list for the process, so that a future finds it wherever it is polled; what is in it belongs to the
//! thread that put it there. Nobody is woken under its lock.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::task::Waker;

use super::clock;
use crate::sync::Mutex;
use crate::time::{Deadline, Instant};

/// Who waits in this process.
pub(super) static WAITING: Waiting = Waiting {
    lists: Mutex::new(Lists {
        number: 0,
        timers: BTreeMap::new(),
        listeners: BTreeMap::new(),
        raised: BTreeMap::new(),
    }),
};

/// Who waits.
pub(super) struct Waiting {
    lists: Mutex<Lists>,
}

struct Lists {
    /// The number of the next who waits.
    number: u64,
    /// Who waits for time, earliest first.
    timers: BTreeMap<Timer, Waker>,
    /// Who waits for which signals.
    listeners: BTreeMap<Listener, (u64, Waker)>,
    /// The signals that nobody took yet, by thread.
    raised: BTreeMap<u64, u64>,
}

/// A task that waits for time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Timer {
    thread: u64,
    deadline: Deadline,
    number: u64,
}

/// A task that waits for signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listener {
    thread: u64,
    number: u64,
}

impl Lists {
    const fn next_number(&mut self) -> u64 {
        self.number = self.number.wrapping_add(1);
        self.number
    }

    /// The first timer of a thread.
    fn first(&self, thread: u64) -> Option<Timer> {
        let least = Timer {
            thread,
            deadline: Deadline::at(Instant::from_ticks(0)),
            number: 0,
        };
        let (timer, _) = self.timers.range(least..).next()?;
        (timer.thread == thread).then_some(*timer)
    }
}

impl Waiting {
    /// Lets `waker` be woken when `deadline` is over. Who waits already is `known`.
    pub(super) fn add_timer(&self, known: &mut Option<Timer>, deadline: Deadline, waker: &Waker) {
        let waker = waker.clone();
        let mut lists = self.lists.lock();
        let timer = *known.get_or_insert_with(|| Timer {
            thread: clock::thread(),
            deadline,
            number: lists.next_number(),
        });
        let before = lists.timers.insert(timer, waker);
        drop(lists);
        drop(before);
    }

    /// This one waits no longer.
    pub(super) fn remove_timer(&self, timer: Timer) {
        let removed = self.lists.lock().timers.remove(&timer);
        drop(removed);
    }

    /// When the first of this thread's timers is over, if it has any.
    pub(super) fn next_deadline(&self) -> Option<Deadline> {
        let first = self.lists.lock().first(clock::thread());
        first.map(|timer| timer.deadline)
    }

    /// Wakes those of this thread whose time is over.
    pub(super) fn expire(&self, now: Instant) {
        while let Some(waker) = self.take_expired(now) {
            waker.wake();
        }
    }

    fn take_expired(&self, now: Instant) -> Option<Waker> {
        let mut lists = self.lists.lock();
        let first = lists.first(clock::thread())?;
        if !first.deadline.is_over_at(now) {
            return None;
        }
        lists.timers.remove(&first)
    }

    /// Lets `waker` be woken when one of these signals comes. Who waits already is `known`.
    pub(super) fn add_listener(&self, known: &mut Option<Listener>, bits: u64, waker: &Waker) {
        let waker = waker.clone();
        let mut lists = self.lists.lock();
        let listener = *known.get_or_insert_with(|| Listener {
            thread: clock::thread(),
            number: lists.next_number(),
        });
        let before = lists.listeners.insert(listener, (bits, waker));
        drop(lists);
        drop(before);
    }

    /// This one waits no longer.
    pub(super) fn remove_listener(&self, listener: Listener) {
        let removed = self.lists.lock().listeners.remove(&listener);
        drop(removed);
    }

    /// How many of this thread wait for signals.
    #[cfg(test)]
    pub(super) fn listener_count(&self) -> usize {
        let thread = clock::thread();
        let lists = self.lists.lock();
        let listeners = lists.listeners.keys();
        listeners
            .filter(|listener| listener.thread == thread)
            .count()
    }

    /// Takes those of these signals that came to this thread.
    pub(super) fn take_signals(&self, bits: u64) -> u64 {
        let mut lists = self.lists.lock();
        let Some(raised) = lists.raised.get_mut(&clock::thread()) else {
            return 0;
        };
        let taken = *raised & bits;
        *raised &= !bits;
        if *raised == 0 {
            lists.raised.remove(&clock::thread());
        }
        taken
    }

    /// Signals came to this thread. Whoever waits for them takes them; until then they are kept.
    pub(super) fn raise(&self, bits: u64) {
        let thread = clock::thread();
        let mut lists = self.lists.lock();
        *lists.raised.entry(thread).or_default() |= bits;
        let those = lists
            .listeners
            .iter()
            .filter(|(listener, (wanted, _))| listener.thread == thread && wanted & bits != 0);
        let woken: Vec<Waker> = those.map(|(_, (_, waker))| waker.clone()).collect();
        drop(lists);
        woken.into_iter().for_each(Waker::wake);
    }
}
