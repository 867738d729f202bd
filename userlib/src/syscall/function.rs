//! The function calls.

use ipc_abi::call::{CacheOperation, Place, PlatformCount, PlatformOperation, SystemCall};
use ipc_abi::capability::{Access, Description, FrameMode, Rights, ThreadState};
use ipc_abi::debug::Register;
use ipc_abi::error::Error;

use super::answer;
use super::raw::{invoke0, invoke1, invoke2, invoke3, invoke4, invoke5};

/// An argument, as it stands in its register.
trait Argument {
    fn into_register(self) -> u64;
}

macro_rules! arguments {
    ($($written:ty: $value:ident => $register:expr;)*) => {$(
        impl Argument for $written {
            #[inline(always)]
            fn into_register(self) -> u64 {
                let $value = self;
                $register
            }
        }
    )*};
}

arguments! {
    u8: number => u64::from(number);
    u32: handle => u64::from(handle);
    u64: number => number;
    Place: place => place.into_raw();
    Rights: rights => u64::from(rights.into_raw());
    Access: access => access.into_raw();
    FrameMode: mode => mode as u64;
    PlatformCount: count => count as u64;
    PlatformOperation: operation => operation as u64;
    Register: register => register.into_raw();
    CacheOperation: operation => operation as u64;
}

/// The frames that a region covers and has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionDescription {
    /// The first frame's number: its physical address / 4096.
    pub first_frame: u64,
    /// How many frames from there on are its own.
    pub frames: u64,
}

impl RegionDescription {
    const FRAME_BITS: u32 = 34;

    /// Reads the value of `region_inspect`.
    const fn from_raw(raw: u64) -> RegionDescription {
        RegionDescription {
            first_frame: raw & ((1 << Self::FRAME_BITS) - 1),
            frames: raw >> Self::FRAME_BITS,
        }
    }
}

/// Reads the value of `thread_inspect`.
fn thread_state(raw: u64) -> ThreadState {
    match ThreadState::ALL.iter().find(|state| **state as u64 == raw) {
        Some(state) => *state,
        None => panic!("the kernel answered with the unknown thread state {raw}"),
    }
}

macro_rules! function_calls {
    ($(
        $(#[$doc:meta])*
        fn $name:ident = $call:ident by $invoke:ident($($argument:ident: $written:ty),*)
            -> $value:ty = $read:expr;
    )*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// Those of its row in `ABI.md`.
        #[inline(always)]
        pub fn $name($($argument: $written),*) -> Result<$value, Error> {
            let raw = $invoke::<{ SystemCall::$call as u16 }>($($argument.into_register()),*);
            answer(raw).map($read)
        }
    )*};
}

function_calls! {
    /// Does nothing.
    fn null = Null by invoke0() -> () = drop;
    /// Sets the bits of a gate in its notification.
    fn signal = Signal by invoke1(gate: u32) -> () = drop;
    /// Lets the next scheduling context of the same priority run.
    fn r#yield = Yield by invoke0() -> () = drop;
    /// Moves the current caller into a reply object.
    fn save_caller = SaveCaller by invoke1(saved: u32) -> () = drop;
    /// Copies a capability with at most these rights.
    fn capability_copy = CapabilityCopy by invoke3(handle: u32, place: Place, rights: Rights)
        -> () = drop;
    /// Empties a place.
    fn capability_delete = CapabilityDelete by invoke1(place: Place) -> () = drop;
    /// Tells what a place holds.
    fn capability_inspect = CapabilityInspect by invoke1(place: Place)
        -> Description = Description::from_raw;
    /// Destroys an object.
    fn destroy = Destroy by invoke1(handle: u32) -> () = drop;
    /// Splits the last frames off a region.
    fn region_split = RegionSplit by invoke3(region: u32, frames: u64, place: Place) -> () = drop;
    /// Takes free frames back into a region.
    fn region_merge = RegionMerge by invoke2(region: u32, frames: u64) -> () = drop;
    /// Tells what a region has.
    fn region_inspect = RegionInspect by invoke1(region: u32)
        -> RegionDescription = RegionDescription::from_raw;
    /// Takes one step towards freeing a frame of a region.
    fn reclaim = Reclaim by invoke2(region: u32, frame: u64) -> () = drop;
    /// Splits the last numbers (or a share of time) off an allowance.
    fn allowance_split = AllowanceSplit by
        invoke5(region: u32, object: u64, place: Place, allowance: u32, count: u64) -> () = drop;
    /// Takes unused numbers back into an allowance.
    fn allowance_merge = AllowanceMerge by invoke2(allowance: u32, count: u64) -> () = drop;
    /// Makes a frame of user memory.
    fn create_frame = CreateFrame by invoke3(region: u32, object: u64, place: Place) -> () = drop;
    /// Makes an address space.
    fn create_space = CreateSpace by
        invoke5(region: u32, object: u64, place: Place, asids: u32, root_frame: u64) -> () = drop;
    /// Makes a capability table.
    fn create_table = CreateTable by
        invoke4(region: u32, object: u64, place: Place, slots_frame: u64) -> () = drop;
    /// Makes a stopped thread.
    fn create_thread = CreateThread by
        invoke5(region: u32, object: u64, place: Place, table: u32, space: u32) -> () = drop;
    /// Makes a scheduling context.
    fn create_context = CreateContext by
        invoke5(region: u32, object: u64, place: Place, time: u32, priority: u8) -> () = drop;
    /// Makes an endpoint.
    fn create_endpoint = CreateEndpoint by invoke3(region: u32, object: u64, place: Place)
        -> () = drop;
    /// Makes a gate to an endpoint or a notification.
    fn create_gate = CreateGate by
        invoke5(region: u32, object: u64, place: Place, target: u32, badge: u64) -> () = drop;
    /// Makes a notification.
    fn create_notification = CreateNotification by
        invoke3(region: u32, object: u64, place: Place) -> () = drop;
    /// Makes a reply object.
    fn create_reply = CreateReply by invoke3(region: u32, object: u64, place: Place) -> () = drop;
    /// Makes an interrupt object.
    fn create_irq = CreateIrq by
        invoke5(region: u32, object: u64, place: Place, lines: u32, line: u64) -> () = drop;
    /// Gives a frame to the pool of a space.
    fn space_donate = SpaceDonate by invoke3(space: u32, region: u32, frame: u64) -> () = drop;
    /// Maps a frame in a space.
    fn map = Map by invoke4(space: u32, frame: u32, address: u64, access: Access) -> () = drop;
    /// Removes a mapping.
    fn unmap = Unmap by invoke2(space: u32, address: u64) -> () = drop;
    /// Changes the access of a mapping.
    fn protect = Protect by invoke3(space: u32, address: u64, access: Access) -> () = drop;
    /// Adds 256 slots to a table.
    fn table_extend = TableExtend by invoke3(table: u32, region: u32, frame: u64) -> () = drop;
    /// Starts a stopped thread.
    fn thread_start = ThreadStart by
        invoke4(thread: u32, entry: u64, stack_end: u64, argument: u64) -> () = drop;
    /// Stops a thread.
    fn thread_stop = ThreadStop by invoke1(thread: u32) -> () = drop;
    /// Lets a stopped thread go on.
    fn thread_resume = ThreadResume by invoke1(thread: u32) -> () = drop;
    /// Gives a thread its message buffer.
    fn thread_set_buffer = ThreadSetBuffer by invoke2(thread: u32, frame: u32) -> () = drop;
    /// Sends the faults of a thread through a gate.
    fn thread_set_handler = ThreadSetHandler by invoke2(thread: u32, gate: u32) -> () = drop;
    /// Makes a scheduling context a thread's own.
    fn thread_set_context = ThreadSetContext by invoke2(thread: u32, context: u32) -> () = drop;
    /// Lets `receive` of a thread also see the signals of a notification.
    fn thread_bind = ThreadBind by invoke2(thread: u32, notification: u32) -> () = drop;
    /// Tells what a thread is doing.
    fn thread_inspect = ThreadInspect by invoke1(thread: u32) -> ThreadState = thread_state;
    /// Delivers an interrupt as bits of a notification.
    fn irq_bind = IrqBind by invoke3(irq: u32, notification: u32, bits: u64) -> () = drop;
    /// Lets an interrupt come again.
    fn irq_acknowledge = IrqAcknowledge by invoke1(irq: u32) -> () = drop;
    /// Acts on the platform.
    fn platform_control = PlatformControl by
        invoke2(platform: u32, operation: PlatformOperation) -> () = drop;
    /// Changes the mode of a frame that is not mapped.
    fn frame_set_mode = FrameSetMode by invoke2(frame: u32, mode: FrameMode) -> () = drop;
    /// Tells the physical address of a frame.
    fn frame_inspect = FrameInspect by invoke1(frame: u32) -> u64 = core::convert::identity;
    /// Gives a context, made from the allowance `time`, a priority and `budget` ticks in each `period`
    /// (both 0: no limit).
    fn context_configure = ContextConfigure
        by invoke5(context: u32, time: u32, priority: u8, budget: u64, period: u64) -> () = drop;
    /// Signals `gate` whenever a context's budget is used up.
    fn context_set_handler = ContextSetHandler by invoke2(context: u32, gate: u32) -> () = drop;
    /// Tells the ticks that a context used since it got a budget.
    fn context_inspect = ContextInspect by invoke1(context: u32) -> u64 = core::convert::identity;
    /// Sleeps until the counter reaches `deadline`.
    fn sleep = Sleep by invoke1(deadline: u64) -> () = drop;
    /// Tells a count that the kernel keeps.
    fn platform_inspect = PlatformInspect by invoke2(platform: u32, count: PlatformCount)
        -> u64 = core::convert::identity;
    /// Chooses the flags ([`ipc_abi::debug::thread_flag`]) of a thread that is new or stopped.
    fn thread_configure = ThreadConfigure by invoke2(thread: u32, flags: u64) -> () = drop;
    /// Tells a register of a thread that is not running.
    fn thread_read = ThreadRead by
        invoke2(thread: u32, register: Register) -> u64 = core::convert::identity;
    /// Writes a register of a thread that is not running.
    fn thread_write = ThreadWrite by
        invoke3(thread: u32, register: Register, value: u64) -> () = drop;
    /// Tells a word of a thread's space.
    fn thread_peek = ThreadPeek by
        invoke2(thread: u32, address: u64) -> u64 = core::convert::identity;
    /// Writes a word of a thread's space.
    fn thread_poke = ThreadPoke by invoke3(thread: u32, address: u64, value: u64) -> () = drop;
    /// Takes the next part of a frame of 2 MiB; `Again` until it has all.
    fn create_large_frame = CreateLargeFrame by invoke3(region: u32, object: u64, place: Place)
        -> () = drop;
    /// Takes an unused frame out of the pool of a space; tells its number.
    fn space_withdraw = SpaceWithdraw by invoke1(space: u32) -> u64 = core::convert::identity;
    /// Does something to the cache lines of at most 4096 bytes of a frame.
    fn frame_maintain = FrameMaintain by
        invoke4(frame: u32, operation: CacheOperation, offset: u64, bytes: u64) -> () = drop;
    /// Gives a frame to a device; tells its physical address.
    fn frame_give = FrameGive by invoke2(frame: u32, device: u32)
        -> u64 = core::convert::identity;
    /// Says that a device was reset.
    fn device_confirm_reset = DeviceConfirmReset by invoke1(device: u32) -> () = drop;
}

/// Maps `pages` frames, in handles one after the other from `first`, in a space, at most 512.
///
/// # Errors
///
/// How many pages are done, with the error of the next: see *Ranges* in `ABI.md`.
#[inline(always)]
pub fn map_range(
    space: u32,
    first: u32,
    address: u64,
    access: Access,
    pages: u64,
) -> Result<(), (u64, Error)> {
    range_answer(invoke5::<{ SystemCall::MapRange as u16 }>(
        space.into_register(),
        first.into_register(),
        address,
        access.into_register(),
        page_count(pages),
    ))
}

/// Removes every mapping in `pages` pages from an address, at most 512.
///
/// # Errors
///
/// How many pages are done, with the error of the next: see *Ranges* in `ABI.md`.
#[inline(always)]
pub fn unmap_range(space: u32, address: u64, pages: u64) -> Result<(), (u64, Error)> {
    range_answer(invoke3::<{ SystemCall::UnmapRange as u16 }>(
        space.into_register(),
        address,
        page_count(pages),
    ))
}

/// Changes the access of `pages` pages from an address, at most 512.
///
/// # Errors
///
/// How many pages are done, with the error of the next: see *Ranges* in `ABI.md`.
#[inline(always)]
pub fn protect_range(
    space: u32,
    address: u64,
    access: Access,
    pages: u64,
) -> Result<(), (u64, Error)> {
    range_answer(invoke4::<{ SystemCall::ProtectRange as u16 }>(
        space.into_register(),
        address,
        access.into_register(),
        page_count(pages),
    ))
}

/// The number of pages as the kernel takes it, which notes in the upper half what it has done: more than
/// fits are too many for it, too.
const fn page_count(pages: u64) -> u64 {
    let most = u32::MAX as u64;
    if pages < most { pages } else { most }
}

/// Reads what a call on a range answers.
#[inline(always)]
fn range_answer((status, done): (u64, u64)) -> Result<(), (u64, Error)> {
    answer((status, done))
        .map(drop)
        .map_err(|error| (done, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_do_not_fit_are_too_many() {
        assert_eq!(page_count(512), 512);
        assert_eq!(page_count(3 << 32 | 1), 0xFFFF_FFFF);
        assert_eq!(page_count(u64::MAX), 0xFFFF_FFFF);
    }

    #[test]
    fn region_description_has_the_first_frame_in_its_low_bits() {
        let raw = (5 << 34) | 0x40000;
        let description = RegionDescription::from_raw(raw);
        assert_eq!(
            description,
            RegionDescription {
                first_frame: 0x40000,
                frames: 5
            }
        );
    }
}
