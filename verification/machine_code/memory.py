"""Kernel memory as solver arrays, exactly as the machine addresses it.

Nothing is assumed about types here: the words of the direct map are eight arrays, one for each word
of a 64-byte unit, indexed by the 40-bit number of the unit. So field `w` of the object `n` is word
`w % 8` of unit `n + w / 8`, and two objects that overlapped would overlap here. That an access stays
inside an object of the right kind is an obligation (`proof`), not a property of the model.

A memory is arrays of which nothing is known, and the list of what was stored since: first to last,
each under its condition. What is read is a choice among them. So the solvers never meet an array
that was changed, and the list is at hand to be compared with the specification's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import z3

from .words import low_bits, part_of_sum

WORD_BYTES = 8
UNIT_BITS = 6
NUMBER_BITS = 40
FRAME_BITS = 34
FRAME_SHIFT = 12
UNIT_WORDS = 8
ENTRY_BITS = 5
ENTRY_WORDS = 4
UNITS_PER_FRAME_BITS = NUMBER_BITS - FRAME_BITS

# The arrays of a memory, by place: the words of units, the kind bytes, the words of entries.
KINDS_ARRAY = UNIT_WORDS
ENTRY_ARRAY = KINDS_ARRAY + 1
ARRAYS = ENTRY_ARRAY + ENTRY_WORDS
# What no machine code reads or writes, and only the specification knows: of each frame in a pool, how
# many are in the list from it on.
RANK_ARRAY = ARRAYS


@dataclass(frozen=True)
class Window:
    """A range of virtual addresses: `2**bits` bytes from `base`, which is aligned to its size."""

    name: str
    base: int
    bits: int

    def holds(self, address: z3.BitVecRef) -> z3.BoolRef:
        return z3.Extract(63, self.bits, address) == self.base >> self.bits


# The kernel's address space: see the module doc of `Memory`'s implementation in `aarch64`.
OBJECTS = Window("objects", 0xFFFF_0000_0000_0000, NUMBER_BITS + UNIT_BITS)
KINDS = Window("kinds", 0xFFFF_8000_0000_0000, FRAME_BITS)
ENTRIES = Window("entries", 0xFFFF_9000_0000_0000, FRAME_BITS + ENTRY_BITS)
WINDOWS = (OBJECTS, KINDS, ENTRIES)


class AccessError(Exception):
    """An access that the model does not cover."""


@dataclass(frozen=True)
class Update:
    """A store: from here on, row `index` of an array holds `value`, if `guard` holds."""

    array: int
    index: z3.BitVecRef
    value: z3.BitVecRef
    guard: z3.BoolRef | None = None
    # How many low bits of the index do not count: all these rows get the value.
    free_bits: int = 0

    def holds_at(self, index: z3.BitVecRef) -> z3.BoolRef:
        """Whether this is what row `index` holds."""
        top = index.size() - 1
        same = z3.Extract(top, self.free_bits, self.index) == z3.Extract(top, self.free_bits, index)
        return z3.simplify(same if self.guard is None else z3.And(self.guard, same))

    def under(self, condition: z3.BoolRef) -> Update:
        """The same, only if the condition holds too."""
        guard = condition if self.guard is None else z3.And(condition, self.guard)
        return replace(self, guard=guard)

    def is_same_store(self, other: Update) -> bool:
        """Whether both come from one store, each under conditions of its own."""
        places = self.array == other.array and self.index is other.index
        return places and self.value is other.value and self.free_bits == other.free_bits

    def in_either(self, condition: z3.BoolRef, other: Update) -> Update:
        """The same store: as here if the condition holds, else as there."""
        guards = [z3.BoolVal(True) if g is None else g for g in (self.guard, other.guard)]
        return replace(self, guard=z3.simplify(z3.If(condition, *guards)))


@dataclass(frozen=True)
class Memory:
    """What the kernel's memory holds at one moment."""

    base: tuple[z3.ArrayRef, ...]
    updates: tuple[Update, ...] = ()
    # Whether a store that two memories have under different conditions is one in a choice of both:
    # loops of stores, of which each round may be the last, stay short.
    joins: bool = False

    @staticmethod
    def symbolic(prefix: str) -> Memory:
        """Memory of which nothing is known."""
        number, frame = z3.BitVecSort(NUMBER_BITS), z3.BitVecSort(FRAME_BITS)
        word, byte = z3.BitVecSort(64), z3.BitVecSort(8)
        words = (z3.Array(f"{prefix}word{i}", number, word) for i in range(UNIT_WORDS))
        entries = (z3.Array(f"{prefix}entry{i}", frame, word) for i in range(ENTRY_WORDS))
        kinds = z3.Array(f"{prefix}kinds", frame, byte)
        return Memory((*words, kinds, *entries, z3.Array(f"{prefix}ranks", frame, word)))

    def chosen(self, condition: z3.BoolRef, other: Memory) -> Memory:
        """This memory if `condition` holds, else `other`."""
        shared = 0
        for mine, its in zip(self.updates, other.updates):
            if mine is not its:
                break
            shared += 1
        both = []
        for mine, its in zip(self.updates[shared:], other.updates[shared:]):
            if not (self.joins and mine.is_same_store(its)):
                break
            both.append(mine.in_either(condition, its))
        first = shared + len(both)
        mine = [update.under(condition) for update in self.updates[first:]]
        its = [update.under(z3.Not(condition)) for update in other.updates[first:]]
        return replace(self, updates=(*self.updates[:shared], *both, *mine, *its))

    def row(self, array: int, index: z3.BitVecRef) -> z3.BitVecRef:
        """What a row of an array holds."""
        value = z3.Select(self.base[array], index)
        for update in self.updates:
            if update.array != array:
                continue
            holds = update.holds_at(index)
            if z3.is_true(holds):
                value = update.value
            elif not z3.is_false(holds):
                value = z3.If(holds, update.value, value)
        return value

    def updated(self, *updates: Update) -> Memory:
        """The memory after these stores too."""
        return replace(self, updates=(*self.updates, *updates))

    # What specifications read.

    def field(self, number: z3.BitVecRef, word: int) -> z3.BitVecRef:
        """Word `word` of the object `number` (40 bits)."""
        return self.row(word % UNIT_WORDS, z3.simplify(number + word // UNIT_WORDS))

    def kind(self, frame: z3.BitVecRef) -> z3.BitVecRef:
        """The kind byte of a frame (34 bits)."""
        return self.row(KINDS_ARRAY, frame)

    def entry(self, frame: z3.BitVecRef, word: int) -> z3.BitVecRef:
        """Word `word` of a frame's entry."""
        return self.row(ENTRY_ARRAY + word, frame)

    def zeroed(self, frame: z3.BitVecRef, guard: z3.BoolRef | None = None) -> Memory:
        """The memory after a whole frame of it became zero."""
        first = z3.Concat(frame, z3.BitVecVal(0, UNITS_PER_FRAME_BITS))
        zero = z3.BitVecVal(0, 64)
        rows = [Update(i, first, zero, guard, UNITS_PER_FRAME_BITS) for i in range(UNIT_WORDS)]
        return self.updated(*rows)

    # What machine code does.

    def load(self, window: Window, address: z3.BitVecRef, size: int) -> z3.BitVecRef:
        """Reads `size` bytes at a naturally aligned address inside `window`."""
        if window is KINDS:
            if size != 1:
                raise AccessError(f"{size} bytes of the kind table at once")
            return z3.simplify(self.row(KINDS_ARRAY, low_bits(address, FRAME_BITS)))
        result = None
        for array, index, is_word in _rows(window, address):
            value = _piece(self.row(array, index), address, size)
            result = value if result is None else z3.If(is_word, value, result)
        assert result is not None
        return z3.simplify(result)

    def store(self, window: Window, address: z3.BitVecRef, value: z3.BitVecRef) -> Memory:
        """Writes a word or a naturally aligned piece of one, or one kind byte."""
        if window is KINDS:
            if value.size() != 8:
                raise AccessError("more than one byte of the kind table at once")
            return self.updated(Update(KINDS_ARRAY, low_bits(address, FRAME_BITS), value))
        updates = []
        for array, index, is_word in _rows(window, address):
            guard = None if z3.is_true(is_word) else is_word
            whole = value
            if value.size() != 8 * WORD_BYTES:
                whole = _with_piece(self.row(array, index), address, value)
            updates.append(Update(array, index, whole, guard))
        return self.updated(*updates)


def _rows(
    window: Window, address: z3.BitVecRef
) -> list[tuple[int, z3.BitVecRef, z3.BoolRef]]:
    """The rows that an address can name: array, index, and whether it is this one."""
    is_entry = window is ENTRIES
    first, count, low = (
        (ENTRY_ARRAY, ENTRY_WORDS, ENTRY_BITS) if is_entry else (0, UNIT_WORDS, UNIT_BITS)
    )
    index = part_of_sum(address, window.bits - 1, low)
    place = z3.Extract(low - 1, 3, low_bits(address, low))
    rows = [(first + word, index, z3.simplify(place == word)) for word in range(count)]
    return [row for row in rows if not z3.is_false(row[2])]


def _piece(word: z3.BitVecRef, address: z3.BitVecRef, size: int) -> z3.BitVecRef:
    """The naturally aligned `size` bytes of a word that `address` names."""
    if size == WORD_BYTES:
        return word
    at = z3.simplify(z3.Extract(2, 0, low_bits(address, 3)))
    result = None
    for byte in range(0, WORD_BYTES, size):
        value = z3.Extract(8 * (byte + size) - 1, 8 * byte, word)
        result = value if result is None else z3.If(at == byte, value, result)
    assert result is not None
    return result


def _with_piece(word: z3.BitVecRef, address: z3.BitVecRef, piece: z3.BitVecRef) -> z3.BitVecRef:
    """A word with another naturally aligned piece where an address names it."""
    bits = piece.size()
    at = z3.simplify(z3.Extract(2, 0, low_bits(address, 3)))
    result = word
    for low in range(0, 8 * WORD_BYTES, bits):
        value = z3.ZeroExt(8 * WORD_BYTES - bits, piece) << low
        kept = ~(((1 << bits) - 1) << low) & ((1 << 8 * WORD_BYTES) - 1)
        result = z3.If(at == low // 8, (word & kept) | value, result)
    return z3.simplify(result)
