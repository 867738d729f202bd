//! The answer to a call is never taken for the answer to another: random calls with and without
//! deadlines, that time out, are stopped, saved and answered in any order. Each call has a number, and
//! a server answers with the number that it was asked; a caller that gets another was deceived.

extern crate std;

use std::vec::Vec;

use ipc_abi::call::SystemCall;
use ipc_abi::error::Error;
use ipc_abi::tag::{MessageKind, Tag};
use proptest::prelude::*;

use crate::memory::Fields;
use crate::object::{Number, Thread, state, thread};
use crate::world::{Actor, World};

/// Clients, and as many servers; each server has a reply object, which others use, too.
const PAIRS: usize = 3;
/// Ticks that pass at most after a step, and within which deadlines come.
const TICKS: u64 = 2_000;
/// What a server answers that believes that nobody asked.
const NOBODY: u64 = 0xBAD;

/// One step of a scenario: what, and with what.
type Step = (u8, u8, u8, u16);

/// The clients and servers, and what each believes.
struct Scene {
    world: World,
    clients: Vec<Actor>,
    servers: Vec<Actor>,
    endpoints: Vec<u64>,
    gates: Vec<u64>,
    replies: Vec<u64>,
    /// The number of the call that each client waits for.
    asked: Vec<Option<u64>>,
    /// Whether each server waits for a call; the number of the one that it serves.
    receiving: Vec<bool>,
    serving: Vec<Option<u64>>,
    /// The number of the call that was saved in each reply object.
    saved: Vec<Option<u64>>,
    next: u64,
    answers: usize,
}

impl Scene {
    fn new() -> Scene {
        let mut world = World::new();
        let endpoints: Vec<u64> = (0..2).map(|_| world.endpoint()).collect();
        let gates = endpoints.iter().map(|it| world.gate(*it, 1)).collect();
        Scene {
            clients: (0..PAIRS).map(|_| world.started(255)).collect(),
            servers: (0..PAIRS).map(|_| world.started(255)).collect(),
            replies: (0..PAIRS).map(|_| world.reply()).collect(),
            world,
            endpoints,
            gates,
            asked: [None; PAIRS].into(),
            receiving: [false; PAIRS].into(),
            serving: [None; PAIRS].into(),
            saved: [None; PAIRS].into(),
            next: 1,
            answers: 0,
        }
    }

    fn take(&mut self, (what, with, other, ticks): Step) {
        let current = self.world.current();
        let is_current = |actor: &Actor| actor.thread == current;
        let (with, other) = (usize::from(with) % PAIRS, usize::from(other) % PAIRS);
        if let Some(client) = self.clients.iter().position(is_current) {
            self.ask(client, with, what, ticks);
        } else if let Some(server) = self.servers.iter().position(is_current) {
            self.serve(server, with, what);
        } else if what.is_multiple_of(4) {
            self.abandon(with, other, what / 4);
        }
        if !self.world.current().is_none() && what.is_multiple_of(2) {
            self.world.kernel().r#yield().expect("yield");
            self.world.leave();
        }
        self.world.pass(u64::from(ticks) % TICKS);
        self.look();
    }

    /// The current thread, a client, calls.
    fn ask(&mut self, client: usize, with: usize, what: u8, ticks: u16) {
        let gate = self.gates[with % self.gates.len()];
        let call = if what < 200 {
            SystemCall::CallUntil
        } else {
            SystemCall::Call
        };
        self.asked[client] = Some(self.next);
        let deadline = self.world.now() + u64::from(ticks) % TICKS;
        self.world.message_until(call, gate, self.next, deadline);
        self.next += 1;
    }

    /// The current thread, a server, does something.
    fn serve(&mut self, server: usize, with: usize, what: u8) {
        let endpoint = self.endpoints[server % self.endpoints.len()];
        let tag = Tag::new(1, 128);
        let answer = self.serving[server].unwrap_or(NOBODY);
        match what % 8 {
            0..=2 => {
                self.receiving[server] = true;
                self.world
                    .message(SystemCall::Receive, endpoint, tag, NOBODY);
            }
            3 => {
                self.serving[server] = None;
                self.receiving[server] = true;
                self.world
                    .message(SystemCall::ReplyReceive, endpoint, tag, answer);
            }
            4 => {
                self.serving[server] = None;
                self.world.message(SystemCall::Reply, 0, tag, answer);
            }
            5 | 6 => {
                let answer = self.world.kernel().save_caller(self.replies[with]);
                self.world.leave();
                match answer {
                    Ok(_) => self.saved[with] = self.serving[server].take(),
                    Err(Error::Died) => self.serving[server] = None,
                    Err(_) => {}
                }
            }
            _ => {
                let answer = self.saved[with].take().unwrap_or(NOBODY);
                let reply = self.replies[with];
                self.world.message(SystemCall::ReplyTo, reply, tag, answer);
            }
        }
    }

    /// The main thread, which is current, ends what somebody else does.
    fn abandon(&mut self, with: usize, other: usize, how: u8) {
        let is_client = other > 0;
        let victim = if is_client {
            self.clients[with]
        } else {
            self.servers[with]
        };
        let kernel = self.world.kernel();
        if self.world.kernel().thread_stop(victim.handle).is_err() {
            return;
        }
        if is_client {
            self.asked[with] = None;
        } else {
            self.serving[with] = None;
            self.receiving[with] = false;
        }
        if how.is_multiple_of(2) {
            kernel
                .thread_start(victim.handle, 0x1000, 0, 0)
                .expect("it starts");
        } else {
            kernel.thread_resume(victim.handle).expect("it goes on");
        }
        self.world.leave();
    }

    /// Whether a thread goes on, and the tag that it found.
    fn arrived(&self, thread: Number<Thread>) -> Option<Tag> {
        let memory = self.world.kernel().memory;
        let is_free = memory.get(thread, thread::WAIT) == 0
            && memory.get(thread, thread::STATE) == state::LIVE;
        is_free.then(|| Tag::from_raw(self.world.register(thread, 16)))
    }

    /// Who got what meanwhile.
    fn look(&mut self) {
        for index in 0..PAIRS {
            let server = self.servers[index].thread;
            if let Some(tag) = self.arrived(server).filter(|_| self.receiving[index]) {
                self.receiving[index] = false;
                if tag.kind() == Some(MessageKind::Message) {
                    self.serving[index] = Some(self.world.register(server, 0));
                }
            }
        }
        for index in 0..PAIRS {
            let client = self.clients[index].thread;
            let Some(asked) = self.asked[index] else {
                continue;
            };
            let Some(tag) = self.arrived(client) else {
                continue;
            };
            self.asked[index] = None;
            if tag.kind() == Some(MessageKind::Message) {
                assert_eq!(self.world.register(client, 0), asked);
                self.answers += 1;
            }
        }
    }
}

fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(any::<Step>(), 1..count)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn answers_go_to_the_calls_that_they_answer(steps in steps(200)) {
        let mut scene = Scene::new();
        for step in steps {
            if scene.world.current().is_none() {
                scene.world.pass(TICKS);
                scene.look();
            }
            if scene.world.current().is_none() {
                break;
            }
            scene.take(step);
        }
    }
}

#[test]
fn random_calls_are_answered_at_all() {
    let mut scene = Scene::new();
    let mut state = 1_u64;
    for _ in 0..4_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let [.., a, b, c, d, e] = state.to_le_bytes();
        scene.take((a, b, c, u16::from_le_bytes([d, e])));
    }
    assert!(scene.answers > 50, "{} answers", scene.answers);
}
