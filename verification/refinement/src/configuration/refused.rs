//! Calls with one argument that is wrong, in each way in which one can be, and ranges of pages.

use ipc_abi::boot::FirstHandle;
use ipc_abi::call::{SystemCall as S, Window};
use ipc_abi::capability::Rights;
use ipc_abi::tag::Tag;
use pecan_core::object::UNITS_PER_FRAME;

use super::maker::{
    ASIDS, CONTEXT, DEVICES, EMPTY, IRQS, MEMORY, Maker, OUTSIDE, SPACE, TABLE, THREAD, TIME,
    place_of, plain,
};
use crate::action::{Action, Message};
use crate::normal::Care;
use crate::transition::Scene;

const PLATFORM: u64 = FirstHandle::Platform as u64;
/// An address that every space may use.
const PAGE: u64 = 0x40_0000_0000;

/// What good calls are made with.
struct Good {
    frame: (u64, u64),
    endpoint: u64,
    gate: u64,
    notification: u64,
    bell: u64,
    reply: u64,
    irq: u64,
    /// A space with a pool, where nothing runs.
    space: u64,
    /// A stopped thread, and a context that nobody has.
    thread: u64,
    context: u64,
    /// A free frame, and the first of 2 MiB.
    free: u64,
    slot: (u64, u64),
}

fn good(m: &mut Maker) -> Good {
    let endpoint = m.endpoint();
    let notification = m.notification();
    Good {
        frame: m.frame(),
        endpoint,
        gate: m.gate(endpoint, 7),
        notification,
        bell: m.gate(notification, 3),
        reply: m.reply(),
        irq: m.irq(33),
        space: m.space(2),
        thread: m.new_thread(),
        context: m.context(10),
        free: m.host.frame(),
        slot: m.slot(),
    }
}

/// Handles that name nothing that they should.
struct Bad {
    /// What each good handle has as a copy without rights.
    weak: Vec<(u64, u64)>,
    /// The same whatever is asked for.
    handles: Vec<u64>,
    places: Vec<u64>,
}

fn bad(m: &mut Maker, good: &Good) -> Bad {
    let gone = m.endpoint();
    m.host.kernel().destroy(gone).expect("it goes");
    m.host.drain_all();
    let handles = [
        TABLE,
        SPACE,
        THREAD,
        CONTEXT,
        MEMORY,
        DEVICES,
        TIME,
        IRQS,
        ASIDS,
        PLATFORM,
        good.frame.0,
        good.endpoint,
        good.gate,
        good.notification,
        good.bell,
        good.reply,
        good.irq,
        good.space,
        good.thread,
        good.context,
    ];
    let weak: Vec<(u64, u64)> = handles
        .into_iter()
        .map(|handle| (handle, m.copy(handle, Rights::NONE)))
        .collect();
    let table = weak[0].1;
    Bad {
        weak,
        handles: vec![EMPTY, OUTSIDE, gone, good.reply, good.endpoint],
        places: vec![
            0,
            place_of(0),
            place_of(TABLE),
            place_of(good.endpoint) | 1 << 31,
            good.slot.1 & 0xFFFF_FFFF | table << 32,
            good.slot.1 & 0xFFFF_FFFF | EMPTY << 32,
        ],
    }
}

/// Every function call, as it succeeds. (Of some there is no argument that could be wrong.)
fn calls(it: &Good) -> Vec<(S, Vec<u64>)> {
    let place = it.free * UNITS_PER_FRAME;
    let to = it.slot.1;
    let mut calls = vec![
        (S::MapRange, vec![it.space, it.frame.0, PAGE, 1, 1]),
        (S::UnmapRange, vec![it.space, PAGE, 1]),
        (S::ProtectRange, vec![it.space, PAGE, 1, 1]),
        (S::Signal, vec![it.bell]),
        (S::SaveCaller, vec![it.reply]),
        (S::Wait, vec![it.notification]),
        (S::CapabilityCopy, vec![it.gate, to, 0xFF]),
        (S::CapabilityDelete, vec![to]),
        (S::CapabilityInspect, vec![to]),
        (S::Destroy, vec![it.context]),
        (S::RegionSplit, vec![MEMORY, 1, to]),
        (S::RegionMerge, vec![MEMORY, 1]),
        (S::RegionInspect, vec![MEMORY]),
        (S::Reclaim, vec![MEMORY, it.free]),
        (S::AllowanceSplit, vec![MEMORY, place, to, IRQS, 1]),
        (S::AllowanceMerge, vec![IRQS, 1]),
        (S::SpaceDonate, vec![it.space, MEMORY, it.free]),
        (S::SpaceWithdraw, vec![it.space]),
        (S::Map, vec![it.space, it.frame.0, PAGE, 1]),
        (S::Unmap, vec![it.space, PAGE]),
        (S::Protect, vec![it.space, PAGE, 1]),
        (S::TableExtend, vec![TABLE, MEMORY, it.free]),
        (S::IrqBind, vec![it.irq, it.notification, 4]),
        (S::IrqAcknowledge, vec![it.irq]),
        (S::PlatformControl, vec![PLATFORM, 7]),
        (S::PlatformInspect, vec![PLATFORM, 0]),
        (S::FrameSetMode, vec![it.frame.0, 1]),
        (S::FrameInspect, vec![it.frame.0]),
        (S::FrameMaintain, vec![it.frame.0, 0, 0, 64]),
        (S::ContextConfigure, vec![it.context, TIME, 10, 0, 0]),
        (S::ContextSetHandler, vec![it.context, it.bell]),
        (S::ContextInspect, vec![it.context]),
    ];
    calls.extend(creations(place, to, it));
    calls.extend(calls_of_thread(it));
    calls
}

fn creations(place: u64, to: u64, it: &Good) -> Vec<(S, Vec<u64>)> {
    vec![
        (S::CreateFrame, vec![MEMORY, place, to]),
        (S::CreateSpace, vec![MEMORY, place, to, ASIDS, it.free + 1]),
        (S::CreateTable, vec![MEMORY, place, to, it.free + 1]),
        (S::CreateThread, vec![MEMORY, place, to, TABLE, it.space]),
        (S::CreateContext, vec![MEMORY, place, to, TIME, 3]),
        (S::CreateEndpoint, vec![MEMORY, place, to]),
        (S::CreateGate, vec![MEMORY, place, to, it.endpoint, 5]),
        (S::CreateNotification, vec![MEMORY, place, to]),
        (S::CreateReply, vec![MEMORY, place, to]),
        (S::CreateIrq, vec![MEMORY, place, to, IRQS, 34]),
        (S::CreateLargeFrame, vec![MEMORY, place, to]),
    ]
}

fn calls_of_thread(it: &Good) -> Vec<(S, Vec<u64>)> {
    vec![
        (S::ThreadStart, vec![it.thread, 0x1000, 0x2000, 7]),
        (S::ThreadStop, vec![it.thread]),
        (S::ThreadResume, vec![it.thread]),
        (S::ThreadSetBuffer, vec![it.thread, it.frame.0]),
        (S::ThreadSetHandler, vec![it.thread, it.gate]),
        (S::ThreadSetContext, vec![it.thread, it.context]),
        (S::ThreadBind, vec![it.thread, it.notification]),
        (S::ThreadInspect, vec![it.thread]),
        (S::ThreadConfigure, vec![it.thread, 1]),
        (S::ThreadRead, vec![it.thread, 3]),
        (S::ThreadWrite, vec![it.thread, 3, 9]),
        (S::ThreadPeek, vec![it.thread, PAGE]),
        (S::ThreadPoke, vec![it.thread, PAGE, 9]),
    ]
}

/// What is wrong in place of `value`.
fn wrong(bad: &Bad, value: u64) -> Vec<u64> {
    let mut wrong = vec![value + 1, value + 3, 1 << 33, u64::MAX];
    wrong.extend(&bad.handles);
    wrong.extend(&bad.places);
    let weak = bad.weak.iter().find(|(handle, _)| *handle == value);
    wrong.extend(weak.map(|(_, weak)| weak));
    wrong
}

/// Every function call with one argument that is wrong.
pub(super) fn functions() -> Scene {
    let mut m = Maker::new(96);
    let good = good(&mut m);
    let bad = bad(&mut m, &good);
    for (call, arguments) in calls(&good) {
        for at in 0..arguments.len() {
            for value in wrong(&bad, arguments[at]) {
                let mut arguments = arguments.clone();
                arguments[at] = value;
                m.function(call, &arguments);
            }
        }
    }
    m.finish(Care::default())
}

/// Every message call with a handle, a tag, a window or a deadline that is wrong.
pub(super) fn messages() -> Scene {
    let mut m = Maker::new(88);
    let good = good(&mut m);
    let bad = bad(&mut m, &good);
    m.thread(255);
    let tags = [
        Tag::new(3, 128),
        Tag::new(3, 8).with_capabilities(1),
        Tag::new(3, 4097).with_long(),
        Tag::new(3, 64).with_long(),
        Tag::from_raw(Tag::new(3, 8).into_raw() | 1 << 36),
    ];
    let mut handles = bad.handles;
    handles.extend([good.gate, good.reply, good.endpoint, good.notification]);
    handles.extend(bad.weak.iter().map(|(_, weak)| weak));
    for &call in S::ALL
        .iter()
        .filter(|call| **call as u64 <= S::WaitUntil as u64)
    {
        if call == S::Wait {
            continue;
        }
        for (&handle, tag) in handles.iter().flat_map(|it| tags.map(|tag| (it, tag))) {
            m.message(Message {
                tag,
                capabilities: [good.frame.0, 0, 0, 0],
                window: Window::NONE,
                ..plain(call, handle)
            });
        }
    }
    m.functions(&[S::Wait], &handles);
    m.action(Action::Timer);
    m.finish(Care::default())
}

/// Ranges of pages that meet what is mapped, and that run out of frames for tables.
pub(super) fn ranges() -> Scene {
    let mut m = Maker::new(88);
    let space = m.space(4);
    let frames = [m.frame().0, m.frame().0, m.frame().0];
    let pages = [PAGE, PAGE + 0x1000, PAGE + 0x1F_E000];
    for page in pages {
        for count in [0, 1, 3] {
            m.function(S::MapRange, &[space, frames[0], page, 1, count]);
            m.function(S::MapRange, &[space, frames[1], page, 3, count]);
            m.function(S::UnmapRange, &[space, page, count]);
            m.function(S::ProtectRange, &[space, page, 1, count]);
        }
    }
    m.function(S::UnmapRange, &[space, PAGE, 512]);
    m.function(S::UnmapRange, &[space, PAGE, 513]);
    m.function(S::UnmapRange, &[space, PAGE, 3 | 2 << 32]);
    m.function(S::Protect, &[space, PAGE, 1]);
    m.functions(&[S::SpaceWithdraw], &[space]);
    m.functions(&[S::Destroy], &[frames[1]]);
    m.finish(Care {
        identities: true,
        ..Care::default()
    })
}
