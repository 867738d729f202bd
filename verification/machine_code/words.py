"""Bits of sums, in a form in which equal places look the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import z3


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


def part_of_sum(term: z3.BitVecRef, high: int, low: int) -> z3.BitVecRef:
    """Bits `high` to `low` of a sum: the sum of those bits of its parts, if none is carried."""
    narrow = low_bits(term, high + 1)
    if not z3.is_app_of(narrow, z3.Z3_OP_BADD):
        return z3.simplify(z3.Extract(high, low, narrow))
    parts, used = _parts(narrow), 0
    for part in parts:
        bits = _possible_bits(part, low)
        if used & bits:
            return z3.simplify(z3.Extract(high, low, narrow))
        used |= bits
    total = None
    for part in parts:
        piece = z3.Extract(high, low, part)
        total = piece if total is None else total + piece
    return z3.simplify(total)


def _parts(total: z3.BitVecRef) -> list[z3.BitVecRef]:
    """The parts of a sum, with all that is constant in one, also what ends a concatenation."""
    constant, parts = 0, []
    for part in total.children():
        if z3.is_bv_value(part):
            constant += part.as_long()
        elif z3.is_app_of(part, z3.Z3_OP_CONCAT) and z3.is_bv_value(part.children()[-1]):
            *first, last = part.children()
            constant += last.as_long()
            parts.append(z3.Concat(*first, z3.BitVecVal(0, last.size())))
        else:
            parts.append(part)
    return [*parts, z3.BitVecVal(constant, total.size())]


def _possible_bits(term: z3.BitVecRef, width: int) -> int:
    """Which of the low `width` bits can be set, as a mask."""
    term = z3.simplify(z3.Extract(width - 1, 0, term))
    if z3.is_bv_value(term):
        return term.as_long()
    if not z3.is_app_of(term, z3.Z3_OP_CONCAT):
        return (1 << width) - 1
    mask = 0
    for part in term.children():
        bits = part.as_long() if z3.is_bv_value(part) else (1 << part.size()) - 1
        mask = mask << part.size() | bits
    return mask


# How many conditions can decide a choice among constants.
CHOICES_MAX = 4


def choice_of(term: z3.BitVecRef, depth: int = CHOICES_MAX) -> z3.BitVecRef | None:
    """A term that is a constant under some conditions, as a choice of constants; `None` if not."""
    term = z3.simplify(term)
    if z3.is_bv_value(term):
        return term
    condition = _first_condition(term)
    if condition is None or depth == 0:
        return None
    leaves = []
    for value in (True, False):
        leaf = z3.substitute(term, (condition, z3.BoolVal(value)))
        leaves.append(choice_of(leaf, depth - 1))
    if leaves[0] is None or leaves[1] is None:
        return None
    return z3.If(condition, leaves[0], leaves[1])


def split_by(
    term: z3.BitVecRef,
    chosen: Callable[[z3.BitVecRef, Sequence[z3.BoolRef]], z3.BoolRef | None],
) -> z3.BitVecRef:
    """The term as a choice by one of its conditions; itself if none is chosen."""
    condition = chosen(term, list(_conditions(term)))
    if condition is None:
        return term
    sides = (z3.substitute(term, (condition, z3.BoolVal(value))) for value in (True, False))
    return z3.If(condition, *(z3.simplify(side) for side in sides))


def _conditions(term: z3.BitVecRef) -> Iterator[z3.BoolRef]:
    """The conditions of the choices in a term, but for those inside of what it reads."""
    stack, seen = [term], set()
    while stack:
        item = stack.pop()
        if item.get_id() in seen or z3.is_select(item):
            continue
        seen.add(item.get_id())
        if z3.is_app_of(item, z3.Z3_OP_ITE):
            yield item.arg(0)
        stack += item.children()


def _first_condition(term: z3.BitVecRef) -> z3.BoolRef | None:
    """The condition of the first choice in a term that reads no memory."""
    stack = [term]
    while stack:
        item = stack.pop()
        if z3.is_select(item):
            return None
        if z3.is_app_of(item, z3.Z3_OP_ITE):
            return item.arg(0)
        stack += item.children()
    return None
