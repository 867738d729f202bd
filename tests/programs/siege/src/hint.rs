//! What the raiders are hinted: which registers of each call may make it succeed.

use ipc_abi::call::SystemCall;
use test_kit::Sort::{Address, Frame, Handle, LowHandle, Number, Object, Place, WholeFrame};
use test_kit::{HINTS, Raid, Random, Sort, World};

/// The slots of the hostile process's table, as [`crate::life::Life`] fills them.
const TABLE: Sort = Handle(1);
const SPACE: Sort = Handle(2);
const ENDPOINT: Sort = Handle(11);
const NOTIFICATION: Sort = Handle(12);
const GATE: Sort = Handle(13);
const SIGNAL_GATE: Sort = Handle(14);
const REPLY: Sort = Handle(15);
const MEMORY: Sort = Handle(16);
const TIME: Sort = Handle(18);
const ASIDS: Sort = Handle(19);
const IRQS: Sort = Handle(20);
const REGION: Sort = Handle(21);
/// One of the threads 3, 5, 7 and 9, or of the contexts behind them: chosen anew for each life.
const THREAD: Sort = Handle(3);

/// A thread and a context that have nothing to do with each other.
const NEW_THREAD: Sort = Handle(22);
const NEW_CONTEXT: Sort = Handle(23);

/// What `x0` to `x5` may be.
type Hint = (SystemCall, [Sort; 5]);

/// The calls whose arguments have to fit each other.
const HINTED: &[Hint] = &[
    (
        SystemCall::MapRange,
        [SPACE, MEMORY, Address, Number, Number],
    ),
    (
        SystemCall::UnmapRange,
        [SPACE, Address, Number, Number, Number],
    ),
    (
        SystemCall::ProtectRange,
        [SPACE, Address, Number, Number, Number],
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
    (SystemCall::CreateIrq, [REGION, Object, Place, IRQS, Number]),
    (
        SystemCall::SpaceDonate,
        [SPACE, REGION, Frame, Number, Number],
    ),
    (SystemCall::Map, [SPACE, MEMORY, Address, Number, Number]),
    (SystemCall::Unmap, [SPACE, Address, Number, Number, Number]),
    (
        SystemCall::Protect,
        [SPACE, Address, Number, Number, Number],
    ),
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
        [LowHandle, NOTIFICATION, Number, Number, Number],
    ),
    (
        SystemCall::ContextConfigure,
        [NEW_CONTEXT, TIME, Number, Number, Number],
    ),
    (
        SystemCall::ContextSetHandler,
        [NEW_CONTEXT, SIGNAL_GATE, Number, Number, Number],
    ),
    (
        SystemCall::ContextInspect,
        [NEW_CONTEXT, Number, Number, Number, Number],
    ),
    (SystemCall::Sleep, [Number, Number, Number, Number, Number]),
    (
        SystemCall::ThreadConfigure,
        [THREAD, Number, Number, Number, Number],
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
        [NEW_THREAD, Address, Number, Number, Number],
    ),
    (
        SystemCall::ThreadPoke,
        [NEW_THREAD, Address, Number, Number, Number],
    ),
    (
        SystemCall::SpaceWithdraw,
        [SPACE, Number, Number, Number, Number],
    ),
    (
        SystemCall::FrameMaintain,
        [MEMORY, Number, Number, Number, Number],
    ),
];

/// Hints a raider for a life.
pub(crate) fn all(world: &mut World, raid: &Raid, random: &mut Random) {
    for call in SystemCall::ALL {
        world.hint(raid, *call, [LowHandle; HINTS]);
    }
    for (call, sorts) in HINTED {
        let mut hints = [Number; HINTS];
        for (hint, sort) in hints.iter_mut().zip(sorts) {
            *hint = if *sort == THREAD {
                Handle([3, 5, 7, 9][usize::try_from(random.below(4)).unwrap_or(0)])
            } else {
                *sort
            };
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
