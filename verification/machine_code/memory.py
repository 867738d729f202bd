"""Kernel memory as solver arrays, exactly as the machine addresses it.

Nothing is assumed about types here: the words of the direct map are eight arrays, one for each word
of a 64-byte unit, indexed by the 40-bit number of the unit. So field `w` of the object `n` is word
`w % 8` of unit `n + w / 8`, and two objects that overlapped would overlap here. That an access stays
inside an object of the right kind is an obligation (`proof`), not a property of the model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import z3

WORD_BYTES = 8
UNIT_BITS = 6
NUMBER_BITS = 40
FRAME_BITS = 34
FRAME_SHIFT = 12
UNIT_WORDS = 8
ENTRY_BITS = 5
ENTRY_WORDS = 4


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
class Memory:
    """What the kernel's memory holds at one moment."""

    words: tuple[z3.ArrayRef, ...]
    kinds: z3.ArrayRef
    entries: tuple[z3.ArrayRef, ...]

    @staticmethod
    def symbolic(prefix: str) -> Memory:
        """Memory of which nothing is known."""
        number, frame = z3.BitVecSort(NUMBER_BITS), z3.BitVecSort(FRAME_BITS)
        word, byte = z3.BitVecSort(64), z3.BitVecSort(8)
        return Memory(
            tuple(z3.Array(f"{prefix}word{i}", number, word) for i in range(UNIT_WORDS)),
            z3.Array(f"{prefix}kinds", frame, byte),
            tuple(z3.Array(f"{prefix}entry{i}", frame, word) for i in range(ENTRY_WORDS)),
        )

    def arrays(self) -> list[z3.ArrayRef]:
        """All arrays, always in the same order."""
        return [*self.words, self.kinds, *self.entries]

    def chosen(self, condition: z3.BoolRef, other: Memory) -> Memory:
        """This memory if `condition` holds, else `other`."""
        pairs = zip(self.arrays(), other.arrays())
        arrays = [a if a.eq(b) else z3.If(condition, a, b) for a, b in pairs]
        last = UNIT_WORDS
        return Memory(tuple(arrays[:last]), arrays[last], tuple(arrays[last + 1 :]))

    # What specifications read.

    def field(self, number: z3.BitVecRef, word: int) -> z3.BitVecRef:
        """Word `word` of the object `number` (40 bits)."""
        return z3.Select(self.words[word % UNIT_WORDS], number + word // UNIT_WORDS)

    def kind(self, frame: z3.BitVecRef) -> z3.BitVecRef:
        """The kind byte of a frame (34 bits)."""
        return z3.Select(self.kinds, frame)

    # What machine code does.

    def load(self, window: Window, address: z3.BitVecRef, size: int) -> z3.BitVecRef:
        """Reads `size` bytes at a naturally aligned address inside `window`."""
        if window is KINDS:
            if size != 1:
                raise AccessError(f"{size} bytes of the kind table at once")
            return z3.Select(self.kinds, low_bits(address, FRAME_BITS))
        arrays, index = self._rows(window, address)
        result = None
        for word, array in enumerate(arrays):
            value = _piece(z3.Select(array, index), address, size)
            result = value if result is None else z3.If(_is_word(arrays, address, word), value, result)
        assert result is not None
        return z3.simplify(result)

    def store(self, window: Window, address: z3.BitVecRef, value: z3.BitVecRef) -> Memory:
        """Writes whole words, or one kind byte."""
        if window is KINDS:
            if value.size() != 8:
                raise AccessError("more than one byte of the kind table at once")
            return replace(self, kinds=z3.Store(self.kinds, low_bits(address, FRAME_BITS), value))
        if value.size() != 64:
            raise AccessError(f"a store of {value.size()} bits into an object")
        arrays, index = self._rows(window, address)
        written = []
        for word, array in enumerate(arrays):
            is_word = z3.simplify(_is_word(arrays, address, word))
            changed = z3.If(is_word, value, z3.Select(array, index))
            written.append(array if z3.is_false(is_word) else z3.Store(array, index, changed))
        if window is ENTRIES:
            return replace(self, entries=tuple(written))
        return replace(self, words=tuple(written))

    def _rows(
        self, window: Window, address: z3.BitVecRef
    ) -> tuple[tuple[z3.ArrayRef, ...], z3.BitVecRef]:
        if window is ENTRIES:
            return self.entries, z3.simplify(z3.Extract(window.bits - 1, ENTRY_BITS, address))
        return self.words, z3.simplify(z3.Extract(window.bits - 1, UNIT_BITS, address))


def _is_word(arrays: tuple[z3.ArrayRef, ...], address: z3.BitVecRef, word: int) -> z3.BoolRef:
    bits = len(arrays).bit_length() - 1
    low = low_bits(address, 3 + bits)
    return z3.Extract(2 + bits, 3, low) == word


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


def low_bits(term: z3.BitVecRef, width: int) -> z3.BitVecRef:
    """The low `width` bits, computed on narrow words: all these operations respect `2**width`."""
    if term.size() == width:
        return term
    kind = term.decl().kind()
    if kind in _MODULAR:
        parts = [low_bits(child, width) for child in term.children()]
        total = parts[0]
        for part in parts[1:]:
            total = _MODULAR[kind](total, part)
        return z3.simplify(total)
    if kind == z3.Z3_OP_ITE:
        condition, first, second = term.children()
        first, second = low_bits(first, width), low_bits(second, width)
        return first if first.eq(second) else z3.simplify(z3.If(condition, first, second))
    return z3.simplify(z3.Extract(width - 1, 0, term))


_MODULAR = {
    z3.Z3_OP_BADD: lambda a, b: a + b,
    z3.Z3_OP_BSUB: lambda a, b: a - b,
    z3.Z3_OP_BMUL: lambda a, b: a * b,
    z3.Z3_OP_BAND: lambda a, b: a & b,
    z3.Z3_OP_BOR: lambda a, b: a | b,
    z3.Z3_OP_BXOR: lambda a, b: a ^ b,
}
