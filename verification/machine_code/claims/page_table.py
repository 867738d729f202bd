"""Page tables: what addresses mean to the processor before and after a call.

Descriptors are told by `translation`, which knows them from the architecture. Beside results and memory,
each claim shows what the walks of *all* addresses of *all* spaces yield afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import z3

from .. import tables, translation
from ..call import Call, Frame, Object, Word, word
from ..kernel_state import KernelState, Slot, direct, number_of
from ..memory import NUMBER_BITS, OBJECTS, RANK_ARRAY, Update
from ..translation import Descriptor, Request

# What `access` asks for: to read, and no more, to write, or to execute.
READ, READ_WRITE, READ_EXECUTE = 1, 3, 5
PAGE_BYTES = 1 << translation.PAGE_SHIFT
BLOCK_SHIFT = translation.PAGE_SHIFT + translation.INDEX_BITS
BLOCK_BYTES = 1 << BLOCK_SHIFT
# In the bits that the hardware ignores: the mapping's capability has the right to write.
MAY_WRITE = 1
# The address in a page's descriptor, as far as the kernel's frames reach.
OUTPUT_MASK = (1 << 46) - PAGE_BYTES
# Of a frame's entry: the space of its first mapping, and the page there.
SPACE_BITS = (1 << NUMBER_BITS) - 1
PAGE_BITS = (1 << 28) - 1


def page_of(address: Word) -> Word:
    """The virtual page of an address."""
    return z3.simplify(z3.Extract(translation.ADDRESS_BITS - 1, translation.PAGE_SHIFT, address))


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
    right = it.now.is_frame(frame, "PageTable")
    it.note("PageTable, a descriptor", OBJECTS, address_in(frame, index), right, is_write=is_write)


def address_in(frame: Word, index: Word) -> Word:
    """The address of a word of a frame."""
    return direct(z3.Concat(frame, index, z3.BitVecVal(0, 3)))


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
    it.refuse("OutOfRange", z3.LShR(address, translation.ADDRESS_BITS) != 0)


def request_of(it: Call, frame: Frame, access: Word, may_write: z3.BoolRef) -> Request:
    """What an access means for a frame, by a capability; `AccessDenied` for what neither allows."""
    user = it.layout.constants
    bits = frame["SPACE"]
    is_code, is_device = bits & user["user.CODE"] != 0, bits & user["user.DEVICE"] != 0
    writes, executes = access == READ_WRITE, access == READ_EXECUTE
    it.refuse("AccessDenied", z3.And(writes, z3.Or(is_code, z3.Not(may_write))))
    it.refuse("AccessDenied", z3.And(executes, z3.Not(z3.And(is_code, may_write))))
    kinds = [z3.BitVecVal(kind, 3) for kind in (translation.DEVICE, translation.NORMAL)]
    notes = [z3.BitVecVal(note, 4) for note in (MAY_WRITE, 0)]
    return Request(writes, executes, z3.If(is_device, *kinds), z3.If(may_write, *notes))


def is_access(access: Word) -> z3.BoolRef:
    """Whether a word is an access."""
    return z3.Or(*(access == value for value in (READ, READ_WRITE, READ_EXECUTE)))


def check_access(it: Call, access: Word) -> None:
    """Refuses what is no access."""
    it.refuse("BadArgument", z3.Not(is_access(access)))


# Of which space and page the walks are that a claim speaks of: any.
WALKED_SPACE = z3.BitVec("any_space", NUMBER_BITS)
WALKED_PAGE = z3.BitVec("any_page", translation.PAGE_BITS)


@dataclass(frozen=True)
class AnyWalk:
    """The walk of any page of any living space."""

    before: KernelState
    space: Word
    page: Word

    @staticmethod
    def of(it: Call) -> AnyWalk:
        return AnyWalk(it.before, WALKED_SPACE, WALKED_PAGE)

    def assumptions(self, others: list[tables.Entry]) -> list[z3.BoolRef]:
        """The invariants of what it meets, and that it is apart from another walk."""
        mine = tables.path_of(self.before, self.space, self.page)
        return [
            self.before.is_live(self.space, "AddressSpace"),
            *tables.way_is_sound(self.before, self.space, self.page),
            *tables.ways_are_apart(self.before, mine, others),
        ]


def show_translations(
    it: Call, path: list[tables.Entry], is_here: z3.BoolRef, wanted: translation.Translation
) -> None:
    """Now: where `is_here` holds of `any_space` and `any_page`, the walk yields what is wanted, and
    everywhere else what it did before; `path` is the one to where something was written.
    """
    walk = AnyWalk.of(it)
    old = tables.walk_of(it.before, walk.space, walk.page)
    new = tables.walk_of(it.now, walk.space, walk.page)
    extra = walk.assumptions(path)
    it.show("other addresses", z3.Implies(z3.Not(is_here), new.same(old)), *extra)
    if not z3.is_false(is_here):
        it.show("the address", z3.Implies(is_here, new.same(wanted)), *extra)


def is_place_at(space: Word, address: Word, is_block: z3.BoolRef) -> z3.BoolRef:
    """Whether `any_page` of `any_space` is the page or in the block at an address of a space."""
    page = page_of(address)
    top, low = translation.PAGE_BITS - 1, translation.INDEX_BITS
    in_block = z3.Extract(top, low, WALKED_PAGE) == z3.Extract(top, low, page)
    same = z3.If(is_block, in_block, WALKED_PAGE == page)
    return z3.And(WALKED_SPACE == space, same)


def is_same_place(it: Call, space: Object, address: Word, is_block: z3.BoolRef) -> z3.BoolRef:
    """The same of a space that a call met."""
    return is_place_at(space.number, address, is_block)


# The pool of a space.


def pop_pool(it: Call, space: Object, kind: str) -> Frame:
    """Takes the first frame of a pool that is not empty, for use as a kind."""
    first = it.frame(space["POOL"])
    it.assume(*tables.pools_are_counted(it.before, space.number))
    it.assume(*tables.pool_frame_is_sound(it.before, first.number, z3.BitVecVal(0, 9)))
    space["POOL"] = first["RECORDS"]
    first["RECORDS"] = 0
    space["POOL_COUNT"] = space["POOL_COUNT"] - 1
    first.set_kind(kind)
    return first


def push_pool(it: Call, space: Object, frame: Frame) -> None:
    """Gives a frame that is all zero back to the pool."""
    count, link = space["POOL_COUNT"], widened(frame)
    frame.set_kind("Pool")
    frame["ID"] = 0
    frame["SPACE"] = it.link(space)
    frame["RECORDS"] = space["POOL"]
    space["POOL"] = link
    space["POOL_COUNT"] = count + 1
    it.store(Update(RANK_ARRAY, frame.number, count + 1))


def clear_first(frame: Frame) -> None:
    """A frame has no first mapping any more."""
    bits, page = frame["SPACE"], frame["ADDRESS"]
    frame["SPACE"] = bits & ~word(SPACE_BITS)
    frame["ADDRESS"] = page & ~word(PAGE_BITS)


def find_inline(
    it: Call, handle: Word, kind: str, right: str, following: Word | None = None
) -> Slot:
    """The capability of a live object, which the function itself may look up; `following` is the next
    handle, of which the first part is read before this one's object.
    """
    slot = it.capability(it.current(), handle)
    if following is not None:
        thread = it.current()
        is_in_view = z3.simplify((following & ~thread["MASK"]) == 0)
        it.slot(number_of(thread["SLOTS"]), z3.Extract(7, 0, following), is_in_view)
    if right:
        it.check(slot, it.kind(kind), it.rights(right))
        return slot
    it.refuse("WrongKind", slot.kind() != it.kind(kind))
    it.refuse("Stale", z3.Not(it.is_live(slot, it.kind(kind))))
    return slot


def widened(frame: Frame) -> Word:
    """The number of a frame as an argument."""
    return z3.ZeroExt(64 - frame.number.size(), frame.number)
