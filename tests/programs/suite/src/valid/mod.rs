//! One valid invocation of each system call that names something, and what in it can be mistaken.

use alloc::vec::Vec;

use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Kind, Rights};
use test_kit::{Failure, Message, Step, World};

mod authority;
mod creation;
mod message;
mod thread;
mod time;

/// A step that the kernel does not refuse.
pub(crate) struct Valid {
    /// The step.
    pub(crate) step: Step,
    /// What can be wrong in it.
    pub(crate) parts: Vec<Part>,
    /// Whether it is done at the end, when all mistakes were refused.
    pub(crate) is_done: bool,
}

/// A register of an invocation that names something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A handle of a kind, with rights.
    Handle(usize, Kind, Rights),
    /// A handle of any kind, with rights.
    AnyHandle(usize, Rights),
    /// A place in a table with a right, which must be empty.
    EmptyPlace(usize),
    /// A place in a table with a right, whatever it holds.
    Place(usize, Rights),
    /// A place for an object of so many units.
    Object(usize, u64),
    /// The number of a free frame of the region.
    Frame(usize),
}

/// Makes what a valid invocation needs.
type Maker = fn(&mut World) -> Result<Valid, Failure>;

/// The makers of one topic.
type Makers = &'static [(SystemCall, Maker)];

/// Makes what a valid invocation of `call` needs; `None` for calls that name nothing.
///
/// # Errors
///
/// What the kernel refused.
pub(crate) fn valid(world: &mut World, call: SystemCall) -> Result<Option<Valid>, Failure> {
    let topics = [
        message::MAKERS,
        authority::MAKERS,
        creation::MAKERS,
        thread::MAKERS,
        time::MAKERS,
    ];
    let mut makers = topics.into_iter().flatten();
    match makers.find(|(made, _)| *made == call) {
        Some((_, make)) => make(world).map(Some),
        None => Ok(None),
    }
}

/// A function call and its parts.
fn function<const PARTS: usize>(
    world: &mut World,
    call: SystemCall,
    arguments: &[u64],
    parts: [Part; PARTS],
) -> Valid {
    let seed = world.new_seed();
    Valid {
        step: Step::function(call, arguments, seed),
        parts: parts.into(),
        is_done: true,
    }
}

/// A message call and the one part that it has.
fn message(world: &mut World, call: SystemCall, handle: u64, kind: Kind, rights: Rights) -> Valid {
    let seed = world.new_seed();
    let step = Step::message(call, &Message::to(handle, 3), seed);
    let part = Part::Handle(17, kind, rights);
    Valid {
        step,
        parts: Vec::from([part]),
        is_done: true,
    }
}
