"""Ranges of pages: what the calls that work on many pages share, but for their loops (`runs`)."""

from __future__ import annotations

from collections.abc import Iterable

import z3

from .. import tables
from ..kernel_state import KernelState, number_of
from ..leaving import Answers, every, repeated
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..translation import ADDRESS_BITS, INDEX_BITS, LAST_LEVEL, index_of
from ..walk import Walk
from .destroy import leave_more
from .mapping import MAP_FOUND, OF_MAPPED
from .notify import of_thread
from .page_table import (
    BLOCK_BYTES,
    PAGE_BYTES,
    READ_EXECUTE,
    READ_WRITE,
    WALKED_PAGE,
    WALKED_SPACE,
    is_access,
    find_way,
    is_place_at,
    page_of,
    widened,
)
from .protect import PROTECT_LARGE
from .runs import least
from .unmap import LEAVE, UNMAP_LARGE, has_tables, walks_stay

# The calls on ranges of pages.
RANGES = ("MapRange", "UnmapRange", "ProtectRange")
# The registers that a call does not preserve: x0 to x18.
CLOBBERED = 19
# Pages of a block, and the most pages that are invalidated one by one.
BLOCK_PAGES, PAGES_ONE_BY_ONE = 1 << INDEX_BITS, 4


def finish_range(it: Walk, link: Word, status: Word, done: Word) -> None:
    """Answers as a function call does: nothing of the kernel's is left in a register."""
    thread = it.thing("Thread", link)
    thread.put("X", 0, status)
    thread.put("X", 1, done)
    for register in range(2, CLOBBERED):
        thread.put("X", register, 0)
    thread["PSTATE"] = 0
    it.finish()


def map_one(it: Walk, handle: Word, link: Word, address: Word, access: Word) -> None:
    """Maps one page with all that may be needed for it."""
    it.rules = tuple(tables.rules())
    it.failure = lambda error: {"x0": word(1), "x1": error}
    frame, slot = it.find_frame(handle, z3.BitVecVal(0, 8))
    it.refuse("WrongKind", frame["SPACE"] & it.layout.constants["user.LARGE"] != 0)
    rights = z3.ZeroExt(56, slot.rights())
    space = it.thing("AddressSpace", link)
    status, value = it.do_pair(MAP_FOUND, space, widened(frame), rights, address, access)
    it.answer(status, z3.If(status == 0, word(1), value))


def _of_page(
    state: KernelState, _handle: Word, space: Word, _address: Word, access: Word
) -> list[z3.BoolRef]:
    return [*has_tables(state, space), is_access(access)]


def mapped_for(
    before: KernelState, after: KernelState, space: Word, address: Word, access: Word
) -> z3.BoolRef:
    """The walk of a page yields something for an access; every other what it did before."""
    is_here = is_place_at(number_of(space), address, z3.BoolVal(False))
    old, new = (tables.walk_of(state, WALKED_SPACE, WALKED_PAGE) for state in (before, after))
    right = z3.And(
        new.is_mapped,
        new.user_reads,
        new.user_writes == (access == READ_WRITE),
        new.user_executes == (access == READ_EXECUTE),
    )
    told = z3.If(is_here, right, new.same(old))
    return z3.Implies(before.is_live(WALKED_SPACE, "AddressSpace"), told)


def _maps_one(
    before: KernelState,
    after: KernelState,
    answers: Answers,
    _handle: Word,
    space: Word,
    address: Word,
    access: Word,
) -> list[z3.BoolRef]:
    status, value = answers
    return [
        z3.ULE(status, 1),
        z3.Implies(status == 0, value == 1),
        z3.Implies(status == 0, mapped_for(before, after, space, address, access)),
        z3.Implies(status != 0, walks_stay(before, after)),
    ]


def _block_errors(it: Walk, space: Object, address: Word, left: Word) -> tuple[z3.BoolRef, Word]:
    """Whether a block is at an address, and the error of what is inside one, or else 0."""
    way = find_way(it, space, address)
    is_inside = z3.Or(address & (BLOCK_BYTES - 1) != 0, z3.ULT(left, BLOCK_PAGES))
    return way.is_block, z3.If(is_inside, word(it.layout.errors["Misaligned"]), word(0))


def run_elsewhere(
    it: Walk, call: Word, link: Word, space_link: Word, address: Word, access: Word, left: Word
) -> None:
    """A run where there is no last-level table: a page that needs one, a block, or nothing."""
    it.rules = tuple(tables.rules())
    space = it.thing("AddressSpace", space_link)
    if it.holds(call == it.layout.constants["SystemCall.MapRange"]):
        handle = it.thing("Thread", link).at("X", 1)
        return it.answer(*it.do_pair(MAP_ONE, handle, space, address, access))
    is_unmap = it.holds(call == it.layout.constants["SystemCall.UnmapRange"])
    is_block, error = _block_errors(it, space, address, left)
    if it.holds(z3.Not(is_block)):
        if not is_unmap:
            return it.answer(1, it.layout.errors["NotMapped"])
        at = z3.ZeroExt(64 - INDEX_BITS, index_of(LAST_LEVEL, page_of(address)))
        return it.answer(word(0), least(word(BLOCK_PAGES) - at, left))
    if it.holds(error != 0):
        return it.answer(word(1), error)
    if is_unmap:
        status, value = it.do_pair(UNMAP_LARGE, space, address)
    else:
        status, value = it.do_pair(PROTECT_LARGE, space, address, access)
    it.answer(status, z3.If(status == 0, word(BLOCK_PAGES), value))


def _of_run(
    state: KernelState,
    call: Word,
    thread: Word,
    space: Word,
    address: Word,
    access: Word,
    left: Word,
) -> list[z3.BoolRef]:
    return [
        *of_thread(state, thread),
        *has_tables(state, space),
        is_range_call(state, call),
        z3.LShR(address, ADDRESS_BITS) == 0,
        is_access(access),
        left != 0,
    ]


def is_one_of(state: KernelState, number: Word, calls: Iterable[str]) -> z3.BoolRef:
    """Whether a number is that of one of some calls."""
    names = state.layout.constants
    return z3.Or(*(number == names[f"SystemCall.{call}"] for call in calls))


def is_range_call(state: KernelState, call: Word) -> z3.BoolRef:
    """A number of one of the three calls."""
    return is_one_of(state, call, RANGES)


def _at_most_left(
    _before: KernelState,
    _after: KernelState,
    answers: Answers,
    _call: Word,
    _thread: Word,
    _space: Word,
    _address: Word,
    _access: Word,
    left: Word,
) -> list[z3.BoolRef]:
    status, value = answers
    is_right = z3.And(value != 0, z3.ULE(value, left))
    return [z3.ULE(status, 1), z3.Implies(status == 0, is_right)]


def forget_pages(it: Walk, link: Word, address: Word, count: Word, is_one_by_one: Word) -> None:
    """What the machine has to forget: some pages, one by one, or their space, once."""
    asid = it.thing("AddressSpace", link)["ASID"]
    if it.holds(is_one_by_one != 0):
        for page in range(PAGES_ONE_BY_ONE):
            if it.holds(count == page):
                return it.finish()
            leave_more(it, "InvalidatePage", asid, address + page * PAGE_BYTES)
        return it.finish()
    if it.holds(_is_last(it, it.effect("InvalidateSpace"), asid)):
        return it.finish()
    leave_more(it, "InvalidateSpace", asid)
    it.finish()


def _is_last(it: Walk, *words: Word) -> z3.BoolRef:
    """The effect that was left last has these first words."""
    count = it.core["EFFECT_COUNT"]
    same = count != 0
    for at, value in enumerate(words):
        index = z3.Concat(z3.Extract(3, 0, count - 1), z3.BitVecVal(at, 2))
        with it.when(same):
            same = z3.And(same, it.element("EFFECTS", index).read() == value)
    return same


def _of_pages(
    state: KernelState, space: Word, _address: Word, count: Word, is_one_by_one: Word
) -> list[z3.BoolRef]:
    few = z3.ULE(count, PAGES_ONE_BY_ONE)
    return [
        *has_tables(state, space),
        z3.ULE(is_one_by_one, 1),
        z3.Implies(is_one_by_one != 0, few),
    ]


FINISH_RANGE = Procedure(
    "finish_range", finish_range, 3, frozenset({"Thread.X", "Thread.PSTATE"}), of_thread
)

MAP_ONE = Procedure(
    "map_one",
    map_one,
    4,
    MAP_FOUND.changes,
    _of_page,
    _maps_one,
    frames=OF_MAPPED,
    is_call=True,
    is_idle=lambda _before, answers, *_: answers[0] != 0,
)

RUN_ELSEWHERE = Procedure(
    "run_elsewhere",
    run_elsewhere,
    6,
    MAP_ONE.changes | UNMAP_LARGE.changes | PROTECT_LARGE.changes,
    _of_run,
    _at_most_left,
    frames=repeated(every(OF_MAPPED, UNMAP_LARGE.frames or {})),
    is_call=True,
)
FORGET_PAGES = Procedure(
    "forget_pages", forget_pages, 4, LEAVE, _of_pages, rounds=PAGES_ONE_BY_ONE - 1
)

PROCEDURES = (FINISH_RANGE, MAP_ONE, RUN_ELSEWHERE, FORGET_PAGES)
