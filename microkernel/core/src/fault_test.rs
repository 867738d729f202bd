//! What a fault handler can answer, and what becomes of the thread that faulted.

use ipc_abi::call::SystemCall;
use ipc_abi::fault::{FAULT_WORDS, FaultCause, FaultReply, FaultWord, PROGRAM_STATE};
use ipc_abi::tag::{MessageKind, Tag};

use crate::fault::STEP_STATE;
use crate::memory::Fields;
use crate::object::{flag, state, thread};
use crate::world::{Actor, World};

const BADGE: u64 = 0x77;
/// Where the faulting thread is, and its stack.
const COUNTER: u64 = 0x1000;
const STACK: u64 = 0x2000;

struct Scene {
    world: World,
    endpoint: u64,
    server: Actor,
    victim: Actor,
}

/// A thread with a handler, which waits if it is `ready`.
fn scene(ready: bool) -> Scene {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let gate = world.gate(endpoint, BADGE);
    let server = world.actor(255);
    let victim = world.actor(255);
    let kernel = world.kernel();
    kernel
        .thread_set_handler(victim.handle, gate)
        .expect("a handler");
    if ready {
        world.start(server);
        world.turn_to(server);
        world.message(SystemCall::Receive, endpoint, Tag::new(0, 0), 0);
    }
    world.start(victim);
    world.turn_to(victim);
    Scene {
        world,
        endpoint,
        server,
        victim,
    }
}

impl Scene {
    fn fault(&self) {
        self.world
            .kernel()
            .fault(FaultCause::DataAbort, 0xBAD, 0x45);
        self.world.leave();
    }

    /// The handler answers with `words` words, of which word `i` is `first + i`.
    fn answer(&self, method: u16, words: usize, first: u64) {
        let length = u16::try_from(words * 8).expect("a short message");
        let tag = Tag::new(method, length);
        self.world
            .message(SystemCall::ReplyReceive, self.endpoint, tag, first);
    }

    fn field(&self, field: crate::object::Field<crate::object::Thread>) -> u64 {
        self.world.kernel().memory.get(self.victim.thread, field)
    }
}

#[test]
fn fault_that_waited_for_its_handler_says_the_same() {
    let s = scene(false);
    s.fault();
    s.world.start(s.server);
    s.world.turn_to(s.server);
    s.world
        .message(SystemCall::Receive, s.endpoint, Tag::new(0, 0), 0);
    assert_eq!(s.world.current(), s.server.thread);
    assert_eq!(s.world.tag(s.server).kind(), Some(MessageKind::Fault));
    let cause = FaultCause::DataAbort as u64;
    for (index, word) in (0..).zip([cause, COUNTER, 0xBAD, 0x45, STACK, 0, 7, 0]) {
        assert_eq!(s.world.register(s.server.thread, index), word);
    }
    assert_eq!(s.world.register(s.server.thread, 17), BADGE);
    s.answer(FaultReply::Retry as u16, 0, 0);
    s.world.turn_to(s.victim);
    assert_eq!(s.field(thread::PC), COUNTER);
}

#[test]
fn skipped_instruction_is_four_bytes() {
    let s = scene(true);
    s.fault();
    s.answer(FaultReply::Skip as u16, 0, 0);
    s.world.turn_to(s.victim);
    assert_eq!(s.field(thread::PC), COUNTER + 4);
}

#[test]
fn step_ends_in_a_fault_after_one_instruction() {
    let s = scene(true);
    s.fault();
    s.answer(FaultReply::Step as u16, 0, 0);
    s.world.turn_to(s.victim);
    assert_eq!(s.field(thread::PSTATE) & STEP_STATE, STEP_STATE);
    assert_eq!(s.field(thread::FLAGS) & flag::STEPPING, flag::STEPPING);
    s.world.kernel().end_step(0xCA);
    s.world.leave();
    assert_eq!(s.field(thread::FLAGS) & flag::STEPPING, 0);
    assert_eq!(s.world.current(), s.server.thread);
    let word = |word: FaultWord| s.world.register(s.server.thread, word as u64);
    assert_eq!(word(FaultWord::Cause), FaultCause::SingleStep as u64);
    assert_eq!(word(FaultWord::Syndrome), 0xCA);
}

#[test]
fn step_that_did_not_come_to_its_end_is_still_to_be_made() {
    let s = scene(true);
    let memory = &s.world.host.memory;
    memory.set(s.victim.thread, thread::PSTATE, STEP_STATE);
    s.fault();
    s.answer(FaultReply::Step as u16, 0, 0);
    s.world.turn_to(s.victim);
    assert_eq!(s.field(thread::PSTATE) & STEP_STATE, STEP_STATE);
}

#[test]
fn thread_goes_on_with_the_registers_it_is_given() {
    let first = 0x4000_0000;
    // As many as the answer covers: one register, and then all words.
    for words in [FaultWord::Register0 as usize + 1, FAULT_WORDS] {
        let s = scene(true);
        let memory = &s.world.host.memory;
        memory.set(s.victim.thread, thread::PSTATE, STEP_STATE | 11 << 28);
        s.fault();
        let flags = s.field(thread::PSTATE);
        s.answer(FaultReply::Rewrite as u16, words, first);
        s.world.turn_to(s.victim);
        let word = |word: FaultWord| first + word as u64;
        assert_eq!(s.field(thread::PC), word(FaultWord::ProgramCounter));
        assert_eq!(s.field(thread::SP), word(FaultWord::StackPointer));
        let x = |index| s.world.register(s.victim.thread, index);
        assert_eq!(x(30), word(FaultWord::LinkRegister));
        assert_eq!(x(0), word(FaultWord::Register0));
        let is_all = words == FAULT_WORDS;
        assert_eq!(x(1) == word(FaultWord::Register1), is_all);
        assert_eq!(x(8) == word(FaultWord::Register0) + 8, is_all);
        let given = word(FaultWord::Flags) & PROGRAM_STATE;
        let kept = flags & !PROGRAM_STATE;
        let expected = if is_all { kept | given } else { flags };
        assert_eq!(s.field(thread::PSTATE), expected);
    }
}

#[test]
fn thread_stays_stopped_when_its_handler_says_so() {
    let s = scene(true);
    s.fault();
    s.answer(FaultReply::Stop as u16, 0, 0);
    assert_eq!(s.field(thread::STATE), state::STOPPED);
}

#[test]
fn thread_whose_handlers_endpoint_is_gone_stops() {
    let s = scene(true);
    s.world.kernel().destroy(s.endpoint).expect("it dies");
    s.world.leave();
    s.fault();
    assert_eq!(s.field(thread::STATE), state::STOPPED);
}

#[test]
fn fault_tells_of_the_state_only_what_is_the_programs() {
    let s = scene(true);
    let given = 5 << 28 | 1 << 12;
    let memory = &s.world.host.memory;
    memory.set(s.victim.thread, thread::PSTATE, STEP_STATE | given);
    s.fault();
    let flags = FaultWord::Flags as u64;
    assert_eq!(s.world.register(s.server.thread, flags), given);
}

#[test]
fn fault_that_was_saved_is_answered_as_a_fault() {
    let mut s = scene(true);
    let reply = s.world.reply();
    s.fault();
    assert_eq!(s.world.current(), s.server.thread);
    assert_eq!(s.world.kernel().save_caller(reply), Ok(0));
    s.world.leave();
    let registers = |s: &Scene| [0, 15, 16].map(|index| s.world.register(s.victim.thread, index));
    let before = registers(&s);
    let tag = Tag::new(FaultReply::Skip as u16, 0);
    s.world.message(SystemCall::ReplyTo, reply, tag, 0xF00);
    s.world.turn_to(s.victim);
    assert_eq!(s.field(thread::PC), COUNTER + 4);
    assert_eq!(registers(&s), before);
}

#[test]
fn step_that_a_fault_ended_can_be_asked_for_again() {
    let s = scene(true);
    for _ in 0..2 {
        s.fault();
        s.answer(FaultReply::Step as u16, 0, 0);
        s.world.turn_to(s.victim);
    }
    assert_eq!(s.field(thread::FLAGS) & flag::STEPPING, flag::STEPPING);
}
