//! What happens: system calls, faults, interrupts.
//!
//! Between two events, user code runs: it may change the registers of the running thread, and nothing
//! else that is in the state. An event does what it does at once; what it leaves for later are the
//! [`crate::step::Step`]s, some of which every way out of the kernel takes.
//!
//! | | message calls (0–13) | function calls (14 and up) |
//! |---|---|---|
//! | in | `x0`–`x15` message, `x16` tag, `x17` handle, `x18` window, `x20` deadline | `x0`–`x5` |
//! | out | `x0`–`x15` message, `x16` tag, `x17` badge, `x18` = 0 | `x0` = 0 or the error, `x1` = the value, `x2`–`x18` = 0 |
//!
//! All other registers stay, and the condition flags are zero.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "calls are told apart in groups: what is none of one group is of the next"
)]

use ipc_abi::call::SystemCall;
use ipc_abi::error::Error;
use ipc_abi::fault::FaultCause;

use crate::capability::Answer;
use crate::mapping::RangeCall;
use crate::send::Patience;
use crate::state::{Message, Number, State, Ticks};

/// `ESR_EL1` of a `svc`, but for its number: exception class 0x15, a 32-bit instruction.
const SYSTEM_CALL_SYNDROME: u64 = 0x15 << 26 | 1 << 25;
/// Bytes of a `svc`.
const INSTRUCTION_BYTES: u64 = 4;
/// The last register that a call does not keep.
const LAST_LOST: usize = 18;

/// Something that happens to a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The running thread executed `svc` with this number. Its program counter is that of the next
    /// instruction, and its registers hold the arguments.
    SystemCall(u16),
    /// The running thread did what only its fault handler can mend.
    Fault {
        /// Why.
        cause: FaultCause,
        /// What it touched, or 0.
        address: u64,
        /// `ESR_EL1`.
        syndrome: u64,
    },
    /// The instruction that the running thread was let execute is done.
    StepDone {
        /// `ESR_EL1`.
        syndrome: u64,
    },
    /// The interrupt line came.
    Interrupt(u64),
    /// The timer's interrupt came.
    Timer,
    /// Nothing: the core looks for something to do.
    Idle,
}

/// What an event depends on beside the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// The time.
    pub now: Ticks,
    /// What `thread_peek` finds in memory, and `thread_read` in a floating-point register: neither is part
    /// of the state.
    pub word: u64,
    /// If an interrupt stopped a call on a range: after how many of its pages. The thread makes the rest
    /// of the call again afterwards.
    pub pages: Option<u64>,
}

impl State {
    /// Does what an event does at once. The way out follows: [`State::follow`].
    ///
    /// System calls, faults and steps are the running thread's; without one, nothing happens.
    pub fn step(&mut self, event: Event, inputs: &Inputs) {
        self.now = inputs.now;
        self.reclaimed = None;
        match (event, self.current()) {
            (Event::SystemCall(number), Some(thread)) => self.system_call(thread, number, inputs),
            (
                Event::Fault {
                    cause,
                    address,
                    syndrome,
                },
                Some(thread),
            ) => {
                self.fault(thread, cause, address, syndrome);
            }
            (Event::StepDone { syndrome }, Some(thread)) => self.step_done(thread, syndrome),
            (Event::Interrupt(line), _) => self.interrupt(line),
            (Event::Timer, _) => self.end_slice(),
            (Event::SystemCall(_) | Event::Fault { .. } | Event::StepDone { .. }, None)
            | (Event::Idle, _) => {}
        }
    }

    fn system_call(&mut self, thread: Number, number: u16, inputs: &Inputs) {
        let syndrome = SYSTEM_CALL_SYNDROME | u64::from(number);
        if self.threads[&thread].flags & ipc_abi::debug::thread_flag::FOREIGN != 0 {
            return self.fault(thread, FaultCause::ForeignCall, 0, syndrome);
        }
        let call = SystemCall::ALL.get(usize::from(number));
        if call.is_some() {
            // A call loses the condition flags, as a function does.
            self.thread(thread).registers.program_state = 0;
        }
        match call {
            None => {
                let registers = &mut self.thread(thread).registers;
                registers.pc = registers.pc.wrapping_sub(INSTRUCTION_BYTES);
                self.fault(thread, FaultCause::UnknownSystemCall, 0, syndrome);
            }
            Some(SystemCall::Wait) => self.wait(thread),
            Some(call) if call.is_message() => {
                if let Err(error) = self.message_call(thread, *call) {
                    self.refuse(thread, error);
                }
            }
            Some(SystemCall::MapRange) => self.range_call(thread, RangeCall::Map, inputs),
            Some(SystemCall::UnmapRange) => self.range_call(thread, RangeCall::Unmap, inputs),
            Some(SystemCall::ProtectRange) => self.range_call(thread, RangeCall::Protect, inputs),
            Some(call) => {
                let result = self.function_call(thread, *call, inputs);
                let answer = match result {
                    Ok(value) => [0, value],
                    Err(error) => [error.into_raw(), 0],
                };
                self.answer(thread, answer);
            }
        }
    }

    /// Writes what a function call answers.
    pub(crate) fn answer(&mut self, thread: Number, answer: [u64; 2]) {
        let registers = &mut self.thread(thread).registers;
        registers.x[..=LAST_LOST].fill(0);
        registers.x[..answer.len()].copy_from_slice(&answer);
        registers.program_state = 0;
    }

    fn message_call(&mut self, thread: Number, call: SystemCall) -> Result<(), Error> {
        let (waits, refuses) = (Patience::Waits, Patience::Refuses);
        match call {
            SystemCall::Call => self.send(thread, Message::Call, waits),
            SystemCall::ReplyReceive => self.reply_receive(thread),
            SystemCall::Receive => self.receive(thread, waits),
            SystemCall::Send => self.send(thread, Message::OneWay, waits),
            SystemCall::TryCall => self.send(thread, Message::Call, refuses),
            SystemCall::TrySend => self.send(thread, Message::OneWay, refuses),
            SystemCall::TryReceive => self.receive(thread, refuses),
            SystemCall::Reply => self.reply(thread),
            SystemCall::ReplyTo => self.reply_to(thread),
            SystemCall::TryWait => self.try_wait(thread),
            SystemCall::CallUntil => self.call_until(thread),
            SystemCall::ReceiveUntil => self.receive_until(thread),
            SystemCall::WaitUntil => self.wait_until(thread),
            _ => Err(Error::BadArgument),
        }
    }

    fn function_call(&mut self, thread: Number, call: SystemCall, inputs: &Inputs) -> Answer {
        let [a, b, c, d, e, ..] = self.threads[&thread].registers.x;
        match call {
            SystemCall::Null => Ok(0),
            SystemCall::Signal => self.signal(a),
            SystemCall::Yield => {
                self.rotate();
                Ok(0)
            }
            SystemCall::Sleep => {
                self.sleep(thread, a);
                Ok(0)
            }
            SystemCall::SaveCaller => self.save_caller(thread, a),
            SystemCall::CapabilityCopy => self.capability_copy(a, b, c),
            SystemCall::CapabilityDelete => self.capability_delete(a),
            SystemCall::CapabilityInspect => self.capability_inspect(a),
            SystemCall::TableExtend => self.table_extend(a, b, c),
            SystemCall::Destroy => self.destroy(a),
            SystemCall::Reclaim => self.reclaim(a, b),
            SystemCall::RegionSplit => self.region_split(a, b, c),
            SystemCall::RegionMerge => self.region_merge(a, b),
            SystemCall::RegionInspect => self.region_inspect(a),
            SystemCall::AllowanceMerge => self.allowance_merge(a, b),
            SystemCall::IrqBind => self.irq_bind(a, b, c),
            SystemCall::IrqAcknowledge => self.irq_acknowledge(a),
            SystemCall::PlatformControl => self.platform_control(a, b),
            SystemCall::PlatformInspect => self.platform_inspect(a, b),
            SystemCall::ContextConfigure => self.context_configure(a, [b, c, d, e]),
            SystemCall::ContextSetHandler => self.context_set_handler(a, b),
            SystemCall::ContextInspect => self.context_inspect(a),
            _ if (SystemCall::ThreadStart as u16..=SystemCall::ThreadInspect as u16)
                .contains(&(call as u16)) =>
            {
                self.thread_call(call, [a, b, c, d])
            }
            SystemCall::ThreadConfigure => self.thread_configure(a, b),
            SystemCall::ThreadRead => self.thread_read(a, b, inputs),
            SystemCall::ThreadWrite => self.thread_write(a, b, c),
            SystemCall::ThreadPeek => self.thread_peek(a, b, inputs),
            SystemCall::ThreadPoke => self.thread_poke(a, b),
            _ => self.memory_call(call, [a, b, c, d, e]),
        }
    }

    fn thread_call(&mut self, call: SystemCall, [a, b, c, d]: [u64; 4]) -> Answer {
        match call {
            SystemCall::ThreadStart => self.thread_start(a, [b, c, d]),
            SystemCall::ThreadStop => self.thread_stop(a),
            SystemCall::ThreadResume => self.thread_resume(a),
            SystemCall::ThreadSetBuffer => self.thread_set_buffer(a, b),
            SystemCall::ThreadSetHandler => self.thread_set_handler(a, b),
            SystemCall::ThreadSetContext => self.thread_set_context(a, b),
            SystemCall::ThreadBind => self.thread_bind(a, b),
            SystemCall::ThreadInspect => self.thread_inspect(a),
            _ => Err(Error::BadArgument),
        }
    }

    /// Creations, and calls on spaces and frames.
    fn memory_call(&mut self, call: SystemCall, [a, b, c, d, e]: [u64; 5]) -> Answer {
        match call {
            SystemCall::AllowanceSplit => self.allowance_split(a, b, c, [d, e]),
            SystemCall::CreateFrame => self.create_frame(a, b, c),
            SystemCall::CreateLargeFrame => self.create_large_frame(a, b, c),
            SystemCall::CreateSpace => self.create_space(a, b, c, [d, e]),
            SystemCall::CreateTable => self.create_table(a, b, c, d),
            SystemCall::CreateThread => self.create_thread(a, b, c, [d, e]),
            SystemCall::CreateContext => self.create_context(a, b, c, [d, e]),
            SystemCall::CreateEndpoint => self.create_endpoint(a, b, c),
            SystemCall::CreateGate => self.create_gate(a, b, c, [d, e]),
            SystemCall::CreateNotification => self.create_notification(a, b, c),
            SystemCall::CreateReply => self.create_reply(a, b, c),
            SystemCall::CreateIrq => self.create_irq(a, b, c, [d, e]),
            SystemCall::SpaceDonate => self.space_donate(a, b, c),
            SystemCall::SpaceWithdraw => self.space_withdraw(a),
            SystemCall::Map => self.map(a, [b, c, d]),
            SystemCall::Unmap => self.unmap(a, b),
            SystemCall::Protect => self.protect(a, b, c),
            SystemCall::FrameSetMode => self.frame_set_mode(a, b),
            SystemCall::FrameInspect => self.frame_inspect(a),
            SystemCall::FrameMaintain => self.frame_maintain(a, [b, c, d]),
            SystemCall::FrameGive => self.frame_give(a, b),
            SystemCall::DeviceConfirmReset => self.device_confirm_reset(a),
            _ => Err(Error::BadArgument),
        }
    }
}
