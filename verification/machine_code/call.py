"""The language of claims: a system call, told step by step in the kernel's own terms.

A claim is a function that takes a `Call` and the call's arguments. It looks objects up (`find`,
`find_frame`, `find_slot`), refuses (`refuse`), changes (`object["FIELD"] = value`), and ends with
`done`. Each step holds where no refusal before it did, and under the conditions of `when` around it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import z3

from . import invariants, looking, queue_rules
from .claim import Claim
from .kernel_state import (
    CORE,
    FRAME_KIND_OF,
    MACHINE,
    NULL_SLOTS,
    KernelState,
    Slot,
    address_of,
    direct,
    first_of,
    frame_of,
    link_of,
    number_of,
)
from .logic import disjunction
from .memory import FRAME_BITS, NUMBER_BITS, OBJECTS, UNIT_WORDS, Update
from .telling import Frame, Object, Telling, Word, word


class Call(Telling):
    """A system call under specification."""

    def claim(self, function: str) -> Claim:
        """What was said, as a claim about the function of this name."""
        return self._keeping(super().claim(function))

    def _keeping(self, told: Claim) -> Claim:
        """The claim, which keeps the rules of queues that look at what it writes, too."""
        known = {rule.name for rule in told.rules}
        others = [rule for rule in queue_rules.KEPT if rule.name not in known]
        others = looking.looked_at(others, told.places, self.layout)
        return replace(told, rules=(*told.rules, *others))

    # Looking up.

    def current(self) -> Object:
        """The thread that makes the call."""
        return Object(self, "Thread", number_of(self.core["CURRENT"]))

    def object(self, kind: str, number: Word) -> Object:
        """An object by number."""
        return Object(self, kind, number)

    def frame(self, number: Word) -> Frame:
        """A frame by number: of 34 bits, or the low ones of a word that is known to be one."""
        if number.size() != FRAME_BITS:
            number = z3.simplify(z3.Extract(FRAME_BITS - 1, 0, number))
        return Frame(self, number)

    def buffer(self, thread: Object) -> Frame:
        """The frame that is a thread's message buffer, if it has one."""
        self.assume(*invariants.buffer_is_sound(self.before, thread.number))
        return self.frame(thread["BUFFER"])

    def pool_frame(self, space: Object) -> Frame:
        """The first frame of a pool that is not empty."""
        self.assume(*invariants.pool_is_sound(self.before, space.number))
        return self.frame(space["POOL"])

    def has_first_chunk(self, table: Object) -> None:
        """A table that was not destroyed has its first slots."""
        self.assume(*invariants.table_is_sound(self.before, table.number, word(0)))

    def add_chunk(self, table: Object, chunk: Word, frame: Frame) -> None:
        """Writes the link to chunk `chunk`, below the named number, of a table."""
        first = self.layout.word("CapTable.CHUNK")
        unit = table.number + first // UNIT_WORDS + z3.Extract(NUMBER_BITS + 2, 3, chunk)
        lane = z3.Extract(2, 0, chunk)
        address = direct(z3.Concat(unit, lane, z3.BitVecVal(0, 3)))
        limit = z3.ULT(chunk, self.layout.constants["CHUNKS_MAX"])
        right = z3.And(limit, self.now.is_object(table.number, "CapTable"))
        self.note("CapTable.CHUNK", OBJECTS, address, right, is_write=True)
        link = link_of(first_of(frame.number))
        self.store(*(Update(w, z3.simplify(unit), link, lane == w) for w in range(UNIT_WORDS)))

    def find_either(self, handle: Word, kinds: tuple[str, str], right: str) -> Slot:
        """A live object of one of two kinds: first looked up as the one, then as the other."""
        first, second = (self.kind(kind) for kind in kinds)
        with self.elsewhere():
            slot = self.capability(self.current(), handle)
            kind = z3.If(slot.kind() == first, first, second)
            self.check(slot, kind, self.rights(right))
        return slot

    def region_frame(self, region: Object, number: Word) -> Frame:
        """A frame that a region may cover; if it does, the frame table describes it."""
        frame = self.frame(number)
        self.assume(*invariants.region_is_sound(self.before, region.number, frame.number))
        return frame

    def new_frame(self, region: Object, number: Word) -> Frame:
        """The same, of what the call makes."""
        return self.region_frame(region, number)

    def new_object(self, kind: str, frame: Frame) -> Object:
        """An object that the call makes, the first of a frame."""
        return self.object(kind, first_of(frame.number))

    def capability(self, thread: Object, handle: Word) -> Slot:
        """The slot that a handle of a thread names; `BadHandle` for none, or an empty one."""
        has_slot, slot = self.slot_of(thread, handle)
        self.refuse("BadHandle", z3.Or(z3.Not(has_slot), slot.word == 0))
        return slot

    def slot_of(self, thread: Object, handle: Word) -> tuple[z3.BoolRef, Slot]:
        """Whether a handle of a thread names a slot, and the slot."""
        has_slot, chunk = self.chunk_at(thread, handle)
        return has_slot, self.slot(chunk, z3.Extract(7, 0, handle), has_slot)

    def chunk_at(self, thread: Object, handle: Word) -> tuple[z3.BoolRef, Word]:
        """Whether a handle of a thread names a slot, and the chunk of slots that it is in."""
        self.assume(*invariants.thread_is_sound(self.before, thread.number))
        chunk = z3.LShR(handle, 8)
        is_in_view = z3.simplify((handle & ~thread["MASK"]) == 0)
        with self.when(is_in_view):
            view = number_of(thread["SLOTS"])
        with self.when(z3.Not(is_in_view)):
            table = thread.target("TABLE")
            has_table = table.number != 0
            with self.when(has_table):
                has_chunk, link = self._chunk(table, chunk)
        has_slot = z3.Or(is_in_view, z3.And(has_table, has_chunk))
        return has_slot, z3.If(is_in_view, view, number_of(link))

    def _chunk(self, table: Object, chunk: Word) -> tuple[z3.BoolRef, Word]:
        """Whether a table has a chunk, and the link to it."""
        self.assume(*invariants.table_is_sound(self.before, table.number, chunk))
        has_chunk = z3.ULT(chunk, table["CHUNKS"])
        with self.when(has_chunk):
            first = direct(z3.Concat(table.number, z3.BitVecVal(0, 6)))
            address = first + 8 * self.layout.word("CapTable.CHUNK") + 8 * chunk
            right = self.now.is_object(table.number, "CapTable")
            limit = z3.ULT(chunk, self.layout.constants["CHUNKS_MAX"])
            self.note("CapTable.CHUNK", OBJECTS, address, z3.And(right, limit))
        return has_chunk, self.now.chunk_link(table.number, chunk)

    def chunk_of(self, table: Object, number: Word) -> tuple[z3.BoolRef, Word]:
        """Whether a number names a slot of a table, and the link to its chunk."""
        return self._chunk(table, z3.LShR(number, 8))

    def slot(self, chunk: Word, index: Word, exists: z3.BoolRef) -> Slot:
        """A slot of a chunk, if it exists."""
        slot = self.now.slot(chunk, index)
        self.assume(*invariants.slot_is_sound(self.before, self.before.slot(chunk, index)))
        with self.when(exists):
            self._note_slot(slot, False)
        return slot

    def _note_slot(self, slot: Slot, is_write: bool) -> None:
        is_own = frame_of(slot.unit) == frame_of(NULL_SLOTS)
        right = z3.Or(self.now.is_frame_of(slot.unit, "Slots"), is_own)
        for at in range(2):
            self.note(f"slot, word {at}", OBJECTS, slot.address(at), right, is_write=is_write)

    def fill(self, slot: Slot, identity: Word, content: Word) -> None:
        """Writes a slot."""
        self._note_slot(slot, True)
        self.store(*slot.stored((identity, content)))

    def check(self, slot: Slot, kind: Word, rights: Word) -> None:
        """Refuses a capability of another kind, without the rights, or of what was destroyed."""
        self.refuse("WrongKind", slot.kind() != kind)
        self.refuse("NoRight", (slot.rights() & rights) != rights)
        self.refuse("Stale", z3.Not(self.is_live(slot, kind)))

    def is_live(self, slot: Slot, kind: Word) -> z3.BoolRef:
        """Whether the object of a capability of this kind still exists."""
        frame = self.frame(frame_of(slot.number()))
        is_pool = frame.kind == kind
        is_frame = z3.simplify(kind == self.layout.kinds["Frame"])
        with self.when(z3.And(is_pool, is_frame)):
            of_frame = frame["ID"]
        with self.when(z3.And(is_pool, z3.Not(is_frame))):
            # Every kind of object has its identity first; its frame is one of that kind.
            kinds = [
                self.now.is_object(slot.number(), name)
                for name in self.layout.kinds
                if name not in FRAME_KIND_OF
            ]
            at = self.layout.word("Thread.ID")
            self.note("identity", OBJECTS, address_of(slot.number(), at), disjunction(kinds))
            of_object = self.now.memory.field(slot.number(), at)
        identity = z3.simplify(z3.If(is_frame, of_frame, of_object))
        return z3.And(is_pool, identity == slot.id)

    def kind(self, name: str) -> Word:
        """A kind by its name."""
        return z3.BitVecVal(self.layout.kinds[name], 8)

    def rights(self, names: str) -> Word:
        """Rights by their names, which `|` joins."""
        total = 0
        for name in names.split("|"):
            total |= self.layout.rights[name]
        return z3.BitVecVal(total, 8)

    def find(self, handle: Word, kind: str, right: str) -> Object:
        """The live object that a handle of the current thread names."""
        slot = self._find(handle, self.kind(kind), self.rights(right))
        found = self.object(kind, slot.number())
        self.assume(*self._rules_of(found))
        return found

    def _find(self, handle: Word, kind: Word, rights: Word) -> Slot:
        """`find_raw`."""
        with self.elsewhere():
            slot = self.capability(self.current(), handle)
            self.check(slot, kind, rights)
        return slot

    def _rules_of(self, found: Object) -> list[z3.BoolRef]:
        rules: dict[str, Callable[[KernelState, Word], list[z3.BoolRef]]] = {
            "Thread": invariants.thread_is_sound,
            "Gate": invariants.gate_is_sound,
        }
        rule = rules.get(found.kind)
        return rule(self.before, found.number) if rule else []

    def find_frame(self, handle: Word, right: str | Word) -> tuple[Frame, Slot]:
        """The live user frame that a handle names, and its capability."""
        rights = self.rights(right) if isinstance(right, str) else right
        slot = self._find(handle, self.kind("Frame"), rights)
        return self.frame(frame_of(slot.number())), slot

    def with_right(self, frame: Frame, _right: str) -> Frame:
        """A frame whose capability was seen to have a right."""
        return frame

    def seen(self, slot: Slot, _right: str) -> Slot:
        """A capability that was seen to have a right."""
        return slot

    def find_place(self, place: Word, rights: Word) -> tuple[Word, Word, Slot]:
        """The slot that a place names, as chunk and index, and what it holds.

        `BadSlot` if it is outside its table, or slot 0.
        """
        named = self._find(z3.LShR(place, 32), self.kind("CapTable"), rights)
        table = self.object("CapTable", named.number())
        index = z3.ZeroExt(32, z3.Extract(31, 0, place))
        with self.when(index != 0):
            has_chunk, link = self._chunk(table, z3.LShR(index, 8))
        exists = z3.And(index != 0, has_chunk)
        self.refuse("BadSlot", z3.Not(exists))
        chunk = number_of(link)
        self.assume(*invariants.slot_is_sound(self.before, self.before.slot(chunk, index)))
        slot = self.now.slot(chunk, z3.Extract(7, 0, index))
        return link, z3.ZeroExt(56, z3.Extract(7, 0, index)), slot

    def find_slot(self, place: Word, right: str) -> Slot:
        """The slot that a place names."""
        with self.elsewhere():
            return self.find_place(place, self.rights(right))[2]

    def find_empty_slot(self, place: Word) -> Slot:
        """The same, which must be empty, in a table with `WRITE`."""
        with self.elsewhere():
            slot = self.find_place(place, self.rights("WRITE"))[2]
            self.look_at(slot)
        self.refuse("SlotOccupied", slot.word != 0)
        return slot

    def look_at(self, slot: Slot) -> None:
        """The function reads the slot."""
        self._note_slot(slot, False)

    # Steps that many calls share.

    def effect(self, name: str) -> Word:
        """The first word of an effect."""
        return word(self.layout.effects[name])

    def leave(self, effect: str, *operands: Word) -> None:
        """Leaves an effect to be performed on the way out; none was left before the call."""
        self.leave_word(self.effect(effect), *operands)

    def leave_word(self, code: Word, *operands: Word) -> None:
        """The same, by its first word."""
        count = self.core["EFFECT_COUNT"]
        self.assume(self.before.field(CORE, "Core.EFFECT_COUNT") == 0)
        values = [code, *operands, word(0), word(0)][:3]
        for at, value in enumerate(values):
            self.core.put("EFFECTS", at, value)
        self.core["EFFECT_COUNT"] = count + 1
        self.core["PENDING"] = self.core["PENDING"] | self.layout.constants["pending.WORK"]

    def link(self, item: Object) -> Word:
        """The link word that names an object."""
        return link_of(item.number)

    def new_id(self) -> Word:
        """An identity that no object has or had."""
        identity = self.machine["NEXT_ID"]
        # Nobody makes 2 to the power of 63 objects.
        self.assume(self.before.field(MACHINE, "Machine.NEXT_ID") >> 63 == 0)
        self.machine["NEXT_ID"] = identity + 1
        return identity

    def push(self, head: Object, heads: str, element: Object, names: tuple[str, str]) -> None:
        """Puts an element at the front of a list: `heads` of the head, next and previous."""
        following, previous = names
        first = head.target(heads)
        element[following] = link_of(first.number)
        element[previous] = 0
        with self.when(first.number != 0):
            first[previous] = link_of(element.number)
        head[heads] = link_of(element.number)
