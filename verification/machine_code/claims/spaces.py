"""Dying address spaces, step by step: threads, tables, records of mappings, and the pool."""

from __future__ import annotations

import z3

from .. import dying, queues, tables
from ..kernel_state import KernelState, first_of, frame_of, link_of, number_of
from ..memory import FRAME_BITS
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..translation import (
    BLOCK_LEVEL,
    FIRST_LEVEL,
    INDEX_BITS,
    LAST_LEVEL,
    PAGE_BITS,
    PAGE_SHIFT,
    index_of,
)
from ..walk import Answers, Walk
from .destroy import RELEASE_SPACE, STOP_ANY, leave_more
from .number import Element
from .page_table import note_entry, pop_pool
from .teardown import DROP_RECORD, FORGET_FIRST, FREE_TABLE, free_whole
from .vacate import GONE, MORE, VACATE, stays

# Pages that go through an entry of a table of the first level, and of the second.
FIRST_PAGES, BLOCK_PAGES = 1 << 2 * INDEX_BITS, 1 << INDEX_BITS
# All pages of a space.
PAGES = 1 << PAGE_BITS
# Entries of tables that one step takes apart.
TABLE_STEPS = 16
# Records that one step drops.
RECORD_STEPS = 16
# Tails of a large frame that one step frees.
TAIL_STEPS = 64


def _end_of(pages: int, page: Word) -> Word:
    """The first page behind so many that go through the same entry."""
    return (page | (pages - 1)) + 1


def _table_at(it: Walk, entry: tables.Entry) -> tuple[z3.BoolRef, Word]:
    """Whether an entry of a dying space leads to a table, and the frame that it names."""
    note_entry(it, entry)
    it.assume(*dying.entry_is_sound(it.before, *entry))
    descriptor = tables.read_entry(it.now, *entry)
    found = z3.Extract(PAGE_SHIFT + FRAME_BITS - 1, PAGE_SHIFT, descriptor)
    return dying.leads_on(descriptor), z3.simplify(found)


def _link(frame: Word) -> Word:
    return link_of(first_of(frame))


def _find_root(it: Walk, space: Object, root: Word) -> None:
    """The first table of a dying space is there still."""
    it.still(space, "OLD_ROOT")
    it.assume(*dying.old_root_is_sound(it.before, space.number, root))


def _free(it: Walk, space: Object, root: Word, above: tables.Entry, table: Word) -> None:
    """A table goes from the one above."""
    _find_root(it, space, root)
    it.assume(*dying.shadow_is_there(it.before, table))
    it.do(FREE_TABLE, _link(above[0]), z3.ZeroExt(64 - INDEX_BITS, above[1]), _link(table))
    _find_root(it, space, root)


def _forget(it: Walk, space: Object, entry: tables.Entry) -> None:
    """What an entry maps has its first mapping elsewhere."""
    it.do(FORGET_FIRST, space, _link(entry[0]), z3.ZeroExt(64 - INDEX_BITS, entry[1]))


def tear_entry(it: Walk, link: Word, root: Word, page: Word) -> None:
    """The entry for a page of the deepest table that there is goes; answers the page behind it.

    Tables that end there go as well.
    """
    space, place = it.thing("AddressSpace", link), z3.Extract(PAGE_BITS - 1, 0, page)
    levels = (FIRST_LEVEL, BLOCK_LEVEL, LAST_LEVEL)
    indices = [index_of(level, place) for level in levels]
    _find_root(it, space, root)
    upper = frame_of(number_of(root)), indices[0]
    has_middle, middle = _table_at(it, upper)
    if it.holds(z3.Not(has_middle)):
        return it.answer(_end_of(FIRST_PAGES, page))
    block = middle, indices[1]
    has_last, last = _table_at(it, block)
    if it.holds(z3.Not(has_last)):
        _forget(it, space, block)
        following = _end_of(BLOCK_PAGES, page)
    else:
        _table_at(it, (last, indices[2]))
        _forget(it, space, (last, indices[2]))
        following = page + 1
        if it.holds(indices[2] != BLOCK_PAGES - 1):
            return it.answer(following)
        it.assume(*dying.entry_is_sound(it.before, *upper), *dying.entry_is_sound(it.before, *block))
        _free(it, space, root, block, last)
    if it.holds(following == _end_of(FIRST_PAGES, page)):
        _free(it, space, root, upper, middle)
    it.answer(following)


def tear_tables(it: Walk, link: Word) -> None:
    """The next entries of a dying space go, and after the last its first table."""
    space = it.thing("AddressSpace", link)
    page, root = space["CURSOR"], space["OLD_ROOT"]
    for _ in range(TABLE_STEPS):
        page = it.do(TEAR_ENTRY, space, root, page)
        it.still(space, "OLD_ROOT")
        if it.holds(z3.UGE(page, PAGES)):
            _find_root(it, space, root)
            free_whole(it.frame(frame_of(number_of(root))))
            space["OLD_ROOT"] = 0
            page = word(0)
            break
    space["CURSOR"] = page
    it.finish()


def drop_records(it: Walk, number: Word) -> None:
    """Some records of a frame are free; with the last, the frame goes to the pool."""
    frame = it.frame(number)
    for _ in range(RECORD_STEPS):
        used = frame["ID"]
        if it.holds(used == 0):
            return it.finish()
        place = lowest_bit(used)
        it.assume(*dying.record_is_used(it.before, frame.number, place))
        it.do(DROP_RECORD, link_of(z3.Concat(frame.number, place)))
    it.finish()


def free_tails(it: Walk, number: Word) -> None:
    """The last tails of a dying large frame are free, and after all its first; answers whether that is."""
    head = it.frame(number)
    free = head["ADDRESS"]
    left = it.layout.constants["LARGE_FRAMES"] - 1 - free
    for at in range(TAIL_STEPS):
        index = z3.Extract(INDEX_BITS - 1, 0, left - at)
        it.assume(*dying.tail_is_there(it.before, head.number, index))
        with it.when(z3.UGT(left, at)):
            it.frame(dying.part_of(head.number, index)).set_kind("Free")
    is_more = z3.UGT(left, TAIL_STEPS)
    with it.when(is_more):
        head["ADDRESS"] = free + TAIL_STEPS
    with it.when(z3.Not(is_more)):
        free_whole(head)
    it.answer(z3.If(is_more, word(0), word(1)))


def tear_down(it: Walk, link: Word) -> None:
    """One step of a dying space: with the last it goes."""
    space = it.thing("AddressSpace", link)
    thread = it.follow(space, "THREADS")
    if it.holds(thread.number != 0):
        it.do(RELEASE_SPACE, thread)
        it.do(STOP_ANY, thread)
        return it.answer(MORE)
    root = space["ROOT"]
    if it.holds(root != 0):
        _retire(it, space)
        space["ROOT"] = 0
        space["OLD_ROOT"] = root
        return it.answer(MORE)
    if it.holds(space["OLD_ROOT"] != 0):
        it.do(TEAR_TABLES, space)
        return it.answer(MORE)
    it.assume(*tables.records_are_sound(it.before, space.number))
    partial, full = space["RECORDS"], space["FULL"]
    if it.holds(partial | full != 0):
        it.do(DROP_RECORDS, z3.If(partial == 0, full, partial))
        it.stays(frame_of(space.number))
        return it.answer(MORE)
    if it.holds(space["POOL_COUNT"] != 0):
        first = tables.pool_of(it.before, space.number)
        it.assume(*tables.pool_is_apart(it.before, first))
        free_whole(pop_pool(it, space, "Pool"))
        return it.answer(MORE)
    it.do(VACATE, space, word(it.layout.objects["AddressSpace"].units))
    it.answer(GONE)


def _retire(it: Walk, space: Object) -> None:
    """The number of a space is nobody's, once nothing has it in mind."""
    lines, number = it.layout.constants["LINES"], space["ASID"]
    leave_more(it, "InvalidateSpace", number)
    Element(it, "ASIDS", number & (lines - 1), lines).write(word(0))
    used = Element(it, "ASIDS_USED", z3.LShR(number, 6) & (lines // 64 - 1), lines // 64)
    used.write(used.read() & ~(word(1) << (number & 63)))


def lowest_bit(bits: Word) -> Word:
    """The number of the lowest bit of a word that is not 0, in 6 bits."""
    number = z3.BitVecVal(63, 6)
    for bit in range(62, -1, -1):
        number = z3.If(z3.Extract(bit, bit, bits) == 1, z3.BitVecVal(bit, 6), number)
    return number


def _of_tables(state: KernelState, space: Word, root: Word, *_: Word) -> list[z3.BoolRef]:
    old = state.field(number_of(space), "AddressSpace.OLD_ROOT")
    return [*queues.names(state, space, "AddressSpace"), old == root, root != 0]


def _has_tables(state: KernelState, space: Word) -> list[z3.BoolRef]:
    old = state.field(number_of(space), "AddressSpace.OLD_ROOT")
    return [*queues.names(state, space, "AddressSpace"), old != 0]


def _of_space(state: KernelState, space: Word) -> list[z3.BoolRef]:
    return queues.names(state, space, "AddressSpace")


def _of_records(state: KernelState, frame: Word) -> list[z3.BoolRef]:
    return [tables.is_frame_word(frame), state.is_frame(tables.frame_in(frame), "Records")]


def _of_large(state: KernelState, head: Word) -> list[z3.BoolRef]:
    return [tables.is_frame_word(head), dying.is_falling_apart(state, tables.frame_in(head))]


def _answers_truth(
    _before: KernelState, _after: KernelState, answers: Answers, *_arguments: Word
) -> list[z3.BoolRef]:
    return [z3.ULE(answers[0], 1)]


def _comes_on(
    _before: KernelState,
    after: KernelState,
    answers: Answers,
    space: Word,
    _root: Word,
    page: Word,
) -> list[z3.BoolRef]:
    """The next page, or the end; the space is there still."""
    within = z3.And(z3.UGT(answers[0], page), z3.ULE(answers[0], PAGES))
    return [
        after.is_object(number_of(space), "AddressSpace"),
        z3.Implies(z3.ULT(page, PAGES), within),
    ]


def _stays(
    _before: KernelState, after: KernelState, _answers: Answers, space: Word
) -> list[z3.BoolRef]:
    """The space is there still."""
    return [after.is_object(number_of(space), "AddressSpace")]


_TEAR = FORGET_FIRST.changes | FREE_TABLE.changes

_FREE = frozenset({"kind", *(f"entry {f}" for f in ("ID", "SPACE", "ADDRESS", "RECORDS"))})
_TABLES = _TEAR | {"AddressSpace.CURSOR", "AddressSpace.OLD_ROOT", "entry ID", "kind"}
TEAR_ENTRY = Procedure("tear_entry", tear_entry, 3, _TEAR, _of_tables, _comes_on)
TEAR_TABLES = Procedure("tear_tables", tear_tables, 1, _TABLES, _has_tables, _stays)
DROP_RECORDS = Procedure(
    "drop_records",
    drop_records,
    1,
    DROP_RECORD.changes,
    _of_records,
    frames=DROP_RECORD.frames,
)
FREE_TAILS = Procedure(
    "free_tails",
    free_tails,
    1,
    _FREE,
    _of_large,
    _answers_truth,
    rounds=TAIL_STEPS - 1,
    joins=True,
)
TEAR_DOWN = Procedure("tear_down", tear_down, 1, None, _of_space, stays("AddressSpace"))

PROCEDURES = (TEAR_ENTRY, TEAR_TABLES, DROP_RECORDS, FREE_TAILS, TEAR_DOWN)
