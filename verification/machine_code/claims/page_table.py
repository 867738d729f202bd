"""Page tables: what addresses mean to the processor before and after a call.

Descriptors are told by `translation`, which knows them from the architecture. Beside results and memory,
each claim shows what the walks of *all* addresses of *all* spaces yield afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import z3

from .. import tables, translation
from ..call import Call, Frame, Object, Word, word
from ..kernel_state import KernelState, direct, first_of, is_link, number_of
from ..memory import NUMBER_BITS, OBJECTS
from ..translation import Descriptor, Request

# What `access` asks for: to read, and no more, to write, or to execute.
READ, READ_WRITE, READ_EXECUTE = 1, 3, 5
PAGE_BYTES = 1 << translation.PAGE_SHIFT
BLOCK_SHIFT = translation.PAGE_SHIFT + translation.INDEX_BITS
BLOCK_BYTES = 1 << BLOCK_SHIFT
# In the bits that the hardware ignores: the mapping's capability has the right to write.
MAY_WRITE = 1


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
    it.note("descriptor", OBJECTS, _address_in(frame, index), right, is_write=is_write)


def _address_in(frame: Word, index: Word) -> Word:
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
    kinds = [z3.BitVecVal(kind, 3) for kind in (translation.DEVICE, translation.NORMAL)]
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
        return AnyWalk(it.before, space, z3.BitVec("any_page", translation.PAGE_BITS))

    def assumptions(self, others: list[tables.Entry]) -> list[z3.BoolRef]:
        """The invariants of what it meets, and that it is apart from another walk."""
        mine = tables.path_of(self.before, self.space, self.page)
        return [
            self.before.is_live(self.space, "AddressSpace"),
            *tables.way_is_sound(self.before, self.space, self.page),
            *tables.ways_are_apart(self.before, mine, others),
        ]


def show_translations(
    it: Call, way: Way, is_here: z3.BoolRef, wanted: translation.Translation
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
    top, low = translation.PAGE_BITS - 1, translation.INDEX_BITS
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


@dataclass(frozen=True)
class Mapping:
    """What is asked of `map`, once its arguments are found."""

    space: Object
    frame: Frame
    address: Word
    request: Request

    @property
    def page(self) -> Word:
        return page_of(self.address)

    def leaf(self, *, is_page: bool) -> Word:
        output = tables.output_of(self.frame.number)
        return self.request.leaf(output, z3.BoolVal(is_page))


# The pool of a space, and what is made of its frames.


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


def count_up(it: Call, table: Word) -> None:
    """A table has one descriptor more."""
    frame = it.frame(table)
    frame["ID"] = frame["ID"] + 1


def make_table(it: Call, wanted: Mapping, entry: tables.Entry, level: int) -> Frame:
    """A new table of a level, for an entry of the one above."""
    space = wanted.space
    number = it.frame(space["POOL"]).number
    for page in (wanted.page, AnyWalk.of(it).page):
        index = translation.index_of(level, page)
        it.assume(*tables.pool_frame_is_sound(it.before, number, index))
    frame = pop_pool(it, space, "PageTable")
    frame["SPACE"] = it.link(space) | level << 60
    write_entry(it, entry, translation.table_descriptor(tables.output_of(frame.number)))
    count_up(it, entry[0])
    return frame


def set_first(it: Call, space: Object, frame: Frame, address: Word) -> None:
    """A frame that is mapped nowhere is mapped here."""
    bits, page = frame["SPACE"], frame["ADDRESS"]
    frame["SPACE"] = bits | it.link(space)
    frame["ADDRESS"] = page | z3.LShR(address, translation.PAGE_SHIFT)


def set_leaf(it: Call, entry: tables.Entry, leaf: Word) -> None:
    """Makes a descriptor valid that was not."""
    write_entry(it, entry, leaf)
    count_up(it, entry[0])


def add_record(it: Call, wanted: Mapping, entry: tables.Entry) -> None:
    """Another mapping of a frame that is mapped already: a record of it, beside the descriptor."""
    space, frame = wanted.space, wanted.frame
    table = it.frame(entry[0])
    it.assume(*tables.shadow_is_sound(it.before, table.number))
    has_none = table["RECORDS"] == 0
    with it.when(has_none):
        made = pop_pool(it, space, "Shadow")
        table["RECORDS"] = z3.ZeroExt(30, made.number)
    shadow = it.frame(z3.If(has_none, z3.ZeroExt(30, made.number), table["RECORDS"]))
    record = make_record(it, space)
    write_shadow(it, shadow, entry[1], it.link(record))
    record["SPACE"] = it.link(space)
    record["ADDRESS"] = wanted.address
    record["FRAME"] = z3.ZeroExt(30, frame.number)
    following = it.object("Records", number_of(frame["RECORDS"]))
    it.assume(*tables.user_frame_is_sound(it.before, frame.number))
    record["NEXT"] = it.link(following)
    with it.when(following.number != 0):
        following["PREV"] = it.link(record)
    frame["RECORDS"] = it.link(record)


def write_shadow(it: Call, shadow: Frame, index: Word, value: Word) -> None:
    """Writes a word beside a descriptor."""
    address = _address_in(shadow.number, index)
    it.note("shadow", OBJECTS, address, it.now.is_frame(shadow.number, "Shadow"), is_write=True)
    it.store(*tables.written_entry(shadow.number, index, value))


def make_record(it: Call, space: Object) -> Object:
    """A free record of the space's own, of a new frame if all are in use."""
    it.assume(*tables.records_are_sound(it.before, space.number))
    has_none = space["RECORDS"] == 0
    with it.when(has_none):
        made = pop_pool(it, space, "Records")
        link_records(it, space, "RECORDS", made)
    frame = it.frame(z3.If(has_none, z3.ZeroExt(30, made.number), space["RECORDS"]))
    used = frame["ID"]
    unit = low_zero(used)
    now = used | (word(1) << z3.ZeroExt(58, unit))
    frame["ID"] = now
    with it.when(now == word(2**64 - 1)):
        unlink_records(it, space, "RECORDS", frame)
        link_records(it, space, "FULL", frame)
    return it.object("Records", z3.simplify(z3.Concat(frame.number, unit)))


def low_zero(bits: Word) -> Word:
    """The lowest bit that is clear, in 6 bits; 0 if none is."""
    found = z3.BitVecVal(0, 6)
    for bit in range(63, 0, -1):
        found = z3.If(z3.Extract(bit, bit, bits) == 0, z3.BitVecVal(bit, 6), found)
    return z3.If(z3.Extract(0, 0, bits) == 0, z3.BitVecVal(0, 6), found)


def link_records(it: Call, space: Object, head: str, frame: Frame) -> None:
    """Puts a frame of records at the front of a list."""
    following = space[head]
    frame["RECORDS"] = following
    first_record(it, frame)["FRAME_PREV"] = 0
    with it.when(following != 0):
        first_record(it, it.frame(following))["FRAME_PREV"] = z3.ZeroExt(30, frame.number)
    space[head] = z3.ZeroExt(30, frame.number)


def unlink_records(it: Call, space: Object, head: str, frame: Frame) -> None:
    """Takes a frame of records out of a list."""
    it.assume(*tables.record_frame_is_sound(it.before, frame.number))
    following, previous = frame["RECORDS"], first_record(it, frame)["FRAME_PREV"]
    with it.when(previous == 0):
        space[head] = following
    with it.when(previous != 0):
        it.frame(previous)["RECORDS"] = following
    with it.when(following != 0):
        first_record(it, it.frame(following))["FRAME_PREV"] = previous
    first_record(it, frame)["FRAME_PREV"] = 0


def first_record(it: Call, frame: Frame) -> Object:
    """The first place for a record in a frame."""
    return it.object("Records", first_of(frame.number))


# Mapping.


def map_found(
    it: Call, space: Word, frame: Word, rights: Word, address: Word, access: Word
) -> None:
    """Maps a frame at an address, by a capability with these rights."""
    it.rules = tuple(tables.rules())
    it.failure = lambda error: {"x0": word(1), "x1": error}
    found = it.object("AddressSpace", number_of(space))
    memory = it.frame(frame)
    it.require(is_link(space), it.before.is_live(found.number, "AddressSpace"))
    it.require(tables.is_frame_word(frame), it.before.is_frame(memory.number, "User"))
    it.require(z3.ULE(rights, 255))
    it.require(z3.Or(*(access == value for value in (READ, READ_WRITE, READ_EXECUTE))))
    check_page_address(it, address)
    it.refuse("AccessDenied", rights & it.layout.rights["READ"] == 0)
    request = request_of(it, memory, access, rights & it.layout.rights["WRITE"] != 0)
    wanted = Mapping(found, memory, address, request)
    way = find_way(it, found, address)
    it.refuse("AlreadyMapped", z3.And(way.has_last, way.found[2].word != 0))
    is_large = memory["SPACE"] & it.layout.constants["user.LARGE"] != 0
    is_first = z3.Extract(NUMBER_BITS - 1, 0, memory["SPACE"]) == 0
    check_room(it, wanted, way, is_large, is_first)
    is_usual = z3.And(way.has_last, is_first, z3.Not(is_large))
    with it.when(is_usual):
        set_first(it, found, memory, address)
        set_leaf(it, way.path[2], wanted.leaf(is_page=True))
    with it.when(z3.And(z3.Not(is_large), z3.Not(is_usual))):
        map_page(it, wanted, way, is_first)
    with it.when(is_large):
        map_block(it, wanted, way, is_first)
    walk = AnyWalk.of(it)
    frames = memory_at(memory, walk.page, is_large)
    is_here = is_same_place(it, found, address, is_large)
    show_translations(it, way, is_here, request.translation(frames))
    it.end("done", z3.BoolVal(True), {"x0": word(0), "x1": word(0)})


def memory_at(frame: Frame, page: Word, is_large: z3.BoolRef) -> Word:
    """The page of memory that a virtual page of a mapping of a frame is."""
    low = translation.INDEX_BITS
    output = tables.output_of(frame.number)
    inside = z3.Concat(z3.Extract(35, low, output), z3.Extract(low - 1, 0, page))
    return z3.If(is_large, inside, output)


def check_room(
    it: Call, wanted: Mapping, way: Way, is_large: z3.BoolRef, is_first: z3.BoolRef
) -> None:
    """Refuses what is occupied, and what there are too few frames for."""
    space = wanted.space
    it.refuse("Misaligned", z3.And(is_large, wanted.address & (BLOCK_BYTES - 1) != 0))
    is_taken = z3.And(way.has_middle, way.found[1].word != 0)
    it.refuse("AlreadyMapped", z3.If(is_large, is_taken, way.is_block))
    needs = z3.Or(is_large, z3.Not(is_first), z3.Not(way.has_last))
    one, none = word(1), word(0)
    missing = z3.If(way.has_middle, none, one)
    missing = missing + z3.If(z3.Or(is_large, way.has_last), none, one)
    has_table = z3.If(is_large, way.has_middle, way.has_last)
    table = it.frame(z3.If(is_large, way.path[1][0], way.path[2][0]))
    with it.when(z3.And(needs, z3.Not(is_first))):
        with it.when(has_table):
            has_shadow = z3.And(has_table, table["RECORDS"] != 0)
        has_room = space["RECORDS"] != 0
    records = z3.If(has_shadow, none, one) + z3.If(has_room, none, one)
    missing = missing + z3.If(is_first, none, records)
    with it.when(needs):
        count = space["POOL_COUNT"]
    it.refuse("NeedMemory", z3.And(needs, z3.ULT(count, missing)))


def map_page(it: Call, wanted: Mapping, way: Way, is_first: z3.BoolRef) -> None:
    """Maps a page where tables are missing, or the frame is mapped elsewhere too."""
    middle = make_middle(it, wanted, way)
    entry = (middle, translation.index_of(translation.BLOCK_LEVEL, wanted.page))
    with it.when(z3.Not(way.has_last)):
        made = make_table(it, wanted, entry, translation.LAST_LEVEL)
    last = z3.If(way.has_last, way.path[2][0], made.number)
    finish(it, wanted, (last, translation.index_of(translation.LAST_LEVEL, wanted.page)), is_first)
    set_leaf(it, (last, translation.index_of(translation.LAST_LEVEL, wanted.page)), wanted.leaf(is_page=True))


def make_middle(it: Call, wanted: Mapping, way: Way) -> Word:
    """The table of level 2 for the address, made if it is missing."""
    with it.when(z3.Not(way.has_middle)):
        made = make_table(it, wanted, way.path[0], translation.BLOCK_LEVEL)
    return z3.simplify(z3.If(way.has_middle, way.path[1][0], made.number))


def finish(it: Call, wanted: Mapping, entry: tables.Entry, is_first: z3.BoolRef) -> None:
    """The frame learns of its mapping."""
    with it.when(is_first):
        set_first(it, wanted.space, wanted.frame, wanted.address)
    with it.when(z3.Not(is_first)):
        add_record(it, wanted, entry)


def map_block(it: Call, wanted: Mapping, way: Way, is_first: z3.BoolRef) -> None:
    """Maps a large frame as a block."""
    middle = make_middle(it, wanted, way)
    entry = (middle, translation.index_of(translation.BLOCK_LEVEL, wanted.page))
    frame = wanted.frame
    with it.when(is_first):
        frame["SPACE"] = frame["SPACE"] & ~word(it.layout.constants["user.STEPS"])
    finish(it, wanted, entry, is_first)
    set_leaf(it, entry, wanted.leaf(is_page=False))


CALLS = (protect,)
FUNCTIONS = ()
