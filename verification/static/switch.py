"""All mutants in one program: a copy of the core in which each is chosen by its number while it runs.

A mutant is a piece of text instead of another. Here, the expression around it stands in the source twice,
`(if which_mutant::is(7) { a - b } else { a + b })`; a function whose body is replaced returns at its beginning;
an arm that is deleted has a guard. What is computed when the source is compiled cannot be chosen later:
such a mutant stays *apart*, and `cargo-mutants` makes it, a program for each.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

# What evaluates its parts when it is compiled.
CONSTANT = {"array_type", "const_block", "const_item", "enum_variant", "static_item", "type_arguments"}
OPERATION = {"binary_expression", "compound_assignment_expr", "unary_expression"}

MODULE = """\
//! Which mutant runs.

extern crate std;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static CHOSEN: AtomicU64 = AtomicU64::new(u64::MAX);
/// How often may be asked until somebody looks at that.
static LEFT: AtomicU64 = AtomicU64::new(0);

/// Whether `number` is the mutant that runs.
#[inline]
pub(crate) fn is(number: u64) -> bool {
    let left = LEFT.load(Relaxed);
    LEFT.store(left.wrapping_sub(1), Relaxed);
    if left == 0 {
        look();
    }
    CHOSEN.load(Relaxed) == number
}

/// What `PECAN_STEPS` and `PECAN_MUTANT` say, when it is asked for the first time; the second time, the
/// program hangs, and ends.
#[cold]
#[inline(never)]
fn look() {
    static IS_READ: AtomicU64 = AtomicU64::new(0);
    let number = |name| std::env::var(name).map_or(u64::MAX, |it| it.parse().expect("a number"));
    if IS_READ.swap(1, Relaxed) != 0 {
        std::process::exit(HANGS);
    }
    LEFT.store(number("PECAN_STEPS"), Relaxed);
    CHOSEN.store(number("PECAN_MUTANT"), Relaxed);
}

/// How the tests of a mutant end that takes too many steps.
const HANGS: i32 = 99;

/// The last of all tests, by its name: how many steps they took.
#[test]
fn steps_are_told() {
    std::println!("steps: {}", u64::MAX - LEFT.load(Relaxed));
}
"""
HANGS = 99


@dataclass(frozen=True)
class Change:
    """What `cargo-mutants` would replace by what."""

    number: int
    genre: str
    start: int
    end: int
    replacement: str


@dataclass
class Plan:
    """What is written into a file: choices instead of expressions, and text between others."""

    choices: dict[tuple[int, int], list[tuple[int, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    inserted: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    apart: set[int] = field(default_factory=set)


def rewrite(parser: Parser, source: bytes, changes: Sequence[Change]) -> tuple[bytes, set[int]]:
    """The file with all of its mutants but those that stay apart, which are answered too."""
    tree = parser.parse(source)
    plan = Plan()
    for change in changes:
        place = tree.root_node.descendant_for_byte_range(change.start, change.end)
        if tree.root_node.has_error or place is None or not _plan(plan, source, place, change):
            plan.apart.add(change.number)
    return b"".join(_render(plan, source, 0, len(source))), plan.apart


def marks(number: int) -> tuple[str, str]:
    """What stands around the text of a mutant."""
    return f"/*{number}<*/", f"/*>{number}*/"


def mutants_at(text: bytes, offset: int) -> list[int]:
    """The mutants in whose text a place of a rewritten file is."""
    open_now: list[int] = []
    for mark in re.finditer(rb"/\*(?:(\d+)<|>(\d+))\*/", text[:offset]):
        if mark[1]:
            open_now.append(int(mark[1]))
        else:
            open_now.remove(int(mark[2]))
    return open_now


def _plan(plan: Plan, source: bytes, place: Node, change: Change) -> bool:
    """Adds one mutant; answers whether it can be chosen while the program runs."""
    before, after = marks(change.number)
    if _is_constant(place):
        return False
    if change.genre == "FnValue":
        # The span is what is within the braces.
        start = source.rindex(b"{", 0, change.start + 1) + 1
        value = f"{before}if crate::which_mutant::is({change.number}) {{ return {change.replacement}; }}{after}"
        plan.inserted[start].append(value)
        return True
    if change.genre == "MatchArm":
        arm = _around(place, {"match_arm"})
        return arm is not None and _plan_arm(plan, arm, change)
    if change.genre == "MatchArmGuard":
        if b"let " in source[change.start : change.end]:
            return False
        plan.choices[change.start, change.end].append((change.number, change.replacement))
        return True
    operation = _around(place, OPERATION)
    operators = [] if operation is None else [it for it in operation.children if not it.is_named]
    if operation is None or all(it.start_byte != change.start for it in operators):
        return False
    text = source[operation.start_byte : change.start].decode() + change.replacement
    text += source[change.end : operation.end_byte].decode()
    plan.choices[operation.start_byte, operation.end_byte].append((change.number, text))
    return True


def _plan_arm(plan: Plan, arm: Node, change: Change) -> bool:
    pattern = arm.child_by_field_name("pattern")
    if pattern is None:
        return False
    guard = pattern.child_by_field_name("condition")
    if guard is None:
        before, after = marks(change.number)
        text = f" {before}if !crate::which_mutant::is({change.number}){after}"
        plan.inserted[pattern.end_byte].append(text)
        return True
    if guard.type in ("let_chain", "let_condition"):
        return False
    plan.choices[guard.start_byte, guard.end_byte].append((change.number, "false"))
    return True


def _around(place: Node, kinds: set[str]) -> Node | None:
    node: Node | None = place
    while node is not None and node.type not in kinds:
        node = node.parent
    return node


def _is_constant(place: Node) -> bool:
    """Whether it is computed when it is compiled, or may be."""
    node: Node | None = place
    while node is not None:
        if node.type in CONSTANT:
            return True
        if node.type == "function_item":
            words = [it for it in node.children if it.type == "function_modifiers"]
            return any(b"const" in (it.text or b"").split() for it in words)
        node = node.parent
    return False


def _render(plan: Plan, source: bytes, start: int, end: int) -> Iterator[bytes]:
    """The text from `start` to `end`, with all that is planned within."""
    inside = [span for span in plan.choices if start <= span[0] and span[1] <= end]
    # The outermost of those that begin here first.
    inside.sort(key=lambda span: (span[0], -span[1]))
    at = start
    for span in inside:
        if span[0] < at:
            continue
        yield from _copy(plan, source, at, span[0])
        yield from _render_choice(plan, source, span)
        at = span[1]
    yield from _copy(plan, source, at, end)


def _render_choice(plan: Plan, source: bytes, span: tuple[int, int]) -> Iterator[bytes]:
    # What is within is planned already, and must not be found again.
    choices = plan.choices.pop(span)
    yield b"("
    for number, text in choices:
        before, after = marks(number)
        yield f"if crate::which_mutant::is({number}) {{ {before}{text}{after} }} else ".encode()
    yield b"{ "
    yield from _render(plan, source, *span)
    yield b" })"


def _copy(plan: Plan, source: bytes, start: int, end: int) -> Iterator[bytes]:
    at = start
    for place in sorted(it for it in plan.inserted if start <= it < end):
        yield source[at:place]
        yield from (text.encode() for text in plan.inserted.pop(place))
        at = place
    yield source[at:end]
