//! The specification beside the kernel: [`Lockstep`].
//!
//! Two states are kept: what the specification came to (`expected`), and what the kernel's words say
//! (`observed`). Each crossing is an event for the one and an update for the other; then the
//! specification takes those of its steps that the kernel's state shows, and the two must be equal.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use ipc_abi::call::SystemCall;
use ipc_abi::error::Error;
use ipc_abi::fault::FaultCause;
use pecan_aarch64::crossing::{Entry, Moment};
use pecan_aarch64::exception::{FLOATING_CLASS, SVC_SYNDROME, decode_fault};
use pecan_core::memory::Memory;
use pecan_core::object::Frame;
use pecan_refinement::projection::Projection;
use pecan_specification::event::{Event, Inputs};
use pecan_specification::follow;
use pecan_specification::state::{Registers, State};

use crate::difference::Difference;
use crate::ghost::Seen;
use crate::registers::USER_STATE;

/// Between the first how many events of a crossing a way out is looked for.
const GAPS_MAX: usize = 3;
/// Bytes of a `svc`.
const INSTRUCTION_BYTES: u64 = 4;
/// The last register that a function call loses.
const LAST_LOST: usize = 18;
/// Where the pages that are done stand in the count of a call on a range.
const DONE_SHIFT: u32 = 32;

/// The specification's state and the kernel's, which are the same between two crossings.
#[derive(Debug)]
pub struct Lockstep {
    expected: State,
    observed: State,
    steps: u64,
    divided: u64,
    overtaken: u64,
}

impl Lockstep {
    /// Begins with what the kernel's words say.
    pub fn begin<M: Memory>(memory: M, frames: &[Frame]) -> Lockstep {
        let observed = whole(memory, frames);
        Lockstep {
            expected: observed.clone(),
            observed,
            steps: 0,
            divided: 0,
            overtaken: 0,
        }
    }

    /// Begins again with what the kernel's words say, since too much was written to be followed: this crossing
    /// is not compared.
    pub fn begin_again<M: Memory>(&mut self, memory: M, frames: &[Frame]) {
        self.observed = whole(memory, frames);
        self.overtake();
    }

    /// Takes what the kernel came to for what was expected.
    fn overtake(&mut self) {
        self.expected = self.observed.clone();
        self.overtaken += 1;
    }

    /// Brings both states up to date, and compares them. `touched` are the frames that may have changed.
    ///
    /// # Errors
    ///
    /// [`Difference::Specified`].
    pub fn follow<M: Memory + Copy>(
        &mut self,
        memory: M,
        seen: &Seen<'_>,
        touched: &[Frame],
        frames: impl Iterator<Item = Frame> + Clone,
    ) -> Result<(), Difference> {
        Projection { memory }.update(&mut self.observed, touched, frames);
        let events = self.events(seen);
        if seen.moment == Moment::End {
            return Ok(());
        }
        let gaps = events.len().saturating_sub(1).min(GAPS_MAX);
        let may_stop = events.first().is_some_and(|(event, _)| is_reclaim(*event));
        let before = (gaps > 0 || may_stop).then(|| self.expected.clone());
        let mut result = self.attempt(&events, Course::default());
        if let Some(before) = &before {
            for course in courses(gaps, may_stop).skip(1) {
                if result.is_ok() {
                    break;
                }
                self.expected.clone_from(before);
                result = self.attempt(&events, course);
                self.divided += u64::from(result.is_ok());
            }
        }
        match result {
            Ok(()) => {
                self.steps += 1;
                share(&mut self.observed, &self.expected);
                Ok(())
            }
            Err(_) if gaps > 0 => {
                self.overtake();
                Ok(())
            }
            Err(mut at) => {
                if let Some(before) = before {
                    // The usual way is the one to tell of.
                    self.expected = before;
                    at = self.attempt(&events, Course::default()).err().unwrap_or(at);
                }
                Err(Difference::Specified {
                    field: at.field,
                    number: at.number,
                    text: explain(&self.expected, &self.observed, at.number),
                })
            }
        }
    }

    /// Lets the specification take the events of a crossing in one of the ways in which a kernel may.
    fn attempt(
        &mut self,
        events: &[(Event, Inputs)],
        course: Course,
    ) -> Result<(), follow::Difference> {
        for (index, (event, inputs)) in events.iter().enumerate() {
            if index > 0 && course.ways_out >> (index - 1) & 1 != 0 {
                self.expected.follow_part(&self.observed);
            }
            if index == 0 && course.is_stopped {
                self.expected.step(Event::Idle, inputs);
                self.answer_again();
            } else {
                self.expected.step(*event, inputs);
            }
        }
        self.expected.follow(&self.observed).map(drop)
    }

    /// An interrupt that waited stopped `reclaim` before it did anything.
    fn answer_again(&mut self) {
        let running = self.expected.running.map(|it| it.thread);
        if let Some(thread) = running.and_then(|it| self.expected.threads.get_mut(&it)) {
            let registers = &mut Rc::make_mut(thread).registers;
            registers.x[..=LAST_LOST].fill(0);
            registers.x[0] = Error::Again.into_raw();
            registers.program_state = 0;
        }
    }

    /// What happened on a crossing, in its order. Gives the thread that ran the registers that it came
    /// with.
    fn events(&mut self, seen: &Seen<'_>) -> Vec<(Event, Inputs)> {
        let mut events = Vec::new();
        let event = self.load(&seen.entry);
        let is_nothing = seen.entry.vector.is_some() && seen.arrivals.is_empty();
        if let Some(event) = event.or(is_nothing.then_some(Event::Idle)) {
            events.push((event, self.inputs(&seen.entry, event)));
        }
        for arrival in seen.arrivals {
            let event = if arrival.line == seen.timer_line {
                Event::Timer
            } else {
                Event::Interrupt(arrival.line)
            };
            let inputs = Inputs {
                now: arrival.now,
                ..Inputs::default()
            };
            events.push((event, inputs));
        }
        events
    }

    /// How many crossings were compared; how many of these only with a way out between two events, or with
    /// a `reclaim` that an interrupt stopped; and how many were not compared, since more than one event came
    /// and none of the ways led to the kernel's state.
    #[must_use]
    pub fn counts(&self) -> [u64; 3] {
        [self.steps, self.divided, self.overtaken]
    }

    /// Compares what was kept up to date with what all of the kernel's words say: then every change was
    /// seen.
    ///
    /// # Errors
    ///
    /// [`Difference::Unseen`].
    pub fn compare_whole<M: Memory>(&self, memory: M, frames: &[Frame]) -> Result<(), Difference> {
        let whole = whole(memory, frames);
        whole
            .compare(&self.observed)
            .map_err(|at| Difference::Unseen {
                field: at.field,
                number: at.number,
                text: explain(&self.observed, &whole, at.number),
            })
    }

    /// Gives the thread that ran the registers that it came with; tells what it came for, if that is an
    /// event.
    fn load(&mut self, entry: &Entry) -> Option<Event> {
        let vector = entry.vector?;
        let of = &entry.registers;
        let thread = self.expected.threads.get_mut(&of.thread)?;
        let floats = thread.flags & ipc_abi::debug::thread_flag::FLOATING != 0;
        Rc::make_mut(thread).registers = Registers {
            x: of.x,
            sp: of.stack,
            pc: of.counter,
            pointer: of.pointer,
            program_state: of.state & USER_STATE,
        };
        let syndrome = entry.syndrome;
        match vector {
            8 if syndrome >> 16 == SVC_SYNDROME >> 16 => {
                u16::try_from(syndrome & 0xFFFF).ok().map(Event::SystemCall)
            }
            8 if syndrome >> 26 & 0x3F == FLOATING_CLASS && floats => None,
            8 => Some(fault_event(entry)),
            11 => Some(Event::Fault {
                cause: FaultCause::SystemError,
                address: 0,
                syndrome,
            }),
            _ => None,
        }
    }

    /// What the event depends on that is no part of the state, as the kernel's answer shows it.
    fn inputs(&self, entry: &Entry, event: Event) -> Inputs {
        let mut inputs = Inputs {
            now: entry.now,
            ..Inputs::default()
        };
        let Some(thread) = self.observed.threads.get(&entry.registers.thread) else {
            return inputs;
        };
        let after = &thread.registers;
        inputs.word = after.x[1];
        if let Event::SystemCall(number) = event
            && let Some(count) = range_count(number)
            && after.pc == entry.registers.counter.wrapping_sub(INSTRUCTION_BYTES)
        {
            let done = |x: &[u64; 31]| x[count] >> DONE_SHIFT;
            inputs.pages = Some(done(&after.x) - done(&entry.registers.x));
        }
        inputs
    }
}

/// One of the ways in which a kernel may take the events of a crossing.
#[derive(Clone, Copy, Debug, Default)]
struct Course {
    /// A bit for each event but the last: whether a way out lies between it and the next.
    ways_out: u32,
    /// Whether the first is a `reclaim` that was stopped.
    is_stopped: bool,
}

/// All of them, the usual one first.
fn courses(gaps: usize, may_stop: bool) -> impl Iterator<Item = Course> {
    let stopped = [false, true].into_iter().take(1 + usize::from(may_stop));
    stopped.flat_map(move |is_stopped| {
        (0..1 << gaps).map(move |ways_out| Course {
            ways_out,
            is_stopped,
        })
    })
}

/// Two states that are equal take the same memory for what is equal, so that it is quickly compared.
fn share(state: &mut State, equal: &State) {
    fn all<T>(mine: &mut BTreeMap<u64, Rc<T>>, theirs: &BTreeMap<u64, Rc<T>>) {
        for (mine, theirs) in mine.values_mut().zip(theirs.values()) {
            if !Rc::ptr_eq(mine, theirs) {
                mine.clone_from(theirs);
            }
        }
    }
    all(&mut state.spaces, &equal.spaces);
    all(&mut state.tables, &equal.tables);
    all(&mut state.threads, &equal.threads);
    all(&mut state.contexts, &equal.contexts);
    all(&mut state.endpoints, &equal.endpoints);
    state.frames.share(&equal.frames);
    state.reserved.clone_from(&equal.reserved);
}

fn is_reclaim(event: Event) -> bool {
    matches!(event, Event::SystemCall(number) if u64::from(number) == SystemCall::Reclaim as u64)
}

/// The register that counts the pages of a call on a range.
fn range_count(number: u16) -> Option<usize> {
    let is = |call: SystemCall| u16::try_from(call as u64) == Ok(number);
    if is(SystemCall::MapRange) {
        Some(4)
    } else if is(SystemCall::ProtectRange) {
        Some(3)
    } else if is(SystemCall::UnmapRange) {
        Some(2)
    } else {
        None
    }
}

fn fault_event(entry: &Entry) -> Event {
    let syndrome = entry.syndrome;
    let fault = decode_fault(syndrome, entry.address);
    if fault.cause == FaultCause::SingleStep {
        Event::StepDone { syndrome }
    } else {
        Event::Fault {
            cause: fault.cause,
            address: fault.address,
            syndrome,
        }
    }
}

/// All that the kernel's words say. Frames of the kernel's own count where a region could give them out.
fn whole<M: Memory>(memory: M, frames: &[Frame]) -> State {
    let mut state = Projection { memory }.whole(frames.iter().copied());
    let regions = &state.regions;
    Rc::make_mut(&mut state.reserved).retain(|frame| {
        let mut all = regions.values();
        all.any(|it| (it.first..it.end).contains(frame))
    });
    state
}

/// The lines in which the two differ, of one object and of what is no object.
fn explain(expected: &State, observed: &State, number: Option<u64>) -> String {
    let (left, right) = (lines(expected, number), lines(observed, number));
    let mut text = String::new();
    add_numbers(&mut text, "threads", &expected.threads, &observed.threads);
    add_numbers(
        &mut text,
        "contexts",
        &expected.contexts,
        &observed.contexts,
    );
    add_numbers(
        &mut text,
        "endpoints",
        &expected.endpoints,
        &observed.endpoints,
    );
    add_numbers(&mut text, "gates", &expected.gates, &observed.gates);
    let frames = expected.frames.keys().chain(observed.frames.keys());
    let frames: BTreeSet<&u64> = frames.collect();
    for frame in frames {
        if expected.frames.get(frame) != observed.frames.get(frame) {
            text += &format!("\r\n  frames {frame:#x} differ");
        }
    }
    add_numbers(&mut text, "spaces", &expected.spaces, &observed.spaces);
    add_numbers(&mut text, "tables", &expected.tables, &observed.tables);
    for (index, line) in left.iter().enumerate() {
        if right.get(index) != Some(line) {
            text += &format!("\r\n  expected {line}");
        }
    }
    for (index, line) in right.iter().enumerate() {
        if left.get(index) != Some(line) {
            text += &format!("\r\n  observed {line}");
        }
    }
    text
}

/// The numbers of the objects of a map in which the two differ.
fn add_numbers<T: PartialEq>(
    text: &mut String,
    name: &str,
    expected: &BTreeMap<u64, T>,
    observed: &BTreeMap<u64, T>,
) {
    let numbers: BTreeSet<&u64> = expected.keys().chain(observed.keys()).collect();
    for number in numbers {
        if expected.get(number) != observed.get(number) {
            *text += &format!("\r\n  {name} {number:#x} differ");
        }
    }
}

fn lines(state: &State, number: Option<u64>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(at) = number {
        for text in [
            format!("{:#x?}", state.threads.get(&at)),
            format!("{:#x?}", state.contexts.get(&at)),
            format!("{:#x?}", state.endpoints.get(&at)),
            format!("{:#x?}", state.gates.get(&at)),
            format!("{:#x?}", state.notifications.get(&at)),
            format!("{:#x?}", state.replies.get(&at)),
            format!("{:#x?}", state.irqs.get(&at)),
            format!("{:#x?}", state.frames.get(&at)),
            format!("{:#x?}", state.spaces.get(&at)),
            format!("{:#x?}", state.tables.get(&at)),
            format!("{:#x?}", state.regions.get(&at)),
            format!("{:#x?}", state.allowances.get(&at)),
        ] {
            lines.extend(text.lines().map(String::from));
        }
    }
    lines.push(format!("running {:x?}", state.running));
    lines.push(format!("ready {:x?}", state.ready));
    lines.push(format!("woken {:x?}", state.woken));
    lines.push(format!("slice {:x?}", state.slice));
    lines.push(format!("billed {:x?}", state.billed));
    lines.push(format!(
        "next_id {:x} unhelped {}",
        state.next_id, state.unhelped
    ));
    lines
}
