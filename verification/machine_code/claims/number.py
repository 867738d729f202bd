"""Interrupt lines and ASIDs, of which allowances are made, and what the machine knows of each."""

from __future__ import annotations

from dataclasses import dataclass

import z3

from ..call import Call, Word, word
from ..kernel_state import MACHINE, direct
from ..logic import conjunction
from ..memory import NUMBER_BITS, OBJECTS, UNIT_BITS, UNIT_WORDS, WORD_BYTES, Update

# Where each sort of number has its tables in the machine: users, who begins at it, bits in use.
TABLES = {"IRQ": ("IRQS", "IRQ_FIRST", "LINES_USED"), "ASID": ("ASIDS", "ASID_FIRST", "ASIDS_USED")}
USERS, BEGINS = range(2)
ALL_ONES = (1 << 64) - 1


@dataclass(frozen=True)
class Element:
    """A word of an array of the machine's, at an index below the length of the array."""

    call: Call
    field: str
    index: Word
    length: int

    def read(self) -> Word:
        """What it holds."""
        self._note(False)
        return self.call.now.element(MACHINE, f"Machine.{self.field}", self.index, self.length)

    def write(self, value: Word) -> None:
        """Writes it."""
        self._note(True)
        unit, lane = self._unit(), z3.Extract(2, 0, self.index)
        self.call.store(*(Update(w, unit, value, lane == w) for w in range(UNIT_WORDS)))

    def _unit(self) -> Word:
        first = self.call.layout.word(f"Machine.{self.field}") // UNIT_WORDS
        return z3.simplify(MACHINE + first + z3.Extract(NUMBER_BITS + 2, 3, self.index))

    def _note(self, is_write: bool) -> None:
        it = self.call
        it.note_field(it.core, "MACHINE")
        base = direct(z3.Concat(MACHINE, z3.BitVecVal(0, UNIT_BITS)))
        address = base + 8 * it.layout.word(f"Machine.{self.field}") + 8 * self.index
        right = z3.And(z3.ULT(self.index, self.length), it.now.is_frame_of(self._unit(), "Kernel"))
        it.note(f"Machine.{self.field}", OBJECTS, address, right, is_write=is_write)


def line_of(it: Call, field: str, number: Word) -> Element:
    """What the machine knows of a number."""
    return Element(it, field, number, it.layout.constants["LINES"])


def _ones_below(count: Word) -> Word:
    """The lowest bits, so many; all from 64 on."""
    return z3.If(z3.UGE(count, 64), word(ALL_ONES), (word(1) << count) - 1)


def _less(count: Word, by: int) -> Word:
    return z3.If(z3.UGE(count, by), count - by, word(0))


def _in_range(words: list[Word], first: Word, limit: Word) -> list[Word]:
    """The bits of numbers of `[first, limit)`, word by word."""
    found = []
    for at, bits in enumerate(words):
        is_below, is_before = _ones_below(_less(limit, 64 * at)), _ones_below(_less(first, 64 * at))
        found.append(bits & is_below & ~is_before)
    return found


def _used(it: Call, is_irq: z3.BoolRef, at: int) -> Word:
    """Which numbers of a sort are in use, 64 of them."""
    words = []
    for sort, condition in (("IRQ", is_irq), ("ASID", z3.Not(is_irq))):
        with it.when(condition):
            bits = Element(it, TABLES[sort][2], word(at), it.layout.constants["LINES"] // 64)
            words.append(bits.read())
    return z3.simplify(z3.If(is_irq, *words))


def _first_of_bits(words: list[Word]) -> Word:
    """The number of the first bit that is set."""
    number = word(0)
    for at, bits in reversed(list(enumerate(words))):
        place = word(64 * at + 63)
        for bit in range(62, -1, -1):
            place = z3.If(z3.Extract(bit, bit, bits) == 1, word(64 * at + bit), place)
        number = z3.If(bits != 0, place, number)
    return number


def search(
    it: Call, is_irq: z3.BoolRef, is_unused: Word, span: tuple[Word, Word]
) -> tuple[z3.BoolRef, Word]:
    """Whether a span has no number in use (or no unused one), and the first such number."""
    flip, is_irq = z3.SignExt(63, is_unused), z3.simplify(is_irq)
    words = [_used(it, is_irq, at) ^ flip for at in range(it.layout.constants["LINES"] // 64)]
    bits = [z3.simplify(part) for part in _in_range(words, *span)]
    is_none = z3.If(conjunction(part == 0 for part in bits), z3.BitVecVal(1, 1), z3.BitVecVal(0, 1))
    none = it.name("has_no_number", is_none)
    number = it.name("first_number", _first_of_bits(bits))
    return none == 1, number


def first_number(it: Call, sort: Word, first: Word, limit: Word, is_unused: Word) -> None:
    """The first number of `[first, limit)` that is in use, or the first that is unused."""
    it.failure = lambda _: {"x0": word(0)}
    is_irq = sort == it.layout.constants["sort.IRQ"]
    is_none, number = search(it, is_irq, is_unused, (first, limit))
    it.refuse("Exhausted", is_none)
    it.end("found", z3.BoolVal(True), {"x0": word(1), "x1": number})


@dataclass(frozen=True)
class Line:
    """What an array of the machine's has for a number of a sort, which no solver needs to choose.

    The kernel reads the machine's last word where an index is beyond it: told here because the
    places then look as they do there. That no number is, each place shows.
    """

    call: Call
    # The link to the machine.
    link: Word
    is_irq: z3.BoolRef
    # Which array: a place in a row of `TABLES`.
    array: int
    number: Word

    def read(self) -> Word:
        """What it holds."""
        return self.call.now.memory.load(OBJECTS, self._address(is_write=False), WORD_BYTES)

    def write(self, value: Word) -> None:
        """Writes it."""
        memory = self.call.now.memory
        after = memory.store(OBJECTS, self._address(is_write=True), value)
        self.call.store(*after.updates[len(memory.updates) :])

    def _address(self, *, is_write: bool) -> Word:
        it = self.call
        firsts = (word(it.layout.word(f"Machine.{TABLES[s][self.array]}")) for s in ("IRQ", "ASID"))
        index = z3.simplify(z3.If(self.is_irq, *firsts) + self.number)
        last = it.layout.objects["Machine"].words - 1
        index = z3.If(z3.ULT(index, last), index, word(last))
        base = word(OBJECTS.base) + (self.link << UNIT_BITS)
        address = z3.simplify(base + (index << 3))
        unit = z3.Extract(OBJECTS.bits - 1, UNIT_BITS, address)
        is_number = z3.ULT(self.number, it.layout.constants["LINES"])
        right = z3.And(is_number, it.now.is_frame_of(z3.simplify(unit), "Kernel"))
        it.note(f"Machine.{TABLES['IRQ'][self.array]}", OBJECTS, address, right, is_write=is_write)
        return address
