//! Messages: `call`, `send`, `receive`, `reply` and their variants, in safe Rust.
//!
//! This is the slow path and the definition: the assembly fast path does the same for a `call` or
//! `reply_receive` that carries at most 128 bytes and no capability between two threads of one core,
//! one of which waits for the other.
//!
//! ```text
//!              call, nobody receives            receive
//!  caller: ─────────────────────────▶ SEND ─────────────────▶ REPLY ──▶ runs
//!            call, somebody receives                 ▲           │ reply, reply_receive
//!          ──────────────────────────────────────────┘           ▼
//!  server: RECEIVE ◀──────── receive, reply_receive ──────── serves it
//! ```
//!
//! The current context travels: server and caller run on the caller's.

use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;
use ipc_abi::tag::MessageKind;

use crate::capability::Capability;
use crate::kernel::Kernel;
use crate::memory::{Fields, Memory};
use crate::object::{
    Context, Endpoint, Gate, Number, Thread, endpoint, gate, sending, special, thread, wait,
};

/// How many queued senders whose message cannot be taken one `receive` turns away before it asks to
/// be repeated.
pub const RECEIVE_TRIES: u64 = 8;

/// A gate that was found and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendGate {
    /// The gate.
    pub gate: Number<Gate>,
    /// Its endpoint.
    pub endpoint: Number<Endpoint>,
    /// Its badge.
    pub badge: u64,
    /// Word 1 of the capability.
    pub word: u64,
}

/// Whether a message call may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    Waits,
    Refuses,
}

/// What [`find_send_gate`] answers, in two registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Found {
    /// The endpoint's number; 0 if the handle is refused.
    pub endpoint: u64,
    /// Word 1 of the gate's capability; if the handle is refused, the number of the error.
    pub word: u64,
}

/// The lookup behind [`Kernel::find_gate`]: handle, gate, endpoint. A function of its own with a
/// fixed calling convention, so that `verification/` can prove its machine code in the kernel that
/// ships.
#[inline(never)]
pub extern "C" fn find_send_gate<M: Memory + Copy>(memory: M, thread: u64, handle: u64) -> Found {
    let kernel = Kernel { memory };
    match kernel.look_up_gate(Number::from_raw(thread), handle) {
        Ok(found) => found,
        Err(error) => Found {
            endpoint: 0,
            word: error.into_raw(),
        },
    }
}

impl<M: Memory + Copy> Kernel<M> {
    /// Does the call `number` (0 to 16: those with messages, and those on ranges of pages) of the
    /// current thread, whose registers were saved.
    /// Its answer is in the registers of the thread.
    pub fn message_call(&self, number: u64) {
        const CALL: u64 = SystemCall::Call as u64;
        const REPLY_RECEIVE: u64 = SystemCall::ReplyReceive as u64;
        const CALL_UNTIL: u64 = SystemCall::CallUntil as u64;
        const FIRST_RANGE: u64 = SystemCall::MapRange as u64;
        const LAST_RANGE: u64 = SystemCall::ProtectRange as u64;
        // The calls that are worth it are functions of their own, which this one becomes.
        match number {
            CALL => self.call(),
            REPLY_RECEIVE => self.reply_receive(),
            CALL_UNTIL => self.call_until(),
            FIRST_RANGE..=LAST_RANGE => self.range_call(number),
            _ => self.other_message_call(number),
        }
    }

    #[inline(never)]
    fn other_message_call(&self, number: u64) {
        let current = self.current();
        let call = usize::try_from(number)
            .ok()
            .and_then(|n| SystemCall::ALL.get(n));
        let result = match call {
            Some(SystemCall::Receive) => self.receive(current, Patience::Waits),
            Some(SystemCall::Send) => self.send_other(sending::ONE_WAY, Patience::Waits),
            Some(SystemCall::TryCall) => self.send_other(sending::CALL, Patience::Refuses),
            Some(SystemCall::TrySend) => self.send_other(sending::ONE_WAY, Patience::Refuses),
            Some(SystemCall::TryReceive) => self.receive_now(current),
            Some(SystemCall::Reply) => self.reply(current),
            Some(SystemCall::ReplyTo) => self.reply_to(current),
            Some(SystemCall::Wait) => self.start_waiting(current),
            Some(SystemCall::TryWait) => self.try_wait(current),
            Some(SystemCall::ReceiveUntil) => self.receive_until(current),
            Some(SystemCall::WaitUntil) => self.wait_until(current),
            _ => Err(Error::BadArgument),
        };
        self.refuse_if(current, result);
    }

    /// Tells `thread` that its message call was refused, if it was.
    #[inline]
    pub(crate) fn refuse_if(&self, thread: Number<Thread>, result: Result<(), Error>) {
        if let Err(error) = result {
            self.refuse(thread, error);
        }
    }

    /// `call`.
    #[inline(never)]
    fn call(&self) {
        let current = self.current();
        let result = self.send_message(current, sending::CALL, Patience::Waits);
        self.refuse_if(current, result);
    }

    /// `call` of `caller`, the current thread, with a deadline.
    pub(crate) fn call_and_wait(&self, caller: Number<Thread>) -> Result<(), Error> {
        debug_assert!(caller == self.current());
        self.send_other(sending::CALL, Patience::Waits)
    }

    /// The other ways to send.
    #[inline(never)]
    fn send_other(&self, what: u64, patience: Patience) -> Result<(), Error> {
        self.send_message(self.current(), what, patience)
    }

    /// Finds the gate that `handle` of `thread` names, with the right to send.
    ///
    /// # Errors
    ///
    /// `BadHandle`, `WrongKind`, `NoRight`, `Stale`; `Died` if the endpoint is gone.
    #[inline(always)]
    pub fn find_gate(&self, thread: Number<Thread>, handle: u64) -> Result<SendGate, Error> {
        let found = find_send_gate(self.memory, thread.into_raw(), handle);
        let endpoint = Number::from_raw(found.endpoint);
        if endpoint.is_none() {
            return Err(Error::from_raw(found.word).unwrap_or(Error::BadHandle));
        }
        let gate = Number::from_raw(found.word >> 6);
        let badge = self.memory.get(gate, gate::BADGE);
        Ok(SendGate {
            gate,
            endpoint,
            badge,
            word: found.word,
        })
    }

    #[inline(always)]
    fn look_up_gate(&self, thread: Number<Thread>, handle: u64) -> Result<Found, Error> {
        let capability = self.capability_of(thread, handle)?;
        self.check(capability, Kind::Gate, Rights::SEND)?;
        let gate = Number::<Gate>::from_raw(capability.number());
        let endpoint: Number<Endpoint> = self.memory.link(gate, gate::ENDPOINT);
        if self.memory.get(endpoint, endpoint::ID) == 0 {
            return Err(Error::Died);
        }
        Ok(Found {
            endpoint: endpoint.into_raw(),
            word: capability.word,
        })
    }

    #[inline(always)]
    fn send_message(
        &self,
        sender: Number<Thread>,
        what: u64,
        patience: Patience,
    ) -> Result<(), Error> {
        let found = self.find_gate(sender, self.handle_of(sender))?;
        let tag = self.tag_of(sender);
        self.check_outgoing(sender, tag, may_grant(found.word))?;
        let server = self.ready_server(found.endpoint);
        if server.is_none() {
            if patience == Patience::Refuses {
                return Err(Error::WouldBlock);
            }
            self.note_sending(sender, found, what);
            self.enqueue_sender(sender, found.gate, found.endpoint);
            self.block_and_help(found.endpoint);
            return Ok(());
        }
        self.check_incoming(server, tag)?;
        if what == sending::ONE_WAY {
            return self.deliver_one_way(sender, server, found);
        }
        self.note_sending(sender, found, what);
        self.take_server(server, found.endpoint);
        self.deliver(sender, server, tag, found.badge);
        self.link_call(sender, server, wait::REPLY);
        self.run_in_place_of_current(server);
        Ok(())
    }

    /// Gives `server`, which waits, a message that needs no reply.
    #[inline(never)]
    fn deliver_one_way(
        &self,
        sender: Number<Thread>,
        server: Number<Thread>,
        found: SendGate,
    ) -> Result<(), Error> {
        let own = self.own_idle_context(server);
        if own.is_none() {
            return Err(Error::NoTime);
        }
        self.remove_server(server);
        let tag = self.tag_of(sender).with_kind(MessageKind::OneWay);
        self.deliver(sender, server, tag, found.badge);
        self.accept(sender);
        self.resume_on(server, own);
        self.preempt();
        Ok(())
    }

    /// Writes down what a sender sends, for its queue and for the reply.
    #[inline(always)]
    fn note_sending(&self, sender: Number<Thread>, found: SendGate, what: u64) {
        self.memory.set(sender, thread::SENDING, what);
        self.memory.set(sender, thread::BADGE, found.badge);
        self.memory.set(sender, thread::SENT_THROUGH, found.word);
        self.declare_window(sender);
    }

    /// `receive`, with a deadline.
    pub(crate) fn receive_and_wait(&self, server: Number<Thread>) -> Result<(), Error> {
        self.receive(server, Patience::Waits)
    }

    /// `try_receive`.
    pub(crate) fn receive_now(&self, server: Number<Thread>) -> Result<(), Error> {
        self.receive(server, Patience::Refuses)
    }

    /// `receive` and `try_receive`.
    #[inline(never)]
    fn receive(&self, server: Number<Thread>, patience: Patience) -> Result<(), Error> {
        let endpoint = self.find_seldom::<Endpoint>(self.handle_of(server), Rights::RECEIVE)?;
        if self.memory.get(server, thread::CALLER) != 0 {
            return Err(Error::CallerWaits);
        }
        let is_silent = self.first_sender(endpoint).is_none() && !self.has_signals(server);
        if is_silent && patience == Patience::Refuses {
            return Err(Error::WouldBlock);
        }
        self.clear_special(server, special::CALLER_GONE);
        self.declare_window(server);
        match patience {
            Patience::Waits => self.receive_next(server, endpoint, Number::NONE),
            Patience::Refuses => self.receive_waiting(server, endpoint, Number::NONE, patience),
        }
    }

    /// `reply_receive`.
    #[inline(never)]
    fn reply_receive(&self) {
        let server = self.current();
        let result = self.try_reply_receive(server);
        self.refuse_if(server, result);
    }

    #[inline(always)]
    fn try_reply_receive(&self, server: Number<Thread>) -> Result<(), Error> {
        let endpoint = self.find::<Endpoint>(self.handle_of(server), Rights::RECEIVE)?;
        self.check_reply(server)?;
        let caller = self.answer_caller(server);
        self.declare_window(server);
        self.receive_next(server, endpoint, caller)
    }

    /// Receives a signal, else a message, else waits. The server is the current thread and serves
    /// nobody; `answered`, if any, is the caller it just answered, whose context it still uses.
    #[inline(always)]
    fn receive_next(
        &self,
        server: Number<Thread>,
        endpoint: Number<Endpoint>,
        answered: Number<Thread>,
    ) -> Result<(), Error> {
        if self.memory.get(endpoint, endpoint::WAITING) != 0 || self.has_signals(server) {
            return self.receive_waiting(server, endpoint, answered, Patience::Waits);
        }
        self.push_server(server, endpoint);
        let is_lent = self.current_context() != self.memory.link(server, thread::OWN_CONTEXT);
        if is_lent && !answered.is_none() && self.is_runnable(answered) {
            self.run_in_place_of_current(answered);
        } else {
            self.rest_after(server, answered);
        }
        Ok(())
    }

    /// Receives something that is there; if all of it is turned away, waits unless that is refused.
    #[inline(never)]
    fn receive_waiting(
        &self,
        server: Number<Thread>,
        endpoint: Number<Endpoint>,
        answered: Number<Thread>,
        patience: Patience,
    ) -> Result<(), Error> {
        if self.has_signals(server) {
            let bits = self.take_bits(self.memory.link(server, thread::BOUND));
            self.deliver_signal(server, bits);
            self.hand_back(server, answered);
            self.continue_on_own(server);
            return Ok(());
        }
        if let Some(context) = self.take_any_message(server, endpoint) {
            self.memory.set_link(endpoint, self.taken_field(), server);
            self.hand_back(server, answered);
            self.continue_on(server, context);
            return Ok(());
        }
        let has_own = self.memory.get(server, thread::OWN_CONTEXT) != 0;
        let is_more = !self.first_sender(endpoint).is_none();
        if has_own && (is_more || patience == Patience::Refuses) {
            self.hand_back(server, answered);
            self.continue_on_own(server);
            return Err(if is_more {
                Error::Again
            } else {
                Error::WouldBlock
            });
        }
        self.push_server(server, endpoint);
        self.rest_after(server, answered);
        Ok(())
    }

    /// Takes the first message at `endpoint` that is not turned away, out of a few. Answers the context
    /// with which the server goes on; nothing if there is none, or an interrupt waits.
    #[inline(never)]
    fn take_any_message(
        &self,
        server: Number<Thread>,
        endpoint: Number<Endpoint>,
    ) -> Option<Number<Context>> {
        for _ in self.memory.at_most::<RECEIVE_TRIES>(0..RECEIVE_TRIES) {
            if self.first_sender(endpoint).is_none() {
                break;
            }
            let context = self.take_first_message(server, endpoint);
            if context.is_some() {
                return context;
            }
            if self.memory.interrupt_pending() {
                break;
            }
        }
        None
    }

    /// Takes the first message that waits at `endpoint`, or turns its sender away. Answers the context
    /// with which the server goes on; nothing if it has to look at the next.
    #[inline(never)]
    pub(crate) fn take_first_message(
        &self,
        server: Number<Thread>,
        endpoint: Number<Endpoint>,
    ) -> Option<Number<Context>> {
        let sender = self.first_sender(endpoint);
        self.dequeue_sender(sender, endpoint);
        match self.take_message(sender, server) {
            Ok(context) => Some(context),
            Err(error) => {
                let held = self.memory.link(sender, thread::CONTEXT);
                self.wake_refused(sender, held, error);
                None
            }
        }
    }

    /// The server waits: the caller it answered gets its context back, and the most important
    /// context runs.
    #[inline(never)]
    fn rest_after(&self, server: Number<Thread>, answered: Number<Thread>) {
        self.hand_back(server, answered);
        self.block();
    }

    /// Takes the message of `sender`, which was just dequeued; returns the context with which the
    /// server goes on.
    fn take_message(
        &self,
        sender: Number<Thread>,
        server: Number<Thread>,
    ) -> Result<Number<Context>, Error> {
        let badge = self.memory.get(sender, thread::BADGE);
        let mut held: Number<Context> = self.memory.link(sender, thread::CONTEXT);
        if held.is_none() {
            held = self.own_idle_context(sender);
        }
        // A server without time of its own cannot serve a sender whose time was destroyed.
        if held.is_none() && self.memory.get(server, thread::OWN_CONTEXT) == 0 {
            return Err(Error::Died);
        }
        let what = self.memory.get(sender, thread::SENDING);
        if what == sending::FAULT {
            self.deliver_fault(sender, server, badge);
            self.link_call(sender, server, wait::SLOW_REPLY);
            return Ok(held);
        }
        let tag = self.tag_of(sender);
        let word = self.memory.get(sender, thread::SENT_THROUGH);
        self.check_outgoing(sender, tag, may_grant(word))?;
        self.check_incoming(server, tag)?;
        if what == sending::ONE_WAY {
            let own: Number<Context> = self.memory.link(server, thread::OWN_CONTEXT);
            if own.is_none() {
                return Err(Error::NoTime);
            }
            self.deliver(sender, server, tag.with_kind(MessageKind::OneWay), badge);
            self.accept(sender);
            self.resume_on(sender, held);
            return Ok(own);
        }
        self.deliver(sender, server, tag, badge);
        self.link_call(sender, server, wait::REPLY);
        Ok(held)
    }
}

/// Whether the gate capability with this word 1 may send capabilities along.
fn may_grant(word: u64) -> bool {
    Capability { id: 0, word }.rights().contains(Rights::GRANT)
}
