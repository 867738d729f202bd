//! The other clients of the vault.

use alloc::vec::Vec;

use ipc_abi::interface::{CallError, Failure, Granted, object};
use ipc_abi::message::Message;
use ipc_abi::tag::Tag;
use test_kit::Random;
use test_kit::vault::{VaultClient, VaultError};
use userlib::time::{Deadline, sleep_until};
use userlib::{Environment, Gate, syscall};

/// The life of the guest in which it sends random messages.
pub(crate) const RANDOM_LIFE: u32 = 2;
/// How many.
const MESSAGES: u32 = 5_000;
/// Everything random follows from this.
const SEED: u64 = 0x0BAD_CA95_0BAD_CA95;
/// Methods of the vault, and some that it does not have.
const METHODS: u64 = 16;
/// The method that opens a box, after as many milliseconds as its first word says.
const OPEN: u16 = 7;

/// How many boxes the guest has in one of its lives.
pub(crate) const fn boxes_in_life(incarnation: u32) -> u32 {
    if incarnation.is_multiple_of(2) { 3 } else { 2 }
}

/// Opens boxes and waits to be killed.
pub(crate) fn be_guest(environment: &Environment) {
    let gate = vault(environment);
    let mut vault = VaultClient::new(gate);
    if environment.incarnation() == RANDOM_LIFE {
        send_random(environment, gate);
        assert!(vault.clear().is_ok(), "the vault answers");
    }
    let mut boxes = Vec::new();
    for _ in 0..boxes_in_life(environment.incarnation()) {
        // After random messages it may have as many as it can.
        boxes.extend(vault.open(0).ok());
    }
    sleep_until(Deadline::NEVER);
}

fn vault(environment: &Environment) -> Gate {
    match environment.gate("vault") {
        Ok(gate) => gate,
        Err(error) => panic!("no vault: {error}"),
    }
}

/// Sends messages with capabilities that are not what they should be.
fn send_random(environment: &Environment, vault: Gate) {
    let mut random = Random::new(SEED);
    let handles = [environment.table(), 0, 9999];
    for _ in 0..MESSAGES {
        let method = u16::try_from(random.below(METHODS)).unwrap_or(0);
        let length = u16::try_from(random.below(200)).unwrap_or(0);
        let mut message = Message::empty(method);
        message.tag = Tag::new(method, length).with_capabilities(random.below(6));
        message.words.fill_with(|| random.word());
        if method == OPEN {
            message.words[0] = 0;
        }
        for word in message.words.iter_mut().skip(12) {
            *word = random.choose(&handles).into();
        }
        // Whatever it answers.
        let _ = syscall::call(vault.handle(), message);
    }
}

/// Tells the vault what it is answered.
pub(crate) fn be_stranger(environment: &Environment) {
    let mut vault = VaultClient::new(vault(environment));
    let opened = status(vault.open(0));
    let memory = Granted::<object::Frame>::lent(environment.table());
    let kept = match vault.keep(memory) {
        Err(error) => status_of_call(error),
        Ok(_) => 0,
    };
    for status in [opened, kept] {
        assert_eq!(vault.note(status), Ok(()), "the vault answers");
    }
    sleep_until(Deadline::NEVER);
}

fn status<T>(answer: Result<T, Failure<VaultError>>) -> u16 {
    match answer {
        Err(Failure::Call(error)) => status_of_call(error),
        Err(Failure::Service(_)) => 1,
        Ok(_) => 0,
    }
}

/// A protocol error by its own number, a refusal of the kernel by its number.
fn status_of_call(error: CallError) -> u16 {
    match error {
        CallError::Protocol(error) => error.into_raw(),
        CallError::Refused(error) => u16::try_from(error.into_raw()).unwrap_or(u16::MAX),
        CallError::Request(_) | CallError::PeerMisbehavior(_) | CallError::Deferred => u16::MAX,
    }
}
