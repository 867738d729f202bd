//! How messages are refused when they are sent and received.

use ipc_abi::call::{SystemCall, Window};
use ipc_abi::capability::Rights;
use ipc_abi::error::Error;
use ipc_abi::tag::Tag;
use test_kit::{Agent, Fact, Failure, Message, Step, World};

use super::{HIGH, HIGHER, Topic, call, receive};

pub(super) const CASES: Topic = &[
    ("kernel_bits_are_refused", kernel_bits_are_refused),
    (
        "too_many_capabilities_are_refused",
        too_many_capabilities_are_refused,
    ),
    (
        "longer_than_the_buffer_is_refused",
        longer_than_the_buffer_is_refused,
    ),
    (
        "long_needs_a_buffer_at_the_sender",
        long_needs_a_buffer_at_the_sender,
    ),
    (
        "long_needs_a_buffer_at_the_receiver",
        long_needs_a_buffer_at_the_receiver,
    ),
    ("capabilities_need_a_window", capabilities_need_a_window),
    (
        "capabilities_need_the_right_to_grant",
        capabilities_need_the_right_to_grant,
    ),
    ("capabilities_must_be_there", capabilities_must_be_there),
    ("dead_endpoint_refuses", dead_endpoint_refuses),
    (
        "one_way_needs_a_receiver_with_time",
        one_way_needs_a_receiver_with_time,
    ),
    ("polling_does_not_wait", polling_does_not_wait),
    (
        "unanswered_caller_stops_receiving",
        unanswered_caller_stops_receiving,
    ),
    (
        "receiver_asks_again_after_eight_refusals",
        receiver_asks_again_after_eight_refusals,
    ),
];

/// The calls that send.
const SENDING: [SystemCall; 5] = [
    SystemCall::Call,
    SystemCall::CallUntil,
    SystemCall::Send,
    SystemCall::TryCall,
    SystemCall::TrySend,
];

/// A server that waits, with a window, and a gate to it.
fn waiting_server(world: &mut World, window: Window) -> Result<(Agent, u64), test_kit::Failure> {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let server = world.agent(HIGH)?;
    let message = Message::to(endpoint, 1).with_window(window);
    world.run(server, &[Step::message(SystemCall::Receive, &message, 1)])?;
    world.expect_inside(server, 0)?;
    Ok((server, gate))
}

/// A server that waits without time of its own.
fn passive_server(world: &mut World) -> Result<(Agent, u64), test_kit::Failure> {
    let (server, gate) = waiting_server(world, Window::NONE)?;
    let context = world.context_of(server);
    world.destroy(context)?;
    Ok((server, gate))
}

fn kernel_bits_are_refused(world: &mut World) -> Fact {
    let (server, gate) = waiting_server(world, Window::NONE)?;
    for sending in SENDING {
        for bit in 36..64 {
            let tag = Tag::from_raw(Tag::new(1, 8).into_raw() | 1 << bit);
            let message = Message::to(gate, bit).tagged(tag);
            world.refuse_message(sending, &message, Error::BadArgument)?;
        }
    }
    world.expect_inside(server, 0)
}

fn too_many_capabilities_are_refused(world: &mut World) -> Fact {
    let (server, gate) = waiting_server(world, Window::new(200, 4))?;
    for sending in SENDING {
        for count in 5..8 {
            let message = Message::to(gate, count).tagged(Tag::new(1, 8).with_capabilities(count));
            world.refuse_message(sending, &message, Error::BadArgument)?;
        }
    }
    world.expect_inside(server, 0)
}

fn longer_than_the_buffer_is_refused(world: &mut World) -> Fact {
    let (server, gate) = waiting_server(world, Window::NONE)?;
    world.give_buffer(server)?;
    for sending in SENDING {
        for length in [4097, 0xFFFF] {
            let message = Message::to(gate, 1).tagged(Tag::new(1, length).with_long());
            world.refuse_message(sending, &message, Error::TooLong)?;
        }
    }
    world.expect_inside(server, 0)
}

fn long_needs_a_buffer_at_the_sender(world: &mut World) -> Fact {
    let (server, gate) = waiting_server(world, Window::NONE)?;
    world.give_buffer(server)?;
    let message = Message::to(gate, 1).tagged(Tag::new(1, 256).with_long());
    let client = world.agent(HIGH)?;
    world.run(
        client,
        &SENDING.map(|sending| Step::message(sending, &message, 9)),
    )?;
    for index in 0..SENDING.len() {
        world.expect_refused(client, index, Error::NoBuffer)?;
    }
    world.expect_inside(server, 0)
}

fn long_needs_a_buffer_at_the_receiver(world: &mut World) -> Fact {
    let (server, gate) = waiting_server(world, Window::NONE)?;
    let message = Message::to(gate, 1).tagged(Tag::new(1, 256).with_long());
    for sending in SENDING {
        world.refuse_message(sending, &message, Error::NoBuffer)?;
    }
    world.expect_inside(server, 0)
}

fn capabilities_need_a_window(world: &mut World) -> Fact {
    let window = world.slots(2);
    let (server, gate) = waiting_server(world, Window::new(u32::try_from(window).unwrap_or(0), 2))?;
    let reply = world.reply()?;
    let message = Message::to(gate, 1);
    for sending in SENDING {
        for count in 3..5 {
            let many = message.with_capabilities(&[reply; 4][..count]);
            world.refuse_message(sending, &many, Error::NoSlots)?;
        }
    }
    // One of the two slots is taken.
    let place = world.place(window + 1);
    world.copy_to(reply, place, Rights::ALL)?;
    for sending in SENDING {
        let two = message.with_capabilities(&[reply; 2]);
        world.refuse_message(sending, &two, Error::NoSlots)?;
    }
    world.expect_inside(server, 0)?;
    bad_windows_take_nothing(world)
}

/// Windows that name no slots of the receiver's table.
fn bad_windows_take_nothing(world: &mut World) -> Fact {
    let reply = world.reply()?;
    for base in [0, 16_384, 0xFFFF_FFFF] {
        let (_, gate) = waiting_server(world, Window::new(base, 4))?;
        for sending in SENDING {
            let message = Message::to(gate, 1).with_capabilities(&[reply]);
            world.refuse_message(sending, &message, Error::NoSlots)?;
        }
    }
    Ok(())
}

fn capabilities_need_the_right_to_grant(world: &mut World) -> Fact {
    let window = world.slots(4);
    let (server, gate) = waiting_server(world, Window::new(u32::try_from(window).unwrap_or(0), 4))?;
    let weak = world.copy(gate, Rights::SEND.union(Rights::GRANT_REPLY))?;
    let reply = world.reply()?;
    for sending in SENDING {
        let message = Message::to(weak, 1).with_capabilities(&[reply]);
        world.refuse_message(sending, &message, Error::NoRight)?;
    }
    world.expect_inside(server, 0)
}

fn capabilities_must_be_there(world: &mut World) -> Fact {
    let window = world.slots(4);
    let (server, gate) = waiting_server(world, Window::new(u32::try_from(window).unwrap_or(0), 4))?;
    let reply = world.reply()?;
    let empty = world.slot();
    for sending in SENDING {
        for bad in [0, empty, u64::MAX] {
            let message = Message::to(gate, 1).with_capabilities(&[reply, bad]);
            world.refuse_message(sending, &message, Error::BadHandle)?;
        }
    }
    world.expect_inside(server, 0)
}

fn dead_endpoint_refuses(world: &mut World) -> Fact {
    for sending in SENDING {
        let endpoint = world.endpoint()?;
        let gate = world.gate(endpoint, 7)?;
        world.destroy(endpoint)?;
        // At once, and when every link to it is gone.
        for _ in 0..4 {
            world.refuse_message(sending, &Message::to(gate, 1), Error::Died)?;
        }
    }
    Ok(())
}

fn one_way_needs_a_receiver_with_time(world: &mut World) -> Fact {
    let (server, gate) = passive_server(world)?;
    let message = Message::to(gate, 1);
    world.refuse_message(SystemCall::Send, &message, Error::NoTime)?;
    world.refuse_message(SystemCall::TrySend, &message, Error::NoTime)?;
    world.expect_inside(server, 0)
}

fn polling_does_not_wait(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let notification = world.notification()?;
    let block = Error::WouldBlock;
    world.refuse_message(SystemCall::TryCall, &Message::to(gate, 1), block)?;
    world.refuse_message(SystemCall::TrySend, &Message::to(gate, 1), block)?;
    world.refuse_message(SystemCall::TryReceive, &Message::to(endpoint, 1), block)?;
    world.refuse_message(SystemCall::TryWait, &Message::to(notification, 1), block)
}

fn unanswered_caller_stops_receiving(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let client = world.agent(HIGH)?;
    world.run(client, &[call(gate, 5)])?;
    world.must_message(SystemCall::Receive, &Message::to(endpoint, 1))?;
    for receiving in [
        SystemCall::Receive,
        SystemCall::ReceiveUntil,
        SystemCall::TryReceive,
    ] {
        world.refuse_message(receiving, &Message::to(endpoint, 1), Error::CallerWaits)?;
    }
    world.must_message(SystemCall::Reply, &Message::to(0, 1))?;
    world.received(client, 0).map(|_| ())
}

/// Nine callers whose capability nobody wants: the receiver turns eight of them away, then is asked
/// to repeat; the next time it takes what is left, and waits.
fn receiver_asks_again_after_eight_refusals(world: &mut World) -> Fact {
    let receiving = [
        SystemCall::Receive,
        SystemCall::ReceiveUntil,
        SystemCall::TryReceive,
        SystemCall::ReplyReceive,
    ];
    let reply = world.reply()?;
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let unwanted = Message::to(gate, 5).with_capabilities(&[reply]);
    let unwanted = Step::message(SystemCall::Call, &unwanted, 5);
    let first = world.agent(HIGH)?;
    let mut others = alloc::vec::Vec::new();
    for _ in 0..9 {
        others.push(world.agent(HIGHER)?);
    }
    for receiving in receiving {
        // An interrupt that is pending makes the kernel ask earlier: then once more.
        let mut refused = 0;
        for _ in 0..INTERRUPTED_ROUNDS {
            if receiving == SystemCall::ReplyReceive {
                world.run(first, &[call(gate, 6)])?;
                world.must_message(SystemCall::Receive, &Message::to(endpoint, 1))?;
            }
            for client in &others {
                world.run(*client, &[unwanted])?;
                // Each of those who wait already may lend this thread its priority.
                for _ in &others {
                    world.must(SystemCall::Yield, &[])?;
                }
            }
            refused = refused_at_once(world, receiving, endpoint, &others)?;
            if receiving == SystemCall::ReplyReceive {
                world.received(first, 0)?;
            }
            if refused == 8 {
                break;
            }
        }
        Failure::unless_same("callers turned away at once", refused, 8)?;
    }
    let waiting = world.agent(HIGH)?;
    world.run(waiting, &[receive(endpoint)])?;
    world.expect_inside(waiting, 0)
}

/// Times that an interrupt may come just while the kernel turns callers away.
const INTERRUPTED_ROUNDS: usize = 10;

/// Has the kernel turn callers away with one call that must be refused with `Again`, then the others with
/// polls. Answers how many the first call turned away, which must be those who came first.
fn refused_at_once(
    world: &mut World,
    receiving: SystemCall,
    endpoint: u64,
    callers: &[Agent],
) -> Result<u64, Failure> {
    let message = Message::to(endpoint, 1);
    world.refuse_message(receiving, &message, Error::Again)?;
    let is_refused = |caller: &&Agent| world.expect_inside(**caller, 0).is_err();
    let refused = callers.iter().take_while(is_refused).count();
    for caller in &callers[refused..] {
        world.expect_inside(*caller, 0)?;
    }
    // What is left is turned away as well; then nobody is left.
    let mut left = Some(Error::Again);
    for _ in callers {
        if left == Some(Error::Again) {
            left = world.message(SystemCall::TryReceive, &message).refusal();
        }
    }
    world.expect(SystemCall::TryReceive, left, Error::WouldBlock)?;
    for caller in callers {
        world.expect_refused(*caller, 0, Error::NoSlots)?;
    }
    Ok(refused as u64)
}
