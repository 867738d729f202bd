//! How threads wait for each other: a lock and a queue in one word each, with a bit for every thread.
//!
//! ```text
//!          exchange_acquire           a waiter sets its bit
//!   free <------------------> held ------------------------> held, with waiters
//!          exchange_release        <------------------------
//!                                    hand over: a bit is cleared, and its thread holds the lock
//! ```
//!
//! Who waits sets its bit and sleeps until the bit is gone; who wakes clears it first and signals then, so it
//! does not matter whether the other sleeps already. A signal can be left over from an earlier wait: it
//! ends no wait by itself. A lock that somebody waits for is never free: it goes from hand to hand, by
//! rising number and around, so each waiter gets it after every other at most once.
//!
//! Generic over the word and the threads, so that a model checker can run the very same code.

/// The most threads that can wait for each other: those of a process.
pub const WAITERS_MAX: u8 = 32;

const FREE: u64 = 0;
const HELD: u64 = 1 << 63;
const WAITERS: u64 = (1 << WAITERS_MAX) - 1;

/// An atomic word.
pub trait Word {
    /// Reads it.
    fn load(&self) -> u64;
    /// Reads it, and sees what was done before it was written.
    fn load_acquire(&self) -> u64;
    /// Writes `to` if it is `from`; whether it was.
    fn exchange(&self, from: u64, to: u64) -> bool;
    /// The same, and sees what was done before it was written.
    fn exchange_acquire(&self, from: u64, to: u64) -> bool;
    /// The same, and shows what was done before.
    fn exchange_release(&self, from: u64, to: u64) -> bool;
}

/// The threads that wait for each other.
pub trait Threads {
    /// The number of the current thread, below [`WAITERS_MAX`]; `None` if it cannot be woken.
    fn current(&self) -> Option<u8>;
    /// Lets the current thread, whose number is `me`, sleep until it is woken, if it was not woken since it
    /// slept last; may come back before.
    fn sleep(&self, me: u8);
    /// Wakes a thread, or lets its next sleep end at once.
    fn wake(&self, thread: u8);
    /// Lets others run instead of a thread that cannot be woken.
    fn relax(&self);
}

const fn bit(thread: u8) -> u64 {
    1 << (thread % WAITERS_MAX)
}

/// The next of `waiters` behind the thread `last`, and around.
const fn next_after(waiters: u64, last: u8) -> Option<u8> {
    let behind = waiters & !(bit(last) | (bit(last) - 1));
    let from = if behind == 0 { waiters } else { behind };
    if from == 0 {
        return None;
    }
    // The lowest bit of a word that is not 0 is below 64.
    Some((from.trailing_zeros() & 0x3F) as u8)
}

/// A lock.
#[derive(Debug, Default)]
pub struct Lock<W> {
    word: W,
}

impl<W> Lock<W> {
    /// The lock in `word`, which is 0.
    pub const fn new(word: W) -> Lock<W> {
        Lock { word }
    }
}

impl<W: Word> Lock<W> {
    /// Takes the lock if it is free.
    #[inline(always)]
    pub fn try_lock(&self) -> bool {
        self.word.exchange_acquire(FREE, HELD)
    }

    /// Whether somebody has it.
    pub fn is_locked(&self) -> bool {
        self.word.load() != FREE
    }

    /// Takes the lock, as soon as it is this thread's turn.
    #[inline(always)]
    pub fn lock(&self, threads: &impl Threads) {
        if !self.try_lock() {
            self.wait(threads);
        }
    }

    #[cold]
    fn wait(&self, threads: &impl Threads) {
        let Some(me) = threads.current() else {
            while !self.try_lock() {
                threads.relax();
            }
            return;
        };
        loop {
            let word = self.word.load();
            if word == FREE && self.try_lock() {
                return;
            }
            if word != FREE && self.word.exchange(word, word | bit(me)) {
                break;
            }
        }
        while self.word.load_acquire() & bit(me) != 0 {
            threads.sleep(me);
        }
    }

    /// Gives the lock, which this thread has, to the next who waits.
    #[inline(always)]
    pub fn unlock(&self, threads: &impl Threads) {
        if !self.word.exchange_release(HELD, FREE) {
            self.hand_over(threads);
        }
    }

    #[cold]
    fn hand_over(&self, threads: &impl Threads) {
        let me = threads.current().unwrap_or(WAITERS_MAX - 1);
        loop {
            let word = self.word.load();
            let Some(next) = next_after(word & WAITERS, me) else {
                // Nobody waits: it was not this thread's, or the word is older than its waiters.
                if self.word.exchange_release(HELD, FREE) {
                    return;
                }
                continue;
            };
            if self.word.exchange_release(word, word & !bit(next)) {
                return threads.wake(next);
            }
        }
    }
}

/// Threads that wait for something. In the bits above those of the waiters is who was woken last.
#[derive(Debug, Default)]
pub struct Queue<W> {
    word: W,
}

impl<W> Queue<W> {
    /// The queue in `word`, which is 0.
    pub const fn new(word: W) -> Queue<W> {
        Queue { word }
    }
}

impl<W: Word> Queue<W> {
    /// Lets the current thread, whose number is `me`, be one that waits.
    pub fn enter(&self, me: u8) {
        loop {
            let word = self.word.load();
            if self.word.exchange(word, word | bit(me)) {
                return;
            }
        }
    }

    /// Whether nobody has woken it yet.
    pub fn is_in(&self, me: u8) -> bool {
        self.word.load_acquire() & bit(me) != 0
    }

    /// Waits no longer; whether nobody had woken it.
    pub fn leave(&self, me: u8) -> bool {
        loop {
            let word = self.word.load_acquire();
            if word & bit(me) == 0 {
                return false;
            }
            if self.word.exchange(word, word & !bit(me)) {
                return true;
            }
        }
    }

    /// Wakes the next who waits, by rising number and around.
    #[inline]
    pub fn wake_one(&self, threads: &impl Threads) {
        loop {
            let word = self.word.load();
            // Less than 32.
            let last = ((word >> WAITERS_MAX) & 0x1F) as u8;
            let Some(next) = next_after(word & WAITERS, last) else {
                return;
            };
            let left = word & WAITERS & !bit(next);
            let rest = left | u64::from(next) << WAITERS_MAX;
            if self.word.exchange_release(word, rest) {
                return threads.wake(next);
            }
        }
    }

    /// Wakes all who wait.
    #[inline]
    pub fn wake_all(&self, threads: &impl Threads) {
        loop {
            let word = self.word.load();
            if word & WAITERS == 0 {
                return;
            }
            if self.word.exchange_release(word, word & !WAITERS) {
                let waited = |thread: &u8| word & bit(*thread) != 0;
                return (0..WAITERS_MAX)
                    .filter(waited)
                    .for_each(|thread| threads.wake(thread));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_is_behind_the_last_and_around() {
        assert_eq!(next_after(0, 3), None);
        assert_eq!(next_after(0b1011, 0), Some(1));
        assert_eq!(next_after(0b1011, 1), Some(3));
        assert_eq!(next_after(0b1011, 3), Some(0));
        assert_eq!(next_after(0b0100, 2), Some(2));
        assert_eq!(next_after(1 << 31, 31), Some(31));
        assert_eq!(next_after(1 << 31, 0), Some(31));
    }
}
