//! What follows the kernel: [`Ghost`].

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::fmt;

use ipc_abi::capability::Kind;
use pecan_aarch64::crossing::{Arrival, Entry, Exit, Moment, Registers, Written};
use pecan_core::kernel::Kernel;
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{
    Endpoint, Frame, FrameKind, Gate, NUMBER_BITS, Number, Slots, Space, Thread, UNITS_PER_FRAME,
    endpoint, gate, thread,
};

use crate::difference::Difference;
use crate::lockstep::Lockstep;
use crate::registers;
use crate::settled::Settled;
use crate::space;

/// How many exits are between two at which the invariants of what was touched are checked, and what the
/// processor finds in the space that goes on.
const PART_INTERVAL: u64 = 32;
/// How many of the last entries an epitaph tells of.
const LAST: usize = 16;

/// What was seen of a crossing.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// When.
    pub moment: Moment,
    /// How the kernel was entered.
    pub entry: Entry,
    /// What reached it meanwhile.
    pub arrivals: &'a [Arrival],
    /// What it wrote; `None` if that was too much to remember.
    pub written: Option<&'a [Written]>,
    /// How it is left.
    pub exit: Exit,
    /// The line of the timer's interrupt.
    pub timer_line: u64,
}

/// Follows a kernel from exit to exit.
#[derive(Debug)]
pub struct Ghost {
    interval: u64,
    exits: u64,
    full: u64,
    mappings: u64,
    last: VecDeque<Entry>,
    lockstep: Option<Lockstep>,
    /// What the last thread came with, if its call saves little.
    light: Option<Registers>,
    /// The roots under which nothing changed since they were walked.
    walked: BTreeSet<u64>,
}

impl Ghost {
    /// Begins. Everything is looked at once in `interval` exits, beginning with the first.
    #[must_use]
    pub const fn new(interval: u64) -> Ghost {
        Ghost {
            interval,
            exits: 0,
            full: 0,
            mappings: 0,
            last: VecDeque::new(),
            lockstep: None,
            light: None,
            walked: BTreeSet::new(),
        }
    }

    /// The last entries, the latest last.
    pub fn last(&self) -> impl Iterator<Item = &Entry> {
        self.last.iter()
    }

    /// Looks at what a crossing left. `frames` are all that are not free.
    ///
    /// # Errors
    ///
    /// The first [`Difference`].
    pub fn observe<M: Memory + Copy>(
        &mut self,
        memory: M,
        seen: &Seen<'_>,
        frames: impl Iterator<Item = Frame> + Clone,
    ) -> Result<(), Difference> {
        self.exits += 1;
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(seen.entry);
        if seen.entry.vector.is_some() {
            self.light = registers::is_light(&seen.entry).then_some(seen.entry.registers);
        }
        let light = self.light;
        let memory = Settled::new(memory, seen, light.as_ref());
        let kernel = Kernel { memory };
        if seen.moment == Moment::Exit {
            registers::check(kernel, &seen.entry, &seen.exit)?;
        }
        if seen.moment != Moment::End {
            kernel.check_leaving()?;
        }
        self.forget_roots(&memory, seen.written);
        let Some(written) = seen.written else {
            let frames: Vec<Frame> = frames.collect();
            if let Some(lockstep) = &mut self.lockstep {
                lockstep.begin_again(memory, &frames);
            }
            return self.observe_all(memory, &frames);
        };
        let touched: Vec<Frame> = touched(&memory, seen, written).collect();
        if let Some(lockstep) = &mut self.lockstep {
            lockstep.follow(memory, seen, &touched, frames.clone())?;
        }
        if self.exits % self.interval == 1 % self.interval || seen.moment == Moment::End {
            return self.observe_all(memory, &frames.collect::<Vec<_>>());
        }
        if self.exits.is_multiple_of(PART_INTERVAL) {
            kernel.check_some(touched.into_iter())?;
            if seen.moment == Moment::Exit {
                self.check_root(&memory, seen.exit.root)?;
            }
        }
        Ok(())
    }

    /// Looks at everything.
    ///
    /// # Errors
    ///
    /// The first [`Difference`].
    fn observe_all<M: Memory + Copy>(
        &mut self,
        memory: M,
        frames: &[Frame],
    ) -> Result<(), Difference> {
        self.full += 1;
        let kernel = Kernel { memory };
        kernel.check_all(frames.iter().copied())?;
        for root in roots(&memory, frames) {
            let found = space::compare(&memory, root)?;
            let space = space::of(&memory, Frame(root >> 12));
            let told = space::count_told(&memory, frames.iter().copied(), space);
            if found != told {
                return Err(Difference::Missing { root, found, told });
            }
            self.mappings += found;
        }
        match &self.lockstep {
            Some(lockstep) => lockstep.compare_whole(memory, frames),
            None => {
                self.lockstep = Some(Lockstep::begin(memory, frames));
                Ok(())
            }
        }
    }

    /// Notes which spaces changed.
    fn forget_roots<M: Memory>(&mut self, memory: &M, written: Option<&[Written]>) {
        let Some(written) = written else {
            self.walked.clear();
            return;
        };
        let is_table = |it: &Written| match it {
            Written::Object(number) => {
                memory.kind(Frame(number >> 6)) == FrameKind::PageTable as u8
            }
            Written::Entry(frame) => memory.kind(*frame) == FrameKind::User as u8,
        };
        if written.iter().any(is_table) {
            self.walked.clear();
        }
    }

    fn check_root<M: Memory>(&mut self, memory: &M, root: u64) -> Result<(), Difference> {
        if self.walked.insert(root) {
            self.mappings += space::compare(memory, root)?;
        }
        Ok(())
    }
}

impl fmt::Display for Ghost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            exits,
            full,
            mappings,
            ..
        } = self;
        let counts = self.lockstep.as_ref().map_or([0; 3], Lockstep::counts);
        let [steps, divided, overtaken] = counts;
        write!(
            formatter,
            "ghost: {exits} exits, {steps} in step, {divided} divided, {overtaken} overtaken, {full} whole, {mappings} mappings"
        )
    }
}

/// The values of `TTBR0_EL1`, without ASID, of all spaces that live.
fn roots<M: Memory>(memory: &M, frames: &[Frame]) -> Vec<u64> {
    let is_root = |frame: &Frame| {
        let space: Number<Space> = space::of(memory, *frame);
        memory.kind(*frame) == FrameKind::PageTable as u8
            && memory.get(space, pecan_core::object::space::ROOT) == space::number_of(*frame)
    };
    let roots = frames.iter().filter(|frame| is_root(frame));
    roots.map(|frame| frame.0 << 12).collect()
}

/// The frames that a crossing may have changed: what the kernel wrote, and what the fast paths write,
/// which say nothing.
fn touched<M: Memory>(
    memory: &M,
    seen: &Seen<'_>,
    written: &[Written],
) -> impl Iterator<Item = Frame> + use<M> {
    let mut objects = Vec::new();
    for thread in [seen.entry.registers.thread, seen.exit.registers.thread] {
        let handle = seen.entry.registers.x[17];
        objects.push(thread);
        objects.extend(endpoint_of(memory, Number::from_raw(thread), handle));
    }
    objects.retain(|number| *number != 0);
    let heads = objects.iter().filter_map(|&it| {
        let is_endpoint = memory.kind(frame_of(it)) == FrameKind::Endpoint as u8;
        is_endpoint.then(|| memory.get(Number::<Endpoint>::from_raw(it), endpoint::SERVERS))
    });
    let heads: Vec<u64> = heads.collect();
    objects.extend(heads);
    let noted = written.iter().map(|it| match it {
        Written::Object(number) => frame_of(*number),
        Written::Entry(frame) => *frame,
    });
    let frames = objects.into_iter().map(frame_of).chain(noted);
    let frames: BTreeSet<u64> = frames.map(|frame| frame.0).collect();
    frames.into_iter().filter(|frame| *frame != 0).map(Frame)
}

fn frame_of(number: u64) -> Frame {
    Frame(number / UNITS_PER_FRAME)
}

/// The endpoint that a handle leads to: itself, or its gate's.
fn endpoint_of<M: Memory>(memory: &M, thread: Number<Thread>, handle: u64) -> Option<u64> {
    let is = |frame: Frame, kind: FrameKind| memory.kind(frame) == kind as u8;
    if thread.is_none() || !is(thread.frame(), FrameKind::Thread) {
        return None;
    }
    let slots: Number<Slots> = memory.link(thread, thread::SLOTS);
    if slots.is_none() || !is(slots.frame(), FrameKind::Slots) {
        return None;
    }
    let index = handle & memory.get(thread, thread::MASK);
    let word = memory.load(slots.into_raw(), usize::try_from(index * 2 + 1).ok()?);
    let object = word >> 6 & ((1 << NUMBER_BITS) - 1);
    let kind = word >> 48 & 0xFF;
    if kind == Kind::Endpoint as u64 {
        return Some(object);
    }
    let gate: Number<Gate> = Number::from_raw(object);
    let is_gate = kind == Kind::Gate as u64 && is(gate.frame(), FrameKind::Gate);
    is_gate.then(|| memory.get(gate, gate::ENDPOINT))
}
