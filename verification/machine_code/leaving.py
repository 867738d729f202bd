"""What is known of the memory that a procedure leaves, beside what its callers know anyway.

Fields that it does not write are as before (`Walk.still`). Of frames it may say more: which parts of
those of which kind it changes (`Frames`), or that it has changed nothing if it answers so. Both are
shown of any row, and used of those that a caller names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import z3

from .kernel_state import KernelState
from .layout import Layout
from .logic import conjunction
from .memory import (
    ENTRY_ARRAY,
    FRAME_BITS,
    KINDS_ARRAY,
    NUMBER_BITS,
    RANK_ARRAY,
    UNIT_WORDS,
    Memory,
)
from .state import History

Word = z3.BitVecRef

# What a function answers: two words, or those that it leaves in memory.
Answers = tuple[Word, ...]
# What may change of frames, by their kinds before: which bits of `kind`, and of the words of entries.
Frames = Mapping[str, Mapping[str, int]]
# All bits of such a part.
WHOLE = (1 << 64) - 1

# Any frame and any unit: what is said of what a procedure leaves is shown of these.
ANY_FRAME = z3.BitVec("any_frame_left", FRAME_BITS)
ANY_UNIT = z3.BitVec("any_unit_left", NUMBER_BITS)


class Callee(Protocol):
    """What a walk knows of a procedure: see `procedure`."""

    function: str
    changes: frozenset[str] | None
    frames: Frames | None
    is_idle: Callable[..., z3.BoolRef] | None
    is_done: bool
    is_call: bool
    out_words: int

    def needs(self, state: KernelState, *arguments: Word) -> list[z3.BoolRef]: ...
    def promise(
        self, before: KernelState, after: KernelState, answers: Answers, *arguments: Word
    ) -> list[z3.BoolRef]: ...


def name_of(history: History) -> str:
    """What the symbols begin with that stand for what the last of some procedures leaves."""
    return "after_" + "_".join(history)


def answers_of(history: History, out_words: int) -> Answers:
    """What the last of some procedures answers: in registers, or so many words in memory."""
    names = [f"out{at}" for at in range(out_words)] or ["x0", "x1"]
    return tuple(z3.BitVec(f"{name_of(history)}_{name}", 64) for name in names)


def parts_of_frames(layout: Layout) -> dict[str, int]:
    """The kinds of frames and the fields of their entries, as places are named, and their arrays."""
    fields = layout.objects["Entry"].fields.items()
    return {"kind": KINDS_ARRAY, **{f"entry {name}": ENTRY_ARRAY + at for name, at in fields}}


def left_by(
    history: History, before: Memory, changes: frozenset[str] | None, layout: Layout
) -> Memory:
    """The memory that a procedure leaves: other words, and the kinds and entries that it may write."""
    other = Memory.symbolic(f"{name_of(history)}_")
    if changes is None:
        return other
    parts = parts_of_frames(layout)
    new = {array for name, array in parts.items() if name in changes}
    if not changes <= parts.keys():
        new |= set(range(UNIT_WORDS))
    if "AddressSpace.POOL" in changes:
        new.add(RANK_ARRAY)
    kept = tuple(update for update in before.updates if update.array not in new)
    base = (other.base[at] if at in new else array for at, array in enumerate(before.base))
    return replace(before, base=tuple(base), updates=kept)


def every(*known: Frames) -> Frames:
    """What several procedures, one after the other, may change of frames."""
    kinds = {kind for frames in known for kind in frames}
    found: dict[str, dict[str, int]] = {kind: {} for kind in kinds}
    for frames in known:
        for kind, parts in frames.items():
            for part, bits in parts.items():
                found[kind][part] = found[kind].get(part, 0) | bits
    return found


def repeated(known: Frames) -> Frames:
    """What any number of such procedures, one after the other, may change of frames: once one may be of
    another kind, all that any kind may.
    """
    parts = {part: WHOLE for frames in known.values() for part in frames}
    return {kind: parts if "kind" in frames else frames for kind, frames in known.items()}


def stays(
    before: KernelState, after: KernelState, frames: Frames, frame: Word
) -> list[z3.BoolRef]:
    """A frame and its entry are as they were, but for what may change of those of its kind."""
    kind, kinds = before.memory.kind(frame), before.layout.frame_kinds
    rules = []
    for part, array in parts_of_frames(before.layout).items():
        old, new = (state.memory.row(array, frame) for state in (before, after))
        may_change = z3.BitVecVal(0, old.size())
        for name in sorted(frames):
            bits = z3.BitVecVal(frames[name].get(part, 0), old.size())
            may_change = z3.If(kind == kinds[name], bits, may_change)
        rules.append(z3.simplify((old ^ new) & ~may_change) == 0)
    return rules


def is_same(before: KernelState, after: KernelState) -> z3.BoolRef:
    """Any row is as it was."""
    rows = [
        after.memory.row(array, ANY_UNIT) == before.memory.row(array, ANY_UNIT)
        for array in range(UNIT_WORDS)
    ]
    return conjunction([*rows, *stays(before, after, {}, ANY_FRAME)])


def promised(
    callee: Callee, before: KernelState, after: KernelState, answers: Answers, *arguments: Word
) -> list[z3.BoolRef]:
    """What a procedure is said to leave as it was, of any row."""
    rules = []
    if callee.frames is not None:
        rules += stays(before, after, callee.frames, ANY_FRAME)
    if callee.is_idle is not None:
        is_idle = callee.is_idle(before, answers, *arguments)
        rules.append(z3.Implies(is_idle, is_same(before, after)))
    return rules


@dataclass(frozen=True)
class Left:
    """A procedure on a path: whether it is called, the states before and after, answers, arguments."""

    here: z3.BoolRef
    before: KernelState
    after: KernelState
    procedure: Callee
    answers: Answers
    arguments: tuple[Word, ...]

    @property
    def idle(self) -> list[z3.BoolRef] | None:
        """When it has changed nothing, if that may be."""
        is_idle = self.procedure.is_idle
        return None if is_idle is None else [is_idle(self.before, self.answers, *self.arguments)]

    def keeps(self, name: str) -> list[z3.BoolRef] | None:
        """When the fields of a name are as before; `None`: nobody knows."""
        changes = self.procedure.changes
        return self.idle if changes is None or name in changes else []

    def row_stays(
        self, array: int, unit: Word, right: z3.BoolRef, known: list[z3.BoolRef]
    ) -> z3.BoolRef:
        """A row is as before, under these conditions."""
        same = self.after.memory.row(array, unit) == self.before.memory.row(array, unit)
        return z3.Implies(z3.And(self.here, right, *known), same)

    def frame_stays(self, frame: Word) -> list[z3.BoolRef]:
        """What is known of a frame and its entry."""
        known = self.procedure.frames
        rules = [] if known is None else stays(self.before, self.after, known, frame)
        if self.idle is not None:
            same = conjunction(stays(self.before, self.after, {}, frame))
            rules.append(z3.Implies(conjunction(self.idle), same))
        return [z3.Implies(self.here, rule) for rule in rules]

    def promises(self) -> list[z3.BoolRef]:
        """What is known of any row."""
        states = self.before, self.after
        rules = promised(self.procedure, *states, self.answers, *self.arguments)
        return [z3.Implies(self.here, rule) for rule in rules]
