//! Tasks that wait for each other.

use alloc::collections::BTreeMap;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

/// Something that changes: tasks wait [`until`](Change::until) it is as they want it, others
/// [`announce`](Change::announce) that it changed.
///
/// ```
/// # use std::cell::Cell;
/// # use userlib::executor::Change;
/// struct Counter {
///     count: Cell<u32>,
///     change: Change,
/// }
///
/// impl Counter {
///     fn raise(&self) {
///         self.count.set(self.count.get() + 1);
///         self.change.announce();
///     }
///
///     async fn reaches(&self, count: u32) {
///         self.change.until(|| (self.count.get() >= count).then_some(())).await;
///     }
/// }
/// ```
#[derive(Default)]
pub struct Change {
    next: Cell<u64>,
    waiting: RefCell<BTreeMap<u64, Waker>>,
}

impl Change {
    /// Something that nobody waits for yet.
    #[must_use]
    pub const fn new() -> Change {
        Change {
            next: Cell::new(0),
            waiting: RefCell::new(BTreeMap::new()),
        }
    }

    /// Lets everybody who waits look again.
    pub fn announce(&self) {
        let waiting = self.waiting.take();
        waiting.into_values().for_each(Waker::wake);
    }

    /// Waits until `find` finds something. It is asked at once, and again whenever a change was announced. Who of several
    /// is asked first is not said: what one finds, the others do not.
    pub const fn until<R, F: FnMut() -> Option<R> + Unpin>(&self, find: F) -> Until<'_, F> {
        Until {
            change: self,
            find,
            number: None,
        }
    }

    /// How many wait.
    #[cfg(test)]
    pub(super) fn waiting_count(&self) -> usize {
        self.waiting.borrow().len()
    }

    /// Lets `waker` be woken at the next change. Who waits already is `known`.
    fn add(&self, known: &mut Option<u64>, waker: &Waker) {
        let number = *known.get_or_insert_with(|| {
            let number = self.next.get();
            self.next.set(number.wrapping_add(1));
            number
        });
        let before = self.waiting.borrow_mut().insert(number, waker.clone());
        drop(before);
    }

    fn remove(&self, number: u64) {
        let removed = self.waiting.borrow_mut().remove(&number);
        drop(removed);
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Change").finish_non_exhaustive()
    }
}

/// A task that waits until something is found.
#[must_use = "it waits when it is awaited"]
pub struct Until<'a, F> {
    change: &'a Change,
    find: F,
    number: Option<u64>,
}

impl<R, F: FnMut() -> Option<R> + Unpin> Future for Until<'_, F> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        let this = &mut *self;
        if let Some(found) = (this.find)() {
            return Poll::Ready(found);
        }
        this.change.add(&mut this.number, context.waker());
        Poll::Pending
    }
}

impl<F> Drop for Until<'_, F> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.change.remove(number);
        }
    }
}

impl<F> fmt::Debug for Until<'_, F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Until").finish_non_exhaustive()
    }
}
