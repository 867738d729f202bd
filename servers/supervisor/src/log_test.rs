//! Who may say lines, and who gets them.

use ipc_abi::interface::{CallError, Failure};
use ipc_abi::service::supervisor::{PERMISSION_SAY, SAY_BYTES, SupervisorClient};

use super::tests::{REPORT, Way, fault, lines, start};
use super::*;
use crate::host::boot;
use crate::sample::default_package;

/// Asks for the next line, as this client.
fn ask(way: &mut Way<'_>, number: u8, permission: u32) -> Result<Line, Failure<SupervisorError>> {
    way.call_as(Badge::new(number, 1 << permission));
    SupervisorClient::new(way).next_line()
}

/// The line that a waiting reader got meanwhile.
fn late_line(way: &mut Way<'_>) -> Option<Line> {
    let answer = way.take_answer()?;
    let line = SupervisorClient::new(answer).next_line();
    Some(line.expect("it is a line"))
}

const WAITS: Result<Line, Failure<SupervisorError>> = Err(Failure::Call(CallError::Deferred));

#[test]
fn lines_go_to_one_waiting_reader_or_are_kept() {
    let (machine, package) = (boot(), default_package());
    let mut way = Way::new(start(&machine, &package));
    let refused = |error| Err(Failure::Service(error));
    let stranger = ask(&mut way, 2, PERMISSION_HALT);
    assert_eq!(stranger, refused(SupervisorError::NotPermitted));
    assert_eq!(ask(&mut way, 2, PERMISSION_LOG), WAITS);
    let second = ask(&mut way, 2, PERMISSION_LOG);
    assert_eq!(second, refused(SupervisorError::Busy));
    way.server().on_fault(fault(1));
    way.server().on_fault(fault(1));
    let report = Line::try_from(REPORT).expect("it is short");
    assert_eq!(late_line(&mut way), Some(report.clone()));
    assert_eq!(ask(&mut way, 2, PERMISSION_LOG), Ok(report));
    assert_eq!(ask(&mut way, 2, PERMISSION_LOG), WAITS);
}

#[test]
fn line_that_the_reader_does_not_live_to_hear_is_kept() {
    let (machine, package) = (boot(), default_package());
    let mut way = Way::new(start(&machine, &package));
    assert_eq!(ask(&mut way, 1, PERMISSION_LOG), WAITS);
    way.disconnect(1);
    way.server().on_fault(fault(2));
    assert_eq!(lines(way.server()).len(), 2);
    // It is the reader itself that dies.
    assert_eq!(ask(&mut way, 1, PERMISSION_LOG), WAITS);
    way.server().on_fault(fault(1));
    assert_eq!(lines(way.server()), [REPORT]);
}

#[test]
fn successor_of_a_reader_that_gave_up_waits_in_its_place() {
    let (machine, package) = (boot(), default_package());
    let mut way = Way::new(start(&machine, &package));
    assert_eq!(ask(&mut way, 2, PERMISSION_LOG), WAITS);
    way.disconnect(2);
    assert_eq!(ask(&mut way, 2, PERMISSION_LOG), WAITS);
    way.server().on_fault(fault(1));
    assert_eq!(late_line(&mut way).as_deref(), Some(REPORT));
}

/// Says a line as this client.
fn say(way: &mut Way<'_>, number: u8, permission: u32, line: (LogLevel, &str)) {
    way.call_as(Badge::new(number, 1 << permission));
    let said = SupervisorClient::new(way).say(line.0, 0, line.1);
    assert_eq!(said, Ok(()), "nobody waits");
}

#[test]
fn process_says_lines_down_to_its_level_with_its_name() {
    let (machine, package) = (boot(), default_package());
    let mut way = Way::new(start(&machine, &package));
    let info = (LogLevel::Info, "counted\n\x1B[2J");
    say(&mut way, 1, PERMISSION_SAY, info);
    say(&mut way, 1, PERMISSION_SAY, (LogLevel::Debug, "too much"));
    say(
        &mut way,
        1,
        PERMISSION_LOG,
        (LogLevel::Error, "not permitted"),
    );
    say(
        &mut way,
        2,
        PERMISSION_SAY,
        (LogLevel::Error, "has no level"),
    );
    say(&mut way, 9, PERMISSION_SAY, (LogLevel::Error, "is nobody"));
    let longest = "x".repeat(SAY_BYTES);
    say(&mut way, 1, PERMISSION_SAY, (LogLevel::Error, &longest));
    let longest = alloc::format!("worker: error: {longest}");
    assert_eq!(
        lines(way.server()),
        ["worker: info: counted  [2J", longest.as_str()]
    );
}

#[test]
fn waiting_reader_gets_what_is_said_and_the_rest_is_counted() {
    let (machine, package) = (boot(), default_package());
    let mut way = Way::new(start(&machine, &package));
    assert_eq!(ask(&mut way, 2, PERMISSION_LOG), WAITS);
    for _ in 0..crate::log::SAID_MAX + 3 {
        say(&mut way, 1, PERMISSION_SAY, (LogLevel::Warn, "full"));
    }
    let first = late_line(&mut way);
    assert_eq!(first.as_deref(), Some("worker: warn: full"));
    let last = lines(way.server()).pop();
    assert_eq!(last.as_deref(), Some("worker: 2 lines were lost"));
}
