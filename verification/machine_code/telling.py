"""The words of the language of claims: objects, frames, conditions and ends; see `call`.

What is read or written becomes a `Place`, the invariants of what is met become assumptions, and each
end becomes an `Outcome` with the memory as it then is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import z3

from . import invariants
from .claim import Case, Claim, Fact, Outcome, Place
from .kernel_state import (
    CORE,
    MACHINE,
    NULL_ENDPOINT,
    KernelState,
    address_of,
    direct,
    entry_address,
    kind_address,
    number_of,
)
from .hashes import hash_of
from .layout import Layout
from .logic import conjunction
from .memory import (
    ENTRIES,
    ENTRY_ARRAY,
    KINDS,
    KINDS_ARRAY,
    OBJECTS,
    UNIT_BITS,
    UNIT_WORDS,
    Update,
    Window,
)

Word = z3.BitVecRef


def word(value: int) -> Word:
    """A number as a word."""
    return z3.BitVecVal(value, 64)


@dataclass(frozen=True)
class Object:
    """An object that the call met: its fields can be read and written."""

    call: Telling
    kind: str
    number: Word

    def __getitem__(self, field: str) -> Word:
        return self.call.read(self, field, 0)

    def __setitem__(self, field: str, value: Word | int) -> None:
        self.call.write(self, field, 0, value)

    def at(self, field: str, index: int) -> Word:
        """Element `index` of an array field."""
        return self.call.read(self, field, index)

    def put(self, field: str, index: int, value: Word | int) -> None:
        """Writes element `index` of an array field."""
        self.call.write(self, field, index, value)

    def target(self, field: str) -> Object:
        """The object that a link field names, if it is not zero."""
        link = self[field]
        self.call.assume(invariants.link_is_sound(self.call.before, self.kind, field, self.number))
        return Object(self.call, invariants.LINKS[self.kind][field], number_of(link))


@dataclass(frozen=True)
class Frame:
    """A frame that the frame table describes: its kind and the fields of its entry."""

    call: Telling
    number: Word

    @property
    def kind(self) -> Word:
        call = self.call
        call.note("kind", KINDS, kind_address(self.number), call.now.is_described(self.number))
        return call.now.memory.kind(self.number)

    def is_kind(self, name: str) -> z3.BoolRef:
        """Whether it is of the frame kind `name`."""
        return self.kind == self.call.layout.frame_kinds[name]

    def set_kind(self, name: str) -> None:
        """Makes it of the frame kind `name`."""
        call = self.call
        right = call.now.is_described(self.number)
        call.note("kind", KINDS, kind_address(self.number), right, is_write=True)
        value = z3.BitVecVal(call.layout.frame_kinds[name], 8)
        call.store(Update(KINDS_ARRAY, self.number, value))

    def __getitem__(self, field: str) -> Word:
        self._note(field, False)
        return self.call.now.entry(self.number, field)

    def __setitem__(self, field: str, value: Word | int) -> None:
        self._note(field, True)
        at = self.call.layout.word(f"Entry.{field}")
        self.call.store(Update(ENTRY_ARRAY + at, self.number, _as_word(value)))

    def _note(self, field: str, is_write: bool) -> None:
        call = self.call
        address = entry_address(self.number, call.layout.word(f"Entry.{field}"))
        right = call.now.is_described(self.number)
        call.note(f"entry {field}", ENTRIES, address, right, is_write=is_write)

    def zero(self) -> None:
        """Zeroes all words of it, at once."""
        call = self.call
        call.now = call.now.after(call.now.memory.zeroed(self.number, call.guard()))


class Telling:
    """A function under specification: what was said of it so far."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.before = KernelState.symbolic(layout)
        # The state after what was written so far.
        self.now = self.before
        self.core = Object(self, "Core", CORE)
        core = direct(z3.Concat(CORE, z3.BitVecVal(0, UNIT_BITS)))
        self.arguments: dict[str, Word] = {"tpidr_el1": core}
        self.assumptions: list[z3.BoolRef] = []
        self.requirements: list[z3.BoolRef] = []
        self.outcomes: list[Outcome] = []
        self.places: list[Place] = []
        self.facts: list[Fact] = []
        # Invariants that are shown to be kept beside those that every call keeps.
        self.rules: tuple[invariants.Rule, ...] = ()
        # What names of long terms mean, whether there are any, and what follows of them.
        self.definitions: list[z3.BoolRef] = []
        self.is_naming = True
        self.lemmas: list[Fact] = []
        # What a refusal leaves in the result registers.
        self.failure: Callable[[Word], dict[str, Word]] = lambda e: {"x0": e, "x1": word(0)}
        # How many lookups that are functions of their own, with claims of their own, are under way.
        self._elsewhere = 0
        self._reached: list[z3.BoolRef] = []
        self._conditions: list[z3.BoolRef] = []
        self._assume_start()

    def _assume_start(self) -> None:
        """What holds wherever the function begins."""
        self.assume(*invariants.stand_ins_are_sound(self.before))
        self.assume(*invariants.current_is_sound(self.before))

    def claim(self, function: str) -> Claim:
        """What was said, as a claim about the function of this name."""
        arguments = dict(self.arguments)
        return Claim(
            function,
            self.before,
            arguments,
            self.assumptions,
            self.outcomes,
            self.places,
            self.facts,
            self.rules,
            self.definitions,
            self.lemmas,
        )

    @property
    def machine(self) -> Object:
        """What the whole machine shares, found through the core."""
        self.note_field(self.core, "MACHINE")
        return Object(self, "Machine", MACHINE)

    def explore(self, tell: Callable[[], None]) -> None:
        """Tells what the function does."""
        tell()

    # Conditions.

    @contextmanager
    def when(self, condition: z3.BoolRef) -> Iterator[None]:
        """What follows happens only if the condition holds."""
        self._conditions.append(condition)
        yield
        self._conditions.pop()

    @contextmanager
    def instead(self, condition: z3.BoolRef) -> Iterator[None]:
        """If the condition holds, the call does this, and ends in it: what follows is without."""
        before = self.now
        with self.when(condition):
            yield
        assert self._reached[-1].eq(z3.simplify(z3.Not(z3.simplify(condition))))
        self.now = before

    @contextmanager
    def elsewhere(self) -> Iterator[None]:
        """What follows is read by a function whose own claim names the places: a contract."""
        self._elsewhere += 1
        yield
        self._elsewhere -= 1

    def guard(self) -> z3.BoolRef | None:
        """The conditions around this step; none is `None`."""
        return conjunction(self._conditions) if self._conditions else None

    def here(self) -> z3.BoolRef:
        """Whether this step is made."""
        return conjunction([*self._reached, *self._conditions])

    def assume(self, *rules: z3.BoolRef) -> None:
        """Uses instances of invariants, or what the README says is assumed beside them."""
        known = {rule.get_id() for rule in self.assumptions}
        self.assumptions += [rule for rule in rules if rule.get_id() not in known]

    def show(self, name: str, goal: z3.BoolRef, *extra: z3.BoolRef) -> None:
        """Something that holds here, by some more instances of invariants."""
        self.facts.append(Fact(name, self.here(), goal, extra))

    def name(self, name: str, value: Word) -> Word:
        """A long term by a name: equal terms have the same, different ones never."""
        if not self.is_naming:
            return value
        symbol = z3.BitVec(f"{name}_{hash_of(value, {})}", value.size())
        known = {definition.get_id() for definition in self.definitions}
        if (symbol == value).get_id() not in known:
            self.definitions.append(symbol == value)
        return symbol

    def conclude(self, name: str, goal: z3.BoolRef, cases: Sequence[Case] = ()) -> None:
        """Something that follows, case by case, and which all the rest of the proof may use."""
        true, extra = z3.BoolVal(True), tuple(self.definitions)
        self.lemmas.append(Fact(name, true, goal, extra, tuple(cases)))

    def require(self, *conditions: z3.BoolRef) -> None:
        """What callers of this function keep to: whoever uses its contract shows it."""
        self.requirements += conditions
        self.assume(*conditions)

    # Ends.

    def refuse(self, error: str, condition: z3.BoolRef) -> None:
        """Ends with an error if the condition holds; what was written before stays."""
        count = len(self.outcomes)
        self.end(error, condition, self.failure(word(self.layout.errors[error])))
        self.outcomes[count:] = [replace(o, is_refusal=True) for o in self.outcomes[count:]]

    def done(self, value: Word | int = 0, condition: z3.BoolRef | None = None) -> None:
        """Ends with success, if the condition holds."""
        results = {"x0": word(0), "x1": _as_word(value)}
        name = "done" if condition is None else "done early"
        self.end(name, z3.BoolVal(True) if condition is None else condition, results)

    def end(self, name: str, condition: z3.BoolRef, results: dict[str, Word]) -> None:
        """Ends with these results if the condition holds; one that never does is no end."""
        condition = z3.simplify(conjunction([*self._conditions, condition]))
        if z3.is_false(condition):
            return
        here = conjunction([*self._reached, condition])
        self.outcomes.append(Outcome(name, here, results, self.now.memory))
        self._reached.append(z3.simplify(z3.Not(condition)))

    def go(self, function: str, condition: z3.BoolRef, results: dict[str, Word]) -> None:
        """Goes on elsewhere, in a function of which nothing is said, if the condition holds."""
        self.end(function, condition, results)
        self.outcomes[-1] = replace(self.outcomes[-1], elsewhere=function)

    # Words.

    def read(self, item: Object, field: str, index: int) -> Word:
        """A field of an object."""
        at = self.layout.word(f"{item.kind}.{field}") + index
        self._note_field(item, field, at, False)
        return self.now.memory.field(item.number, at)

    def write(self, item: Object, field: str, index: int, value: Word | int) -> None:
        """Writes a field of an object."""
        at = self.layout.word(f"{item.kind}.{field}") + index
        self._note_field(item, field, at, True)
        unit = z3.simplify(item.number + at // UNIT_WORDS)
        self.store(Update(at % UNIT_WORDS, unit, _as_word(value)))

    def note_field(self, item: Object, field: str) -> None:
        """A field that the function reads."""
        self._note_field(item, field, self.layout.word(f"{item.kind}.{field}"), False)

    def _note_field(self, item: Object, field: str, at: int, is_write: bool) -> None:
        right = self._is_right(item, at)
        address = address_of(item.number, at)
        self.note(f"{item.kind}.{field}", OBJECTS, address, right, is_write=is_write)

    def _is_right(self, item: Object, at: int) -> z3.BoolRef:
        if item.kind in ("Core", "Machine"):
            return self.now.is_frame_of(z3.simplify(item.number + at // UNIT_WORDS), "Kernel")
        right = self.now.is_object(item.number, item.kind)
        if item.kind == "Endpoint":
            return z3.Or(right, item.number == NULL_ENDPOINT)
        return right

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
        if self._elsewhere == 0:
            place = (name, self.here(), window, z3.simplify(address), is_right, is_write, words)
            self.places.append(Place(*place))

    def store(self, *updates: Update) -> None:
        """What is written here."""
        guard = self.guard()
        if guard is not None:
            updates = tuple(update.under(guard) for update in updates)
        self.now = self.now.after(self.now.memory.updated(*updates))


def _as_word(value: Word | int) -> Word:
    return word(value) if isinstance(value, int) else value
