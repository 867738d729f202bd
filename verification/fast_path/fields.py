"""Kernel memory as the fields of a few objects that do not overlap.

A proof about states in which the objects that a path meets are known needs no arrays: each word
of each object is a term, and an address is a word of one of the objects, by arithmetic alone. An
access to any other address is refused, so every access that is made is in bounds and of the right
kind. That objects of a sound state do not overlap is proved apart (`disjoint`).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import z3

from machine_code.memory import (
    FRAME_BITS,
    KINDS,
    NUMBER_BITS,
    OBJECTS,
    UNIT_BITS,
    UNIT_WORDS,
)
from machine_code.words import low_bits, part_of_sum

WORD_BYTES = 8
UNITS_PER_FRAME = 64
ADDRESS_TOP = 63


class FieldError(Exception):
    """An access to what the proof does not know."""


@dataclass(frozen=True)
class Thing:
    """An object: its number, and the kind byte of its frame."""

    name: str
    number: z3.BitVecRef
    words: int
    kind: int

    def address(self, word: int = 0) -> z3.BitVecRef:
        """Where a word of it is mapped."""
        return z3.simplify((self.link() << UNIT_BITS) + (OBJECTS.base + WORD_BYTES * word))

    def is_placed(self) -> z3.BoolRef:
        """It is aligned to its size or to a frame, and neither in the first nor the last frame."""
        units = min(self.words // UNIT_WORDS, UNITS_PER_FRAME)
        last = (1 << NUMBER_BITS) - UNITS_PER_FRAME
        return z3.And(self.number & (units - 1) == 0, self.number != 0, z3.ULT(self.number, last))

    def link(self) -> z3.BitVecRef:
        """Its number as a whole word."""
        return z3.ZeroExt(64 - NUMBER_BITS, self.number)


# Object by name, and word in it.
Place = tuple[str, int]


@dataclass(frozen=True)
class FieldMemory:
    """The words of some objects. What was never given a value has a symbol of its own."""

    things: Mapping[str, Thing]
    words: Mapping[Place, z3.BitVecRef] = field(default_factory=dict)
    # A slot of a table at a symbolic index: its address, and its two words.
    slot: tuple[z3.BitVecRef, z3.BitVecRef, z3.BitVecRef] | None = None

    def get(self, name: str, word: int) -> z3.BitVecRef:
        """A word of an object."""
        known = self.words.get((name, word))
        return z3.BitVec(f"{name}.{word}", 64) if known is None else known

    def put(self, name: str, word: int, value: z3.BitVecRef) -> FieldMemory:
        """The memory with another word."""
        return replace(self, words={**self.words, (name, word): z3.simplify(value)})

    def place(self, address: z3.BitVecRef) -> Place:
        """Which word an address names."""
        at = z3.simplify(low_bits(address, UNIT_BITS))
        unit = part_of_sum(address, OBJECTS.bits - 1, UNIT_BITS)
        if not z3.is_bv_value(at) or at.as_long() % WORD_BYTES:
            raise FieldError(f"{address} is no word")
        for thing in self.things.values():
            distance = z3.simplify(unit - thing.number)
            if z3.is_bv_value(distance) and distance.as_long() < thing.words // UNIT_WORDS:
                word = distance.as_long() * UNIT_WORDS + at.as_long() // WORD_BYTES
                if _is_same(address, thing.address(word), thing.is_placed()):
                    return thing.name, word
        raise FieldError(f"{address} is no object's")

    def load(self, address: z3.BitVecRef, size: int) -> z3.BitVecRef:
        """Reads whole words, naturally aligned parts of them, and kind bytes."""
        prefix = part_of_sum(address, ADDRESS_TOP, FRAME_BITS)
        if size == 1 and _is_value(prefix, KINDS.base >> FRAME_BITS):
            return self._kind(low_bits(address, FRAME_BITS))
        slot = self._slot_word(address) if size == WORD_BYTES else None
        if slot is not None:
            return slot
        within = z3.simplify(low_bits(address, 3))
        if not z3.is_bv_value(within) or within.as_long() % size:
            raise FieldError(f"{address}: {size} bytes")
        low = 8 * within.as_long()
        word = self.get(*self.place(z3.simplify(address - within.as_long())))
        return z3.simplify(z3.Extract(low + 8 * size - 1, low, word))

    def store(self, address: z3.BitVecRef, value: z3.BitVecRef) -> FieldMemory:
        """Writes a whole word."""
        if value.size() != 8 * WORD_BYTES:
            raise FieldError(f"{address}: {value.size()} bits are written")
        return self.put(*self.place(address), value)

    def _slot_word(self, address: z3.BitVecRef) -> z3.BitVecRef | None:
        if self.slot is None:
            return None
        base, identity, word = self.slot
        distance = z3.simplify(address - base)
        for offset, value in ((0, identity), (WORD_BYTES, word)):
            if _is_value(distance, offset):
                return value
        return None

    def _kind(self, frame: z3.BitVecRef) -> z3.BitVecRef:
        for thing in self.things.values():
            own = z3.Extract(NUMBER_BITS - 1, NUMBER_BITS - FRAME_BITS, thing.number)
            if z3.is_true(z3.simplify(own == frame)):
                return z3.BitVecVal(thing.kind, 8)
        raise FieldError(f"the kind of the frame {frame}")


@functools.cache
def _is_same(one: z3.BitVecRef, other: z3.BitVecRef, hypothesis: z3.BoolRef) -> bool:
    if z3.is_true(z3.simplify(one == other)):
        return True
    solver = z3.SolverFor("QF_BV")
    solver.add(hypothesis, one != other)
    return solver.check() == z3.unsat


def _is_value(term: z3.BitVecRef, value: int) -> bool:
    return z3.is_bv_value(term) and term.as_long() == value
