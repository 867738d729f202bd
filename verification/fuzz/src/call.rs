//! System calls: each names a call and its arguments, mostly small numbers and objects of a small
//! system, some any number at all. After each of them every invariant is checked, and a refused one has
//! changed nothing.

use super::Bug;
use super::input::Input;
use ipc_abi::boot::FirstHandle;
use ipc_abi::call::{Place, SystemCall};
use ipc_abi::error::Error;
use pecan_core::host::{FIRST_FRAME, HostMachine, HostMemory};
use pecan_core::kernel::{Answer, Kernel, Outcome};
use pecan_core::memory::Fields;
use pecan_core::object::{LIGHT, UNITS_PER_FRAME, core_state, thread};

mod furnish;

/// Frames of the machine.
const FRAMES: u64 = 112;
/// The most calls of one input.
const CALLS_MAX: usize = 24;
/// Pages that a call may be about.
const PAGES: [u64; 4] = [0x1000, 0x20_0000, 0x40_0000_0000, 0x7F_FFFF_F000];
/// The arguments of a call of the second byte on, `x0` to `x4`.
type Arguments = [u64; 5];

pub(super) fn run(bytes: &[u8], bug: Bug) {
    let host = furnish::machine(FRAMES);
    let mut input = Input::new(bytes);
    for _ in 0..CALLS_MAX {
        if input.is_empty() || host.kernel().current().is_none() && !wake_somebody(&host) {
            break;
        }
        make_call(&host, &mut input, bug);
        check(&host);
        host.memory.pass(1 << (input.byte() % 24));
        host.leave_kernel();
        check(&host);
    }
    host.drain_all();
    check(&host);
}

fn check(host: &HostMachine) {
    let frames = host.memory.frames();
    host.kernel()
        .check_all(frames)
        .expect("the invariants hold");
}

/// When nobody runs: interrupts come.
fn wake_somebody(host: &HostMachine) -> bool {
    let kernel = host.kernel();
    host.memory.pass(1 << 20);
    kernel.timer_fired();
    host.leave_kernel();
    for line in [32, 40] {
        kernel.interrupt(line);
        host.leave_kernel();
    }
    check(host);
    !kernel.current().is_none()
}

fn make_call(host: &HostMachine, input: &mut Input<'_>, bug: Bug) {
    let number = usize::from(input.byte()) % SystemCall::ALL.len();
    let Some(&call) = SystemCall::ALL.get(number) else {
        return;
    };
    let kernel = host.kernel();
    if number < SystemCall::Null as usize {
        send(kernel, number as u64, input);
        return;
    }
    let arguments = [(); 5].map(|()| argument(input));
    let before = host.memory.snapshot();
    let caller = kernel.current();
    let Some(outcome) = perform(kernel, call, arguments) else {
        return;
    };
    let answer = Answer::from(outcome);
    if let Err(error) = answer {
        assert!(call.can_return(error), "{} answers {error:?}", call.name());
        let keeps_progress = error == Error::Again;
        let drops_the_reply = call == SystemCall::SaveCaller && error == Error::Died;
        if !keeps_progress && !drops_the_reply {
            let is_same = before == host.memory.snapshot();
            assert!(is_same, "{} is refused and changes something", call.name());
        }
    }
    if bug == Bug::Planted && call == SystemCall::CapabilityCopy && answer.is_ok() {
        // A copy that loses the lowest right spoils a list.
        let [_, _, rights, ..] = arguments;
        let tail = u64::from(rights % 2 == 0);
        kernel
            .memory
            .set(kernel.core(), core_state::DRAIN_TAIL, tail);
    }
    let [status, value] = outcome.registers();
    kernel.memory.set(caller, thread::X.at(0), status);
    kernel.memory.set(caller, thread::X.at(1), value);
    kernel.memory.set(caller, thread::PSTATE, LIGHT);
}

/// An argument: a handle or another small number, an object's place, a place for a capability, a page,
/// a power of two, or any number.
fn argument(input: &mut Input<'_>) -> u64 {
    let choice = input.byte();
    let small = u64::from(choice % 16);
    match choice {
        0..0xA0 => u64::from(choice),
        0xA0..0xC0 => (FIRST_FRAME + FRAMES - 1 - u64::from(choice % 32)) * UNITS_PER_FRAME,
        0xC0..0xD0 => Place::new(FirstHandle::Table as u32, u32::from(choice)).into_raw(),
        0xD0..0xE0 => PAGES[usize::from(choice % 4)],
        0xE0..0xF0 => 1 << (4 * small),
        0xF0.. => input.word(),
    }
}

/// A message call: what is in the caller's registers is what it asks.
fn send(kernel: Kernel<&HostMemory>, number: u64, input: &mut Input<'_>) {
    let caller = kernel.current();
    for register in 0..16 {
        let value = argument(input);
        kernel.memory.set(caller, thread::X.at(register), value);
    }
    for register in [16, 17, 18, 20] {
        let value = argument(input);
        kernel.memory.set(caller, thread::X.at(register), value);
    }
    kernel.memory.set(caller, thread::PSTATE, 0);
    kernel.memory.set(caller, thread::PC, 0x4000);
    kernel.message_call(number);
}

/// Makes a call that is a function; none for power, which would end the machine.
fn perform(kernel: Kernel<&HostMemory>, call: SystemCall, a: Arguments) -> Option<Outcome> {
    if call == SystemCall::PlatformControl {
        return None;
    }
    let outcome = object(kernel, call, a)
        .or_else(|| memory(kernel, call, a))
        .or_else(|| thread(kernel, call, a));
    Some(outcome.unwrap_or(Outcome::DONE))
}

/// Calls that make, copy and destroy.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other calls are of other groups"
)]
fn object(
    kernel: Kernel<&HostMemory>,
    call: SystemCall,
    [a, b, c, d, e]: Arguments,
) -> Option<Outcome> {
    let outcome = match call {
        SystemCall::CapabilityCopy => kernel.capability_copy(a, b, c).into(),
        SystemCall::CapabilityDelete => kernel.capability_delete(a).into(),
        SystemCall::CapabilityInspect => kernel.capability_inspect(a).into(),
        SystemCall::Destroy => kernel.destroy_quickly(a),
        SystemCall::AllowanceSplit => kernel.allowance_split(a, b, c, d, e).into(),
        SystemCall::AllowanceMerge => kernel.allowance_merge(a, b).into(),
        SystemCall::CreateFrame => kernel.create_frame(a, b, c).into(),
        SystemCall::CreateSpace => kernel.create_space(a, b, c, d, e).into(),
        SystemCall::CreateTable => kernel.create_table(a, b, c, d).into(),
        SystemCall::CreateThread => kernel.create_thread(a, b, c, d, e).into(),
        SystemCall::CreateContext => kernel.create_context(a, b, c, d, e).into(),
        SystemCall::CreateEndpoint => kernel.create_endpoint(a, b, c).into(),
        SystemCall::CreateGate => kernel.create_gate(a, b, c, d, e).into(),
        SystemCall::CreateNotification => kernel.create_notification(a, b, c).into(),
        SystemCall::CreateReply => kernel.create_reply(a, b, c).into(),
        SystemCall::CreateIrq => kernel.create_irq(a, b, c, d, e).into(),
        _ => return None,
    };
    Some(outcome)
}

/// Calls about memory.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other calls are of other groups"
)]
fn memory(
    kernel: Kernel<&HostMemory>,
    call: SystemCall,
    [a, b, c, d, _]: Arguments,
) -> Option<Outcome> {
    let outcome = match call {
        SystemCall::RegionSplit => kernel.region_split(a, b, c).into(),
        SystemCall::RegionMerge => kernel.region_merge(a, b).into(),
        SystemCall::RegionInspect => kernel.region_inspect(a).into(),
        SystemCall::Reclaim => kernel.reclaim(a, b).into(),
        SystemCall::SpaceDonate => kernel.space_donate(a, b, c).into(),
        SystemCall::Map => kernel.map(a, b, c, d).into(),
        SystemCall::Unmap => kernel.unmap(a, b).into(),
        SystemCall::Protect => kernel.protect(a, b, c).into(),
        SystemCall::TableExtend => kernel.table_extend(a, b, c).into(),
        SystemCall::FrameSetMode => kernel.frame_set_mode(a, b).into(),
        SystemCall::FrameInspect => kernel.frame_inspect(a).into(),
        SystemCall::CreateLargeFrame => kernel.create_large_frame(a, b, c).into(),
        SystemCall::SpaceWithdraw => kernel.space_withdraw(a).into(),
        SystemCall::FrameMaintain => kernel.frame_maintain(a, b, c, d).into(),
        SystemCall::FrameGive => kernel.frame_give(a, b).into(),
        SystemCall::DeviceConfirmReset => kernel.device_confirm_reset(a).into(),
        _ => return None,
    };
    Some(outcome)
}

/// Calls about who runs, and when.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other calls are of other groups"
)]
fn thread(
    kernel: Kernel<&HostMemory>,
    call: SystemCall,
    [a, b, c, d, e]: Arguments,
) -> Option<Outcome> {
    let outcome = match call {
        SystemCall::Signal => kernel.signal_quickly(kernel.current(), a),
        SystemCall::Yield => kernel.rotate(),
        SystemCall::SaveCaller => kernel.save_caller(a).into(),
        SystemCall::ThreadStart => kernel.thread_start(a, b, c, d).into(),
        SystemCall::ThreadStop => kernel.thread_stop(a).into(),
        SystemCall::ThreadResume => kernel.thread_resume(a).into(),
        SystemCall::ThreadSetBuffer => kernel.thread_set_buffer(a, b).into(),
        SystemCall::ThreadSetHandler => kernel.thread_set_handler(a, b).into(),
        SystemCall::ThreadSetContext => kernel.thread_set_context(a, b).into(),
        SystemCall::ThreadBind => kernel.thread_bind(a, b).into(),
        SystemCall::ThreadInspect => kernel.thread_inspect(a).into(),
        SystemCall::IrqBind => kernel.irq_bind(a, b, c).into(),
        SystemCall::IrqAcknowledge => kernel.irq_acknowledge(a).into(),
        SystemCall::ContextConfigure => kernel.context_configure(a, b, c, d, e).into(),
        SystemCall::ContextSetHandler => kernel.context_set_handler(a, b).into(),
        SystemCall::ContextInspect => kernel.context_inspect(a).into(),
        SystemCall::PlatformInspect => kernel.platform_inspect(a, b).into(),
        SystemCall::Sleep => kernel.sleep(a).into(),
        SystemCall::ThreadConfigure => kernel.thread_configure(a, b).into(),
        SystemCall::ThreadRead => kernel.thread_read(a, b).into(),
        SystemCall::ThreadWrite => kernel.thread_write(a, b, c).into(),
        SystemCall::ThreadPeek => kernel.thread_peek(a, b).into(),
        SystemCall::ThreadPoke => kernel.thread_poke(a, b, c).into(),
        _ => return None,
    };
    Some(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_of_one_group() {
        let host = furnish::machine(FRAMES);
        for &call in SystemCall::ALL.iter().skip(SystemCall::Signal as usize) {
            let kernel = host.kernel();
            let none = [u64::MAX; 5];
            let made = [object, memory, thread].map(|group| group(kernel, call, none).is_some());
            let count = made.iter().filter(|is_made| **is_made).count();
            let is_left_out = call == SystemCall::PlatformControl;
            assert_eq!(count, usize::from(!is_left_out), "{}", call.name());
            host.leave_kernel();
            if host.kernel().current().is_none() {
                assert!(wake_somebody(&host), "somebody runs");
            }
        }
    }
}
