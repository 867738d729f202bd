//! Talking with the harness: how much is to be done, and when it may look at memory.

use ipc_abi::service::console::ConsoleClient;
use userlib::{Environment, Gate, read_cycles};

use crate::world::World;

/// The harness.
pub struct Harness {
    console: ConsoleClient<Gate>,
    moment: u64,
}

impl Harness {
    /// Finds the console.
    ///
    /// # Panics
    ///
    /// If the program may not call it.
    #[must_use]
    pub fn new(environment: &Environment) -> Harness {
        match environment.gate("console") {
            Ok(gate) => Harness {
                console: ConsoleClient::new(gate),
                moment: 0,
            },
            Err(error) => panic!("nobody to ask: {error}"),
        }
    }

    /// Asks for a number.
    ///
    /// # Panics
    ///
    /// If the answer is none.
    pub fn ask(&mut self, question: &str) -> u64 {
        let Ok(line) = self.console.read_line(question) else {
            panic!("the console reads no line");
        };
        match line.trim().parse() {
            Ok(number) => number,
            Err(_) => panic!("{line:?} is no number"),
        }
    }

    /// Tells something.
    ///
    /// # Panics
    ///
    /// If the console does not take it.
    pub fn tell(&mut self, text: &str) {
        let written = self.console.write(text.as_bytes());
        assert!(written.is_ok(), "the console does not write: {written:?}");
    }

    /// Is quiet for so many cycles, so that the harness can look. Nothing is printed: that would change the
    /// console's memory.
    pub fn be_quiet(&mut self, world: &mut World, cycles: u64) {
        self.moment += 1;
        world.tell_quiet(self.moment);
        let start = read_cycles();
        while read_cycles().wrapping_sub(start) < cycles {}
        world.tell_quiet(0);
    }
}
