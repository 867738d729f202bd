//! Making and unmaking: objects, memory, mappings, numbers.

use ipc_abi::call::SystemCall as S;
use ipc_abi::capability::Rights;
use pecan_core::object::UNITS_PER_FRAME;

use super::maker::{
    ASIDS, CONTEXT, DEVICES, EMPTY, IRQS, MEMORY, Maker, SPACE, TABLE, THREAD, TIME,
};
use crate::action::Action;
use crate::arena::FIRST_DEVICE;
use crate::normal::Care;
use crate::transition::Scene;

const IDENTITIES: Care = Care {
    identities: true,
    time: false,
    registers: false,
};

/// Everything that threads wait for is destroyed under them.
pub(super) fn death_of_what_is_awaited() -> Scene {
    let mut m = Maker::new(88);
    let endpoint = m.endpoint();
    let gates = [m.gate(endpoint, 7), m.gate(endpoint, 9)];
    let notification = m.notification();
    let bell = m.gate(notification, 3);
    let reply = m.reply();
    m.thread(255);
    m.thread(254);
    m.messages(&[S::Call, S::Send], &gates);
    m.messages(&[S::Receive, S::ReplyReceive], &[endpoint]);
    m.functions(&[S::Wait], &[notification]);
    m.functions(&[S::Signal], &[bell]);
    m.functions(&[S::SaveCaller], &[reply]);
    m.messages(&[S::ReplyTo], &[reply]);
    let all = [
        endpoint,
        gates[0],
        gates[1],
        notification,
        bell,
        reply,
        EMPTY,
    ];
    m.functions(&[S::Destroy], &all);
    m.action(Action::Timer);
    m.finish(IDENTITIES)
}

/// Threads and contexts are destroyed while they call and serve.
pub(super) fn death_of_threads() -> Scene {
    let mut m = Maker::new(88);
    let endpoint = m.endpoint();
    let gate = m.gate(endpoint, 7);
    let reply = m.reply();
    let threads = [m.thread(255), m.thread(254)];
    m.messages(&[S::Call], &[gate]);
    m.messages(&[S::Receive, S::ReplyReceive], &[endpoint]);
    m.messages(&[S::Reply], &[0]);
    m.functions(&[S::SaveCaller], &[reply]);
    m.messages(&[S::ReplyTo], &[reply]);
    let all = [
        THREAD,
        threads[0].0,
        threads[1].0,
        CONTEXT,
        threads[0].1,
        threads[1].1,
    ];
    m.functions(&[S::Destroy], &all);
    m.function(S::ThreadSetContext, &[THREAD, threads[0].1]);
    m.function(S::ThreadSetContext, &[threads[0].0, CONTEXT]);
    m.functions(&[S::ThreadInspect], &[threads[0].0]);
    m.action(Action::Timer);
    m.finish(IDENTITIES)
}

/// Small objects are made at places that overlap, destroyed, and reclaimed with their frame.
pub(super) fn creation() -> Scene {
    let mut m = Maker::new(88);
    let frame = m.host.frame();
    let number = frame * UNITS_PER_FRAME;
    let slots = [m.slot(), m.slot()];
    let weak = m.copy(MEMORY, Rights::READ);
    for (handle, to) in slots {
        for at in [number, number + 1, number + 8] {
            m.function(S::CreateEndpoint, &[MEMORY, at, to]);
            m.function(S::CreateReply, &[MEMORY, at, to]);
        }
        m.function(S::CreateNotification, &[MEMORY, number + 2, to]);
        m.function(S::CreateFrame, &[MEMORY, number, to]);
        m.function(S::CreateGate, &[MEMORY, number + 9, to, slots[0].0, 5]);
        m.functions(&[S::Destroy, S::CapabilityDelete], &[handle]);
        m.functions(&[S::CapabilityDelete], &[to]);
    }
    m.function(S::CreateEndpoint, &[weak, number, slots[0].1]);
    m.function(S::CreateEndpoint, &[MEMORY, number, to_of(TABLE)]);
    m.function(S::CreateEndpoint, &[MEMORY, 64, slots[0].1]);
    m.function(S::Reclaim, &[MEMORY, frame]);
    m.function(S::Reclaim, &[weak, frame]);
    m.finish(IDENTITIES)
}

/// Slot `handle`, as a place.
fn to_of(handle: u64) -> u64 {
    super::maker::place_of(handle)
}

/// A region is split and merged while frames of it are used.
pub(super) fn regions() -> Scene {
    let mut m = Maker::new(88);
    let region = m.host.kernel().region_inspect(MEMORY).expect("a region");
    let end = (region & ((1 << 34) - 1)) + (region >> 34);
    let slots = [m.slot(), m.slot(), m.slot()];
    for source in [MEMORY, slots[0].0] {
        for frames in [0, 1, 2] {
            for (_, to) in slots {
                m.function(S::RegionSplit, &[source, frames, to]);
            }
            m.function(S::RegionMerge, &[source, frames]);
        }
        m.functions(&[S::RegionInspect], &[source]);
        for frame in [end - 1, end - 2] {
            m.function(
                S::CreateFrame,
                &[source, frame * UNITS_PER_FRAME, slots[2].1],
            );
            m.function(S::Reclaim, &[source, frame]);
        }
    }
    for (handle, to) in slots {
        m.functions(&[S::Destroy], &[handle]);
        m.functions(&[S::CapabilityDelete], &[to]);
    }
    m.finish(IDENTITIES)
}

/// Two frames in two spaces, at pages that share tables or not, with pools that run out.
pub(super) fn mapping() -> Scene {
    let mut m = Maker::new(88);
    let spaces = [m.space(2), m.space(1)];
    let frames = [m.frame(), m.frame()];
    let read_only = m.copy(frames[0].0, Rights::READ);
    let pages = [0x40_0000_0000, 0x40_0000_1000, 0x40_4000_0000];
    let spare = m.host.frame();
    for space in spaces {
        for page in pages {
            m.function(S::Map, &[space, frames[0].0, page, 1]);
            m.function(S::Map, &[space, frames[1].0, page, 3]);
            m.function(S::Unmap, &[space, page]);
        }
        m.function(S::Protect, &[space, pages[0], 1]);
        m.function(S::Protect, &[space, pages[0], 3]);
        m.function(S::Map, &[space, read_only, pages[0], 3]);
        m.function(S::SpaceDonate, &[space, MEMORY, spare]);
        m.function(S::SpaceWithdraw, &[space]);
    }
    m.function(S::Map, &[spaces[0], frames[0].0, 0x123, 1]);
    m.function(S::Map, &[spaces[0], frames[0].0, 1 << 39, 1]);
    m.function(S::Map, &[spaces[0], frames[0].0, pages[0], 2]);
    m.function(S::Map, &[spaces[0], frames[0].0, pages[1], 5]);
    m.function(S::FrameSetMode, &[frames[0].0, 1]);
    m.function(S::FrameSetMode, &[frames[0].0, 0]);
    m.function(S::Reclaim, &[MEMORY, frames[0].1]);
    m.function(S::Reclaim, &[MEMORY, spare]);
    m.functions(&[S::Destroy], &[frames[0].0, frames[1].0, spaces[1]]);
    m.finish(IDENTITIES)
}

/// Frames that are given to a device, die, and wait for its reset.
pub(super) fn devices() -> Scene {
    let mut m = Maker::new(88);
    let (device, to) = m.slot();
    let registers = FIRST_DEVICE * UNITS_PER_FRAME;
    m.host
        .kernel()
        .create_frame(DEVICES, registers, to)
        .expect("registers");
    let frames = [m.frame(), m.frame()];
    let read_only = m.copy(frames[0].0, Rights::READ);
    let (again, again_at) = m.slot();
    for (handle, frame) in frames {
        m.function(S::FrameGive, &[handle, device]);
        m.function(S::Reclaim, &[MEMORY, frame]);
        m.functions(&[S::Destroy], &[handle]);
        m.function(S::CreateFrame, &[MEMORY, frame * UNITS_PER_FRAME, again_at]);
    }
    m.function(S::FrameGive, &[read_only, device]);
    m.function(S::FrameGive, &[frames[0].0, frames[1].0]);
    m.function(S::FrameGive, &[again, device]);
    m.function(S::FrameSetMode, &[frames[0].0, 1]);
    m.functions(&[S::DeviceConfirmReset], &[device, frames[0].0]);
    m.functions(&[S::CapabilityDelete], &[again_at, to]);
    m.functions(&[S::Destroy], &[device]);
    m.function(S::CreateFrame, &[DEVICES, registers, to]);
    m.function(S::ThreadSetBuffer, &[THREAD, frames[0].0]);
    m.finish(IDENTITIES)
}

/// Numbers and time are split off and merged, and things made from them.
pub(super) fn allowances() -> Scene {
    let mut m = Maker::new(88);
    let pool = m.host.frame() * UNITS_PER_FRAME;
    let things = m.host.frame() * UNITS_PER_FRAME;
    let slots = [m.slot(), m.slot(), m.slot()];
    for source in [IRQS, slots[0].0, ASIDS] {
        for count in [0, 1, 2] {
            m.function(
                S::AllowanceSplit,
                &[MEMORY, pool, slots[0].1, source, count],
            );
            m.function(
                S::AllowanceSplit,
                &[MEMORY, pool + 2, slots[1].1, source, count],
            );
        }
        for count in [1, 2] {
            m.function(S::AllowanceMerge, &[source, count]);
        }
        for line in [38, 39] {
            m.function(S::CreateIrq, &[MEMORY, things, slots[2].1, source, line]);
        }
    }
    m.function(
        S::AllowanceSplit,
        &[MEMORY, pool, slots[0].1, TIME, 1 << 34 | 0x10_20],
    );
    m.function(
        S::AllowanceSplit,
        &[MEMORY, pool, slots[0].1, TIME, 1 << 34 | 0x20_10],
    );
    m.function(
        S::AllowanceSplit,
        &[MEMORY, pool + 2, slots[1].1, slots[0].0, 1 << 33 | 0x10_10],
    );
    m.function(
        S::CreateContext,
        &[MEMORY, things, slots[2].1, slots[0].0, 0x10],
    );
    m.function(
        S::CreateContext,
        &[MEMORY, things, slots[2].1, slots[0].0, 0x21],
    );
    for (handle, to) in slots {
        m.functions(&[S::Destroy], &[handle]);
        m.functions(&[S::CapabilityDelete], &[to]);
    }
    m.finish(IDENTITIES)
}

/// Spaces, tables and threads are made and destroyed around one another.
pub(super) fn processes() -> Scene {
    let mut m = Maker::new(88);
    let frames: Vec<u64> = (0..5).map(|_| m.host.frame()).collect();
    let number = |nth: usize| frames[nth] * UNITS_PER_FRAME;
    let slots = [m.slot(), m.slot(), m.slot()];
    m.function(
        S::CreateSpace,
        &[MEMORY, number(0), slots[0].1, ASIDS, frames[1]],
    );
    m.function(S::CreateTable, &[MEMORY, number(2), slots[1].1, frames[3]]);
    m.function(S::TableExtend, &[slots[1].0, MEMORY, frames[1]]);
    for table in [TABLE, slots[1].0] {
        for space in [SPACE, slots[0].0] {
            m.function(
                S::CreateThread,
                &[MEMORY, number(4), slots[2].1, table, space],
            );
        }
    }
    m.function(S::CapabilityCopy, &[CONTEXT, slots[1].0 << 32 | 3, 0xFF]);
    m.function(S::CapabilityCopy, &[CONTEXT, slots[1].0 << 32 | 300, 0xFF]);
    m.function(S::SpaceDonate, &[slots[0].0, MEMORY, frames[3]]);
    for frame in &frames {
        m.function(S::Reclaim, &[MEMORY, *frame]);
    }
    for (handle, to) in slots {
        m.functions(&[S::Destroy], &[handle]);
        m.functions(&[S::CapabilityDelete], &[to]);
    }
    m.functions(&[S::Destroy], &[SPACE]);
    m.finish(IDENTITIES)
}
