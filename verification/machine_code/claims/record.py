"""Records of the mappings of a frame beyond the first."""

from __future__ import annotations

import z3

from .. import tables, translation
from ..invariants import Rule
from ..kernel_state import KernelState, first_of, frame_of, link_of, number_of
from ..leaving import WHOLE
from ..memory import OBJECTS, UNITS_PER_FRAME_BITS
from ..procedure import Procedure
from ..telling import Frame, Object, Word, word
from ..walk import Walk
from .number import ALL_ONES
from .page_table import address_in, pop_pool, widened
from .teardown import LINK_RECORDS, UNLINK_RECORDS
from .unmap import has_tables

# What is kept while a record is made, beside the usual; and what is so until it stands in a shadow.
NOT_SHADOWS = tuple(rule for rule in tables.rules() if rule.name != "shadows")
SHADOWS = next(rule for rule in tables.rules() if rule.name == "shadows")


def index_in(index: Word) -> Word:
    """Which descriptor of a table a word names."""
    return z3.simplify(z3.Extract(translation.INDEX_BITS - 1, 0, index))


def add_record(
    it: Walk, link: Word, table: Word, index_word: Word, number: Word, address: Word
) -> None:
    """A further mapping of a frame is recorded, beside the descriptor that comes there."""
    entry = frame_of(number_of(table)), index_in(index_word)
    it.rules = (*NOT_SHADOWS, Rule("other shadows", lambda s: other_shadows(s, entry)))
    space, frame, below = it.thing("AddressSpace", link), it.frame(number), it.frame(entry[0])
    _know_shadows(it, entry[0])
    known = below["RECORDS"]
    with it.when(known == 0):
        new = widened(_take(it, space, "Shadow", entry[1]))
        below["RECORDS"] = new
    shadow = it.frame(z3.If(known == 0, new, known)).number
    record = _make_record(it, space)
    for item in (frame_of(space.number), entry[0], shadow, frame_of(record.number), frame.number):
        it.stays(item)
    it.still(space, "ROOT")
    _know_shadows(it, entry[0])
    it.assume(*tables.user_frame_is_sound(it.before, frame.number))
    right = it.now.is_frame(shadow, "Shadow")
    it.note("Shadow, a record", OBJECTS, address_in(shadow, entry[1]), right, is_write=True)
    it.store(*tables.written_entry(shadow, entry[1], it.link(record)))
    record["SPACE"] = it.link(space)
    record["ADDRESS"] = address
    record["FRAME"] = number
    following = it.thing("Records", frame["RECORDS"])
    record["NEXT"] = it.link(following)
    with it.when(following.number != 0):
        following["PREV"] = it.link(record)
    frame["RECORDS"] = it.link(record)
    it.finish()


def other_shadows(state: KernelState, entry: tables.Entry) -> list[z3.BoolRef]:
    """The rule of shadows, but for what is beside one descriptor: that may be before it is there."""
    index = index_in(tables.ANY_INDEX)
    is_it = z3.And(tables.ANY_FRAME == entry[0], index == entry[1])
    found = [z3.Or(is_it, r) for r in tables.shadow_is_sound(state, tables.ANY_FRAME, index)]
    for frame in (tables.ANY_FRAME, tables.ANY_OTHER):
        found.append(_has_shadow(state, frame))
    return [*found, *tables.shadows_are_apart(state, tables.ANY_FRAME, tables.ANY_OTHER)]


def show_shadows(it: Walk, known: list[z3.BoolRef]) -> None:
    """Now: the rule of shadows holds."""
    index = index_in(tables.ANY_INDEX)
    found = tables.shadow_is_sound(it.now, tables.ANY_FRAME, index)
    found += tables.shadows_are_apart(it.now, tables.ANY_FRAME, tables.ANY_OTHER)
    it.show("shadows", z3.And(*found), *known)


def _has_shadow(state: KernelState, table: Word) -> z3.BoolRef:
    """A table has no shadow, or a frame for one."""
    link = state.entry(table, "RECORDS")
    is_shadow = z3.And(tables.is_frame_word(link), state.is_frame(tables.frame_in(link), "Shadow"))
    return z3.Implies(z3.And(tables.is_in_use(state, table), link != 0), is_shadow)


def _know_shadows(it: Walk, table: Word) -> None:
    """What the rule of shadows says of a table and any other."""
    it.assume(_has_shadow(it.before, table))
    for other in (tables.ANY_FRAME, tables.ANY_OTHER):
        it.assume(*tables.shadows_are_apart(it.before, table, other))


def _take(it: Walk, space: Object, kind: str, *indices: Word) -> Frame:
    """A frame of the pool, of which the words at some indices matter."""
    number = it.frame(space["POOL"]).number
    it.assume(*tables.pool_is_apart(it.before, number))
    for index in indices:
        it.assume(*tables.pool_frame_is_sound(it.before, number, index))
    return pop_pool(it, space, kind)


def _make_record(it: Walk, space: Object) -> Object:
    """A free record of the space's own, of a new frame if all are in use."""
    partial, full = (word(it.layout.word(f"AddressSpace.{name}")) for name in ("RECORDS", "FULL"))
    it.assume(*tables.records_are_sound(it.before, space.number))
    known = space["RECORDS"]
    if it.holds(known == 0):
        back = z3.BitVecVal(it.layout.word("Records.FRAME_PREV"), translation.INDEX_BITS)
        frame = _take(it, space, "Records", back)
        show_shadows(it, SHADOWS.holds(it.before))
        it.do(LINK_RECORDS, space, partial, widened(frame))
        it.stays(frame.number)
        return _use(frame)[0]
    frame = it.frame(known)
    record, used = _use(frame)
    if it.holds(used == ALL_ONES):
        it.stays(frame_of(space.number))
        show_shadows(it, SHADOWS.holds(it.before))
        it.do(UNLINK_RECORDS, space, partial, widened(frame))
        it.stays(frame.number)
        it.stays(frame_of(space.number))
        it.do(LINK_RECORDS, space, full, widened(frame))
    return record


def _use(frame: Frame) -> tuple[Object, Word]:
    """The first free record of a frame; answers it, and which are in use then."""
    used, unit = frame["ID"], z3.BitVecVal(0, UNITS_PER_FRAME_BITS)
    for at in range(63, -1, -1):
        unit = z3.If(z3.Extract(at, at, used) == 0, z3.BitVecVal(at, UNITS_PER_FRAME_BITS), unit)
    used = used | word(1) << z3.ZeroExt(64 - UNITS_PER_FRAME_BITS, unit)
    frame["ID"] = used
    return Object(frame.call, "Records", z3.Concat(frame.number, unit)), used


def _of_further(
    state: KernelState, space: Word, table: Word, index: Word, frame: Word, _address: Word
) -> list[z3.BoolRef]:
    """A table of a space, and frames of the pool for what is missing: a shadow, a record."""
    below, owner = frame_of(number_of(table)), number_of(space)
    missing = [
        state.entry(below, "RECORDS") == 0,
        state.field(owner, "AddressSpace.RECORDS") == 0,
    ]
    needed = sum((z3.If(is_missing, word(1), word(0)) for is_missing in missing), word(0))
    return [
        *has_tables(state, space),
        table == link_of(first_of(below)),
        tables.is_in_use(state, below),
        tables.owner_of(state, below) == owner,
        z3.ULT(index, 1 << translation.INDEX_BITS),
        tables.is_frame_word(frame),
        state.is_frame(tables.frame_in(frame), "User"),
        z3.UGE(state.field(owner, "AddressSpace.POOL_COUNT"), needed),
    ]


RECORD = LINK_RECORDS.changes | frozenset(
    {
        *(f"Records.{field}" for field in ("SPACE", "ADDRESS", "FRAME", "NEXT", "PREV")),
        *("AddressSpace.POOL", "AddressSpace.POOL_COUNT", "Shadow", "kind"),
        *("entry ID", "entry RECORDS"),
    }
)
_OF_ADDED = {
    "Pool": {part: WHOLE for part in ("kind", "entry RECORDS", "entry ID")},
    "Records": {part: WHOLE for part in ("entry RECORDS", "entry ID")},
    "PageTable": {"entry RECORDS": WHOLE},
    "User": {"entry RECORDS": WHOLE},
}
ADD_RECORD = Procedure("add_record", add_record, 5, RECORD, _of_further, frames=_OF_ADDED)

PROCEDURES = (ADD_RECORD,)
