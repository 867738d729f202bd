//! Values that every thread has one of.

#![expect(
    unsafe_code,
    reason = "promising that threads keep to their own values"
)]

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use crate::control;
use crate::sync::Mutex;
use crate::thread::THREADS;

/// Declares statics of which every thread has its own: [`LocalKey`].
///
/// ```
/// use core::cell::Cell;
///
/// userlib::thread_local! {
///     /// How often this thread did it.
///     static DONE: Cell<u32> = Cell::new(0);
/// }
///
/// DONE.with(|done| done.set(done.get() + 1));
/// userlib::thread::spawn(|| DONE.with(|done| assert_eq!(done.get(), 0))).join();
/// assert_eq!(DONE.with(Cell::get), 1);
/// ```
#[macro_export]
macro_rules! thread_local {
    ($($(#[$attribute:meta])* $visible:vis static $name:ident: $type:ty = $make:expr);+ $(;)?) => {$(
        $(#[$attribute])*
        $visible static $name: $crate::thread::LocalKey<$type> =
            $crate::thread::LocalKey::new(|| $make);
    )+};
}

/// A static of which every thread has its own value, made when the thread first wants it. When what the thread
/// was spawned for has ended its values are dropped, the last one made first; those of the first thread, and
/// of a process that dies, are not.
pub struct LocalKey<T: 'static> {
    values: [RefCell<Option<Rc<T>>>; THREADS],
    make: fn() -> T,
}

// SAFETY: a thread touches only the value that has its own number (`LocalKey::place`), numbers are given to one
// thread at a time (the supervisor's to the threads that it starts, `place` on the host), and a value is
// dropped by its thread (`forget`, `forget_all`), before the number is another's.
unsafe impl<T: 'static> Sync for LocalKey<T> {}

impl<T: 'static> LocalKey<T> {
    /// A key whose values `make` makes. [`crate::thread_local!`] says it more shortly.
    #[must_use]
    pub const fn new(make: fn() -> T) -> LocalKey<T> {
        LocalKey {
            values: [const { RefCell::new(None) }; THREADS],
            make,
        }
    }

    /// Gives the current thread's value to `use_it`.
    ///
    /// # Panics
    ///
    /// In a thread that was started by hand ([`crate::start_thread`]): it has no values.
    pub fn with<R>(&'static self, use_it: impl FnOnce(&T) -> R) -> R {
        let Some(place) = self.place() else {
            panic!("a thread that was started by hand has no thread-locals");
        };
        let value = place.borrow().clone();
        let value = value.unwrap_or_else(|| self.fill(place));
        use_it(&value)
    }

    /// The current thread's place.
    fn place(&self) -> Option<&RefCell<Option<Rc<T>>>> {
        self.values.get(usize::from(control::thread_number()?))
    }

    fn fill(&'static self, place: &RefCell<Option<Rc<T>>>) -> Rc<T> {
        let value = Rc::new((self.make)());
        place.replace(Some(Rc::clone(&value)));
        if let Some(number) = control::thread_number()
            && let Some(made) = MADE.get(usize::from(number))
        {
            made.lock().push(self);
        }
        value
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LocalKey")
    }
}

/// A key, whatever its values are.
trait Key: Sync {
    /// Drops the value of the thread `number`, which is the current one.
    fn forget(&self, number: u8);
}

impl<T: 'static> Key for LocalKey<T> {
    fn forget(&self, number: u8) {
        if let Some(place) = self.values.get(usize::from(number)) {
            let value = place.take();
            drop(value);
        }
    }
}

/// The keys of which each thread has made its value, in this order.
static MADE: [Mutex<Vec<&'static dyn Key>>; THREADS] = [const { Mutex::new(Vec::new()) }; THREADS];

/// Drops all values of the thread `number`, which is the current one. What a value makes while it is dropped is
/// dropped too.
pub(crate) fn forget_all(number: u8) {
    let Some(made) = MADE.get(usize::from(number)) else {
        return;
    };
    loop {
        let Some(key) = made.lock().pop() else {
            return;
        };
        key.forget(number);
    }
}
