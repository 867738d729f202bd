//! Message calls, signals, saved callers.

use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Kind, Rights};
use test_kit::{Agent, Failure, Message, World};

use super::{Makers, Part, Valid, function, message};
use crate::case::{self, HIGH, receive, reply_receive};

pub(super) const MAKERS: Makers = &[
    (SystemCall::Call, |world| sending(world, SystemCall::Call)),
    (SystemCall::TryCall, |world| {
        sending(world, SystemCall::TryCall)
    }),
    (SystemCall::Send, |world| sending(world, SystemCall::Send)),
    (SystemCall::TrySend, |world| {
        sending(world, SystemCall::TrySend)
    }),
    (SystemCall::Receive, |world| {
        receiving(world, SystemCall::Receive)
    }),
    (SystemCall::TryReceive, |world| {
        receiving(world, SystemCall::TryReceive)
    }),
    (SystemCall::ReplyReceive, answering),
    (SystemCall::ReplyTo, answering_later),
    (SystemCall::SaveCaller, saving),
    (SystemCall::Wait, |world| waiting(world, SystemCall::Wait)),
    (SystemCall::TryWait, |world| {
        waiting(world, SystemCall::TryWait)
    }),
    (SystemCall::CallUntil, |world| {
        sending(world, SystemCall::CallUntil)
    }),
    (SystemCall::ReceiveUntil, |world| {
        receiving(world, SystemCall::ReceiveUntil)
    }),
    (SystemCall::WaitUntil, |world| {
        waiting(world, SystemCall::WaitUntil)
    }),
    (SystemCall::Signal, signalling),
];

/// A server waits, and answers if it is asked.
fn sending(world: &mut World, call: SystemCall) -> Result<Valid, Failure> {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let server = world.agent(HIGH)?;
    world.run(server, &[receive(endpoint), reply_receive(endpoint, 2)])?;
    Ok(message(world, call, gate, Kind::Gate, Rights::SEND))
}

/// A client waits.
fn receiving(world: &mut World, call: SystemCall) -> Result<Valid, Failure> {
    let endpoint = world.endpoint()?;
    call_from(world, endpoint)?;
    Ok(message(
        world,
        call,
        endpoint,
        Kind::Endpoint,
        Rights::RECEIVE,
    ))
}

/// Lets an agent call through a new gate of `endpoint`.
fn call_from(world: &mut World, endpoint: u64) -> Result<Agent, Failure> {
    let gate = world.gate(endpoint, 9)?;
    let client = world.agent(HIGH)?;
    world.run(client, &[case::call(gate, 5)])?;
    Ok(client)
}

/// A client has called, and another waits.
fn answering(world: &mut World) -> Result<Valid, Failure> {
    let endpoint = world.endpoint()?;
    call_from(world, endpoint)?;
    world.must_message(SystemCall::Receive, &Message::to(endpoint, 4))?;
    call_from(world, endpoint)?;
    let call = SystemCall::ReplyReceive;
    Ok(message(
        world,
        call,
        endpoint,
        Kind::Endpoint,
        Rights::RECEIVE,
    ))
}

/// A client has called; tells an empty reply object.
fn called(world: &mut World) -> Result<u64, Failure> {
    let endpoint = world.endpoint()?;
    call_from(world, endpoint)?;
    world.must_message(SystemCall::Receive, &Message::to(endpoint, 4))?;
    world.reply()
}

fn answering_later(world: &mut World) -> Result<Valid, Failure> {
    let reply = called(world)?;
    world.must(SystemCall::SaveCaller, &[reply])?;
    Ok(message(
        world,
        SystemCall::ReplyTo,
        reply,
        Kind::Reply,
        Rights::WRITE,
    ))
}

fn saving(world: &mut World) -> Result<Valid, Failure> {
    let reply = called(world)?;
    let part = Part::Handle(0, Kind::Reply, Rights::WRITE);
    Ok(function(world, SystemCall::SaveCaller, &[reply], [part]))
}

/// A signal is there.
fn waiting(world: &mut World, call: SystemCall) -> Result<Valid, Failure> {
    let notification = world.notification()?;
    let gate = world.gate(notification, 1)?;
    world.must(SystemCall::Signal, &[gate])?;
    Ok(message(
        world,
        call,
        notification,
        Kind::Notification,
        Rights::RECEIVE,
    ))
}

fn signalling(world: &mut World) -> Result<Valid, Failure> {
    let notification = world.notification()?;
    let gate = world.gate(notification, 1)?;
    let part = Part::Handle(0, Kind::Gate, Rights::SIGNAL);
    Ok(function(world, SystemCall::Signal, &[gate], [part]))
}
