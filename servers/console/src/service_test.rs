use std::string::String;

use ipc_abi::interface::{CallError, Failure, Local};
use ipc_abi::manifest::Badge;
use ipc_abi::service::console::{ConsoleClient, ConsoleInterface, PROMPT_BYTES};

use super::*;
use crate::fake::FakeUart;

#[derive(Debug, Default)]
struct FakeSystem {
    acknowledged: u64,
}

impl System for FakeSystem {
    fn acknowledge(&mut self, bits: u64) {
        self.acknowledged |= bits;
    }
}

type Way = Local<ConsoleInterface, Server<FakeUart, FakeSystem>>;

/// The number of the client that reads.
const READER: u8 = 3;

fn way() -> Way {
    let server = Server::start(FakeUart::fast(), FakeSystem::default());
    Local::new(server).with_badge(Badge::new(READER, 0))
}

fn enter(way: &mut Way, bytes: &[u8]) {
    way.server().terminal.registers().arrive(bytes);
    way.server().on_signal(1);
}

fn read(way: &mut Way) -> Result<LineText, Failure<ConsoleError>> {
    ConsoleClient::new(way).read_line("> ")
}

/// The line that a waiting reader got meanwhile.
fn late_line(way: &mut Way) -> Option<String> {
    let answer = way.take_answer()?;
    let line = ConsoleClient::new(answer).read_line("");
    Some(line.expect("it is a line").as_str().into())
}

const WAITS: Result<LineText, Failure<ConsoleError>> = Err(Failure::Call(CallError::Deferred));

#[test]
fn a_reader_waits_while_writers_are_served() {
    let mut way = way();
    assert_eq!(read(&mut way), WAITS);
    assert_eq!(ConsoleClient::new(&mut way).write(b"news\n"), Ok(()));
    assert_eq!(late_line(&mut way), None);
    enter(&mut way, b"line\r");
    assert_eq!(late_line(&mut way).as_deref(), Some("line"));
}

#[test]
fn a_line_typed_ahead_is_answered_at_once() {
    let mut way = way();
    enter(&mut way, b"early\r");
    assert_eq!(read(&mut way).as_deref(), Ok("early"));
}

#[test]
fn a_second_reader_is_refused_until_the_first_has_its_line() {
    let mut way = way();
    assert_eq!(read(&mut way), WAITS);
    assert_eq!(read(&mut way), Err(Failure::Service(ConsoleError::Busy)));
    enter(&mut way, b"\r");
    assert_eq!(late_line(&mut way).as_deref(), Some(""));
    assert_eq!(read(&mut way), WAITS);
}

#[test]
fn the_successor_of_a_dead_reader_starts_afresh() {
    let mut way = way();
    assert_eq!(read(&mut way), WAITS);
    enter(&mut way, b"half a li");
    way.disconnect(READER);
    assert_eq!(read(&mut way), WAITS);
    enter(&mut way, b"whole\r");
    assert_eq!(late_line(&mut way).as_deref(), Some("whole"));
    assert_eq!(late_line(&mut way), None);
}

#[test]
fn a_reader_that_is_told_to_be_dead_gives_its_turn_away() {
    let mut way = way();
    assert_eq!(read(&mut way), WAITS);
    way.server().on_disconnect(READER + 1);
    assert_eq!(read(&mut way), Err(Failure::Service(ConsoleError::Busy)));
    way.server().on_disconnect(READER);
    assert_eq!(read(&mut way), WAITS);
}

#[test]
fn without_a_place_nobody_waits() {
    let mut way = way().with_places(0);
    let refusal = CallError::Protocol(ipc_abi::interface::ProtocolError::NoPlace);
    assert_eq!(read(&mut way), Err(Failure::Call(refusal)));
    assert!(!way.server().terminal.is_reading());
}

#[test]
fn interrupts_are_acknowledged_after_the_device_was_served() {
    let mut way = way();
    way.server().on_signal(0b101);
    assert_eq!(way.server().system.acknowledged, 0b101);
}

#[test]
fn one_byte_past_each_limit_is_refused() {
    let mut way = way();
    let mut client = ConsoleClient::new(&mut way);
    assert_eq!(client.write(&[b'x'; WRITE_BYTES]), Ok(()));
    let refusal = Err(Failure::Service(ConsoleError::TextTooLong));
    assert_eq!(client.write(&[b'x'; WRITE_BYTES + 1]), refusal);
    let prompt = "x".repeat(PROMPT_BYTES + 1);
    let refusal = Err(Failure::Service(ConsoleError::PromptTooLong));
    assert_eq!(client.read_line(&prompt), refusal);
    assert_eq!(client.read_line(&prompt[1..]), WAITS);
}

#[test]
fn clients_get_through_by_the_interface() {
    let mut way = way();
    let mut client = ConsoleClient::new(&mut way);
    assert_eq!(client.write(b"hello"), Ok(()));
    assert_eq!(client.read_line("> "), WAITS);
    assert_eq!(client.statistics(), Ok(Statistics::default()));
    let text = way.server().terminal.registers().take_text();
    assert_eq!(text, "hello\r\n> ");
}
