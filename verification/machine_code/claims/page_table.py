"""Page tables: what addresses mean to the processor before and after a call.

Descriptors are told by `tables`, which knows them from the architecture. Beside results and memory,
each claim shows what the walks of *all* addresses of *all* spaces yield afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import z3

from .. import tables
from ..call import Call, Frame, Object, Word
from ..kernel_state import KernelState
from ..memory import NUMBER_BITS, OBJECTS
from ..tables import Descriptor, Request

# What `access` asks for: to read, and no more, to write, or to execute.
READ, READ_WRITE, READ_EXECUTE = 1, 3, 5
PAGE_BYTES = 1 << tables.PAGE_SHIFT
BLOCK_SHIFT = tables.PAGE_SHIFT + tables.INDEX_BITS
BLOCK_BYTES = 1 << BLOCK_SHIFT
# In the bits that the hardware ignores: the mapping's capability has the right to write.
MAY_WRITE = 1


def page_of(address: Word) -> Word:
    """The virtual page of an address."""
    return z3.simplify(z3.Extract(tables.ADDRESS_BITS - 1, tables.PAGE_SHIFT, address))


@dataclass(frozen=True)
class Way:
    """The tables through which an address goes: frames and indices, and the descriptors there."""

    path: list[tables.Entry]
    found: list[Descriptor]

    @property
    def has_middle(self) -> z3.BoolRef:
        return self.found[0].is_table

    @property
    def has_last(self) -> z3.BoolRef:
        return z3.And(self.found[0].is_table, self.found[1].is_table)

    @property
    def is_block(self) -> z3.BoolRef:
        return z3.And(self.found[0].is_table, self.found[1].is_block)

    @property
    def is_page(self) -> z3.BoolRef:
        return z3.And(self.has_last, self.found[2].is_page)

    @property
    def leaf(self) -> Descriptor:
        """What maps the address, if something does."""
        return Descriptor(z3.If(self.has_last, self.found[2].word, self.found[1].word))


def note_entry(it: Call, entry: tables.Entry, *, is_write: bool = False) -> None:
    """A descriptor that the function reads or writes."""
    frame, index = entry
    unit = tables.unit_of(frame, index)
    lane = z3.Concat(z3.Extract(2, 0, index), z3.BitVecVal(0, 3))
    address = z3.Concat(z3.BitVecVal(OBJECTS.base >> 46, 18), unit, lane)
    right = it.now.is_frame(frame, "PageTable")
    it.note("descriptor", OBJECTS, address, right, is_write=is_write)


def find_way(it: Call, space: Object, address: Word) -> Way:
    """The walk of an address, as far as there are tables."""
    page = page_of(address)
    it.assume(*tables.way_is_sound(it.before, space.number, page))
    it.note_field(space, "ROOT")
    path = tables.path_of(it.now, space.number, page)
    found = [Descriptor(tables.read_entry(it.now, *entry)) for entry in path]
    way = Way(path, found)
    note_entry(it, path[0])
    with it.when(way.has_middle):
        note_entry(it, path[1])
    with it.when(way.has_last):
        note_entry(it, path[2])
    return way


def write_entry(it: Call, entry: tables.Entry, value: Word) -> None:
    """Writes a descriptor."""
    note_entry(it, entry, is_write=True)
    it.store(*tables.written_entry(*entry, value))


def check_page_address(it: Call, address: Word) -> None:
    """Refuses what is no page of user memory."""
    it.refuse("Misaligned", address & (PAGE_BYTES - 1) != 0)
    it.refuse("OutOfRange", z3.LShR(address, tables.ADDRESS_BITS) != 0)


def find_leaf(it: Call, way: Way, address: Word) -> None:
    """Refuses an address that nothing maps, or that is inside a block."""
    it.refuse("NotMapped", z3.Not(z3.Or(way.is_page, way.is_block)))
    it.refuse("Misaligned", z3.And(way.is_block, address & (BLOCK_BYTES - 1) != 0))


def request_of(it: Call, frame: Frame, access: Word, may_write: z3.BoolRef) -> Request:
    """What an access means for a frame, by a capability; `AccessDenied` for what neither allows."""
    user = it.layout.constants
    bits = frame["SPACE"]
    is_code, is_device = bits & user["user.CODE"] != 0, bits & user["user.DEVICE"] != 0
    writes, executes = access == READ_WRITE, access == READ_EXECUTE
    it.refuse("AccessDenied", z3.And(writes, z3.Or(is_code, z3.Not(may_write))))
    it.refuse("AccessDenied", z3.And(executes, z3.Not(z3.And(is_code, may_write))))
    kinds = [z3.BitVecVal(kind, 3) for kind in (tables.DEVICE, tables.NORMAL)]
    notes = [z3.BitVecVal(note, 4) for note in (MAY_WRITE, 0)]
    return Request(writes, executes, z3.If(is_device, *kinds), z3.If(may_write, *notes))


def check_access(it: Call, access: Word) -> None:
    """Refuses what is no access."""
    known = z3.Or(*(access == value for value in (READ, READ_WRITE, READ_EXECUTE)))
    it.refuse("BadArgument", z3.Not(known))


@dataclass(frozen=True)
class AnyWalk:
    """The walk of any page of any living space."""

    before: KernelState
    space: Word
    page: Word

    @staticmethod
    def of(it: Call) -> AnyWalk:
        space = z3.BitVec("any_space", NUMBER_BITS)
        return AnyWalk(it.before, space, z3.BitVec("any_page", tables.PAGE_BITS))

    def assumptions(self, others: list[tables.Entry]) -> list[z3.BoolRef]:
        """The invariants of what it meets, and that it is apart from another walk."""
        mine = tables.path_of(self.before, self.space, self.page)
        return [
            self.before.is_live(self.space, "AddressSpace"),
            *tables.way_is_sound(self.before, self.space, self.page),
            *tables.ways_are_apart(self.before, mine, others),
        ]


def show_translations(
    it: Call, way: Way, is_here: z3.BoolRef, wanted: tables.Translation
) -> None:
    """Now: where `is_here` holds of `any_space` and `any_page`, the walk yields what is wanted, and
    everywhere else what it did before.
    """
    walk = AnyWalk.of(it)
    old = tables.walk_of(it.before, walk.space, walk.page)
    new = tables.walk_of(it.now, walk.space, walk.page)
    extra = walk.assumptions(way.path)
    it.show("other addresses", z3.Implies(z3.Not(is_here), new.same(old)), *extra)
    it.show("the address", z3.Implies(is_here, new.same(wanted)), *extra)


def is_same_place(it: Call, space: Object, address: Word, is_block: z3.BoolRef) -> z3.BoolRef:
    """Whether `any_page` of `any_space` is the page or in the block at an address."""
    walk, page = AnyWalk.of(it), page_of(address)
    top, low = tables.PAGE_BITS - 1, tables.INDEX_BITS
    in_block = z3.Extract(top, low, walk.page) == z3.Extract(top, low, page)
    same = z3.If(is_block, in_block, walk.page == page)
    return z3.And(walk.space == space.number, same)


def protect(it: Call, handle: Word, address: Word, access: Word) -> None:
    """Changes what may be done with a page or block, and nothing else."""
    it.rules = tuple(tables.rules())
    space = it.find(handle, "AddressSpace", "WRITE")
    check_access(it, access)
    check_page_address(it, address)
    way = find_way(it, space, address)
    find_leaf(it, way, address)
    leaf = way.leaf
    frame = it.frame(tables.frame_in(leaf.output))
    request = request_of(it, frame, access, leaf.note == MAY_WRITE)
    changed = request.leaf(leaf.output, way.has_last)
    with it.when(way.has_last):
        write_entry(it, way.path[2], changed)
    with it.when(z3.Not(way.has_last)):
        write_entry(it, way.path[1], changed)
    it.leave("InvalidatePage", space["ASID"], address)
    walk = AnyWalk.of(it)
    old = tables.walk_of(it.before, walk.space, walk.page)
    is_here = is_same_place(it, space, address, way.is_block)
    show_translations(it, way, is_here, request.translation(old.output))
    it.done()


CALLS = (protect,)
