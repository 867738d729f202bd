//! States, as what differs from the first one: their fingerprints, their short form, and which were
//! visited.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, PoisonError};

use crate::arena::Arena;

/// A fingerprint of a state: 64 bits. Two different states have the same with a probability of
/// 2^-64; then one of them is not explored.
pub type Print = u64;

/// The fingerprint of the state of `arena` against that at the start of its log.
#[must_use]
pub fn print_of(arena: &Arena) -> Print {
    let mut print = 0_u64;
    arena.changes(0, |index, value| {
        print = print.wrapping_add(mix(value ^ mix(u64::from(index) + 1)));
    });
    print
}

/// A permutation without structure (the finalizer of `SplitMix64`: Steele, Lea, Flood, "Fast splittable
/// pseudorandom number generators", 2014).
const fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ word >> 31
}

/// The short form of a state.
#[must_use]
pub fn encode(arena: &Arena) -> Box<[u8]> {
    let mut bytes = Vec::with_capacity(1024);
    arena.changes(0, |index, value| {
        push_number(&mut bytes, index.into());
        push_number(&mut bytes, value);
    });
    bytes.into_boxed_slice()
}

/// Brings `arena` into the state of a short form.
///
/// # Panics
///
/// Panics if the bytes are no short form.
pub fn restore(arena: &Arena, bytes: &[u8]) {
    arena.go_back(0);
    let mut rest = bytes;
    while !rest.is_empty() {
        let index = take_number(&mut rest);
        let value = take_number(&mut rest);
        arena.put(u32::try_from(index).expect("an index"), value);
    }
}

/// Seven bits a byte, the lowest first.
fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push((number & 0x7F) as u8);
}

fn take_number(rest: &mut &[u8]) -> u64 {
    let mut number = 0;
    let mut shift = 0;
    while let Some((&byte, after)) = rest.split_first() {
        *rest = after;
        number |= u64::from(byte & 0x7F) << shift;
        shift += 7;
        if byte < 0x80 {
            break;
        }
    }
    number
}

/// A hasher for what is a fingerprint already.
#[derive(Default)]
pub struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only fingerprints are hashed");
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// Whence a state was first reached.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The state before.
    pub before: Print,
    /// The number of the action that led here.
    pub action: u16,
}

/// The states that were visited, for several threads.
pub struct Visited {
    shards: Vec<Mutex<HashMap<Print, Origin, BuildHasherDefault<Plain>>>>,
}

const SHARDS: usize = 64;

impl Default for Visited {
    fn default() -> Visited {
        Visited {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }
}

impl Visited {
    fn shard(
        &self,
        print: Print,
    ) -> std::sync::MutexGuard<'_, HashMap<Print, Origin, BuildHasherDefault<Plain>>> {
        let shard = &self.shards[(print >> 58) as usize % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a state; whether it is new.
    pub fn insert(&self, print: Print, origin: Origin) -> bool {
        match self.shard(print).entry(print) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(origin);
                true
            }
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        (0..SHARDS as u64)
            .map(|nth| self.shard(nth << 58).len())
            .sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers of the actions that lead to a state, from the first.
    #[must_use]
    pub fn path_to(&self, print: Print) -> Vec<u16> {
        let mut path = Vec::new();
        let mut at = print;
        loop {
            let origin = self.shard(at).get(&at).copied();
            match origin {
                Some(origin) if origin.before != at => {
                    path.push(origin.action);
                    at = origin.before;
                }
                _ => break,
            }
        }
        path.reverse();
        path
    }
}
