//! What a function costs: its own instructions along the longest way, with all that it calls.

use super::constant::{Known, State};
use super::decode::{Stack, stack, stride};
use super::explore::{Callees, Obscure, Step, Steps, explore};
use super::facts::Facts;
use super::kernel::{Kernel, Mark};
use super::longest::{Costs, Node, Sweep, Unbounded, longest};
use std::collections::{BTreeMap, BTreeSet};

/// What functions of the language's own support library are for: the bytes of memory in `x2`.
const SWEEPING: [&str; 5] = ["memcpy", "memmove", "memset", "memcmp", "bcmp"];
/// The library that they are in.
const SUPPORT: &str = "compiler_builtins::";
/// The register with the number of bytes.
const LENGTH: u8 = 2;
/// Where a Rust program goes when a check of the language fails.
pub(crate) const PANICS: [&str; 5] = [
    "core::panicking::",
    "unwrap_failed",
    "expect_failed",
    "slice_index",
    "rust_begin_unwind",
];

/// What is known of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Its instructions.
    pub costs: Costs,
    /// The most bytes of stack that it and what it calls use.
    pub stack_bytes: u64,
    /// The panics that can be reached from it, each with the calls on the way.
    pub panics: BTreeMap<String, Vec<String>>,
    /// The functions with a trap that it can reach by what is known here. The compiler puts one where
    /// it has proved that nothing gets.
    pub traps: BTreeSet<String>,
}

impl Summary {
    /// The worse of two, in each respect.
    pub(crate) fn worse(mut self, other: Self) -> Self {
        self.costs = self.costs.worse(other.costs);
        self.stack_bytes = self.stack_bytes.max(other.stack_bytes);
        self.panics.extend(other.panics);
        self.traps.extend(other.traps);
        self
    }
}

/// The analysis of one kernel. Functions are analysed once.
pub(crate) struct Analysis<'a> {
    kernel: &'a Kernel,
    summaries: BTreeMap<(u64, Known), Summary>,
    active: Vec<u64>,
    reached: BTreeSet<u64>,
}

impl Callees for Analysis<'_> {
    fn can_return(&mut self, from: u64, target: u64, known: &Known) -> Result<bool, Obscure> {
        if self.is_sweeping(target) {
            return Ok(true);
        }
        let summary = self.call(from, target, known)?;
        Ok(summary.costs.through.is_some() || summary.costs.out.is_some())
    }
}

impl<'a> Analysis<'a> {
    /// Nothing is analysed yet.
    pub(crate) fn new(kernel: &'a Kernel) -> Self {
        Self {
            kernel,
            summaries: BTreeMap::new(),
            active: Vec::new(),
            reached: BTreeSet::new(),
        }
    }

    /// The instructions that can be reached in all that was analysed.
    pub(crate) fn into_reached(self) -> BTreeSet<u64> {
        self.reached
    }

    fn is_sweeping(&self, address: u64) -> bool {
        let name = self.kernel.name(address);
        SWEEPING.contains(&name.as_str()) || name.starts_with(SUPPORT)
    }

    /// The summary of a function that an instruction at `from` calls.
    fn call(&mut self, from: u64, target: u64, known: &Known) -> Result<Summary, Obscure> {
        let name = self.kernel.name(target);
        if PANICS.iter().any(|it| name.contains(it)) {
            return Ok(Summary {
                costs: Costs {
                    into: Some(0),
                    ..Costs::default()
                },
                panics: BTreeMap::from([(name, Vec::new())]),
                ..Summary::default()
            });
        }
        if self.active.contains(&target) {
            let chain = self.active.iter().skip_while(|it| **it != target);
            let chain: Vec<String> = chain.map(|it| self.kernel.name(*it)).collect();
            return Err(Obscure {
                address: from,
                reason: format!("recursion: {} calls itself", chain.join(" calls ")),
            });
        }
        self.summarize(target, State::with(known), known.clone())
    }

    /// Analyses the function, or the assembly, that begins at `entry`.
    pub(crate) fn summarize(
        &mut self,
        entry: u64,
        state: State,
        known: Known,
    ) -> Result<Summary, Obscure> {
        // A state that is more than its registers is of the entries, each of which is asked once.
        let key = (entry, known);
        let is_plain = state.syndrome.is_none();
        if let Some(summary) = self.summaries.get(&key).filter(|_| is_plain) {
            return Ok(summary.clone());
        }
        self.active.push(entry);
        let summary = self.analyse(entry, state, &key.1);
        self.active.pop();
        let summary = summary?;
        if is_plain {
            self.summaries.insert(key, summary.clone());
        }
        Ok(summary)
    }

    fn analyse(&mut self, entry: u64, state: State, known: &Known) -> Result<Summary, Obscure> {
        let kernel = self.kernel;
        let steps = explore(kernel, entry, state, self)?;
        self.reached.extend(steps.keys());
        let blocks = Blocks::of(kernel, entry, &steps);
        let depths = depths(kernel, entry, &steps)?;
        let length = self.is_sweeping(entry).then(|| known.get(&LENGTH).copied());
        let mut summary = Summary::default();
        let mut nodes = Vec::new();
        for block in &blocks.all {
            let mut node = blocks.node(kernel, block, &steps, length.flatten());
            let end = block.last();
            let own = block.addresses.iter().filter_map(|it| depths.get(it));
            let own = own.copied().max().unwrap_or(0);
            summary.stack_bytes = summary.stack_bytes.max(own);
            let step = steps.get(&end).cloned().unwrap_or_default();
            if let Some((target, arguments)) = &step.callee {
                let mut arguments = arguments.clone();
                if self.is_sweeping(*target) {
                    let length = match length.flatten() {
                        Some(length) => Some(length),
                        None => arguments.get(&LENGTH).copied(),
                    };
                    let length = length.ok_or_else(|| Obscure {
                        address: end,
                        reason: format!("{} of unknown length", kernel.name(*target)),
                    })?;
                    arguments = Known::from([(LENGTH, length)]);
                }
                let callee = self.call(end, *target, &arguments)?;
                node.callee = Some(callee.costs);
                let depth = depths.get(&end).copied().unwrap_or(0);
                let depth = depth.saturating_add(callee.stack_bytes);
                summary.stack_bytes = summary.stack_bytes.max(depth);
                summary.traps.extend(callee.traps);
                for (panic, chain) in callee.panics {
                    let way = std::iter::once(kernel.name(*target)).chain(chain);
                    summary.panics.entry(panic).or_insert_with(|| way.collect());
                }
            }
            if step.stops && kernel.instruction(end) != Some(LEAVE) {
                summary.traps.insert(kernel.name(end));
            }
            nodes.push(node);
        }
        summary.costs = longest(&nodes, &|cycle| blocks.is_single(kernel, cycle))
            .map_err(|error| blocks.explain(error))?;
        Ok(summary)
    }
}

/// `eret`.
const LEAVE: u32 = 0xD69F_03E0;

#[derive(Clone, Debug)]
struct Block {
    addresses: Vec<u64>,
}

impl Block {
    fn last(&self) -> u64 {
        self.addresses.last().copied().unwrap_or_default()
    }
}

/// Instructions that run one after the other, grouped; the first group is the function's first.
struct Blocks {
    all: Vec<Block>,
    numbers: BTreeMap<u64, usize>,
}

impl Blocks {
    fn of(kernel: &Kernel, entry: u64, steps: &Steps) -> Self {
        let mut leaders = BTreeSet::from([entry]);
        let mut reached = BTreeMap::new();
        for step in steps.values() {
            for &target in &step.targets {
                *reached.entry(target).or_insert(0) += 1;
                if step.targets.len() > 1 || step.callee.is_some() {
                    leaders.insert(target);
                }
            }
        }
        leaders.extend(
            reached
                .iter()
                .filter(|(_, count)| **count > 1)
                .map(|it| *it.0),
        );
        leaders.extend(kernel.marks.keys().filter(|it| steps.contains_key(it)));
        let mut all = Vec::new();
        let mut numbers = BTreeMap::new();
        let others = leaders.iter().copied().filter(|it| *it != entry);
        for leader in std::iter::once(entry).chain(others) {
            numbers.insert(leader, all.len());
            let mut addresses = vec![leader];
            let mut at = leader;
            while let Some([next]) = steps.get(&at).map(|it| it.targets.as_slice()) {
                if leaders.contains(next) {
                    break;
                }
                at = *next;
                addresses.push(at);
            }
            all.push(Block { addresses });
        }
        Self { all, numbers }
    }

    fn node(&self, kernel: &Kernel, block: &Block, steps: &Steps, length: Option<u64>) -> Node {
        let leader = block.addresses.first().copied().unwrap_or_default();
        let marks = kernel.marks.get(&leader).map_or(&[][..], Vec::as_slice);
        let step = steps.get(&block.last()).cloned().unwrap_or_default();
        let strides = block
            .addresses
            .iter()
            .filter_map(|it| kernel.instruction(*it));
        let stride = strides.map(stride).max().unwrap_or(0);
        Node {
            cost: block.addresses.len() as u64,
            callee: None,
            successors: step
                .targets
                .iter()
                .filter_map(|it| self.numbers.get(it).copied())
                .collect(),
            marks: marks
                .iter()
                .filter_map(|mark| match mark {
                    Mark::AtMost(bound) => Some(*bound),
                    Mark::Seldom { .. } | Mark::PreemptionPoint => None,
                })
                .collect(),
            seldom: marks
                .iter()
                .filter_map(|mark| match mark {
                    Mark::Seldom { number, bound } => Some((*number, *bound)),
                    Mark::AtMost(_) | Mark::PreemptionPoint => None,
                })
                .collect(),
            is_preemption_point: marks.contains(&Mark::PreemptionPoint),
            returns: step.returns,
            stops: step.stops,
            sweep: length.map(|length| Sweep { length, stride }),
        }
    }

    /// Whether a cycle leaves on its second round at the latest, because a register that its first
    /// block tests is zero, or not, since the first round.
    fn is_single(&self, kernel: &Kernel, cycle: &[usize]) -> bool {
        let mut facts = Facts::default();
        let next = cycle.iter().skip(1).chain(cycle.first());
        let mut is_second = false;
        for (node, next) in cycle.iter().zip(next).cycle().take(cycle.len() + 1) {
            let (Some(block), Some(next)) = (self.all.get(*node), self.all.get(*next)) else {
                return false;
            };
            let target = next.addresses.first().copied().unwrap_or_default();
            for &address in &block.addresses {
                let Some(word) = kernel.instruction(address) else {
                    return false;
                };
                let is_last = address == block.last();
                let goes_on = (target == address + 4).then_some(false).or(Some(true));
                match facts.test(word).filter(|_| is_last && is_second) {
                    Some(is_taken) => return Some(is_taken) != goes_on,
                    None if is_last => facts.learn(word, goes_on == Some(true)),
                    None => facts.perform(word),
                }
            }
            is_second |= Some(node) == cycle.last();
        }
        false
    }

    fn explain(&self, error: Unbounded) -> Obscure {
        let (node, reason) = match error {
            Unbounded::NoMark(node) => (node, "a loop without a bound"),
            Unbounded::Bypassed(node) => (node, "a loop that can go round without its mark"),
            Unbounded::Irreducible(node) => (node, "a cycle that is entered in two places"),
            Unbounded::PreemptionInside(node) => (node, "a loop calls a preemption point"),
        };
        let block = self.all.get(node);
        Obscure {
            address: block
                .and_then(|it| it.addresses.first().copied())
                .unwrap_or_default(),
            reason: reason.to_owned(),
        }
    }
}

/// How many bytes of stack are in use after each instruction.
fn depths(kernel: &Kernel, entry: u64, steps: &Steps) -> Result<BTreeMap<u64, u64>, Obscure> {
    let is_assembly = !kernel.functions.contains_key(&entry);
    let mut before: BTreeMap<u64, i64> = BTreeMap::from([(entry, 0)]);
    let mut after = BTreeMap::new();
    let mut pending = vec![entry];
    while let Some(address) = pending.pop() {
        if after.contains_key(&address) {
            continue;
        }
        let fail = |reason: &str| Obscure {
            address,
            reason: reason.to_owned(),
        };
        let depth = before.get(&address).copied().unwrap_or(0);
        let depth = match stack(kernel.instruction(address).unwrap_or_default()) {
            Stack::Same => depth,
            Stack::Move(bytes) => depth - bytes,
            Stack::Switch if is_assembly => 0,
            Stack::Switch | Stack::Unknown => return Err(fail("the stack pointer is lost")),
        };
        let bytes = u64::try_from(depth).map_err(|_| fail("the stack is popped too far"))?;
        after.insert(address, bytes);
        let targets = steps.get(&address).map_or(&[][..], |it: &Step| &it.targets);
        for &target in targets {
            if *before.entry(target).or_insert(depth) != depth {
                return Err(fail("the stack has two depths"));
            }
            pending.push(target);
        }
    }
    Ok(after)
}
