"""The kernel's memory through the kernel's types, and the invariants that the proofs assume.

Each invariant is stated for one object and the objects it names. A proof uses its instances for the
objects that the specification meets; that every reachable state satisfies them is checked elsewhere
(see `verification/README.md`).
"""

from __future__ import annotations

from dataclasses import dataclass

import z3

from .layout import Layout
from .logic import disjunction
from .memory import FRAME_BITS, NUMBER_BITS, Memory

NUMBER_MASK = (1 << NUMBER_BITS) - 1
UNITS_PER_FRAME_BITS = NUMBER_BITS - FRAME_BITS

DESCRIBED = z3.Array("described", z3.BitVecSort(FRAME_BITS), z3.BitVecSort(1))


@dataclass(frozen=True)
class KernelState:
    """One state of the kernel. Numbers have 40 bits, frames 34."""

    layout: Layout
    memory: Memory
    # Which frames the frame table describes: kind byte and entry are mapped.
    described: z3.ArrayRef
    # The machine's stand-ins for what died.
    null_slots: z3.BitVecRef
    null_endpoint: z3.BitVecRef

    @staticmethod
    def symbolic(layout: Layout, memory: Memory) -> KernelState:
        return KernelState(
            layout,
            memory,
            DESCRIBED,
            z3.BitVec("null_slots", NUMBER_BITS),
            z3.BitVec("null_endpoint", NUMBER_BITS),
        )

    def field(self, number: z3.BitVecRef, name: str) -> z3.BitVecRef:
        """The field `Object.FIELD` of an object."""
        return self.memory.field(number, self.layout.word(name))

    def slot(self, chunk: z3.BitVecRef, index: z3.BitVecRef) -> Slot:
        """Slot `index` (8 bits) of a chunk."""
        unit = chunk + z3.ZeroExt(NUMBER_BITS - 6, z3.Extract(7, 2, index))
        words = []
        for word in range(2):
            choices = [self.memory.row(2 * q + word, unit) for q in range(4)]
            value = choices[3]
            for quarter in range(2, -1, -1):
                value = z3.If(z3.Extract(1, 0, index) == quarter, choices[quarter], value)
            words.append(value)
        return Slot(unit, z3.Extract(1, 0, index), words[0], words[1])

    def is_described(self, frame: z3.BitVecRef) -> z3.BoolRef:
        return z3.Select(self.described, frame) == 1

    def is_frame_of(self, number: z3.BitVecRef, kind: str) -> z3.BoolRef:
        """The frame of `number` is described and of this frame kind."""
        frame = frame_of(number)
        is_kind = self.memory.kind(frame) == self.layout.frame_kinds[kind]
        return z3.And(self.is_described(frame), is_kind)

    def is_object(self, number: z3.BitVecRef, name: str) -> z3.BoolRef:
        """`number` names a place for an object of this kind."""
        return z3.And(self.is_frame_of(number, name), self.is_aligned(number, name))

    def is_aligned(self, number: z3.BitVecRef, name: str) -> z3.BoolRef:
        bits = self.layout.objects[name].units.bit_length() - 1
        return z3.BoolVal(True) if bits == 0 else z3.Extract(bits - 1, 0, number) == 0

    # The invariants.

    def thread_is_sound(self, thread: z3.BitVecRef) -> list[z3.BoolRef]:
        """The table of a thread, and the part of it that the fast path sees."""
        slots, table = self.field(thread, "Thread.SLOTS"), self.field(thread, "Thread.TABLE")
        mask = self.field(thread, "Thread.MASK")
        first = self.layout.constants["CHUNK_SLOTS"] - 1
        return [
            z3.Or(mask == 0, mask == first),
            is_link(slots),
            z3.Or(self.is_object(number_of(slots), "Slots"), number_of(slots) == self.null_slots),
            is_link(table),
            z3.Or(number_of(table) == 0, self.is_object(number_of(table), "CapTable")),
        ]

    def table_is_sound(self, table: z3.BitVecRef, chunk: z3.BitVecRef) -> list[z3.BoolRef]:
        """A capability table has at most the named number of chunks, and those it has exist."""
        count = self.field(table, "CapTable.CHUNKS")
        link = self.chunk_link(table, chunk)
        has = z3.And(self.is_object(table, "CapTable"), z3.ULT(chunk, count))
        exists = z3.And(is_link(link), self.is_object(number_of(link), "Slots"))
        limit = self.layout.constants["CHUNKS_MAX"]
        return [
            z3.Implies(self.is_object(table, "CapTable"), z3.ULE(count, limit)),
            z3.Implies(has, exists),
        ]

    def chunk_link(self, table: z3.BitVecRef, chunk: z3.BitVecRef) -> z3.BitVecRef:
        """The link to chunk `chunk` (64 bits, below the named number) of a table."""
        first = self.layout.word("CapTable.CHUNK")
        assert first % 8 == 0
        unit = table + first // 8 + z3.Extract(NUMBER_BITS + 2, 3, chunk)
        value = self.memory.row(7, unit)
        for word in range(6, -1, -1):
            is_word = z3.Extract(2, 0, chunk) == word
            value = z3.If(is_word, self.memory.row(word, unit), value)
        return value

    def slot_is_sound(self, slot: Slot) -> list[z3.BoolRef]:
        """A slot is empty, or names a kind and a place in a described frame."""
        kind, number = slot.kind(), slot.number()
        known = [kind == value for value in self.layout.kinds.values()]
        filled = z3.And(
            disjunction(known),
            z3.Extract(5, 0, slot.word) == 0,
            z3.Extract(47, 46, slot.word) == 0,
            slot.id != 0,
            self.is_described(frame_of(number)),
        )
        in_use = z3.Or(
            self.is_frame_of(slot.unit, "Slots"), frame_of(slot.unit) == frame_of(self.null_slots)
        )
        return [z3.Implies(in_use, z3.Or(z3.And(slot.word == 0, slot.id == 0), filled))]

    def gate_is_sound(self, gate: z3.BitVecRef) -> list[z3.BoolRef]:
        """A live gate names an endpoint, or the one that stands for those that died."""
        link = self.field(gate, "Gate.ENDPOINT")
        endpoint = number_of(link)
        named = z3.Or(self.is_object(endpoint, "Endpoint"), endpoint == self.null_endpoint)
        is_live = z3.And(self.is_object(gate, "Gate"), self.field(gate, "Gate.ID") != 0)
        return [z3.Implies(is_live, z3.And(is_link(link), endpoint != 0, named))]

    def stand_ins_are_sound(self) -> list[z3.BoolRef]:
        """The stand-ins are the kernel's own, aligned, and not the same frame."""
        return [
            self.is_frame_of(self.null_slots, "Kernel"),
            self.is_aligned(self.null_slots, "Slots"),
            self.is_frame_of(self.null_endpoint, "Kernel"),
            self.is_aligned(self.null_endpoint, "Endpoint"),
            self.null_endpoint != 0,
            self.field(self.null_endpoint, "Endpoint.ID") == 0,
        ]


@dataclass(frozen=True)
class Slot:
    """A capability slot: where it is, and its two words."""

    unit: z3.BitVecRef
    quarter: z3.BitVecRef
    id: z3.BitVecRef
    word: z3.BitVecRef

    def kind(self) -> z3.BitVecRef:
        return z3.Extract(55, 48, self.word)

    def rights(self) -> z3.BitVecRef:
        return z3.Extract(63, 56, self.word)

    def number(self) -> z3.BitVecRef:
        return number_of(z3.LShR(self.word, 6))

    def address(self, word: int) -> z3.BitVecRef:
        """Where word `word` is, as an address in the direct map."""
        low = z3.Concat(self.quarter, z3.BitVecVal(word, 1), z3.BitVecVal(0, 3))
        return _direct(z3.Concat(self.unit, low))


def number_of(link: z3.BitVecRef) -> z3.BitVecRef:
    """The number in a link word."""
    return z3.Extract(NUMBER_BITS - 1, 0, link)


def is_link(link: z3.BitVecRef) -> z3.BoolRef:
    """A link word without marks."""
    return z3.ULE(link, NUMBER_MASK)


def frame_of(number: z3.BitVecRef) -> z3.BitVecRef:
    """The frame in which an object lies."""
    return z3.Extract(NUMBER_BITS - 1, UNITS_PER_FRAME_BITS, number)


def address_of(number: z3.BitVecRef, word: int) -> z3.BitVecRef:
    """The address of a word of an object in the direct map."""
    unit = number + word // 8
    return _direct(z3.Concat(unit, z3.BitVecVal(word % 8 * 8, 6)))


def _direct(physical: z3.BitVecRef) -> z3.BitVecRef:
    prefix = z3.BitVecVal(0xFFFF_0000_0000_0000 >> physical.size(), 64 - physical.size())
    return z3.Concat(prefix, physical)
