//! The traits of `embedded-io` over services: [`ByteStream`] over whatever serves
//! [`ipc_abi::service::stream`], [`Screen`] over the console.
//!
//! Reading and writing wait for the service, as its clients do. What a service answers is checked: a stream that
//! gives or takes more than it was asked to is told as `PeerMisbehavior`.

use core::fmt;

pub use embedded_io::{Error, ErrorKind, ErrorType, Read, Write};

use ipc_abi::error;
use ipc_abi::interface::{CallError, Failure, Misbehavior, Transport};
use ipc_abi::service::console::{ConsoleClient, ConsoleError, WRITE_BYTES};
use ipc_abi::service::stream::{CHUNK_BYTES, StreamClient, StreamError};

/// Why a service did not read or write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoError<E>(pub Failure<E>);

/// A service's own error, as one of `embedded-io`.
pub trait KnownError: Copy + fmt::Debug {
    /// Its kind there.
    fn kind(self) -> ErrorKind;
}

impl KnownError for StreamError {
    fn kind(self) -> ErrorKind {
        match self {
            StreamError::TooMuch => ErrorKind::InvalidInput,
            StreamError::Busy => ErrorKind::Interrupted,
            StreamError::Closed => ErrorKind::BrokenPipe,
            StreamError::Broken => ErrorKind::ConnectionAborted,
        }
    }
}

impl KnownError for ConsoleError {
    fn kind(self) -> ErrorKind {
        match self {
            ConsoleError::TextTooLong | ConsoleError::PromptTooLong => ErrorKind::InvalidInput,
            ConsoleError::Busy => ErrorKind::Interrupted,
        }
    }
}

impl<E: KnownError> fmt::Display for IoError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Failure::Service(error) => write!(formatter, "{error:?}"),
            Failure::Call(error) => error.fmt(formatter),
        }
    }
}

impl<E: KnownError> core::error::Error for IoError<E> {}

impl<E: KnownError> Error for IoError<E> {
    fn kind(&self) -> ErrorKind {
        match self.0 {
            Failure::Service(error) => error.kind(),
            Failure::Call(error) => kind_of_call(error),
        }
    }
}

/// What the failure of a call is to `embedded-io`.
fn kind_of_call(error: CallError) -> ErrorKind {
    match error {
        CallError::Refused(error::Error::Died) => ErrorKind::ConnectionReset,
        CallError::Refused(error::Error::TimedOut) => ErrorKind::TimedOut,
        CallError::Refused(error::Error::NoRight) => ErrorKind::PermissionDenied,
        CallError::Refused(error::Error::BadHandle | error::Error::Stale) => {
            ErrorKind::NotConnected
        }
        CallError::Request(_) => ErrorKind::InvalidInput,
        CallError::PeerMisbehavior(_) => ErrorKind::InvalidData,
        CallError::Protocol(_) | CallError::Deferred => ErrorKind::Unsupported,
        CallError::Refused(_) => ErrorKind::Other,
    }
}

/// What a service said that no service says.
const NONSENSE: CallError = CallError::PeerMisbehavior(Misbehavior::NoProgress);

/// A stream of bytes that a service serves.
#[derive(Debug)]
pub struct ByteStream<T> {
    client: StreamClient<T>,
}

impl<T: Transport> ByteStream<T> {
    /// The stream of this client.
    pub const fn new(client: StreamClient<T>) -> ByteStream<T> {
        ByteStream { client }
    }
}

impl<T> ErrorType for ByteStream<T> {
    type Error = IoError<StreamError>;
}

impl<T: Transport> Read for ByteStream<T> {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, IoError<StreamError>> {
        let most = bytes.len().min(CHUNK_BYTES);
        if most == 0 {
            return Ok(0);
        }
        // At most `CHUNK_BYTES`.
        let chunk = self.client.read(u32::try_from(most).unwrap_or(u32::MAX));
        let chunk = chunk.map_err(IoError)?;
        let place = bytes.get_mut(..chunk.len().min(most));
        match place {
            Some(place) if place.len() == chunk.len() => place.copy_from_slice(&chunk),
            Some(_) | None => return Err(IoError(Failure::Call(NONSENSE))),
        }
        Ok(chunk.len())
    }
}

impl<T: Transport> Write for ByteStream<T> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, IoError<StreamError>> {
        let bytes = bytes.get(..CHUNK_BYTES).unwrap_or(bytes);
        if bytes.is_empty() {
            return Ok(0);
        }
        let taken = self.client.write(bytes).map_err(IoError)?;
        match usize::try_from(taken) {
            Ok(taken) if (1..=bytes.len()).contains(&taken) => Ok(taken),
            Ok(_) | Err(_) => Err(IoError(Failure::Call(NONSENSE))),
        }
    }

    fn flush(&mut self) -> Result<(), IoError<StreamError>> {
        self.client.flush().map_err(IoError)
    }
}

/// The console's screen.
#[derive(Debug)]
pub struct Screen<T> {
    client: ConsoleClient<T>,
}

impl<T: Transport> Screen<T> {
    /// The screen of this client's console.
    pub const fn new(client: ConsoleClient<T>) -> Screen<T> {
        Screen { client }
    }
}

impl<T> ErrorType for Screen<T> {
    type Error = IoError<ConsoleError>;
}

impl<T: Transport> Write for Screen<T> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, IoError<ConsoleError>> {
        let bytes = bytes.get(..WRITE_BYTES).unwrap_or(bytes);
        if !bytes.is_empty() {
            self.client.write(bytes).map_err(IoError)?;
        }
        Ok(bytes.len())
    }

    /// The console shows what is written before it answers.
    fn flush(&mut self) -> Result<(), IoError<ConsoleError>> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "io_test.rs"]
mod tests;
