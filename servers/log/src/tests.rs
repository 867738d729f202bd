use std::collections::VecDeque;
use std::vec::Vec;

use ipc_abi::interface::{Batch, Caller, Local, Mishap, Promise};
use ipc_abi::service::console::{Console, ConsoleInterface, LineText, Statistics};
use ipc_abi::service::supervisor::{
    LogLevel, MemoryInfo, ProcessInfo, SlotInfo, Supervisor, SupervisorInterface,
};

use super::*;

struct Lines(VecDeque<Line>);

impl Supervisor for Lines {
    fn processes(&mut self, _batch: &mut Batch<'_, ProcessInfo>) {}

    fn memory(&mut self) -> MemoryInfo {
        MemoryInfo::default()
    }

    fn capabilities(
        &mut self,
        _process: u32,
        _batch: &mut Batch<'_, SlotInfo>,
    ) -> Result<(), SupervisorError> {
        Ok(())
    }

    fn halt(&mut self, _caller: Caller) -> Result<(), SupervisorError> {
        Err(SupervisorError::NotPermitted)
    }

    fn kill(&mut self, _caller: Caller, _number: u32) -> Result<(), SupervisorError> {
        Err(SupervisorError::NotPermitted)
    }

    fn say(&mut self, _caller: Caller, _level: LogLevel, _lost: u32, _text: &str) {}

    fn next_line(&mut self, _caller: Caller, promise: Promise<Result<Line, SupervisorError>>) {
        promise.answer(self.0.pop_front().ok_or(SupervisorError::NotPermitted));
    }
}

#[derive(Default)]
struct Screen(Vec<u8>);

impl Console for Screen {
    fn write(&mut self, text: &[u8]) -> Result<(), ConsoleError> {
        self.0.extend(text);
        Ok(())
    }

    fn read_line(&mut self, _prompt: &str, promise: Promise<Result<LineText, ConsoleError>>) {
        promise.answer(Err(ConsoleError::Busy));
    }

    fn statistics(&mut self) -> Statistics {
        Statistics::default()
    }
}

fn supervisor(lines: &[&str]) -> SupervisorClient<Local<SupervisorInterface, Lines>> {
    let lines = lines
        .iter()
        .map(|line| Line::try_from(*line).expect("it is short"));
    SupervisorClient::new(Local::new(Lines(lines.collect())))
}

/// A console that dies over its first calls.
fn dying(deaths: u32) -> Local<ConsoleInterface, Screen> {
    let script = (1..=deaths).map(|incarnation| Some(Mishap::DiesBefore(incarnation)));
    Local::new(Screen::default()).with_mishaps(script)
}

#[test]
fn lines_are_carried_in_order() {
    let mut supervisor = supervisor(&["a", "b"]);
    let mut screen = Local::<ConsoleInterface, _>::new(Screen::default());
    let mut console = ConsoleClient::new(&mut screen);
    assert_eq!(carry(&mut supervisor, &mut console), Ok(()));
    assert_eq!(carry(&mut supervisor, &mut console), Ok(()));
    let refused = End::Supervisor(Failure::Service(SupervisorError::NotPermitted));
    assert_eq!(carry(&mut supervisor, &mut console), Err(refused));
    assert_eq!(screen.server().0, b"a\nb\n");
}

#[test]
fn longest_line_is_carried_whole() {
    let long = "x".repeat(LINE_BYTES);
    let mut supervisor = supervisor(&[&long]);
    let mut screen = Local::<ConsoleInterface, _>::new(Screen::default());
    assert_eq!(
        carry(&mut supervisor, &mut ConsoleClient::new(&mut screen)),
        Ok(())
    );
    assert_eq!(screen.server().0.len(), LINE_BYTES + 1);
}

#[test]
fn line_is_offered_again_when_the_console_dies_over_it() {
    let mut mortal = dying(OFFERS_MAX - 1);
    let mut console = ConsoleClient::new(&mut mortal);
    assert_eq!(carry(&mut supervisor(&["a"]), &mut console), Ok(()));
    assert_eq!(mortal.server().0, b"a\n");
}

#[test]
fn one_death_too_many_is_the_end() {
    let mut mortal = dying(OFFERS_MAX);
    let mut console = ConsoleClient::new(&mut mortal);
    let died = End::Console(Failure::Call(CallError::Refused(Error::Died)));
    assert_eq!(carry(&mut supervisor(&["a"]), &mut console), Err(died));
}
