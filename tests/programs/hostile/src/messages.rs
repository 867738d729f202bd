//! Malformed messages to typed servers.

use alloc::collections::BTreeSet;
use alloc::format;

use ipc_abi::call::{SystemCall, Window};
use ipc_abi::error::Error;
use ipc_abi::interface::ProtocolError;
use ipc_abi::tag::{MessageKind, Tag};
use test_kit::{Authority, Fact, Failure, Message, Random, Step, perform, write_buffer};

use crate::attack::Attacker;

/// How many messages the victim gets.
const TO_VICTIM: u32 = 20_000;
/// How many messages the supervisor gets.
const TO_SUPERVISOR: u32 = 10_000;
/// Methods of these services, and some that they do not have.
const METHODS: u64 = 12;
/// The longest status of a service's own: what is above is a [`ProtocolError`].
const SERVICE_ERROR: u16 = 1;

/// What a server of every sort of argument must have complained about in the end: else the messages
/// were not malformed in every way.
const COMPLAINTS: [ProtocolError; 8] = [
    ProtocolError::UnknownMethod,
    ProtocolError::Truncated,
    ProtocolError::TrailingBytes,
    ProtocolError::BadBool,
    ProtocolError::BadUtf8,
    ProtocolError::BadOption,
    ProtocolError::BadValue,
    ProtocolError::NotInRegisters,
];

/// Attacks the victim.
pub(crate) fn to_victim(attacker: &mut Attacker, random: &mut Random) -> Fact {
    let seen = many(&attacker.authority, attacker.victim_gate, random, TO_VICTIM)?;
    for complaint in COMPLAINTS {
        let is_seen = seen.contains(&complaint.into_raw());
        Failure::unless(is_seen, &format!("no message led to {}", complaint.name()))?;
    }
    Failure::unless(
        seen.contains(&0) && seen.contains(&SERVICE_ERROR),
        "no message was good",
    )
}

/// Attacks the supervisor.
pub(crate) fn to_supervisor(attacker: &mut Attacker, random: &mut Random) -> Fact {
    let seen = many(
        &attacker.authority,
        attacker.supervisor_gate,
        random,
        TO_SUPERVISOR,
    )?;
    Failure::unless(
        seen.contains(&0) && seen.contains(&SERVICE_ERROR),
        "no message was good",
    )
}

/// Sends many messages; tells the statuses that came back.
fn many(
    authority: &Authority,
    gate: u64,
    random: &mut Random,
    count: u32,
) -> Result<BTreeSet<u16>, Failure> {
    let mut seen = BTreeSet::new();
    for number in 0..count {
        let status = one(authority, gate, random);
        seen.extend(status.map_err(|why| why.at(&format!("message {number}")))?);
    }
    Ok(seen)
}

/// Sends one message, and compares what comes back with what it deserves; tells the status of the
/// answer, if there is one.
fn one(authority: &Authority, gate: u64, random: &mut Random) -> Result<Option<u16>, Failure> {
    let calls = [
        SystemCall::Call,
        SystemCall::TryCall,
        SystemCall::Send,
        SystemCall::TrySend,
    ];
    let call = random.choose(&calls);
    let tag = random_tag(random);
    let mut message = Message::to(gate, random.word()).tagged(tag);
    if random.once_in(32) {
        message.tag = almost_echo(authority, random);
    }
    let tag = message.tag;
    for word in &mut message.words {
        *word = random_word(random);
    }
    message.window = Window::from_raw(if random.once_in(4) { random.word() } else { 0 });
    if tag.is_long() && random.once_in(2) {
        for _ in 0..8 {
            write_buffer(authority, random.word(), random_word(random));
        }
    }
    let (done, verdict) = perform(Step::message(call, &message, random.word()));
    verdict?;
    let received = done.received();
    let is_call = matches!(call, SystemCall::Call | SystemCall::TryCall);
    let found = received.refusal();
    Failure::unless_same(
        &format!("the refusal of tag {:#x}", tag.into_raw()),
        found,
        deserved(tag),
    )?;
    if found.is_some() {
        return Ok(None);
    }
    Failure::unless_same("the kind", received.tag.kind(), Some(MessageKind::Message))?;
    let status = received.tag.method();
    let is_known = status <= SERVICE_ERROR || ProtocolError::from_raw(status).is_some();
    Failure::unless(!is_call || is_known, &format!("status {status} is none"))?;
    Ok(is_call.then_some(status))
}

/// Writes what is almost a good long text, or even is one, to the message buffer; tells its tag.
fn almost_echo(authority: &Authority, random: &mut Random) -> Tag {
    const ECHO: u16 = 4;
    // The length in postcard: seven bits in each byte.
    let length = 190 + random.below(30);
    let header = length & 0x7F | 0x80 | length >> 7 << 8;
    for word in 0..64 {
        write_buffer(authority, word, 0x6161_6161_6161_6161);
    }
    write_buffer(authority, 0, 0x6161_6161_6161_0000 | header);
    Tag::new(ECHO, narrow(length + 1 + random.below(3))).with_long()
}

/// How the kernel must refuse a message with this tag through a gate without the right to grant.
fn deserved(tag: Tag) -> Option<Error> {
    let raw = tag.into_raw();
    let length = (raw >> 16) & 0xFFFF;
    if raw & Tag::KERNEL_BITS != 0 || tag.capabilities() > Window::LIMIT {
        Some(Error::BadArgument)
    } else if tag.is_long() && length > Tag::BUFFER_BYTES as u64 {
        Some(Error::TooLong)
    } else if tag.capabilities() > 0 {
        Some(Error::NoRight)
    } else {
        None
    }
}

/// A tag: mostly one that reaches the server, with a method that it may have.
fn random_tag(random: &mut Random) -> Tag {
    let [method, ..] = random.below(METHODS).to_le_bytes();
    let method = if random.once_in(16) {
        narrow(random.word())
    } else {
        u16::from(method)
    };
    let length = match random.below(4) {
        0 => narrow(random.below(129)),
        1 => narrow(random.below(33)),
        2 => narrow(random.below(4097)),
        _ => narrow(random.word()),
    };
    let mut tag = Tag::new(method, length);
    if random.once_in(3) {
        tag = tag.with_long();
    }
    if random.once_in(8) {
        tag = tag.with_capabilities(random.below(8));
    }
    if random.once_in(8) {
        tag = Tag::from_raw(tag.into_raw() | 1 << (36 + random.below(28)));
    }
    tag
}

fn narrow(word: u64) -> u16 {
    let [low, high, ..] = word.to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// A word: small numbers, lengths and bytes of text are more common than others.
fn random_word(random: &mut Random) -> u64 {
    match random.below(6) {
        0 => random.below(4),
        1 => random.below(300),
        2 => 0x6161_6161_6161_6161,
        3 => random.word() & 0x0101_0101_0101_0101,
        4 => random.word() & 0x0303_0303_0303_0303,
        _ => random.word(),
    }
}
