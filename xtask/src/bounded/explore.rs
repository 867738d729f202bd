//! The instructions of one function that can be reached, and where control goes from each.

use super::constant::{Known, State};
use super::decode::{Flow, flow};
use super::kernel::{Kernel, Symbol};
use std::collections::{BTreeMap, BTreeSet};

/// Where control goes from an instruction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// Inside the function.
    pub targets: Vec<u64>,
    /// To a function first; with what is known of its arguments.
    pub callee: Option<(u64, Known)>,
    /// The function returns, by itself or with what it calls last.
    pub returns: bool,
    /// Nothing comes after.
    pub stops: bool,
}

/// Why code cannot be analysed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Obscure {
    /// Where.
    pub address: u64,
    /// What is wrong there.
    pub reason: String,
}

/// What the exploration asks about a function that is called.
pub(crate) trait Callees {
    /// Whether it can return.
    fn can_return(&mut self, from: u64, target: u64, known: &Known) -> Result<bool, Obscure>;
}

/// The reachable instructions of a function, by address.
pub(crate) type Steps = BTreeMap<u64, Step>;

/// Explores the function that begins at `entry`, in a known state. Branches that what is known
/// decides go one way only.
pub(crate) fn explore(
    kernel: &Kernel,
    entry: u64,
    state: State,
    callees: &mut dyn Callees,
) -> Result<Steps, Obscure> {
    let explorer = Explorer {
        kernel,
        entry,
        function: kernel.functions.get(&entry),
    };
    let mut steps = Steps::new();
    let mut states = BTreeMap::from([(entry, state)]);
    let mut pending = vec![entry];
    while let Some(address) = pending.pop() {
        let mut state = states.get(&address).cloned().unwrap_or_default();
        let mut step = explorer.step(address, &state)?;
        if let Some((target, known)) = &step.callee {
            if !callees.can_return(address, *target, known)? {
                step.targets.clear();
                step.returns = false;
            }
            state = state.after_call();
        } else {
            let word = kernel.instruction(address).unwrap_or_default();
            if flow(word, address) == Flow::Next {
                state.perform(word, address, kernel);
            }
        }
        for &target in &step.targets {
            let known = states.get(&target);
            let both = known.map_or_else(|| state.clone(), |it| it.meet(&state));
            if known != Some(&both) {
                states.insert(target, both);
                pending.push(target);
            }
        }
        steps.insert(address, step);
    }
    Ok(steps)
}

struct Explorer<'a> {
    kernel: &'a Kernel,
    entry: u64,
    function: Option<&'a Symbol>,
}

impl Explorer<'_> {
    fn obscure(&self, address: u64, reason: impl Into<String>) -> Obscure {
        Obscure {
            address,
            reason: reason.into(),
        }
    }

    fn step(&self, address: u64, state: &State) -> Result<Step, Obscure> {
        let word = self.kernel.instruction(address);
        let word = word.ok_or_else(|| self.obscure(address, "there is no code"))?;
        let call = |target| Step {
            targets: vec![address + 4],
            callee: Some((target, state.arguments())),
            ..Step::default()
        };
        match flow(word, address) {
            Flow::Next => self.go(address, &[address + 4], state),
            Flow::Jump(target) => self.go(address, &[target], state),
            Flow::Branch(target) => match state.is_taken(word) {
                Some(true) => self.go(address, &[target], state),
                Some(false) => self.go(address, &[address + 4], state),
                None => self.go(address, &[address + 4, target], state),
            },
            Flow::Call(target) => Ok(call(target)),
            Flow::IndirectCall(register) => state
                .get(register)
                .map(call)
                .ok_or_else(|| self.obscure(address, "a call of an unknown function")),
            Flow::IndirectJump(register) => match state.get(register) {
                Some(target) => self.go(address, &[target], state),
                None => self.go(address, &self.table(address, register)?, state),
            },
            Flow::Return => Ok(Step {
                returns: true,
                ..Step::default()
            }),
            Flow::Leave | Flow::Trap => Ok(Step {
                stops: true,
                ..Step::default()
            }),
            Flow::Unknown => Err(self.obscure(address, format!("unknown code {word:08x}"))),
        }
    }

    /// A step inside the function, or the last one of a function that another one continues.
    fn go(&self, address: u64, targets: &[u64], state: &State) -> Result<Step, Obscure> {
        let mut step = Step::default();
        for &target in targets {
            let is_inside = self
                .function
                .is_none_or(|it| target.wrapping_sub(it.address) < it.size);
            if self.kernel.is_another_function(self.entry, target) {
                if step.callee.is_some() || targets.len() > 1 {
                    return Err(self.obscure(address, "a conditional jump to a function"));
                }
                step.callee = Some((target, state.arguments()));
                step.returns = true;
            } else if is_inside {
                step.targets.push(target);
            } else {
                return Err(self.obscure(address, "a jump into another function"));
            }
        }
        Ok(step)
    }

    /// The targets of an indirect jump through a table of distances from a fixed place. The table has
    /// no size that is written anywhere: all that follow in the image, to the next place of which the
    /// code makes the address, and that lead into the function are taken: those of the table and
    /// perhaps more.
    fn table(&self, address: u64, register: u8) -> Result<Vec<u64>, Obscure> {
        let fail = || self.obscure(address, "a jump through a register that is no table");
        let function = self.function.ok_or_else(fail)?;
        let table = jump_table(self.kernel, function, address, register).ok_or_else(fail)?;
        let mut targets = BTreeSet::new();
        for index in 0.. {
            let entry = table.address + index * table.entry_bytes;
            if index != 0 && self.kernel.references.contains(&entry) {
                break;
            }
            let size = usize::try_from(table.entry_bytes).unwrap_or_default();
            let Some(distance) = self.kernel.constant(entry, size) else {
                break;
            };
            let target = table.target(distance);
            if target % 4 != 0 || target.wrapping_sub(function.address) >= function.size {
                break;
            }
            targets.insert(target);
        }
        if targets.is_empty() {
            return Err(fail());
        }
        Ok(targets.into_iter().collect())
    }
}

struct Table {
    address: u64,
    entry_bytes: u64,
    base: u64,
    shift: u32,
}

impl Table {
    fn target(&self, distance: u64) -> u64 {
        match self.entry_bytes {
            4 => {
                let sign = 1_u64 << 31;
                let distance = (distance ^ sign).wrapping_sub(sign);
                self.base.wrapping_add(distance << self.shift)
            }
            _ => self.base.wrapping_add(distance << self.shift),
        }
    }
}

/// How far back the parts of a jump through a table may stand, in instructions.
const TABLE_REACH: u64 = 40;

/// Reads `adr base; ldrsw distance, [table, index]; add target, base, distance; br target` backwards.
fn jump_table(kernel: &Kernel, function: &Symbol, at: u64, register: u8) -> Option<Table> {
    use super::decode::{bits, register as field};
    let first = function.address.max(at.saturating_sub(4 * TABLE_REACH));
    let writer = |from: u64, register: u8| {
        let mut place = from;
        while place > first {
            place -= 4;
            let word = kernel.instruction(place)?;
            if flow(word, place) != Flow::Next {
                return None;
            }
            if field(word, 0) == register {
                return Some((place, word));
            }
        }
        None
    };
    let constant = |from: u64, register: u8| {
        // A place that `adr`, or `adrp` and `add`, makes; found from further back than a block.
        let mut place = from;
        while place > first {
            place -= 4;
            let word = kernel.instruction(place)?;
            if field(word, 0) != register {
                continue;
            }
            let mut state = State::default();
            if word & 0x1F00_0000 == 0x1100_0000 {
                let (high, below) = writer(place, field(word, 5))?;
                state.perform(below, high, kernel);
            }
            state.perform(word, place, kernel);
            return state.get(register);
        }
        None
    };
    let (sum_place, sum) = writer(at, register)?;
    let is_sum = sum & 0xFFE0_0000 == 0x8B00_0000;
    let (load_place, load) = writer(sum_place, field(sum, 16))?;
    let is_load = load & 0x3F20_0C00 == 0x3820_0800;
    (is_sum && is_load).then_some(())?;
    Some(Table {
        address: constant(load_place, field(load, 5))?,
        entry_bytes: 1 << bits(load, 30, 2),
        base: constant(sum_place, field(sum, 5))?,
        shift: bits(sum, 10, 6),
    })
}
