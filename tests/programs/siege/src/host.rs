//! Talking with the harness: how many calls there are to be, and when it may look.

use ipc_abi::service::console::ConsoleClient;
use test_kit::World;
use userlib::{Environment, Gate, read_cycles};

/// Cycles of quiet: two seconds of the emulator's.
const QUIET_CYCLES: u64 = 2_000_000_000;

/// The harness.
pub(crate) struct Host {
    console: ConsoleClient<Gate>,
    moment: u64,
}

impl Host {
    /// Finds the console.
    pub(crate) fn new(environment: &Environment) -> Host {
        match environment.gate("console") {
            Ok(gate) => Host {
                console: ConsoleClient::new(gate),
                moment: 0,
            },
            Err(error) => panic!("nobody to ask: {error}"),
        }
    }

    /// Asks how many calls there are to be.
    pub(crate) fn ask_calls(&mut self) -> u64 {
        let Ok(line) = self.console.read_line("siege: how many calls? ") else {
            panic!("the console reads no line");
        };
        match line.trim().parse() {
            Ok(calls) => calls,
            Err(_) => panic!("{line:?} is no number"),
        }
    }

    /// Tells something.
    pub(crate) fn tell(&mut self, text: &str) {
        let written = self.console.write(text.as_bytes());
        assert!(written.is_ok(), "the console does not write: {written:?}");
    }

    /// Is quiet for a while, so that the harness can look. Nothing is printed: that would change the
    /// console's memory.
    pub(crate) fn be_quiet(&mut self, world: &mut World) {
        self.moment += 1;
        world.tell_quiet(self.moment);
        let start = read_cycles();
        while read_cycles().wrapping_sub(start) < QUIET_CYCLES {}
        world.tell_quiet(0);
    }
}
