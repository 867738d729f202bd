//! What the raiders are hinted: which registers of each call may make it succeed.

use ipc_abi::call::SystemCall;
use test_kit::Sort::{
    Address, Frame, Handle, LargeFrame, Line, LowHandle, Number, Object, Place, Small, Span, Time,
    WholeFrame,
};
use test_kit::{HINTS, Raid, Random, Sort, World};

/// The slots of the hostile process's table, as [`crate::life::Life`] fills them.
const TABLE: Sort = Handle(1);
const SPACE: Sort = Handle(2);
const TIME: Sort = Handle(3);
const ASIDS: Sort = Handle(4);
const IRQS: Sort = Handle(5);
/// One of the threads: chosen anew for each life. Their contexts are behind them.
const THREAD: Sort = Handle(6);
const THREADS: [u8; 4] = [6, 8, 10, 12];
/// One of their contexts.
const CONTEXT: Sort = Handle(7);
const ENDPOINT: Sort = Handle(14);
const NOTIFICATION: Sort = Handle(15);
const GATE: Sort = Handle(16);
const SIGNAL_GATE: Sort = Handle(17);
const REPLY: Sort = Handle(18);
/// A frame: of 4 KiB, but of 2 MiB in every fourth life.
const MEMORY: Sort = Handle(19);
const LARGE: Sort = Handle(21);
const REGION: Sort = Handle(22);
/// A thread and a context that have nothing to do with each other.
const NEW_THREAD: Sort = Handle(23);
const NEW_CONTEXT: Sort = Handle(24);
const IRQ: Sort = Handle(25);
const PLATFORM: Sort = Handle(31);

/// What `x0` to `x5` may be.
type Hint = (SystemCall, [Sort; 5]);

/// The calls whose arguments have to fit each other.
const HINTED: &[Hint] = &[
    (SystemCall::MapRange, [SPACE, MEMORY, Address, Small, Small]),
    (
        SystemCall::UnmapRange,
        [SPACE, Address, Small, Number, Number],
    ),
    (
        SystemCall::ProtectRange,
        [SPACE, Address, Small, Small, Number],
    ),
    (
        SystemCall::Signal,
        [SIGNAL_GATE, Number, Number, Number, Number],
    ),
    (
        SystemCall::SaveCaller,
        [REPLY, Number, Number, Number, Number],
    ),
    (
        SystemCall::CapabilityCopy,
        [LowHandle, Place, Number, Number, Number],
    ),
    (
        SystemCall::CapabilityDelete,
        [Place, Number, Number, Number, Number],
    ),
    (
        SystemCall::CapabilityInspect,
        [Place, Number, Number, Number, Number],
    ),
    (
        SystemCall::RegionSplit,
        [REGION, Number, Place, Number, Number],
    ),
    (
        SystemCall::RegionMerge,
        [REGION, Number, Number, Number, Number],
    ),
    (
        SystemCall::RegionInspect,
        [REGION, Number, Number, Number, Number],
    ),
    (SystemCall::Reclaim, [REGION, Frame, Number, Number, Number]),
    (
        SystemCall::AllowanceSplit,
        [REGION, WholeFrame, Place, IRQS, Number],
    ),
    (
        SystemCall::AllowanceMerge,
        [IRQS, Number, Number, Number, Number],
    ),
    (
        SystemCall::CreateFrame,
        [REGION, WholeFrame, Place, Number, Number],
    ),
    (
        SystemCall::CreateSpace,
        [REGION, WholeFrame, Place, ASIDS, Frame],
    ),
    (
        SystemCall::CreateTable,
        [REGION, WholeFrame, Place, Frame, Number],
    ),
    (
        SystemCall::CreateThread,
        [REGION, WholeFrame, Place, TABLE, SPACE],
    ),
    (
        SystemCall::CreateContext,
        [REGION, WholeFrame, Place, TIME, Number],
    ),
    (
        SystemCall::CreateEndpoint,
        [REGION, WholeFrame, Place, Number, Number],
    ),
    (
        SystemCall::CreateGate,
        [REGION, Object, Place, ENDPOINT, Number],
    ),
    (
        SystemCall::CreateNotification,
        [REGION, WholeFrame, Place, Number, Number],
    ),
    (
        SystemCall::CreateReply,
        [REGION, Object, Place, Number, Number],
    ),
    (SystemCall::CreateIrq, [REGION, Object, Place, IRQS, Line]),
    (
        SystemCall::SpaceDonate,
        [SPACE, REGION, Frame, Number, Number],
    ),
    (SystemCall::Map, [SPACE, MEMORY, Address, Small, Number]),
    (SystemCall::Unmap, [SPACE, Address, Number, Number, Number]),
    (SystemCall::Protect, [SPACE, Address, Small, Number, Number]),
    (
        SystemCall::FrameSetMode,
        [MEMORY, Number, Number, Number, Number],
    ),
    (
        SystemCall::FrameInspect,
        [MEMORY, Number, Number, Number, Number],
    ),
    (
        SystemCall::TableExtend,
        [TABLE, REGION, Frame, Number, Number],
    ),
    (
        SystemCall::ThreadSetBuffer,
        [THREAD, MEMORY, Number, Number, Number],
    ),
    (
        SystemCall::ThreadSetHandler,
        [THREAD, GATE, Number, Number, Number],
    ),
    (
        SystemCall::ThreadSetContext,
        [NEW_THREAD, NEW_CONTEXT, Number, Number, Number],
    ),
    (
        SystemCall::ThreadBind,
        [THREAD, NOTIFICATION, Number, Number, Number],
    ),
    (
        SystemCall::ThreadInspect,
        [THREAD, Number, Number, Number, Number],
    ),
    (
        SystemCall::ThreadStop,
        [THREAD, Number, Number, Number, Number],
    ),
    (
        SystemCall::ThreadResume,
        [THREAD, Number, Number, Number, Number],
    ),
    (
        SystemCall::IrqBind,
        [IRQ, NOTIFICATION, Number, Number, Number],
    ),
    (
        SystemCall::IrqAcknowledge,
        [IRQ, Number, Number, Number, Number],
    ),
    (
        SystemCall::ContextConfigure,
        [CONTEXT, TIME, Small, Span, Span],
    ),
    (
        SystemCall::ContextSetHandler,
        [CONTEXT, SIGNAL_GATE, Number, Number, Number],
    ),
    (
        SystemCall::ContextInspect,
        [CONTEXT, Number, Number, Number, Number],
    ),
    (
        SystemCall::PlatformInspect,
        [PLATFORM, Number, Number, Number, Number],
    ),
    (SystemCall::Sleep, [Time, Number, Number, Number, Number]),
    (
        SystemCall::ThreadConfigure,
        [THREAD, Small, Number, Number, Number],
    ),
    (
        SystemCall::ThreadRead,
        [THREAD, Number, Number, Number, Number],
    ),
    (
        SystemCall::ThreadWrite,
        [THREAD, Number, Number, Number, Number],
    ),
    (
        SystemCall::ThreadPeek,
        [THREAD, Address, Number, Number, Number],
    ),
    (
        SystemCall::ThreadPoke,
        [THREAD, Address, Number, Number, Number],
    ),
    (
        SystemCall::CreateLargeFrame,
        [REGION, LargeFrame, Place, Number, Number],
    ),
    (
        SystemCall::SpaceWithdraw,
        [SPACE, Number, Number, Number, Number],
    ),
    (
        SystemCall::FrameMaintain,
        [MEMORY, Number, Number, Number, Number],
    ),
    (
        SystemCall::FrameGive,
        [MEMORY, LARGE, Number, Number, Number],
    ),
    (
        SystemCall::DeviceConfirmReset,
        [MEMORY, Number, Number, Number, Number],
    ),
];

/// What a sort of [`HINTED`] is in a life.
fn choose(sort: Sort, random: &mut Random) -> Sort {
    let thread = random.choose(&THREADS);
    if sort == THREAD {
        Handle(thread)
    } else if sort == CONTEXT {
        Handle(thread + 1)
    } else if sort == MEMORY && random.once_in(4) {
        LARGE
    } else if sort == IRQS && random.once_in(2) {
        TIME
    } else {
        sort
    }
}

/// Hints a raider for a life.
pub(crate) fn all(world: &mut World, raid: &Raid, random: &mut Random) {
    for call in SystemCall::ALL {
        world.hint(raid, *call, [LowHandle; HINTS]);
    }
    for (call, sorts) in HINTED {
        let mut hints = [Number; HINTS];
        for (hint, sort) in hints.iter_mut().zip(sorts) {
            *hint = choose(*sort, random);
        }
        world.hint(raid, *call, hints);
    }
    for (call, handle) in [
        (SystemCall::Call, GATE),
        (SystemCall::Send, GATE),
        (SystemCall::TryCall, GATE),
        (SystemCall::TrySend, GATE),
        (SystemCall::Receive, ENDPOINT),
        (SystemCall::ReplyReceive, ENDPOINT),
        (SystemCall::TryReceive, ENDPOINT),
        (SystemCall::ReplyTo, REPLY),
        (SystemCall::Wait, NOTIFICATION),
        (SystemCall::TryWait, NOTIFICATION),
        (SystemCall::CallUntil, GATE),
        (SystemCall::ReceiveUntil, ENDPOINT),
        (SystemCall::WaitUntil, NOTIFICATION),
    ] {
        world.hint(
            raid,
            call,
            [
                LowHandle, LowHandle, LowHandle, LowHandle, LowHandle, LowHandle, handle,
            ],
        );
    }
}
