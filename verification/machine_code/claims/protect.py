"""What may be done with pages and blocks, and how that changes."""

from __future__ import annotations

import z3

from .. import tables, translation
from ..kernel_state import KernelState, number_of
from ..leaving import Answers
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..translation import Request
from ..walk import Walk
from .destroy import leave_more
from .page_table import (
    BLOCK_BYTES,
    MAY_WRITE,
    READ_EXECUTE,
    READ_WRITE,
    WALKED_PAGE,
    WALKED_SPACE,
    check_access,
    check_page_address,
    find_way,
    is_access,
    is_place_at,
    is_same_place,
    request_of,
    show_translations,
    write_entry,
)
from .unmap import LEAVE, has_tables, know_walks, walks_stay


def protect_large(it: Walk, link: Word, address: Word, access: Word) -> None:
    """Changes what may be done with the block at an address, and nothing else."""
    it.rules = tuple(tables.rules())
    it.failure = lambda error: {"x0": word(1), "x1": error}
    space = it.thing("AddressSpace", link)
    way = find_way(it, space, address)
    know_walks(it, way.path)
    it.refuse("NotMapped", z3.Not(way.is_block))
    it.refuse("Misaligned", address & (BLOCK_BYTES - 1) != 0)
    leaf = way.found[1]
    frame = it.frame(tables.frame_in(leaf.output))
    request = request_of(it, frame, access, leaf.note == MAY_WRITE)
    write_entry(it, way.path[1], request.leaf(leaf.output, z3.BoolVal(False)))
    leave_more(it, "InvalidatePage", space["ASID"], address)
    it.done()


def protect(it: Walk, handle: Word, address: Word, access: Word) -> None:
    """Changes what may be done with a page or block, and nothing else."""
    it.rules = tuple(tables.rules())
    space = it.find(handle, "AddressSpace", "WRITE")
    check_access(it, access)
    check_page_address(it, address)
    way = find_way(it, space, address)
    if it.holds(z3.Not(way.has_last)):
        return _protect_block(it, space, address, access)
    leaf = way.found[2]
    it.refuse("NotMapped", leaf.word == 0)
    frame = it.frame(tables.frame_in(leaf.output))
    request = request_of(it, frame, access, leaf.note == MAY_WRITE)
    write_entry(it, way.path[2], request.leaf(leaf.output, z3.BoolVal(True)))
    it.leave("InvalidatePage", space["ASID"], address)
    old = tables.walk_of(it.before, WALKED_SPACE, WALKED_PAGE)
    is_here = is_same_place(it, space, address, z3.BoolVal(False))
    show_translations(it, way.path, is_here, request.translation(old.output))
    it.done()


def _protect_block(it: Walk, space: Object, address: Word, access: Word) -> None:
    """Changes what may be done with a block, if one is there."""
    status, value = it.do_pair(PROTECT_LARGE, space, address, access)
    states, is_error = (it.initial, it.now), status != 0
    with it.when(z3.Not(is_error)):
        it.show("all addresses", protected(*states, it.link(space), address, access))
    with it.when(is_error):
        it.show("nothing changes", walks_stay(*states))
    results = {"x0": z3.If(is_error, value, word(0)), "x1": z3.If(is_error, word(0), value)}
    it.end("in a block", z3.BoolVal(True), results)


def protected(
    before: KernelState, after: KernelState, space: Word, address: Word, access: Word
) -> z3.BoolRef:
    """The walk of a block yields what it did, with what was asked for; every other is as it was."""
    is_here = is_place_at(number_of(space), address, z3.BoolVal(True))
    old, new = (tables.walk_of(state, WALKED_SPACE, WALKED_PAGE) for state in (before, after))
    asked = Request(access == READ_WRITE, access == READ_EXECUTE, old.memory, old.note)
    told = z3.If(is_here, new.same(asked.translation(old.output)), new.same(old))
    return z3.Implies(before.is_live(WALKED_SPACE, "AddressSpace"), told)


def _of_block(
    state: KernelState, space: Word, address: Word, access: Word
) -> list[z3.BoolRef]:
    is_low = z3.LShR(address, translation.ADDRESS_BITS) == 0
    return [*has_tables(state, space), is_low, is_access(access)]


def _protects(
    before: KernelState,
    after: KernelState,
    answers: Answers,
    space: Word,
    address: Word,
    access: Word,
) -> list[z3.BoolRef]:
    status, value = answers
    return [
        z3.ULE(status, 1),
        z3.Implies(status == 0, value == 0),
        z3.Implies(status == 0, protected(before, after, space, address, access)),
        z3.Implies(status != 0, walks_stay(before, after)),
    ]


PROTECT_LARGE = Procedure(
    "protect_large",
    protect_large,
    3,
    LEAVE | {"PageTable"},
    _of_block,
    _protects,
    frames={},
    is_idle=lambda _before, answers, *_: answers[0] != 0,
)

PROCEDURES = (PROTECT_LARGE,)
CALLS = (protect,)
