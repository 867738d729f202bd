"""The calls on ranges: run after run, each as a call of its own for what is left."""

from __future__ import annotations

import z3

from .. import invariants, tables
from ..kernel_state import CORE, KernelState, first_of, frame_of, link_of, number_of
from ..leaving import Answers
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..translation import ADDRESS_BITS, INDEX_BITS, LAST_LEVEL, PAGE_SHIFT, index_of
from ..walk import Walk
from .page_range import (
    BLOCK_PAGES,
    FINISH_RANGE,
    FORGET_PAGES,
    MAP_ONE,
    PAGES_ONE_BY_ONE,
    RUN_ELSEWHERE,
    is_range_call,
)
from .page_table import READ, check_access, check_page_address, find_way, page_of
from .runs import MAP_RUN, PROTECT_RUN, UNMAP_RUN, least

# The most pages of one call, and where those that are done stand in its last argument.
RANGE_PAGES, DONE_SHIFT = 512, 32
LEFT_BITS = (1 << DONE_SHIFT) - 1
# In which registers a call has address and count; the access is before the count.
PLACES = {"Map": (2, 4), "Unmap": (1, 2), "Protect": (1, 3)}
INSTRUCTION_BYTES = 4
# `PSTATE.SS`: the next instruction is the one step.
STEP_STATE = 1 << 21


def _which(it: Walk, call: Word) -> str:
    """Which of the calls it is."""
    for name in ("Map", "Unmap"):
        if it.holds(call == it.layout.constants[f"SystemCall.{name}Range"]):
            return name
    return "Protect"


def range_step(it: Walk, link: Word, call: Word) -> None:
    """Does the next pages of a call, and answers whether some are left; else the thread has its answer."""
    it.rules = tuple(tables.rules())
    thread, which = it.thing("Thread", link), _which(it, call)
    at, count_at = PLACES[which]
    count = thread.at("X", count_at)
    left, done = count & LEFT_BITS, z3.LShR(count, DONE_SHIFT)
    told = z3.If(z3.ULT(done, RANGE_PAGES), done, word(0))

    def fail(error: Word) -> None:
        it.do(FINISH_RANGE, thread, error, told)
        _still_current(it, thread)
        it.answer(0)

    it.on_refusal = fail
    space = it.find(thread.at("X", 0), "AddressSpace", "WRITE")
    access = word(READ) if which == "Unmap" else thread.at("X", count_at - 1)
    check_access(it, access)
    address = thread.at("X", at)
    check_page_address(it, address)
    room = z3.LShR(word(1 << ADDRESS_BITS) - address, PAGE_SHIFT)
    is_wrong = z3.Or(left == 0, z3.UGT(left + done, RANGE_PAGES), z3.UGT(left, room))
    it.refuse("OutOfRange", is_wrong)
    status, pages = _run(it, (which, call, link), space, (address, access), (left, done))
    _still_current(it, thread)
    if it.holds(status != 0):
        return fail(pages)
    if it.holds(pages == left):
        it.do(FINISH_RANGE, thread, word(0), done + pages)
        _still_current(it, thread)
        return it.answer(0)
    if which == "Map":
        thread.put("X", 1, thread.at("X", 1) + pages)
    thread.put("X", at, thread.at("X", at) + (pages << PAGE_SHIFT))
    thread.put("X", count_at, (left - pages) | (done + pages) << DONE_SHIFT)
    it.answer(1)


def _run(
    it: Walk,
    call: tuple[str, Word, Word],
    space: Object,
    wanted: tuple[Word, Word],
    counts: tuple[Word, Word],
) -> tuple[Word, Word]:
    """Does the next pages: a status, and how many, or the error."""
    (which, number, link), (address, access), (left, done) = call, wanted, counts
    way = find_way(it, space, address)
    if it.holds(z3.Not(way.has_last)):
        return it.do_pair(RUN_ELSEWHERE, number, link, space, address, access, left)
    at = z3.ZeroExt(64 - INDEX_BITS, index_of(LAST_LEVEL, page_of(address)))
    table, count = link_of(first_of(way.path[2][0])), least(word(BLOCK_PAGES) - at, left)
    if which == "Map":
        handle = it.thing("Thread", link).at("X", 1)
        mapped = it.do(MAP_RUN, handle, space, table, address, count, access)
        if it.holds(mapped == 0):
            _still_current(it, it.thing("Thread", link))
            it.stays(frame_of(space.number))
            it.still(space, "ID")
            it.still(space, "ROOT")
            return it.do_pair(MAP_ONE, handle, space, address, access)
        return word(0), mapped
    status = word(0)
    if which == "Unmap":
        pages = it.do(UNMAP_RUN, space, table, address, count)
    else:
        status, pages = it.do_pair(PROTECT_RUN, table, address, count, access)
        it.still(space, "ROOT")
    if it.holds(status != 0):
        return word(1), pages
    few = z3.ULE(left + done, PAGES_ONE_BY_ONE)
    it.do(FORGET_PAGES, space, address, pages, z3.If(few, word(1), word(0)))
    return word(0), pages


def _still_current(it: Walk, thread: Object) -> None:
    """The thread is live, and the current one, as before."""
    it.stays(frame_of(thread.number))
    it.still(thread, "ID")
    it.still(it.core, "CURRENT")


def range_call(it: Walk, call: Word) -> None:
    """A call on a range: as many pages as there are, or until an interrupt waits."""
    it.rules = tuple(tables.rules())
    thread = it.current()
    link = it.core["CURRENT"]
    if it.holds(it.do(RANGE_STEP, link, call) == 0):
        return it.finish()
    it.rounds(RANGE_ROUNDS, link)
    if it.holds(it.interrupt()):
        thread["PC"] = thread["PC"] - INSTRUCTION_BYTES
        with it.when(thread["FLAGS"] & it.layout.constants["flag.STEPPING"] != 0):
            thread["PSTATE"] = STEP_STATE
        return it.finish()
    if it.holds(it.do(RANGE_STEP, link, call) == 0):
        return it.finish()
    it.again()


def _untold(_it: Walk, *_arguments: Word) -> None:
    raise NotImplementedError("told by one round")


def _is_current(
    _before: KernelState, after: KernelState, _answers: Answers, thread: Word
) -> list[z3.BoolRef]:
    """The thread is the current one, as before."""
    is_it = thread == after.field(CORE, "Core.CURRENT")
    return [is_it, *invariants.current_is_sound(after)]


def _of_range(state: KernelState, call: Word) -> list[z3.BoolRef]:
    return [is_range_call(state, call)]


def _of_current(state: KernelState, thread: Word, call: Word) -> list[z3.BoolRef]:
    return [thread == state.field(CORE, "Core.CURRENT"), is_range_call(state, call)]


def _more(
    before: KernelState, after: KernelState, answers: Answers, thread: Word, call: Word
) -> list[z3.BoolRef]:
    """Whether there is more to do, which is less than before; the thread is the current one, as before."""
    left, then = (_left_of(state, thread, call) for state in (before, after))
    fewer = z3.Implies(answers[0] != 0, z3.And(then != 0, z3.ULT(then, left)))
    return [z3.ULE(answers[0], 1), fewer, *_is_current(before, after, answers, thread)]


def _left_of(state: KernelState, thread: Word, call: Word) -> Word:
    """How many pages of a call are left, as the registers of a thread say."""
    names, number = state.layout.constants, number_of(thread)
    words = {name: state.field(number, "Thread.X", at) for name, (_, at) in PLACES.items()}
    is_map, is_unmap = (call == names[f"SystemCall.{name}Range"] for name in ("Map", "Unmap"))
    count = z3.If(is_map, words["Map"], z3.If(is_unmap, words["Unmap"], words["Protect"]))
    return count & LEFT_BITS


_CHANGES = (
    RUN_ELSEWHERE.changes
    | MAP_RUN.changes
    | UNMAP_RUN.changes
    | PROTECT_RUN.changes
    | FORGET_PAGES.changes
    | FINISH_RANGE.changes
)
RANGE_STEP = Procedure(
    "range_step",
    range_step,
    2,
    _CHANGES,
    _of_current,
    _more,
    is_call=True,
)
RANGE_ROUNDS = Procedure("rounds of range_call", _untold, 0, _CHANGES, promise=_is_current)
RANGE_CALL = Procedure(
    "range_call", range_call, 1, _CHANGES | {"Thread.PC", "Thread.PSTATE"}, _of_range, is_call=True, loop=RANGE_ROUNDS
)

PROCEDURES = (RANGE_STEP, RANGE_CALL)
