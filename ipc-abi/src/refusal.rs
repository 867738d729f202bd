//! Which errors each system call can return: the list in `ABI.md`, as data.
//!
//! A test compares the page with this table; the kernel's random tests check that no call returns an
//! error that is not here; the emulator tests provoke each one.

use crate::call::SystemCall;
use crate::error::Error;

/// What looking up a handle can find wrong.
const HANDLE: &[Error] = &[
    Error::BadHandle,
    Error::WrongKind,
    Error::NoRight,
    Error::Stale,
];
/// What looking up a handle, and a place for a new capability, can find wrong.
const PLACE: &[Error] = &[Error::BadSlot, Error::SlotOccupied];
/// What looking up a frame of a region, or a place for an object of 64 bytes, can find wrong.
const FRAME: &[Error] = &[Error::OutOfRange, Error::NotWhole, Error::NotFree];
/// What looking up a place for a greater object can find wrong.
const OBJECT: &[Error] = &[
    Error::OutOfRange,
    Error::Misaligned,
    Error::NotWhole,
    Error::NotFree,
];
/// What sending a message can find wrong.
const MESSAGE: &[Error] = &[
    Error::BadArgument,
    Error::TooLong,
    Error::NoBuffer,
    Error::NoSlots,
    Error::Died,
];
/// What a range of pages can have wrong.
const PAGES: &[Error] = &[Error::Misaligned, Error::OutOfRange];
/// What a range of pages and an access can have wrong.
const RANGE: &[Error] = &[Error::BadArgument, Error::Misaligned, Error::OutOfRange];
/// What answering can find wrong.
const ANSWER: &[Error] = &[
    Error::BadArgument,
    Error::TooLong,
    Error::NoBuffer,
    Error::NoCaller,
];

/// What looking up an address of a space can find wrong.
const ADDRESS: &[Error] = &[Error::Misaligned, Error::OutOfRange, Error::NotMapped];

/// A system call and the errors that it can return, in groups.
type Row = (SystemCall, &'static [&'static [Error]]);

/// One row for each system call, by number.
const ROWS: &[Row] = &[
    (SystemCall::Call, &[HANDLE, MESSAGE]),
    (
        SystemCall::ReplyReceive,
        &[HANDLE, ANSWER, &[Error::Again, Error::Died]],
    ),
    (
        SystemCall::Receive,
        &[HANDLE, &[Error::CallerWaits, Error::Again, Error::Died]],
    ),
    (SystemCall::Send, &[HANDLE, MESSAGE, &[Error::NoTime]]),
    (
        SystemCall::TryCall,
        &[HANDLE, MESSAGE, &[Error::WouldBlock]],
    ),
    (
        SystemCall::TrySend,
        &[HANDLE, MESSAGE, &[Error::NoTime, Error::WouldBlock]],
    ),
    (
        SystemCall::TryReceive,
        &[
            HANDLE,
            &[Error::CallerWaits, Error::WouldBlock, Error::Again],
        ],
    ),
    (
        SystemCall::Reply,
        &[ANSWER, &[Error::NoRight, Error::BadHandle, Error::NoTime]],
    ),
    (SystemCall::ReplyTo, &[HANDLE, ANSWER, &[Error::Died]]),
    (SystemCall::Wait, &[HANDLE, &[Error::InUse, Error::Died]]),
    (SystemCall::TryWait, &[HANDLE, &[Error::WouldBlock]]),
    (
        SystemCall::CallUntil,
        &[HANDLE, MESSAGE, &[Error::TimedOut]],
    ),
    (
        SystemCall::ReceiveUntil,
        &[
            HANDLE,
            &[
                Error::CallerWaits,
                Error::Again,
                Error::Died,
                Error::TimedOut,
            ],
        ],
    ),
    (
        SystemCall::WaitUntil,
        &[HANDLE, &[Error::InUse, Error::Died, Error::TimedOut]],
    ),
    (
        SystemCall::MapRange,
        &[
            HANDLE,
            RANGE,
            &[Error::AccessDenied, Error::AlreadyMapped, Error::NeedMemory],
        ],
    ),
    (SystemCall::UnmapRange, &[HANDLE, PAGES]),
    (
        SystemCall::ProtectRange,
        &[HANDLE, RANGE, &[Error::AccessDenied, Error::NotMapped]],
    ),
    (SystemCall::Null, &[]),
    (SystemCall::Signal, &[HANDLE, &[Error::Died]]),
    (SystemCall::Yield, &[]),
    (
        SystemCall::SaveCaller,
        &[
            HANDLE,
            &[Error::InUse, Error::NoTime, Error::NoCaller, Error::Died],
        ],
    ),
    (SystemCall::CapabilityCopy, &[HANDLE, PLACE]),
    (SystemCall::CapabilityDelete, &[HANDLE, &[Error::BadSlot]]),
    (SystemCall::CapabilityInspect, &[HANDLE, &[Error::BadSlot]]),
    (
        SystemCall::Destroy,
        &[&[
            Error::BadHandle,
            Error::NoRight,
            Error::Stale,
            Error::Itself,
        ]],
    ),
    (
        SystemCall::RegionSplit,
        &[
            HANDLE,
            PLACE,
            &[Error::OutOfRange, Error::NotFree, Error::Again],
        ],
    ),
    (
        SystemCall::RegionMerge,
        &[HANDLE, &[Error::OutOfRange, Error::NotFree]],
    ),
    (SystemCall::RegionInspect, &[HANDLE]),
    (
        SystemCall::Reclaim,
        &[
            HANDLE,
            &[
                Error::OutOfRange,
                Error::Itself,
                Error::Quarantined,
                Error::Again,
            ],
        ],
    ),
    (
        SystemCall::AllowanceSplit,
        &[
            HANDLE,
            PLACE,
            OBJECT,
            &[Error::Exhausted, Error::BadArgument],
        ],
    ),
    (
        SystemCall::AllowanceMerge,
        &[
            HANDLE,
            &[Error::OutOfRange, Error::InUse, Error::BadArgument],
        ],
    ),
    (SystemCall::CreateFrame, &[HANDLE, PLACE, OBJECT]),
    (
        SystemCall::CreateSpace,
        &[
            HANDLE,
            PLACE,
            OBJECT,
            &[Error::Exhausted, Error::BadArgument],
        ],
    ),
    (SystemCall::CreateTable, &[HANDLE, PLACE, OBJECT]),
    (SystemCall::CreateThread, &[HANDLE, PLACE, OBJECT]),
    (
        SystemCall::CreateContext,
        &[HANDLE, PLACE, OBJECT, &[Error::BadArgument]],
    ),
    (SystemCall::CreateEndpoint, &[HANDLE, PLACE, OBJECT]),
    (SystemCall::CreateGate, &[HANDLE, PLACE, FRAME]),
    (SystemCall::CreateNotification, &[HANDLE, PLACE, OBJECT]),
    (SystemCall::CreateReply, &[HANDLE, PLACE, FRAME]),
    (
        SystemCall::CreateIrq,
        &[
            HANDLE,
            PLACE,
            FRAME,
            &[Error::Exhausted, Error::BadArgument],
        ],
    ),
    (SystemCall::SpaceDonate, &[HANDLE, FRAME]),
    (
        SystemCall::Map,
        &[
            HANDLE,
            &[
                Error::BadArgument,
                Error::Misaligned,
                Error::OutOfRange,
                Error::AccessDenied,
                Error::AlreadyMapped,
                Error::NeedMemory,
            ],
        ],
    ),
    (
        SystemCall::Unmap,
        &[
            HANDLE,
            &[Error::Misaligned, Error::OutOfRange, Error::NotMapped],
        ],
    ),
    (
        SystemCall::Protect,
        &[
            HANDLE,
            &[
                Error::BadArgument,
                Error::Misaligned,
                Error::OutOfRange,
                Error::AccessDenied,
                Error::NotMapped,
            ],
        ],
    ),
    (
        SystemCall::TableExtend,
        &[HANDLE, FRAME, &[Error::Exhausted]],
    ),
    (
        SystemCall::ThreadStart,
        &[HANDLE, &[Error::NotStopped, Error::NoTime]],
    ),
    (
        SystemCall::ThreadStop,
        &[HANDLE, &[Error::Itself, Error::NotStarted]],
    ),
    (SystemCall::ThreadResume, &[HANDLE, &[Error::NotStarted]]),
    (
        SystemCall::ThreadSetBuffer,
        &[HANDLE, &[Error::AccessDenied, Error::InUse]],
    ),
    (SystemCall::ThreadSetHandler, &[HANDLE]),
    (SystemCall::ThreadSetContext, &[HANDLE, &[Error::InUse]]),
    (
        SystemCall::ThreadBind,
        &[HANDLE, &[Error::InUse, Error::NoTime]],
    ),
    (SystemCall::ThreadInspect, &[HANDLE]),
    (
        SystemCall::IrqBind,
        &[HANDLE, &[Error::InUse, Error::BadArgument]],
    ),
    (SystemCall::IrqAcknowledge, &[HANDLE]),
    (
        SystemCall::PlatformControl,
        &[HANDLE, &[Error::BadArgument]],
    ),
    (
        SystemCall::FrameSetMode,
        &[HANDLE, &[Error::BadArgument, Error::InUse, Error::Again]],
    ),
    (SystemCall::FrameInspect, &[HANDLE]),
    (
        SystemCall::ContextConfigure,
        &[
            HANDLE,
            &[Error::BadArgument, Error::OutOfRange, Error::Exhausted],
        ],
    ),
    (SystemCall::ContextSetHandler, &[HANDLE]),
    (SystemCall::ContextInspect, &[HANDLE]),
    (
        SystemCall::PlatformInspect,
        &[HANDLE, &[Error::BadArgument]],
    ),
    (SystemCall::Sleep, &[]),
    (
        SystemCall::ThreadConfigure,
        &[HANDLE, &[Error::BadArgument, Error::NotStopped]],
    ),
    (
        SystemCall::ThreadRead,
        &[HANDLE, &[Error::BadArgument, Error::NotStopped]],
    ),
    (
        SystemCall::ThreadWrite,
        &[HANDLE, &[Error::BadArgument, Error::NotStopped]],
    ),
    (
        SystemCall::ThreadPeek,
        &[HANDLE, ADDRESS, &[Error::AccessDenied]],
    ),
    (
        SystemCall::ThreadPoke,
        &[HANDLE, ADDRESS, &[Error::AccessDenied]],
    ),
    (
        SystemCall::CreateLargeFrame,
        &[HANDLE, PLACE, OBJECT, &[Error::Again]],
    ),
    (SystemCall::SpaceWithdraw, &[HANDLE, &[Error::NeedMemory]]),
    (
        SystemCall::FrameMaintain,
        &[HANDLE, &[Error::BadArgument, Error::OutOfRange]],
    ),
    (
        SystemCall::FrameGive,
        &[
            HANDLE,
            &[Error::BadArgument, Error::AccessDenied, Error::InUse],
        ],
    ),
    (
        SystemCall::DeviceConfirmReset,
        &[HANDLE, &[Error::BadArgument]],
    ),
];

// The rows stand where `errors` looks for them.
const _: () = {
    assert!(ROWS.len() == SystemCall::ALL.len());
    let mut number = 0;
    while number < ROWS.len() {
        assert!(ROWS[number].0 as usize == number);
        number += 1;
    }
};

impl SystemCall {
    /// The errors that this call can return, in groups. [`SystemCall::can_return`] looks one up.
    #[must_use]
    pub const fn errors(self) -> &'static [&'static [Error]] {
        ROWS[self as usize].1
    }

    /// Whether this call can return `error`.
    #[must_use]
    pub const fn can_return(self, error: Error) -> bool {
        let groups = self.errors();
        let mut group = 0;
        while group < groups.len() {
            let errors = groups[group];
            let mut index = 0;
            while index < errors.len() {
                if errors[index] as u64 == error as u64 {
                    return true;
                }
                index += 1;
            }
            group += 1;
        }
        false
    }
}
