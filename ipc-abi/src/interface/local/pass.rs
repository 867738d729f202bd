//! How capabilities get from a test's client to its server and back: as the kernel passes them.

use super::table::HostTable;
use crate::capability::Rights;
use crate::error::Error;
use crate::interface::granted::{CAPABILITIES_MAX, count_of, words_of};
use crate::message::{Incoming, Message};

/// The message as it arrives, with copies of its capabilities; none are there for a receiver that has fewer than
/// `places` for them, and it is told so by zeros.
///
/// # Errors
///
/// `BadHandle`.
pub(super) fn copy_all(mut message: Message, places: usize) -> Result<Message, Error> {
    let count = count_of(message.tag);
    let table = HostTable::of_thread();
    let mut copies = [0; CAPABILITIES_MAX];
    if count <= places {
        for (copy, word) in copies.iter_mut().zip(words_of(&mut message)).take(count) {
            let handle = u32::try_from(*word).map_err(|_| Error::BadHandle)?;
            *copy = table.pass(handle, Rights::ALL)?;
        }
    }
    for (word, copy) in words_of(&mut message).take(count).zip(copies) {
        *word = u64::from(copy);
    }
    Ok(message)
}

/// Checks that a client whose gate has these rights may send what it sends to a server with so many places.
///
/// # Errors
///
/// `NoRight`, `NoSlots`.
pub(super) fn check_sent(message: &Message, rights: Rights, places: usize) -> Result<(), Error> {
    match count_of(message.tag) {
        0 => Ok(()),
        _ if !rights.contains(Rights::GRANT) => Err(Error::NoRight),
        count if count > places => Err(Error::NoSlots),
        _ => Ok(()),
    }
}

/// Deletes what is left of the capabilities that came with `request`: its server is done with it.
pub(super) fn clear(request: &Incoming) {
    let (tag, words) = (request.tag, request.words);
    let mut message = Message { tag, words };
    for word in words_of(&mut message).take(count_of(tag)) {
        let slot = u32::try_from(*word).unwrap_or(0);
        HostTable::of_thread().delete(slot);
    }
}
