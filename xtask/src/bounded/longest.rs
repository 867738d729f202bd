//! The longest way through a control flow graph, in instructions.
//!
//! A loop is bounded by its marks: each is reached at most so often each time that the loop is
//! entered, so a mark that every round passes bounds the rounds. Marks of a loop inside that the
//! compiler unrolled stand in the body of the outer one too. Nothing tells which is whose, hence:
//! of the marks that every round passes, the largest counts; any other multiplies. Marks of what is
//! *seldom* reached say how many rounds may be as long as the longest; the others avoid it.

use super::loops::{Loop, Shape};
use std::collections::BTreeMap;

/// What a function costs, in instructions; `None` where there is no such way. A *stop* is where a
/// stretch ends before the function does: a preemption point, user code, a panic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Costs {
    /// From its entry to its return.
    pub through: Option<u64>,
    /// From its entry to a stop.
    pub into: Option<u64>,
    /// From a preemption point to its return.
    pub out: Option<u64>,
    /// From a preemption point to a stop.
    pub between: Option<u64>,
}

impl Costs {
    /// The longest stretch that begins at the entry.
    pub(crate) fn entry_stretch(&self) -> u64 {
        self.through.max(self.into).unwrap_or(0)
    }

    /// The longest stretch that begins at a preemption point.
    pub(crate) fn point_stretch(&self) -> u64 {
        self.out.max(self.between).unwrap_or(0)
    }

    /// The worse of two, in each respect.
    pub(crate) fn worse(self, other: Self) -> Self {
        Self {
            through: self.through.max(other.through),
            into: self.into.max(other.into),
            out: self.out.max(other.out),
            between: self.between.max(other.between),
        }
    }
}

/// Instructions that run one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// How many.
    pub cost: u64,
    /// What is called after them.
    pub callee: Option<Costs>,
    /// What may come next.
    pub successors: Vec<usize>,
    /// The bounds of the marks in it.
    pub marks: Vec<u64>,
    /// The marks of what is seldom reached: number and bound.
    pub seldom: Vec<(u64, u64)>,
    /// It begins at a preemption point.
    pub is_preemption_point: bool,
    /// The function returns after it.
    pub returns: bool,
    /// A stretch ends with it.
    pub stops: bool,
    /// For a loop without marks over memory: how far it gets in a round, and the bytes that there are.
    pub sweep: Option<Sweep>,
}

impl Node {
    /// Whether every way through what it calls passes a preemption point.
    fn calls_preemption_point(&self) -> bool {
        let callee = self.callee.unwrap_or_default();
        callee.through.is_none() && callee.out.is_some()
    }
}

/// A function that goes over memory from one end to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sweep {
    /// The bytes that it is for.
    pub length: u64,
    /// How far an instruction of the node gets.
    pub stride: u64,
}

/// Why there is no longest way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unbounded {
    /// No mark bounds the loop of this node.
    NoMark(usize),
    /// Some rounds of the loop of this node pass no mark.
    Bypassed(usize),
    /// A cycle is entered in more than one place.
    Irreducible(usize),
    /// A preemption point inside a function that a loop calls.
    PreemptionInside(usize),
}

/// Loops of single bytes go over the ends of what a loop of words goes over, or over less than
/// two words (`compiler_builtins`, `mem/impls.rs`).
const BYTES_BY_ONE_MAX: u64 = 15;

/// The longest ways of a function that begins with node 0. `is_single` tells of a cycle, from its
/// first node on, whether it cannot be gone round twice without leaving.
pub(crate) fn longest(
    nodes: &[Node],
    is_single: &dyn Fn(&[usize]) -> bool,
) -> Result<Costs, Unbounded> {
    let starts = starts(nodes);
    let mut roots = vec![0];
    roots.extend(starts.keys());
    let edges: Vec<Vec<usize>> = nodes
        .iter()
        .map(|node| {
            let targets = node.successors.iter().copied();
            let targets = targets.filter(|_| !node.calls_preemption_point());
            targets
                .filter(|it| !nodes[*it].is_preemption_point)
                .collect()
        })
        .collect();
    let shape = Shape::of(&edges, &roots).map_err(|error| Unbounded::Irreducible(error.0))?;
    let mut search = Search {
        nodes,
        edges: &edges,
        shape: &shape,
        starts: &starts,
        is_single,
        solved: BTreeMap::new(),
    };
    for it in &shape.loops {
        let solution = search.solve_loop(it)?;
        search.solved.insert(it.header, solution);
    }
    Ok(search.solve_function())
}

/// The nodes that control comes to from a preemption point, with the cost from there.
fn starts(nodes: &[Node]) -> BTreeMap<usize, u64> {
    let mut starts = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        if node.is_preemption_point {
            starts.entry(index).or_insert(0);
        }
        let out = node.callee.and_then(|it| it.out);
        for &target in node
            .successors
            .iter()
            .filter(|_| node.calls_preemption_point())
        {
            let known = starts.entry(target).or_insert(0);
            *known = out.unwrap_or(0).max(*known);
        }
    }
    starts
}

/// What a loop costs from its header.
#[derive(Clone, Debug, Default)]
struct Solution {
    /// To each node outside that an edge leads to.
    exits: BTreeMap<usize, u64>,
    /// To a stop inside a function that it calls.
    into: Option<u64>,
}

struct Search<'a> {
    nodes: &'a [Node],
    edges: &'a [Vec<usize>],
    shape: &'a Shape,
    starts: &'a BTreeMap<usize, u64>,
    is_single: &'a dyn Fn(&[usize]) -> bool,
    /// Loops that are solved, by header.
    solved: BTreeMap<usize, Solution>,
}

fn raise(place: &mut Option<u64>, value: Option<u64>) {
    *place = (*place).max(value);
}

fn plus(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    Some(one?.saturating_add(other?))
}

/// The longest ways inside a loop from its header, the edges back left out.
struct Inside {
    /// To the end of each node and to where it leads.
    ends: Vec<(usize, usize, u64)>,
    /// To stops in functions that are called.
    into: Option<u64>,
}

impl Inside {
    /// The longest way back to the header.
    fn round(&self, of: &Loop) -> u64 {
        let back = self
            .ends
            .iter()
            .filter(|(_, target, _)| *target == of.header);
        back.map(|(_, _, end)| *end).max().unwrap_or(0)
    }
}

impl Search<'_> {
    /// The loop inside whose header is `node`. Its other nodes are never looked at from outside.
    fn inner(&self, node: usize) -> Option<&Solution> {
        self.solved.get(&node)
    }

    /// Whether a stretch can end with the node.
    fn stops(&self, node: usize) -> bool {
        let it = &self.nodes[node];
        it.stops || it.successors.len() > self.edges[node].len()
    }

    fn node_cost(&self, node: usize) -> Option<u64> {
        let node = &self.nodes[node];
        match node.callee {
            None => Some(node.cost),
            Some(callee) => plus(Some(node.cost), callee.through),
        }
    }

    /// Longest ways from the header of a loop through its body, avoiding some nodes.
    fn inside(&self, of: &Loop, avoided: &[usize]) -> Inside {
        let mut before: BTreeMap<usize, u64> = BTreeMap::from([(of.header, 0)]);
        let mut result = Inside {
            ends: Vec::new(),
            into: None,
        };
        let in_body = self.shape.order.iter().filter(|it| of.body.contains(it));
        for &node in in_body {
            let Some(&start) = before.get(&node) else {
                continue;
            };
            if avoided.contains(&node) {
                continue;
            }
            let mut ends = Vec::new();
            if let Some(inner) = self.inner(node) {
                raise(&mut result.into, plus(Some(start), inner.into));
                ends.extend(inner.exits.iter().map(|(target, cost)| (*target, *cost)));
            } else {
                let callee = self.nodes[node].callee.unwrap_or_default();
                let called = start + self.nodes[node].cost;
                raise(&mut result.into, plus(Some(called), callee.into));
                if self.stops(node) {
                    raise(&mut result.into, Some(called));
                }
                let cost = self.node_cost(node).unwrap_or(0);
                ends.extend(self.edges[node].iter().map(|target| (*target, cost)));
            }
            for (target, cost) in ends {
                let end = start.saturating_add(cost);
                result.ends.push((node, target, end));
                if target != of.header && of.body.contains(&target) {
                    let known = before.entry(target).or_default();
                    *known = end.max(*known);
                }
            }
        }
        result
    }

    fn solve_loop(&self, of: &Loop) -> Result<Solution, Unbounded> {
        for &node in &of.body {
            let callee = self.nodes[node].callee.unwrap_or_default();
            if callee.out.is_some() || callee.between.is_some() {
                return Err(Unbounded::PreemptionInside(node));
            }
        }
        let (rounds, last_mark) = self.rounds(of)?;
        let all = self.inside(of, &[]);
        let seldom = self.seldom(of);
        let avoided: Vec<usize> = seldom.iter().map(|(node, _)| *node).collect();
        let marks: BTreeMap<u64, u64> = seldom.iter().map(|(_, mark)| (mark.0, mark.1)).collect();
        let seldom_rounds: u64 = marks.values().sum();
        let (full, usual) = (all.round(of), self.inside(of, &avoided).round(of));
        let complete = |rounds: u64, seldom_rounds: u64| {
            let full_rounds = rounds.min(seldom_rounds);
            let usual_cost = (rounds - full_rounds).saturating_mul(usual);
            usual_cost.saturating_add(full_rounds.saturating_mul(full))
        };
        let mut solution = Solution {
            into: plus(Some(complete(rounds, seldom_rounds)), all.into),
            ..Solution::default()
        };
        // The last time round, a way out that passes the mark leaves one round less to go back, and
        // one that passes what is seldom reached one such round less.
        for (is_marked, is_seldom) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut avoided = if is_seldom {
                Vec::new()
            } else {
                avoided.clone()
            };
            avoided.extend((!is_marked).then_some(last_mark));
            let rounds = rounds - u64::from(is_marked);
            let seldom_rounds = seldom_rounds.saturating_sub(u64::from(is_seldom));
            for (_, target, end) in self.inside(of, &avoided).ends {
                if !of.body.contains(&target) {
                    let cost = complete(rounds, seldom_rounds).saturating_add(end);
                    let known = solution.exits.entry(target).or_default();
                    *known = cost.max(*known);
                }
            }
        }
        Ok(solution)
    }

    /// The nodes of a loop that are seldom reached, each with its mark.
    fn seldom(&self, of: &Loop) -> Vec<(usize, (u64, u64))> {
        let nodes = of.body.iter();
        let marks = nodes.flat_map(|it| self.nodes[*it].seldom.iter().map(|mark| (*it, *mark)));
        marks.collect()
    }

    /// How often the header of a loop comes again, at most plus one, and the last node that every
    /// round passes and that has a mark.
    fn rounds(&self, of: &Loop) -> Result<(u64, usize), Unbounded> {
        let is_inner = |node: &usize| {
            let loops = self.shape.loops.iter().filter(|it| it.header != of.header);
            let mut inner = loops.filter(|it| of.body.contains(&it.header));
            inner.any(|it| it.body.contains(node))
        };
        let own = of.body.iter().copied().filter(|it| !is_inner(it));
        let own: Vec<usize> = own.collect();
        let mut bound = 0;
        let mut factor: u64 = 1;
        let mut last_mark = of.header;
        let mut has_mark = false;
        for &node in self.shape.order.iter().filter(|it| own.contains(it)) {
            for &mark in &self.nodes[node].marks {
                has_mark = true;
                let is_passed = of
                    .latches
                    .iter()
                    .all(|it| self.shape.is_dominated(*it, node));
                if is_passed {
                    bound = mark.max(bound);
                    last_mark = node;
                } else {
                    factor = factor.saturating_mul(mark);
                }
            }
        }
        if has_mark {
            return match bound {
                0 => Err(Unbounded::Bypassed(of.header)),
                bound => Ok((bound.saturating_mul(factor), last_mark)),
            };
        }
        if self.cycle(of).is_some_and(|it| (self.is_single)(&it)) {
            return Ok((2, of.header));
        }
        let sweeps: Vec<Sweep> = own.iter().filter_map(|it| self.nodes[*it].sweep).collect();
        let stride = sweeps.iter().map(|it| it.stride).max().unwrap_or(0);
        let length = sweeps.iter().map(|it| it.length).max();
        let length = length.ok_or(Unbounded::NoMark(of.header))?;
        let rounds = match stride {
            0 => length,
            1 => length.min(BYTES_BY_ONE_MAX),
            stride => length / stride,
        };
        Ok((rounds + 1, of.header))
    }

    /// The nodes of a loop in their order, if it has one way round only.
    fn cycle(&self, of: &Loop) -> Option<Vec<usize>> {
        let mut cycle = vec![of.header];
        while let Some(&node) = cycle.last() {
            let mut inside = self.edges[node].iter().filter(|it| of.body.contains(it));
            let next = *inside.next()?;
            if inside.next().is_some() {
                return None;
            }
            if next == of.header {
                break;
            }
            cycle.push(next);
        }
        Some(cycle)
    }

    fn solve_function(&self) -> Costs {
        let mut costs = Costs::default();
        let mut before: BTreeMap<usize, (Option<u64>, Option<u64>)> = BTreeMap::new();
        before.insert(0, (Some(0), None));
        for &node in &self.shape.order {
            let (mut entry, mut point) = before.get(&node).copied().unwrap_or_default();
            raise(&mut point, self.starts.get(&node).copied());
            let mut ends = Vec::new();
            if let Some(inner) = self.inner(node) {
                raise(&mut costs.into, plus(entry, inner.into));
                raise(&mut costs.between, plus(point, inner.into));
                for (target, cost) in &inner.exits {
                    let cost = Some(*cost);
                    ends.push((*target, plus(entry, cost), plus(point, cost)));
                }
            } else {
                let it = &self.nodes[node];
                entry = plus(entry, Some(it.cost));
                point = plus(point, Some(it.cost));
                if let Some(callee) = it.callee {
                    raise(&mut costs.into, plus(entry, callee.into));
                    raise(&mut costs.between, plus(point, callee.into));
                    raise(&mut costs.between, callee.between);
                    entry = plus(entry, callee.through);
                    point = plus(point, callee.through).max(callee.out);
                }
                if self.stops(node) {
                    raise(&mut costs.into, entry);
                    raise(&mut costs.between, point);
                }
                if it.returns {
                    raise(&mut costs.through, entry);
                    raise(&mut costs.out, point);
                }
                ends.extend(
                    self.edges[node]
                        .iter()
                        .map(|target| (*target, entry, point)),
                );
            }
            for (target, entry, point) in ends {
                let known = before.entry(target).or_default();
                raise(&mut known.0, entry);
                raise(&mut known.1, point);
            }
        }
        costs
    }
}
