//! Where the long parts of a task's messages are: on the heap, and only if there are any.

use alloc::boxed::Box;
use alloc::vec::Vec;

use ipc_abi::interface::asynchronous::{BATCH_BYTES, LongMemory};
use ipc_abi::message::{LongBufferError, LongWriter};
use ipc_abi::tag::Tag;

/// A long message, as long as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HeapMemory(Vec<u8>);

impl LongWriter for HeapMemory {
    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), LongBufferError> {
        let end = offset.saturating_add(bytes.len());
        if end > Tag::BUFFER_BYTES {
            return Err(LongBufferError::TooLong);
        }
        if end > self.0.len() {
            self.0.resize(end, 0);
        }
        match self.0.get_mut(offset..end) {
            Some(place) => place.copy_from_slice(bytes),
            None => return Err(LongBufferError::TooLong),
        }
        Ok(())
    }
}

impl LongMemory for HeapMemory {
    type Batch = Box<[u8; BATCH_BYTES]>;

    fn batch() -> Box<[u8; BATCH_BYTES]> {
        Box::new([0; BATCH_BYTES])
    }

    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_long_as_what_was_written_and_at_most_a_buffer() {
        let mut memory = HeapMemory::default();
        assert_eq!(memory.write(0, &[1; 130]), Ok(()));
        assert_eq!(memory.write(130, &[2; 3966]), Ok(()));
        assert_eq!((memory.bytes().len(), memory.bytes()[130]), (4096, 2));
        assert_eq!(memory.write(4095, &[3]), Ok(()));
        assert_eq!(memory.write(4096, &[3]), Err(LongBufferError::TooLong));
        assert_eq!(
            memory.write(usize::MAX, &[3]),
            Err(LongBufferError::TooLong)
        );
        assert_eq!(memory.bytes().len(), 4096);
    }
}
