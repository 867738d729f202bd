"""Page tables as the architecture defines them, and what the kernel keeps true of its own.

The first half knows nothing of the kernel: Arm ARM DDI 0487, D8.2 (the walk) and D8.3 (descriptors),
stage 1, 4 KiB granule, 39 bits of address (`TCR_EL1.T0SZ` = 25), so a walk starts at level 1. What an
address means is a `Translation`; `walk` finds it, whatever is in memory.

The second half are invariants, in the words of the first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import z3

from .invariants import Rule
from .kernel_state import KernelState, first_of, frame_of, is_link, number_of
from .logic import conjunction
from .memory import FRAME_BITS, NUMBER_BITS, UNIT_WORDS, Update

# A virtual address is that of a page, and an offset in it.
ADDRESS_BITS = 39
PAGE_SHIFT = 12
PAGE_BITS = ADDRESS_BITS - PAGE_SHIFT
INDEX_BITS = 9
FIRST_LEVEL, BLOCK_LEVEL, LAST_LEVEL = 1, 2, 3
# An output address has 48 bits: the number of a page of it has 36.
OUTPUT_BITS = 36

# Shareability (D8.6.2), and the indices in `MAIR_EL1` that the kernel's start gives a meaning.
INNER_SHAREABLE = 0b11
NORMAL, DEVICE = 0, 1


@dataclass(frozen=True)
class Descriptor:
    """A word of a table, by the names of its fields (D8.3.1)."""

    word: z3.BitVecRef

    def bits(self, high: int, low: int) -> z3.BitVecRef:
        return z3.simplify(z3.Extract(high, low, self.word))

    def has(self, bit: int) -> z3.BoolRef:
        return self.bits(bit, bit) == 1

    @property
    def is_valid(self) -> z3.BoolRef:
        return self.has(0)

    @property
    def is_table(self) -> z3.BoolRef:
        """At levels 1 and 2: leads to a table of the next level."""
        return self.bits(1, 0) == 0b11

    @property
    def is_block(self) -> z3.BoolRef:
        """At levels 1 and 2: maps memory itself."""
        return self.bits(1, 0) == 0b01

    @property
    def is_page(self) -> z3.BoolRef:
        """At level 3; there, `0b01` is reserved, and treated as invalid."""
        return self.bits(1, 0) == 0b11

    @property
    def output(self) -> z3.BitVecRef:
        """The number of the page at which a table or what is mapped begins."""
        return self.bits(47, 12)

    @property
    def memory(self) -> z3.BitVecRef:
        """`AttrIndx`."""
        return self.bits(4, 2)

    @property
    def shareability(self) -> z3.BitVecRef:
        """`SH`."""
        return self.bits(9, 8)

    @property
    def is_accessed(self) -> z3.BoolRef:
        """`AF`; without it, any access faults."""
        return self.has(10)

    @property
    def is_local(self) -> z3.BoolRef:
        """`nG`: belongs to the ASID."""
        return self.has(11)

    @property
    def others(self) -> z3.BitVecRef:
        """Fields that are zero in all that is mapped here: `NS`, the bits for a hypervisor's use and
        for implementations, `GP`, `DBM`, `Contiguous`.
        """
        return z3.simplify(z3.Concat(self.bits(63, 59), self.bits(52, 48), self.bits(5, 5)))

    @property
    def note(self) -> z3.BitVecRef:
        """Bits that the hardware ignores and software may use."""
        return self.bits(58, 55)


@dataclass(frozen=True)
class Translation:
    """What a virtual page means to the processor."""

    is_mapped: z3.BoolRef
    # The page of memory that is there.
    output: z3.BitVecRef
    user_reads: z3.BoolRef
    user_writes: z3.BoolRef
    user_executes: z3.BoolRef
    kernel_executes: z3.BoolRef
    memory: z3.BitVecRef
    shareability: z3.BitVecRef
    is_local: z3.BoolRef
    others: z3.BitVecRef
    # Not of the hardware: what the kernel keeps in the bits that it ignores.
    note: z3.BitVecRef

    def same(self, other: Translation) -> z3.BoolRef:
        """Whether the processor sees no difference; what is not mapped has no attributes."""
        pairs = [
            getattr(self, name) == getattr(other, name)
            for name in Translation.__dataclass_fields__
            if name != "is_mapped"
        ]
        equal = z3.Implies(self.is_mapped, z3.And(*pairs))
        return z3.And(self.is_mapped == other.is_mapped, equal)

    def chosen(self, condition: z3.BoolRef, other: Translation) -> Translation:
        """This one if the condition holds, else `other`."""
        names = Translation.__dataclass_fields__
        return Translation(
            *(z3.If(condition, getattr(self, name), getattr(other, name)) for name in names)
        )


# The descriptor at an index (9 bits) of the table in a page of memory (36 bits).
Read = Callable[[z3.BitVecRef, z3.BitVecRef], z3.BitVecRef]


def index_of(level: int, page: z3.BitVecRef) -> z3.BitVecRef:
    """Which descriptor of a table of a level a virtual page (27 bits) goes through."""
    low = INDEX_BITS * (LAST_LEVEL - level)
    return z3.simplify(z3.Extract(low + INDEX_BITS - 1, low, page))


def walk(read: Read, root: z3.BitVecRef, page: z3.BitVecRef) -> Translation:
    """The walk of a virtual page (27 bits) from the table in `root` (36 bits): D8.2.4."""
    first = Descriptor(read(root, index_of(FIRST_LEVEL, page)))
    second = Descriptor(read(first.output, index_of(BLOCK_LEVEL, page)))
    third = Descriptor(read(second.output, index_of(LAST_LEVEL, page)))
    is_first = first.is_block
    is_second = z3.And(first.is_table, second.is_block)
    is_third = z3.And(first.is_table, second.is_table, third.is_page)
    leaf = Descriptor(z3.If(is_first, first.word, z3.If(is_second, second.word, third.word)))
    above = [
        (z3.Not(is_first), first),
        (z3.And(z3.Not(is_first), z3.Not(is_second)), second),
    ]
    output = z3.If(
        is_first,
        z3.Concat(first.bits(47, 30), z3.Extract(17, 0, page)),
        z3.If(is_second, z3.Concat(second.bits(47, 21), z3.Extract(8, 0, page)), third.output),
    )
    found = z3.Or(is_first, is_second, is_third)
    return _allowed(leaf, output, found, above)


def _allowed(
    leaf: Descriptor,
    output: z3.BitVecRef,
    found: z3.BoolRef,
    above: list[tuple[z3.BoolRef, Descriptor]],
) -> Translation:
    """What a leaf allows under the limits of the tables above it (D8.4.3): `PXNTable`, `UXNTable`,
    `APTable`, where the condition says that it is one of them.
    """

    def limited(bit: int) -> z3.BoolRef:
        return z3.Or(*(z3.And(is_above, table.has(bit)) for is_above, table in above))

    is_user = z3.And(leaf.has(6), z3.Not(limited(61)))
    return Translation(
        is_mapped=z3.And(found, leaf.is_accessed),
        output=output,
        user_reads=is_user,
        user_writes=z3.And(is_user, z3.Not(leaf.has(7)), z3.Not(limited(62))),
        user_executes=z3.Not(z3.Or(leaf.has(54), limited(60))),
        kernel_executes=z3.Not(z3.Or(leaf.has(53), limited(59))),
        memory=leaf.memory,
        shareability=leaf.shareability,
        is_local=leaf.is_local,
        others=leaf.others,
        note=leaf.note,
    )


@dataclass(frozen=True)
class Request:
    """What is asked of a mapping: all that a leaf says, beside where it is."""

    user_writes: z3.BoolRef
    user_executes: z3.BoolRef
    memory: z3.BitVecRef
    note: z3.BitVecRef

    def translation(self, output: z3.BitVecRef) -> Translation:
        """What a page of user memory with this request means; all the kernel's pages are such."""
        true, false = z3.BoolVal(True), z3.BoolVal(False)
        return Translation(
            is_mapped=true,
            output=output,
            user_reads=true,
            user_writes=self.user_writes,
            user_executes=self.user_executes,
            kernel_executes=false,
            memory=self.memory,
            shareability=z3.BitVecVal(INNER_SHAREABLE, 2),
            is_local=true,
            others=z3.BitVecVal(0, 11),
            note=self.note,
        )

    def leaf(self, output: z3.BitVecRef, is_page: z3.BoolRef) -> z3.BitVecRef:
        """The one descriptor that says so, of a page or a block: field by field, from bit 63 on."""
        zero, one = z3.BitVecVal(0, 1), z3.BitVecVal(1, 1)
        fields = [
            z3.BitVecVal(0, 5),
            self.note,
            z3.If(self.user_executes, zero, one),
            one,
            z3.BitVecVal(0, 5),
            output,
            one,
            one,
            z3.BitVecVal(INNER_SHAREABLE, 2),
            z3.If(self.user_writes, zero, one),
            one,
            zero,
            self.memory,
            z3.If(is_page, one, zero),
            one,
        ]
        return z3.simplify(z3.Concat(*fields))


def table_descriptor(output: z3.BitVecRef) -> z3.BitVecRef:
    """The descriptor of a table that limits nothing."""
    return z3.Concat(z3.BitVecVal(0, 16), output, z3.BitVecVal(0b11, 12))


# The kernel's own tables.


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


def rules() -> list[Rule]:
    """The invariants of page tables, of any of them."""
    space = z3.BitVec("any_object", NUMBER_BITS)
    frame, other = z3.BitVec("any_frame", FRAME_BITS), z3.BitVec("any_other", FRAME_BITS)
    index = z3.Extract(INDEX_BITS - 1, 0, z3.BitVec("any_index", 64))
    second = z3.Extract(INDEX_BITS - 1, 0, z3.BitVec("any_second", 64))
    return [
        Rule("first tables", lambda s: roots_are_sound(s, space)),
        Rule("descriptors", lambda s: [conjunction(entry_is_sound(s, frame, index))]),
        Rule("modes of pages", lambda s: mode_is_kept(s, frame, index)),
        Rule("tables of tables", lambda s: parents_are_one(s, (frame, index), (other, second))),
    ]
