"""Frames of a space's pool, and the tables that are made of them."""

from __future__ import annotations

import z3

from .. import tables, translation
from ..kernel_state import KernelState, first_of, frame_of, link_of, number_of
from ..leaving import WHOLE, Answers
from ..procedure import Procedure
from ..telling import Frame, Object, Word, word
from ..translation import BLOCK_LEVEL, FIRST_LEVEL, LAST_LEVEL, Descriptor, index_of
from ..walk import Walk
from .page_table import WALKED_PAGE, note_entry, page_of, pop_pool, write_entry
from .unmap import has_tables, know_walks, leads, walks_stay


def count_up(it: Walk, table: Word) -> None:
    """A table has one descriptor more."""
    frame = it.frame(table)
    frame["ID"] = frame["ID"] + 1


def make_table(
    it: Walk, space: Object, entry: tables.Entry, level: Word, page: Word
) -> Frame:
    """A new table of a level, all zero, for an entry of the one above."""
    number = it.frame(space["POOL"]).number
    for below in (BLOCK_LEVEL, LAST_LEVEL):
        for walked in (page, WALKED_PAGE):
            index = index_of(below, walked)
            it.assume(*tables.pool_frame_is_sound(it.before, number, index))
    it.assume(*tables.pool_is_apart(it.before, number))
    frame = pop_pool(it, space, "PageTable")
    frame["SPACE"] = it.link(space) | level << 60
    write_entry(it, entry, translation.table_descriptor(tables.output_of(frame.number)))
    count_up(it, entry[0])
    return frame


def _entry_on_way(table: Word, level: Word, address: Word) -> tables.Entry:
    """The descriptor of a table of the first or second level on the way to an address."""
    page = page_of(address)
    at_level = z3.If(level == FIRST_LEVEL, index_of(FIRST_LEVEL, page), index_of(BLOCK_LEVEL, page))
    return frame_of(number_of(table)), at_level


def is_on_way(
    state: KernelState, space: Word, table: Word, level: Word, address: Word
) -> z3.BoolRef:
    """A link names the table of a level on the way to an address."""
    path = tables.path_of(state, number_of(space), page_of(address))
    known, is_reached = [], z3.BoolVal(True)
    for at, entry in enumerate(path):
        is_it = table == link_of(first_of(entry[0]))
        known.append(z3.And(level == FIRST_LEVEL + at, is_reached, is_it))
        is_reached = z3.And(is_reached, leads(state, entry))
    return z3.Or(*known)


def make_next_table(it: Walk, link: Word, table: Word, level: Word, address: Word) -> None:
    """The table below one, on the way to an address; a new one of the pool if there is none."""
    it.rules = tuple(tables.rules())
    space, page = it.thing("AddressSpace", link), page_of(address)
    it.assume(*tables.way_is_sound(it.before, space.number, page))
    know_walks(it, tables.path_of(it.before, space.number, page))
    entry = _entry_on_way(table, level, address)
    note_entry(it, entry)
    old = Descriptor(tables.read_entry(it.before, *entry))
    if it.holds(old.is_table):
        return it.answer(link_of(first_of(tables.frame_in(old.output))))
    made = make_table(it, space, entry, level + 1, page)
    it.answer(link_of(first_of(made.number)))


def _of_way(
    state: KernelState, space: Word, table: Word, level: Word, address: Word
) -> list[z3.BoolRef]:
    old = Descriptor(tables.read_entry(state, *_entry_on_way(table, level, address)))
    has_pool = state.field(number_of(space), "AddressSpace.POOL_COUNT") != 0
    return [
        *has_tables(state, space),
        z3.Or(level == FIRST_LEVEL, level == BLOCK_LEVEL),
        is_on_way(state, space, table, level, address),
        z3.Or(old.is_table, z3.And(old.word == 0, has_pool)),
    ]


def _makes_way(
    before: KernelState,
    after: KernelState,
    answers: Answers,
    space: Word,
    table: Word,
    level: Word,
    address: Word,
) -> list[z3.BoolRef]:
    """The next table is on the way; a new one is empty there, and was taken from the pool."""
    is_there = leads(before, _entry_on_way(table, level, address))
    counts = [
        state.field(number_of(space), "AddressSpace.POOL_COUNT") for state in (before, after)
    ]
    page, made = page_of(address), frame_of(number_of(answers[0]))
    at_level = z3.If(level == FIRST_LEVEL, index_of(BLOCK_LEVEL, page), index_of(LAST_LEVEL, page))
    is_zero = tables.read_entry(after, made, at_level) == 0
    return [
        walks_stay(before, after),
        is_on_way(after, space, answers[0], level + 1, address),
        counts[1] == counts[0] - z3.If(is_there, word(0), word(1)),
        z3.Implies(z3.Not(is_there), is_zero),
    ]


def _is_there(
    before: KernelState,
    _answers: Answers,
    _space: Word,
    table: Word,
    level: Word,
    address: Word,
) -> z3.BoolRef:
    return leads(before, _entry_on_way(table, level, address))


MAKE = frozenset(
    {
        *("AddressSpace.POOL", "AddressSpace.POOL_COUNT", "PageTable"),
        *("kind", "entry ID", "entry SPACE", "entry RECORDS"),
    }
)
_OF_MADE = {
    "Pool": {part: WHOLE for part in ("kind", "entry SPACE", "entry RECORDS", "entry ID")},
    "PageTable": {"entry ID": WHOLE},
}

MAKE_NEXT_TABLE = Procedure(
    "make_next_table",
    make_next_table,
    4,
    MAKE,
    _of_way,
    _makes_way,
    frames=_OF_MADE,
    is_idle=_is_there,
)

PROCEDURES = (MAKE_NEXT_TABLE,)
