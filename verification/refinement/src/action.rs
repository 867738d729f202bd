//! What can happen: what the current thread does, and what comes from outside.

use ipc_abi::call::{SystemCall, Window};
use ipc_abi::error::Error;
use ipc_abi::fault::FaultCause;
use ipc_abi::tag::Tag;
use pecan_core::kernel::{Kernel, Outcome};
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{Number, Thread, core_state, special, thread};

use crate::arena::Arena;
use crate::machine::Host;
use crate::twin::{FAULT_ADDRESS, FAULT_SYNDROME};

/// One thing that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The current thread makes a message call.
    Message(Message),
    /// The current thread makes a function call, or `wait`.
    Function {
        /// Which.
        call: SystemCall,
        /// Its arguments.
        arguments: [u64; 5],
    },
    /// The current thread faults.
    Fault(FaultCause),
    /// The current thread did the one instruction that it was let go on for.
    StepDone,
    /// An interrupt line rises.
    Interrupt(u64),
    /// Time passes until the timer fires, and it fires.
    Timer,
    /// Time passes.
    Pass(u64),
}

/// A message call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Which.
    pub call: SystemCall,
    /// `x17`.
    pub handle: u64,
    /// `x16`.
    pub tag: Tag,
    /// `x18`.
    pub window: Window,
    /// `x12` to `x15`, if capabilities come along.
    pub capabilities: [u64; 4],
    /// How many ticks after now the time in `x20` is.
    pub patience: u64,
}

/// What a transition answered to the thread that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Result {
    /// The thread was refused.
    Refused(Error),
    /// Something else: nothing, a message, or a value.
    Other,
}

/// The first word of the message that a thread sends, of which it is a mark.
#[must_use]
pub const fn first_word(thread: u64) -> u64 {
    0x5E_0000_0000 | (thread & 0xFF_FFFF) << 4
}

/// The program state of a thread that faults or is interrupted: a condition flag.
pub const FLAGS: u64 = 1 << 30;

impl Host {
    /// Lets `action` happen, up to the way out.
    ///
    /// # Panics
    ///
    /// Panics if the kernel does.
    pub fn enter(&self, action: &Action) -> Result {
        let kernel = self.kernel();
        let current = kernel.current();
        if let Some(call) = call_of(action)
            && self.is_foreign()
        {
            return self.fault_foreign(current, action, call);
        }
        match *action {
            Action::Message(ref message) => self.send(current, message),
            Action::Function { call, arguments } if is_range(call) => {
                self.save_all(current, 19);
                self.set_arguments(current, arguments);
                kernel.message_call(call as u64);
                let status = kernel.memory.get(current, thread::X);
                Error::from_raw(status).map_or(Result::Other, Result::Refused)
            }
            Action::Function {
                call: SystemCall::Wait,
                arguments,
            } => {
                let outcome = kernel.wait_for_signal(current, arguments[0]);
                let [bits, tag] = outcome.registers();
                self.keep_light(current, [bits, 0, tag]);
                Tag::from_raw(tag)
                    .error()
                    .map_or(Result::Other, Result::Refused)
            }
            Action::Function { call, arguments } => {
                let outcome = call_function(kernel, current, call, arguments);
                let [status, value] = outcome.registers();
                self.keep_light(current, [status, value, 0]);
                Error::from_raw(status).map_or(Result::Other, Result::Refused)
            }
            Action::Fault(cause) => {
                self.save_all(current, 19);
                kernel.fault(cause, FAULT_ADDRESS, FAULT_SYNDROME);
                Result::Other
            }
            Action::StepDone => {
                self.save_all(current, 19);
                kernel.end_step(FAULT_SYNDROME);
                Result::Other
            }
            Action::Interrupt(line) => {
                self.save_all(current, 19);
                kernel.interrupt(line);
                Result::Other
            }
            Action::Timer => {
                self.save_all(current, 19);
                let armed = kernel.memory.get(kernel.core(), core_state::ARMED);
                self.arena.set_now(armed.max(kernel.memory.now()));
                kernel.note_timer();
                Result::Other
            }
            Action::Pass(ticks) => {
                self.arena.set_now(kernel.memory.now() + ticks);
                Result::Other
            }
        }
    }

    fn is_foreign(&self) -> bool {
        let kernel = self.kernel();
        let current = kernel.current();
        !current.is_none() && kernel.memory.get(current, thread::SPECIAL) & special::FOREIGN != 0
    }

    /// A system call of a foreign thread is a fault.
    fn fault_foreign(&self, caller: Number<Thread>, action: &Action, call: SystemCall) -> Result {
        match *action {
            Action::Message(ref message) => self.load_message(caller, message),
            Action::Function { arguments, .. } => {
                self.save_all(caller, 19);
                self.set_arguments(caller, arguments);
            }
            Action::Fault(_)
            | Action::StepDone
            | Action::Interrupt(_)
            | Action::Timer
            | Action::Pass(_) => {}
        }
        let syndrome = SYSTEM_CALL_SYNDROME | call as u64;
        self.kernel().fault(FaultCause::ForeignCall, 0, syndrome);
        Result::Other
    }

    fn set_arguments(&self, caller: Number<Thread>, arguments: [u64; 5]) {
        for (index, value) in (0..).zip(arguments) {
            self.arena.set_register(caller, index, value);
        }
    }

    fn send(&self, sender: Number<Thread>, message: &Message) -> Result {
        let kernel = self.kernel();
        self.load_message(sender, message);
        kernel.message_call(message.call as u64);
        let is_free = kernel.memory.get(sender, thread::WAIT) == 0;
        let tag = Tag::from_raw(kernel.memory.get(sender, thread::X.at(16)));
        tag.error()
            .filter(|_| is_free)
            .map_or(Result::Other, Result::Refused)
    }

    /// Puts a message into the registers of its sender.
    fn load_message(&self, sender: Number<Thread>, message: &Message) {
        let kernel = self.kernel();
        self.save_all(sender, 16);
        let set = |index, value| kernel.memory.set(sender, thread::X.at(index), value);
        if message.tag.capabilities() != 0 {
            for (index, handle) in (12..).zip(message.capabilities) {
                set(index, handle);
            }
        }
        set(16, message.tag.into_raw());
        set(17, message.handle);
        set(18, message.window.into_raw());
        kernel.memory.set(sender, thread::PSTATE, 0);
        if is_until(message.call) {
            set(20, kernel.memory.now() + message.patience);
        }
    }

    /// The assembly saves the registers of the current thread, of which the first are a mark of it.
    fn save_all(&self, current: Number<Thread>, count: u64) {
        if current.is_none() {
            return;
        }
        let first = first_word(current.into_raw());
        for index in 0..count {
            self.arena.set_register(current, index, first + index);
        }
        (&self.arena).set(current, thread::PSTATE, FLAGS);
    }
}

impl Arena {
    fn set_register(&self, thread: Number<Thread>, index: u64, value: u64) {
        Fields::set(&self, thread, thread::X.at(index), value);
    }
}

/// The syndrome of `svc` (Arm ARM DDI 0487, `ESR_EL1`): its class, and that it has 32 bits.
const SYSTEM_CALL_SYNDROME: u64 = 0x15 << 26 | 1 << 25;

/// The call that an action is.
#[must_use]
pub const fn call_of(action: &Action) -> Option<SystemCall> {
    match action {
        Action::Message(message) => Some(message.call),
        Action::Function { call, .. } => Some(*call),
        Action::Fault(_)
        | Action::StepDone
        | Action::Interrupt(_)
        | Action::Timer
        | Action::Pass(_) => None,
    }
}

/// Whether a call is one on a range of pages.
#[must_use]
pub const fn is_range(call: SystemCall) -> bool {
    matches!(
        call,
        SystemCall::MapRange | SystemCall::UnmapRange | SystemCall::ProtectRange
    )
}

/// Whether a call has a deadline in `x20`.
#[must_use]
pub const fn is_until(call: SystemCall) -> bool {
    matches!(
        call,
        SystemCall::CallUntil | SystemCall::ReceiveUntil | SystemCall::WaitUntil
    )
}

/// Makes a function call as the assembly does.
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest is elsewhere")]
fn call_function(
    k: Kernel<&Arena>,
    caller: Number<Thread>,
    call: SystemCall,
    [a, b, c, d, e]: [u64; 5],
) -> Outcome {
    use SystemCall as S;
    match call {
        S::Null => Outcome::DONE,
        S::Signal => k.signal_quickly(caller, a),
        S::Yield => k.rotate(),
        S::Destroy => k.destroy_quickly(a),
        S::SaveCaller => k.save_caller(a).into(),
        S::Sleep => k.sleep(k.memory.now() + a).into(),
        S::PlatformControl => k.platform_control(a, b).into(),
        S::PlatformInspect => k.platform_inspect(a, b).into(),
        S::IrqBind => k.irq_bind(a, b, c).into(),
        S::IrqAcknowledge => k.irq_acknowledge(a).into(),
        S::ContextConfigure => k.context_configure(a, b, c, d, e).into(),
        S::ContextSetHandler => k.context_set_handler(a, b).into(),
        S::ContextInspect => k.context_inspect(a).into(),
        S::CapabilityCopy => k.capability_copy(a, b, c).into(),
        S::CapabilityDelete => k.capability_delete(a).into(),
        S::CapabilityInspect => k.capability_inspect(a).into(),
        _ if call as u64 >= S::ThreadStart as u64 => call_of_thread(k, call, [a, b, c, d, e]),
        _ => call_of_memory(k, call, [a, b, c, d, e]),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the rest is elsewhere")]
fn call_of_thread(k: Kernel<&Arena>, call: SystemCall, [a, b, c, d, _]: [u64; 5]) -> Outcome {
    use SystemCall as S;
    match call {
        S::ThreadStart => k.thread_start(a, b, c, d),
        S::ThreadStop => k.thread_stop(a),
        S::ThreadResume => k.thread_resume(a),
        S::ThreadSetBuffer => k.thread_set_buffer(a, b),
        S::ThreadSetHandler => k.thread_set_handler(a, b),
        S::ThreadSetContext => k.thread_set_context(a, b),
        S::ThreadBind => k.thread_bind(a, b),
        S::ThreadInspect => k.thread_inspect(a),
        S::ThreadConfigure => k.thread_configure(a, b),
        S::ThreadRead => k.thread_read(a, b),
        S::ThreadWrite => k.thread_write(a, b, c),
        S::ThreadPeek => k.thread_peek(a, b),
        S::ThreadPoke => k.thread_poke(a, b, c),
        S::CreateLargeFrame => k.create_large_frame(a, b, c),
        S::SpaceWithdraw => k.space_withdraw(a),
        S::FrameSetMode => k.frame_set_mode(a, b),
        S::FrameInspect => k.frame_inspect(a),
        S::FrameMaintain => k.frame_maintain(a, b, c, d),
        S::FrameGive => k.frame_give(a, b),
        S::DeviceConfirmReset => k.device_confirm_reset(a),
        _ => unreachable!("{} is no such call", call.name()),
    }
    .into()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the rest is elsewhere")]
fn call_of_memory(k: Kernel<&Arena>, call: SystemCall, [a, b, c, d, e]: [u64; 5]) -> Outcome {
    use SystemCall as S;
    match call {
        S::RegionSplit => k.region_split(a, b, c),
        S::RegionMerge => k.region_merge(a, b),
        S::RegionInspect => k.region_inspect(a),
        S::Reclaim => k.reclaim(a, b),
        S::AllowanceSplit => k.allowance_split(a, b, c, d, e),
        S::AllowanceMerge => k.allowance_merge(a, b),
        S::CreateFrame => k.create_frame(a, b, c),
        S::CreateSpace => k.create_space(a, b, c, d, e),
        S::CreateTable => k.create_table(a, b, c, d),
        S::CreateThread => k.create_thread(a, b, c, d, e),
        S::CreateContext => k.create_context(a, b, c, d, e),
        S::CreateEndpoint => k.create_endpoint(a, b, c),
        S::CreateGate => k.create_gate(a, b, c, d, e),
        S::CreateNotification => k.create_notification(a, b, c),
        S::CreateReply => k.create_reply(a, b, c),
        S::CreateIrq => k.create_irq(a, b, c, d, e),
        S::SpaceDonate => k.space_donate(a, b, c),
        S::Map => k.map(a, b, c, d),
        S::Unmap => k.unmap(a, b),
        S::Protect => k.protect(a, b, c),
        S::TableExtend => k.table_extend(a, b, c),
        _ => unreachable!("{} is no function call", call.name()),
    }
    .into()
}
