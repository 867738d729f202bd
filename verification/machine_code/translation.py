"""Page tables as the architecture defines them; nothing here knows of the kernel.

Arm ARM DDI 0487, D8.2 (the walk), D8.3 (descriptors) and D8.4 (permissions): stage 1, 4 KiB granule,
39 bits of address (`TCR_EL1.T0SZ` = 25), so a walk starts at level 1. What an address means is a
`Translation`; `walk` finds it, whatever is in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import z3

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


# What is mapped nowhere: the other fields mean nothing.
UNMAPPED = Translation(
    z3.BoolVal(False),
    z3.BitVecVal(0, OUTPUT_BITS),
    *[z3.BoolVal(False)] * 4,
    z3.BitVecVal(0, 3),
    z3.BitVecVal(0, 2),
    z3.BoolVal(False),
    z3.BitVecVal(0, 11),
    z3.BitVecVal(0, 4),
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
