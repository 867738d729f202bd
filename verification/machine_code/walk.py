"""Claims told path by path: functions that decide, and call other functions.

A claim of this kind is told as often as there are paths. `holds` answers once that a condition holds,
and in another telling that it does not; so on each path memory is a plain list of stores. `do` calls
a procedure: what comes after it happens in the memory that the procedure leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import z3

from . import invariants, looking, queues
from .call import Call
from .claim import CallPoint, Claim, Fact
from .kernel_state import CORE, KernelState, direct, link_of, number_of
from .layout import Layout
from .memory import (
    KINDS_ARRAY,
    NUMBER_BITS,
    OBJECTS,
    UNIT_WORDS,
    Memory,
    Update,
    Window,
)
from .state import History
from .telling import Object, Word, word


# The two words that a function answers.
Answers = tuple[Word, Word]


class Callee(Protocol):
    """What a walk knows of a procedure: see `procedure`."""

    function: str
    changes: frozenset[str]
    is_done: bool

    def needs(self, state: KernelState, *arguments: Word) -> list[z3.BoolRef]: ...
    def promise(
        self, before: KernelState, after: KernelState, answers: Answers, *arguments: Word
    ) -> list[z3.BoolRef]: ...


class UntrueError(Exception):
    """A claim that contradicts itself."""


def name_of(history: History) -> str:
    """What the symbols begin with that stand for what the last of some procedures leaves."""
    return "after_" + "_".join(history)


def left_by(history: History, before: Memory) -> Memory:
    """The memory that a procedure leaves: other words, the same kinds and entries."""
    other = Memory.symbolic(f"{name_of(history)}_")
    kept = tuple(update for update in before.updates if update.array >= KINDS_ARRAY)
    return replace(before, base=(*other.base[:UNIT_WORDS], *before.base[UNIT_WORDS:]), updates=kept)


class Walk(Call):
    """A function under specification, path by path."""

    def __init__(self, layout: Layout, *, is_call: bool = True) -> None:
        # Whether a thread makes the call: elsewhere, nobody may run.
        self._is_call = is_call
        super().__init__(layout)
        self.initial = self.before
        # The fields that it may write; `None`: any.
        self.changes: frozenset[str] | None = None
        self._calls: list[CallPoint] = []
        self._promises: list[Fact] = []
        self._decisions: tuple[bool, ...] = ()
        self._begin(())

    def _begin(self, decisions: tuple[bool, ...]) -> None:
        self.before = self.now = self.initial
        self._reached, self._conditions = [], []
        self._wanted, self._made = decisions, ()
        self._others: list[tuple[bool, ...]] = []
        self._history: History = ()
        # What is known of each procedure on this path: before, after, what it may write.
        self._left: list[tuple[z3.BoolRef, KernelState, KernelState, frozenset[str]]] = []
        self._clocks = 0

    def explore(self, tell: Callable[[], None]) -> None:
        """Tells every path."""
        waiting: list[tuple[bool, ...]] = [()]
        while waiting:
            self._begin(waiting.pop())
            tell()
            waiting += self._others

    def _assume_start(self) -> None:
        self.assume(*invariants.stand_ins_are_sound(self.before))
        self.assume(*invariants.nothing_has_number_zero(self.before))
        if self._is_call:
            self.assume(*invariants.current_is_sound(self.before))

    def _is_new(self) -> bool:
        """Whether this part of the path was not told before."""
        return len(self._made) >= len(self._wanted)

    def holds(self, condition: z3.BoolRef) -> bool:
        """Whether a condition holds, on this path."""
        condition = z3.simplify(condition)
        if z3.is_true(condition) or z3.is_false(condition):
            return z3.is_true(condition)
        place = len(self._made)
        if place < len(self._wanted):
            value = self._wanted[place]
        else:
            value = True
            self._others.append((*self._made, False))
        self._made += (value,)
        self._reached.append(condition if value else z3.simplify(z3.Not(condition)))
        return value

    def do(self, procedure: Callee, *arguments: Object | Word) -> Word:
        """Calls a procedure; what follows finds what it left. Answers what it answers."""
        if self._conditions:
            raise UntrueError(f"{procedure.function} is called under a condition: use `holds`")
        if self.changes is not None and not procedure.changes <= self.changes:
            more = ", ".join(sorted(procedure.changes - self.changes))
            raise UntrueError(f"{procedure.function} changes more than is told: {more}")
        words = tuple(link_of(a.number) if isinstance(a, Object) else a for a in arguments)
        here, history = self.here(), (*self._history, procedure.function)
        if self._is_new():
            needs = tuple(procedure.needs(self.now, *words))
            point = CallPoint(history, here, words, self.now.memory, self.before, needs)
            self._calls.append(point)
        before = self.now
        after = before.after(left_by(history, before.memory))
        self._left.append((here, before, after, procedure.changes))
        self._history, self.before, self.now = history, after, after
        self.assume(*invariants.stand_ins_are_sound(after))
        answers = (z3.BitVec(f"{name_of(history)}_x0", 64), z3.BitVec(f"{name_of(history)}_x1", 64))
        for promise in procedure.promise(before, after, answers, *words):
            self.assume(z3.Implies(here, promise))
        return answers[0]

    def do_pair(self, procedure: Callee, *arguments: Object | Word) -> tuple[Word, Word]:
        """The same for one that answers two words."""
        first = self.do(procedure, *arguments)
        return first, z3.BitVec(f"{name_of(self._history)}_x1", 64)

    def promise_of(self, promise: Callable[[KernelState, Answers], list[z3.BoolRef]]) -> None:
        """What is promised holds at each end."""
        for outcome in self.outcomes:
            after = self.initial.after(outcome.memory)
            answers = tuple(outcome.results.get(name, word(0)) for name in ("x0", "x1"))
            for goal in promise(after, answers):
                name = f"{outcome.name}: as promised"
                self._promises.append(Fact(name, outcome.condition, goal, ()))

    def clock(self) -> Word:
        """The time, which is read anew each time, and never comes to where wheels end."""
        self._clocks += 1
        time = z3.BitVec(f"cntvct_el0_{self._clocks - 1}", 64)
        self.assume(z3.ULT(time, queues.TIME_MAX))
        return time

    def thing(self, kind: str, link: Word) -> Object:
        """The object that a word names, if it names one."""
        return Object(self, kind, number_of(link))

    def follow(self, item: Object, field: str) -> Object:
        """The object that a link names, if it is not zero."""
        link = item[field]
        if (item.kind, field) == ("Thread", "CONTEXT"):
            self.still(item, "WAIT")
        self.assume(*queues.link_is_sound(self.before, item.kind, field, item.number))
        return self.thing(queues.kind_of_link(item.kind, field), link)

    def element(self, field: str, index: Word) -> Element:
        """An element of an array of this core's, by an index that has just its bits."""
        return Element(self, field, index)

    def finish(self) -> None:
        """Ends; what the result registers hold is nobody's business."""
        self.end("done", z3.BoolVal(True), {})

    def answer(self, *values: Word | int) -> None:
        """Ends with words in registers, such as a truth value."""
        words = (word(value) if isinstance(value, int) else value for value in values)
        self.end("done", z3.BoolVal(True), {f"x{at}": value for at, value in enumerate(words)})

    # What is told anew on a path was told before.

    def read(self, item: Object, field: str, index: int) -> Word:
        """A field of an object."""
        at = self.layout.word(f"{item.kind}.{field}") + index
        self._keep(f"{item.kind}.{field}", at % UNIT_WORDS, item.number + at // UNIT_WORDS, item)
        return super().read(item, field, index)

    def still(self, item: Object, field: str) -> None:
        """What procedures do not write of an object is known, though nobody reads it."""
        at = self.layout.word(f"{item.kind}.{field}")
        unit = item.number + at // UNIT_WORDS
        self._keep(f"{item.kind}.{field}", at % UNIT_WORDS, unit, item)

    def _keep(self, name: str, array: int, unit: Word, item: Object) -> None:
        """What procedures do not write is as it was before them."""
        for here, before, after, changes in reversed(self._left):
            if name in changes:
                return
            right = self._is_right(item, 0)
            unit = z3.simplify(unit)
            same = after.memory.row(array, unit) == before.memory.row(array, unit)
            self.assume(z3.Implies(z3.And(here, right), same))

    def write(self, item: Object, field: str, index: int, value: Word | int) -> None:
        """Writes a field of an object."""
        self._may_write(f"{item.kind}.{field}")
        super().write(item, field, index, value)

    def _may_write(self, name: str) -> None:
        if self.changes is not None and name not in self.changes:
            raise UntrueError(f"{name} is written, and not told among what changes")

    def _is_right(self, item: Object, at: int) -> z3.BoolRef:
        if item.kind == "Timed":
            return queues.is_timed(self.now, item.number)
        return super()._is_right(item, at)

    def note(
        self,
        name: str,
        window: Window,
        address: Word,
        is_right: z3.BoolRef,
        *,
        is_write: bool = False,
    ) -> None:
        """A word that the function may read or write here."""
        if self._is_new():
            super().note(name, window, address, is_right, is_write=is_write)

    def end(self, name: str, condition: z3.BoolRef, results: dict[str, Word]) -> None:
        """Ends with these results if the condition holds."""
        count = len(self.outcomes)
        super().end(name, condition, results)
        ended = self.outcomes[count:] if self._is_new() else []
        ended = [replace(o, history=self._history, since=self.before) for o in ended]
        self.outcomes[count:] = ended

    def claim(self, function: str) -> Claim:
        """What was said, as a claim about the function of this name."""
        told = replace(super().claim(function), state=self.initial)
        written = {looking.written_name(place.name) for place in told.places if place.is_write}
        written.add(looking.ANYTHING)
        rules = [
            rule
            for rule in queues.rules(self.initial)
            if looking.fields_of(rule, self.layout) & written
        ]
        known = {"calls": self._calls, "promises": self._promises}
        return replace(told, **known, invariants=lambda _: rules)


@dataclass(frozen=True)
class Element:
    """An element of an array of a core's, by an index of as many bits as the array needs."""

    walk: Walk
    field: str
    index: Word

    def read(self) -> Word:
        """What it holds."""
        unit, lane = self._place(False)
        walk = self.walk
        for array in self._arrays():
            walk._keep(f"Core.{self.field}", array, unit, walk.core)
        return choose(lane, [walk.now.memory.row(array, unit) for array in self._arrays()])

    def write(self, value: Word | int) -> None:
        """Writes it."""
        self.walk._may_write(f"Core.{self.field}")
        unit, lane = self._place(True)
        value = word(value) if isinstance(value, int) else value
        arrays = enumerate(self._arrays())
        self.walk.store(*(Update(array, unit, value, lane == at) for at, array in arrays))

    def _arrays(self) -> range:
        first = self.walk.layout.word(f"Core.{self.field}") % UNIT_WORDS
        return range(first, first + min(UNIT_WORDS, 1 << self.index.size()))

    def _place(self, is_write: bool) -> tuple[Word, Word]:
        """Its unit, and its place in that; the function may look there."""
        walk, bits = self.walk, self.index.size()
        first = walk.layout.word(f"Core.{self.field}")
        low = min(bits, 3)
        unit = CORE + first // UNIT_WORDS
        if bits > low:
            unit = unit + z3.ZeroExt(NUMBER_BITS - bits + low, z3.Extract(bits - 1, low, self.index))
        unit, lane = z3.simplify(unit), z3.Extract(low - 1, 0, self.index)
        within = z3.ZeroExt(3 - low, lane) if low < 3 else lane
        place = z3.Concat(within + first % UNIT_WORDS, z3.BitVecVal(0, 3))
        in_array = _is_below(self.index, queues.LENGTHS[self.field])
        right = z3.And(in_array, walk.now.is_frame_of(unit, "Kernel"))
        address = direct(z3.Concat(unit, place))
        walk.note(f"Core.{self.field}", OBJECTS, address, right, is_write=is_write)
        return unit, lane


def choose(index: Word, values: Sequence[Word]) -> Word:
    """The value that an index names; there is one for each value of its bits."""
    value = values[-1]
    for place in range(len(values) - 2, -1, -1):
        value = z3.If(index == place, values[place], value)
    return value


def _is_below(index: Word, length: int) -> z3.BoolRef:
    """Whether an index is below a length, which may be more than its bits can tell."""
    return z3.BoolVal(True) if length >> index.size() else z3.ULT(index, length)
