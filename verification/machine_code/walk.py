"""Claims told path by path: functions that decide, and call other functions.

A claim of this kind is told as often as there are paths. `holds` answers once that a condition holds,
and in another telling that it does not; so on each path memory is a plain list of stores. `do` calls
a procedure: what comes after it happens in the memory that the procedure leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import z3

from . import invariants, looking, queue_rules, queues
from .call import Call
from .claim import CallPoint, Claim, Fact
from .kernel_state import KernelState, direct, link_of, number_of
from .layout import Layout
from .leaving import Answers, Callee, Left, answers_of, left_by, promised
from .memory import NUMBER_BITS, OBJECTS, UNIT_WORDS, Update, Window
from .rounds import AGAIN, is_again
from .state import History
from .telling import Object, Word, word


# `ISR_EL1`: an IRQ or FIQ waits (Arm ARM, D24.2.99).
ISR_INTERRUPTS = 0xC0


class UntrueError(Exception):
    """A claim that contradicts itself."""


class Refused(Exception):
    """A path ends with an error: see `Walk.on_refusal`."""


class Ended(Exception):
    """A path was told to its end, in a step that other paths go on from."""


class Walk(Call):
    """A function under specification, path by path."""

    def __init__(self, layout: Layout, *, is_call: bool = True) -> None:
        # Whether a thread makes the call: elsewhere, nobody may run.
        self._is_call = is_call
        super().__init__(layout)
        self.initial = self.before
        # The fields that it may write; `None`: any.
        self.changes: frozenset[str] | None = None
        # What becomes of an error, if that is more than to answer it: then each is a path of its own.
        self.on_refusal: Callable[[Word], None] | None = None
        self._calls: list[CallPoint] = []
        # What the rounds of its loop leave, and the words of which that speaks.
        self.loop: tuple[Callee, tuple[Word, ...]] | None = None
        self._promises: list[Fact] = []
        self._decisions: tuple[bool, ...] = ()
        self._begin(())

    def _begin(self, decisions: tuple[bool, ...]) -> None:
        self.before = self.now = self.initial
        self._reached, self._conditions = [], []
        self._wanted, self._made = decisions, ()
        self._others: list[tuple[bool, ...]] = []
        self._history: History = ()
        # What is known of what each procedure on this path left.
        self._left: list[Left] = []
        # The fields that were written since the round began.
        self._written: set[str] = set()
        self._clocks = 0
        self._interrupts = 0

    def explore(self, tell: Callable[[], None]) -> None:
        """Tells every path."""
        waiting: list[tuple[bool, ...]] = [()]
        while waiting:
            self._begin(waiting.pop())
            try:
                tell()
            except Refused as refusal:
                self._elsewhere = 0
                assert self.on_refusal is not None
                self.on_refusal(word(self.layout.errors[str(refusal)]))
            except Ended:
                pass
            waiting += self._others

    def refuse(self, error: str, condition: z3.BoolRef) -> None:
        """Ends with an error if the condition holds; what was written before stays."""
        if self.on_refusal is None:
            super().refuse(error, condition)
        elif self.holds(condition):
            raise Refused(error)

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
        """Calls a procedure; what follows finds what it left. Answers what it answers.

        One that changes nothing leaves memory as it was.
        """
        if self._conditions:
            raise UntrueError(f"{procedure.function} is called under a condition: use `holds`")
        self._may_do(procedure)
        words = tuple(link_of(a.number) if isinstance(a, Object) else a for a in arguments)
        needs = tuple(procedure.needs(self.now, *words))
        if procedure.is_call:
            needs = (*needs, *invariants.current_is_sound(self.now))
        return self._do(procedure, words, words, needs)

    def _do(
        self,
        procedure: Callee,
        words: tuple[Word, ...],
        passed: tuple[Word, ...],
        needs: tuple[z3.BoolRef, ...],
    ) -> Word:
        here, history = self.here(), (*self._history, procedure.function)
        if self._is_new():
            first = int(procedure.out_words > 0)
            point = CallPoint(history, here, passed, self.now.memory, self.before, needs, first)
            self._calls.append(point)
        before = after = self.now
        self._history = history
        answers = answers_of(history, procedure.out_words)
        if procedure.changes != frozenset():
            memory = left_by(history, before.memory, procedure.changes, self.layout)
            after = before.after(memory)
            left = Left(here, before, after, procedure, answers, words)
            self._left.append(left)
            self.before = self.now = after
            self.assume(*invariants.stand_ins_are_sound(after))
            self.assume(*left.promises())
        for promise in procedure.promise(before, after, answers, *words):
            self.assume(z3.Implies(here, promise))
        return answers[0]

    def rounds(self, procedure: Callee, *words: Word) -> Word:
        """Some rounds of its own loop went before; answers how many.

        What the procedure promises of so many of them is known; of none, it has to be so.
        """
        self._may_do(procedure)
        none, self._head = word(0), self.now
        needs = procedure.promise(self.now, self.now, (none, none), *words)
        self.loop = procedure, words
        self._count = self._do(procedure, words, (), tuple(needs))
        self._written = set()
        return self._count

    def again(self) -> None:
        """Goes round once more: what is promised of the rounds before holds of this one, too."""
        assert self.loop is not None, "a loop that began nowhere"
        procedure, words = self.loop
        if self._is_new():
            more = procedure.changes
            written = {name for name in self._written if more is not None and name not in more}
            if written:
                raise UntrueError(f"a round writes more than is told: {', '.join(sorted(written))}")
            answers = (self._count + 1, word(0))
            states = self._head, self.now
            for goal in [
                *procedure.promise(*states, answers, *words),
                *promised(procedure, *states, answers, *words),
            ]:
                self._promises.append(Fact("again: as promised", self.here(), goal, ()))
        self._history = (*self._history, AGAIN)
        self.end(AGAIN, z3.BoolVal(True), {})

    def _may_do(self, procedure: Callee) -> None:
        self._written |= {looking.ANYTHING} if procedure.changes is None else procedure.changes
        if self.changes is None:
            return
        more = {"anything"} if procedure.changes is None else procedure.changes - self.changes
        if more:
            names = ", ".join(sorted(more))
            raise UntrueError(f"{procedure.function} changes more than is told: {names}")

    def do_pair(self, procedure: Callee, *arguments: Object | Word) -> tuple[Word, Word]:
        """The same for one that answers two words."""
        self.do(procedure, *arguments)
        first, second = answers_of(self._history, 0)
        return first, second

    def do_out(self, procedure: Callee, *arguments: Object | Word) -> Answers:
        """The same for one that answers words in memory."""
        self.do(procedure, *arguments)
        return answers_of(self._history, procedure.out_words)

    def promise_of(
        self, promise: Callable[[KernelState, Answers], list[z3.BoolRef]], out_words: int
    ) -> None:
        """What is promised holds at each end; a word in memory that is not told is any word."""
        names = [f"*{8 * at}" for at in range(out_words)]
        anything = {name: z3.BitVec(f"untold_{name[1:]}", 64) for name in names}
        anything = anything or {"x0": word(0), "x1": word(0)}
        for outcome in (o for o in self.outcomes if not is_again(o.history)):
            after = self.initial.after(outcome.memory)
            answers = tuple((anything | outcome.results)[name] for name in anything)
            for goal in promise(after, answers):
                name = f"{outcome.name}: as promised"
                self._promises.append(Fact(name, outcome.condition, goal, ()))

    def clock(self, place: int | None = None) -> Word:
        """The time, which is read anew each time, and never comes to where wheels end.

        `place` counts the reads in the order of the code, if a path does not come to all of them.
        """
        self._clocks += 1
        time = z3.BitVec(f"cntvct_el0_{self._clocks - 1 if place is None else place}", 64)
        self.assume(z3.ULT(time, queues.TIME_MAX))
        return time

    def interrupt(self, place: int | None = None) -> z3.BoolRef:
        """Whether an interrupt waits, which is looked at anew each time; `place` as with `clock`."""
        self._interrupts += 1
        place = self._interrupts - 1 if place is None else place
        pending = z3.BitVec(f"isr_el1_{place}", 64)
        return pending & ISR_INTERRUPTS != 0

    def thing(self, kind: str, link: Word) -> Object:
        """The object that a word names, if it names one."""
        return Object(self, kind, number_of(link))

    def partner(self, thread: Object, right: str = "") -> None:
        """A message meets a thread; a right was seen with which capabilities may come along."""

    def follow(self, item: Object, field: str) -> Object:
        """The object that a link names, if it is not zero."""
        link = item[field]
        if (item.kind, field) == ("Thread", "CONTEXT"):
            self.still(item, "WAIT")
        self.assume(*queues.link_is_sound(self.before, item.kind, field, item.number))
        return self.thing(queues.kind_of_link(item.kind, field), link)

    def element(self, field: str, index: Word, item: Object | None = None) -> Element:
        """An element of an array of this core's, or an object's, by an index that has just its bits."""
        return Element(self, item or self.core, field, index)

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
        self.still(item, field, index)
        return super().read(item, field, index)

    def still(self, item: Object, field: str, index: int = 0) -> None:
        """What procedures do not write of an object is known, though nobody reads it."""
        at = self.layout.word(f"{item.kind}.{field}") + index
        unit = item.number + at // UNIT_WORDS
        self._keep(f"{item.kind}.{field}", at % UNIT_WORDS, unit, self._is_right(item, 0))

    def still_word(self, kind: str, frame: Word, index: Word) -> None:
        """The same of a word of a frame of words, such as a table."""
        unit = z3.Concat(frame, z3.Extract(index.size() - 1, 3, index))
        for array in range(UNIT_WORDS):
            self._keep(kind, array, unit, self.now.is_frame(frame, kind))

    def stays(self, frame: Word) -> None:
        """What procedures do not change of a frame, and of its entry, is known."""
        for left in self._left:
            self.assume(*left.frame_stays(frame))

    def _keep(self, name: str, array: int, unit: Word, right: z3.BoolRef) -> None:
        """What procedures do not write is as it was before them."""
        known: list[z3.BoolRef] = []
        for left in reversed(self._left):
            when = left.keeps(name)
            if when is None:
                return
            known = [*known, *when]
            self.assume(left.row_stays(array, z3.simplify(unit), right, known))

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
        words: int = 1,
    ) -> None:
        """Words that the function may read or write here: so many, from the address on."""
        if is_write:
            self._written.add(looking.written_name(name))
        if self._is_new():
            super().note(name, window, address, is_right, is_write=is_write, words=words)

    def end(self, name: str, condition: z3.BoolRef, results: dict[str, Word]) -> None:
        """Ends with these results if the condition holds."""
        count = len(self.outcomes)
        super().end(name, condition, results)
        ended = self.outcomes[count:] if self._is_new() else []
        ended = [replace(o, history=self._history, since=self.before) for o in ended]
        self.outcomes[count:] = ended

    def _keeping(self, told: Claim) -> Claim:
        """The claim, with what it calls; rules that look at what it writes take the place of the usual ones."""
        told = replace(told, state=self.initial)
        rules = looking.looked_at(queue_rules.rules(self.initial), told.places, self.layout)
        known = {"calls": self._calls, "promises": self._promises}
        return replace(told, **known, invariants=lambda _: rules)


@dataclass(frozen=True)
class Element:
    """An element of an array of an object, by an index of as many bits as the array needs."""

    walk: Walk
    item: Object
    field: str
    index: Word

    def read(self) -> Word:
        """What it holds."""
        unit, lane = self._place(False)
        walk, arrays = self.walk, self._arrays(lane)
        for array, _ in arrays:
            walk._keep(self._name, array, unit, walk._is_right(self.item, 0))
        rows = [walk.now.memory.row(array, unit) for array, _ in arrays]
        if self.item.kind == "Core" and len(rows) == 1 << lane.size():
            return choose(lane, rows)
        # As the executor does it, which matters where elements are read after others were written.
        value = rows[0]
        for row, (_, is_it) in zip(rows[1:], arrays[1:]):
            value = z3.If(is_it, row, value)
        return value

    def write(self, value: Word | int) -> None:
        """Writes it."""
        self.walk._may_write(self._name)
        unit, lane = self._place(True)
        value = word(value) if isinstance(value, int) else value
        arrays = self._arrays(lane)
        self.walk.store(*(Update(array, unit, value, is_it) for array, is_it in arrays))

    @property
    def _name(self) -> str:
        return f"{self.item.kind}.{self.field}"

    def _arrays(self, lane: Word) -> list[tuple[int, z3.BoolRef]]:
        """The arrays where it may be, by its place in a unit, and when it is there."""
        first = self.walk.layout.word(self._name) % UNIT_WORDS
        lanes = [(first + at, lane == at) for at in range(min(UNIT_WORDS, 1 << self.index.size()))]
        return [(array, is_it) for array, is_it in lanes if not z3.is_false(z3.simplify(is_it))]

    def _place(self, is_write: bool) -> tuple[Word, Word]:
        """Its unit, and its place in that; the function may look there."""
        walk, bits = self.walk, self.index.size()
        first = walk.layout.word(self._name)
        low = min(bits, 3)
        unit = self.item.number + first // UNIT_WORDS
        if bits > low:
            unit = unit + z3.ZeroExt(NUMBER_BITS - bits + low, z3.Extract(bits - 1, low, self.index))
        unit, lane = z3.simplify(unit), z3.Extract(low - 1, 0, self.index)
        within = z3.ZeroExt(3 - low, lane) if low < 3 else lane
        place = z3.Concat(within + first % UNIT_WORDS, z3.BitVecVal(0, 3))
        in_array = _is_below(self.index, queues.LENGTHS[self.field])
        right = z3.And(in_array, self._is_right(unit))
        address = direct(z3.Concat(unit, place))
        walk.note(self._name, OBJECTS, address, right, is_write=is_write)
        return unit, lane

    def _is_right(self, unit: Word) -> z3.BoolRef:
        now = self.walk.now
        if self.item.kind == "Core":
            return now.is_frame_of(unit, "Kernel")
        return now.is_object(self.item.number, self.item.kind)


def choose(index: Word, values: Sequence[Word]) -> Word:
    """The value that an index names; there is one for each value of its bits."""
    value = values[-1]
    for place in range(len(values) - 2, -1, -1):
        value = z3.If(index == place, values[place], value)
    return value


def _is_below(index: Word, length: int) -> z3.BoolRef:
    """Whether an index is below a length, which may be more than its bits can tell."""
    return z3.BoolVal(True) if length >> index.size() else z3.ULT(index, length)
