"""The kernel's memory through the kernel's types: numbers, links, fields, slots, frames.

What is assumed of it stands in `invariants`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import z3

from .layout import Layout
from .memory import (
    ENTRIES,
    ENTRY_BITS,
    FRAME_BITS,
    KINDS,
    NUMBER_BITS,
    UNITS_PER_FRAME_BITS,
    Memory,
    Update,
)

NUMBER_MASK = (1 << NUMBER_BITS) - 1
SLOT_WORDS = 2

DESCRIBED = z3.Array("described", z3.BitVecSort(FRAME_BITS), z3.BitVecSort(1))

# What never changes after the start: this core, the machine, and its stand-ins for what died.
CORE = z3.BitVec("core", NUMBER_BITS)
MACHINE = z3.BitVec("machine", NUMBER_BITS)
NULL_SLOTS = z3.BitVec("null_slots", NUMBER_BITS)
NULL_ENDPOINT = z3.BitVec("null_endpoint", NUMBER_BITS)

# The frame kind of what capabilities call a frame.
FRAME_KIND_OF = {"Frame": "User"}


@dataclass(frozen=True)
class KernelState:
    """One state of the kernel. Numbers have 40 bits, frames 34."""

    layout: Layout
    memory: Memory
    # Which frames the frame table describes: kind byte and entry are mapped.
    described: z3.ArrayRef = DESCRIBED

    @staticmethod
    def symbolic(layout: Layout) -> KernelState:
        return KernelState(layout, Memory.symbolic("initial_"))

    def after(self, memory: Memory) -> KernelState:
        """The same kernel with other contents of its memory."""
        return replace(self, memory=memory)

    def field(self, number: z3.BitVecRef, name: str, index: int = 0) -> z3.BitVecRef:
        """The field `Object.FIELD` of an object, or an element of it."""
        return self.memory.field(number, self.layout.word(name) + index)

    def entry(self, frame: z3.BitVecRef, name: str) -> z3.BitVecRef:
        """A field of a frame's entry."""
        return self.memory.entry(frame, self.layout.word(f"Entry.{name}"))

    def element(
        self, number: z3.BitVecRef, name: str, index: z3.BitVecRef, limit: int
    ) -> z3.BitVecRef:
        """Element `index` (64 bits, below `limit`) of an array field that begins at a unit."""
        first = self.layout.word(name)
        assert first % 8 == 0 and limit % 8 == 0
        unit = number + first // 8 + z3.Extract(NUMBER_BITS + 2, 3, index)
        value = self.memory.row(7, unit)
        for word in range(6, -1, -1):
            is_word = z3.Extract(2, 0, index) == word
            value = z3.If(is_word, self.memory.row(word, unit), value)
        return value

    def chunk_link(self, table: z3.BitVecRef, chunk: z3.BitVecRef) -> z3.BitVecRef:
        """The link to chunk `chunk` (64 bits, below the named number) of a table."""
        limit = self.layout.constants["CHUNKS_MAX"]
        return self.element(table, "CapTable.CHUNK", chunk, limit)

    def slot(self, chunk: z3.BitVecRef, index: z3.BitVecRef) -> Slot:
        """Slot `index` (8 bits) of a chunk."""
        unit = z3.simplify(chunk + z3.ZeroExt(NUMBER_BITS - 6, z3.Extract(7, 2, index)))
        words = []
        for word in range(SLOT_WORDS):
            choices = [self.memory.row(SLOT_WORDS * q + word, unit) for q in range(4)]
            value = choices[3]
            for quarter in range(2, -1, -1):
                value = z3.If(z3.Extract(1, 0, index) == quarter, choices[quarter], value)
            words.append(value)
        return Slot(unit, z3.Extract(1, 0, index), words[0], words[1])

    def is_described(self, frame: z3.BitVecRef) -> z3.BoolRef:
        return z3.Select(self.described, frame) == 1

    def is_frame_of(self, number: z3.BitVecRef, kind: str) -> z3.BoolRef:
        """The frame of `number` is described and of this frame kind."""
        return self.is_frame(frame_of(number), kind)

    def is_frame(self, frame: z3.BitVecRef, kind: str) -> z3.BoolRef:
        """A frame is described and of this frame kind."""
        is_kind = self.memory.kind(frame) == self.layout.frame_kinds[kind]
        return z3.And(self.is_described(frame), is_kind)

    def is_object(self, number: z3.BitVecRef, name: str) -> z3.BoolRef:
        """`number` names a place for an object of this kind."""
        return z3.And(self.is_frame_of(number, name), self.is_aligned(number, name))

    def is_live(self, number: z3.BitVecRef, name: str) -> z3.BoolRef:
        """`number` names an object of this kind that was not destroyed."""
        return z3.And(self.is_object(number, name), self.field(number, f"{name}.ID") != 0)

    def is_aligned(self, number: z3.BitVecRef, name: str) -> z3.BoolRef:
        bits = self.layout.objects[name].units.bit_length() - 1
        return z3.BoolVal(True) if bits == 0 else z3.Extract(bits - 1, 0, number) == 0


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
        return z3.Extract(NUMBER_BITS + 5, 6, self.word)

    def address(self, word: int) -> z3.BitVecRef:
        """Where word `word` is, as an address in the direct map."""
        low = z3.Concat(self.quarter, z3.BitVecVal(word, 1), z3.BitVecVal(0, 3))
        return direct(z3.Concat(self.unit, low))

    def stored(self, words: tuple[z3.BitVecRef, z3.BitVecRef]) -> list[Update]:
        """The stores that fill it."""
        return [
            Update(SLOT_WORDS * quarter + at, self.unit, word, self.quarter == quarter)
            for quarter in range(4)
            for at, word in enumerate(words)
        ]


def number_of(link: z3.BitVecRef) -> z3.BitVecRef:
    """The number in a link word."""
    return z3.Extract(NUMBER_BITS - 1, 0, link)


def link_of(number: z3.BitVecRef) -> z3.BitVecRef:
    """A number as a link word."""
    return z3.ZeroExt(64 - number.size(), number)


def is_link(link: z3.BitVecRef) -> z3.BoolRef:
    """A link word without marks."""
    return z3.ULE(link, NUMBER_MASK)


def frame_of(number: z3.BitVecRef) -> z3.BitVecRef:
    """The frame in which an object lies."""
    return z3.simplify(z3.Extract(NUMBER_BITS - 1, UNITS_PER_FRAME_BITS, number))


def first_of(frame: z3.BitVecRef) -> z3.BitVecRef:
    """The number of the first object in a frame."""
    return z3.Concat(frame, z3.BitVecVal(0, UNITS_PER_FRAME_BITS))


def address_of(number: z3.BitVecRef, word: int) -> z3.BitVecRef:
    """The address of a word of an object in the direct map."""
    unit = z3.simplify(number + word // 8)
    return direct(z3.Concat(unit, z3.BitVecVal(word % 8 * 8, 6)))


def kind_address(frame: z3.BitVecRef) -> z3.BitVecRef:
    """The address of the kind byte of a frame."""
    prefix = z3.BitVecVal(KINDS.base >> frame.size(), 64 - frame.size())
    return z3.Concat(prefix, frame)


def entry_address(frame: z3.BitVecRef, word: int) -> z3.BitVecRef:
    """The address of a word of a frame's entry."""
    bits = FRAME_BITS + ENTRY_BITS
    prefix = z3.BitVecVal(ENTRIES.base >> bits, 64 - bits)
    return z3.Concat(prefix, frame, z3.BitVecVal(8 * word, ENTRY_BITS))


def direct(physical: z3.BitVecRef) -> z3.BitVecRef:
    """Where a physical address is."""
    prefix = z3.BitVecVal(0xFFFF_0000_0000_0000 >> physical.size(), 64 - physical.size())
    return z3.Concat(prefix, physical)
