//! Answers: how they are refused, and whom they reach.

use ipc_abi::call::{SystemCall, Window};
use ipc_abi::capability::Rights;
use ipc_abi::error::Error;
use ipc_abi::tag::{MessageKind, Tag};
use test_kit::{Agent, Fact, Failure, Message, Step, World};

use super::{HIGH, Topic, call, function, receive, reply_receive};

pub(super) const CASES: Topic = &[
    ("nobody_to_answer", nobody_to_answer),
    ("kernel_bits_are_refused", kernel_bits_are_refused),
    (
        "longer_than_the_buffer_is_refused",
        longer_than_the_buffer_is_refused,
    ),
    (
        "long_needs_a_buffer_at_the_server",
        long_needs_a_buffer_at_the_server,
    ),
    (
        "long_needs_a_buffer_at_the_caller",
        long_needs_a_buffer_at_the_caller,
    ),
    (
        "capabilities_need_the_right_to_grant",
        capabilities_need_the_right_to_grant,
    ),
    ("capabilities_must_be_there", capabilities_must_be_there),
    (
        "capabilities_that_do_not_fit_are_counted",
        capabilities_that_do_not_fit_are_counted,
    ),
    (
        "server_without_time_cannot_go_on",
        server_without_time_cannot_go_on,
    ),
    ("saving_needs_an_empty_place", saving_needs_an_empty_place),
    (
        "saved_callers_are_answered_in_any_order",
        saved_callers_are_answered_in_any_order,
    ),
    (
        "answer_of_an_earlier_call_is_no_later_one",
        answer_of_an_earlier_call_is_no_later_one,
    ),
    (
        "stopped_caller_gets_no_answer",
        stopped_caller_gets_no_answer,
    ),
];

/// The calls that answer.
const ANSWERING: [SystemCall; 3] = [
    SystemCall::Reply,
    SystemCall::ReplyReceive,
    SystemCall::ReplyTo,
];

/// Somebody to answer.
struct Called {
    endpoint: u64,
    gate: u64,
    client: Agent,
    /// A reply object that holds another caller of the same kind.
    reply: u64,
    saved: Agent,
}

impl Called {
    /// The handle that an answering call takes.
    fn handle(&self, answering: SystemCall) -> u64 {
        if answering == SystemCall::ReplyTo {
            self.reply
        } else {
            self.endpoint
        }
    }
}

/// Two agents call through a gate with `rights`; one caller is saved, the other is current.
fn called(world: &mut World, rights: Rights, message: &Message) -> Result<Called, Failure> {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let gate = world.copy(gate, rights)?;
    let reply = world.reply()?;
    let (saved, client) = (world.agent(HIGH)?, world.agent(HIGH)?);
    let message = Message {
        handle: gate,
        ..*message
    };
    let step = Step::message(SystemCall::Call, &message, 5);
    world.run(saved, &[step])?;
    world.must_message(SystemCall::Receive, &Message::to(endpoint, 1))?;
    world.must(SystemCall::SaveCaller, &[reply])?;
    world.run(client, &[step])?;
    world.must_message(SystemCall::Receive, &Message::to(endpoint, 1))?;
    Ok(Called {
        endpoint,
        gate,
        client,
        reply,
        saved,
    })
}

fn called_plainly(world: &mut World) -> Result<Called, Failure> {
    called(world, Rights::ALL, &Message::to(0, 5))
}

fn nobody_to_answer(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let reply = world.reply()?;
    let none = Error::NoCaller;
    world.refuse_message(SystemCall::Reply, &Message::to(0, 1), none)?;
    world.refuse_message(SystemCall::ReplyReceive, &Message::to(endpoint, 1), none)?;
    world.refuse_message(SystemCall::ReplyTo, &Message::to(reply, 1), none)?;
    world.refuse(SystemCall::SaveCaller, &[reply], none)
}

fn kernel_bits_are_refused(world: &mut World) -> Fact {
    let called = called_plainly(world)?;
    for answering in ANSWERING {
        let plain = Message::to(called.handle(answering), 1);
        for bit in 36..64 {
            let tag = Tag::from_raw(Tag::new(0, 8).into_raw() | 1 << bit);
            world.refuse_message(answering, &plain.tagged(tag), Error::BadArgument)?;
        }
        let five = Tag::new(0, 8).with_capabilities(5);
        world.refuse_message(answering, &plain.tagged(five), Error::BadArgument)?;
    }
    answer_both(world, &called)
}

/// After all refusals, both callers can still be answered.
fn answer_both(world: &mut World, called: &Called) -> Fact {
    let (first, second) = (Message::to(called.reply, 21), Message::to(0, 22));
    world.must_message(SystemCall::ReplyTo, &first)?;
    world.must_message(SystemCall::Reply, &second)?;
    let found = world.received(called.saved, 0)?;
    Failure::unless_same(
        "the words of the saved caller's answer",
        found.words,
        first.words,
    )?;
    let found = world.received(called.client, 0)?;
    Failure::unless_same("the words of the answer", found.words, second.words)
}

fn longer_than_the_buffer_is_refused(world: &mut World) -> Fact {
    let called = called_plainly(world)?;
    for answering in ANSWERING {
        for length in [4097, 0xFFFF] {
            let tag = Tag::new(0, length).with_long();
            let message = Message::to(called.handle(answering), 1).tagged(tag);
            world.refuse_message(answering, &message, Error::TooLong)?;
        }
    }
    answer_both(world, &called)
}

/// The server is an agent here, since the suite has a buffer.
fn long_needs_a_buffer_at_the_server(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let reply = world.reply()?;
    let (server, first, second) = (world.agent(HIGH)?, world.agent(HIGH)?, world.agent(HIGH)?);
    let long = |handle| Message::to(handle, 1).tagged(Tag::new(0, 256).with_long());
    let answer = |call, handle| Step::message(call, &long(handle), 1);
    let script = [
        receive(endpoint),
        function(SystemCall::SaveCaller, &[reply]),
        receive(endpoint),
        answer(SystemCall::ReplyTo, reply),
        answer(SystemCall::Reply, 0),
        answer(SystemCall::ReplyReceive, endpoint),
    ];
    world.run(server, &script)?;
    world.run(first, &[call(gate, 5)])?;
    world.run(second, &[call(gate, 6)])?;
    for index in 3..6 {
        world.expect_refused(server, index, Error::NoBuffer)?;
    }
    Ok(())
}

fn long_needs_a_buffer_at_the_caller(world: &mut World) -> Fact {
    let called = called_plainly(world)?;
    let long = Tag::new(0, 256).with_long();
    world.must_message(
        SystemCall::ReplyTo,
        &Message::to(called.reply, 1).tagged(long),
    )?;
    world.must_message(SystemCall::Reply, &Message::to(0, 1).tagged(long))?;
    world.expect_refused(called.saved, 0, Error::NoBuffer)?;
    world.expect_refused(called.client, 0, Error::NoBuffer)
}

fn capabilities_need_the_right_to_grant(world: &mut World) -> Fact {
    let called = called(world, Rights::SEND.union(Rights::GRANT), &Message::to(0, 5))?;
    let given = world.notification()?;
    for answering in ANSWERING {
        let message = Message::to(called.handle(answering), 1).with_capabilities(&[given]);
        world.refuse_message(answering, &message, Error::NoRight)?;
    }
    answer_both(world, &called)
}

fn capabilities_must_be_there(world: &mut World) -> Fact {
    let called = called_plainly(world)?;
    let empty = world.slot();
    for answering in ANSWERING {
        for bad in [0, empty, u64::MAX] {
            let message = Message::to(called.handle(answering), 1).with_capabilities(&[bad]);
            world.refuse_message(answering, &message, Error::BadHandle)?;
        }
    }
    answer_both(world, &called)
}

/// A reply never fails for the sake of the caller's window: it tells the true count, and no slots.
fn capabilities_that_do_not_fit_are_counted(world: &mut World) -> Fact {
    let window = world.slots(2);
    let small = Window::new(u32::try_from(window).unwrap_or(0), 2);
    let called = called(world, Rights::ALL, &Message::to(0, 5).with_window(small))?;
    let given = world.notification()?;
    let message = Message::to(called.reply, 31).with_capabilities(&[given; 3]);
    world.must_message(SystemCall::ReplyTo, &message)?;
    let message = Message::to(0, 31).with_capabilities(&[given; 3]);
    world.must_message(SystemCall::Reply, &message)?;
    for client in [called.saved, called.client] {
        let found = world.received(client, 0)?;
        Failure::unless_same("the count", found.tag.capabilities(), 3)?;
        Failure::unless_same("the slots", &found.words[12..15], &[0; 3][..])?;
        Failure::unless_same("the other words", &found.words[..12], &message.words[..12])?;
    }
    for slot in [window, window + 1] {
        let place = world.place(slot);
        let held = world.must(SystemCall::CapabilityInspect, &[place])?;
        Failure::unless_same("what the window holds", held, 0)?;
    }
    Ok(())
}

fn server_without_time_cannot_go_on(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let reply = world.reply()?;
    let server = world.agent(HIGH)?;
    let script = [
        receive(endpoint),
        Step::message(SystemCall::Reply, &Message::to(0, 1), 1),
        function(SystemCall::SaveCaller, &[reply]),
        reply_receive(endpoint, 2),
    ];
    world.run(server, &script)?;
    let context = world.context_of(server);
    world.destroy(context)?;
    let found = world.must_message(SystemCall::Call, &Message::to(gate, 3))?;
    Failure::unless_same("the words", found.words, Message::to(0, 2).words)?;
    world.expect_refused(server, 1, Error::NoTime)?;
    world.expect_refused(server, 2, Error::NoTime)
}

fn saving_needs_an_empty_place(world: &mut World) -> Fact {
    let called = called_plainly(world)?;
    world.refuse(SystemCall::SaveCaller, &[called.reply], Error::InUse)?;
    answer_both(world, &called)
}

fn saved_callers_are_answered_in_any_order(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let mut saved = alloc::vec::Vec::new();
    for seed in 0..5 {
        let (client, reply) = (world.agent(HIGH)?, world.reply()?);
        world.run(client, &[call(gate, seed)])?;
        let found = world.must_message(SystemCall::Receive, &Message::to(endpoint, 1))?;
        Failure::unless_same(
            "the words of a call",
            found.words,
            Message::to(0, seed).words,
        )?;
        world.must(SystemCall::SaveCaller, &[reply])?;
        saved.push((client, reply));
    }
    for index in [3, 0, 4, 2, 1] {
        let (client, reply) = saved[index];
        let answer = Message::to(reply, 40 + index as u64);
        world.must_message(SystemCall::ReplyTo, &answer)?;
        let found = world.received(client, 0)?;
        Failure::unless_same("the words of an answer", found.words, answer.words)?;
        world.refuse_message(SystemCall::ReplyTo, &answer, Error::NoCaller)?;
    }
    Ok(())
}

/// A caller that was stopped and calls again waits for the answer to its new call: an answer to the
/// old one is dropped.
fn answer_of_an_earlier_call_is_no_later_one(world: &mut World) -> Fact {
    let called = called_plainly(world)?;
    let other = world.endpoint()?;
    let other_gate = world.gate(other, 8)?;
    for client in [called.client, called.saved] {
        let thread = world.thread_of(client);
        world.must(SystemCall::ThreadStop, &[thread])?;
        world.run(client, &[call(other_gate, 50)])?;
    }
    // Dropped without an error, and told of, in turn.
    world.must_message(SystemCall::Reply, &Message::to(0, 51))?;
    world.refuse_message(
        SystemCall::ReplyTo,
        &Message::to(called.reply, 52),
        Error::Died,
    )?;
    world.expect_inside(called.client, 0)?;
    world.expect_inside(called.saved, 0)?;
    for answer in [53, 54] {
        world.must_message(SystemCall::Receive, &Message::to(other, 1))?;
        world.must_message(SystemCall::Reply, &Message::to(0, answer))?;
    }
    let first = world.received(called.client, 0)?;
    Failure::unless_same("the first answer", first.words, Message::to(0, 53).words)?;
    let second = world.received(called.saved, 0)?;
    Failure::unless_same("the second answer", second.words, Message::to(0, 54).words)?;
    Failure::unless_same("the kind", second.tag.kind(), Some(MessageKind::Message))
}

fn stopped_caller_gets_no_answer(world: &mut World) -> Fact {
    let called = called_plainly(world)?;
    let spare = world.reply()?;
    for client in [called.client, called.saved] {
        let thread = world.thread_of(client);
        world.must(SystemCall::ThreadStop, &[thread])?;
    }
    world.refuse(SystemCall::SaveCaller, &[spare], Error::Died)?;
    world.refuse_message(
        SystemCall::ReplyTo,
        &Message::to(called.reply, 1),
        Error::Died,
    )?;
    world.refuse_message(
        SystemCall::ReplyTo,
        &Message::to(called.reply, 1),
        Error::NoCaller,
    )?;
    // They can go on: their calls were refused.
    for client in [called.client, called.saved] {
        let thread = world.thread_of(client);
        world.must(SystemCall::ThreadResume, &[thread])?;
        world.expect_refused(client, 0, Error::Died)?;
    }
    let gate = called.gate;
    world.refuse_message(
        SystemCall::TryCall,
        &Message::to(gate, 1),
        Error::WouldBlock,
    )
}
