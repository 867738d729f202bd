//! Telling the harness what became of each case, a line for each.
//!
//! ```text
//! pass NAME
//! fail NAME: why
//! note NAME: what was found
//! end PASSED FAILED
//! ```

use alloc::format;
use alloc::string::String;

use ipc_abi::service::console::ConsoleClient;
use userlib::{Environment, Gate};

use crate::failure::Fact;
use crate::world::World;

/// Prints verdicts through the console service.
pub struct Printer {
    console: ConsoleClient<Gate>,
    passed: u32,
    failed: u32,
}

impl Printer {
    /// Finds the console.
    ///
    /// # Panics
    ///
    /// If the program may not call it.
    #[must_use]
    pub fn new(environment: &Environment) -> Printer {
        match environment.gate("console") {
            Ok(gate) => Printer {
                console: ConsoleClient::new(gate),
                passed: 0,
                failed: 0,
            },
            Err(error) => panic!("nobody to tell: {error}"),
        }
    }

    /// Prints a line.
    ///
    /// # Panics
    ///
    /// If the console does not take it.
    pub fn print(&mut self, line: &str) {
        let written = self.console.write(format!("{line}\n").as_bytes());
        assert!(written.is_ok(), "the console does not write: {written:?}");
    }

    /// Tells what a case has noted.
    pub fn print_notes(&mut self, name: &str, world: &mut World) {
        for note in core::mem::take(&mut world.notes) {
            self.print(&format!("note {name}: {note}"));
        }
    }

    /// Tells what became of a case.
    pub fn report(&mut self, name: &str, fact: Fact) {
        match fact {
            Ok(()) => {
                self.passed += 1;
                self.print(&format!("pass {name}"));
            }
            Err(why) => {
                self.failed += 1;
                self.print(&format!("fail {name}: {}", why.0));
            }
        }
    }

    /// Tells that all cases were run.
    pub fn end(&mut self) {
        let line = format!("end {} {}", self.passed, self.failed);
        self.print(&line);
    }
}

impl World {
    /// Notes what is to be told beside whether the case holds.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }
}
