"""The page tables that the kernel writes: how they lie in its memory, and what it keeps true of them.

What a descriptor means is not said here, but in `translation`. The invariants are those of
`invariants`, for page tables, pools and records: claims that change them show that they are kept, and
`reachable` evaluates them in states that the kernel reaches.
"""

from __future__ import annotations

import z3

from .invariants import Rule
from .kernel_state import KernelState, first_of, frame_of, is_link, number_of
from .logic import conjunction
from .memory import FRAME_BITS, NUMBER_BITS, RANK_ARRAY, UNIT_WORDS, Update
from .translation import (
    BLOCK_LEVEL,
    DEVICE,
    FIRST_LEVEL,
    INDEX_BITS,
    INNER_SHAREABLE,
    LAST_LEVEL,
    OUTPUT_BITS,
    Descriptor,
    Read,
    Translation,
    index_of,
    table_descriptor,
    walk,
)


# Of what the rules speak: any space, frames and indices.
ANY_SPACE = z3.BitVec("any_object", NUMBER_BITS)
ANY_FRAME, ANY_OTHER = z3.BitVec("any_frame", FRAME_BITS), z3.BitVec("any_other", FRAME_BITS)
ANY_INDEX, ANY_SECOND = z3.BitVec("any_index", 64), z3.BitVec("any_second", 64)


def output_of(frame: z3.BitVecRef) -> z3.BitVecRef:
    """The page of memory that a frame is."""
    return z3.ZeroExt(OUTPUT_BITS - FRAME_BITS, frame)


def frame_in(output: z3.BitVecRef) -> z3.BitVecRef:
    """The frame that a page of memory is, if the kernel's addresses reach it."""
    return z3.simplify(z3.Extract(FRAME_BITS - 1, 0, output))


def unit_of(frame: z3.BitVecRef, index: z3.BitVecRef) -> z3.BitVecRef:
    """The unit of a table in which a descriptor is."""
    return z3.simplify(z3.Concat(frame, z3.Extract(INDEX_BITS - 1, 3, index)))


def read_entry(state: KernelState, frame: z3.BitVecRef, index: z3.BitVecRef) -> z3.BitVecRef:
    """The word at an index (9 bits) of a table in a frame (34 bits)."""
    unit, lane = unit_of(frame, index), z3.simplify(z3.Extract(2, 0, index))
    value = state.memory.row(UNIT_WORDS - 1, unit)
    for word in range(UNIT_WORDS - 2, -1, -1):
        value = z3.If(lane == word, state.memory.row(word, unit), value)
    return z3.simplify(value)


def written_entry(
    frame: z3.BitVecRef, index: z3.BitVecRef, value: z3.BitVecRef
) -> tuple[Update, ...]:
    """The stores that write it."""
    unit, lane = unit_of(frame, index), z3.simplify(z3.Extract(2, 0, index))
    return tuple(Update(word, unit, value, lane == word) for word in range(UNIT_WORDS))


def reader(state: KernelState) -> Read:
    """How the hardware reads tables in a state of the kernel."""
    return lambda output, index: read_entry(state, frame_in(output), index)


def root_of(state: KernelState, space: z3.BitVecRef) -> z3.BitVecRef:
    """The frame of a space's first table."""
    return frame_of(number_of(state.field(space, "AddressSpace.ROOT")))


def walk_of(state: KernelState, space: z3.BitVecRef, page: z3.BitVecRef) -> Translation:
    """What a virtual page of a space means."""
    return walk(reader(state), output_of(root_of(state, space)), page)


def owner_of(state: KernelState, frame: z3.BitVecRef) -> z3.BitVecRef:
    """The space that a table is for."""
    return z3.simplify(z3.Extract(NUMBER_BITS - 1, 0, state.entry(frame, "SPACE")))


def level_of(state: KernelState, frame: z3.BitVecRef) -> z3.BitVecRef:
    """The level that a table is of, in 4 bits."""
    return z3.simplify(z3.Extract(63, 60, state.entry(frame, "SPACE")))


def is_in_use(state: KernelState, frame: z3.BitVecRef) -> z3.BoolRef:
    """A frame is a table of a space whose tables are not being taken apart."""
    owner = owner_of(state, frame)
    has_root = state.field(owner, "AddressSpace.ROOT") != 0
    is_owned = state.is_object(owner, "AddressSpace")
    return z3.And(state.is_frame(frame, "PageTable"), is_owned, has_root)


def roots_are_sound(state: KernelState, space: z3.BitVecRef) -> list[z3.BoolRef]:
    """A living space has a first table, which is its own."""
    link = state.field(space, "AddressSpace.ROOT")
    root = root_of(state, space)
    right = z3.And(
        is_link(link),
        number_of(link) == first_of(root),
        state.is_frame(root, "PageTable"),
        owner_of(state, root) == space,
        level_of(state, root) == FIRST_LEVEL,
    )
    return [
        z3.Implies(z3.And(state.is_object(space, "AddressSpace"), link != 0), right),
        z3.Implies(state.is_live(space, "AddressSpace"), link != 0),
    ]


def entry_is_sound(
    state: KernelState, frame: z3.BitVecRef, index: z3.BitVecRef
) -> list[z3.BoolRef]:
    """A table is a space's; a descriptor is zero, or leads to a table of the next level of the same
    space, or maps a user frame: a large one as a block, another as a page.
    """
    descriptor = Descriptor(read_entry(state, frame, index))
    level, owner = level_of(state, frame), owner_of(state, frame)
    target = frame_in(descriptor.output)
    is_last, is_middle = level == LAST_LEVEL, level == BLOCK_LEVEL
    leads = z3.And(
        z3.Not(is_last),
        descriptor.word == table_descriptor(output_of(target)),
        state.is_frame(target, "PageTable"),
        owner_of(state, target) == owner,
        level_of(state, target) == level + 1,
    )
    is_large = state.entry(target, "SPACE") & state.layout.constants["user.LARGE"] != 0
    is_leaf = z3.Or(z3.And(is_last, descriptor.is_page), z3.And(is_middle, descriptor.is_block))
    maps = z3.And(
        is_leaf,
        _is_for_user(descriptor),
        descriptor.output == output_of(target),
        state.is_frame(target, "User"),
        is_large == is_middle,
        z3.Implies(is_middle, z3.Extract(INDEX_BITS - 1, 0, target) == 0),
    )
    is_level = z3.And(z3.UGE(level, FIRST_LEVEL), z3.ULE(level, LAST_LEVEL))
    right = z3.And(is_level, z3.Or(descriptor.word == 0, leads, maps))
    has_owner = state.is_object(owner, "AddressSpace")
    return [
        z3.Implies(state.is_frame(frame, "PageTable"), has_owner),
        z3.Implies(is_in_use(state, frame), right),
    ]


def _is_for_user(leaf: Descriptor) -> z3.BoolRef:
    """What every page and block of the kernel's tables has."""
    return z3.And(
        leaf.has(6),
        leaf.has(53),
        leaf.is_accessed,
        leaf.is_local,
        leaf.shareability == INNER_SHAREABLE,
        leaf.others == 0,
        z3.ULE(leaf.memory, DEVICE),
        z3.ULE(leaf.note, 1),
    )


def mode_is_kept(
    state: KernelState, frame: z3.BitVecRef, index: z3.BitVecRef
) -> list[z3.BoolRef]:
    """What is writable is not code, what is executable is; devices alone are device memory."""
    descriptor = Descriptor(read_entry(state, frame, index))
    user = state.layout.constants
    bits = state.entry(frame_in(descriptor.output), "SPACE")
    is_code, is_device = bits & user["user.CODE"] != 0, bits & user["user.DEVICE"] != 0
    level = level_of(state, frame)
    is_leaf = z3.Or(
        z3.And(level == LAST_LEVEL, descriptor.is_page),
        z3.And(level == BLOCK_LEVEL, descriptor.is_block),
    )
    right = z3.And(
        z3.Or(descriptor.has(7), z3.Not(is_code)),
        z3.Or(descriptor.has(54), is_code),
        (descriptor.memory == DEVICE) == is_device,
    )
    return [z3.Implies(z3.And(is_in_use(state, frame), is_leaf), right)]


# A descriptor: the frame of its table, and its index.
Entry = tuple[z3.BitVecRef, z3.BitVecRef]


def parents_are_one(state: KernelState, first: Entry, second: Entry) -> list[z3.BoolRef]:
    """No two descriptors lead to the same table."""
    found = [Descriptor(read_entry(state, *entry)) for entry in (first, second)]
    lead = [
        z3.And(is_in_use(state, frame), level_of(state, frame) != LAST_LEVEL, d.is_table)
        for (frame, _), d in zip((first, second), found, strict=True)
    ]
    same = z3.And(first[0] == second[0], first[1] == second[1])
    meet = z3.And(*lead, found[0].output == found[1].output)
    return [z3.Implies(meet, same)]


def path_of(state: KernelState, space: z3.BitVecRef, page: z3.BitVecRef) -> list[Entry]:
    """The descriptors through which the walk of a virtual page goes, as far as there are tables."""
    frame, path = root_of(state, space), []
    for level in (FIRST_LEVEL, BLOCK_LEVEL, LAST_LEVEL):
        index = index_of(level, page)
        path.append((frame, index))
        frame = frame_in(Descriptor(read_entry(state, frame, index)).output)
    return path


def way_is_sound(
    state: KernelState, space: z3.BitVecRef, page: z3.BitVecRef
) -> list[z3.BoolRef]:
    """The invariants of all that the walk of a virtual page meets."""
    found = roots_are_sound(state, space)
    for entry in path_of(state, space, page):
        found += entry_is_sound(state, *entry) + mode_is_kept(state, *entry)
    return found


def ways_are_apart(
    state: KernelState, first: list[Entry], second: list[Entry]
) -> list[z3.BoolRef]:
    """Two walks meet in no table that they did not reach in the same way."""
    return [rule for pair in zip(first[:-1], second[:-1]) for rule in parents_are_one(state, *pair)]


def space_has_root(state: KernelState, thread: z3.BitVecRef) -> list[z3.BoolRef]:
    """The space of a thread has a first table. Only tested."""
    link = state.field(thread, "Thread.SPACE")
    root = state.field(number_of(link), "AddressSpace.ROOT")
    return [z3.Implies(z3.And(state.is_object(thread, "Thread"), link != 0), root != 0)]


def is_frame_word(word: z3.BitVecRef) -> z3.BoolRef:
    """A word of the kernel's that is the number of a frame."""
    return z3.ULT(word, 1 << FRAME_BITS)


def pool_of(state: KernelState, space: z3.BitVecRef) -> z3.BitVecRef:
    """The first frame of a space's pool."""
    return frame_in(state.field(space, "AddressSpace.POOL"))


def rank_of(state: KernelState, frame: z3.BitVecRef) -> z3.BitVecRef:
    """How many frames a list of a pool has, from a frame of it on."""
    return state.memory.row(RANK_ARRAY, frame)


def pools_are_counted(state: KernelState, space: z3.BitVecRef) -> list[z3.BoolRef]:
    """A pool that is not empty begins with a frame of it, and has as many as the space says."""
    first, count = pool_of(state, space), state.field(space, "AddressSpace.POOL_COUNT")
    right = z3.And(
        is_frame_word(state.field(space, "AddressSpace.POOL")),
        state.is_frame(first, "Pool"),
        owner_of(state, first) == space,
        rank_of(state, first) == count,
    )
    is_space = state.is_object(space, "AddressSpace")
    return [z3.Implies(z3.And(is_space, count != 0), right)]


def pool_frame_is_sound(
    state: KernelState, frame: z3.BitVecRef, index: z3.BitVecRef
) -> list[z3.BoolRef]:
    """A frame in a pool is all zero, and followed by the next of the same pool, unless it is last."""
    link = state.entry(frame, "RECORDS")
    following, owner = frame_in(link), owner_of(state, frame)
    rank, count = rank_of(state, frame), state.field(owner, "AddressSpace.POOL_COUNT")
    follows = z3.And(
        is_frame_word(link),
        state.is_frame(following, "Pool"),
        owner_of(state, following) == owner,
        rank_of(state, following) == rank - 1,
    )
    right = z3.And(
        state.is_object(owner, "AddressSpace"),
        read_entry(state, frame, index) == 0,
        state.entry(frame, "ID") == 0,
        rank != 0,
        z3.ULE(rank, count),
        z3.Implies(rank != 1, follows),
    )
    return [z3.Implies(state.is_frame(frame, "Pool"), right)]


def ranks_differ(
    state: KernelState, first: z3.BitVecRef, second: z3.BitVecRef
) -> list[z3.BoolRef]:
    """Each frame of a pool has a place of its own in the list."""
    both = z3.And(state.is_frame(first, "Pool"), state.is_frame(second, "Pool"))
    same = z3.And(
        owner_of(state, first) == owner_of(state, second),
        rank_of(state, first) == rank_of(state, second),
    )
    return [z3.Implies(z3.And(both, same), first == second)]


def pool_is_apart(state: KernelState, first: z3.BitVecRef) -> list[z3.BoolRef]:
    """What the first frame of a pool has to do with any other frame, space and index of the rules."""
    indices = (z3.Extract(INDEX_BITS - 1, 0, index) for index in (ANY_INDEX, ANY_SECOND))
    found = [rule for index in indices for rule in pool_frame_is_sound(state, first, index)]
    for frame in (ANY_FRAME, ANY_OTHER):
        found += ranks_differ(state, frame, first)
    return [*found, *pools_are_counted(state, ANY_SPACE)]


def every_index(page: z3.BitVecRef) -> list[z3.BitVecRef]:
    """Indices of the walk of a page, and those of which the rules speak."""
    indices = [z3.Extract(INDEX_BITS - 1, 0, word) for word in (ANY_INDEX, ANY_SECOND)]
    return [*indices, index_of(BLOCK_LEVEL, page), index_of(LAST_LEVEL, page)]


def table_is_apart(state: KernelState, entry: Entry, table: z3.BitVecRef) -> list[z3.BoolRef]:
    """What a table, to which an entry leads, has to do with the frames of which the rules speak."""
    found = []
    for frame, word in ((ANY_FRAME, ANY_INDEX), (ANY_OTHER, ANY_SECOND)):
        index = z3.Extract(INDEX_BITS - 1, 0, word)
        found += parents_are_one(state, entry, (frame, index))
        found += shadow_is_sound(state, table, index)
        found += shadows_are_apart(state, table, frame)
    return found


def shadow_is_sound(
    state: KernelState, frame: z3.BitVecRef, index: z3.BitVecRef
) -> list[z3.BoolRef]:
    """A table has no shadow, or a frame for one, in which nothing is beside what maps nothing."""
    link = state.entry(frame, "RECORDS")
    descriptor = Descriptor(read_entry(state, frame, index))
    leads = z3.And(descriptor.is_table, level_of(state, frame) != LAST_LEVEL)
    is_empty = read_entry(state, frame_in(link), index) == 0
    right = z3.And(
        is_frame_word(link),
        state.is_frame(frame_in(link), "Shadow"),
        z3.Implies(z3.Or(descriptor.word == 0, leads), is_empty),
    )
    return [z3.Implies(is_in_use(state, frame), z3.Or(link == 0, right))]


def shadows_are_apart(
    state: KernelState, first: z3.BitVecRef, second: z3.BitVecRef
) -> list[z3.BoolRef]:
    """No two tables have the same shadow."""
    links = [state.entry(frame, "RECORDS") for frame in (first, second)]
    both = z3.And(is_in_use(state, first), is_in_use(state, second))
    same = z3.And(both, links[0] != 0, links[0] == links[1])
    return [z3.Implies(same, first == second)]


def count_is_sound(
    state: KernelState, frame: z3.BitVecRef, first: z3.BitVecRef, second: z3.BitVecRef
) -> list[z3.BoolRef]:
    """Part of the rule that a table counts its descriptors: one that counts one has no second."""
    has_one = z3.And(is_in_use(state, frame), state.entry(frame, "ID") == 1)
    both = z3.And(read_entry(state, frame, first) != 0, read_entry(state, frame, second) != 0)
    return [z3.Implies(z3.And(has_one, both), first == second)]


def records_are_sound(state: KernelState, space: z3.BitVecRef) -> list[z3.BoolRef]:
    """The frames of records of a space that are not full, and those that are."""
    found = []
    for name in ("RECORDS", "FULL"):
        link = state.field(space, f"AddressSpace.{name}")
        right = z3.And(is_frame_word(link), state.is_frame(frame_in(link), "Records"))
        found.append(z3.Or(link == 0, right))
    return [z3.Implies(state.is_object(space, "AddressSpace"), z3.And(*found))]


def record_frame_is_sound(state: KernelState, frame: z3.BitVecRef) -> list[z3.BoolRef]:
    """The neighbours of a frame of records in its list."""
    links = [
        state.entry(frame, "RECORDS"),
        state.field(first_of(frame), "Records.FRAME_PREV"),
    ]
    found = [
        z3.Or(link == 0, z3.And(is_frame_word(link), state.is_frame(frame_in(link), "Records")))
        for link in links
    ]
    return [z3.Implies(state.is_frame(frame, "Records"), z3.And(*found))]


def user_frame_is_sound(state: KernelState, frame: z3.BitVecRef) -> list[z3.BoolRef]:
    """A user frame has no records of its mappings, or names the first."""
    link = state.entry(frame, "RECORDS")
    right = z3.And(is_link(link), state.is_object(number_of(link), "Records"))
    return [z3.Implies(state.is_frame(frame, "User"), z3.Or(link == 0, right))]


def record_is_sound(state: KernelState, record: z3.BitVecRef) -> list[z3.BoolRef]:
    """A record of a mapping names its space, its neighbours, and if it is the first of its frame that.

    Only tested.
    """
    links = {f: state.field(record, f"Records.{f}") for f in ("SPACE", "NEXT", "PREV", "FRAME")}
    space, frame = links["SPACE"], links["FRAME"]
    others = [
        z3.Or(links[field] == 0, _names(state, links[field], "Records")) for field in ("NEXT", "PREV")
    ]
    is_user = z3.And(is_frame_word(frame), state.is_frame(frame_in(frame), "User"))
    right = z3.And(_names(state, space, "AddressSpace"), *others, is_user)
    is_used = z3.And(state.is_object(record, "Records"), space != 0)
    return [z3.Implies(is_used, right)]


def shadow_names_records(
    state: KernelState, frame: z3.BitVecRef, index: z3.BitVecRef
) -> list[z3.BoolRef]:
    """What is in the shadow of a table in use is the record of a mapping. Only tested."""
    shadow = state.entry(frame, "RECORDS")
    link = read_entry(state, frame_in(shadow), index)
    is_used = state.field(number_of(link), "Records.SPACE") != 0
    right = z3.And(_names(state, link, "Records"), is_used)
    has_shadow = z3.And(is_in_use(state, frame), shadow != 0)
    return [z3.Implies(has_shadow, z3.Or(link == 0, right))]


def _names(state: KernelState, link: z3.BitVecRef, kind: str) -> z3.BoolRef:
    """A word names a place for an object of a kind."""
    return z3.And(is_link(link), state.is_object(number_of(link), kind))


def rules() -> list[Rule]:
    """The invariants of page tables, of any of them."""
    space, frame, other = ANY_SPACE, ANY_FRAME, ANY_OTHER
    index, second = (z3.Extract(INDEX_BITS - 1, 0, word) for word in (ANY_INDEX, ANY_SECOND))

    def modes(state: KernelState) -> list[z3.BoolRef]:
        return [*entry_is_sound(state, frame, index), *mode_is_kept(state, frame, index)]

    def tables_of_tables(state: KernelState) -> list[z3.BoolRef]:
        entries = (frame, index), (other, second)
        found = [rule for entry in entries for rule in entry_is_sound(state, *entry)]
        return [*found, *parents_are_one(state, *entries)]

    def shadows(state: KernelState) -> list[z3.BoolRef]:
        found = [*shadow_is_sound(state, frame, index), *shadows_are_apart(state, frame, other)]
        return [*entry_is_sound(state, frame, index), *shadow_is_sound(state, other, index), *found]

    def in_pools(state: KernelState) -> list[z3.BoolRef]:
        found = [r for one in (frame, other) for r in pool_frame_is_sound(state, one, index)]
        found += ranks_differ(state, frame, other)
        is_pool = state.is_frame(frame, "Pool")
        counted = pools_are_counted(state, owner_of(state, frame))
        return [*found, *(z3.Implies(is_pool, rule) for rule in counted)]

    return [
        Rule("first tables", lambda s: roots_are_sound(s, space)),
        Rule("descriptors", lambda s: [conjunction(entry_is_sound(s, frame, index))]),
        Rule("modes of pages", modes),
        Rule("tables of tables", tables_of_tables),
        Rule("pools of spaces", lambda s: pools_are_counted(s, space)),
        Rule("frames in pools", in_pools),
        Rule("shadows", shadows),
        Rule("records of spaces", lambda s: records_are_sound(s, space)),
        Rule("frames of records", lambda s: record_frame_is_sound(s, frame)),
        Rule("records of frames", lambda s: user_frame_is_sound(s, frame)),
    ]


def tested() -> list[Rule]:
    """What is assumed and only tested: where a table is dropped (it needs a sum over a table), and of
    spaces of threads and records; see `dying` for more.
    """
    first, second = (z3.Extract(INDEX_BITS - 1, 0, word) for word in (ANY_INDEX, ANY_SECOND))
    return [
        Rule("counts of tables", lambda s: count_is_sound(s, ANY_FRAME, first, second)),
        Rule("spaces of threads", lambda s: space_has_root(s, ANY_SPACE)),
        Rule("records of mappings", lambda s: record_is_sound(s, ANY_SPACE)),
        Rule("records in shadows", lambda s: shadow_names_records(s, ANY_FRAME, first)),
    ]
