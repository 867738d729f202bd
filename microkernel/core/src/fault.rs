//! Faults: calls that the kernel makes for a thread to its fault handler.

use ipc_abi::capability::Kind;
use ipc_abi::fault::{FAULT_WORDS, FaultCause, FaultReply};
use ipc_abi::tag::{MessageKind, Tag};

use crate::kernel::Kernel;
use crate::memory::{Fields, Memory};
use crate::object::{Endpoint, Gate, Number, Thread, endpoint, gate, sending, state, thread, wait};

/// The register that holds the return address.
const LINK_REGISTER: u64 = 30;

impl<M: Memory + Copy> Kernel<M> {
    /// The current thread, whose registers were saved, did what only its fault handler can mend:
    /// `address` is what it touched (or 0), `syndrome` is `ESR_EL1`. Without a handler, the thread
    /// stops.
    pub fn fault(&self, cause: FaultCause, address: u64, syndrome: u64) {
        let thread = self.current();
        let words = [
            cause as u64,
            self.memory.get(thread, thread::PC),
            address,
            syndrome,
            self.memory.get(thread, thread::SP),
            self.register(thread, LINK_REGISTER),
            self.register(thread, 0),
            self.register(thread, 1),
        ];
        self.memory.set(thread, thread::SENDING, sending::FAULT);
        self.memory.set(thread, thread::SENT_THROUGH, 0);
        self.memory.set(thread, thread::WINDOW, 0);
        let Some((gate, endpoint)) = self.find_handler(thread) else {
            self.memory.set(thread, thread::STATE, state::STOPPED);
            self.block();
            return;
        };
        let badge = self.memory.get(gate, gate::BADGE);
        let server = self.ready_server(endpoint);
        if server.is_none() {
            self.queue_fault(thread, gate, endpoint, words);
            return;
        }
        self.take_server(server, endpoint);
        self.deliver_fault(server, words, badge);
        self.link_call(thread, server, wait::SLOW_REPLY);
        self.run_in_place_of_current(server);
    }

    /// The current thread waits for its fault handler.
    #[cold]
    #[inline(never)]
    fn queue_fault(
        &self,
        thread: Number<Thread>,
        gate: Number<Gate>,
        endpoint: Number<Endpoint>,
        words: [u64; FAULT_WORDS],
    ) {
        for (index, word) in (0_u64..).zip(words) {
            self.memory.set(thread, thread::FAULT.at(index), word);
        }
        let badge = self.memory.get(gate, gate::BADGE);
        self.memory.set(thread, thread::BADGE, badge);
        self.enqueue_sender(thread, gate, endpoint);
        self.block();
    }

    /// The words of the fault of `thread`, which waits for its handler.
    pub(crate) fn queued_fault(&self, thread: Number<Thread>) -> [u64; FAULT_WORDS] {
        let mut words = [0; FAULT_WORDS];
        for (index, word) in (0..).zip(words.iter_mut()) {
            *word = self.memory.get(thread, thread::FAULT.at(index));
        }
        words
    }

    /// The gate to the fault handler of `thread`, and its endpoint, if both still exist.
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

    /// Gives `server` the words of a fault.
    #[inline]
    pub(crate) fn deliver_fault(
        &self,
        server: Number<Thread>,
        fault: [u64; FAULT_WORDS],
        badge: u64,
    ) {
        let mut words = [0; 16];
        for (word, given) in words.iter_mut().zip(fault) {
            *word = given;
        }
        self.deliver_words(server, words);
        let tag = Tag::new(0, 64).with_kind(MessageKind::Fault);
        self.finish_delivery(server, tag, badge);
    }

    /// Does with `thread` what its handler answered: see [`FaultReply`].
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
