//! Messages and signals.

use ipc_abi::call::SystemCall;
use ipc_abi::error::Error;
use ipc_abi::tag::{MessageKind, Tag};

use super::{Actor, MAIN, SPACE, Stage, TABLE};
use crate::event::Event;
use crate::state::{Life, Wait};

/// A server that receives, at a higher priority, and a gate to it with badge 5.
fn served(stage: &mut Stage) -> (Actor, u64, u64) {
    let endpoint = stage.make(SystemCall::CreateEndpoint, &[]);
    let gate = stage.make(SystemCall::CreateGate, &[endpoint, 5]);
    let server = stage.actor(200);
    assert_eq!(stage.running(), server.thread);
    stage.message(SystemCall::Receive, endpoint, Tag::default(), 0);
    (server, endpoint, gate)
}

#[test]
fn a_call_takes_words_badge_and_time_along_and_the_reply_brings_them_back() {
    let mut stage = Stage::new();
    let (server, endpoint, gate) = served(&mut stage);
    let context = stage.state.running.unwrap().context;
    stage.message(SystemCall::Call, gate, Tag::new(3, 128), 40);
    assert_eq!(stage.running(), server.thread);
    assert_eq!(stage.state.running.unwrap().context, context);
    let x = |register| stage.x(server.thread, register);
    assert_eq!((x(0), x(15), x(17), x(18)), (40, 55, 5, 0));
    assert_eq!(stage.tag(server.thread), Tag::new(3, 128));
    stage.message(SystemCall::ReplyReceive, endpoint, Tag::new(9, 8), 70);
    assert_eq!(stage.running(), MAIN);
    assert_eq!((stage.x(MAIN, 0), stage.x(MAIN, 17)), (70, 0));
    assert_eq!(stage.tag(MAIN), Tag::new(9, 8));
}

#[test]
fn errors_come_in_the_order_in_which_things_are_checked() {
    let mut stage = Stage::new();
    let (_, endpoint, gate) = served(&mut stage);
    let forged = Tag::new(0, 0).with_kind(MessageKind::Fault);
    let long = Tag::new(0, 8).with_long();
    for (handle, tag, error) in [
        (0, forged, Error::BadHandle),
        (99, forged, Error::BadHandle),
        (1 << 40, forged, Error::BadHandle),
        (endpoint, forged, Error::WrongKind),
        (gate, forged, Error::BadArgument),
        (
            gate,
            Tag::new(0, 0).with_capabilities(5),
            Error::BadArgument,
        ),
        (gate, Tag::new(0, 4097).with_long(), Error::TooLong),
        (gate, long, Error::NoBuffer),
        (gate, Tag::new(0, 0).with_capabilities(1), Error::BadHandle),
    ] {
        let before = stage.state.clone();
        stage.message(SystemCall::Call, handle, tag, 40);
        assert_eq!(stage.refusal(MAIN), Some(error));
        assert_eq!(stage.x(MAIN, 3), 43, "the message stays");
        let registers = stage.state.threads[&MAIN].registers;
        let mut after = stage.state.clone();
        after.thread(MAIN).registers = before.threads[&MAIN].registers;
        assert_eq!(after, before, "an error changes nothing");
        assert_eq!(registers.x[18], 0);
    }
}

#[test]
fn a_capability_without_the_right_is_refused_before_a_dead_one() {
    let mut stage = Stage::new();
    let (_, _, gate) = served(&mut stage);
    let (weak, place) = stage.slot();
    assert_eq!(
        stage.call(SystemCall::CapabilityCopy, &[gate, place, 0xFE]),
        Ok(0)
    );
    stage.message(SystemCall::Call, weak, Tag::default(), 0);
    assert_eq!(stage.refusal(MAIN), Some(Error::NoRight));
    assert_eq!(stage.call(SystemCall::Destroy, &[gate]), Ok(0));
    stage.message(SystemCall::Call, weak, Tag::default(), 0);
    assert_eq!(stage.refusal(MAIN), Some(Error::NoRight));
    stage.message(SystemCall::Call, gate, Tag::default(), 0);
    assert_eq!(stage.refusal(MAIN), Some(Error::Stale));
}

#[test]
fn what_cannot_be_taken_is_refused_and_nothing_happens() {
    let mut stage = Stage::new();
    let (server, _, gate) = served(&mut stage);
    let x = &mut stage.state.thread(MAIN).registers.x;
    x[12] = gate;
    (x[16], x[17]) = (Tag::default().with_capabilities(1).into_raw(), gate);
    stage.event(Event::SystemCall(SystemCall::Call as u16));
    assert_eq!(stage.refusal(MAIN), Some(Error::NoSlots));
    assert!(matches!(
        stage.state.threads[&server.thread].wait,
        Wait::Receive(_)
    ));
    stage.message(SystemCall::Send, gate, Tag::default(), 1);
    assert_eq!(stage.tag(server.thread).kind(), Some(MessageKind::OneWay));
}

#[test]
fn polling_calls_do_not_wait() {
    let mut stage = Stage::new();
    let endpoint = stage.make(SystemCall::CreateEndpoint, &[]);
    let gate = stage.make(SystemCall::CreateGate, &[endpoint, 5]);
    let bits = stage.make(SystemCall::CreateNotification, &[]);
    for (call, handle) in [
        (SystemCall::TryCall, gate),
        (SystemCall::TrySend, gate),
        (SystemCall::TryReceive, endpoint),
        (SystemCall::TryWait, bits),
    ] {
        stage.message(call, handle, Tag::default(), 0);
        assert_eq!(stage.refusal(MAIN), Some(Error::WouldBlock));
    }
    stage.message(SystemCall::Reply, 0, Tag::default(), 0);
    assert_eq!(stage.refusal(MAIN), Some(Error::NoCaller));
    let reply = stage.make(SystemCall::CreateReply, &[]);
    stage.message(SystemCall::ReplyTo, reply, Tag::default(), 0);
    assert_eq!(stage.refusal(MAIN), Some(Error::NoCaller));
}

#[test]
fn a_saved_caller_is_answered_later_and_once() {
    let mut stage = Stage::new();
    let (server, _, gate) = served(&mut stage);
    let reply = stage.make(SystemCall::CreateReply, &[]);
    stage.message(SystemCall::Call, gate, Tag::default(), 40);
    assert_eq!(stage.call(SystemCall::SaveCaller, &[reply]), Ok(0));
    assert_eq!(stage.running(), server.thread);
    assert_eq!(
        stage.call(SystemCall::SaveCaller, &[reply]),
        Err(Error::InUse)
    );
    stage.message(SystemCall::ReplyTo, reply, Tag::new(1, 0), 50);
    stage.message(SystemCall::ReplyTo, reply, Tag::new(1, 0), 60);
    assert_eq!(stage.refusal(server.thread), Some(Error::NoCaller));
    stage.let_run(MAIN);
    assert_eq!(stage.x(MAIN, 0), 50);
}

#[test]
fn bits_are_taken_all_at_once_by_one_waiter() {
    let mut stage = Stage::new();
    let bits = stage.make(SystemCall::CreateNotification, &[]);
    let gates = [1, 4].map(|it| stage.make(SystemCall::CreateGate, &[bits, it]));
    for gate in gates {
        assert_eq!(stage.call(SystemCall::Signal, &[gate]), Ok(0));
    }
    stage.message(SystemCall::Wait, bits, Tag::default(), 9);
    assert_eq!((stage.x(MAIN, 0), stage.x(MAIN, 1)), (5, 0));
    let other = stage.actor(200);
    stage.message(SystemCall::Wait, bits, Tag::default(), 9);
    stage.message(SystemCall::Wait, bits, Tag::default(), 9);
    assert_eq!(stage.refusal(MAIN), Some(Error::InUse));
    assert_eq!(
        stage.x(MAIN, 0),
        0,
        "wait leaves no message in the registers"
    );
    assert_eq!(stage.call(SystemCall::Signal, &[gates[1]]), Ok(0));
    assert_eq!(
        (stage.running(), stage.x(other.thread, 0)),
        (other.thread, 4)
    );
}

#[test]
fn a_bound_notification_ends_receive_before_any_message() {
    let mut stage = Stage::new();
    let (server, endpoint, gate) = served(&mut stage);
    let bits = stage.make(SystemCall::CreateNotification, &[]);
    let signal = stage.make(SystemCall::CreateGate, &[bits, 2]);
    assert_eq!(
        stage.call(SystemCall::ThreadBind, &[server.handle, bits]),
        Ok(0)
    );
    assert_eq!(
        stage.call(SystemCall::ThreadBind, &[server.handle, bits]),
        Err(Error::InUse)
    );
    assert_eq!(stage.call(SystemCall::Signal, &[signal]), Ok(0));
    assert_eq!(stage.tag(server.thread).kind(), Some(MessageKind::Signal));
    stage.message(SystemCall::Receive, endpoint, Tag::default(), 0);
    stage.message(SystemCall::Call, gate, Tag::default(), 0);
    assert_eq!(stage.running(), server.thread);
    assert_eq!(stage.call(SystemCall::Signal, &[signal]), Ok(0));
    stage.message(SystemCall::Receive, endpoint, Tag::default(), 0);
    assert_eq!(stage.refusal(server.thread), Some(Error::CallerWaits));
    stage.message(SystemCall::ReplyReceive, endpoint, Tag::default(), 0);
    assert_eq!(
        (stage.running(), stage.x(server.thread, 0)),
        (server.thread, 2)
    );
}

#[test]
fn an_interrupt_comes_once_until_it_is_acknowledged() {
    let mut stage = Stage::new();
    let bits = stage.make(SystemCall::CreateNotification, &[]);
    let irq = stage.make(SystemCall::CreateIrq, &[super::LINES, 3]);
    stage.event(Event::Interrupt(3));
    assert_eq!(
        stage.call(SystemCall::IrqBind, &[irq, bits, 0]),
        Err(Error::BadArgument)
    );
    assert_eq!(stage.call(SystemCall::IrqBind, &[irq, bits, 8]), Ok(0));
    assert_eq!(
        stage.call(SystemCall::IrqBind, &[irq, bits, 8]),
        Err(Error::InUse)
    );
    stage.event(Event::Interrupt(3));
    assert!(stage.state.irqs[&stage.number(irq)].is_pending);
    stage.message(SystemCall::TryWait, bits, Tag::default(), 0);
    assert_eq!(stage.x(MAIN, 0), 8);
    assert_eq!(stage.call(SystemCall::IrqAcknowledge, &[irq]), Ok(0));
    assert!(!stage.state.irqs[&stage.number(irq)].is_pending);
}

#[test]
fn a_fault_is_a_call_whose_answer_says_how_to_go_on() {
    let mut stage = Stage::new();
    let (server, endpoint, gate) = served(&mut stage);
    let faulty = stage.actor(150);
    stage.let_run(faulty.thread);
    let fault = |stage: &mut Stage| {
        let cause = ipc_abi::fault::FaultCause::DataAbort;
        stage.event(Event::Fault {
            cause,
            address: 0x88,
            syndrome: 1,
        });
    };
    assert_eq!(
        stage.call(SystemCall::ThreadSetHandler, &[faulty.handle, gate]),
        Ok(0)
    );
    fault(&mut stage);
    let x = |register| stage.x(server.thread, register);
    assert_eq!(stage.running(), server.thread);
    assert_eq!((x(0), x(1), x(2), x(3), x(17)), (1, 0x1000, 0x88, 1, 5));
    stage.message(SystemCall::ReplyReceive, endpoint, Tag::new(77, 0), 0);
    assert_eq!(stage.refusal(server.thread), Some(Error::BadArgument));
    stage.message(SystemCall::ReplyReceive, endpoint, Tag::new(3, 0), 0);
    assert_eq!(stage.state.threads[&faulty.thread].registers.pc, 0x1004);
    fault(&mut stage);
    stage.message(SystemCall::ReplyReceive, endpoint, Tag::new(2, 0), 0);
    assert_eq!(stage.state.threads[&faulty.thread].life, Life::Stopped);
}

#[test]
fn a_thread_without_a_handler_stops_at_its_fault() {
    let mut stage = Stage::new();
    let faulty = stage.actor(150);
    stage.event(Event::SystemCall(999));
    let it = &stage.state.threads[&faulty.thread];
    assert_eq!((it.life, it.registers.pc), (Life::Stopped, 0x1000 - 4));
    assert_eq!(stage.running(), MAIN);
    assert_eq!(
        stage.call(SystemCall::ThreadInspect, &[faulty.handle]),
        Ok(7)
    );
}

#[test]
fn creation_checks_region_then_place_then_slot() {
    let mut stage = Stage::new();
    let free = stage.free_frame() * 64;
    let (_, place) = stage.slot();
    let create = SystemCall::CreateThread;
    for (region, number, place, error) in [
        (TABLE, 1, 0, Error::WrongKind),
        (1, free + 1, 0, Error::Misaligned),
        (1, 64, 0, Error::OutOfRange),
        (1, free, 0, Error::BadHandle),
        (1, free, TABLE << 32, Error::BadSlot),
        (1, free, TABLE << 32 | 256, Error::BadSlot),
        (1, free, TABLE << 32 | 1, Error::SlotOccupied),
        (1, free, place, Error::WrongKind),
    ] {
        assert_eq!(
            stage.call(create, &[region, number, place, SPACE, TABLE]),
            Err(error)
        );
    }
    assert_eq!(stage.call(create, &[1, free, place, TABLE, SPACE]), Ok(0));
    let (_, place) = stage.slot();
    let again = stage.call(create, &[1, free, place, TABLE, SPACE]);
    assert_eq!(again, Err(Error::NotFree));
    let other = stage.call(SystemCall::CreateGate, &[1, free + 32, place, 0, 0]);
    assert_eq!(
        other,
        Err(Error::NotFree),
        "a frame holds objects of one kind"
    );
    assert_eq!(
        stage.call(create, &[1, free + 32, place, TABLE, SPACE]),
        Ok(0)
    );
}
