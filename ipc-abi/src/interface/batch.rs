//! Lists of any length: a method fills a [`Batch`], the client iterates over [`Items`].
//!
//! The server keeps nothing between two batches: each request says at which position the last one
//! ended. So a list survives the server's restart, and nothing is left behind when a client stops in
//! the middle.
//!
//! A request is the position (0 at first), then the arguments. The reply is where to go on (`u64`),
//! whether that was all (`bool`), how many items there are (`u16`), and the items.

use core::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{CallError, EncodeError, Misbehavior, ProtocolError};
use super::wire::{Decode, Encode, Reader, Sink, encode_with_postcard};
use crate::tag::Tag;

/// Bytes in front of the items.
const HEADER_BYTES: usize = 11;
/// The most bytes of the items of one batch.
pub const BATCH_BYTES: usize = Tag::BUFFER_BYTES - HEADER_BYTES;

/// A part of a list, which a method fills: as many items as fit in a message.
///
/// It is memory of its own, so what the method calls meanwhile does not disturb it.
#[derive(Debug)]
pub struct Batch<'a, T> {
    bytes: &'a mut [u8; BATCH_BYTES],
    used: usize,
    count: u16,
    position: u64,
    next: u64,
    end: End,
    items: PhantomData<fn(&T)>,
}

/// How a batch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// With the last item of the list.
    Last,
    /// The client is to ask again.
    More,
    /// One item cannot be sent at all.
    Impossible(ProtocolError),
}

/// The batch is full: return, the client asks again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl<'a, T: Serialize> Batch<'a, T> {
    /// An empty batch for a client that has everything before `position`: for dispatchers.
    pub const fn new(position: u64, bytes: &'a mut [u8; BATCH_BYTES]) -> Batch<'a, T> {
        Batch {
            bytes,
            used: 0,
            count: 0,
            position,
            next: position,
            end: End::Last,
            items: PhantomData,
        }
    }

    /// Where the client is: 0 at first, then what the last item of the batch before was pushed with.
    /// It comes from the client, so it may be anything.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Adds an item; whoever has it goes on at `next`, which must be greater for each. A method that
    /// returns before the batch is full has given the last item.
    ///
    /// # Errors
    ///
    /// `Full`: the item was not added, and no other will be.
    pub fn push(&mut self, item: &T, next: u64) -> Result<(), Full> {
        if self.end != End::Last {
            return Err(Full);
        }
        let mut sink = BatchSink {
            bytes: self.bytes,
            position: self.used,
        };
        let pushed = encode_with_postcard(item, &mut sink);
        let end = sink.position;
        self.end = match (pushed, self.count.checked_add(1)) {
            (Ok(()), Some(count)) => {
                self.used = end;
                self.count = count;
                self.next = next;
                return Ok(());
            }
            (Err(EncodeError::Unencodable), _) => End::Impossible(ProtocolError::ReplyUnencodable),
            (Err(_), _) if self.count == 0 => End::Impossible(ProtocolError::ReplyTooLong),
            (Err(_) | Ok(()), _) => End::More,
        };
        Err(Full)
    }

    /// Ends the batch although there is room: the client asks again from `next` on, which must be
    /// greater than before. For lists in which looking for the next item takes long.
    pub fn pause(&mut self, next: u64) {
        if self.end == End::Last {
            self.next = next;
            self.end = End::More;
        }
    }

    /// What is to be sent: for dispatchers.
    ///
    /// # Errors
    ///
    /// `ReplyTooLong` or `ReplyUnencodable` if an item alone cannot be sent.
    pub const fn close(&self) -> Result<Contents, ProtocolError> {
        let is_last = match self.end {
            End::Last => true,
            End::More => false,
            End::Impossible(error) => return Err(error),
        };
        Ok(Contents {
            next: self.next,
            is_last,
            count: self.count,
            used: self.used,
        })
    }
}

struct BatchSink<'a> {
    bytes: &'a mut [u8; BATCH_BYTES],
    position: usize,
}

impl Sink for BatchSink<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let end = self.position.saturating_add(bytes.len());
        let place = self.bytes.get_mut(self.position..end);
        place.ok_or(EncodeError::TooLong)?.copy_from_slice(bytes);
        self.position = end;
        Ok(())
    }
}

/// What is in a batch, beside the bytes of its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    next: u64,
    is_last: bool,
    count: u16,
    used: usize,
}

/// A batch as it is sent.
pub(super) struct Sent<'a> {
    pub(super) contents: Contents,
    pub(super) bytes: &'a [u8; BATCH_BYTES],
}

impl Encode for Sent<'_> {
    const SIZE: Option<usize> = None;

    fn encode<S: Sink>(&self, sink: &mut S) -> Result<(), EncodeError> {
        let Contents {
            next,
            is_last,
            count,
            used,
        } = self.contents;
        (next, is_last, count).encode(sink)?;
        sink.put(self.bytes.get(..used).ok_or(EncodeError::TooLong)?)
    }
}

/// A batch as it arrives. The items are copied, because whoever looks at one may make other calls
/// before the next.
#[derive(Debug)]
pub struct Received {
    contents: Contents,
    bytes: [u8; BATCH_BYTES],
}

impl Decode<'_> for Received {
    const SIZE: Option<usize> = None;

    fn decode(reader: &mut Reader<'_>) -> Result<Received, ProtocolError> {
        let (next, is_last, count) = Decode::decode(reader)?;
        let items = reader.take_rest();
        let mut bytes = [0; BATCH_BYTES];
        let place = bytes.get_mut(..items.len());
        place
            .ok_or(ProtocolError::TrailingBytes)?
            .copy_from_slice(items);
        let contents = Contents {
            next,
            is_last,
            count,
            used: items.len(),
        };
        Ok(Received { contents, bytes })
    }
}

/// The items of a list, fetched batch by batch. It ends after the last item, or after the first error.
///
/// `F` asks for the batch at a position; `X` is the method's error.
#[derive(Debug)]
pub struct Items<'a, T, F, I> {
    transport: &'a mut T,
    fetch: F,
    batch: Received,
    /// Where the next item starts.
    start: usize,
    items: PhantomData<fn() -> I>,
}

impl<'a, T, F, I: DeserializeOwned> Items<'a, T, F, I> {
    /// The list of which `fetch` gets the batches over `transport`.
    pub const fn new(transport: &'a mut T, fetch: F) -> Items<'a, T, F, I> {
        let contents = Contents {
            next: 0,
            is_last: false,
            count: 0,
            used: 0,
        };
        Items {
            transport,
            fetch,
            batch: Received {
                contents,
                bytes: [0; BATCH_BYTES],
            },
            start: 0,
            items: PhantomData,
        }
    }

    /// Takes the next item of the batch; `None` if it has no more.
    fn take(&mut self) -> Option<Result<I, Misbehavior>> {
        let Contents { count, used, .. } = self.batch.contents;
        let rest = self.batch.bytes.get(self.start..used).unwrap_or_default();
        let mut reader = Reader::new(rest);
        let Some(left) = count.checked_sub(1) else {
            let trailing = Misbehavior::Malformed(ProtocolError::TrailingBytes);
            return (!rest.is_empty()).then_some(Err(trailing));
        };
        self.batch.contents.count = left;
        let item = reader.take_postcard();
        self.start = used.saturating_sub(reader.take_rest().len());
        Some(item.map_err(Misbehavior::Malformed))
    }

    /// Nothing comes any more.
    const fn stop(&mut self) {
        self.batch.contents = Contents {
            is_last: true,
            count: 0,
            used: 0,
            ..self.batch.contents
        };
    }
}

impl<T, F, I, X> Iterator for Items<'_, T, F, I>
where
    F: FnMut(&mut T, u64) -> Result<Received, X>,
    I: DeserializeOwned,
    X: From<CallError>,
{
    type Item = Result<I, X>;

    fn next(&mut self) -> Option<Result<I, X>> {
        loop {
            match self.take() {
                Some(Ok(item)) => return Some(Ok(item)),
                Some(Err(misbehavior)) => {
                    self.stop();
                    return Some(Err(CallError::PeerMisbehavior(misbehavior).into()));
                }
                None if self.batch.contents.is_last => return None,
                None => {}
            }
            let position = self.batch.contents.next;
            self.start = 0;
            self.batch = match (self.fetch)(self.transport, position) {
                Ok(batch) => batch,
                Err(error) => {
                    self.stop();
                    return Some(Err(error));
                }
            };
            let Contents { next, is_last, .. } = self.batch.contents;
            if !is_last && next <= position {
                self.stop();
                let misbehavior = Misbehavior::NoProgress;
                return Some(Err(CallError::PeerMisbehavior(misbehavior).into()));
            }
        }
    }
}
