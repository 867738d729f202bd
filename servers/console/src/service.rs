//! The service: what clients ask, on a [`Terminal`].
//!
//! A reader's call is answered when its line is complete; until then the [`System`] keeps the caller,
//! and writers are served meanwhile. If the reader dies, its place is free for the next one: the
//! kernel lets go of a dead caller, and the new read starts the line afresh.

use ipc_abi::interface::Deferrable;
use ipc_abi::service::console::{
    Console, ConsoleError, LineText, PromptText, Statistics, WRITE_BYTES,
};

use userlib::Events;

use crate::pl011::Registers;
use crate::terminal::Terminal;

/// What the console needs of the system it runs on.
pub trait System {
    /// Keeps the caller that is being served, to be answered later.
    ///
    /// # Errors
    ///
    /// Why it was not kept; unless it is gone, it is still to be answered.
    fn keep_caller(&mut self) -> Result<(), KeepError>;

    /// Answers the caller that was kept; nothing happens if it is gone.
    fn answer_caller(&mut self, line: &LineText);

    /// Lets the interrupts that came as these signal bits come again.
    fn acknowledge(&mut self, bits: u64);
}

/// Why a caller was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepError {
    /// Another caller is kept, and is alive.
    Occupied,
    /// The caller is gone.
    Gone,
    /// There is no place at all.
    NoPlace,
}

/// The console server.
#[derive(Debug)]
pub struct Server<R, S> {
    terminal: Terminal<R>,
    system: S,
}

impl<R: Registers, S: System> Server<R, S> {
    /// Takes the device over.
    pub fn start(registers: R, system: S) -> Server<R, S> {
        Server {
            terminal: Terminal::start(registers),
            system,
        }
    }
}

impl<R: Registers, S: System> Events for Server<R, S> {
    fn on_signal(&mut self, bits: u64) {
        if let Some(line) = self.terminal.serve_device() {
            self.system.answer_caller(&line);
        }
        self.system.acknowledge(bits);
    }
}

impl<R: Registers, S: System> Console for Server<R, S> {
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
        match self.system.keep_caller() {
            Ok(()) => {}
            Err(KeepError::Gone) => return Deferrable::Later,
            Err(KeepError::Occupied) => return Deferrable::Now(Err(ConsoleError::Busy)),
            Err(KeepError::NoPlace) => return Deferrable::Now(Err(ConsoleError::CannotWait)),
        }
        if let Some(line) = self.terminal.start_read(prompt) {
            self.system.answer_caller(&line);
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

    /// A system that can be told what became of its caller.
    #[derive(Debug, Default)]
    struct FakeSystem {
        is_occupied: bool,
        refusal: Option<KeepError>,
        answers: Vec<String>,
        acknowledged: u64,
    }

    impl System for FakeSystem {
        fn keep_caller(&mut self) -> Result<(), KeepError> {
            if let Some(error) = self.refusal {
                return Err(error);
            }
            if self.is_occupied {
                return Err(KeepError::Occupied);
            }
            self.is_occupied = true;
            Ok(())
        }

        fn answer_caller(&mut self, line: &LineText) {
            if self.is_occupied {
                self.answers.push(line.as_str().into());
            }
            self.is_occupied = false;
        }

        fn acknowledge(&mut self, bits: u64) {
            self.acknowledged |= bits;
        }
    }

    type FakeServer = Server<FakeUart, FakeSystem>;

    fn server() -> FakeServer {
        Server::start(FakeUart::fast(), FakeSystem::default())
    }

    fn enter(server: &mut FakeServer, bytes: &[u8]) {
        server.terminal.registers().arrive(bytes);
        server.on_signal(1);
    }

    #[test]
    fn a_reader_waits_while_writers_are_served() {
        let mut server = server();
        assert_eq!(server.read_line("> "), Deferrable::Later);
        assert_eq!(server.write(b"news\n"), Ok(()));
        assert!(server.system.answers.is_empty());
        enter(&mut server, b"line\r");
        assert_eq!(server.system.answers, ["line"]);
    }

    #[test]
    fn a_line_typed_ahead_is_answered_at_once() {
        let mut server = server();
        enter(&mut server, b"early\r");
        assert_eq!(server.read_line("> "), Deferrable::Later);
        assert_eq!(server.system.answers, ["early"]);
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
        server.system.is_occupied = false;
        assert_eq!(server.read_line("> "), Deferrable::Later);
        enter(&mut server, b"whole\r");
        assert_eq!(server.system.answers, ["whole"]);
    }

    #[test]
    fn without_a_place_or_a_caller_nobody_waits() {
        let mut server = server();
        server.system.refusal = Some(KeepError::NoPlace);
        assert_eq!(
            server.read_line("> "),
            Deferrable::Now(Err(ConsoleError::CannotWait))
        );
        assert!(!server.terminal.is_reading());
        server.system.refusal = Some(KeepError::Gone);
        assert_eq!(server.read_line("> "), Deferrable::Later);
        assert!(!server.terminal.is_reading());
    }

    #[test]
    fn interrupts_are_acknowledged_after_the_device_was_served() {
        let mut server = server();
        server.on_signal(0b101);
        assert_eq!(server.system.acknowledged, 0b101);
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
