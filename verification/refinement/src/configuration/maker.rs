//! Making scenes: the first process, and a few of everything.

use ipc_abi::boot::FirstHandle;
use ipc_abi::call::{SystemCall, Window};
use ipc_abi::capability::Rights;
use ipc_abi::tag::Tag;

use crate::action::{Action, Message};
use crate::machine::{Host, place};
use crate::normal::Care;
use crate::transition::{Refusals, Scene};

/// The first process's handles.
pub(super) const TABLE: u64 = FirstHandle::Table as u64;
/// Its space.
pub(super) const SPACE: u64 = FirstHandle::Space as u64;
/// Its thread.
pub(super) const THREAD: u64 = FirstHandle::Thread as u64;
/// Its context.
pub(super) const CONTEXT: u64 = FirstHandle::Context as u64;
/// Its memory.
pub(super) const MEMORY: u64 = FirstHandle::Memory as u64;
/// Its devices.
pub(super) const DEVICES: u64 = FirstHandle::Devices as u64;
/// Its time.
pub(super) const TIME: u64 = FirstHandle::Time as u64;
/// Its interrupt lines.
pub(super) const IRQS: u64 = FirstHandle::Irqs as u64;
/// Its ASIDs.
pub(super) const ASIDS: u64 = FirstHandle::Asids as u64;
/// A slot that stays empty.
pub(super) const EMPTY: u64 = 200;
/// A handle outside every table here.
pub(super) const OUTSIDE: u64 = 256;

/// A scene that is being made.
pub(super) struct Maker {
    /// The machine.
    pub(super) host: Host,
    /// What can happen.
    pub(super) actions: Vec<Action>,
}

impl Maker {
    /// A machine with `frames` frames.
    pub(super) fn new(frames: u64) -> Maker {
        Maker {
            host: Host::new(frames),
            actions: Vec::new(),
        }
    }

    /// Makes an endpoint; answers its handle, as the others do.
    pub(super) fn endpoint(&mut self) -> u64 {
        self.host
            .make(|k, region, number, to| k.create_endpoint(region, number, to))
            .0
    }

    /// Makes a notification.
    pub(super) fn notification(&mut self) -> u64 {
        self.host
            .make(|k, region, number, to| k.create_notification(region, number, to))
            .0
    }

    /// Makes a reply object.
    pub(super) fn reply(&mut self) -> u64 {
        self.host
            .make(|k, region, number, to| k.create_reply(region, number, to))
            .0
    }

    /// Makes a gate.
    pub(super) fn gate(&mut self, target: u64, badge: u64) -> u64 {
        self.host
            .make(|k, region, number, to| k.create_gate(region, number, to, target, badge))
            .0
    }

    /// Makes a frame; answers its handle and number.
    pub(super) fn frame(&mut self) -> (u64, u64) {
        let (handle, number) = self
            .host
            .make(|k, region, number, to| k.create_frame(region, number, to));
        (handle, number / 64)
    }

    /// Makes a space with `pool` frames.
    pub(super) fn space(&mut self, pool: u64) -> u64 {
        let root = self.host.frame();
        let (handle, _) = self
            .host
            .make(|k, region, number, to| k.create_space(region, number, to, ASIDS, root));
        for _ in 0..pool {
            let frame = self.host.frame();
            self.host
                .kernel()
                .space_donate(handle, MEMORY, frame)
                .expect("it is given");
        }
        handle
    }

    /// Makes a context of `priority`.
    pub(super) fn context(&mut self, priority: u64) -> u64 {
        self.host
            .make(|k, region, number, to| k.create_context(region, number, to, TIME, priority))
            .0
    }

    /// Makes a thread without a context, not started.
    pub(super) fn new_thread(&mut self) -> u64 {
        self.host
            .make(|k, region, number, to| k.create_thread(region, number, to, TABLE, SPACE))
            .0
    }

    /// Makes a thread with a context of `priority`, and starts it; answers the handles of both.
    pub(super) fn thread(&mut self, priority: u64) -> (u64, u64) {
        let thread = self.new_thread();
        let context = self.context(priority);
        let kernel = self.host.kernel();
        kernel
            .thread_set_context(thread, context)
            .expect("its own context");
        kernel
            .thread_start(thread, 0x1000, 0x2000, 7)
            .expect("it starts");
        self.host.drain_all();
        (thread, context)
    }

    /// Makes an interrupt object for `line`.
    pub(super) fn irq(&mut self, line: u64) -> u64 {
        self.host
            .make(|k, region, number, to| k.create_irq(region, number, to, IRQS, line))
            .0
    }

    /// Copies a capability with no more than `rights`.
    pub(super) fn copy(&mut self, handle: u64, rights: Rights) -> u64 {
        let (copy, to) = self.host.slot();
        let rights = u64::from(rights.into_raw());
        self.host
            .kernel()
            .capability_copy(handle, to, rights)
            .expect("it is copied");
        copy
    }

    /// An empty slot: as handle and as place.
    pub(super) fn slot(&mut self) -> (u64, u64) {
        self.host.slot()
    }

    /// The current thread may make a function call.
    pub(super) fn function(&mut self, call: SystemCall, arguments: &[u64]) {
        let mut all = [0; 5];
        all[..arguments.len()].copy_from_slice(arguments);
        let action = Action::Function {
            call,
            arguments: all,
        };
        self.actions.push(action);
    }

    /// It may make each of these calls with each of these first arguments.
    pub(super) fn functions(&mut self, calls: &[SystemCall], arguments: &[u64]) {
        for &call in calls {
            for &argument in arguments {
                self.function(call, &[argument]);
            }
        }
    }

    /// It may make each of these message calls with each of these handles.
    pub(super) fn messages(&mut self, calls: &[SystemCall], handles: &[u64]) {
        for &call in calls {
            for &handle in handles {
                self.actions.push(Action::Message(plain(call, handle)));
            }
        }
    }

    /// It may make this message call.
    pub(super) fn message(&mut self, message: Message) {
        self.actions.push(Action::Message(message));
    }

    /// This can happen.
    pub(super) fn action(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// The scene, made.
    pub(super) fn finish(self, care: Care) -> Scene {
        self.finish_until(care, u64::MAX)
    }

    /// The same, with times before `horizon` only.
    pub(super) fn finish_until(self, care: Care, horizon: u64) -> Scene {
        Scene {
            host: self.host,
            actions: self.actions,
            care,
            horizon,
            refusals: Refusals::default(),
        }
    }
}

/// A message of sixteen words and nothing else.
pub(super) fn plain(call: SystemCall, handle: u64) -> Message {
    Message {
        call,
        handle,
        tag: Tag::new(3, 128),
        window: Window::NONE,
        capabilities: [0; 4],
        patience: 0,
    }
}

/// Slot `handle` of the first process's table, as a place.
pub(super) fn place_of(handle: u64) -> u64 {
    place(u32::try_from(handle).expect("a slot"))
}
