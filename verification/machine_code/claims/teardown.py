"""What is left of spaces: their tables, and records of their mappings."""

from __future__ import annotations

import z3

from .. import queues, tables
from ..kernel_state import KernelState, first_of, frame_of, link_of, number_of
from ..leaving import WHOLE, every
from ..memory import FRAME_BITS, OBJECTS
from ..procedure import Procedure
from ..telling import Frame, Object, Word, word
from ..translation import INDEX_BITS, PAGE_SHIFT
from ..walk import Answers, Walk
from .number import ALL_ONES
from .page_table import (
    PAGE_BITS,
    SPACE_BITS,
    address_in,
    clear_first,
    note_entry,
    push_pool,
    write_entry,
)


# What is shown to be kept beside the usual where records go: what the hardware walks.
WALKED = tuple(
    rule
    for rule in tables.rules()
    if rule.name
    in ("first tables", "descriptors", "modes of pages", "tables of tables", "shadows")
)


def _index(index: Word) -> Word:
    return z3.simplify(z3.Extract(INDEX_BITS - 1, 0, index))


def free_whole(frame: Frame) -> None:
    """A frame is free, and its entry zero."""
    for field in ("ADDRESS", "RECORDS", "ID", "SPACE"):
        frame[field] = 0
    frame.set_kind("Free")


def free_table(it: Walk, above: Word, index: Word, link: Word) -> None:
    """A table of a dying space, and its shadow, go from the one above."""
    table = it.frame(frame_of(number_of(link)))
    shadow = table["RECORDS"]
    if it.holds(shadow != 0):
        free_whole(it.frame(shadow))
    free_whole(table)
    write_entry(it, (frame_of(number_of(above)), _index(index)), word(0))
    it.finish()


def forget_first(it: Walk, space: Word, link: Word, index: Word) -> None:
    """What an entry of a dying space maps has no first mapping any more, if that is it."""
    entry = frame_of(number_of(link)), _index(index)
    note_entry(it, entry)
    descriptor = tables.read_entry(it.now, *entry)
    if it.holds(descriptor == 0):
        return it.finish()
    frame = it.frame(_mapped_by(descriptor))
    if it.holds(z3.Not(frame.is_kind("User"))):
        return it.finish()
    if it.holds(frame["SPACE"] & SPACE_BITS == space):
        clear_first(frame)
    it.finish()


def _mapped_by(descriptor: Word) -> Word:
    """The frame to which a descriptor leads."""
    return z3.simplify(z3.Extract(PAGE_SHIFT + FRAME_BITS - 1, PAGE_SHIFT, descriptor))


def _list_of(it: Walk, at: Word) -> str:
    """Which list of frames of records begins at a word of a space: with room, or without."""
    return "RECORDS" if it.holds(at == it.layout.word("AddressSpace.RECORDS")) else "FULL"


def _first_record(it: Walk, frame: Word) -> Object:
    """The first record of a frame."""
    return it.thing("Records", link_of(first_of(z3.simplify(z3.Extract(FRAME_BITS - 1, 0, frame)))))


def link_records(it: Walk, link: Word, at: Word, number: Word) -> None:
    """A frame of records comes to the front of a list of a space."""
    it.rules = tuple(tables.rules())
    space, name = it.thing("AddressSpace", link), _list_of(it, at)
    it.assume(*tables.records_are_sound(it.before, space.number))
    following = space[name]
    it.frame(number)["RECORDS"] = following
    _first_record(it, number)["FRAME_PREV"] = 0
    with it.when(following != 0):
        _first_record(it, following)["FRAME_PREV"] = number
    space[name] = number
    it.finish()


def unlink_records(it: Walk, link: Word, at: Word, number: Word) -> None:
    """A frame of records goes out of a list of a space."""
    it.rules = tuple(tables.rules())
    space, name = it.thing("AddressSpace", link), _list_of(it, at)
    frame, first = it.frame(number), _first_record(it, number)
    it.assume(*tables.record_frame_is_sound(it.before, frame.number))
    following, previous = frame["RECORDS"], first["FRAME_PREV"]
    if it.holds(previous == 0):
        space[name] = following
    else:
        it.frame(previous)["RECORDS"] = following
    with it.when(following != 0):
        _first_record(it, following)["FRAME_PREV"] = previous
    first["FRAME_PREV"] = 0
    it.finish()


def drop_record(it: Walk, link: Word) -> None:
    """A record is free; a frame of records without any goes back to the pool.

    That the lists lead to frames of records then rests on their being lists, which no proof knows.
    """
    it.rules = WALKED
    record = it.thing("Records", link)
    it.assume(*tables.record_is_sound(it.before, record.number))
    following, previous = (it.thing("Records", record[field]) for field in ("NEXT", "PREV"))
    if it.holds(previous.number == 0):
        it.frame(record["FRAME"])["RECORDS"] = it.link(following)
    else:
        previous["NEXT"] = it.link(following)
    with it.when(following.number != 0):
        following["PREV"] = it.link(previous)
    space = it.thing("AddressSpace", record["SPACE"])
    for field in ("SPACE", "ADDRESS", "FRAME", "NEXT", "PREV"):
        record[field] = 0
    frame = it.frame(frame_of(record.number))
    used = frame["ID"]
    left = used & ~(word(1) << z3.ZeroExt(58, z3.Extract(5, 0, record.number)))
    frame["ID"] = left
    number = link_of(frame.number)
    if it.holds(used == ALL_ONES):
        it.do(UNLINK_RECORDS, space, word(it.layout.word("AddressSpace.FULL")), number)
        it.do(LINK_RECORDS, space, word(it.layout.word("AddressSpace.RECORDS")), number)
    elif it.holds(left == 0):
        it.do(UNLINK_RECORDS, space, word(it.layout.word("AddressSpace.RECORDS")), number)
        push_pool(it, space, frame)
    it.finish()


def forget_mapping(it: Walk, link: Word, index: Word, number: Word) -> None:
    """The mapping of a frame by an entry of a table is forgotten: the first, or its record."""
    it.rules = WALKED
    shadow = it.frame(it.frame(frame_of(number_of(link)))["RECORDS"])
    it.assume(*tables.shadow_is_sound(it.before, frame_of(number_of(link)), _index(index)))
    if it.holds(shadow.number == 0):
        clear_first(it.frame(number))
        return it.finish()
    entry = shadow.number, _index(index)
    it.assume(*tables.shadow_names_records(it.before, frame_of(number_of(link)), entry[1]))
    record = tables.read_entry(it.now, *entry)
    for is_write in (False, True):
        right = it.now.is_frame(shadow.number, "Shadow")
        it.note("Shadow, a record", OBJECTS, address_in(*entry), right, is_write=is_write)
    it.store(*tables.written_entry(*entry, word(0)))
    if it.holds(record == 0):
        clear_first(it.frame(number))
    else:
        it.do(DROP_RECORD, it.thing("Records", record))
        it.stays(frame_of(number_of(link)))
        it.stays(shadow.number)
        it.still_word("Shadow", *entry)
    it.finish()


def _leaves_no_record(
    _before: KernelState, after: KernelState, _answers: Answers, table: Word, index: Word, _: Word
) -> list[z3.BoolRef]:
    """Beside the entry of the table no record is left."""
    shadow = after.entry(frame_of(number_of(table)), "RECORDS")
    left = tables.read_entry(after, tables.frame_in(shadow), _index(index))
    return [z3.Implies(shadow != 0, left == 0)]


def _of_mapping(state: KernelState, table: Word, index: Word, frame: Word) -> list[z3.BoolRef]:
    return [
        *_of_tables(state, table),
        tables.is_in_use(state, frame_of(number_of(table))),
        z3.ULT(index, 1 << INDEX_BITS),
        tables.is_frame_word(frame),
        state.is_frame(tables.frame_in(frame), "User"),
    ]


def _of_tables(state: KernelState, *links: Word) -> list[z3.BoolRef]:
    found = [queues.is_link(link) for link in links]
    return [*found, *(state.is_object(number_of(link), "PageTable") for link in links)]


def _of_both(state: KernelState, above: Word, index: Word, table: Word) -> list[z3.BoolRef]:
    shadow = state.entry(frame_of(number_of(table)), "RECORDS")
    is_kind = state.is_frame(tables.frame_in(shadow), "Shadow")
    is_shadow = z3.And(tables.is_frame_word(shadow), is_kind)
    return [
        *_of_tables(state, above, table),
        z3.ULT(index, 1 << INDEX_BITS),
        above != table,
        z3.Or(shadow == 0, is_shadow),
    ]


def _stays(
    before: KernelState, after: KernelState, _answers: Answers, above: Word, *_: Word
) -> list[z3.BoolRef]:
    """The table above is one still, with its shadow, and of the same space."""
    frame = frame_of(number_of(above))
    owner = tables.owner_of(before, frame)
    was, is_ = (state.is_object(owner, "AddressSpace") for state in (before, after))
    return [
        after.is_frame(frame, "PageTable"),
        *(after.entry(frame, name) == before.entry(frame, name) for name in ("SPACE", "RECORDS")),
        z3.Implies(was, is_),
    ]


def _of_entry(state: KernelState, space: Word, table: Word, index: Word) -> list[z3.BoolRef]:
    descriptor = tables.read_entry(state, frame_of(number_of(table)), _index(index))
    return [
        *queues.names(state, space, "AddressSpace"),
        *_of_tables(state, table),
        z3.ULT(index, 1 << INDEX_BITS),
        z3.Implies(descriptor != 0, state.is_described(_mapped_by(descriptor))),
    ]


def _of_list(state: KernelState, space: Word, at: Word, frame: Word) -> list[z3.BoolRef]:
    words = (state.layout.word(f"AddressSpace.{name}") for name in ("RECORDS", "FULL"))
    return [
        *queues.names(state, space, "AddressSpace"),
        z3.Or(*(at == known for known in words)),
        tables.is_frame_word(frame),
        state.is_frame(tables.frame_in(frame), "Records"),
    ]


def _of_record(state: KernelState, record: Word) -> list[z3.BoolRef]:
    is_used = state.field(number_of(record), "Records.SPACE") != 0
    return [*queues.names(state, record, "Records"), is_used]


def _is_left(
    _before: KernelState, after: KernelState, _answers: Answers, record: Word
) -> list[z3.BoolRef]:
    """The frame of the record has other records still, or has none."""
    frame = frame_of(number_of(record))
    return [z3.Or(after.entry(frame, "ID") == 0, after.is_frame(frame, "Records"))]


_ENTRY = frozenset(f"entry {field}" for field in ("ID", "SPACE", "ADDRESS", "RECORDS"))
_FREE = _ENTRY | {"kind", "PageTable"}
_CLEAR = frozenset({"entry SPACE", "entry ADDRESS"})
_LIST = frozenset(
    {"AddressSpace.RECORDS", "AddressSpace.FULL", "Records.FRAME_PREV", "entry RECORDS"}
)
_DROP = _LIST | frozenset(
    {
        *(f"Records.{field}" for field in ("SPACE", "ADDRESS", "FRAME", "NEXT", "PREV")),
        *("AddressSpace.POOL", "AddressSpace.POOL_COUNT"),
        *("entry ID", "entry SPACE", "kind"),
    }
)
_OF_LIST = {"Records": {"entry RECORDS": WHOLE}}
_OF_DROPPED = {
    "Records": {part: WHOLE for part in ("kind", "entry ID", "entry SPACE", "entry RECORDS")},
    "User": {"entry RECORDS": WHOLE},
}
_FIRST = {"entry SPACE": SPACE_BITS, "entry ADDRESS": PAGE_BITS}
_OF_FORGOTTEN = every(_OF_DROPPED, {"User": _FIRST})

FREE_TABLE = Procedure("free_table", free_table, 3, _FREE, _of_both, _stays)
FORGET_FIRST = Procedure("forget_first", forget_first, 3, _CLEAR, _of_entry)
LINK_RECORDS = Procedure("link_records", link_records, 3, _LIST, _of_list, frames=_OF_LIST)
UNLINK_RECORDS = Procedure(
    "unlink_records", unlink_records, 3, _LIST, _of_list, frames=_OF_LIST
)
DROP_RECORD = Procedure(
    "drop_record", drop_record, 1, _DROP, _of_record, _is_left, frames=_OF_DROPPED
)
FORGET_MAPPING = Procedure(
    "forget_mapping",
    forget_mapping,
    3,
    _DROP | _CLEAR | {"Shadow"},
    _of_mapping,
    _leaves_no_record,
    frames=_OF_FORGOTTEN,
)

PROCEDURES = (
    FREE_TABLE,
    FORGET_FIRST,
    LINK_RECORDS,
    UNLINK_RECORDS,
    DROP_RECORD,
    FORGET_MAPPING,
)
