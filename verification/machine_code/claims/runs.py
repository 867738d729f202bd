"""Runs of the calls on ranges: pages that follow one another, of one table, told by one of them."""

from __future__ import annotations

from collections.abc import Callable

import z3

from .. import tables, translation
from ..kernel_state import KernelState, Slot, first_of, frame_of, link_of, number_of
from ..leaving import WHOLE, Answers, every, repeated
from ..procedure import Procedure
from ..telling import Frame, Word, word
from ..translation import LAST_LEVEL, Descriptor, index_of
from ..walk import Walk
from .page_table import (
    MAY_WRITE,
    PAGE_BYTES,
    READ,
    READ_EXECUTE,
    READ_WRITE,
    SPACE_BITS,
    WALKED_PAGE,
    WALKED_SPACE,
    clear_first,
    note_entry,
    page_of,
    request_of,
    write_entry,
)
from .unmap import (
    CLEAR_ENTRY_SELDOM,
    DROP_LAST_TABLE,
    LEAVE,
    OF_EMPTIED,
    drop_emptied,
    has_tables,
    is_last_table,
    know_walks,
)

# The most pages of a run, and of one of `map_run`.
RUN_PAGES, MAP_RUN_PAGES = 24, 48
# Slots of a chunk of a table.
CHUNK_SLOTS = 256
# Where rights and kind of a capability begin in its second word.
KIND_SHIFT = 48


def _untold(_it: Walk, *_arguments: Word) -> None:
    raise NotImplementedError("told by one round")


def least(first: Word, second: Word) -> Word:
    """The smaller of two numbers."""
    return z3.If(z3.ULT(first, second), first, second)


def _entry_at(table: Word, address: Word, place: Word) -> tables.Entry:
    """The descriptor of a last-level table, so many behind that of an address."""
    first = index_of(LAST_LEVEL, page_of(address))
    at = z3.Extract(translation.INDEX_BITS - 1, 0, place)
    return frame_of(number_of(table)), z3.simplify(first + at)


def _is_walked(state: KernelState, entry: tables.Entry) -> z3.BoolRef:
    """The walk of any page of any space ends in a descriptor of a last-level table."""
    *above, (frame, index) = tables.path_of(state, WALKED_SPACE, WALKED_PAGE)
    leads = [Descriptor(tables.read_entry(state, *at)).is_table for at in above]
    return z3.And(*leads, frame == entry[0], index == entry[1])


def _show_page(
    it: Walk, entry: tables.Entry, wanted: Callable[[translation.Translation], z3.BoolRef]
) -> None:
    """Now: what goes through a descriptor is as it is wanted, and every other walk as before."""
    old, new = (tables.walk_of(s, WALKED_SPACE, WALKED_PAGE) for s in (it.before, it.now))
    is_here = _is_walked(it.before, entry)
    told = z3.If(is_here, wanted(old, new), new.same(old))
    live = it.before.is_live(WALKED_SPACE, "AddressSpace")
    extra = tables.way_is_sound(it.before, WALKED_SPACE, WALKED_PAGE)
    it.show("all addresses", z3.Implies(live, told), *extra)


def _of_table(state: KernelState, table: Word) -> list[z3.BoolRef]:
    """A last-level table of a space that has tables."""
    frame = frame_of(number_of(table))
    return [
        table == link_of(first_of(frame)),
        tables.is_in_use(state, frame),
        tables.level_of(state, frame) == LAST_LEVEL,
    ]


def _is_access(access: Word) -> z3.BoolRef:
    return z3.Or(*(access == value for value in (READ, READ_WRITE, READ_EXECUTE)))


def _still_there(it: Walk, table: Word) -> None:
    """What rounds that keep tables left of a table, and of its space."""
    space = it.object("AddressSpace", tables.owner_of(it.before, table))
    it.stays(table)
    it.stays(frame_of(space.number))
    it.still(space, "ROOT")


def protect_run(it: Walk, table: Word, address: Word, count: Word, access: Word) -> None:
    """Changes what may be done with the next pages of a table; answers with how many."""
    it.rules = tuple(tables.rules())
    if it.holds(count == 0):
        return it.answer(0, 0)
    most = least(count, word(RUN_PAGES))
    done = it.rounds(PROTECT_ROUNDS, most)
    it.failure = lambda error: {
        "x0": z3.If(done == 0, word(1), word(0)),
        "x1": z3.If(done == 0, error, done),
    }
    entry = _entry_at(table, address, done)
    _still_there(it, entry[0])
    it.assume(*tables.entry_is_sound(it.before, *entry))
    note_entry(it, entry)
    leaf = Descriptor(tables.read_entry(it.now, *entry))
    it.refuse("NotMapped", leaf.word == 0)
    frame = it.frame(tables.frame_in(leaf.output))
    request = request_of(it, frame, access, leaf.note == MAY_WRITE)
    write_entry(it, entry, request.leaf(leaf.output, z3.BoolVal(True)))
    _show_page(it, entry, lambda old, new: new.same(request.translation(old.output)))
    if it.holds(done + 1 == most):
        return it.answer(word(0), most)
    it.again()


def map_run(
    it: Walk, handle: Word, link: Word, table: Word, address: Word, count: Word, access: Word
) -> None:
    """Maps the next pages of a table, of frames that are alike, by capabilities alike; answers how many."""
    it.rules = tuple(tables.rules())
    it.failure = lambda _error: {"x0": word(0)}
    has_slot, chunk = it.chunk_at(it.current(), handle)
    it.refuse("BadHandle", z3.Not(has_slot))
    at = z3.Extract(7, 0, handle)
    slot = it.slot(chunk, at, z3.BoolVal(True))
    it.refuse("WrongKind", slot.kind() != it.kind("Frame"))
    first = it.frame(frame_of(slot.number()))
    bits, rights = first["SPACE"], slot.rights()
    it.refuse("Again", bits & (SPACE_BITS | it.layout.constants["user.LARGE"]) != 0)
    it.refuse("AccessDenied", rights & it.layout.rights["READ"] == 0)
    may_write = rights & it.layout.rights["WRITE"] != 0
    request = request_of(it, first, access, may_write)
    room = CHUNK_SLOTS - (handle & (CHUNK_SLOTS - 1))
    planned = least(least(count, room), word(MAP_RUN_PAGES))
    _count_by(it, table, planned)
    done = it.rounds(MAP_ROUNDS, planned)
    entry = _entry_at(table, address, done)
    _still_there(it, entry[0])
    it.assume(*tables.entry_is_sound(it.before, *entry))
    found = it.slot(chunk, at + z3.Extract(7, 0, done), z3.BoolVal(True))
    frame, is_such = _is_such(it, (slot, found), bits, entry)
    if it.holds(z3.Not(is_such)):
        _count_by(it, table, done - planned)
        return it.answer(done)
    # It is of the same rights as the first.
    frame = it.with_right(frame, "READ")
    frame["SPACE"] = bits | link
    frame["ADDRESS"] = frame["ADDRESS"] | z3.LShR(address, translation.PAGE_SHIFT) + done
    output = tables.output_of(frame.number)
    write_entry(it, entry, request.leaf(output, z3.BoolVal(True)))
    _show_page(it, entry, lambda _old, new: new.same(request.translation(output)))
    if it.holds(done + 1 == planned):
        _count_by(it, table, word(0))
        return it.answer(planned)
    it.again()


def _count_by(it: Walk, table: Word, change: Word) -> None:
    """A table has more descriptors, or fewer."""
    frame = it.frame(frame_of(number_of(table)))
    frame["ID"] = frame["ID"] + change


def _is_such(
    it: Walk, slots: tuple[Slot, Slot], bits: Word, entry: tables.Entry
) -> tuple[Frame, z3.BoolRef]:
    """The frame that a slot names, and whether it is like that of the first, and may be mapped."""
    first, slot = slots
    frame = it.frame(frame_of(slot.number()))
    is_alike = z3.LShR(slot.word, KIND_SHIFT) == z3.LShR(first.word, KIND_SHIFT)
    with it.when(is_alike):
        is_live = it.is_live(slot, it.kind("Frame"))
        with it.when(is_live):
            is_unused = frame["SPACE"] == bits
            with it.when(is_unused):
                note_entry(it, entry)
    is_empty = tables.read_entry(it.now, *entry) == 0
    return frame, z3.And(is_alike, is_live, is_unused, is_empty)


def unmap_run(it: Walk, link: Word, table: Word, address: Word, count: Word) -> None:
    """Unmaps the next pages of a table, until it is gone; answers how many it looked at."""
    it.rules = tuple(tables.rules())
    space, most = it.thing("AddressSpace", link), least(count, word(RUN_PAGES))
    done = it.rounds(UNMAP_ROUNDS, link, table, address, most)
    place = address + (done << translation.PAGE_SHIFT)
    entry = _entry_at(table, address, done)
    path = tables.path_of(it.before, space.number, page_of(place))
    it.assume(*tables.way_is_sound(it.before, space.number, page_of(place)))
    know_walks(it, path)
    note_entry(it, entry)
    leaf = Descriptor(tables.read_entry(it.now, *entry))
    if it.holds(leaf.word != 0):
        frame = it.frame(tables.frame_in(leaf.output))
        if it.holds(_is_usual(it, entry[0])):
            clear_first(frame)
            write_entry(it, entry, word(0))
            _count_by(it, table, word(0) - 1)
        else:
            if it.holds(it.do(CLEAR_ENTRY_SELDOM, table, place, link_of(frame.number)) != 0):
                drop_emptied(it, space, place)
                return it.answer(done + 1)
    if it.holds(done + 1 == most):
        return it.answer(most)
    it.again()


def _is_usual(it: Walk, table: Word) -> z3.BoolRef:
    """A table has no records, and more than one descriptor."""
    frame = it.frame(table)
    has_none = frame["RECORDS"] == 0
    with it.when(has_none):
        count = frame["ID"]
    return z3.And(has_none, z3.UGT(count, 1))


def _of_protect(
    state: KernelState, table: Word, _address: Word, _count: Word, access: Word
) -> list[z3.BoolRef]:
    return [*_of_table(state, table), _is_access(access)]


def _of_map(
    state: KernelState,
    _handle: Word,
    space: Word,
    table: Word,
    address: Word,
    count: Word,
    access: Word,
) -> list[z3.BoolRef]:
    owner = tables.owner_of(state, frame_of(number_of(table)))
    return [
        *has_tables(state, space),
        *_of_table(state, table),
        owner == number_of(space),
        _is_access(access),
        count != 0,
    ]


def _of_unmap(
    state: KernelState, space: Word, table: Word, address: Word, count: Word
) -> list[z3.BoolRef]:
    index = z3.ZeroExt(64 - translation.INDEX_BITS, index_of(LAST_LEVEL, page_of(address)))
    most = 1 << translation.INDEX_BITS
    return [
        *is_last_table(state, space, table, address),
        count != 0,
        z3.ULE(count, most),
        z3.ULE(index + count, most),
        address & (PAGE_BYTES - 1) == 0,
        z3.LShR(address, translation.ADDRESS_BITS) == 0,
    ]


def _leaves_table(
    _before: KernelState,
    after: KernelState,
    answers: Answers,
    space: Word,
    table: Word,
    address: Word,
    most: Word,
) -> list[z3.BoolRef]:
    """Fewer rounds went before than there are, and the table is where it was."""
    return [z3.ULT(answers[0], most), *is_last_table(after, space, table, address)]


def _unmapped_at_most(
    _before: KernelState,
    after: KernelState,
    answers: Answers,
    space: Word,
    _table: Word,
    _address: Word,
    count: Word,
) -> list[z3.BoolRef]:
    return [answers[0] != 0, z3.ULE(answers[0], count), *has_tables(after, space)]


def _mapped_at_most(
    _before: KernelState,
    _after: KernelState,
    answers: Answers,
    _handle: Word,
    _space: Word,
    _table: Word,
    _address: Word,
    count: Word,
    _access: Word,
) -> list[z3.BoolRef]:
    return [z3.ULE(answers[0], count)]


def _below(
    _before: KernelState, _after: KernelState, answers: Answers, most: Word
) -> list[z3.BoolRef]:
    """Fewer rounds went before than there are."""
    return [z3.ULT(answers[0], most)]


def _looked_at(
    _before: KernelState,
    _after: KernelState,
    answers: Answers,
    _table: Word,
    _address: Word,
    count: Word,
    _access: Word,
) -> list[z3.BoolRef]:
    """An error before the first page, or pages, at most as many as were asked for."""
    status, value = answers
    is_right = z3.And(z3.ULE(value, count), z3.Implies(count != 0, value != 0))
    return [z3.ULE(status, 1), z3.Implies(status == 0, is_right)]


PROTECT_ROUNDS = Procedure(
    "rounds of protect_run", _untold, 0, frozenset({"PageTable"}), promise=_below
)
MAP_ROUNDS = Procedure(
    "rounds of map_run",
    _untold,
    0,
    frozenset({"entry SPACE", "entry ADDRESS", "PageTable"}),
    promise=_below,
    frames={"User": {"entry SPACE": WHOLE, "entry ADDRESS": WHOLE}},
)
MAP_RUN = Procedure(
    "map_run",
    map_run,
    6,
    frozenset({"entry ID", "entry SPACE", "entry ADDRESS", "PageTable"}),
    _of_map,
    _mapped_at_most,
    frames={
        "User": {"entry SPACE": WHOLE, "entry ADDRESS": WHOLE},
        "PageTable": {"entry ID": WHOLE},
    },
    is_call=True,
    loop=MAP_ROUNDS,
)
_OF_UNMAPPED = repeated(CLEAR_ENTRY_SELDOM.frames or {})
UNMAP_ROUNDS = Procedure(
    "rounds of unmap_run",
    _untold,
    0,
    CLEAR_ENTRY_SELDOM.changes,
    promise=_leaves_table,
    frames=_OF_UNMAPPED,
)
UNMAP_RUN = Procedure(
    "unmap_run",
    unmap_run,
    4,
    CLEAR_ENTRY_SELDOM.changes | DROP_LAST_TABLE.changes | LEAVE,
    _of_unmap,
    _unmapped_at_most,
    frames=every(_OF_UNMAPPED, OF_EMPTIED),
    loop=UNMAP_ROUNDS,
)
PROTECT_RUN = Procedure(
    "protect_run",
    protect_run,
    4,
    frozenset({"PageTable"}),
    _of_protect,
    _looked_at,
    loop=PROTECT_ROUNDS,
)

PROCEDURES = (MAP_RUN, UNMAP_RUN, PROTECT_RUN)
