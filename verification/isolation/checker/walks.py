"""What calls touch that are told path by path, with the procedures that they call.

A procedure is followed into its own claim, once for each way in which what it is called with was
come by; what it finds by itself is found as a call finds it. What the core names is in the `queue`: who
runs, who is ready, whose time comes; also their neighbours there, and who would run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import z3
from machine_code import queues
from machine_code.claims.deliver import WINDOW_SLOT
from machine_code.copying import COPY_MESSAGE
from machine_code.kernel_state import Slot, number_of
from machine_code.layout import Layout
from machine_code.procedure import Procedure
from machine_code.telling import Object, Word
from machine_code.walk import Answers, Element, Walk

from .trace import LINK, Origin, Touch, Traced

QUEUE, SELF = Origin("queue"), Origin("self")
# What belongs to a thread: a message that meets the thread meets these, and where it was sent.
OF_ANY = ("TABLE", "BUFFER")
OF_PARTNERS = ("GATE",)
# What a wheel holds: an object of one of these kinds.
TIMED = ("Thread", "SchedulingContext")

# How an argument was come by, and of which kind it is, or "" if that is not said; a number stands for
# itself.
Known = tuple[Origin, str] | int


@dataclass
class Procedures:
    """What each procedure touches, by how its arguments were come by."""

    layout: Layout
    found: dict[tuple[str, tuple[Known, ...], Origin], set[Touch]] = field(default_factory=dict)

    def touched(
        self, procedure: Procedure, known: tuple[Known, ...], space: Origin = LINK
    ) -> set[Touch]:
        """All that a procedure touches that is called with this, where tables of a space are meant."""
        if procedure is COPY_MESSAGE:
            source, target = (origin for origin, _ in known[:2])
            return {Touch("Frame", source, False), Touch("Frame", target, True)}
        key = (procedure.function, known, space)
        if key not in self.found:
            it = TracedWalk(self.layout, self, is_call=procedure.is_call)
            it.is_procedure, it._space = True, space
            values = [it.argument(place, how) for place, how in enumerate(known)]
            it.explore(lambda: procedure.tell(it, *values))
            self.found[key] = it.touched
        return self.found[key]


class TracedWalk(Traced, Walk):
    """A walk that notes what is touched, also by the procedures that it calls."""

    def __init__(self, layout: Layout, procedures: Procedures, *, is_call: bool = True) -> None:
        self._procedures = procedures
        # What is of which kind, where the claim does not say that, by the number of the term.
        self._kinds: dict[int, tuple[z3.ExprRef, str]] = {}
        # The kinds of which what is touched next may be, if it is in a wheel.
        self._timed = TIMED
        super().__init__(layout, is_call=is_call)

    def know(self, link: Word, origin: Origin, kind: str) -> None:
        """How what a word names was come by, and of which kind that is, if that is said."""
        self._come_by(number_of(link), origin)
        if kind:
            number = z3.simplify(number_of(link))
            self._kinds[number.get_id()] = (number, kind)

    def argument(self, place: int, known: Known) -> Word:
        """An argument of a procedure."""
        if isinstance(known, int):
            return z3.BitVecVal(known, 64)
        value = z3.BitVec(f"argument_{place}", 64)
        self.know(value, *known)
        return value

    # Procedures.

    def do(self, procedure: Procedure, *arguments: Object | Word) -> Word:
        if self._is_new():
            known = tuple(self._known(argument) for argument in arguments)
            self.touched |= self._procedures.touched(procedure, known, self._space)
        return super().do(procedure, *arguments)

    def do_out(self, procedure: Procedure, *arguments: Object | Word) -> Answers:
        answers = super().do_out(procedure, *arguments)
        if procedure is WINDOW_SLOT:
            receiver, _, _ = arguments
            assert isinstance(receiver, Object)
            self._come_by(number_of(answers[1]), self._of(receiver, "TABLE"))
        return answers

    def _known(self, argument: Object | Word) -> Known:
        if isinstance(argument, z3.BitVecNumRef):
            return argument.as_long()
        if not isinstance(argument, Object):
            return self._origin_of_either(number_of(argument)), ""
        kinds = self._kinds_of(argument)
        return self._origin_of(argument), kinds[0] if len(kinds) == 1 else ""

    def _kinds_of(self, item: Object) -> tuple[str, ...]:
        """Of which kinds an object may be."""
        if item.kind != "Timed":
            return (item.kind,)
        known = self._kinds.get(z3.simplify(item.number).get_id())
        return TIMED if known is None else (known[1],)

    # What is touched.

    def read(self, item: Object, field: str, index: int) -> Word:
        value = super().read(item, field, index)
        is_partner = self._origin_of(item).way == "partner"
        if item.kind == "Thread" and (field in OF_ANY or field in OF_PARTNERS and is_partner):
            self._come_by(number_of(value), self._of(item, field))
        return value

    def _of(self, thread: Object, field: str) -> Origin:
        """How what belongs to a thread was come by: as the thread was; a table may be the caller's own."""
        origin = self._origin_of(thread)
        return Origin("own") if field == "TABLE" and origin == SELF else origin

    def slot_of(self, thread: Object, handle: Word) -> tuple[z3.BoolRef, Slot]:
        before, self._table = self._table, self._of(thread, "TABLE")
        found = super().slot_of(thread, handle)
        self._table = before
        return found

    def slot(self, chunk: Word, index: Word, exists: z3.BoolRef) -> Slot:
        origin, slot = self._known_origin(chunk), super().slot(chunk, index, exists)
        if origin is not None:
            self._come_by(slot.unit, origin)
        return slot

    def _note_field(self, item: Object, field: str, at: int, is_write: bool) -> None:
        self._timed = self._kinds_of(item)
        super()._note_field(item, field, at, is_write)

    def _touches(self, word: str, address: Word, is_write: bool) -> set[Touch]:
        if word == "Timed":
            return {Touch(kind, self._subject, is_write) for kind in self._timed}
        return super()._touches(word, address, is_write)

    # How objects are come by.

    def partner(self, thread: Object, right: str = "") -> None:
        rights = self._named(self.rights(right)) if right else frozenset()
        self._come_by(thread.number, Origin("partner", rights))

    def thing(self, kind: str, link: Word) -> Object:
        found = super().thing(kind, link)
        self._come_by(found.number, self._origin_of_either(found.number))
        return found

    def _origin_of_either(self, number: Word) -> Origin:
        """How the object of this number was come by; of one of two, if it is the same for both."""
        known = self._known_origin(number)
        if known is not None:
            return known
        origins = {self._origin_of_either(part) for part in _alternatives(z3.simplify(number))}
        return origins.pop() if len(origins) == 1 else LINK

    def follow(self, item: Object, field: str) -> Object:
        found = super().follow(item, field)
        if self._known_origin(found.number) in (None, LINK):
            is_queue = self._is_in_queue(item, field)
            self._come_by(found.number, QUEUE if is_queue else LINK)
        return found

    def _is_in_queue(self, item: Object, field: str) -> bool:
        """Whether a link leads to what is ready, runs, or waits for a time."""
        owner = self._origin_of(item)
        is_neighbour = item.kind in ("SchedulingContext", "Timed") and field in ("NEXT", "PREV")
        return owner.way == "core" or is_neighbour or owner == QUEUE and field == "RUNNING"

    def element(self, field: str, index: Word, item: Object | None = None) -> Element:
        return TracedElement(self, item or self.core, field, index)


@dataclass(frozen=True)
class TracedElement(Element):
    """An element of an array: what one of a core's names is in the queue."""

    def read(self) -> Word:
        value = super().read()
        if self.field in queues.ARRAYS:
            assert isinstance(self.walk, TracedWalk)
            self.walk.know(value, QUEUE, "")
        return value


def _alternatives(number: Word) -> Iterator[Word]:
    """The two numbers of which a term is one, as a condition says, but for that of nothing."""
    kind = number.decl().kind()
    if kind == z3.Z3_OP_EXTRACT and number.arg(0).decl().kind() == z3.Z3_OP_ITE:
        high, low = number.params()
        parts = [z3.Extract(high, low, number.arg(0).arg(at)) for at in (1, 2)]
    elif kind == z3.Z3_OP_ITE:
        parts = [number.arg(1), number.arg(2)]
    else:
        return
    for part in map(z3.simplify, parts):
        if not isinstance(part, z3.BitVecNumRef):
            yield part
