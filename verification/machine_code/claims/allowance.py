"""Allowances of interrupt lines and of ASIDs, and what takes a number of one."""

from __future__ import annotations

import z3

from .. import invariants
from ..call import Call, Object, Word, word
from ..kernel_state import first_of, link_of
from .create import HOLDER, Vacancy, check_whole, find_vacancy, finish, take_whole
from .number import BEGINS, TABLES, USERS, Element, Line, line_of, search

FIRST_LEVEL = 1


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
    span = allowance["FIRST"], allowance["LIMIT"]
    with it.elsewhere():
        has_none, asid = search(it, z3.BoolVal(False), z3.BitVecVal(1, 1), span)
    it.conclude("the ASID is a number", z3.ULT(asid, it.layout.constants["LINES"]))
    it.refuse("Exhausted", has_none)
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
    with it.instead(sort == it.layout.constants["sort.TIME"]):
        _split_time(it, vacancy, parent, count)
    it.refuse("BadArgument", count == 0)
    limit = parent["LIMIT"]
    it.refuse("Exhausted", z3.UGE(count, limit - parent["FIRST"]))
    start = limit - count
    is_irq = sort == it.layout.constants["sort.IRQ"]
    with it.elsewhere():
        has_none, _ = search(it, is_irq, z3.BitVecVal(0, 1), (start, limit))
    it.refuse("Exhausted", z3.Not(has_none))
    finish(it, vacancy, "Allowance", HOLDER)
    parent["LIMIT"] = start
    fields = (("SORT", sort), ("FIRST", start), ("COUNT", count), ("LIMIT", limit))
    for field, value in fields:
        vacancy.item[field] = value
    Line(it, it.core["MACHINE"], is_irq, BEGINS, start).write(it.link(vacancy.item))
    it.done()


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
    link, used = it.core["MACHINE"], []
    for at in range(most):
        is_asked = z3.ULT(at, count)
        with it.when(is_asked):
            words = [Line(it, link, is_irq, array, limit + at).read() for array in (USERS, BEGINS)]
        used.append(z3.And(is_asked, words[0] | words[1] != 0))
    it.refuse("InUse", z3.Or(*used))
    allowance["LIMIT"] = limit + count
    it.done()


CALLS = (create_irq, create_space, allowance_split, allowance_merge)
