"""Allowances of interrupt lines and of ASIDs, and what takes a number of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import z3

from .. import invariants
from ..call import Call, Object, Word, word
from ..kernel_state import MACHINE, direct, first_of, link_of
from ..logic import conjunction
from ..memory import NUMBER_BITS, OBJECTS, UNIT_BITS, UNIT_WORDS, Update
from .create import HOLDER, Vacancy, check_whole, find_vacancy, finish, take_whole

# Where each sort of number has its tables in the machine: users, who begins at it, bits in use.
TABLES = {"IRQ": ("IRQS", "IRQ_FIRST", "LINES_USED"), "ASID": ("ASIDS", "ASID_FIRST", "ASIDS_USED")}
FIRST_LEVEL = 1
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


def find_allowance(it: Call, handle: Word, sort: str) -> Object:
    """The allowance of a sort that a handle names."""
    allowance = it.find(handle, "Allowance", "WRITE")
    it.assume(*invariants.allowance_is_sound(it.before, allowance.number))
    it.refuse("BadArgument", allowance["SORT"] != it.layout.constants[f"sort.{sort}"])
    return allowance


def take_number(it: Call, sort: str, number: Word, user: Object) -> None:
    """A number is used from now on."""
    users, _, used = TABLES[sort]
    line_of(it, users, number).write(it.link(user))
    bits = Element(it, used, z3.LShR(number, 6), it.layout.constants["LINES"] // 64)
    bit = word(1) << (number & 63)
    old = bits.read()
    bits.write(z3.If(user.number == 0, old & ~bit, old | bit))


def create_irq(
    it: Call, region: Word, place: Word, destination: Word, allowances: Word, line: Word
) -> None:
    """A new interrupt of a line that has none."""
    it.rules = (invariants.ALLOWANCES,)
    vacancy = find_vacancy(it, (region, place, destination), "Irq")
    allowance = find_allowance(it, allowances, "IRQ")
    it.refuse("OutOfRange", z3.ULT(line, allowance["FIRST"]))
    it.refuse("OutOfRange", z3.UGE(line, allowance["LIMIT"]))
    it.refuse("Exhausted", line_of(it, "IRQS", line).read() != 0)
    finish(it, vacancy, "Irq", HOLDER)
    take_number(it, "IRQ", line, vacancy.item)
    vacancy.item["LINE"] = line
    it.done()


def _ones_below(count: Word) -> Word:
    """The lowest bits, so many; all from 64 on."""
    return z3.If(z3.UGE(count, 64), word(ALL_ONES), (word(1) << count) - 1)


def _less(count: Word, by: int) -> Word:
    return z3.If(z3.UGE(count, by), count - by, word(0))


def in_range(it: Call, bits: Callable[[int], Word], first: Word, limit: Word) -> list[Word]:
    """The bits of numbers of `[first, limit)`, word by word."""
    found = []
    for at in range(it.layout.constants["LINES"] // 64):
        is_below, is_before = _ones_below(_less(limit, 64 * at)), _ones_below(_less(first, 64 * at))
        found.append(bits(at) & is_below & ~is_before)
    return found


def bits_of(it: Call, sort: str, at: int) -> Word:
    """Which numbers are in use, 64 of them."""
    return Element(it, TABLES[sort][2], word(at), it.layout.constants["LINES"] // 64).read()


def first_of_bits(words: list[Word]) -> Word:
    """The number of the first bit that is set."""
    number = word(0)
    for at, bits in reversed(list(enumerate(words))):
        place = word(64 * at + 63)
        for bit in range(62, -1, -1):
            place = z3.If(z3.Extract(bit, bit, bits) == 1, word(64 * at + bit), place)
        number = z3.If(bits != 0, place, number)
    return number


def create_space(
    it: Call, region: Word, place: Word, destination: Word, allowances: Word, root: Word
) -> None:
    """A new space: the first unused ASID of an allowance, and an empty first table."""
    it.rules = (invariants.ALLOWANCES, invariants.vacancies("AddressSpace"))
    vacancy = find_vacancy(it, (region, place, destination), "AddressSpace")
    space = vacancy.item
    it.assume(*invariants.vacant_is_zero(it.before, space.number, "AddressSpace"))
    allowance = find_allowance(it, allowances, "ASID")
    frame = check_whole(it, vacancy.region, root, is_memory=True)
    it.refuse("NotFree", root == z3.LShR(place, 6))
    unused = in_range(
        it, lambda at: ~bits_of(it, "ASID", at), allowance["FIRST"], allowance["LIMIT"]
    )
    it.refuse("Exhausted", conjunction(bits == 0 for bits in unused))
    asid = first_of_bits(unused)
    finish(it, vacancy, "AddressSpace", HOLDER)
    take_number(it, "ASID", asid, space)
    take_whole(it, vacancy.region, frame, "PageTable", space)
    frame["SPACE"] = it.link(space) | FIRST_LEVEL << 60
    space["ASID"] = asid
    space["ROOT"] = link_of(first_of(frame.number))
    it.leave("InvalidateSpace", asid)
    it.done()


def allowance_split(
    it: Call, region: Word, place: Word, destination: Word, allowances: Word, count: Word
) -> None:
    """A new allowance of the last numbers of one, or of some of its time."""
    it.rules = (invariants.ALLOWANCES, invariants.vacancies("Allowance"))
    vacancy = find_vacancy(it, (region, place, destination), "Allowance")
    it.assume(*invariants.vacant_is_zero(it.before, vacancy.item.number, "Allowance"))
    parent = it.find(allowances, "Allowance", "WRITE")
    it.assume(*invariants.vacant_is_zero(it.before, parent.number, "Allowance"))
    it.assume(*invariants.allowance_is_sound(it.before, parent.number))
    sort = parent["SORT"]
    with it.when(sort == it.layout.constants["sort.TIME"]):
        _split_time(it, vacancy, parent, count)
    it.refuse("BadArgument", count == 0)
    limit = parent["LIMIT"]
    it.refuse("Exhausted", z3.UGE(count, limit - parent["FIRST"]))
    start = limit - count
    is_irq = sort == it.layout.constants["sort.IRQ"]
    taken = in_range(it, lambda at: _of_sort(it, is_irq, at), start, limit)
    it.refuse("Exhausted", z3.Or(*(bits != 0 for bits in taken)))
    finish(it, vacancy, "Allowance", HOLDER)
    parent["LIMIT"] = start
    fields = (("SORT", sort), ("FIRST", start), ("COUNT", count), ("LIMIT", limit))
    for field, value in fields:
        vacancy.item[field] = value
    for name, condition in (("IRQ", is_irq), ("ASID", z3.Not(is_irq))):
        with it.when(condition):
            line_of(it, TABLES[name][1], start).write(it.link(vacancy.item))
    it.done()


def _of_sort(it: Call, is_irq: z3.BoolRef, at: int) -> Word:
    with it.when(is_irq):
        lines = bits_of(it, "IRQ", at)
    with it.when(z3.Not(is_irq)):
        spaces = bits_of(it, "ASID", at)
    return z3.If(is_irq, lines, spaces)


def _split_time(it: Call, vacancy: Vacancy, parent: Object, grant: Word) -> None:
    """A share of a core's time, and what priorities go with it."""
    priority, unlimited, share = grant & 255, z3.LShR(grant, 8) & 255, z3.LShR(grant, 16)
    it.refuse("OutOfRange", z3.UGT(priority, parent["LIMIT"]))
    it.refuse("OutOfRange", z3.UGT(unlimited, priority))
    it.refuse("OutOfRange", z3.UGT(unlimited, parent["UNLIMITED"]))
    left = parent["COUNT"]
    it.refuse("Exhausted", z3.UGT(share, left))
    finish(it, vacancy, "Allowance", HOLDER)
    child = vacancy.item
    parent["COUNT"] = left - share
    child["SORT"] = it.layout.constants["sort.TIME"]
    child["FIRST"] = parent["FIRST"]
    fields = (("LIMIT", priority), ("UNLIMITED", unlimited), ("COUNT", share), ("SHARE", share))
    for field, value in fields:
        child[field] = value
    child["PARENT"] = it.link(parent)
    it.push(parent, "CHILDREN", child, ("NEXT", "PREV"))
    it.done()


def allowance_merge(it: Call, handle: Word, count: Word) -> None:
    """Takes unused numbers above its own part back."""
    names = it.layout.constants
    it.rules = (invariants.ALLOWANCES,)
    allowance = it.find(handle, "Allowance", "WRITE")
    it.assume(*invariants.allowance_is_sound(it.before, allowance.number))
    sort = allowance["SORT"]
    it.refuse("BadArgument", sort == names["sort.TIME"])
    it.refuse("OutOfRange", count == 0)
    limit = allowance["LIMIT"]
    lacking = allowance["FIRST"] + allowance["COUNT"] - limit
    most = names["MERGE_NUMBERS"]
    it.refuse("OutOfRange", z3.Or(z3.UGT(count, lacking), z3.UGT(count, most)))
    is_irq = sort == names["sort.IRQ"]
    used = []
    for at in range(most):
        is_asked = z3.ULT(at, count)
        for name, condition in (("IRQ", is_irq), ("ASID", z3.Not(is_irq))):
            with it.when(z3.And(is_asked, condition)):
                words = [line_of(it, field, limit + at).read() for field in TABLES[name][:2]]
            used.append(z3.And(is_asked, condition, words[0] | words[1] != 0))
    it.refuse("InUse", z3.Or(*used))
    allowance["LIMIT"] = limit + count
    it.done()


CALLS = (create_irq,)
# Told, and not yet proved.
DRAFTS = (create_space, allowance_split, allowance_merge)
