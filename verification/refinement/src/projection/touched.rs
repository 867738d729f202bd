//! The quick way to bring a state up to date: only what the frames that were written can have changed.
//!
//! What is projected of an object depends on words of others in few ways: a space on its tables and
//! records, a table on its slots, an endpoint on the threads in its queues, a gate on whether anybody
//! still waits behind it, a thread on whether it runs.

use alloc::collections::BTreeSet;
use alloc::rc::Rc;
use alloc::vec::Vec;

use ipc_abi::capability::Kind;
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{Frame, FrameKind, Number, Record, UNITS_PER_FRAME, entry, record};
use pecan_specification::state::{State, Wait};

use super::{Name, Projection, remove_frame};

/// What has to be projected again beside what stands in the frames themselves.
#[derive(Default)]
struct Again {
    threads: BTreeSet<Name>,
    endpoints: BTreeSet<Name>,
    /// Frames of spaces.
    parts: BTreeSet<(Name, u64)>,
    tables: BTreeSet<Name>,
    users: BTreeSet<u64>,
    /// Something that gates lead to died, or was left by the last who waited there.
    gates: bool,
}

impl<M: Memory> Projection<M> {
    /// Brings a state up to date of which only what stands in the frames `touched`, and what the core
    /// knows, may have changed.
    pub fn update(
        &self,
        state: &mut State,
        touched: &[Frame],
        frames: impl Iterator<Item = Frame> + Clone,
    ) {
        let retired = state.spaces.iter().filter(|(_, it)| it.asid.is_none());
        let retired = retired.map(|(name, it)| (*name, Rc::clone(it))).collect();
        let mut again = Again::default();
        again.threads.extend(state.running.map(|it| it.thread));
        again.threads.insert(self.current().into_raw());
        for &frame in touched {
            if self.memory.kind(frame) == FrameKind::Kernel as u8 {
                continue;
            }
            add_waits(state, frame, &mut again);
            remove_frame(state, frame);
            self.add_frame(state, frame);
            add_waits(state, frame, &mut again);
            self.add_owner(frame, &mut again);
        }
        self.project_again(state, &again);
        if state.spaces.values().any(|space| space.asid.is_none()) {
            self.retired_spaces(state, &retired, frames);
        }
        self.core(state);
    }

    /// Notes whose part a frame is.
    fn add_owner(&self, frame: Frame, again: &mut Again) {
        let kind = self.memory.kind(frame);
        let owner: Number<()> = Number::from_raw(self.memory.entry(frame, entry::SPACE));
        let is = |other: FrameKind| kind == other as u8;
        if is(FrameKind::Slots) {
            again.tables.insert(owner.into_raw());
        }
        let is_of_space = kind >= FrameKind::PageTable as u8 && kind <= FrameKind::Pool as u8;
        if is_of_space {
            again.parts.insert((owner.into_raw(), frame.0));
        }
        if is(FrameKind::Records) {
            let first = frame.0.wrapping_mul(UNITS_PER_FRAME);
            for name in first..first.wrapping_add(UNITS_PER_FRAME) {
                let record = Number::<Record>::from_raw(name);
                again.users.insert(self.memory.get(record, record::FRAME));
            }
        }
    }

    fn project_again(&self, state: &mut State, again: &Again) {
        for &thread in &again.threads {
            if state.threads.contains_key(&thread) {
                self.object(state, Kind::Thread, thread);
            }
        }
        for &endpoint in &again.endpoints {
            if state.endpoints.contains_key(&endpoint) {
                self.object(state, Kind::Endpoint, endpoint);
            }
        }
        for &(space, part) in &again.parts {
            self.space_again(state, space, Frame(part));
        }
        for &table in &again.tables {
            if state.tables.contains_key(&table) {
                self.object(state, Kind::CapTable, table);
            }
        }
        for &frame in &again.users {
            if state.frames.contains_key(&frame) {
                self.add_frame(state, Frame(frame));
            }
        }
        if again.gates || state.endpoints.values().any(|it| it.id.is_none()) {
            let gates: Vec<Name> = state.gates.keys().copied().collect();
            for gate in gates {
                self.object(state, Kind::Gate, gate);
            }
        }
    }
}

/// Notes the endpoints at which the threads of a frame wait, and what in it died.
fn add_waits(state: &State, frame: Frame, again: &mut Again) {
    let first = frame.0.wrapping_mul(UNITS_PER_FRAME);
    let names = first..first.wrapping_add(UNITS_PER_FRAME);
    for (_, thread) in state.threads.range(names.clone()) {
        if let Wait::Send { endpoint, .. } | Wait::Receive(endpoint) = thread.wait {
            again.endpoints.insert(endpoint);
        }
    }
    let has_endpoint = state
        .endpoints
        .range(names.clone())
        .any(|(_, it)| it.id.is_none());
    let has_notification = state
        .notifications
        .range(names)
        .any(|(_, it)| it.id.is_none());
    again.gates |= has_endpoint || has_notification;
}
