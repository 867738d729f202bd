"""What the proofs assume of the kernel's state, and show to be kept.

Each rule speaks of one object and of those it names. A proof assumes a rule where the specification
looks at an object, and shows it afterwards for *any* object; `reachable` evaluates the same terms in
states that the kernel reaches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import z3

from .kernel_state import (
    CORE,
    FRAME_KIND_OF,
    MACHINE,
    NULL_ENDPOINT,
    NULL_SLOTS,
    KernelState,
    Slot,
    frame_of,
    is_link,
    link_of,
    number_of,
)
from .logic import conjunction, disjunction
from .memory import FRAME_BITS, NUMBER_BITS

# Which fields are links, and to what: nothing, or a place for an object of that kind.
LINKS = {
    "Thread": {
        "TABLE": "CapTable",
        "TABLE_NEXT": "Thread",
        "TABLE_PREV": "Thread",
        "SPACE": "AddressSpace",
        "SPACE_NEXT": "Thread",
        "SPACE_PREV": "Thread",
        "OWN_CONTEXT": "SchedulingContext",
        "BOUND": "Notification",
        "REPLIES": "Reply",
    },
    "CapTable": {"THREADS": "Thread"},
    "AddressSpace": {"THREADS": "Thread"},
    "Endpoint": {"GATES": "Gate"},
    "Gate": {"NOTIFICATION": "Notification", "NEXT": "Gate", "PREV": "Gate"},
    "Notification": {"GATES": "Gate", "IRQS": "Irq", "BOUND": "Thread"},
    "Irq": {"NOTIFICATION": "Notification", "NEXT": "Irq", "PREV": "Irq"},
    "SchedulingContext": {
        "OWNER": "Thread",
        "ALLOWANCE": "Allowance",
        "ALLOWANCE_NEXT": "SchedulingContext",
        "ALLOWANCE_PREV": "SchedulingContext",
    },
    "Allowance": {
        "CONTEXTS": "SchedulingContext",
        "PARENT": "Allowance",
        "NEXT": "Allowance",
        "PREV": "Allowance",
        "CHILDREN": "Allowance",
    },
}


def link_is_sound(state: KernelState, owner: str, field: str, number: z3.BitVecRef) -> z3.BoolRef:
    """A link field of any place for an object names nothing, or a place of the right kind."""
    link = state.field(number, f"{owner}.{field}")
    target = state.is_object(number_of(link), LINKS[owner][field])
    right = z3.And(is_link(link), z3.Or(link == 0, target))
    return z3.Implies(state.is_object(number, owner), right)


def stand_ins_are_sound(state: KernelState) -> list[z3.BoolRef]:
    """The kernel's own objects: in frames of its own, aligned, each elsewhere."""
    own = [(CORE, "Core"), (MACHINE, "Machine"), (NULL_SLOTS, "Slots"), (NULL_ENDPOINT, "Endpoint")]
    rules = []
    extents = []
    for number, name in own:
        frames = -(-state.layout.objects[name].units // 64)
        first = frame_of(number)
        rules += [state.is_frame(z3.simplify(first + i), "Kernel") for i in range(frames)]
        rules.append(z3.ULE(first, (1 << FRAME_BITS) - 1 - frames))
        aligned = "Endpoint" if name == "Endpoint" else "Slots"
        rules.append(state.is_aligned(number, aligned))
        extents.append((first, frames))
    for i, (first, frames) in enumerate(extents):
        for second, others in extents[:i]:
            rules += [z3.UGE(second - first, frames), z3.UGE(first - second, others)]
    return [
        *rules,
        NULL_ENDPOINT != 0,
        state.field(NULL_ENDPOINT, "Endpoint.ID") == 0,
        state.field(CORE, "Core.MACHINE") == link_of(MACHINE),
        state.field(MACHINE, "Machine.NULL_SLOTS") == link_of(NULL_SLOTS),
        state.field(MACHINE, "Machine.NULL_ENDPOINT") == link_of(NULL_ENDPOINT),
        state.field(MACHINE, "Machine.NEXT_ID") != 0,
    ]


def current_is_sound(state: KernelState) -> list[z3.BoolRef]:
    """A thread that was not destroyed makes the call."""
    link = state.field(CORE, "Core.CURRENT")
    return [is_link(link), state.is_live(number_of(link), "Thread")]


def thread_is_sound(state: KernelState, thread: z3.BitVecRef) -> list[z3.BoolRef]:
    """The part of its table that the fast path sees."""
    slots = state.field(thread, "Thread.SLOTS")
    mask = state.field(thread, "Thread.MASK")
    first = state.layout.constants["CHUNK_SLOTS"] - 1
    rules = [
        z3.Or(mask == 0, mask == first),
        is_link(slots),
        z3.Or(state.is_object(number_of(slots), "Slots"), number_of(slots) == NULL_SLOTS),
    ]
    is_live = state.is_live(thread, "Thread")
    return [z3.Implies(is_live, rule) for rule in rules]


def buffer_is_sound(state: KernelState, thread: z3.BitVecRef) -> list[z3.BoolRef]:
    """A thread has no message buffer, or one that the frame table describes."""
    buffer = state.field(thread, "Thread.BUFFER")
    frame = z3.Extract(FRAME_BITS - 1, 0, buffer)
    right = z3.And(z3.ULT(buffer, 1 << FRAME_BITS), state.is_described(frame))
    return [z3.Implies(state.is_object(thread, "Thread"), z3.Or(buffer == 0, right))]


def table_is_sound(
    state: KernelState, table: z3.BitVecRef, chunk: z3.BitVecRef
) -> list[z3.BoolRef]:
    """A capability table has at most the named number of chunks, and those it has exist."""
    count = state.field(table, "CapTable.CHUNKS")
    link = state.chunk_link(table, chunk)
    has = z3.And(state.is_object(table, "CapTable"), z3.ULT(chunk, count))
    exists = z3.And(is_link(link), state.is_object(number_of(link), "Slots"))
    limit = state.layout.constants["CHUNKS_MAX"]
    return [
        z3.Implies(state.is_object(table, "CapTable"), z3.ULE(count, limit)),
        z3.Implies(has, exists),
        z3.Implies(state.is_live(table, "CapTable"), count != 0),
    ]


def slot_is_sound(state: KernelState, slot: Slot) -> list[z3.BoolRef]:
    """A slot is empty, or names a kind and an aligned place in a described frame."""
    filled = is_capability(state, slot)
    is_in_use = z3.Or(
        state.is_frame_of(slot.unit, "Slots"), frame_of(slot.unit) == frame_of(NULL_SLOTS)
    )
    return [z3.Implies(is_in_use, z3.Or(z3.And(slot.word == 0, slot.id == 0), filled))]


def is_capability(state: KernelState, slot: Slot) -> z3.BoolRef:
    """What a slot holds names a kind and an aligned place in a described frame."""
    number = slot.number()
    known = [
        z3.And(slot.kind() == value, _is_aligned_for(state, number, kind))
        for kind, value in state.layout.kinds.items()
    ]
    return z3.And(
        disjunction(known),
        z3.Extract(5, 0, slot.word) == 0,
        z3.Extract(47, 46, slot.word) == 0,
        slot.id != 0,
        state.is_described(frame_of(number)),
    )


def _is_aligned_for(state: KernelState, number: z3.BitVecRef, kind: str) -> z3.BoolRef:
    """Frames and regions begin at a frame, objects of a pool at a multiple of their size."""
    is_whole = kind in FRAME_KIND_OF or kind == "Region"
    return state.is_aligned(number, "Slots" if is_whole else kind)


def pool_is_sound(state: KernelState, space: z3.BitVecRef) -> list[z3.BoolRef]:
    """The pool of a space that is not empty begins with a frame of that kind."""
    pool = state.field(space, "AddressSpace.POOL")
    is_first = state.is_frame(z3.Extract(FRAME_BITS - 1, 0, pool), "Pool")
    right = z3.And(z3.ULT(pool, 1 << FRAME_BITS), is_first)
    has = state.field(space, "AddressSpace.POOL_COUNT") != 0
    return [z3.Implies(z3.And(state.is_live(space, "AddressSpace"), has), right)]


def gate_is_sound(state: KernelState, gate: z3.BitVecRef) -> list[z3.BoolRef]:
    """A live gate names an endpoint, or the one that stands for those that died."""
    link = state.field(gate, "Gate.ENDPOINT")
    endpoint = number_of(link)
    named = z3.Or(state.is_object(endpoint, "Endpoint"), endpoint == NULL_ENDPOINT)
    right = z3.And(is_link(link), endpoint != 0, named)
    return [z3.Implies(state.is_live(gate, "Gate"), right)]


def region_is_sound(
    state: KernelState, region: z3.BitVecRef, frame: z3.BitVecRef
) -> list[z3.BoolRef]:
    """A region's own part is in what it covers, and the frame table describes all of that."""
    base, frames, limit = (
        state.field(region, f"Region.{field}") for field in ("BASE", "FRAMES", "LIMIT")
    )
    end = base + frames
    most = 1 << FRAME_BITS
    covers = z3.ULT(z3.ZeroExt(64 - FRAME_BITS, frame) - base, frames)
    rules = [
        z3.ULE(base, most),
        z3.ULE(frames, most),
        z3.ULE(end, most),
        z3.ULE(base, limit),
        z3.ULE(limit, end),
        z3.Implies(covers, state.is_described(frame)),
    ]
    is_live = state.is_live(region, "Region")
    return [z3.Implies(is_live, rule) for rule in rules]


def vacant_is_zero(state: KernelState, number: z3.BitVecRef, kind: str) -> list[z3.BoolRef]:
    """A place for an object in which none is holds zero, in what the creation leaves as it is."""
    bit = z3.LShR(state.entry(frame_of(number), "ID"), z3.ZeroExt(58, z3.Extract(5, 0, number)))
    is_vacant = z3.And(state.is_object(number, kind), z3.Extract(0, 0, bit) == 0)
    fields = (state.field(number, f"{kind}.{field}") for field in VACANT[kind])
    return [z3.Implies(is_vacant, conjunction(field == 0 for field in fields))]


def region_top_is_sound(
    state: KernelState, region: z3.BitVecRef, frame: z3.BitVecRef
) -> list[z3.BoolRef]:
    """Of a region's own part, what is not below its mark is free."""
    base, high, limit = (
        state.field(region, f"Region.{field}") for field in ("BASE", "HIGH", "LIMIT")
    )
    number = z3.ZeroExt(64 - FRAME_BITS, frame)
    is_above = z3.And(z3.UGE(number, base), z3.UGE(number, high), z3.ULT(number, limit))
    is_free = state.memory.kind(frame) == state.layout.frame_kinds["Free"]
    is_live = state.is_live(region, "Region")
    return [
        z3.Implies(is_live, z3.ULE(high, limit)),
        z3.Implies(z3.And(is_live, is_above), is_free),
    ]


def region_place_is_sound(state: KernelState, region: z3.BitVecRef) -> list[z3.BoolRef]:
    """A region of memory lies in the first frame of it; one of devices is whole."""
    base, frames, limit, device = (
        state.field(region, f"Region.{field}") for field in ("BASE", "FRAMES", "LIMIT", "DEVICE")
    )
    place = link_of(region) == base << (NUMBER_BITS - FRAME_BITS)
    right = z3.If(device == 0, place, limit == base + frames)
    return [z3.Implies(state.is_live(region, "Region"), right)]


def regions_are_apart(
    state: KernelState, first: z3.BitVecRef, second: z3.BitVecRef
) -> list[z3.BoolRef]:
    """No frame is two regions' own; what a region of devices covers is covered by no other."""
    both = z3.And(state.is_live(first, "Region"), state.is_live(second, "Region"), first != second)
    bases, limits, frames, devices = (
        [state.field(region, f"Region.{field}") for region in (first, second)]
        for field in ("BASE", "LIMIT", "FRAMES", "DEVICE")
    )
    apart = z3.Or(z3.ULE(limits[0], bases[1]), z3.ULE(limits[1], bases[0]))
    ends = [base + count for base, count in zip(bases, frames, strict=True)]
    all_apart = z3.Or(z3.ULE(ends[0], bases[1]), z3.ULE(ends[1], bases[0]))
    has_device = z3.Or(*(device != 0 for device in devices))
    return [z3.Implies(both, z3.And(apart, z3.Implies(has_device, all_apart)))]


def large_head_is_sound(state: KernelState, frame: z3.BitVecRef) -> list[z3.BoolRef]:
    """A large frame that is being made lacks some of its frames."""
    taken = state.entry(frame, "ADDRESS")
    right = z3.ULT(taken, state.layout.constants["LARGE_FRAMES"])
    return [z3.Implies(state.is_frame(frame, "LargeHead"), right)]


def allowance_is_sound(state: KernelState, number: z3.BitVecRef) -> list[z3.BoolRef]:
    """An allowance of numbers has its own part in what it covers, and that in what there are."""
    sort, first, limit, count = (
        state.field(number, f"Allowance.{field}") for field in ("SORT", "FIRST", "LIMIT", "COUNT")
    )
    names = state.layout.constants
    right = z3.And(
        z3.Or(sort == names["sort.IRQ"], sort == names["sort.ASID"]),
        z3.ULE(first, limit),
        z3.ULE(limit, first + count),
        z3.ULE(first, names["LINES"]),
        z3.ULE(count, names["LINES"] - first),
    )
    is_live = state.is_live(number, "Allowance")
    return [z3.Implies(z3.And(is_live, sort != names["sort.TIME"]), right)]


def nothing_has_number_zero(state: KernelState) -> list[z3.BoolRef]:
    """Memory and devices begin above frame 0: a link that is zero names nothing."""
    return [z3.Not(state.is_described(z3.BitVecVal(0, FRAME_BITS)))]


@dataclass(frozen=True)
class Rule:
    """An invariant, for all values of some symbols."""

    name: str
    holds: Callable[[KernelState], list[z3.BoolRef]]


# Of what the rules speak: any object and frame.
ANY_OBJECT = z3.BitVec("any_object", NUMBER_BITS)
ANY_OBJECT_TOO = z3.BitVec("any_object_too", NUMBER_BITS)
ANY_FRAME = z3.BitVec("any_frame", FRAME_BITS)

# What is zero of a place for an object in which none is.
VACANT = {
    "CapTable": ("ID", "CHUNKS"),
    "AddressSpace": ("ID", "POOL_COUNT"),
    "Allowance": ("ID",),
}


def vacancies(kind: str) -> Rule:
    """`vacant_is_zero` of any place."""
    return Rule(f"places for {kind}", lambda s: vacant_is_zero(s, ANY_OBJECT, kind))


def _regions(state: KernelState) -> list[z3.BoolRef]:
    both = (ANY_OBJECT, ANY_OBJECT_TOO)
    places = [rule for region in both for rule in region_place_is_sound(state, region)]
    return [*places, *regions_are_apart(state, *both)]


# Invariants that only those calls assume, and show to be kept, that look at what they speak of.
LARGE_HEADS = Rule("large frames", lambda s: large_head_is_sound(s, ANY_FRAME))
ALLOWANCES = Rule("allowances", lambda s: allowance_is_sound(s, ANY_OBJECT))
REGIONS = (
    Rule("tops of regions", lambda s: region_top_is_sound(s, ANY_OBJECT, ANY_FRAME)),
    Rule("places of regions", lambda s: region_place_is_sound(s, ANY_OBJECT)),
    Rule("regions apart", _regions),
)
NUMBER_ZERO = Rule("number 0", nothing_has_number_zero)
SELDOM = (*REGIONS, *(vacancies(kind) for kind in VACANT), LARGE_HEADS, ALLOWANCES, NUMBER_ZERO)


def rules(state: KernelState) -> list[Rule]:
    """Every invariant, of any object."""
    layout = state.layout
    any_object, any_frame = ANY_OBJECT, ANY_FRAME
    any_index = z3.BitVec("any_index", 64)
    in_table = z3.ULT(any_index, layout.constants["CHUNKS_MAX"])

    def tables(later: KernelState) -> list[z3.BoolRef]:
        return [z3.Implies(in_table, r) for r in table_is_sound(later, any_object, any_index)]

    def slots(later: KernelState) -> list[z3.BoolRef]:
        return slot_is_sound(later, later.slot(any_object, z3.Extract(7, 0, any_index)))

    def links(owner: str) -> Callable[[KernelState], list[z3.BoolRef]]:
        fields = LINKS[owner]
        return lambda s: [conjunction(link_is_sound(s, owner, f, any_object) for f in fields)]

    return [
        Rule("the kernel's own objects", stand_ins_are_sound),
        Rule("the current thread", current_is_sound),
        Rule("threads", lambda s: thread_is_sound(s, any_object)),
        Rule("message buffers", lambda s: buffer_is_sound(s, any_object)),
        Rule("tables", tables),
        Rule("slots", slots),
        Rule("gates", lambda s: gate_is_sound(s, any_object)),
        Rule("pools", lambda s: pool_is_sound(s, any_object)),
        Rule("regions", lambda s: region_is_sound(s, any_object, any_frame)),
        *(Rule(f"links of {owner}", links(owner)) for owner in LINKS),
    ]
