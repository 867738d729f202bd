"""What is unmapped: pages and blocks, their records, and the tables that become empty."""

from __future__ import annotations

import z3

from .. import queues, tables, translation
from ..kernel_state import KernelState, first_of, frame_of, link_of, number_of
from ..leaving import WHOLE, Answers, every
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..translation import Descriptor
from ..walk import Walk
from .destroy import leave_more
from .page_table import (
    BLOCK_BYTES,
    WALKED_PAGE,
    WALKED_SPACE,
    check_page_address,
    clear_first,
    find_way,
    is_place_at,
    is_same_place,
    note_entry,
    page_of,
    push_pool,
    show_translations,
    write_entry,
)
from .teardown import FORGET_MAPPING, WALKED

# No pool has so many frames.
POOL_MAX = 1 << 62


def return_table(it: Walk, space: Object, entry: tables.Entry, table: Word) -> None:
    """Gives the table to which an entry leads, which is empty, and its shadow back to the pool."""
    it.assume(*tables.pools_are_counted(it.before, space.number))
    it.assume(z3.ULT(it.before.field(space.number, "AddressSpace.POOL_COUNT"), POOL_MAX))
    it.assume(*tables.table_is_apart(it.before, entry, table))
    frame = it.frame(table)
    link = frame["RECORDS"]
    with it.when(link != 0):
        push_pool(it, space, it.frame(link))
    push_pool(it, space, frame)


def count_down(it: Walk, table: Word) -> Word:
    """A table has one descriptor less; answers how many it has."""
    frame = it.frame(table)
    left = frame["ID"] - 1
    frame["ID"] = left
    return left


def know_walks(it: Walk, others: list[tables.Entry]) -> None:
    """The walk of any page meets what the invariants say, and is apart from another walk."""
    mine = tables.path_of(it.before, WALKED_SPACE, WALKED_PAGE)
    it.assume(*tables.way_is_sound(it.before, WALKED_SPACE, WALKED_PAGE))
    it.assume(*tables.ways_are_apart(it.before, mine, others))


def walks_stay(before: KernelState, after: KernelState) -> z3.BoolRef:
    """The walk of any page of any living space yields what it did before."""
    old, new = (tables.walk_of(state, WALKED_SPACE, WALKED_PAGE) for state in (before, after))
    return z3.Implies(before.is_live(WALKED_SPACE, "AddressSpace"), new.same(old))


def drop_middle_table(it: Walk, link: Word, table: Word, address: Word) -> None:
    """Gives the middle table for an address, which is empty, back to the pool."""
    it.rules = tuple(tables.rules())
    space = it.thing("AddressSpace", link)
    path = _path_at(it, space, address)
    it.note_field(space, "ROOT")
    return_table(it, space, path[0], frame_of(number_of(table)))
    write_entry(it, path[0], word(0))
    count_down(it, path[0][0])
    it.finish()


def still_walks(
    it: Walk, space: Object, path: list[tables.Entry], state: KernelState
) -> None:
    """What two walks met in a state before procedures that keep tables they meet still: one, and any."""
    mine = tables.path_of(state, WALKED_SPACE, WALKED_PAGE)
    walked = it.object("AddressSpace", WALKED_SPACE)
    it.still(walked, "ID")
    for item, way in ((space, path), (walked, mine)):
        it.stays(frame_of(item.number))
        it.still(item, "ROOT")
        for entry in way:
            it.stays(entry[0])
            it.still_word("PageTable", *entry)


def _path_at(it: Walk, space: Object, address: Word) -> list[tables.Entry]:
    """The walk of an address of a space, apart from that of any page of any space."""
    page = page_of(address)
    path = tables.path_of(it.before, space.number, page)
    it.assume(*tables.way_is_sound(it.before, space.number, page))
    know_walks(it, path)
    return path


def _clear_entry(
    it: Walk, space: Object, path: list[tables.Entry], number: Word
) -> Word:
    """What the last descriptor of a path maps is forgotten, and then the descriptor is zero; answers
    how many its table still has.
    """
    table, index = path[-1]
    for other in tables.every_index(WALKED_PAGE):
        it.assume(*tables.count_is_sound(it.before, table, index, other))
    at = z3.ZeroExt(64 - translation.INDEX_BITS, index)
    it.do(FORGET_MAPPING, link_of(first_of(table)), at, number)
    still_walks(it, space, path, it.initial)
    for other in tables.every_index(WALKED_PAGE):
        it.still_word("PageTable", table, other)
    write_entry(it, (table, index), word(0))
    return count_down(it, table)


def know_walks_still(it: Walk) -> None:
    """The walk of any page meets what the invariants say, after what keeps tables."""
    it.stays(frame_of(WALKED_SPACE))
    it.still(it.object("AddressSpace", WALKED_SPACE), "ROOT")
    it.assume(*tables.way_is_sound(it.before, WALKED_SPACE, WALKED_PAGE))


def drop_last_table(it: Walk, link: Word, address: Word) -> None:
    """Gives the last table for an address, which is empty, back, and the one above if it becomes so."""
    it.rules = tuple(tables.rules())
    space = it.thing("AddressSpace", link)
    way = find_way(it, space, address)
    if it.holds(z3.Not(way.has_last)):
        return it.finish()
    middle, last = way.path[1], way.path[2][0]
    know_walks(it, way.path)
    for index in tables.every_index(WALKED_PAGE):
        it.assume(*tables.count_is_sound(it.before, *middle, index))
    return_table(it, space, middle, last)
    write_entry(it, middle, word(0))
    if it.holds(count_down(it, middle[0]) == 0):
        it.do(DROP_MIDDLE_TABLE, space, link_of(first_of(middle[0])), address)
    it.finish()


def clear_entry_seldom(it: Walk, table: Word, address: Word, number: Word) -> None:
    """Unmaps a page, but for what the machine has to forget; answers whether its table is empty."""
    it.rules = tuple(tables.rules())
    space = it.object("AddressSpace", tables.owner_of(it.before, frame_of(number_of(table))))
    *above, (_, index) = _path_at(it, space, address)
    left = _clear_entry(it, space, [*above, (frame_of(number_of(table)), index)], number)
    it.answer(z3.If(left == 0, word(1), word(0)))


def drop_emptied(it: Walk, space: Object, address: Word) -> None:
    """Gives the last table for an address, which is empty now, back; its space is to be forgotten."""
    it.still(it.object("AddressSpace", WALKED_SPACE), "ID")
    it.do(DROP_LAST_TABLE, space, address)
    know_walks_still(it)
    it.stays(frame_of(space.number))
    it.still(space, "ROOT")
    leave_more(it, "InvalidateSpace", space["ASID"])


def clear_page_seldom(it: Walk, link: Word, table: Word, address: Word, number: Word) -> None:
    """Unmaps a page, and leaves what the machine has to forget: it alone, or what has a table less."""
    it.rules = tuple(tables.rules())
    space = it.thing("AddressSpace", link)
    asid = space["ASID"]
    _path_at(it, space, address)
    is_empty = it.do(CLEAR_ENTRY_SELDOM, table, address, number) != 0
    know_walks_still(it)
    if it.holds(is_empty):
        drop_emptied(it, space, address)
    else:
        leave_more(it, "InvalidatePage", asid, address)
    it.finish()


def unmap_large(it: Walk, link: Word, address: Word) -> None:
    """Unmaps the block at an address; a table that becomes empty goes back to the pool."""
    it.rules = WALKED
    it.failure = lambda error: {"x0": word(1), "x1": error}
    space = it.thing("AddressSpace", link)
    path = _path_at(it, space, address)[:2]
    it.note_field(space, "ROOT")
    for entry, is_met in zip(path, (z3.BoolVal(True), leads(it.now, path[0])), strict=True):
        with it.when(is_met):
            note_entry(it, entry)
    leaf = Descriptor(tables.read_entry(it.now, *path[1]))
    is_block = z3.And(leads(it.now, path[0]), leaf.is_block)
    it.refuse("NotMapped", z3.Not(is_block))
    it.refuse("Misaligned", address & (BLOCK_BYTES - 1) != 0)
    number = link_of(tables.frame_in(leaf.output))
    left, asid = _clear_entry(it, space, path, number), space["ASID"]
    table = link_of(first_of(path[1][0]))
    if it.holds(left == 0):
        it.do(DROP_MIDDLE_TABLE, space, table, address)
        know_walks_still(it)
        leave_more(it, "InvalidateSpace", asid)
    else:
        leave_more(it, "InvalidatePage", asid, address)
    it.done()


def leads(state: KernelState, entry: tables.Entry) -> z3.BoolRef:
    """Whether a descriptor leads to a table."""
    return Descriptor(tables.read_entry(state, *entry)).is_table


def unmap_from(it: Walk, link: Word, address: Word) -> None:
    """Unmaps what is at an address, if a space still has tables; answers whether something was there."""
    space = it.thing("AddressSpace", link)
    if it.holds(space["ROOT"] == 0):
        return it.answer(0)
    way = find_way(it, space, address)
    if it.holds(z3.Not(way.has_last)):
        status = it.do(UNMAP_LARGE, space, address)
        return it.answer(z3.If(status == 0, word(1), word(0)))
    if it.holds(way.found[2].word == 0):
        return it.answer(0)
    table, frame = (link_of(first_of(way.path[2][0])), tables.frame_in(way.found[2].output))
    it.do(CLEAR_PAGE_SELDOM, space, table, address, link_of(frame))
    it.answer(1)


def _show_unmapped(it: Walk, space: Object, address: Word, *, is_block: bool) -> None:
    """Now: the walk of the address faults, and every other yields what it did before the call."""
    goal = unmapped(it.initial, it.now, it.link(space), address, is_block=is_block)
    it.show("all addresses", goal)


def unmap(it: Walk, handle: Word, address: Word) -> None:
    """Unmaps a page or a block."""
    it.rules = tuple(tables.rules())
    space = it.find(handle, "AddressSpace", "WRITE")
    check_page_address(it, address)
    way = find_way(it, space, address)
    if it.holds(z3.Not(way.has_last)):
        return _unmap_block(it, space, address)
    it.refuse("NotMapped", way.found[2].word == 0)
    table, leaf = it.frame(way.path[2][0]), way.found[2]
    frame = it.frame(tables.frame_in(leaf.output))
    has_shadow = table["RECORDS"] != 0
    with it.when(z3.Not(has_shadow)):
        count = table["ID"]
    if it.holds(z3.Or(has_shadow, z3.ULE(count, 1))):
        last = link_of(first_of(table.number))
        it.do(CLEAR_PAGE_SELDOM, space, last, address, link_of(frame.number))
        _show_unmapped(it, space, address, is_block=False)
        return it.done()
    clear_first(frame)
    write_entry(it, way.path[2], word(0))
    count_down(it, table.number)
    it.leave("InvalidatePage", space["ASID"], address)
    is_here = is_same_place(it, space, address, z3.BoolVal(False))
    show_translations(it, way.path, is_here, translation.UNMAPPED)
    it.done()


def _unmap_block(it: Walk, space: Object, address: Word) -> None:
    """Unmaps a block, if one is there."""
    status, value = it.do_pair(UNMAP_LARGE, space, address)
    is_error = status != 0
    with it.when(z3.Not(is_error)):
        _show_unmapped(it, space, address, is_block=True)
    with it.when(is_error):
        it.show("nothing changes", walks_stay(it.initial, it.now))
    results = {"x0": z3.If(is_error, value, word(0)), "x1": z3.If(is_error, word(0), value)}
    it.end("in a block", z3.BoolVal(True), results)


def has_tables(state: KernelState, space: Word) -> list[z3.BoolRef]:
    has_root = state.field(number_of(space), "AddressSpace.ROOT") != 0
    return [*queues.names(state, space, "AddressSpace"), has_root]


def _is_empty(state: KernelState, table: Word) -> list[z3.BoolRef]:
    """A table has no descriptors."""
    every = tables.every_index(WALKED_PAGE)
    return [tables.read_entry(state, table, index) == 0 for index in every]


def _of_last(state: KernelState, space: Word, address: Word) -> list[z3.BoolRef]:
    *above, (last, _) = tables.path_of(state, number_of(space), page_of(address))
    has_last = z3.And(*(Descriptor(tables.read_entry(state, *at)).is_table for at in above))
    empty = (z3.Implies(has_last, rule) for rule in _is_empty(state, last))
    return [*has_tables(state, space), *empty]


def _of_middle(
    state: KernelState, space: Word, table: Word, address: Word
) -> list[z3.BoolRef]:
    (root, index), (middle, _), _ = tables.path_of(state, number_of(space), page_of(address))
    leads = Descriptor(tables.read_entry(state, root, index)).is_table
    is_it = table == link_of(first_of(middle))
    return [*has_tables(state, space), leads, is_it, *_is_empty(state, middle)]


def is_last_table(
    state: KernelState, space: Word, table: Word, address: Word
) -> list[z3.BoolRef]:
    """A link names the last table on the way to an address of a space."""
    *above, last = tables.path_of(state, number_of(space), page_of(address))
    return [
        *has_tables(state, space),
        *(leads(state, entry) for entry in above),
        table == link_of(first_of(last[0])),
    ]


def _of_page(
    state: KernelState, space: Word, table: Word, address: Word, frame: Word
) -> list[z3.BoolRef]:
    last = tables.path_of(state, number_of(space), page_of(address))[2]
    leaf = Descriptor(tables.read_entry(state, *last))
    return [
        *is_last_table(state, space, table, address),
        leaf.word != 0,
        frame == link_of(tables.frame_in(leaf.output)),
    ]


def _of_entry(state: KernelState, table: Word, address: Word, frame: Word) -> list[z3.BoolRef]:
    return _of_page(state, _owner_of(state, table), table, address, frame)


def _owner_of(state: KernelState, table: Word) -> Word:
    """The space of a table."""
    return link_of(tables.owner_of(state, frame_of(number_of(table))))


def unmapped(
    before: KernelState, after: KernelState, space: Word, address: Word, is_block: bool
) -> z3.BoolRef:
    """The walk of any page of any living space yields what it did before; that of an address faults."""
    is_here = is_place_at(number_of(space), address, z3.BoolVal(is_block))
    old, new = (tables.walk_of(state, WALKED_SPACE, WALKED_PAGE) for state in (before, after))
    right = z3.If(is_here, z3.Not(new.is_mapped), new.same(old))
    return z3.Implies(before.is_live(WALKED_SPACE, "AddressSpace"), right)


def _unmaps_page(
    before: KernelState,
    after: KernelState,
    _answers: Answers,
    space: Word,
    _table: Word,
    address: Word,
    _frame: Word,
) -> list[z3.BoolRef]:
    return [unmapped(before, after, space, address, is_block=False)]


def _clears_entry(
    before: KernelState,
    after: KernelState,
    answers: Answers,
    table: Word,
    address: Word,
    _frame: Word,
) -> list[z3.BoolRef]:
    """The same; the table is where it was, and empty if it is said to be."""
    space = _owner_of(before, table)
    empty = _is_empty(after, frame_of(number_of(table)))
    return [
        z3.ULE(answers[0], 1),
        unmapped(before, after, space, address, is_block=False),
        *is_last_table(after, space, table, address),
        *(z3.Implies(answers[0] != 0, rule) for rule in empty),
    ]


def _unmaps_block(
    before: KernelState, after: KernelState, answers: Answers, space: Word, address: Word
) -> list[z3.BoolRef]:
    status, value = answers
    return [
        z3.ULE(status, 1),
        z3.Implies(status == 0, value == 0),
        z3.Implies(status == 0, unmapped(before, after, space, address, is_block=True)),
        z3.Implies(status != 0, walks_stay(before, after)),
    ]


def _answers_bool(
    _before: KernelState, _after: KernelState, answers: Answers, *_arguments: Word
) -> list[z3.BoolRef]:
    return [z3.ULE(answers[0], 1)]


def _of_space(state: KernelState, space: Word, _address: Word) -> list[z3.BoolRef]:
    return queues.names(state, space, "AddressSpace")


def _keeps_walks(
    before: KernelState, after: KernelState, _answers: Answers, *_arguments: Word
) -> list[z3.BoolRef]:
    return [walks_stay(before, after)]


_ENTRY = ("entry ID", "entry SPACE", "entry RECORDS")
_DROP = frozenset(
    {"AddressSpace.POOL", "AddressSpace.POOL_COUNT", "PageTable", "kind", *_ENTRY}
)
OF_EMPTIED = {kind: dict.fromkeys(("kind", *_ENTRY), WHOLE) for kind in ("PageTable", "Shadow")}

DROP_MIDDLE_TABLE = Procedure(
    "drop_middle_table",
    drop_middle_table,
    3,
    _DROP,
    _of_middle,
    _keeps_walks,
    frames=OF_EMPTIED,
)

DROP_LAST_TABLE = Procedure(
    "drop_last_table", drop_last_table, 2, _DROP, _of_last, _keeps_walks, frames=OF_EMPTIED
)

LEAVE = frozenset(f"Core.{field}" for field in ("EFFECTS", "EFFECT_COUNT", "PENDING"))
_CLEAR = FORGET_MAPPING.changes | _DROP | LEAVE
OF_CLEARED = every(FORGET_MAPPING.frames or {}, OF_EMPTIED)

CLEAR_ENTRY_SELDOM = Procedure(
    "clear_entry_seldom",
    clear_entry_seldom,
    3,
    FORGET_MAPPING.changes | {"PageTable", "entry ID"},
    _of_entry,
    _clears_entry,
    frames=every(FORGET_MAPPING.frames or {}, {"PageTable": {"entry ID": WHOLE}}),
)
CLEAR_PAGE_SELDOM = Procedure(
    "clear_page_seldom",
    clear_page_seldom,
    4,
    _CLEAR,
    _of_page,
    _unmaps_page,
    frames=OF_CLEARED,
)

UNMAP_LARGE = Procedure(
    "unmap_large",
    unmap_large,
    2,
    _CLEAR,
    lambda state, space, _address: has_tables(state, space),
    _unmaps_block,
    frames=OF_CLEARED,
    is_idle=lambda _before, answers, *_: answers[0] != 0,
)
UNMAP_FROM = Procedure(
    "unmap_from",
    unmap_from,
    2,
    _CLEAR,
    _of_space,
    _answers_bool,
    frames=OF_CLEARED,
    is_idle=lambda _before, answers, *_: answers[0] == 0,
)

PROCEDURES = (
    DROP_MIDDLE_TABLE,
    DROP_LAST_TABLE,
    CLEAR_ENTRY_SELDOM,
    CLEAR_PAGE_SELDOM,
    UNMAP_LARGE,
    UNMAP_FROM,
)
CALLS = (unmap,)
