//! The service: what clients ask, on a [`Terminal`].
//!
//! A reader's call is answered when its line is complete; writers are served meanwhile. If the reader
//! goes away, the next read starts the line afresh.

use ipc_abi::interface::Promise;
use ipc_abi::service::console::{
    Console, ConsoleError, LineText, PromptText, Statistics, WRITE_BYTES,
};

use userlib::Events;

use crate::pl011::Registers;
use crate::terminal::Terminal;

/// What the console needs of the system it runs on.
pub trait System {
    /// Lets the interrupts that came as these signal bits come again.
    fn acknowledge(&mut self, bits: u64);
}

/// The console server.
#[derive(Debug)]
pub struct Server<R, S> {
    terminal: Terminal<R>,
    reader: Option<Promise<Result<LineText, ConsoleError>>>,
    system: S,
}

impl<R: Registers, S: System> Server<R, S> {
    /// Takes the device over.
    pub fn start(registers: R, system: S) -> Server<R, S> {
        Server {
            terminal: Terminal::start(registers),
            reader: None,
            system,
        }
    }
}

impl<R: Registers, S: System> Events for Server<R, S> {
    fn on_signal(&mut self, bits: u64) {
        if let Some(line) = self.terminal.serve_device()
            && let Some(reader) = self.reader.take()
        {
            reader.answer(Ok(line));
        }
        self.system.acknowledge(bits);
    }

    fn on_disconnect(&mut self, client: u8) {
        let is_dead = |reader: &Promise<_>| reader.caller().client() == client;
        if self.reader.as_ref().is_some_and(is_dead) {
            self.reader = None;
        }
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

    fn read_line(&mut self, prompt: &str, promise: Promise<Result<LineText, ConsoleError>>) {
        let Ok(prompt) = PromptText::try_from(prompt) else {
            return promise.answer(Err(ConsoleError::PromptTooLong));
        };
        if self.reader.as_ref().is_some_and(|it| !it.is_abandoned()) {
            return promise.answer(Err(ConsoleError::Busy));
        }
        match self.terminal.start_read(prompt) {
            Some(line) => promise.answer(Ok(line)),
            None => self.reader = Some(promise),
        }
    }

    fn statistics(&mut self) -> Statistics {
        self.terminal.statistics()
    }
}

#[cfg(test)]
#[path = "service_test.rs"]
mod tests;
