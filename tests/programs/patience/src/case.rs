//! The cases.

use test_kit::{Fact, Failure, Printer};
use userlib::Environment;
use userlib::time::{Duration, sleep};

use crate::service::{Errand, WORD_BYTES};
use crate::stage::{GUESTS, Stage};

/// A case: its name, and what it does.
type Case = (&'static str, fn(&mut Stage) -> Fact);

const CASES: &[Case] = &[
    ("who_sleeps_delays_nobody", who_sleeps_delays_nobody),
    ("word_outlives_the_wait", word_outlives_the_wait),
    ("dead_client_has_no_task", dead_client_has_no_task),
    ("client_that_gave_up_has_no_task", client_that_gave_up),
    ("one_task_too_many_is_refused", one_task_too_many),
    ("room_is_made_of_who_gave_up", room_is_made),
    ("one_client_has_its_limit", one_client_has_its_limit),
    ("interrupt_is_awaited", interrupt_is_awaited),
    ("server_dies_with_tasks", server_dies_with_tasks),
];

/// Runs all.
pub(crate) fn run(environment: &Environment) {
    let mut printer = Printer::new(environment);
    let mut stage = match Stage::find(environment) {
        Ok(stage) => stage,
        Err(error) => panic!("nobody to test: {error}"),
    };
    for (name, case) in CASES {
        let fact = stage.begin().and_then(|()| case(&mut stage));
        printer.report(name, fact);
    }
    printer.end();
    let refused = stage.supervisor.halt();
    panic!("the machine is still on: {refused:?}");
}

const fn nap(milliseconds: u64, byte: u8, length: u16) -> Errand {
    Errand::Nap {
        milliseconds,
        byte,
        length,
    }
}

/// The first to go to sleep is the last to wake, and meanwhile others are answered.
fn who_sleeps_delays_nobody(stage: &mut Stage) -> Fact {
    stage.send(0, nap(1500, 1, 3))?;
    stage.wait_until(1, 0)?;
    stage.send(1, nap(100, 2, 3))?;
    stage.expect(1, "6")?;
    let look = stage.look()?;
    Failure::unless_same("who is inside", look.inside, 1)?;
    let awake = u32::from(look.last_awake);
    Failure::unless_same("who is awake", awake, stage.number_of("guest-2")?)?;
    stage.expect(0, "3")?;
    stage.wait_until(0, 0).map(drop)
}

/// Long requests, each of which comes through the same message buffer.
fn word_outlives_the_wait(stage: &mut Stage) -> Fact {
    let length = u16::try_from(WORD_BYTES).unwrap_or(u16::MAX);
    stage.send(0, nap(200, 1, length))?;
    stage.wait_until(1, 0)?;
    stage.send(1, nap(100, 2, length - 1))?;
    stage.wait_until(2, 0)?;
    stage.send(2, nap(0, 3, length))?;
    stage.expect(2, "3000")?;
    stage.expect(1, "1998")?;
    stage.expect(0, "1000")
}

fn dead_client_has_no_task(stage: &mut Stage) -> Fact {
    let deaths = stage.look()?.deaths;
    stage.send(0, Errand::Pass)?;
    stage.send(1, Errand::Pass)?;
    stage.wait_until(2, 0)?;
    stage.kill_guest(0)?;
    let look = stage.wait_until(1, 1)?;
    Failure::unless_same("deaths", look.deaths, deaths + 1)?;
    // Its successor, which has its number, is served as anybody.
    stage.send(0, Errand::Pass)?;
    stage.wait_until(2, 1)?;
    open(stage)?;
    stage.expect_passed(0)?;
    stage.expect_passed(1)
}

fn client_that_gave_up(stage: &mut Stage) -> Fact {
    stage.send(0, Errand::PassWithin { milliseconds: 50 })?;
    stage.send(1, Errand::Pass)?;
    stage.expect(0, "TimedOut")?;
    stage.wait_until(1, 1)?;
    open(stage)?;
    stage.expect_passed(1)
}

fn one_task_too_many(stage: &mut Stage) -> Fact {
    let (last, others) = (GUESTS - 1, 0..GUESTS - 1);
    for guest in others.clone() {
        stage.send(guest, Errand::Pass)?;
    }
    stage.wait_until(3, 0)?;
    stage.send(last, Errand::Pass)?;
    stage.expect(last, "NoPlace")?;
    stage.wait_until(3, 1)?;
    // What does not wait is done all the same.
    stage.send(last, nap(0, 1, 5))?;
    stage.expect(last, "5")?;
    open(stage)?;
    for guest in others {
        stage.expect_passed(guest)?;
    }
    Ok(())
}

/// Nothing happens at the server between the time at which all give up and the next call.
fn room_is_made(stage: &mut Stage) -> Fact {
    for guest in 0..GUESTS - 1 {
        stage.send(guest, Errand::PassWithin { milliseconds: 100 })?;
    }
    for guest in 0..GUESTS - 1 {
        stage.expect(guest, "TimedOut")?;
    }
    stage.send(GUESTS - 1, Errand::Pass)?;
    stage.wait_until(1, 3)?;
    open(stage)?;
    stage.expect_passed(GUESTS - 1)
}

fn one_client_has_its_limit(stage: &mut Stage) -> Fact {
    for _ in 0..3 {
        let sent = stage.patience.doze(1000);
        sent.map_err(|_| Failure::from("it is not sent"))?;
    }
    stage.wait_until(2, 1)?;
    stage.send(0, Errand::Pass)?;
    stage.wait_until(3, 1)?;
    open(stage)?;
    stage.expect_passed(0)?;
    stage.wait_until(0, 1).map(drop)
}

fn interrupt_is_awaited(stage: &mut Stage) -> Fact {
    stage.send(0, Errand::Pass)?;
    stage.wait_until(1, 0)?;
    for _ in 0..3 {
        let came = stage.patience.interrupt();
        Failure::unless_same("the interrupt", came, Ok(true))?;
    }
    open(stage)?;
    stage.expect_passed(0)
}

fn server_dies_with_tasks(stage: &mut Stage) -> Fact {
    stage.send(0, Errand::Pass)?;
    stage.send(1, nap(60_000, 1, 1))?;
    stage.wait_until(2, 0)?;
    stage.kill("patience")?;
    stage.expect(0, "Died")?;
    stage.expect(1, "Died")?;
    stage.forget();
    stage.wait_until(0, 0)?;
    stage.send(0, Errand::Pass)?;
    stage.send(1, nap(10, 1, 7))?;
    stage.expect(1, "7")?;
    stage.wait_until(1, 0)?;
    open(stage)?;
    stage.expect_passed(0)
}

/// Opens the door.
fn open(stage: &mut Stage) -> Fact {
    let opened = stage.patience.open();
    opened.map_err(|_| Failure::from("the door stays shut"))?;
    // Whoever passes is answered after whoever opens.
    sleep(Duration::from_millis(1));
    Ok(())
}
