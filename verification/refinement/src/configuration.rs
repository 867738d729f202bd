//! The small systems.

use ipc_abi::boot::FirstHandle;
use ipc_abi::call::{SystemCall, Window};
use ipc_abi::tag::Tag;

use crate::action::{Action, Message};
use crate::explore::{Configuration, Scene};
use crate::machine::Host;
use crate::normal::Care;

/// All of them.
pub const ALL: &[Configuration] = &[Configuration {
    name: "call-and-reply",
    has: "3 threads, 1 endpoint, 2 gates, 1 notification",
    build: call_and_reply,
}];

/// The first process's table and space.
const TABLE: u64 = FirstHandle::Table as u64;
const SPACE: u64 = FirstHandle::Space as u64;
const TIME: u64 = FirstHandle::Time as u64;

/// A scene that is being made.
struct Maker {
    host: Host,
    actions: Vec<Action>,
}

impl Maker {
    fn new(frames: u64) -> Maker {
        Maker {
            host: Host::new(frames),
            actions: Vec::new(),
        }
    }

    fn endpoint(&mut self) -> u64 {
        self.host.make(|k, region, number, to| k.create_endpoint(region, number, to)).0
    }

    fn notification(&mut self) -> u64 {
        self.host.make(|k, region, number, to| k.create_notification(region, number, to)).0
    }

    fn reply(&mut self) -> u64 {
        self.host.make(|k, region, number, to| k.create_reply(region, number, to)).0
    }

    fn gate(&mut self, target: u64, badge: u64) -> u64 {
        self.host.make(|k, region, number, to| k.create_gate(region, number, to, target, badge)).0
    }

    /// A thread with a context of `priority`, started.
    fn thread(&mut self, priority: u64) -> (u64, u64) {
        let (thread, _) = self
            .host
            .make(|k, region, number, to| k.create_thread(region, number, to, TABLE, SPACE));
        let (context, _) = self
            .host
            .make(|k, region, number, to| k.create_context(region, number, to, TIME, priority));
        let kernel = self.host.kernel();
        kernel.thread_set_context(thread, context).expect("its own context");
        kernel.thread_start(thread, 0x1000, 0x2000, 7).expect("it starts");
        self.host.drain_all();
        (thread, context)
    }

    fn function(&mut self, call: SystemCall, arguments: &[u64]) {
        let mut all = [0; 5];
        all[..arguments.len()].copy_from_slice(arguments);
        self.actions.push(Action::Function {
            call,
            arguments: all,
        });
    }

    fn message(&mut self, call: SystemCall, handle: u64) {
        self.actions.push(Action::Message(Message {
            call,
            handle,
            tag: Tag::new(3, 128),
            window: Window::NONE,
            capabilities: [0; 4],
            patience: 0,
        }));
    }

    fn finish(self, care: Care) -> Scene {
        Scene {
            host: self.host,
            actions: self.actions,
            care,
            horizon: u64::MAX,
        }
    }
}

fn call_and_reply() -> Scene {
    use SystemCall as S;
    let mut m = Maker::new(96);
    let endpoint = m.endpoint();
    let gates = [m.gate(endpoint, 7), m.gate(endpoint, 9)];
    let notification = m.notification();
    let bell = m.gate(notification, 3);
    let reply = m.reply();
    let threads = [m.thread(255), m.thread(254)];
    for call in [S::Call, S::Send, S::TryCall, S::TrySend] {
        for handle in [gates[0], gates[1], bell, endpoint, 0, 200] {
            m.message(call, handle);
        }
    }
    for call in [S::ReplyReceive, S::Receive, S::TryReceive] {
        for handle in [endpoint, notification, 0] {
            m.message(call, handle);
        }
    }
    m.message(S::Reply, 0);
    m.message(S::ReplyTo, reply);
    m.message(S::ReplyTo, endpoint);
    m.message(S::TryWait, notification);
    m.message(S::Wait, notification);
    m.function(S::Wait, &[notification]);
    m.function(S::Signal, &[bell]);
    m.function(S::Signal, &[gates[0]]);
    m.function(S::Yield, &[]);
    m.function(S::SaveCaller, &[reply]);
    let first = (FirstHandle::Thread as u64, 0);
    for (thread, _) in [first, threads[0], threads[1]] {
        m.function(S::ThreadStop, &[thread]);
        m.function(S::ThreadResume, &[thread]);
        m.function(S::ThreadStart, &[thread, 0x1000, 0x2000, 7]);
        m.function(S::ThreadInspect, &[thread]);
    }
    m.actions.push(Action::Timer);
    m.finish(Care::default())
}
