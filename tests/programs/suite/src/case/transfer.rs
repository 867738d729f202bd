//! What a message carries: words, capabilities, bytes of the message buffer.

use ipc_abi::call::{SystemCall, Window};
use ipc_abi::capability::{Description, Kind, Rights};
use ipc_abi::tag::{MessageKind, Tag};
use test_kit::{Agent, Fact, Failure, Message, Plan, Step, World, pattern};

use super::{HIGH, LOW, Topic, call, receive, reply_receive};

pub(super) const CASES: Topic = &[
    (
        "all_words_arrive_in_a_call_and_its_reply",
        all_words_arrive_in_a_call_and_its_reply,
    ),
    (
        "all_words_arrive_between_spaces",
        all_words_arrive_between_spaces,
    ),
    ("one_way_messages_arrive", one_way_messages_arrive),
    (
        "queued_messages_arrive_in_order",
        queued_messages_arrive_in_order,
    ),
    (
        "capabilities_arrive_in_the_window",
        capabilities_arrive_in_the_window,
    ),
    (
        "capabilities_arrive_with_a_reply",
        capabilities_arrive_with_a_reply,
    ),
    (
        "dead_capabilities_arrive_dead",
        dead_capabilities_arrive_dead,
    ),
    (
        "capabilities_arrive_in_another_table",
        capabilities_arrive_in_another_table,
    ),
    ("long_messages_arrive", long_messages_arrive),
    (
        "long_messages_and_capabilities_arrive",
        long_messages_and_capabilities_arrive,
    ),
    ("calls_nest", calls_nest),
];

/// What an answer of an agent is: as `reply_receive` sends it.
fn answered(seed: u64) -> [u64; 16] {
    Message::to(0, seed).words
}

fn expect(world: &mut World, agent: Agent, index: usize, seed: u64, badge: u64) -> Fact {
    let found = world.received(agent, index)?;
    Failure::unless_same("the words", found.words, answered(seed))?;
    Failure::unless_same("the tag", found.tag, Tag::new(1, 128))?;
    Failure::unless_same("the badge", found.badge, badge)
}

fn all_words_arrive_in_a_call_and_its_reply(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 0xFEDC_BA98_7654_3210)?;
    let server = world.agent(HIGH)?;
    let answers = [
        reply_receive(endpoint, 11),
        reply_receive(endpoint, 12),
        reply_receive(endpoint, 13),
    ];
    world.run(
        server,
        &[receive(endpoint), answers[0], answers[1], answers[2]],
    )?;
    for round in 0..3 {
        let message = Message::to(gate, round);
        let calling = if round == 2 {
            SystemCall::TryCall
        } else {
            SystemCall::Call
        };
        let reply = world.must_message(calling, &message)?;
        Failure::unless_same("the words of the reply", reply.words, answered(11 + round))?;
        Failure::unless_same("the tag of the reply", reply.tag, Tag::new(1, 128))?;
        Failure::unless_same("the badge of the reply", reply.badge, 0)?;
        let index = usize::try_from(round).unwrap_or(0);
        expect(world, server, index, round, 0xFEDC_BA98_7654_3210)?;
    }
    world.expect_inside(server, 3)
}

fn all_words_arrive_between_spaces(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 3)?;
    let (here, there) = (world.agent_space()?, world.agent_space()?);
    let plan = |space| Plan {
        space,
        ..Plan::beside(HIGH)
    };
    let (server, client) = (
        world.planned_agent(plan(here))?,
        world.planned_agent(plan(there))?,
    );
    world.run(
        server,
        &[
            receive(endpoint),
            reply_receive(endpoint, 21),
            reply_receive(endpoint, 22),
        ],
    )?;
    world.run(client, &[call(gate, 1), call(gate, 2)])?;
    expect(world, server, 0, 1, 3)?;
    expect(world, client, 0, 21, 0)?;
    expect(world, server, 1, 2, 3)?;
    expect(world, client, 1, 22, 0)
}

fn one_way_messages_arrive(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 5)?;
    let server = world.agent(HIGH)?;
    world.run(
        server,
        &[receive(endpoint), receive(endpoint), receive(endpoint)],
    )?;
    for (index, sending) in [SystemCall::Send, SystemCall::TrySend]
        .into_iter()
        .enumerate()
    {
        let sent = world.must_message(sending, &Message::to(gate, 1))?;
        Failure::unless_same("what the sender gets", sent.tag, Tag::default())?;
        let found = world.received(server, index)?;
        Failure::unless_same("the words", found.words, answered(1))?;
        Failure::unless_same("the kind", found.tag.kind(), Some(MessageKind::OneWay))?;
        Failure::unless_same("the badge", found.badge, 5)?;
    }
    // Nobody waits: the sender does.
    let sender = world.agent(HIGH)?;
    let other = world.endpoint()?;
    let other_gate = world.gate(other, 6)?;
    let step = Step::message(SystemCall::Send, &Message::to(other_gate, 9), 9);
    world.run(sender, &[step])?;
    world.expect_inside(sender, 0)?;
    let found = world.must_message(SystemCall::Receive, &Message::to(other, 2))?;
    Failure::unless_same("the words", found.words, answered(9))?;
    Failure::unless_same("the kind", found.tag.kind(), Some(MessageKind::OneWay))?;
    world.received(sender, 0).map(|_| ())
}

fn queued_messages_arrive_in_order(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    for badge in 1..5 {
        let gate = world.gate(endpoint, badge)?;
        let client = world.agent(HIGH)?;
        world.run(client, &[call(gate, badge)])?;
    }
    for badge in 1..5 {
        let found = if badge == 1 {
            world.must_message(SystemCall::Receive, &Message::to(endpoint, 9))?
        } else {
            world.must_message(SystemCall::ReplyReceive, &Message::to(endpoint, 9))?
        };
        Failure::unless_same("the badge", found.badge, badge)?;
        Failure::unless_same("the words", found.words, answered(badge))?;
    }
    world
        .must_message(SystemCall::Reply, &Message::to(0, 9))
        .map(|_| ())
}

fn expect_held(world: &mut World, slot: u64, kind: Kind, rights: Rights) -> Fact {
    let place = world.place(slot);
    let held = world.must(SystemCall::CapabilityInspect, &[place])?;
    let wanted = Description::new(kind, rights, true);
    Failure::unless_same("what a slot holds", Description::from_raw(held), wanted)
}

fn window(slot: u64, count: u64) -> Window {
    Window::new(u32::try_from(slot).unwrap_or(0), count)
}

/// From one to four, through a window of four: the rights come along, the words before them as well.
fn capabilities_arrive_in_the_window(world: &mut World) -> Fact {
    let rights = [Rights::ALL, Rights::READ, Rights::WRITE, Rights::NONE];
    let reply = world.reply()?;
    let full = Rights::READ.union(Rights::WRITE).union(Rights::DESTROY);
    let mut given = [0; 4];
    for (handle, rights) in given.iter_mut().zip(rights) {
        *handle = world.copy(reply, rights)?;
    }
    for count in 1..5 {
        let endpoint = world.endpoint()?;
        let gate = world.gate(endpoint, 7)?;
        let slot = world.slots(4);
        let server = world.agent(HIGH)?;
        let message = Message::to(endpoint, 1).with_window(window(slot, 4));
        world.run(server, &[Step::message(SystemCall::Receive, &message, 1)])?;
        let message = Message::to(gate, 3).with_capabilities(&given[..count]);
        let sending = if count % 2 == 0 {
            SystemCall::Send
        } else {
            SystemCall::TrySend
        };
        world.must_message(sending, &message)?;
        let found = world.received(server, 0)?;
        Failure::unless_same("the count", found.tag.capabilities(), count as u64)?;
        Failure::unless_same("the words", &found.words[..12], &message.words[..12])?;
        Failure::unless_same(
            "the rest",
            &found.words[12 + count..],
            &message.words[12 + count..],
        )?;
        for ((told, slot), rights) in found.words[12..12 + count].iter().zip(slot..).zip(rights) {
            Failure::unless_same("the slot", *told, slot)?;
            expect_held(world, slot, Kind::Reply, full.intersection(rights))?;
        }
    }
    Ok(())
}

fn capabilities_arrive_with_a_reply(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let given = world.notification()?;
    let server = world.agent(HIGH)?;
    let answer = Message::to(endpoint, 2).with_capabilities(&[given, given]);
    let answer = Step::message(SystemCall::ReplyReceive, &answer, 2);
    world.run(server, &[receive(endpoint), answer])?;
    let slot = world.slots(2);
    let found = world.must_message(
        SystemCall::Call,
        &Message::to(gate, 3).with_window(window(slot, 2)),
    )?;
    Failure::unless_same("the slots", &found.words[12..14], &[slot, slot + 1][..])?;
    let rights = Rights::READ
        .union(Rights::WRITE)
        .union(Rights::MAKE_GATE)
        .union(Rights::DESTROY);
    expect_held(world, slot, Kind::Notification, rights)?;
    expect_held(world, slot + 1, Kind::Notification, rights)
}

/// The kernel moves what the slot holds; whether its object lives is checked when it is used.
fn dead_capabilities_arrive_dead(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let dead = world.stale(Kind::Reply)?;
    let slot = world.slots(1);
    let server = world.agent(HIGH)?;
    let message = Message::to(endpoint, 1).with_window(window(slot, 1));
    world.run(server, &[Step::message(SystemCall::Receive, &message, 1)])?;
    world.must_message(
        SystemCall::Send,
        &Message::to(gate, 3).with_capabilities(&[dead]),
    )?;
    let place = world.place(slot);
    let held = world.must(SystemCall::CapabilityInspect, &[place])?;
    Failure::unless(
        !Description::from_raw(held).is_live(),
        "a dead capability came to life",
    )
}

fn capabilities_arrive_in_another_table(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let table = world.table()?;
    let space = world.agent_space()?;
    let server = world.planned_agent(Plan {
        table,
        space,
        ..Plan::beside(HIGH)
    })?;
    let place =
        |slot| ipc_abi::call::Place::new(u32::try_from(table).unwrap_or(0), slot).into_raw();
    world.copy_to(endpoint, place(1), Rights::READ)?;
    let message = Message::to(1, 1).with_window(Window::new(30, 1));
    world.run(server, &[Step::message(SystemCall::Receive, &message, 1)])?;
    let given = world.notification()?;
    world.must_message(
        SystemCall::Send,
        &Message::to(gate, 3).with_capabilities(&[given]),
    )?;
    let found = world.received(server, 0)?;
    Failure::unless_same("the slot", found.words[12], 30)?;
    let held = world.must(SystemCall::CapabilityInspect, &[place(30)])?;
    let kind = Description::from_raw(held).kind();
    Failure::unless_same("the kind", kind, Some(Kind::Notification))
}

/// From nothing to a whole buffer, and never a byte more: the word behind what was sent stays.
fn long_messages_arrive(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let own = world.authority.message_buffer;
    for (seed, length) in (0..).zip([0_u16, 1, 7, 8, 127, 129, 1024, 4088, 4095, 4096]) {
        let server = world.agent(HIGH)?;
        let theirs = world.give_buffer(server)?;
        world.run(server, &[receive(endpoint)])?;
        for word in 0..512 {
            world.write(own + 8 * word, pattern(seed, word));
            world.write(theirs + 8 * word, pattern(seed + 100, word));
        }
        let tag = Tag::new(3, length).with_long();
        world.must_message(SystemCall::Send, &Message::to(gate, 3).tagged(tag))?;
        let found = world.received(server, 0)?;
        Failure::unless_same("the length", found.tag.length(), usize::from(length))?;
        Failure::unless(found.tag.is_long(), "the message is not long")?;
        expect_copied(world, theirs, seed, u64::from(length))?;
    }
    Ok(())
}

fn expect_copied(world: &World, address: u64, seed: u64, length: u64) -> Fact {
    for word in 0..512 {
        let found = world.read(address + 8 * word).to_le_bytes();
        let sent = pattern(seed, word).to_le_bytes();
        let old = pattern(seed + 100, word).to_le_bytes();
        for (index, byte) in (0..).zip(found) {
            let place: usize = index;
            let is_sent = 8 * word + (place as u64) < length;
            let wanted = if is_sent { sent[place] } else { old[place] };
            if byte != wanted {
                let at = 8 * word + place as u64;
                return Failure::unless_same(
                    &alloc::format!("byte {at} of {length}"),
                    byte,
                    wanted,
                );
            }
        }
    }
    Ok(())
}

/// Both at once, in a call and its reply, also when the call had to wait.
fn long_messages_and_capabilities_arrive(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let own = world.authority.message_buffer;
    let client = world.agent(HIGH)?;
    let theirs = world.give_buffer(client)?;
    let given = world.notification()?;
    let slot = world.slots(4);
    for word in 0..512 {
        world.write(theirs + 8 * word, pattern(1, word));
    }
    let message = Message::to(gate, 3).tagged(Tag::new(1, 4096).with_long());
    let message = message
        .with_capabilities(&[given])
        .with_window(window(slot + 2, 2));
    world.run(client, &[Step::message(SystemCall::Call, &message, 3)])?;
    world.expect_inside(client, 0)?;
    let receiving = Message::to(endpoint, 4).with_window(window(slot, 2));
    let found = world.must_message(SystemCall::Receive, &receiving)?;
    Failure::unless_same("the tag", found.tag, message.tag)?;
    Failure::unless_same("the slot", found.words[12], slot)?;
    expect_copied(world, own, 1, 4096)?;
    for word in 0..512 {
        world.write(own + 8 * word, pattern(2, word));
    }
    let answer = Message::to(0, 5).tagged(Tag::new(0, 4096).with_long());
    world.must_message(SystemCall::Reply, &answer.with_capabilities(&[slot]))?;
    let found = world.received(client, 0)?;
    Failure::unless_same("the slot in the reply", found.words[12], slot + 2)?;
    expect_copied(world, theirs, 2, 4096)
}

/// Five servers, each of which calls the next; all of it on the time of the first caller.
fn calls_nest(world: &mut World) -> Fact {
    const DEPTH: usize = 5;
    let mut endpoints = [0; DEPTH];
    let mut gates = [0; DEPTH];
    for (endpoint, gate) in endpoints.iter_mut().zip(&mut gates) {
        *endpoint = world.endpoint()?;
        *gate = world.gate(*endpoint, 7)?;
    }
    let mut servers = alloc::vec::Vec::new();
    for (level, endpoint) in endpoints.into_iter().enumerate() {
        let server = world.agent(if level % 2 == 0 { HIGH } else { LOW })?;
        let seed = 60 + level as u64;
        let answer = reply_receive(endpoint, seed);
        let below = gates.get(level + 1).map(|gate| call(*gate, seed + 10));
        let script = [Some(receive(endpoint)), below, Some(answer)];
        let script: alloc::vec::Vec<Step> = script.into_iter().flatten().collect();
        world.run(server, &script)?;
        servers.push(server);
    }
    // The less important ones have to reach their `receive` first.
    let (done, ping) = (world.notification()?, world.agent(LOW)?);
    let signal = world.gate(done, 1)?;
    world.run(ping, &[super::function(SystemCall::Signal, &[signal])])?;
    world.must_message(SystemCall::Wait, &Message::to(done, 1))?;
    let found = world.must_message(SystemCall::Call, &Message::to(gates[0], 3))?;
    Failure::unless_same("the words", found.words, answered(60))?;
    for (level, server) in servers.into_iter().enumerate().take(DEPTH - 1) {
        let found = world.received(server, 1)?;
        Failure::unless_same("an inner answer", found.words, answered(61 + level as u64))?;
    }
    Ok(())
}
