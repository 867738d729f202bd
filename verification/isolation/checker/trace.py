"""What each proved call touches, held against its footprint.

A claim names every word that a function may read or write, and its proof shows that the machine
code touches no other. Here the claim is told once more to a `Traced` call, which also notes how the
objects were come by: found through a handle with a right, the thread itself, its own table, the
other end of a link. Each must stand in the footprint of the call: conditions 3 and 4 of the theorem
about runs (`theory/Unwinding.v`); `touches` looks there.
"""

from __future__ import annotations

from dataclasses import dataclass

import z3
from machine_code.call import Call, Frame, Object, Word
from machine_code.kernel_state import Slot, entry_address, frame_of, kind_address
from machine_code.layout import Layout
from machine_code.memory import Window

# Two names of one bit, and of one kind.
ALIASES = {"RECEIVE": "READ"}
KINDS = {"Records": "Record"}


@dataclass(frozen=True)
class Origin:
    """How a call came to an object."""

    way: str
    rights: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Touch:
    """Words of one kind that a call reads or writes, and how it came to them."""

    kind: str
    origin: Origin
    is_write: bool

    def __str__(self) -> str:
        verb = "writes" if self.is_write else "reads"
        return " ".join([verb, self.kind, self.origin.way, *sorted(self.origin.rights)])


# If nothing else is known.
LINK = Origin("link")
# What the arguments of procedures are called, which name what their callers came by.
ARGUMENT = "argument_"
# Words of a frame's entry in the frame table.
ENTRY_WORDS = 4


class Traced(Call):
    """A call that notes what is touched, also by the lookups that have claims of their own."""

    def __init__(self, layout: Layout, **more: bool) -> None:
        self.touched: set[Touch] = set()
        # By the number of a term; the term is kept, so that its number stays its own.
        self._origins: dict[int, tuple[z3.ExprRef, Origin]] = {}
        self._subject = Origin("core")
        # How the address space was come by whose tables are meant.
        self._space = LINK
        self._is_looking_up = False
        # Whether a call calls it: what its arguments name, it does not make.
        self.is_procedure = False
        # Whose table is looked into: the caller's, or that of whom a message meets.
        self._table = Origin("own")
        super().__init__(layout, **more)

    def _come_by(self, term: z3.ExprRef, origin: Origin) -> None:
        term = z3.simplify(term)
        self._origins[term.get_id()] = (term, origin)

    def _known_origin(self, term: z3.ExprRef) -> Origin | None:
        """How the object of this number was come by, if that was seen."""
        return self._origins.get(z3.simplify(term).get_id(), (term, None))[1]

    def _origin(self, term: z3.ExprRef) -> Origin:
        """How the object of this number was come by; along a link if nothing else is known."""
        return self._known_origin(term) or LINK

    # What is touched.

    def _note_field(self, item: Object, field: str, at: int, is_write: bool) -> None:
        self._subject = self._origin_of(item)
        if item.kind == "AddressSpace":
            self._space = self._subject
        super()._note_field(item, field, at, is_write)

    def _origin_of(self, item: Object) -> Origin:
        if item.kind in ("Core", "Machine"):
            return Origin("core")
        if item.kind == "CapTable" and self._is_looking_up:
            return self._table
        return self._origin(item.number)

    def _note_slot(self, slot: Slot, is_write: bool) -> None:
        self._subject = self._table if self._is_looking_up else self._origin(slot.unit)
        super()._note_slot(slot, is_write)

    def _chunk(self, table: Object, chunk: Word) -> tuple[z3.BoolRef, Word]:
        self._subject = self._origin_of(table)
        return super()._chunk(table, chunk)

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
        word, _, _ = name.replace(".", " ").replace(",", " ").partition(" ")
        self.touched |= self._touches(word, address, is_write)
        super().note(name, window, address, is_right, is_write=is_write, words=words)

    def _touches(self, word: str, address: Word, is_write: bool) -> set[Touch]:
        """What a place is whose name begins with a word."""
        if word == "slot":
            return {Touch("Slots", self._subject, is_write)}
        if word == "unit":
            return {Touch("Object", LINK, is_write)}
        if word in ("PageTable", "Shadow"):
            return {Touch(word, Origin("part", self._space.rights), is_write)}
        if word == "identity":
            return {Touch("Object", Origin("handle"), is_write)}
        if word in ("kind", "entry"):
            return {Touch("Entry", self._origin(address), is_write)}
        if word in ("Core", "Machine"):
            return {Touch(word, Origin("core"), is_write)}
        return {Touch(KINDS.get(word, word), self._subject, is_write)}

    # How objects are come by.

    def current(self) -> Object:
        thread = super().current()
        self._come_by(thread.number, Origin("self"))
        return thread

    def capability(self, thread: Object, handle: Word) -> Slot:
        self._come_by(thread.number, Origin("self"))
        self._is_looking_up = True
        slot = super().capability(thread, handle)
        self._is_looking_up = False
        return slot

    def slot(self, chunk: Word, index: Word, exists: z3.BoolRef) -> Slot:
        was_looking_up, self._is_looking_up = self._is_looking_up, True
        slot = super().slot(chunk, index, exists)
        self._is_looking_up = was_looking_up
        return slot

    def with_right(self, frame: Frame, right: str) -> Frame:
        self._come_by_frame(frame, Origin("handle", self._named(self.rights(right))))
        return super().with_right(frame, right)

    def seen(self, slot: Slot, right: str) -> Slot:
        self._come_by(slot.number(), Origin("handle", self._named(self.rights(right))))
        self._come_by_frame(Frame(self, frame_of(slot.number())), Origin("handle"))
        return super().seen(slot, right)

    def check(self, slot: Slot, kind: Word, rights: Word) -> None:
        self._come_by(slot.number(), Origin("handle", self._named(rights)))
        super().check(slot, kind, rights)

    def _named(self, rights: Word) -> frozenset[str]:
        """The names of rights that are a number; none of those that depend on arguments."""
        value = z3.simplify(rights)
        if not isinstance(value, z3.BitVecNumRef):
            return frozenset()
        bits = value.as_long()
        return frozenset(
            ALIASES.get(name, name)
            for name, bit in self.layout.rights.items()
            if bit.bit_count() == 1 and bits & bit
        )

    def find_frame(self, handle: Word, right: str | Word) -> tuple[Frame, Slot]:
        frame, slot = super().find_frame(handle, right)
        rights = self.rights(right) if isinstance(right, str) else right
        self._come_by_frame(frame, Origin("handle", self._named(rights)))
        return frame, slot

    def find_place(self, place: Word, rights: Word) -> tuple[Word, Word, Slot]:
        chunk, index, slot = super().find_place(place, rights)
        self._come_by(slot.unit, Origin("part", self._named(rights)))
        return chunk, index, slot

    def is_live(self, slot: Slot, kind: Word) -> z3.BoolRef:
        self._come_by_frame(Frame(self, frame_of(slot.number())), Origin("handle"))
        return super().is_live(slot, kind)

    def region_frame(self, region: Object, number: Word) -> Frame:
        frame = super().region_frame(region, number)
        way = "placed" if _is_named(frame.number) else "covered"
        self._come_by_frame(frame, Origin(way))
        return frame

    def new_frame(self, region: Object, number: Word) -> Frame:
        frame = super().new_frame(region, number)
        self._come_by_frame(frame, Origin("placed"))
        return frame

    def new_object(self, kind: str, frame: Frame) -> Object:
        item = super().new_object(kind, frame)
        self._come_by(item.number, Origin("placed"))
        return item

    def pool_frame(self, space: Object) -> Frame:
        frame = super().pool_frame(space)
        self._come_by_frame(frame, Origin("part", self._origin(space.number).rights))
        return frame

    def object(self, kind: str, number: Word) -> Object:
        if _is_named(number) and not self.is_procedure:
            self._come_by(number, Origin("placed"))
        return super().object(kind, number)

    def frame(self, number: Word) -> Frame:
        frame = super().frame(number)
        if _is_named(frame.number) and not self.is_procedure:
            self._come_by_frame(frame, Origin("placed"))
        return frame

    def _come_by_frame(self, frame: Frame, origin: Origin) -> None:
        addresses = [entry_address(frame.number, at) for at in range(ENTRY_WORDS)]
        for address in [kind_address(frame.number), *addresses]:
            self._come_by(address, origin)


def _is_named(number: Word) -> bool:
    """Whether a call's argument names the number itself: where something is made."""
    number = z3.simplify(number)
    if number.decl().kind() != z3.Z3_OP_EXTRACT:
        return False
    term = number.arg(0)
    is_symbol = term.decl().kind() == z3.Z3_OP_UNINTERPRETED and term.num_args() == 0
    return is_symbol and not term.decl().name().startswith(ARGUMENT)
