//! Notifications and interrupts.

use ipc_abi::call::SystemCall;
use ipc_abi::capability::ThreadState;
use ipc_abi::error::Error;
use ipc_abi::tag::{MessageKind, Tag};
use test_kit::{Fact, Failure, Message, Received, World};

use super::{HIGH, Topic, call, function, receive, reply_receive, wait};

pub(super) const CASES: Topic = &[
    ("signals_merge", signals_merge),
    ("waiter_gets_the_bits", waiter_gets_the_bits),
    ("one_thread_waits", one_thread_waits),
    ("receiver_sees_bound_signals", receiver_sees_bound_signals),
    ("signals_come_before_messages", signals_come_before_messages),
    (
        "answer_is_given_before_signals_are_seen",
        answer_is_given_before_signals_are_seen,
    ),
    ("dead_notification_refuses", dead_notification_refuses),
    ("interrupts_are_bound_once", interrupts_are_bound_once),
    (
        "interrupt_lines_have_one_object",
        interrupt_lines_have_one_object,
    ),
    (
        "interrupt_comes_once_until_acknowledged",
        interrupt_comes_once_until_acknowledged,
    ),
];

/// What signals look like when they arrive.
fn expect_signals(found: &Received, bits: u64) -> Fact {
    let mut words = [0; 16];
    words[0] = bits;
    Failure::unless_same("the words", found.words, words)?;
    let tag = Tag::default().with_kind(MessageKind::Signal);
    Failure::unless_same("the tag", found.tag, tag)?;
    Failure::unless_same("the badge", found.badge, 0)
}

fn signals_merge(world: &mut World) -> Fact {
    let notification = world.notification()?;
    for bits in [1, 4, 4, 1 << 63] {
        let gate = world.gate(notification, bits)?;
        world.must(SystemCall::Signal, &[gate])?;
    }
    let found = world.must_message(SystemCall::Wait, &Message::to(notification, 1))?;
    expect_signals(&found, 1 << 63 | 5)?;
    let none = Message::to(notification, 1);
    world.refuse_message(SystemCall::TryWait, &none, Error::WouldBlock)?;
    let gate = world.gate(notification, 8)?;
    world.must(SystemCall::Signal, &[gate])?;
    let found = world.must_message(SystemCall::TryWait, &none)?;
    expect_signals(&found, 8)
}

fn waiter_gets_the_bits(world: &mut World) -> Fact {
    let notification = world.notification()?;
    let waiter = world.agent(HIGH)?;
    world.run(waiter, &[wait(notification), wait(notification)])?;
    for (index, bits) in [2, 6].into_iter().enumerate() {
        world.expect_inside(waiter, index)?;
        world.expect_state(waiter, ThreadState::Waiting)?;
        let gate = world.gate(notification, bits)?;
        world.must(SystemCall::Signal, &[gate])?;
        let found = world.received(waiter, index)?;
        expect_signals(&found, bits)?;
    }
    Ok(())
}

fn one_thread_waits(world: &mut World) -> Fact {
    let notification = world.notification()?;
    let waiter = world.agent(HIGH)?;
    world.run(waiter, &[wait(notification)])?;
    world.refuse_message(
        SystemCall::Wait,
        &Message::to(notification, 1),
        Error::InUse,
    )?;
    world.expect_inside(waiter, 0)
}

fn receiver_sees_bound_signals(world: &mut World) -> Fact {
    let (endpoint, notification) = (world.endpoint()?, world.notification()?);
    let gate = world.gate(notification, 3)?;
    let server = world.agent(HIGH)?;
    let thread = world.thread_of(server);
    world.must(SystemCall::ThreadBind, &[thread, notification])?;
    // One that comes while it waits, one that came before.
    world.run(server, &[receive(endpoint), receive(endpoint)])?;
    world.must(SystemCall::Signal, &[gate])?;
    let found = world.received(server, 0)?;
    expect_signals(&found, 3)?;
    world.expect_inside(server, 1)?;
    world.must(SystemCall::ThreadStop, &[thread])?;
    world.must(SystemCall::Signal, &[gate])?;
    world.run(server, &[receive(endpoint)])?;
    let found = world.received(server, 0)?;
    expect_signals(&found, 3)
}

fn signals_come_before_messages(world: &mut World) -> Fact {
    let (endpoint, notification) = (world.endpoint()?, world.notification()?);
    let (gate, signal) = (world.gate(endpoint, 7)?, world.gate(notification, 3)?);
    let (server, client) = (world.agent(HIGH)?, world.agent(HIGH)?);
    let thread = world.thread_of(server);
    world.run(client, &[call(gate, 5)])?;
    world.must(SystemCall::Signal, &[signal])?;
    world.must(SystemCall::ThreadBind, &[thread, notification])?;
    world.run(
        server,
        &[
            receive(endpoint),
            receive(endpoint),
            reply_receive(endpoint, 6),
        ],
    )?;
    let found = world.received(server, 0)?;
    expect_signals(&found, 3)?;
    let found = world.received(server, 1)?;
    Failure::unless_same("the badge", found.badge, 7)?;
    let found = world.received(client, 0)?;
    Failure::unless_same("the answer", found.words, Message::to(0, 6).words)
}

fn answer_is_given_before_signals_are_seen(world: &mut World) -> Fact {
    let (endpoint, notification) = (world.endpoint()?, world.notification()?);
    let (gate, signal) = (world.gate(endpoint, 7)?, world.gate(notification, 3)?);
    let (server, client) = (world.agent(HIGH)?, world.agent(HIGH)?);
    let thread = world.thread_of(server);
    world.must(SystemCall::ThreadBind, &[thread, notification])?;
    let signalling = function(SystemCall::Signal, &[signal]);
    world.run(
        server,
        &[receive(endpoint), signalling, reply_receive(endpoint, 6)],
    )?;
    world.run(client, &[call(gate, 5)])?;
    let found = world.received(server, 2)?;
    expect_signals(&found, 3)?;
    let found = world.received(client, 0)?;
    Failure::unless_same("the answer", found.words, Message::to(0, 6).words)
}

fn dead_notification_refuses(world: &mut World) -> Fact {
    let notification = world.notification()?;
    let gates = [
        world.gate(notification, 1)?,
        world.gate(notification, 2)?,
        world.gate(notification, 4)?,
    ];
    let waiter = world.agent(HIGH)?;
    world.run(waiter, &[wait(notification)])?;
    world.destroy(notification)?;
    world.expect_refused(waiter, 0, Error::Died)?;
    // At once, and when every link to it is gone.
    for _ in 0..3 {
        for gate in gates {
            world.refuse(SystemCall::Signal, &[gate], Error::Died)?;
        }
    }
    Ok(())
}

fn interrupts_are_bound_once(world: &mut World) -> Fact {
    let line = world.spare_line()?;
    let (irq, notification) = (world.irq(line)?, world.notification()?);
    let bind = SystemCall::IrqBind;
    world.refuse(bind, &[irq, notification, 0], Error::BadArgument)?;
    world.must(bind, &[irq, notification, 1])?;
    world.refuse(bind, &[irq, notification, 1], Error::InUse)?;
    // When the notification dies, the line can be bound again.
    world.destroy(notification)?;
    let other = world.notification()?;
    for _ in 0..8 {
        world.must(SystemCall::Null, &[])?;
        world.must(SystemCall::Yield, &[])?;
    }
    world.must(bind, &[irq, other, 1]).map(|_| ())
}

fn interrupt_lines_have_one_object(world: &mut World) -> Fact {
    let own = world.authority;
    let line = world.spare_line()?;
    let irq = world.irq(line)?;
    let object = world.object(ipc_abi::capability::Kind::Irq, 1);
    let slot = world.slot();
    let place = world.place(slot);
    let create = SystemCall::CreateIrq;
    let memory = own.memory;
    world.refuse(
        create,
        &[memory, object, place, own.irqs, line],
        Error::Exhausted,
    )?;
    world.refuse(
        create,
        &[memory, object, place, own.asids, line],
        Error::BadArgument,
    )?;
    world.refuse(
        create,
        &[memory, object, place, own.time, line],
        Error::BadArgument,
    )?;
    for bad in [1024, u64::MAX] {
        world.refuse(
            create,
            &[memory, object, place, own.irqs, bad],
            Error::OutOfRange,
        )?;
    }
    world.destroy(irq)?;
    world
        .must(create, &[memory, object, place, own.irqs, line])
        .map(|_| ())
}

/// Registers of the real-time clock, a PL031 (ARM DDI 0224): what it counts, when it interrupts,
/// whether it may, and taking an interrupt back.
mod clock {
    pub(super) const DATA: u64 = 0x00;
    pub(super) const MATCH: u64 = 0x04;
    pub(super) const MASK: u64 = 0x10;
    pub(super) const CLEAR: u64 = 0x1C;
}

/// The clock interrupts at once when it is told to at the second that it is.
fn interrupt_now(world: &mut World) {
    let now = world.read_device(clock::DATA);
    world.write_device(clock::MATCH, now);
}

/// The line stays quiet, whatever the device does, until its holder acknowledges; if the device still
/// asserts it then, it comes again.
fn interrupt_comes_once_until_acknowledged(world: &mut World) -> Fact {
    let own = world.authority;
    let wait = Message::to(own.notification, 1);
    let none = Error::WouldBlock;
    world.write_device(clock::MASK, 1);
    for _ in 0..3 {
        interrupt_now(world);
        let found = world.must_message(SystemCall::Wait, &wait)?;
        expect_signals(&found, own.device.bits)?;
        // Not yet acknowledged.
        world.write_device(clock::CLEAR, 1);
        interrupt_now(world);
        for _ in 0..100 {
            world.refuse_message(SystemCall::TryWait, &wait, none)?;
        }
        world.must(SystemCall::IrqAcknowledge, &[own.device.irq])?;
        let found = world.must_message(SystemCall::Wait, &wait)?;
        expect_signals(&found, own.device.bits)?;
        world.write_device(clock::CLEAR, 1);
        world.must(SystemCall::IrqAcknowledge, &[own.device.irq])?;
        world.refuse_message(SystemCall::TryWait, &wait, none)?;
        // There is nothing to acknowledge now, and that is no error.
        world.must(SystemCall::IrqAcknowledge, &[own.device.irq])?;
        world.refuse_message(SystemCall::TryWait, &wait, none)?;
    }
    world.write_device(clock::MASK, 0);
    Ok(())
}
