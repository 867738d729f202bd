//! The fields that the two paths may leave different: the table "Dead fields" of
//! `microkernel/README.md`, which is the only place where they are written down.
//!
//! Each row that concerns a message call is joined here to the words that it means in the states
//! after one. A row that is not known here, or one that is missing there, is an error.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use pecan_core::object::{core_state, thread};

use crate::scenario::{Route, Scenario};
use crate::store::{Place, physical};

/// Where the table begins.
const HEADING: &str = "## Dead fields";

/// The rows, as they stand there, and the words that they allow to differ after a message call.
const ROWS: [(&str, Allows); 8] = [
    // Neither path writes it.
    (
        "| Thread `CONTEXT` | the thread waits for a reply, receives, or is current |",
        nothing,
    ),
    (
        "| Thread `PSTATE`, `X[0]` to `X[18]` | the thread waits for a message (they are written with it) |",
        frame_of_waiter,
    ),
    (
        "| Thread `PC`, `SP`, `POINTER`, `PSTATE`, `X` | the thread is current, and user code runs |",
        frame_of_next,
    ),
    (
        "| Thread `NEXT`, `PREV`, `BAND` | the thread is in no queue |",
        queue_of_next,
    ),
    (
        "| Thread `SENDING`, `BADGE` | the thread is in no queue of senders and has no fault |",
        message_of_caller,
    ),
    (
        "| Thread `SENT_THROUGH`, `WINDOW` | the thread waits for no message |",
        wishes_of_next,
    ),
    // Neither path writes it.
    (
        "| SchedulingContext `RUNNING` | the context is current |",
        nothing,
    ),
    (
        "| Core `CURRENT` | user code runs: then `SP_EL1` is the current thread |",
        current,
    ),
];

type Allows = fn(&Scenario, &mut Vec<Place>);

/// Compares the rows with those of the README.
pub(crate) fn check(readme: &Path) -> Result<usize> {
    let text = std::fs::read_to_string(readme)
        .with_context(|| format!("cannot read {}", readme.display()))?;
    let section = text.split(HEADING).nth(1);
    let section = section.with_context(|| format!("{} has no `{HEADING}`", readme.display()))?;
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'));
    let written: BTreeSet<&str> = rows.collect();
    let known: BTreeSet<&str> = ROWS.iter().map(|row| row.0).collect();
    ensure!(
        written == known,
        "the table of dead fields is another one: {:#?}",
        written.symmetric_difference(&known)
    );
    Ok(ROWS.len())
}

/// The words that may differ after a scenario, in order.
pub(crate) fn places(scenario: &Scenario) -> Vec<Place> {
    let mut places = Vec::new();
    for (_, allows) in ROWS {
        allows(scenario, &mut places);
    }
    places.sort_unstable();
    places.dedup();
    places
}

fn nothing(_scenario: &Scenario, _places: &mut Vec<Place>) {}

fn add(places: &mut Vec<Place>, number: u64, words: impl IntoIterator<Item = usize>) {
    let found = words.into_iter().map(|word| Place(physical(number, word)));
    places.extend(found);
}

/// The thread that made the call waits: for a reply, or for the next message.
fn frame_of_waiter(scenario: &Scenario, places: &mut Vec<Place>) {
    let first = thread::X.word();
    add(places, scenario.cast.current, [thread::PSTATE.word()]);
    add(places, scenario.cast.current, first..=first + 18);
}

/// The partner goes on: its registers are in the processor.
fn frame_of_next(scenario: &Scenario, places: &mut Vec<Place>) {
    let fields = [thread::PC, thread::SP, thread::POINTER, thread::PSTATE];
    let first = thread::X.word();
    add(
        places,
        scenario.cast.partner,
        fields.map(|field| field.word()),
    );
    add(places, scenario.cast.partner, first..=first + 30);
}

fn queue_of_next(scenario: &Scenario, places: &mut Vec<Place>) {
    let fields = [thread::NEXT, thread::PREV, thread::BAND];
    add(
        places,
        scenario.cast.partner,
        fields.map(|field| field.word()),
    );
    // A caller is in no queue either.
    if scenario.route == Route::Call {
        add(
            places,
            scenario.cast.current,
            fields.map(|field| field.word()),
        );
    }
}

/// That the partner of a reply has no fault is what its `SENDING` says: that is not dead.
fn message_of_caller(scenario: &Scenario, places: &mut Vec<Place>) {
    let fields = [thread::SENDING, thread::BADGE].map(|field| field.word());
    add(places, scenario.cast.current, fields);
}

fn wishes_of_next(scenario: &Scenario, places: &mut Vec<Place>) {
    let fields = [thread::SENT_THROUGH, thread::WINDOW].map(|field| field.word());
    add(places, scenario.cast.partner, fields);
}

fn current(scenario: &Scenario, places: &mut Vec<Place>) {
    add(places, scenario.cast.core, [core_state::CURRENT.word()]);
}
