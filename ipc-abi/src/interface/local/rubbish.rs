//! Requests that no client of one's own would send.

use std::vec::Vec;

use super::{Dispatch, Local, Transport};
use crate::interface::error::{CallError, ProtocolError, status};
use crate::message::{Message, bytes_from_words, words_from_bytes};
use crate::tag::Tag;

/// Where the pseudo-random numbers begin.
const SEED: u64 = 0x5EED;

/// Sends `count` requests of pseudo-random bytes, the same each time, to a server: for a test that it understands
/// or refuses whatever comes. Tells how many it understood.
///
/// # Panics
///
/// If the server panics, or answers with something that is no answer.
pub fn send_rubbish<I: Dispatch<S>, S>(way: &mut Local<I, S>, count: u32) -> u32 {
    let mut random = Random(SEED);
    let mut understood = 0;
    for _ in 0..count {
        let method = match I::METHODS.get(random.up_to(I::METHODS.len())) {
            Some(method) => method.number,
            None => random
                .next()
                .to_le_bytes()
                .first_chunk()
                .map_or(0, |it| u16::from_le_bytes(*it)),
        };
        let bytes = random.bytes();
        let outcome = way
            .write(&bytes)
            .map_err(CallError::from)
            .and_then(|()| way.call(message(method, &bytes)));
        match outcome.map(|reply| reply.tag.method()) {
            Ok(status::OK | status::SERVICE_ERROR) | Err(CallError::Deferred) => {
                understood = u32::saturating_add(understood, 1)
            }
            Ok(other) if ProtocolError::from_raw(other).is_some() => {}
            other => panic!("method {method} with {bytes:02x?} is answered with {other:?}"),
        }
    }
    understood
}

/// A request with these bytes, which are in the message buffer if they do not fit in registers.
fn message(method: u16, bytes: &[u8]) -> Message {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let tag = Tag::new(method, length);
    let mut short = bytes_from_words(&[0; crate::message::MESSAGE_WORDS]);
    match short.get_mut(..bytes.len()) {
        Some(place) => {
            place.copy_from_slice(bytes);
            let words = words_from_bytes(&short);
            Message { tag, words }
        }
        None => Message {
            tag: tag.with_long(),
            ..Message::default()
        },
    }
}

/// `SplitMix64`: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014).
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `last`.
    fn up_to(&mut self, last: usize) -> usize {
        let [a, b, c, d, ..] = self.next().to_le_bytes();
        let number = u64::from(u32::from_le_bytes([a, b, c, d]));
        let end = u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1);
        usize::try_from(number.checked_rem(end).unwrap_or(0)).unwrap_or(0)
    }

    /// A request's bytes: most are short, and most bytes are such as encodings are made of.
    fn bytes(&mut self) -> Vec<u8> {
        let most = [16, 16, Tag::REGISTER_BYTES, Tag::BUFFER_BYTES]
            .get(self.up_to(3))
            .copied();
        let length = self.up_to(most.unwrap_or(0));
        let choices = [0, 0, 1, 2, 7, b'a', 0x80, 0xFF];
        let byte = |random: &mut Random| match choices.get(random.up_to(choices.len())) {
            Some(byte) => *byte,
            None => random.next().to_le_bytes()[0],
        };
        (0..length).map(|_| byte(self)).collect()
    }
}
