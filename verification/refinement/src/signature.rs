//! What each function call wants: for calls with arguments that make sense, mostly.

use ipc_abi::call::SystemCall;
use ipc_abi::capability::Kind;

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A handle of an object of a kind.
    Handle(Kind),
    /// Any handle.
    Any,
    /// A slot for a capability.
    Destination,
    /// The number of an object of so many units.
    Object(u64),
    /// The number of a frame.
    Frame,
    /// The address of a page.
    Page,
    /// One of these.
    Word(&'static [u64]),
}

use Argument::{Any, Destination, Frame, Handle, Object, Page, Word};

const REGION: Argument = Handle(Kind::Region);
const ALLOWANCE: Argument = Handle(Kind::Allowance);
const THREAD: Argument = Handle(Kind::Thread);
const CONTEXT: Argument = Handle(Kind::SchedulingContext);
const SPACE: Argument = Handle(Kind::AddressSpace);
const TABLE: Argument = Handle(Kind::CapTable);
const USER: Argument = Handle(Kind::Frame);
const FEW: Argument = Word(&[0, 1, 2, 3, 5, 64, 65]);
const RIGHTS: Argument = Word(&[0xFF, 0xFF, 0x7F, 0x11, 0x23, 0]);
const ACCESS: Argument = Word(&[1, 3, 5, 1, 3, 2]);
const PRIORITY: Argument = Word(&[255, 254, 200, 128, 20, 256]);
const TICKS: Argument = Word(&[0, 100, 500, 2000, 9000]);
const REGISTER: Argument = Word(&[
    0, 1, 16, 20, 30, 31, 32, 33, 34, 128, 129, 144, 145, 150, 200,
]);

/// The arguments of the function call `call`.
#[must_use]
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest is elsewhere")]
pub const fn of(call: SystemCall) -> &'static [Argument] {
    use SystemCall as S;
    match call {
        S::CreateFrame => &[REGION, Object(64), Destination],
        S::CreateLargeFrame => &[REGION, Object(64), Destination],
        S::CreateSpace => &[REGION, Object(2), Destination, ALLOWANCE, Frame],
        S::CreateTable => &[REGION, Object(16), Destination, Frame],
        S::CreateThread => &[REGION, Object(32), Destination, TABLE, SPACE],
        S::CreateContext => &[REGION, Object(8), Destination, ALLOWANCE, PRIORITY],
        S::CreateEndpoint => &[REGION, Object(8), Destination],
        S::CreateGate => &[REGION, Object(1), Destination, Any, FEW],
        S::CreateNotification => &[REGION, Object(2), Destination],
        S::CreateReply => &[REGION, Object(1), Destination],
        S::CreateIrq => &[
            REGION,
            Object(1),
            Destination,
            ALLOWANCE,
            Word(&[32, 33, 34, 39, 40]),
        ],
        S::AllowanceSplit => &[
            REGION,
            Object(2),
            Destination,
            ALLOWANCE,
            Word(&[1, 2, 0, 1 << 34 | 0x80C8]),
        ],
        S::AllowanceMerge => &[ALLOWANCE, FEW],
        S::RegionSplit => &[REGION, FEW, Destination],
        S::RegionMerge => &[REGION, FEW],
        S::RegionInspect => &[REGION],
        S::Reclaim => &[REGION, Frame],
        S::CapabilityCopy => &[Any, Destination, RIGHTS],
        S::CapabilityDelete | S::CapabilityInspect => &[Destination],
        S::Destroy => &[Any],
        _ => of_memory(call),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the rest is elsewhere")]
const fn of_memory(call: SystemCall) -> &'static [Argument] {
    use SystemCall as S;
    match call {
        S::Map => &[SPACE, USER, Page, ACCESS],
        S::MapRange => &[SPACE, USER, Page, ACCESS, FEW],
        S::Unmap => &[SPACE, Page],
        S::UnmapRange => &[SPACE, Page, FEW],
        S::Protect => &[SPACE, Page, ACCESS],
        S::ProtectRange => &[SPACE, Page, ACCESS, FEW],
        S::SpaceDonate => &[SPACE, REGION, Frame],
        S::SpaceWithdraw => &[SPACE],
        S::TableExtend => &[TABLE, REGION, Frame],
        S::FrameSetMode => &[USER, Word(&[0, 1, 2])],
        S::FrameInspect | S::DeviceConfirmReset => &[USER],
        S::FrameMaintain => &[
            USER,
            Word(&[0, 1, 2]),
            Word(&[0, 64, 4000]),
            Word(&[64, 96, 97]),
        ],
        S::FrameGive => &[USER, USER],
        _ => of_thread(call),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "they take no argument")]
const fn of_thread(call: SystemCall) -> &'static [Argument] {
    use SystemCall as S;
    match call {
        S::ThreadStart => &[THREAD, Word(&[0x1000]), Word(&[0x2000]), FEW],
        S::ThreadStop | S::ThreadResume | S::ThreadInspect => &[THREAD],
        S::ThreadSetBuffer => &[THREAD, USER],
        S::ThreadSetHandler => &[THREAD, Handle(Kind::Gate)],
        S::ThreadSetContext => &[THREAD, CONTEXT],
        S::ThreadBind => &[THREAD, Handle(Kind::Notification)],
        S::ThreadConfigure => &[THREAD, Word(&[0, 1, 2, 4, 3 << 32])],
        S::ThreadRead => &[THREAD, REGISTER],
        S::ThreadWrite => &[THREAD, REGISTER, Word(&[0, 0x1E5, 8, 0x1FFD])],
        S::ThreadPeek => &[THREAD, Page],
        S::ThreadPoke => &[THREAD, Page, FEW],
        S::ContextConfigure => &[
            CONTEXT,
            ALLOWANCE,
            PRIORITY,
            Word(&[0, 1024, 2000]),
            Word(&[0, 4096, 9000]),
        ],
        S::ContextSetHandler => &[CONTEXT, Handle(Kind::Gate)],
        S::ContextInspect => &[CONTEXT],
        S::PlatformInspect => &[Handle(Kind::Platform), Word(&[0, 1])],
        S::IrqBind => &[Handle(Kind::Irq), Handle(Kind::Notification), FEW],
        S::IrqAcknowledge => &[Handle(Kind::Irq)],
        S::Signal => &[Handle(Kind::Gate)],
        S::Wait => &[Handle(Kind::Notification)],
        S::SaveCaller => &[Handle(Kind::Reply)],
        S::Sleep => &[TICKS],
        _ => &[],
    }
}
