//! From the kernel's words to the specification's state.
//!
//! [`Projection`] reads whatever memory it is given: an array on the host, or the memory of a running
//! kernel. It decides nothing: each field of the specification's state comes from named words, and what
//! is not projected (list links, copies, bitmaps, wheels) is how the kernel finds things, not what it
//! knows. What stands in one frame can be projected alone: whoever knows which frames were written
//! brings a state up to date without looking at the rest.

mod authority;
mod process;
mod space;
mod time;
mod touched;

use alloc::collections::BTreeMap;
use alloc::rc::Rc;

use ipc_abi::capability::Kind;
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::core_state;
use pecan_core::object::{Core, Frame, FrameKind, Layout, Number, Thread, UNITS_PER_FRAME, entry};
use pecan_specification::state::{Map, State};

/// A view of the kernel's memory, to be projected.
pub struct Projection<M> {
    /// The memory.
    pub memory: M,
}

/// No list is longer; one that is goes in circles, and is no state of the specification.
const LONGEST_LIST: u64 = 1 << 20;

/// What the names of objects are in the specification.
type Name = u64;

impl<M: Memory> Projection<M> {
    /// The whole state; `frames` are all that the frame table describes.
    pub fn whole(&self, frames: impl Iterator<Item = Frame> + Clone) -> State {
        let mut state = State::default();
        for frame in frames.clone() {
            self.add_frame(&mut state, frame);
        }
        self.retired_spaces(&mut state, &Map::default(), frames);
        self.core(&mut state);
        state
    }

    fn add_frame(&self, state: &mut State, frame: Frame) {
        let kind = self.memory.kind(frame);
        match Kind::from_raw(kind) {
            Some(Kind::Frame) => {
                state
                    .frames
                    .insert(frame.0, Rc::new(self.user_frame(frame)));
            }
            Some(kind) => {
                let mut used = self.memory.entry(frame, entry::ID);
                while used != 0 {
                    let unit = u64::from(used.trailing_zeros());
                    self.object(state, kind, frame.0.wrapping_mul(UNITS_PER_FRAME) | unit);
                    used &= used.wrapping_sub(1);
                }
            }
            None if kind == FrameKind::Quarantined as u8 => {
                state
                    .frames
                    .insert(frame.0, Rc::new(self.user_frame(frame)));
            }
            None if kind == FrameKind::LargeHead as u8 => {
                state
                    .unmade
                    .insert(frame.0, self.memory.entry(frame, entry::ADDRESS));
            }
            None if kind == FrameKind::Kernel as u8 || kind == FrameKind::Absent as u8 => {
                Rc::make_mut(&mut state.reserved).insert(frame.0);
            }
            None => {}
        }
    }

    /// Brings one object up to date, which is there.
    pub fn object(&self, state: &mut State, kind: Kind, name: Name) {
        match kind {
            Kind::Region => put(&mut state.regions, name, self.region(name)),
            Kind::Allowance => put(&mut state.allowances, name, self.allowance(name)),
            Kind::Platform => put(&mut state.platforms, name, self.identity(name)),
            Kind::AddressSpace => put(&mut state.spaces, name, Rc::new(self.space(name))),
            Kind::CapTable => put(&mut state.tables, name, Rc::new(self.table(name))),
            Kind::Thread => put(&mut state.threads, name, Rc::new(self.thread(name))),
            Kind::SchedulingContext => put(&mut state.contexts, name, Rc::new(self.context(name))),
            Kind::Endpoint => put(&mut state.endpoints, name, Rc::new(self.endpoint(name))),
            Kind::Gate => put(&mut state.gates, name, self.gate(name)),
            Kind::Notification => put(&mut state.notifications, name, self.notification(name)),
            Kind::Reply => put(&mut state.replies, name, self.reply(name)),
            Kind::Irq => put(&mut state.irqs, name, self.irq(name)),
            Kind::Frame => {}
        }
    }

    /// The identity of an object; none while it dies.
    fn identity(&self, name: Name) -> Option<u64> {
        some(self.memory.load(name, pecan_core::object::ID_WORD))
    }

    fn core_number(&self) -> Number<Core> {
        Number::from_raw(self.memory.core())
    }

    fn current(&self) -> Number<Thread> {
        self.memory.link(self.core_number(), core_state::CURRENT)
    }

    /// The elements of a list, from its head.
    fn list<E: Layout>(
        &self,
        head: Number<E>,
        next: pecan_core::object::Field<E>,
    ) -> impl Iterator<Item = Name> {
        let mut at = head;
        let mut left = LONGEST_LIST;
        core::iter::from_fn(move || {
            let element = at;
            if element.is_none() || left == 0 {
                return None;
            }
            left = left.wrapping_sub(1);
            at = self.memory.link(element, next);
            Some(element.into_raw())
        })
    }
}

/// Zero is none.
const fn some(number: u64) -> Option<u64> {
    if number == 0 { None } else { Some(number) }
}

fn put<T>(map: &mut BTreeMap<Name, T>, name: Name, value: T) {
    map.insert(name, value);
}

/// Takes everything that stood in `frame` out of a state.
fn remove_frame(state: &mut State, frame: Frame) {
    fn clear<T>(map: &mut BTreeMap<Name, T>, frame: Frame) {
        let first = frame.0.wrapping_mul(UNITS_PER_FRAME);
        while let Some((&name, _)) = map.range(first..first.wrapping_add(UNITS_PER_FRAME)).next() {
            map.remove(&name);
        }
    }
    clear(&mut state.regions, frame);
    clear(&mut state.allowances, frame);
    clear(&mut state.platforms, frame);
    clear(&mut state.spaces, frame);
    clear(&mut state.tables, frame);
    clear(&mut state.threads, frame);
    clear(&mut state.contexts, frame);
    clear(&mut state.endpoints, frame);
    clear(&mut state.gates, frame);
    clear(&mut state.notifications, frame);
    clear(&mut state.replies, frame);
    clear(&mut state.irqs, frame);
    state.frames.remove(&frame.0);
    state.unmade.remove(&frame.0);
    if state.reserved.contains(&frame.0) {
        Rc::make_mut(&mut state.reserved).remove(&frame.0);
    }
}
