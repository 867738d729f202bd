//! The loops of a control flow graph, by dominators.

use std::collections::BTreeSet;

/// A graph as the numbers of each node's successors.
pub(crate) type Successors<'a> = &'a [Vec<usize>];

/// A natural loop: what its header dominates and gets back to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loop {
    /// Where it is entered.
    pub header: usize,
    /// Its nodes, with those of the loops inside.
    pub body: BTreeSet<usize>,
    /// Nodes from which an edge goes back to the header.
    pub latches: BTreeSet<usize>,
}

/// What is known about the shape of a graph.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// The nodes that can be reached, each after all from which an edge leads to it, edges back left
    /// out.
    pub order: Vec<usize>,
    /// Its loops, inner ones first.
    pub loops: Vec<Loop>,
    dominators: Vec<Option<usize>>,
    places: Vec<usize>,
    root: usize,
}

/// A cycle that is entered in more than one place; a node of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Irreducible(pub usize);

impl Shape {
    /// Finds the loops. Control starts in any of `roots`.
    pub(crate) fn of(successors: Successors<'_>, roots: &[usize]) -> Result<Self, Irreducible> {
        let root = successors.len();
        let mut edges = successors.to_vec();
        edges.push(roots.to_vec());
        let order = reverse_postorder(&edges, root);
        let mut places = vec![usize::MAX; edges.len()];
        for (place, node) in order.iter().enumerate() {
            places[*node] = place;
        }
        let mut shape = Self {
            dominators: dominators(&edges, &order, &places, root),
            loops: Vec::new(),
            order,
            places,
            root,
        };
        shape.find_loops(&edges)?;
        shape.order.retain(|node| *node != root);
        Ok(shape)
    }

    /// Whether every way to `node` goes through `other`.
    pub(crate) fn is_dominated(&self, node: usize, other: usize) -> bool {
        let mut at = node;
        loop {
            if at == other {
                return true;
            }
            if at == self.root {
                return false;
            }
            match self.dominators[at] {
                Some(next) => at = next,
                None => return false,
            }
        }
    }

    fn find_loops(&mut self, edges: &[Vec<usize>]) -> Result<(), Irreducible> {
        let predecessors = predecessors(edges, &self.places);
        for &header in &self.order {
            let before = predecessors[header].iter().copied();
            let latches: BTreeSet<usize> = before
                .filter(|latch| self.is_dominated(*latch, header))
                .collect();
            // An edge back that the header does not dominate enters a cycle elsewhere.
            let stray = predecessors[header].iter().find(|node| {
                self.places[**node] >= self.places[header] && !latches.contains(*node)
            });
            if stray.is_some() {
                return Err(Irreducible(header));
            }
            if !latches.is_empty() {
                let body = body_of(header, &latches, &predecessors);
                self.loops.push(Loop {
                    header,
                    body,
                    latches,
                });
            }
        }
        self.loops.sort_by_key(|it| it.body.len());
        Ok(())
    }
}

fn reverse_postorder(edges: &[Vec<usize>], root: usize) -> Vec<usize> {
    let mut seen = vec![false; edges.len()];
    let mut order = Vec::new();
    let mut stack = vec![(root, 0)];
    seen[root] = true;
    while let Some((node, next)) = stack.pop() {
        let Some(&target) = edges[node].get(next) else {
            order.push(node);
            continue;
        };
        stack.push((node, next + 1));
        if !seen[target] {
            seen[target] = true;
            stack.push((target, 0));
        }
    }
    order.reverse();
    order
}

fn predecessors(edges: &[Vec<usize>], places: &[usize]) -> Vec<Vec<usize>> {
    let mut predecessors = vec![Vec::new(); edges.len()];
    for (node, targets) in edges.iter().enumerate() {
        for &target in targets.iter().filter(|_| places[node] != usize::MAX) {
            predecessors[target].push(node);
        }
    }
    predecessors
}

/// Cooper, Harvey and Kennedy, "A simple, fast dominance algorithm".
fn dominators(
    edges: &[Vec<usize>],
    order: &[usize],
    places: &[usize],
    root: usize,
) -> Vec<Option<usize>> {
    let predecessors = predecessors(edges, places);
    let mut dominators: Vec<Option<usize>> = vec![None; edges.len()];
    dominators[root] = Some(root);
    let mut has_changed = true;
    while has_changed {
        has_changed = false;
        for &node in order.iter().filter(|node| **node != root) {
            let known = predecessors[node].iter().copied();
            let mut known = known.filter(|it| dominators[*it].is_some());
            let Some(first) = known.next() else { continue };
            let common = known.fold(first, |one, other| meet(one, other, &dominators, places));
            if dominators[node] != Some(common) {
                dominators[node] = Some(common);
                has_changed = true;
            }
        }
    }
    dominators
}

fn meet(one: usize, other: usize, dominators: &[Option<usize>], places: &[usize]) -> usize {
    let (mut one, mut other) = (one, other);
    while one != other {
        let later = if places[one] > places[other] {
            &mut one
        } else {
            &mut other
        };
        *later = dominators[*later].unwrap_or(*later);
    }
    one
}

fn body_of(
    header: usize,
    latches: &BTreeSet<usize>,
    predecessors: &[Vec<usize>],
) -> BTreeSet<usize> {
    let mut body = BTreeSet::from([header]);
    let mut pending: Vec<usize> = latches.iter().copied().collect();
    while let Some(node) = pending.pop() {
        if body.insert(node) {
            pending.extend(predecessors[node].iter().copied());
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_are_found_from_the_inside() {
        // 0 → 1 ⇄ 2 inside 1 … 3 → 1, then 4.
        let edges = vec![vec![1], vec![2], vec![2, 3], vec![1, 4], vec![]];
        let shape = Shape::of(&edges, &[0]).expect("reducible");
        let headers: Vec<usize> = shape.loops.iter().map(|it| it.header).collect();
        assert_eq!(headers, [2, 1]);
        assert_eq!(shape.loops[1].body, BTreeSet::from([1, 2, 3]));
        assert!(shape.is_dominated(4, 1) && !shape.is_dominated(1, 2));
    }

    #[test]
    fn cycle_with_two_ways_in_is_refused() {
        let edges = vec![vec![1, 2], vec![2], vec![1]];
        assert!(Shape::of(&edges, &[0]).is_err());
    }

    #[test]
    fn second_root_is_a_way_in() {
        let edges = vec![vec![1], vec![2], vec![1]];
        assert!(Shape::of(&edges, &[0]).is_ok());
        assert!(Shape::of(&edges, &[0, 2]).is_err());
    }
}
