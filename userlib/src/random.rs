//! Random numbers: a ChaCha12 stream for the process, from a seed that the supervisor gives each life.
//!
//! **Not for keys.** The supervisor's own seed is what its counters said when the machine started, because the
//! kernel passes on no other: whoever knows roughly when that was can try all that it can have been. The
//! numbers are for spreading, sampling and testing, and for what must differ from life to life: so
//! [`Random`] is no `CryptoRng`. On the host the seed is zero, so a test is the same each time.

use core::convert::Infallible;

use chacha20::ChaCha12Rng;
use ipc_abi::startup::SEED_BYTES;
pub use rand_core::{Rng, SeedableRng, TryRng};

use crate::sync::Mutex;

/// What a stream of random numbers starts from.
pub type Seed = [u8; SEED_BYTES];

/// The process's stream.
static STREAM: Mutex<Option<Generator>> = Mutex::new(None);

/// Lets the process's stream start from `seed`.
pub(crate) fn begin(seed: &Seed) {
    *STREAM.lock() = Some(Generator::new(seed));
}

fn with<R>(act: impl FnOnce(&mut Generator) -> R) -> R {
    let mut stream = STREAM.lock();
    act(stream.get_or_insert_with(|| Generator::new(&Seed::default())))
}

/// Fills `bytes`.
pub fn fill(bytes: &mut [u8]) {
    with(|stream| stream.fill_bytes(bytes));
}

/// The next number.
#[must_use]
pub fn next_u64() -> u64 {
    with(Rng::next_u64)
}

/// A number below `bound`, each as likely as the others; 0 if there is none.
#[must_use]
pub fn below(bound: u64) -> u64 {
    with(|stream| stream.below(bound))
}

/// The process's stream, for what takes a generator of `rand_core`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Random;

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        with(TryRng::try_next_u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        with(TryRng::try_next_u64)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        with(|stream| stream.try_fill_bytes(bytes))
    }
}

/// A stream of one's own: the same seed gives the same numbers, wherever.
#[derive(Debug)]
pub struct Generator {
    stream: ChaCha12Rng,
}

impl Generator {
    /// The stream that starts from `seed`.
    #[must_use]
    pub fn new(seed: &Seed) -> Generator {
        Generator {
            stream: ChaCha12Rng::from_seed(*seed),
        }
    }

    /// A seed for a stream of which this one tells nothing, and which tells nothing of this one.
    #[must_use]
    pub fn next_seed(&mut self) -> Seed {
        let mut seed = Seed::default();
        self.fill_bytes(&mut seed);
        seed
    }

    /// Goes on from a seed that also depends on `value`.
    pub fn stir(&mut self, value: u64) {
        let mut seed = self.next_seed();
        for (byte, part) in seed.iter_mut().zip(value.to_le_bytes()) {
            *byte ^= part;
        }
        *self = Generator::new(&seed);
    }

    /// A number below `bound`, each as likely as the others; 0 if there is none.
    ///
    /// The high half of a random number times `bound`; what makes some of these likelier is thrown away
    /// (Lemire, *Fast Random Integer Generation in an Interval*, 2019).
    #[must_use]
    pub fn below(&mut self, bound: u64) -> u64 {
        loop {
            let wide = u128::from(self.next_u64()) * u128::from(bound);
            let [low, high] = [wide & u128::from(u64::MAX), wide >> 64];
            // 2^64 modulo `bound`: so many low halves are one too many.
            let excess = bound.wrapping_neg().checked_rem(bound).unwrap_or(0);
            if low >= u128::from(excess) {
                return u64::try_from(high).unwrap_or(0);
            }
        }
    }
}

impl TryRng for Generator {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.stream.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.stream.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.stream.try_fill_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// draft-strombergson-chacha-test-vectors-01, TC1 with 12 rounds: a key of zeros.
    const ZEROS: [u8; 16] = [
        0x9B, 0xF4, 0x9A, 0x6A, 0x07, 0x55, 0xF9, 0x53, 0x81, 0x1F, 0xCE, 0x12, 0x5F, 0x26, 0x83,
        0xD5,
    ];

    #[test]
    fn stream_is_that_of_the_cipher() {
        let mut bytes = [0; 16];
        Generator::new(&Seed::default()).fill_bytes(&mut bytes);
        assert_eq!(bytes, ZEROS);
    }

    #[test]
    fn same_seed_gives_the_same_numbers_and_another_gives_others() {
        let numbers = |seed: Seed| {
            let mut stream = Generator::new(&seed);
            [stream.next_u64(), stream.next_u64()]
        };
        assert_eq!(numbers([1; 32]), numbers([1; 32]));
        assert_ne!(numbers([1; 32]), numbers([2; 32]));
    }

    #[test]
    fn what_is_stirred_in_changes_what_comes() {
        let stirred = |value| {
            let mut stream = Generator::new(&[1; 32]);
            stream.stir(value);
            stream.next_seed()
        };
        assert_ne!(stirred(0), stirred(1));
        assert_eq!(stirred(1), stirred(1));
        let mut stream = Generator::new(&[1; 32]);
        assert_ne!(stream.next_seed(), stream.next_seed());
    }

    #[test]
    fn numbers_below_a_bound_are_all_about_as_likely() {
        let mut stream = Generator::new(&[3; 32]);
        let mut counts = [0_u32; 6];
        for _ in 0..6000 {
            let number = usize::try_from(stream.below(6)).expect("it is small");
            counts[number] += 1;
        }
        assert!(
            counts.iter().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
        assert_eq!([stream.below(0), stream.below(1)], [0, 0]);
        assert!((0..100).all(|_| stream.below(u64::MAX) < u64::MAX));
        // Half of all numbers are thrown away here.
        assert!((0..100).all(|_| stream.below((1 << 63) + 1) <= 1 << 63));
    }

    #[test]
    fn process_has_one_stream() {
        let (first, mut bytes) = (next_u64(), [0; 8]);
        fill(&mut bytes);
        assert_ne!(first, u64::from_le_bytes(bytes));
        assert_ne!(Random.next_u64(), Random.next_u64());
        assert!(below(10) < 10 && Random.next_u32() != Random.next_u32());
    }
}
