//! The fuzzer's bytes as what a target wants. When they are used up, everything is zero.

/// The bytes that are left.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// All of them.
    pub(crate) const fn new(bytes: &'a [u8]) -> Input<'a> {
        Input(bytes)
    }

    /// Whether none are left.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> u8 {
        let (byte, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *byte
    }

    /// The next eight bytes, little-endian.
    pub(crate) fn word(&mut self) -> u64 {
        (0..8).fold(0, |word, at| word | u64::from(self.byte()) << (8 * at))
    }

    /// The rest.
    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }
}
