"""Ranges of pages: what the calls that work on many pages share.

Nothing is said yet of the loops, nor of what maps and unmaps; see `page_table` for single pages.
"""

from __future__ import annotations

import z3

from .. import tables, translation
from ..kernel_state import is_link, number_of
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..walk import Walk
from .notify import of_thread
from .page_table import (
    BLOCK_BYTES,
    MAY_WRITE,
    READ,
    READ_EXECUTE,
    READ_WRITE,
    AnyWalk,
    find_way,
    is_same_place,
    request_of,
    show_translations,
    write_entry,
)

# The registers that a call does not preserve: x0 to x18.
CLOBBERED = 19


def finish_range(it: Walk, link: Word, status: Word, done: Word) -> None:
    """Answers as a function call does: nothing of the kernel's is left in a register."""
    thread = it.thing("Thread", link)
    thread.put("X", 0, status)
    thread.put("X", 1, done)
    for register in range(2, CLOBBERED):
        thread.put("X", register, 0)
    thread["PSTATE"] = 0
    it.finish()


def leave_another(it: Walk, effect: str, *operands: Word) -> None:
    """Leaves an effect behind those that were left before."""
    count = it.core["EFFECT_COUNT"]
    place = z3.Extract(3, 0, count)
    for at, value in enumerate([it.effect(effect), *operands, word(0), word(0)][:3]):
        it.element("EFFECTS", z3.Concat(place, z3.BitVecVal(at, 2))).write(value)
    it.core["EFFECT_COUNT"] = count + 1
    it.core["PENDING"] = it.core["PENDING"] | it.layout.constants["pending.WORK"]


def find_space(it: Walk, space: Word) -> Object:
    """The living space that a link names, as callers of a function have found it."""
    found = it.object("AddressSpace", number_of(space))
    it.require(is_link(space), it.before.is_live(found.number, "AddressSpace"))
    return found


def protect_large(it: Walk, space: Word, address: Word, access: Word) -> None:
    """Changes what may be done with the block at an address, and nothing else."""
    it.rules = tuple(tables.rules())
    it.failure = lambda error: {"x0": word(1), "x1": error}
    found = find_space(it, space)
    it.require(z3.LShR(address, translation.ADDRESS_BITS) == 0)
    it.require(z3.Or(*(access == value for value in (READ, READ_WRITE, READ_EXECUTE))))
    way = find_way(it, found, address)
    it.refuse("NotMapped", z3.Not(way.is_block))
    it.refuse("Misaligned", address & (BLOCK_BYTES - 1) != 0)
    leaf = way.found[1]
    frame = it.frame(tables.frame_in(leaf.output))
    request = request_of(it, frame, access, leaf.note == MAY_WRITE)
    write_entry(it, way.path[1], request.leaf(leaf.output, z3.BoolVal(False)))
    leave_another(it, "InvalidatePage", found["ASID"], address)
    old = tables.walk_of(it.before, AnyWalk.of(it).space, AnyWalk.of(it).page)
    is_here = is_same_place(it, found, address, z3.BoolVal(True))
    show_translations(it, way.path, is_here, request.translation(old.output))
    it.done()


FINISH_RANGE = Procedure(
    "finish_range", finish_range, 3, frozenset({"Thread.X", "Thread.PSTATE"}), of_thread
)

PROCEDURES = (FINISH_RANGE,)
# What others still execute as a part of themselves.
FUNCTIONS = (protect_large,)
