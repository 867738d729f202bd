//! The specification beside the kernel: after every transition both must be in the same state.

use std::fmt;

use ipc_abi::call::SystemCall;
use pecan_core::kernel::Kernel;
use pecan_core::object::{Frame, Number, core_state};
use pecan_core::timer::GRANULE_SHIFT;
use pecan_specification::event::{Event, Inputs};
use pecan_specification::follow::Difference;
use pecan_specification::state::{Registers, State};
use pecan_specification::step::Step;

use crate::action::{Action, FLAGS, first_word, is_until};
use crate::arena::{Arena, Place};
use crate::projection::Projection;

/// What the specification makes of the states that an arena is in.
pub struct Twin {
    /// The state before the transition.
    before: State,
}

/// The cause, address and syndrome of faults.
pub const FAULT_ADDRESS: u64 = 0x1238;
/// The syndrome of faults.
pub const FAULT_SYNDROME: u64 = 0x9200_0045;

impl Twin {
    /// Begins with the state that `arena` is in.
    #[must_use]
    pub fn new(arena: &Arena) -> Twin {
        Twin {
            before: whole(arena),
        }
    }

    /// The state that it began with.
    #[must_use]
    pub fn before(&self) -> &State {
        &self.before
    }

    /// Holds what `action` made of `arena`, up to the way out, since `mark` of the log, against what
    /// the specification allows.
    ///
    /// # Errors
    ///
    /// The first difference.
    pub fn judge(&self, arena: &Arena, mark: usize, action: &Action) -> Result<(), Complaint> {
        let event = event_of(action);
        let mut specified = self.before.clone();
        let now = pecan_core::memory::Memory::now(&arena);
        load_registers(&mut specified, action, now);
        let inputs = Inputs {
            now,
            word: self.answered(arena),
            pages: None,
        };
        specified.step(event, &inputs);
        let is_late = event == Event::Timer && has_come(&specified) && !fires_soon(arena, now);
        let observed = self.after(arena, mark);
        match specified.follow(&observed) {
            Ok(0) if is_late => Err("nothing was done of what came due".to_owned().into()),
            Ok(_) => Ok(()),
            Err(difference) => Err(Complaint::Differs(Box::new(Both {
                difference,
                specified,
                observed,
            }))),
        }
    }

    /// The second register of the thread that ran: what it found in memory, or in a register, that is not
    /// part of the state.
    fn answered(&self, arena: &Arena) -> u64 {
        let thread = self.before.running.map_or(0, |running| running.thread);
        let second = pecan_core::object::thread::X.at(1);
        if thread == 0 {
            return 0;
        }
        pecan_core::memory::Fields::get(&arena, Number::from_raw(thread), second)
    }

    /// Goes on with the state that `arena` is in, which was written to since `mark`.
    pub fn advance(&mut self, arena: &Arena, mark: usize) {
        self.before = self.after(arena, mark);
    }

    /// The state that `arena` is in, which was written to since `mark`.
    #[must_use]
    pub fn after(&self, arena: &Arena, mark: usize) -> State {
        let mut touched: Vec<Frame> = Vec::new();
        arena.written(mark, |index| {
            let frame = match arena.place(index) {
                Place::Word { frame, .. } | Place::Entry { frame, .. } | Place::Kind(frame) => {
                    frame
                }
                Place::Now => return,
            };
            if !touched.contains(&frame) {
                touched.push(frame);
            }
        });
        let mut after = self.before.clone();
        Projection { memory: arena }.update(&mut after, &touched, arena.frames());
        after
    }
}

/// Whether a time has come that is looked at now. What is dying may take many ways out until anything shows.
fn has_come(state: &State) -> bool {
    state.steps().iter().any(Step::is_timer)
}

/// Whether the timer is set for what came due in this granule: times are rounded up to granules.
fn fires_soon(arena: &Arena, now: u64) -> bool {
    let core = Kernel { memory: arena }.core();
    let armed = pecan_core::memory::Fields::get(&arena, core, core_state::ARMED);
    armed > now && armed <= now + (2 << GRANULE_SHIFT)
}

/// The state that `arena` is in.
#[must_use]
pub fn whole(arena: &Arena) -> State {
    Projection { memory: arena }.whole(arena.frames())
}

/// What does not hold. It is a text only when somebody reads it: seeded bugs make many that nobody does.
#[derive(Debug)]
pub enum Complaint {
    /// In words.
    Said(String),
    /// The kernel is not in the state that the specification comes to.
    Differs(Box<Both>),
}

/// Both sides of a difference.
#[derive(Debug)]
pub struct Both {
    difference: Difference,
    specified: State,
    observed: State,
}

impl From<String> for Complaint {
    fn from(text: String) -> Complaint {
        Complaint::Said(text)
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Complaint::Said(text) => formatter.write_str(text),
            Complaint::Differs(both) => both.fmt(formatter),
        }
    }
}

impl fmt::Display for Both {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |state: &State| {
            let text = format!("{state:#?}");
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let (left, right) = (of(&self.specified), of(&self.observed));
        write!(formatter, "{:x?}", self.difference)?;
        for line in left.iter().filter(|&line| !right.contains(line)) {
            write!(formatter, "\n  specified {}", line.trim())?;
        }
        for line in right.iter().filter(|&line| !left.contains(line)) {
            write!(formatter, "\n  observed  {}", line.trim())?;
        }
        Ok(())
    }
}

/// What the specification calls an action.
fn event_of(action: &Action) -> Event {
    match *action {
        Action::Message(message) => Event::SystemCall(message.call as u16),
        Action::Function { call, .. } => Event::SystemCall(call as u16),
        Action::Fault(cause) => Event::Fault {
            cause,
            address: FAULT_ADDRESS,
            syndrome: FAULT_SYNDROME,
        },
        Action::StepDone => Event::StepDone {
            syndrome: FAULT_SYNDROME,
        },
        Action::Interrupt(line) => Event::Interrupt(line),
        Action::Timer => Event::Timer,
        Action::Pass(_) => Event::Idle,
    }
}

/// User code puts into the registers of the running thread what `action` wants there.
fn load_registers(state: &mut State, action: &Action, now: u64) {
    let Some(running) = state.running else {
        return;
    };
    let Some(thread) = state.threads.get_mut(&running.thread) else {
        return;
    };
    let registers = &mut std::rc::Rc::make_mut(thread).registers;
    let mark = |registers: &mut Registers, count: u64| {
        let first = first_word(running.thread);
        for (word, index) in registers.x.iter_mut().zip(0..count) {
            *word = first + index;
        }
        registers.program_state = FLAGS;
    };
    match *action {
        Action::Message(message) => {
            mark(registers, 16);
            registers.program_state = 0;
            if message.tag.capabilities() != 0 {
                registers.x[12..16].copy_from_slice(&message.capabilities);
            }
            registers.x[16] = message.tag.into_raw();
            registers.x[17] = message.handle;
            registers.x[18] = message.window.into_raw();
            if is_until(message.call) {
                registers.x[20] = now + message.patience;
            }
        }
        Action::Function { call, arguments } => {
            mark(registers, 19);
            registers.x[..5].copy_from_slice(&arguments);
            if call == SystemCall::Wait {
                registers.x[17] = arguments[0];
            }
            if call == SystemCall::Sleep {
                registers.x[0] = now + arguments[0];
            }
        }
        Action::Fault(_) | Action::StepDone | Action::Interrupt(_) | Action::Timer => {
            mark(registers, 19);
        }
        Action::Pass(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::START;
    use crate::configuration;
    use crate::explore::start;
    use crate::transition::run;

    #[test]
    fn kernel_that_lets_a_time_pass_and_does_nothing_is_complained_about() {
        let all = configuration::ALL;
        let deadlines = all.iter().find(|it| it.name == "deadlines");
        let scene = start(deadlines.expect("it is there"));
        let arena = &scene.host.arena;
        let sleeps = scene.actions.iter().find(|action| {
            matches!(action, Action::Function { call: SystemCall::Sleep, arguments } if arguments[0] > 0)
        });
        let sleep = sleeps.expect("somebody sleeps");
        while !scene.host.kernel().current().is_none() {
            assert!(run(&scene, &Twin::new(arena), sleep).is_ok());
        }
        let asleep = Twin::new(arena);
        let mark = arena.mark();
        arena.set_now(START + 200);
        let complaint = asleep.judge(arena, mark, &Action::Timer).err();
        let text = complaint.expect("it is due").to_string();
        assert_eq!(text, "nothing was done of what came due");
    }
}
