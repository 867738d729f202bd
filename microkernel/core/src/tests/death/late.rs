//! The answer to an earlier call is never taken for the answer to a later one: every way to abandon a
//! call, every later call, every way to answer late.

use super::stage::{Actor, Outcome, Stage};
use super::*;
use crate::memory::Fields;
use crate::object::thread;
use ipc_abi::call::SystemCall;
use ipc_abi::capability::ThreadState;
use ipc_abi::tag::{MessageKind, Tag};

/// Ticks until a deadline that comes.
const SOON: u64 = 1 << 16;
/// What late answers begin with.
const LATE: u64 = 900;
/// What right answers begin with.
const RIGHT: u64 = 500;

/// How the first call ends for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Abandon {
    /// The caller is stopped and goes on.
    StopAndResume,
    /// The caller is stopped and started anew.
    StopAndStart,
    /// The caller is destroyed; another thread has its place.
    Replace,
    /// The deadline comes first.
    TimeOut,
}

/// Where the first call is when it is abandoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Served,
    Saved,
}

/// Where the second call is when the late answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Second {
    /// In the queue of the same endpoint.
    Queued,
    /// With another server.
    Served,
    /// In a reply object of another server.
    Saved,
    /// It is a fault, with another server.
    Fault,
}

/// How the late answer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answering {
    Reply,
    ReplyReceive,
    Save,
    ReplyTo,
}

const ABANDONS: [Abandon; 4] = [
    Abandon::TimeOut,
    Abandon::StopAndResume,
    Abandon::StopAndStart,
    Abandon::Replace,
];
const SECONDS: [Second; 4] = [Second::Queued, Second::Served, Second::Saved, Second::Fault];
const ANSWERS: [(First, Answering); 4] = [
    (First::Served, Answering::Reply),
    (First::Served, Answering::ReplyReceive),
    (First::Served, Answering::Save),
    (First::Saved, Answering::ReplyTo),
];

/// Two servers with a reply object each.
struct Scene {
    client: Actor,
    server: Actor,
    other: Actor,
    gates: [u64; 2],
    endpoints: [u64; 2],
    replies: [u64; 2],
}

impl Scene {
    fn new(s: &mut Stage) -> Scene {
        let (client, server, endpoint, gate) = s.pair();
        let (_, other, other_endpoint, other_gate) = s.pair();
        Scene {
            client,
            server,
            other,
            gates: [gate, other_gate],
            endpoints: [endpoint, other_endpoint],
            replies: [s.reply(), s.reply()],
        }
    }

    /// The client calls, and does not wait for the answer.
    fn abandon(&mut self, s: &mut Stage, first: First, how: Abandon) {
        if how == Abandon::TimeOut {
            call_soon(s, self.client, self.gates[0]);
        } else {
            s.call(self.client, self.gates[0]);
        }
        if first == First::Saved {
            s.save(self.server, self.replies[0]);
        }
        s.home();
        if how == Abandon::TimeOut {
            s.pass(self.server.thread, 2 * SOON);
            s.home();
            s.judge(self.client, Outcome::Refused(Error::TimedOut));
            return;
        }
        let handle = self.client.handle;
        if how == Abandon::Replace {
            let frame = self.client.thread.frame().0;
            s.forget(handle);
            s.forget(self.client.context);
            s.next_frame = Some(frame);
            let number = self.client.thread;
            self.client = s.actor();
            assert_eq!(self.client.thread, number, "at the same place");
            return;
        }
        s.done(s.kernel().thread_stop(handle));
        if how == Abandon::StopAndResume {
            s.done(s.kernel().thread_resume(handle));
        } else {
            s.start(self.client);
        }
    }

    fn call_again(&self, s: &mut Stage, second: Second) {
        if second == Second::Fault {
            let gate = self.gates[1];
            s.done(s.kernel().thread_set_handler(self.client.handle, gate));
            s.fault(self.client);
            return;
        }
        let gate = self.gates[usize::from(second != Second::Queued)];
        s.call(self.client, gate);
        if second == Second::Saved {
            s.save(self.other, self.replies[1]);
        }
    }

    fn answer_late(&self, s: &mut Stage, how: Answering) {
        s.word = LATE;
        match how {
            Answering::Reply => s.message(self.server, SystemCall::Reply, 0),
            Answering::ReplyReceive => {
                s.message(self.server, SystemCall::ReplyReceive, self.endpoints[0]);
            }
            Answering::Save => {
                s.turn_to(self.server.thread);
                let refused = s.kernel().save_caller(self.replies[0]);
                assert_eq!(refused, Err(Error::Died));
                s.leave();
                s.message(self.server, SystemCall::ReplyTo, self.replies[0]);
            }
            Answering::ReplyTo => {
                s.message(self.server, SystemCall::ReplyTo, self.replies[0]);
                let tag = s.kernel().memory.get(self.server.thread, thread::X.at(16));
                assert_eq!(Tag::from_raw(tag).error(), Some(Error::Died));
                s.message(self.server, SystemCall::ReplyTo, self.replies[0]);
            }
        }
        s.home();
    }

    /// The second call still waits, and gets its own answer.
    fn expect_right_answer(&self, s: &mut Stage, second: Second, how: Answering) {
        let state = match second {
            Second::Fault => ThreadState::Faulted,
            Second::Queued if how != Answering::ReplyReceive => ThreadState::Sending,
            Second::Queued | Second::Served | Second::Saved => ThreadState::Calling,
        };
        s.judge(self.client, Outcome::Is(state));
        s.word = RIGHT;
        match second {
            Second::Queued => {
                if how != Answering::ReplyReceive {
                    s.receive(self.server, self.endpoints[0]);
                }
                s.message(self.server, SystemCall::Reply, 0);
            }
            Second::Served => s.message(self.other, SystemCall::Reply, 0),
            Second::Saved => s.message(self.other, SystemCall::ReplyTo, self.replies[1]),
            Second::Fault => {
                s.turn_to(self.other.thread);
                s.raw_message(SystemCall::Reply, 0, Tag::new(0, 0));
            }
        }
        s.home();
        s.judge(self.client, Outcome::Is(ThreadState::Ready));
        if second != Second::Fault {
            let memory = s.kernel().memory;
            let word = |index| memory.get(self.client.thread, thread::X.at(index));
            let is_reply = Tag::from_raw(word(16)).kind() == Some(MessageKind::Message);
            assert!(is_reply && (0..16).all(|index| word(index) == RIGHT + index));
        }
    }
}

/// A call whose deadline comes after [`SOON`] ticks.
fn call_soon(s: &Stage, client: Actor, gate: u64) {
    s.turn_to(client.thread);
    let kernel = s.kernel();
    let deadline = kernel.memory.now() + SOON;
    let tag = Tag::new(3, 16).into_raw();
    for (index, value) in [(16, tag), (17, gate), (18, 0), (20, deadline)] {
        kernel.memory.set(client.thread, thread::X.at(index), value);
    }
    kernel.message_call(SystemCall::CallUntil as u64);
    s.leave();
}

#[test]
fn late_answers_are_answers_to_nobody() {
    let mut stage = Stage::new(SEED);
    for how in ABANDONS {
        for second in SECONDS {
            for (first, answering) in ANSWERS {
                std::eprintln!("{how:?}, {first:?}, {second:?}, {answering:?}");
                let mut scene = Scene::new(&mut stage);
                stage.word = 100;
                scene.abandon(&mut stage, first, how);
                scene.call_again(&mut stage, second);
                scene.answer_late(&mut stage, answering);
                scene.expect_right_answer(&mut stage, second, answering);
                stage.home();
                for made in stage.made.clone() {
                    stage.done(stage.kernel().destroy(made.handle));
                }
                stage.end_round();
            }
        }
    }
}
