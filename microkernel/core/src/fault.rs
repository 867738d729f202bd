//! Faults: calls that the kernel makes for a thread to its fault handler.

use ipc_abi::capability::Kind;
use ipc_abi::fault::{FAULT_REGISTERS, FaultCause, FaultReply, FaultWord, PROGRAM_STATE};
use ipc_abi::tag::{MessageKind, Tag};

use crate::kernel::Kernel;
use crate::memory::{Fields, Memory};
use crate::object::{
    Endpoint, Gate, Number, Thread, endpoint, flag, gate, sending, state, thread, wait,
};

/// The register that holds the return address.
const LINK_REGISTER: u64 = 30;
/// Bytes in a fault message.
const FAULT_BYTES: u16 = 128;
/// `SPSR_EL1.SS`: the next instruction is to be executed before the step is over.
pub(crate) const STEP_STATE: u64 = 1 << 21;
/// Bytes of an instruction.
const INSTRUCTION_BYTES: u64 = 4;

impl<M: Memory + Copy> Kernel<M> {
    /// The current thread, whose registers were saved, did what only its fault handler can mend:
    /// `address` is what it touched (or 0), `syndrome` is `ESR_EL1`. Without a handler, the thread
    /// stops.
    pub fn fault(&self, cause: FaultCause, address: u64, syndrome: u64) {
        let thread = self.current();
        let Some((gate, endpoint)) = self.find_handler(thread) else {
            self.stop_current();
            return;
        };
        let reason = [cause as u64, address, syndrome];
        self.memory.set(thread, thread::SENDING, sending::FAULT);
        self.memory.set(thread, thread::SENT_THROUGH, 0);
        self.memory.set(thread, thread::WINDOW, 0);
        self.memory.set(thread, thread::FAULT, cause as u64);
        self.memory.set(thread, thread::FAULT.at(1), address);
        self.memory.set(thread, thread::FAULT.at(2), syndrome);
        let server = self.ready_server(endpoint);
        if server.is_none() {
            self.queue_fault(thread, gate, endpoint);
            return;
        }
        self.take_server(server, endpoint);
        let badge = self.memory.get(gate, gate::BADGE);
        self.write_fault(thread, server, badge, reason);
        self.link_call(thread, server, wait::SLOW_REPLY);
        self.run_in_place_of_current(server);
    }

    /// The instruction that the current thread was let execute is done: the step is over.
    pub fn end_step(&self, syndrome: u64) {
        self.change_flags(self.current(), flag::STEPPING, 0);
        self.fault(FaultCause::SingleStep, 0, syndrome);
    }

    /// The current thread has no fault handler.
    #[cold]
    #[inline(never)]
    fn stop_current(&self) {
        self.memory
            .set(self.current(), thread::STATE, state::STOPPED);
        self.block();
    }

    /// The current thread waits for its fault handler.
    #[cold]
    #[inline(never)]
    fn queue_fault(&self, thread: Number<Thread>, gate: Number<Gate>, endpoint: Number<Endpoint>) {
        let badge = self.memory.get(gate, gate::BADGE);
        self.memory.set(thread, thread::BADGE, badge);
        self.enqueue_sender(thread, gate, endpoint);
        self.block_and_help(endpoint);
    }

    /// Gives `server` the fault of `thread`, which waited for it.
    #[inline(never)]
    pub(crate) fn deliver_fault(&self, thread: Number<Thread>, server: Number<Thread>, badge: u64) {
        let word = |index| self.memory.get(thread, thread::FAULT.at(index));
        self.write_fault(thread, server, badge, [word(0), word(1), word(2)]);
    }

    /// Writes the message: all is loaded before anything is stored, so that loads and stores become
    /// pairs, and word by word, not in a loop.
    #[inline(always)]
    fn write_fault(
        &self,
        thread: Number<Thread>,
        server: Number<Thread>,
        badge: u64,
        [cause, address, syndrome]: [u64; 3],
    ) {
        const { assert!(FAULT_REGISTERS == 9 && FaultWord::Flags as usize == 15) };
        let get = |field| self.memory.get(thread, field);
        let x = |index| self.register(thread, index);
        let set = |index, word| self.set_register(server, index, word);
        let (counter, stack) = (get(thread::PC), get(thread::SP));
        let (flags, link) = (get(thread::PSTATE) & PROGRAM_STATE, x(LINK_REGISTER));
        let (x0, x1, x2, x3) = (x(0), x(1), x(2), x(3));
        let (x4, x5, x6, x7, x8) = (x(4), x(5), x(6), x(7), x(8));
        set(0, cause);
        set(1, counter);
        set(2, address);
        set(3, syndrome);
        set(4, stack);
        set(5, link);
        set(6, x0);
        set(7, x1);
        set(8, x2);
        set(9, x3);
        set(10, x4);
        set(11, x5);
        set(12, x6);
        set(13, x7);
        set(14, x8);
        set(15, flags);
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

    /// Does with `thread` what its handler `server` answered: see [`FaultReply`].
    pub(crate) fn finish_fault(&self, thread: Number<Thread>, server: Number<Thread>, tag: Tag) {
        self.memory.set(thread, thread::SENDING, sending::CALL);
        match FaultReply::from_raw(tag.method()) {
            Some(FaultReply::Retry) => {}
            Some(FaultReply::ContinueAt) => {
                let address = self.register(server, 0);
                self.memory.set(thread, thread::PC, address);
            }
            Some(FaultReply::Skip) => {
                let counter = self.memory.get(thread, thread::PC);
                let next = counter.wrapping_add(INSTRUCTION_BYTES);
                self.memory.set(thread, thread::PC, next);
            }
            Some(FaultReply::Step) => {
                let program_state = self.memory.get(thread, thread::PSTATE) | STEP_STATE;
                self.memory.set(thread, thread::PSTATE, program_state);
                self.change_flags(thread, 0, flag::STEPPING);
            }
            Some(FaultReply::Rewrite) => self.rewrite(thread, server, tag),
            Some(FaultReply::Stop) | None => {
                self.memory.set(thread, thread::STATE, state::STOPPED);
            }
        }
    }

    /// Gives `thread` the registers that the reply of `server` covers.
    #[inline(never)]
    fn rewrite(&self, thread: Number<Thread>, server: Number<Thread>, tag: Tag) {
        const FIRST: u64 = FaultWord::Register0 as u64;
        let count = (tag.length() / 8) as u64;
        let word = |word: u64| (word < count).then(|| self.register(server, word));
        if let Some(counter) = word(FaultWord::ProgramCounter as u64) {
            self.memory.set(thread, thread::PC, counter);
        }
        if let Some(stack) = word(FaultWord::StackPointer as u64) {
            self.memory.set(thread, thread::SP, stack);
        }
        if let Some(link) = word(FaultWord::LinkRegister as u64) {
            self.set_register(thread, LINK_REGISTER, link);
        }
        for index in self.memory.at_most::<FAULT_REGISTERS>(0..FAULT_REGISTERS) {
            if let Some(value) = word(FIRST.wrapping_add(index)) {
                self.set_register(thread, index, value);
            }
        }
        if let Some(flags) = word(FaultWord::Flags as u64) {
            let kept = self.memory.get(thread, thread::PSTATE) & !PROGRAM_STATE;
            self.memory
                .set(thread, thread::PSTATE, kept | flags & PROGRAM_STATE);
        }
    }
}
