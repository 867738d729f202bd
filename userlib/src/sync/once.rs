//! What is made once, when it is first wanted.

use core::fmt;
use core::ops::Deref;

use alloc::boxed::Box;
use once_cell::race::OnceBox;

use super::Mutex;

/// A place for a value that is made once. Whoever wants it while it is made waits.
pub struct Once<T> {
    value: OnceBox<T>,
    maker: Mutex<()>,
}

impl<T> Once<T> {
    /// An empty place.
    #[must_use]
    pub const fn new() -> Once<T> {
        Once {
            value: OnceBox::new(),
            maker: Mutex::new(()),
        }
    }

    /// The value, if it was made.
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, which `make` makes if it was not made yet. A `make` that wants the same value waits for
    /// itself, for ever.
    pub fn get_or_make(&self, make: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.value.get() {
            return value;
        }
        let _maker = self.maker.lock();
        self.value.get_or_init(|| Box::new(make()))
    }
}

impl<T> Default for Once<T> {
    fn default() -> Once<T> {
        Once::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for Once<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Once").field(&self.get()).finish()
    }
}

/// A value that is made when it is first used: for statics.
pub struct Lazy<T, F = fn() -> T> {
    once: Once<T>,
    make: F,
}

impl<T, F: Fn() -> T> Lazy<T, F> {
    /// A value that `make` makes.
    pub const fn new(make: F) -> Lazy<T, F> {
        Lazy {
            once: Once::new(),
            make,
        }
    }
}

impl<T, F: Fn() -> T> Deref for Lazy<T, F> {
    type Target = T;

    fn deref(&self) -> &T {
        self.once.get_or_make(&self.make)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for Lazy<T, F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Lazy")
            .field(&self.once.get())
            .finish()
    }
}
