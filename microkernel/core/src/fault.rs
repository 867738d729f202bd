//! Faults: calls that the kernel makes for a thread to its fault handler.

use ipc_abi::capability::Kind;
use ipc_abi::fault::{FAULT_WORDS, FaultCause, FaultReply, FaultWord};
use ipc_abi::tag::{MessageKind, Tag};

use crate::kernel::Kernel;
use crate::memory::{Fields, Memory};
use crate::object::{Endpoint, Gate, Number, Thread, endpoint, gate, sending, state, thread, wait};

/// The register that holds the return address.
const LINK_REGISTER: u64 = 30;
/// Bytes in a fault message.
const FAULT_BYTES: u16 = 64;

/// What the processor says of a fault.
struct Fault {
    cause: FaultCause,
    address: u64,
    syndrome: u64,
}

impl<M: Memory + Copy> Kernel<M> {
    /// The current thread, whose registers were saved, did what only its fault handler can mend:
    /// `address` is what it touched (or 0), `syndrome` is `ESR_EL1`. Without a handler, the thread
    /// stops.
    pub fn fault(&self, cause: FaultCause, address: u64, syndrome: u64) {
        let thread = self.current();
        let fault = Fault {
            cause,
            address,
            syndrome,
        };
        let Some((gate, endpoint)) = self.find_handler(thread) else {
            self.memory.set(thread, thread::STATE, state::STOPPED);
            self.block();
            return;
        };
        self.memory.set(thread, thread::SENDING, sending::FAULT);
        self.memory.set(thread, thread::SENT_THROUGH, 0);
        self.memory.set(thread, thread::WINDOW, 0);
        let badge = self.memory.get(gate, gate::BADGE);
        let server = self.ready_server(endpoint);
        if server.is_none() {
            self.memory.set(thread, thread::BADGE, badge);
            self.queue_fault(thread, gate, endpoint, &fault);
            return;
        }
        self.take_server(server, endpoint);
        self.write_fault(thread, &fault, |index, word| {
            self.set_register(server, index, word);
        });
        self.finish_fault_message(server, badge);
        self.link_call(thread, server, wait::SLOW_REPLY);
        self.run_in_place_of_current(server);
    }

    /// Writes the words of a fault of `thread` through `put(index, word)`.
    #[inline(always)]
    fn write_fault(&self, thread: Number<Thread>, fault: &Fault, put: impl Fn(u64, u64)) {
        put(FaultWord::Cause as u64, fault.cause as u64);
        put(
            FaultWord::ProgramCounter as u64,
            self.memory.get(thread, thread::PC),
        );
        put(FaultWord::Address as u64, fault.address);
        put(FaultWord::Syndrome as u64, fault.syndrome);
        put(
            FaultWord::StackPointer as u64,
            self.memory.get(thread, thread::SP),
        );
        put(
            FaultWord::LinkRegister as u64,
            self.register(thread, LINK_REGISTER),
        );
        put(FaultWord::Register0 as u64, self.register(thread, 0));
        put(FaultWord::Register1 as u64, self.register(thread, 1));
    }

    /// The current thread waits for its fault handler.
    #[cold]
    #[inline(never)]
    fn queue_fault(
        &self,
        thread: Number<Thread>,
        gate: Number<Gate>,
        endpoint: Number<Endpoint>,
        fault: &Fault,
    ) {
        self.write_fault(thread, fault, |index, word| {
            self.memory.set(thread, thread::FAULT.at(index), word);
        });
        self.enqueue_sender(thread, gate, endpoint);
        self.block_and_help(endpoint);
    }

    /// Gives `server` the fault of `thread`, which waited for it.
    pub(crate) fn deliver_queued_fault(
        &self,
        thread: Number<Thread>,
        server: Number<Thread>,
        badge: u64,
    ) {
        for index in 0..FAULT_WORDS as u64 {
            let word = self.memory.get(thread, thread::FAULT.at(index));
            self.set_register(server, index, word);
        }
        self.finish_fault_message(server, badge);
    }

    fn finish_fault_message(&self, server: Number<Thread>, badge: u64) {
        self.clear_words(server, FAULT_WORDS as u64);
        let tag = Tag::new(0, FAULT_BYTES).with_kind(MessageKind::Fault);
        self.finish_delivery(server, tag, badge);
    }

    /// The gate to the fault handler of `thread`, and its endpoint, if both still exist.
    #[inline(always)]
    fn find_handler(&self, thread: Number<Thread>) -> Option<(Number<Gate>, Number<Endpoint>)> {
        let gate: Number<Gate> = self.memory.link(thread, thread::HANDLER);
        if gate.is_none() || self.memory.kind(gate.frame()) != Kind::Gate as u8 {
            return None;
        }
        if self.memory.get(gate, gate::ID) != self.memory.get(thread, thread::HANDLER_ID) {
            return None;
        }
        let endpoint: Number<Endpoint> = self.memory.link(gate, gate::ENDPOINT);
        if self.memory.get(endpoint, endpoint::ID) == 0 {
            None
        } else {
            Some((gate, endpoint))
        }
    }

    /// Does with `thread` what its handler answered: see [`FaultReply`].
    #[inline(always)]
    pub(crate) fn finish_fault(&self, thread: Number<Thread>, tag: Tag, address: u64) {
        self.memory.set(thread, thread::SENDING, sending::CALL);
        match FaultReply::from_raw(tag.method()) {
            Some(FaultReply::Retry) => {}
            Some(FaultReply::ContinueAt) => self.memory.set(thread, thread::PC, address),
            Some(FaultReply::Stop) | None => {
                self.memory.set(thread, thread::STATE, state::STOPPED);
            }
        }
    }
}
