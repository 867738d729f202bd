//! The service: what clients ask, on a [`Terminal`].
//!
//! A reader's call is answered when its line is complete; until then the caller is kept by a
//! [`Waiting`], and writers are served meanwhile. If the reader dies, its place is free for the next
//! one: the kernel lets go of a dead caller, and the new read starts the line afresh.

use ipc_abi::interface::Deferrable;
use ipc_abi::service::console::{
    Console, ConsoleError, LineText, PromptText, Statistics, WRITE_BYTES,
};

use crate::pl011::Registers;
use crate::terminal::Terminal;

/// The place of the one caller that waits for a line.
pub trait Waiting {
    /// Keeps the caller that is being served, to be answered later.
    ///
    /// # Errors
    ///
    /// Why it was not kept; then it is still to be answered.
    fn keep(&mut self) -> Result<(), KeepError>;

    /// Answers the caller that was kept; nothing happens if it is gone.
    fn answer(&mut self, line: &LineText);
}

/// Why a caller was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepError {
    /// Another caller is kept, and is alive.
    Occupied,
    /// There is no place at all.
    NoPlace,
}

/// The console server.
#[derive(Debug)]
pub struct Server<R, W> {
    terminal: Terminal<R>,
    waiting: W,
}

impl<R: Registers, W: Waiting> Server<R, W> {
    /// Takes the device over.
    pub fn start(registers: R, waiting: W) -> Server<R, W> {
        Server {
            terminal: Terminal::start(registers),
            waiting,
        }
    }

    /// Serves the device after an interrupt.
    pub fn serve_device(&mut self) {
        if let Some(line) = self.terminal.serve_device() {
            self.waiting.answer(&line);
        }
    }
}

impl<R: Registers, W: Waiting> Console for Server<R, W> {
    fn write(&mut self, text: &[u8]) -> Result<(), ConsoleError> {
        if text.len() > WRITE_BYTES {
            return Err(ConsoleError::TextTooLong);
        }
        self.terminal.write(text);
        Ok(())
    }

    fn read_line(&mut self, prompt: &str) -> Deferrable<Result<LineText, ConsoleError>> {
        let Ok(prompt) = PromptText::try_from(prompt) else {
            return Deferrable::Now(Err(ConsoleError::PromptTooLong));
        };
        match self.waiting.keep() {
            Ok(()) => {}
            Err(KeepError::Occupied) => return Deferrable::Now(Err(ConsoleError::Busy)),
            Err(KeepError::NoPlace) => return Deferrable::Now(Err(ConsoleError::CannotWait)),
        }
        if let Some(line) = self.terminal.start_read(prompt) {
            self.waiting.answer(&line);
        }
        Deferrable::Later
    }

    fn statistics(&mut self) -> Statistics {
        self.terminal.statistics()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::fake::FakeUart;
    use ipc_abi::interface::{CallError, Failure, Local};
    use ipc_abi::service::console::{ConsoleClient, ConsoleInterface, PROMPT_BYTES};
    use std::string::String;
    use std::vec::Vec;

    /// A place that can be told what became of its caller.
    #[derive(Debug, Default)]
    struct FakePlace {
        is_occupied: bool,
        is_missing: bool,
        answers: Vec<String>,
    }

    impl Waiting for FakePlace {
        fn keep(&mut self) -> Result<(), KeepError> {
            if self.is_missing {
                return Err(KeepError::NoPlace);
            }
            if self.is_occupied {
                return Err(KeepError::Occupied);
            }
            self.is_occupied = true;
            Ok(())
        }

        fn answer(&mut self, line: &LineText) {
            if self.is_occupied {
                self.answers.push(line.as_str().into());
            }
            self.is_occupied = false;
        }
    }

    type FakeServer = Server<FakeUart, FakePlace>;

    fn server() -> FakeServer {
        Server::start(FakeUart::fast(), FakePlace::default())
    }

    fn enter(server: &mut FakeServer, bytes: &[u8]) {
        server.terminal.registers().arrive(bytes);
        server.serve_device();
    }

    #[test]
    fn a_reader_waits_while_writers_are_served() {
        let mut server = server();
        assert_eq!(server.read_line("> "), Deferrable::Later);
        assert_eq!(server.write(b"news\n"), Ok(()));
        assert!(server.waiting.answers.is_empty());
        enter(&mut server, b"line\r");
        assert_eq!(server.waiting.answers, ["line"]);
    }

    #[test]
    fn a_line_typed_ahead_is_answered_at_once() {
        let mut server = server();
        enter(&mut server, b"early\r");
        assert_eq!(server.read_line("> "), Deferrable::Later);
        assert_eq!(server.waiting.answers, ["early"]);
    }

    #[test]
    fn a_second_reader_is_refused_until_the_first_has_its_line() {
        let mut server = server();
        assert_eq!(server.read_line("> "), Deferrable::Later);
        assert_eq!(
            server.read_line("> "),
            Deferrable::Now(Err(ConsoleError::Busy))
        );
        enter(&mut server, b"\r");
        assert_eq!(server.read_line("> "), Deferrable::Later);
    }

    #[test]
    fn the_successor_of_a_dead_reader_starts_afresh() {
        let mut server = server();
        assert_eq!(server.read_line("> "), Deferrable::Later);
        enter(&mut server, b"half a li");
        server.waiting.is_occupied = false;
        assert_eq!(server.read_line("> "), Deferrable::Later);
        enter(&mut server, b"whole\r");
        assert_eq!(server.waiting.answers, ["whole"]);
    }

    #[test]
    fn without_a_place_nobody_waits() {
        let mut server = server();
        server.waiting.is_missing = true;
        assert_eq!(
            server.read_line("> "),
            Deferrable::Now(Err(ConsoleError::CannotWait))
        );
        assert!(!server.terminal.is_reading());
    }

    #[test]
    fn one_byte_past_each_limit_is_refused() {
        let mut server = server();
        assert_eq!(server.write(&[b'x'; WRITE_BYTES]), Ok(()));
        assert_eq!(
            server.write(&[b'x'; WRITE_BYTES + 1]),
            Err(ConsoleError::TextTooLong)
        );
        let prompt = "x".repeat(PROMPT_BYTES + 1);
        let refusal = Deferrable::Now(Err(ConsoleError::PromptTooLong));
        assert_eq!(server.read_line(&prompt), refusal);
        assert_eq!(server.read_line(&prompt[1..]), Deferrable::Later);
    }

    #[test]
    fn clients_get_through_by_the_interface() {
        let mut local = Local::<ConsoleInterface, _>::new(server());
        let mut client = ConsoleClient::new(&mut local);
        assert_eq!(client.write(b"hello"), Ok(()));
        assert_eq!(
            client.read_line("> "),
            Err(Failure::Call(CallError::Deferred))
        );
        assert_eq!(
            client.read_line("> "),
            Err(Failure::Service(ConsoleError::Busy))
        );
        assert_eq!(client.statistics(), Ok(Statistics::default()));
        let text = local.server().terminal.registers().take_text();
        assert_eq!(text, "hello\r\n> ");
    }
}
