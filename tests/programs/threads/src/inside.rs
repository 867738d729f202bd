//! What else a program finds inside: random numbers, the screen as a stream.

use ipc_abi::service::console::ConsoleClient;
use test_kit::{Fact, Failure};
use userlib::Environment;
use userlib::io::{Screen, Write};
use userlib::random;

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    ("inside/random_numbers_differ", random_numbers_differ),
    ("inside/screen_takes_long_text", screen_takes_long_text),
];

/// More than the console takes at once.
const LONG: usize = 3000;

/// The seed is not that of the host, and the stream goes on.
fn random_numbers_differ(environment: &Environment) -> Fact {
    let unseeded = [0; 32];
    Failure::unless(environment.startup().seed != unseeded, "there is no seed")?;
    let (first, second) = (random::next_u64(), random::next_u64());
    Failure::unless(first != second, "the same number twice")?;
    let dice = (0..1000).map(|_| random::below(6));
    let faces = dice.fold(0_u64, |faces, die| faces | 1 << die);
    Failure::unless_same("faces of a die", faces, 0b11_1111)
}

fn screen_takes_long_text(environment: &Environment) -> Fact {
    let Ok(gate) = environment.gate("console") else {
        return Err(Failure::from("there is no console"));
    };
    let mut screen = Screen::new(ConsoleClient::new(gate));
    let written = writeln!(screen, "note threads: {}", "-".repeat(LONG));
    Failure::unless(written.is_ok(), "a long text was not written")
}
