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
    number = slot.number()
    known = [
        z3.And(slot.kind() == value, _is_aligned_for(state, number, kind))
        for kind, value in state.layout.kinds.items()
    ]
    filled = z3.And(
        disjunction(known),
        z3.Extract(5, 0, slot.word) == 0,
        z3.Extract(47, 46, slot.word) == 0,
        slot.id != 0,
        state.is_described(frame_of(number)),
    )
    is_in_use = z3.Or(
        state.is_frame_of(slot.unit, "Slots"), frame_of(slot.unit) == frame_of(NULL_SLOTS)
    )
    return [z3.Implies(is_in_use, z3.Or(z3.And(slot.word == 0, slot.id == 0), filled))]


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


@dataclass(frozen=True)
class Rule:
    """An invariant, for all values of some symbols."""

    name: str
    holds: Callable[[KernelState], list[z3.BoolRef]]


def rules(state: KernelState) -> list[Rule]:
    """Every invariant, of any object."""
    layout = state.layout
    any_object = z3.BitVec("any_object", NUMBER_BITS)
    any_frame = z3.BitVec("any_frame", FRAME_BITS)
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
