"""What is assumed of spaces and large frames that are taken apart, and only tested.

The tables of a dying space are under its `OLD_ROOT`, and nothing walks them any more. What they map may
be gone meanwhile, and other things be there: so descriptors name any frames that are described.
"""

from __future__ import annotations

import z3

from .invariants import ANY_OBJECT, Rule
from .kernel_state import KernelState, first_of, frame_of, is_link, number_of
from .memory import FRAME_BITS, NUMBER_BITS, UNITS_PER_FRAME_BITS
from .tables import (
    ANY_FRAME,
    ANY_INDEX,
    frame_in,
    is_frame_word,
    is_in_use,
    level_of,
    output_of,
    owner_of,
    read_entry,
)
from .translation import (
    BLOCK_LEVEL,
    FIRST_LEVEL,
    INDEX_BITS,
    LAST_LEVEL,
    Descriptor,
    table_descriptor,
)

# Of a user frame's entry: the space of its first mapping.
SPACE_BITS = (1 << NUMBER_BITS) - 1


def leads_on(descriptor: z3.BitVecRef) -> z3.BoolRef:
    """Whether a descriptor that is no page's is one of a table: where the kernel looks."""
    return z3.Extract(1, 1, descriptor) == 1


def old_root_of(state: KernelState, space: z3.BitVecRef) -> z3.BitVecRef:
    """The link to the first table of a dying space."""
    return state.field(space, "AddressSpace.OLD_ROOT")


def old_root_is_sound(
    state: KernelState, space: z3.BitVecRef, link: z3.BitVecRef
) -> list[z3.BoolRef]:
    """The first table of a dying space is its own, if it is still there: `link` says where."""
    has_root = z3.And(old_root_of(state, space) == link, link != 0)
    root = frame_of(number_of(link))
    right = z3.And(
        is_link(link),
        number_of(link) == first_of(root),
        state.is_frame(root, "PageTable"),
        owner_of(state, root) == space,
        level_of(state, root) == FIRST_LEVEL,
    )
    return [z3.Implies(z3.And(state.is_object(space, "AddressSpace"), has_root), right)]


def is_dying(state: KernelState, frame: z3.BitVecRef) -> z3.BoolRef:
    """A frame is a table of a space whose tables are being taken apart."""
    owner = owner_of(state, frame)
    has_root = old_root_of(state, owner) != 0
    is_owned = state.is_object(owner, "AddressSpace")
    return z3.And(state.is_frame(frame, "PageTable"), is_owned, has_root)


def shadow_is_there(state: KernelState, frame: z3.BitVecRef) -> list[z3.BoolRef]:
    """A table of a dying space has no shadow, or a frame for one."""
    link = state.entry(frame, "RECORDS")
    right = z3.And(is_frame_word(link), state.is_frame(frame_in(link), "Shadow"))
    return [z3.Implies(is_dying(state, frame), z3.Or(link == 0, right))]


def entry_is_sound(
    state: KernelState, frame: z3.BitVecRef, index: z3.BitVecRef
) -> list[z3.BoolRef]:
    """A descriptor in a table of a dying space is zero, or leads to a table of the next level of the
    same space, or names a frame that is described.
    """
    descriptor = Descriptor(read_entry(state, frame, index))
    level, target = level_of(state, frame), frame_in(descriptor.output)
    is_last, leads = level == LAST_LEVEL, leads_on(descriptor.word)
    is_table = z3.And(
        descriptor.word == table_descriptor(output_of(target)),
        state.is_frame(target, "PageTable"),
        owner_of(state, target) == owner_of(state, frame),
        level_of(state, target) == level + 1,
    )
    right = z3.And(
        z3.UGE(level, FIRST_LEVEL),
        z3.ULE(level, LAST_LEVEL),
        z3.Implies(z3.And(z3.Not(is_last), leads), is_table),
        z3.Or(descriptor.word == 0, state.is_described(target)),
    )
    return [z3.Implies(is_dying(state, frame), right)]


def used_of(state: KernelState, frame: z3.BitVecRef) -> z3.BitVecRef:
    """Which records of a frame are in use, one bit each."""
    return state.entry(frame, "ID")


def record_is_used(
    state: KernelState, frame: z3.BitVecRef, place: z3.BitVecRef
) -> list[z3.BoolRef]:
    """A record (6 bits) that its frame counts among those in use has a space."""
    bit = z3.LShR(used_of(state, frame), z3.ZeroExt(64 - place.size(), place))
    is_used = z3.And(state.is_frame(frame, "Records"), z3.Extract(0, 0, bit) == 1)
    has_space = state.field(z3.Concat(frame, place), "Records.SPACE") != 0
    return [z3.Implies(is_used, has_space)]


def is_falling_apart(state: KernelState, head: z3.BitVecRef) -> z3.BoolRef:
    """A large frame is dying, and mapped nowhere; none that was given to a device."""
    bits, names = state.entry(head, "SPACE"), state.layout.constants
    is_dead = bits & names["user.DYING"] != 0
    is_elsewhere = bits & (names["user.GIVEN"] | SPACE_BITS) | state.entry(head, "RECORDS") != 0
    return z3.And(is_large(state, head), is_dead, z3.Not(is_elsewhere))


def is_large(state: KernelState, head: z3.BitVecRef) -> z3.BoolRef:
    """A large frame has this first one."""
    bits = state.entry(head, "SPACE") & state.layout.constants["user.LARGE"]
    return z3.And(state.is_frame(head, "User"), bits != 0)


def part_of(head: z3.BitVecRef, index: z3.BitVecRef) -> z3.BitVecRef:
    """A frame of a large one, by its first and 9 bits."""
    return z3.simplify(z3.Concat(z3.Extract(FRAME_BITS - 1, INDEX_BITS, head), index))


def tail_is_there(
    state: KernelState, head: z3.BitVecRef, index: z3.BitVecRef
) -> list[z3.BoolRef]:
    """The frames of a large one behind its first (9 bits) are tails of it; one that falls apart counts
    those that are free again, the last ones.
    """
    count, free = state.layout.constants["LARGE_FRAMES"], state.entry(head, "ADDRESS")
    free = z3.If(is_falling_apart(state, head), free, z3.BitVecVal(0, 64))
    is_left = z3.ULE(z3.ZeroExt(64 - INDEX_BITS, index), count - 1 - free)
    is_tail = state.is_frame(part_of(head, index), "LargeTail")
    right = z3.And(
        z3.Extract(INDEX_BITS - 1, 0, head) == 0,
        z3.ULT(free, count),
        z3.Implies(z3.And(index != 0, is_left), is_tail),
    )
    return [z3.Implies(is_large(state, head), right)]


def mapped_is_whole(
    state: KernelState, frame: z3.BitVecRef, index: z3.BitVecRef
) -> list[z3.BoolRef]:
    """What a block maps knows that it is mapped: it does not fall apart."""
    descriptor = Descriptor(read_entry(state, frame, index))
    maps = z3.And(level_of(state, frame) == BLOCK_LEVEL, descriptor.is_block)
    is_whole = z3.Not(is_falling_apart(state, frame_in(descriptor.output)))
    return [z3.Implies(z3.And(is_in_use(state, frame), maps), is_whole)]


def rules() -> tuple[Rule, ...]:
    """All of them, of any space, table and frame."""
    index = z3.Extract(INDEX_BITS - 1, 0, ANY_INDEX)
    place = z3.Extract(UNITS_PER_FRAME_BITS - 1, 0, ANY_INDEX)

    def roots(state: KernelState) -> list[z3.BoolRef]:
        return old_root_is_sound(state, ANY_OBJECT, old_root_of(state, ANY_OBJECT))

    return (
        Rule("first tables of the dying", roots),
        Rule("shadows of the dying", lambda s: shadow_is_there(s, ANY_FRAME)),
        Rule("descriptors of the dying", lambda s: entry_is_sound(s, ANY_FRAME, index)),
        Rule("tails of large frames", lambda s: tail_is_there(s, ANY_FRAME, index)),
        Rule("blocks of large frames", lambda s: mapped_is_whole(s, ANY_FRAME, index)),
        Rule("records in use", lambda s: record_is_used(s, ANY_FRAME, place)),
    )
