//! The current thread's message buffer: copied into and out of, never referred to.

#![expect(
    unsafe_code,
    reason = "copying from and to memory that the kernel writes"
)]

use core::mem::MaybeUninit;

use ipc_abi::interface::granted::Keeper;
use ipc_abi::message::{LongBuffer, LongBufferError, LongWriter};
use ipc_abi::tag::Tag;

use crate::control::message_buffer;
use crate::keeper::KEEPER;

/// The message buffer of whichever thread asks.
///
/// Every system call that receives a message may change what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageBuffer;

impl LongWriter for MessageBuffer {
    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), LongBufferError> {
        let buffer = message_buffer().ok_or(LongBufferError::NoBuffer)?;
        match offset.checked_add(bytes.len()) {
            Some(end) if end <= Tag::BUFFER_BYTES => {}
            Some(_) | None => return Err(LongBufferError::TooLong),
        }
        let place = buffer.as_ptr().wrapping_add(offset);
        // SAFETY: the buffer is one page that whoever started the thread mapped writable, `bytes`
        // ends inside it (checked), and no reference ever covers it, so the two do not overlap.
        unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(())
    }
}

impl LongBuffer for MessageBuffer {
    fn read<R>(
        &mut self,
        length: usize,
        reader: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, LongBufferError> {
        let mut copy = [const { MaybeUninit::<u8>::uninit() }; Tag::BUFFER_BYTES];
        let copy = copy.get_mut(..length).ok_or(LongBufferError::TooLong)?;
        let buffer = message_buffer().ok_or(LongBufferError::NoBuffer)?;
        let start = copy.as_mut_ptr().cast::<u8>();
        // SAFETY: the buffer is one page, `length` is at most that (checked), and no reference ever
        // covers it, so the two do not overlap.
        unsafe { start.copy_from_nonoverlapping(buffer.as_ptr(), length) };
        // SAFETY: the line before initialized all `length` bytes.
        Ok(reader(unsafe { copy.assume_init_ref() }))
    }

    fn keeper(&self) -> Option<&'static dyn Keeper> {
        Some(&KEEPER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thread_without_buffer_is_told_so() {
        assert_eq!(MessageBuffer.write(0, &[1]), Err(LongBufferError::NoBuffer));
        assert_eq!(
            MessageBuffer.read(1, |_| ()),
            Err(LongBufferError::NoBuffer)
        );
    }

    #[test]
    fn buffer_ends_after_one_page() {
        assert_eq!(
            MessageBuffer.read(4097, |_| ()),
            Err(LongBufferError::TooLong)
        );
    }
}
