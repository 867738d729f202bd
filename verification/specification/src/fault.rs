//! Faults: calls that the kernel makes for a thread to its fault handler.
//!
//! The handler gets the registers that it may need, and its answer says how the thread goes on. Without
//! a handler, or when the answer cannot come any more, the thread stops.

use ipc_abi::fault::{FaultCause, FaultReply, FaultWord, PROGRAM_STATE};
use ipc_abi::tag::{MessageKind, Tag};

use crate::send::Route;
use crate::state::{Life, Message, Number, State, Target, Wait};

/// The register that holds the return address.
const LINK_REGISTER: usize = 30;
/// Bytes of a fault message.
const FAULT_BYTES: u16 = 128;
/// Bytes of an instruction.
const INSTRUCTION_BYTES: u64 = 4;
/// `SPSR_EL1.SS`: the step is still to be made.
pub(crate) const STEP_STATE: u64 = 1 << 21;

impl State {
    /// The running thread faults.
    pub(crate) fn fault(&mut self, thread: Number, cause: FaultCause, address: u64, syndrome: u64) {
        let what = Message::Fault(cause as u64, address, syndrome);
        let Some(route) = self.find_handler(thread) else {
            self.thread(thread).life = Life::Stopped;
            self.stop_running();
            return self.dispatch();
        };
        match self.endpoints[&route.endpoint].servers.last() {
            None => self.wait_to_send(thread, what, route),
            Some(&server) => {
                self.take_server(route.endpoint, server);
                self.write_fault(thread, server, route.badge, what);
                self.thread(thread).wait = Wait::Reply { server, what };
                self.hand_over(server);
            }
        }
    }

    /// The step of the running thread is done.
    pub(crate) fn step_done(&mut self, thread: Number, syndrome: u64) {
        self.thread(thread).is_stepping = false;
        self.fault(thread, FaultCause::SingleStep, 0, syndrome);
    }

    /// The way to the handler of a thread, if all of it still exists.
    fn find_handler(&self, thread: Number) -> Option<Route> {
        let (number, id) = self.threads[&thread].handler?;
        let gate = self.gates.get(&number).filter(|it| it.id == Some(id))?;
        match gate.target {
            Target::Endpoint(endpoint) if self.endpoints[&endpoint].id.is_some() => Some(Route {
                gate: number,
                rights: ipc_abi::capability::Rights::NONE,
                endpoint,
                badge: gate.badge,
            }),
            Target::Endpoint(_) | Target::Notification(_) | Target::Nowhere => None,
        }
    }

    /// Gives `server` the fault of `thread`, which waited for it.
    pub(crate) fn deliver_fault(&mut self, thread: Number, server: Number, badge: u64) {
        if let Wait::Send { what, .. } = self.threads[&thread].wait {
            self.write_fault(thread, server, badge, what);
        }
    }

    fn write_fault(&mut self, thread: Number, server: Number, badge: u64, what: Message) {
        let Message::Fault(cause, address, syndrome) = what else {
            return;
        };
        let from = self.threads[&thread].registers;
        let flags = from.program_state & PROGRAM_STATE;
        let [x0, x1, x2, x3, x4, x5, x6, x7, x8, ..] = from.x;
        let link = from.x[LINK_REGISTER];
        let words = [
            cause, from.pc, address, syndrome, from.sp, link, x0, x1, x2, x3, x4, x5, x6, x7, x8,
            flags,
        ];
        self.thread(server).registers.x[..words.len()].copy_from_slice(&words);
        let tag = Tag::new(0, FAULT_BYTES).with_kind(MessageKind::Fault);
        self.finish_delivery(server, tag, badge);
    }

    /// Does with `thread` what its handler answered.
    pub(crate) fn finish_fault(&mut self, thread: Number, server: Number, tag: Tag) {
        let words = self.threads[&server].registers.x;
        let it = self.thread(thread);
        match FaultReply::from_raw(tag.method()) {
            Some(FaultReply::Retry) => {}
            Some(FaultReply::ContinueAt) => it.registers.pc = words[0],
            Some(FaultReply::Skip) => {
                it.registers.pc = it.registers.pc.wrapping_add(INSTRUCTION_BYTES);
            }
            Some(FaultReply::Step) => {
                it.is_stepping = true;
                it.registers.program_state |= STEP_STATE;
            }
            Some(FaultReply::Rewrite) => {
                let count = tag.length() / 8;
                for (word, value) in words.into_iter().take(count).enumerate() {
                    self.rewrite(thread, word, value);
                }
            }
            Some(FaultReply::Stop) | None => it.life = Life::Stopped,
        }
    }

    /// Gives `thread` what word `word` of a fault message stands for.
    fn rewrite(&mut self, thread: Number, word: usize, value: u64) {
        const FIRST: usize = FaultWord::Register0 as usize;
        let registers = &mut self.thread(thread).registers;
        if word == FaultWord::ProgramCounter as usize {
            registers.pc = value;
        } else if word == FaultWord::StackPointer as usize {
            registers.sp = value;
        } else if word == FaultWord::LinkRegister as usize {
            registers.x[LINK_REGISTER] = value;
        } else if word == FaultWord::Flags as usize {
            let kept = registers.program_state & !PROGRAM_STATE;
            registers.program_state = kept | value & PROGRAM_STATE;
        } else if (FIRST..FaultWord::Flags as usize).contains(&word) {
            registers.x[word - FIRST] = value;
        }
    }
}
