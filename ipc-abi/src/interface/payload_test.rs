//! Every length of a message around every boundary, against postcard.

use heapless::Vec;
use serde::Serialize;

use super::super::wire::Reader;
use super::super::{HostBuffer, ProtocolError};
use super::*;
use crate::message::LongBuffer;

/// What postcard makes of a text, a number of fixed width, and bytes.
fn expected(text: &str, number: u32, bytes: &[u8]) -> Vec<u8, 5000> {
    #[derive(Serialize)]
    struct Request<'a>(
        &'a str,
        #[serde(with = "postcard::fixint::le")] u32,
        &'a [u8],
    );
    let mut encoded = [0; 5000];
    let request = Request(text, number, bytes);
    let used = postcard::to_slice(&request, &mut encoded).expect("it fits");
    used.iter().copied().collect()
}

/// What is sent of them: the message, and its bytes wherever they are.
fn sent(text: &str, number: u32, bytes: &[u8]) -> (Message, Vec<u8, 5000>) {
    let mut buffer = HostBuffer::default();
    let outcome = encode(9, &(text, number, bytes), &mut buffer);
    let EncodeOutcome::Message(message) = outcome else {
        panic!("it is refused");
    };
    let length = message.tag.length();
    let found = if message.tag.is_long() {
        buffer.read(length, |bytes| bytes.iter().copied().collect())
    } else {
        let bytes = bytes_from_words(&message.words);
        Ok(bytes[..length].iter().copied().collect())
    };
    (message, found.expect("it is there"))
}

const TEXT: &str = "A text that is longer than all messages in registers are, as which it is taken \
    piece by piece: of no byte, of one, and so on until it has lost none of its hundred and eighty bytes";

#[test]
fn every_length_and_offset_is_encoded_as_by_postcard() {
    let bytes: Vec<u8, 160> = (0..160_u8).map(|byte| byte ^ 0xC5).collect();
    for first in 0..=TEXT.len().min(140) {
        for second in (0..=140).step_by(1 + first % 7) {
            let (text, bytes) = (&TEXT[..first], &bytes[..second]);
            let (message, found) = sent(text, 0x0102_0304, bytes);
            assert_eq!(
                found,
                expected(text, 0x0102_0304, bytes),
                "{first} {second}"
            );
            assert_eq!(message.tag.is_long(), found.len() > Tag::REGISTER_BYTES);
            let incoming = Incoming {
                tag: message.tag,
                badge: 0,
                words: message.words,
            };
            let mut buffer = HostBuffer::default();
            buffer.write(0, &found).expect("it fits");
            let read = with_bytes(&incoming, &mut buffer, |all| {
                let (read, number, rest): (&str, u32, &[u8]) = Reader::new(all).all()?;
                Ok(read == text && number == 0x0102_0304 && rest == bytes)
            });
            assert_eq!(read, Ok(true), "{first} {second}");
        }
    }
}

#[test]
fn words_behind_the_last_byte_are_zero() {
    for length in 0..120 {
        let (message, found) = sent(&TEXT[..length], u32::MAX, &[]);
        let bytes = bytes_from_words(&message.words);
        assert!(
            bytes[found.len()..].iter().all(|byte| *byte == 0),
            "{length}"
        );
    }
    let (message, _) = sent(TEXT, 1, &[]);
    assert_eq!(message.words, [0; MESSAGE_WORDS], "it is in the buffer");
}

#[test]
fn message_ends_with_the_buffer() {
    let bytes = [7; Tag::BUFFER_BYTES];
    let mut buffer = HostBuffer::default();
    let longest = &bytes[..Tag::BUFFER_BYTES - 2];
    assert!(matches!(
        encode(1, &(longest,), &mut buffer),
        EncodeOutcome::Message(_)
    ));
    let longer = &bytes[..Tag::BUFFER_BYTES - 1];
    assert!(matches!(
        encode(1, &(longer,), &mut buffer),
        EncodeOutcome::Refused(EncodeError::TooLong)
    ));
}

#[test]
fn counts_that_lie_are_refused() {
    let read = |bytes: &[u8]| {
        Reader::new(bytes)
            .all::<(&[u8],)>()
            .map(|(bytes,)| bytes.len())
    };
    assert_eq!(read(&[]), Err(ProtocolError::Truncated));
    assert_eq!(read(&[2, 1]), Err(ProtocolError::Truncated));
    assert_eq!(read(&[0x80]), Err(ProtocolError::Truncated));
    assert_eq!(read(&[0x81, 0x00, 9]), Ok(1));
    assert_eq!(read(&[1, 2, 3]), Err(ProtocolError::TrailingBytes));
    let endless = [0xFF; 16];
    assert_eq!(read(&endless), Err(ProtocolError::BadNumber));
}
