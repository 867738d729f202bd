use std::vec::Vec;

use ipc_abi::interface::{Local, Promise};
use ipc_abi::service::console::{Console, ConsoleInterface, LineText, Statistics};
use ipc_abi::service::stream::{Chunk, Stream, StreamInterface};

use super::*;

/// A pipe that takes and gives a few bytes at a time; what is written can be read.
#[derive(Default)]
struct Pipe {
    bytes: Vec<u8>,
    step: usize,
    /// Gives and takes more than it is asked.
    lies: bool,
    flushes: u32,
}

impl Stream for Pipe {
    fn read(&mut self, most: u32, promise: Promise<Result<Chunk, StreamError>>) {
        let most = usize::try_from(most).expect("it is small");
        if most > CHUNK_BYTES {
            return promise.answer(Err(StreamError::TooMuch));
        }
        let most = if self.lies {
            CHUNK_BYTES
        } else {
            most.min(self.step)
        };
        let count = most.min(self.bytes.len());
        promise.answer(Ok(self.bytes.drain(..count).collect()));
    }

    fn write(&mut self, bytes: &[u8]) -> Result<u32, StreamError> {
        if bytes.len() > CHUNK_BYTES {
            return Err(StreamError::TooMuch);
        }
        if self.lies {
            return u32::try_from(bytes.len() + 1).map_err(|_| StreamError::TooMuch);
        }
        let count = self.step.min(bytes.len());
        self.bytes.extend(&bytes[..count]);
        Ok(u32::try_from(count).expect("it is small"))
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        self.flushes += 1;
        match self.flushes {
            1 => Ok(()),
            _ => Err(StreamError::Closed),
        }
    }
}

fn pipe(step: usize, lies: bool) -> ByteStream<Local<StreamInterface, Pipe>> {
    let pipe = Pipe {
        step,
        lies,
        ..Pipe::default()
    };
    ByteStream::new(StreamClient::new(Local::new(pipe)))
}

#[test]
fn what_is_written_can_be_read_in_pieces() {
    let mut pipe = pipe(3, false);
    let text = b"hello, world";
    assert_eq!(pipe.write_all(text), Ok(()));
    let mut bytes = [0; 12];
    assert_eq!(pipe.read(&mut bytes), Ok(3));
    assert_eq!(pipe.read_exact(&mut bytes[3..]), Ok(()));
    assert_eq!(&bytes, text);
    assert_eq!(pipe.read(&mut bytes), Ok(0), "the end");
    assert_eq!((pipe.read(&mut []), pipe.write(&[])), (Ok(0), Ok(0)));
}

#[test]
fn more_than_a_chunk_goes_in_chunks() {
    let mut pipe = pipe(usize::MAX, false);
    let bytes = [7; CHUNK_BYTES + 1];
    assert_eq!(pipe.write(&bytes), Ok(CHUNK_BYTES));
    assert_eq!(pipe.write_all(&bytes), Ok(()));
    let mut back = [0; 2 * CHUNK_BYTES + 1];
    assert_eq!(pipe.read(&mut back), Ok(CHUNK_BYTES));
    assert_eq!(pipe.read_exact(&mut back[CHUNK_BYTES..]), Ok(()));
    assert!(back.iter().all(|byte| *byte == 7));
}

#[test]
fn error_of_the_service_has_its_kind() {
    let mut pipe = pipe(1, false);
    assert_eq!(pipe.flush(), Ok(()));
    let error = pipe.flush().expect_err("it is closed");
    assert_eq!(error, IoError(Failure::Service(StreamError::Closed)));
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert_eq!(std::format!("{error}"), "Closed");
}

#[test]
fn service_that_counts_wrongly_misbehaves() {
    let mut pipe = pipe(1, true);
    pipe.client = {
        let liar = Pipe {
            bytes: std::vec![1; 10],
            lies: true,
            ..Pipe::default()
        };
        StreamClient::new(Local::new(liar))
    };
    for error in [
        pipe.read(&mut [0; 4]).expect_err("it gave ten"),
        pipe.write(&[0; 4]).expect_err("it took five"),
    ] {
        assert_eq!(error, IoError(Failure::Call(NONSENSE)));
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }
    let mut none = super::tests::pipe(0, false);
    assert_eq!(none.write(&[1]), Err(IoError(Failure::Call(NONSENSE))));
}

#[test]
fn failures_of_calls_have_their_kinds() {
    let kind = |error| IoError::<StreamError>(Failure::Call(error)).kind();
    let refused = |error| kind(CallError::Refused(error));
    assert_eq!(refused(error::Error::Died), ErrorKind::ConnectionReset);
    assert_eq!(refused(error::Error::TimedOut), ErrorKind::TimedOut);
    assert_eq!(refused(error::Error::NoRight), ErrorKind::PermissionDenied);
    assert_eq!(refused(error::Error::Stale), ErrorKind::NotConnected);
    assert_eq!(refused(error::Error::Again), ErrorKind::Other);
    assert_eq!(kind(CallError::Deferred), ErrorKind::Unsupported);
}

#[derive(Default)]
struct Terminal(Vec<usize>);

impl Console for Terminal {
    fn write(&mut self, text: &[u8]) -> Result<(), ConsoleError> {
        self.0.push(text.len());
        match text.len() {
            ..=WRITE_BYTES => Ok(()),
            _ => Err(ConsoleError::TextTooLong),
        }
    }

    fn read_line(&mut self, _prompt: &str, promise: Promise<Result<LineText, ConsoleError>>) {
        promise.answer(Err(ConsoleError::Busy));
    }

    fn statistics(&mut self) -> Statistics {
        Statistics::default()
    }
}

#[test]
fn long_text_goes_to_the_screen_in_pieces() {
    let mut way = Local::<ConsoleInterface, Terminal>::new(Terminal::default());
    let mut screen = Screen::new(ConsoleClient::new(&mut way));
    assert_eq!(screen.write_all(&[b'x'; WRITE_BYTES + 1]), Ok(()));
    let number = 1;
    assert_eq!(write!(screen, "{number}!"), Ok(()));
    assert_eq!((screen.write(&[]), screen.flush()), (Ok(0), Ok(())));
    assert_eq!(way.server().0, [WRITE_BYTES, 1, 1, 1]);
}
