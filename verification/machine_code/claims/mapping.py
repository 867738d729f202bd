"""What is mapped: pages and blocks, also where frames of the pool are needed."""

from __future__ import annotations

from dataclasses import dataclass

import z3

from .. import dying, tables, translation
from ..kernel_state import KernelState, first_of, frame_of, link_of, number_of
from ..leaving import WHOLE, Answers, every, repeated
from ..logic import conjunction
from ..procedure import Procedure
from ..telling import Frame, Object, Word, word
from ..translation import BLOCK_LEVEL, LAST_LEVEL, Descriptor, Request, index_of
from ..walk import Walk
from .page_table import (
    BLOCK_BYTES,
    MAY_WRITE,
    OUTPUT_MASK,
    READ_EXECUTE,
    READ_WRITE,
    SPACE_BITS,
    WALKED_PAGE,
    WALKED_SPACE,
    check_access,
    check_page_address,
    find_inline,
    find_way,
    is_access,
    is_place_at,
    note_entry,
    page_of,
    request_of,
    widened,
    write_entry,
)
from .pool import MAKE, MAKE_NEXT_TABLE, count_up
from .record import ADD_RECORD, NOT_SHADOWS, RECORD, other_shadows, show_shadows
from .unmap import has_tables, know_walks, leads, still_walks, walks_stay

# The low bits of a page's descriptor, and the one that a block's has not.
PAGE, NOT_BLOCK = 0b11, 0b10


def set_first(it: Walk, space: Object, frame: Frame, address: Word) -> None:
    """A frame that is mapped nowhere is mapped here."""
    bits, page = frame["SPACE"], frame["ADDRESS"]
    frame["SPACE"] = bits | it.link(space)
    frame["ADDRESS"] = page | z3.LShR(address, translation.PAGE_SHIFT)


@dataclass(frozen=True)
class Wanted:
    """A mapping that is asked for: of a frame, at an address of a space, with attributes."""

    space: Object
    frame: Frame
    address: Word
    attributes: Word
    is_large: bool

    @property
    def level(self) -> int:
        return BLOCK_LEVEL if self.is_large else LAST_LEVEL

    @property
    def page(self) -> Word:
        return page_of(self.address)

    @property
    def index(self) -> Word:
        return index_of(self.level, self.page)

    @property
    def descriptor(self) -> Word:
        page = link_of(self.frame.number) << translation.PAGE_SHIFT | PAGE | self.attributes
        return page & ~word(NOT_BLOCK) if self.is_large else page


def _missing_tables(it: Walk, wanted: Wanted, path: list[tables.Entry]) -> Word:
    """How many tables are missing on the way; refuses what is in the way."""
    it.note_field(wanted.space, "ROOT")
    note_entry(it, path[0])
    has_middle = leads(it.now, path[0])
    with it.when(has_middle):
        note_entry(it, path[1])
    below = Descriptor(tables.read_entry(it.now, *path[1]))
    if wanted.is_large:
        it.refuse("AlreadyMapped", z3.And(has_middle, below.word != 0))
        return z3.If(has_middle, word(0), word(1))
    is_block = z3.And(below.word != 0, z3.Not(below.is_table))
    it.refuse("AlreadyMapped", z3.And(has_middle, is_block))
    return z3.If(has_middle, z3.If(below.word == 0, word(1), word(0)), word(2))


def _missing_for_record(it: Walk, wanted: Wanted, path: list[tables.Entry]) -> Word:
    """How many frames a record would take: for itself, and for a shadow of the table."""
    above = path[: wanted.level - 1]
    has_table = conjunction(leads(it.now, entry) for entry in above)
    with it.when(has_table):
        shadow = it.frame(path[wanted.level - 1][0])["RECORDS"]
    has_shadow = z3.And(has_table, shadow != 0)
    has_room = wanted.space["RECORDS"] != 0
    return sum((z3.If(has, word(0), word(1)) for has in (has_shadow, has_room)), word(0))


def _make_way(it: Walk, wanted: Wanted, path: list[tables.Entry]) -> Word:
    """The table where the mapping comes, made where it is missing."""
    link = it.do(MAKE_NEXT_TABLE, wanted.space, wanted.space["ROOT"], word(1), wanted.address)
    if not wanted.is_large:
        _look_again(it, wanted, path)
        link = it.do(MAKE_NEXT_TABLE, wanted.space, link, word(2), wanted.address)
    _look_again(it, wanted, path)
    return frame_of(number_of(link))


def _look_again(it: Walk, wanted: Wanted, path: list[tables.Entry]) -> None:
    """What procedures that keep tables left of what the call met."""
    space, page = wanted.space, wanted.page
    walked = it.object("AddressSpace", WALKED_SPACE)
    it.still(walked, "ID")
    for item in (space, walked):
        it.stays(frame_of(item.number))
        it.still(item, "ROOT")
    for entry in path:
        it.stays(entry[0])
        it.still_word("PageTable", *entry)
    it.still(space, "RECORDS")
    it.stays(wanted.frame.number)
    it.assume(*tables.way_is_sound(it.before, space.number, page))
    it.assume(*tables.user_frame_is_sound(it.before, wanted.frame.number))
    know_walks(it, tables.path_of(it.before, space.number, page))


def map_with_pool(
    it: Walk, link: Word, number: Word, address: Word, attributes: Word
) -> None:
    """Maps a frame where frames of the pool may be needed: for tables, a record, a shadow."""
    it.rules = NOT_SHADOWS
    it.failure = lambda error: {"x0": word(1), "x1": error}
    space, frame = it.thing("AddressSpace", link), it.frame(number)
    bits = frame["SPACE"]
    is_large = it.holds(bits & it.layout.constants["user.LARGE"] != 0)
    wanted = Wanted(space, frame, address, attributes, is_large)
    path = tables.path_of(it.before, space.number, wanted.page)
    it.assume(*tables.way_is_sound(it.before, space.number, wanted.page))
    if is_large:
        it.refuse("Misaligned", address & (BLOCK_BYTES - 1) != 0)
    needed = _missing_tables(it, wanted, path)
    is_first = it.holds(bits & SPACE_BITS == 0)
    if not is_first:
        needed = needed + _missing_for_record(it, wanted, path)
    it.refuse("NeedMemory", z3.ULT(space["POOL_COUNT"], needed))
    table = _make_way(it, wanted, path)
    if is_first:
        if is_large:
            frame["SPACE"] = bits & ~word(it.layout.constants["user.STEPS"])
        set_first(it, space, frame, address)
    else:
        at, since = z3.ZeroExt(64 - translation.INDEX_BITS, wanted.index), it.now
        path = tables.path_of(since, space.number, wanted.page)
        it.do(ADD_RECORD, space, link_of(first_of(table)), at, number, address)
        it.stays(table)
        it.still_word("PageTable", table, wanted.index)
        still_walks(it, space, path, since)
        _look_again(it, wanted, path)
    known = other_shadows(it.before, (table, wanted.index))
    write_entry(it, (table, wanted.index), wanted.descriptor)
    count_up(it, table)
    show_shadows(it, known)
    it.done()


def _request(attributes: Word) -> Request:
    """What attributes ask for."""
    leaf = Descriptor(attributes)
    writes, executes = z3.Not(leaf.has(7)), z3.Not(leaf.has(54))
    return Request(writes, executes, leaf.memory, leaf.note)


def map_found(
    it: Walk, link: Word, number: Word, rights: Word, address: Word, access: Word
) -> None:
    """Maps a frame that was found, with what its capability allows."""
    it.rules = tuple(tables.rules())
    it.failure = lambda error: {"x0": word(1), "x1": error}
    space, frame = it.thing("AddressSpace", link), it.frame(tables.frame_in(number))
    check_page_address(it, address)
    it.refuse("AccessDenied", rights & it.layout.rights["READ"] == 0)
    may_write = rights & it.layout.rights["WRITE"] != 0
    request = request_of(it, frame, access, may_write)
    leaf = request.leaf(tables.output_of(frame.number), z3.BoolVal(True))
    way = find_way(it, space, address)
    know_walks(it, way.path)
    it.refuse("AlreadyMapped", z3.And(way.has_last, way.found[2].word != 0))
    first_or_large = frame["SPACE"] & (SPACE_BITS | it.layout.constants["user.LARGE"])
    if it.holds(z3.Or(z3.Not(way.has_last), first_or_large != 0)):
        first = z3.BitVecVal(0, translation.INDEX_BITS)
        it.assume(*dying.tail_is_there(it.before, frame.number, first))
        attributes = leaf & ~word(OUTPUT_MASK)
        status, value = it.do_pair(MAP_WITH_POOL, space, widened(frame), address, attributes)
        return it.answer(status, value)
    set_first(it, space, frame, address)
    write_entry(it, way.path[2], leaf)
    count_up(it, way.path[2][0])
    it.done()


def map(it: Walk, handle: Word, memory: Word, address: Word, access: Word) -> None:
    """Maps a frame."""
    it.rules = tuple(tables.rules())
    space = find_inline(it, handle, "AddressSpace", "WRITE", memory)
    space = it.object("AddressSpace", space.number())
    it.assume(*tables.roots_are_sound(it.before, space.number))
    slot = find_inline(it, memory, "Frame", "")
    frame = it.frame(frame_of(slot.number()))
    check_access(it, access)
    rights = z3.ZeroExt(56, slot.rights())
    status, value = it.do_pair(MAP_FOUND, space, widened(frame), rights, address, access)
    is_error = status != 0
    states = it.initial, it.now
    with it.when(z3.Not(is_error)):
        request = asked_of(it.initial, frame.number, rights, access)
        goal = mapped(states, it.link(space), frame.number, address, request)
        it.show("all addresses", goal)
    with it.when(is_error):
        it.show("nothing changes", walks_stay(*states))
    results = {"x0": z3.If(is_error, value, word(0)), "x1": z3.If(is_error, word(0), value)}
    it.end("done", z3.BoolVal(True), results)


def asked_of(state: KernelState, frame: Word, rights: Word, access: Word) -> Request:
    """What an access means for a frame, by a capability with rights."""
    names = state.layout
    is_device = state.entry(frame, "SPACE") & names.constants["user.DEVICE"] != 0
    may_write = rights & names.rights["WRITE"] != 0
    kinds = [z3.BitVecVal(kind, 3) for kind in (translation.DEVICE, translation.NORMAL)]
    notes = [z3.BitVecVal(note, 4) for note in (MAY_WRITE, 0)]
    writes, executes = access == READ_WRITE, access == READ_EXECUTE
    return Request(writes, executes, z3.If(is_device, *kinds), z3.If(may_write, *notes))


def _of_wanted(
    state: KernelState, space: Word, frame: Word, address: Word, attributes: Word
) -> list[z3.BoolRef]:
    """A page that may be mapped so, where nothing is; a large frame is aligned."""
    names, number, leaf = state.layout.constants, tables.frame_in(frame), Descriptor(attributes)
    bits = state.entry(number, "SPACE")
    is_code, is_device, is_large = (
        bits & names[f"user.{name}"] != 0 for name in ("CODE", "DEVICE", "LARGE")
    )
    nowhere = z3.BitVecVal(0, translation.OUTPUT_BITS)
    *above, last = tables.path_of(state, number_of(space), page_of(address))
    has_last = z3.And(z3.Not(is_large), *(leads(state, entry) for entry in above))
    return [
        *has_tables(state, space),
        tables.is_frame_word(frame),
        state.is_frame(number, "User"),
        attributes == _request(attributes).leaf(nowhere, z3.BoolVal(True)),
        z3.ULE(leaf.memory, translation.DEVICE),
        z3.ULE(leaf.note, 1),
        z3.Or(leaf.has(7), z3.Not(is_code)),
        z3.Or(leaf.has(54), is_code),
        (leaf.memory == translation.DEVICE) == is_device,
        z3.Implies(has_last, tables.read_entry(state, *last) == 0),
        z3.Implies(is_large, z3.Extract(translation.INDEX_BITS - 1, 0, number) == 0),
    ]


def mapped(
    states: tuple[KernelState, KernelState],
    space: Word,
    frame: Word,
    address: Word,
    request: Request,
) -> z3.BoolRef:
    """The walk of an address yields what was asked for; every other what it did before."""
    before, _ = states
    is_large = before.entry(frame, "SPACE") & before.layout.constants["user.LARGE"] != 0
    within = z3.Extract(translation.INDEX_BITS - 1, 0, WALKED_PAGE)
    within = z3.ZeroExt(translation.OUTPUT_BITS - translation.INDEX_BITS, within)
    page = tables.output_of(frame)
    output = z3.If(is_large, page | within, page)
    is_here = is_place_at(number_of(space), address, is_large)
    old, new = (tables.walk_of(state, WALKED_SPACE, WALKED_PAGE) for state in states)
    told = z3.If(is_here, new.same(request.translation(output)), new.same(old))
    return z3.Implies(before.is_live(WALKED_SPACE, "AddressSpace"), told)


def _maps(
    before: KernelState,
    after: KernelState,
    answers: Answers,
    space: Word,
    frame: Word,
    address: Word,
    attributes: Word,
) -> list[z3.BoolRef]:
    """The walk of the address yields the frame; every other what it did before."""
    told = mapped((before, after), space, tables.frame_in(frame), address, _request(attributes))
    return _answers_map(before, after, answers, told)


def _of_found(
    state: KernelState, space: Word, frame: Word, _rights: Word, _address: Word, access: Word
) -> list[z3.BoolRef]:
    return [
        *has_tables(state, space),
        tables.is_frame_word(frame),
        state.is_frame(tables.frame_in(frame), "User"),
        is_access(access),
    ]


def _maps_found(
    before: KernelState,
    after: KernelState,
    answers: Answers,
    space: Word,
    frame: Word,
    rights: Word,
    address: Word,
    access: Word,
) -> list[z3.BoolRef]:
    """The walk of the address yields what was asked for; every other what it did before."""
    number = tables.frame_in(frame)
    request = asked_of(before, number, rights, access)
    told = mapped((before, after), space, number, address, request)
    return _answers_map(before, after, answers, told)


def _answers_map(
    before: KernelState, after: KernelState, answers: Answers, told: z3.BoolRef
) -> list[z3.BoolRef]:
    """What is told is so, or an error is answered and no walk changed."""
    status, value = answers
    return [
        z3.ULE(status, 1),
        z3.Implies(status == 0, value == 0),
        z3.Implies(status == 0, told),
        z3.Implies(status != 0, walks_stay(before, after)),
    ]


_MAP = MAKE | RECORD | {"entry ADDRESS"}
_OF_USER = {"User": {"entry SPACE": WHOLE, "entry ADDRESS": WHOLE}}
OF_MAPPED = repeated(every(MAKE_NEXT_TABLE.frames or {}, ADD_RECORD.frames or {}, _OF_USER))

MAP_WITH_POOL = Procedure(
    "map_with_pool",
    map_with_pool,
    4,
    _MAP,
    _of_wanted,
    _maps,
    frames=OF_MAPPED,
    is_idle=lambda _before, answers, *_: answers[0] != 0,
)

MAP_FOUND = Procedure(
    "map_found",
    map_found,
    5,
    _MAP,
    _of_found,
    _maps_found,
    frames=OF_MAPPED,
    is_idle=lambda _before, answers, *_: answers[0] != 0,
)

PROCEDURES = (MAP_WITH_POOL, MAP_FOUND)
CALLS = (map,)
