"""What names objects: only tested, and assumed where one of them goes.

A place for an object is in use if its bit is set in its frame's entry. An object may go if nothing
names it, and its frame if nothing names anything in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import z3

from . import queues
from .invariants import ANY_FRAME, ANY_OBJECT, ANY_OBJECT_TOO, Rule
from .kernel_state import (
    CORE,
    FRAME_KIND_OF,
    NULL_ENDPOINT,
    KernelState,
    frame_of,
    link_of,
    number_of,
)
from .memory import FRAME_BITS
from .logic import conjunction, disjunction

CORES = 8
# Places for objects in a frame.
UNITS = 64


def is_used(state: KernelState, number: z3.BitVecRef) -> z3.BoolRef:
    """Whether an object is in its place."""
    used = state.entry(frame_of(number), "ID")
    bit = z3.LShR(used, z3.ZeroExt(58, z3.Extract(5, 0, number)))
    return z3.Extract(0, 0, bit) == 1


@dataclass(frozen=True)
class InUse(KernelState):
    """A state in which what a link names is in use, and is not what goes.

    Whatever a rule says of any object, it says of each place for one.
    """

    goes: z3.BitVecRef | None = None

    def is_object(self, number: z3.BitVecRef, name: str) -> z3.BoolRef:
        place = super().is_object(number, name)
        if any(number.eq(any_object) for any_object in (ANY_OBJECT, ANY_OBJECT_TOO)):
            return place
        known = [] if self.goes is None else [number != self.goes]
        if name in self.layout.kinds:
            known.append(is_used(self, number))
        return conjunction([place, *known])


def in_use(state: KernelState, goes: z3.BitVecRef | None = None) -> InUse:
    """What is held to be a place for an object is in use, and another one."""
    return InUse(state.layout, state.memory, state.described, goes)


def used_is_aligned(state: KernelState, frame: z3.BitVecRef) -> list[z3.BoolRef]:
    """What is in use of a frame of objects begins where one of its kind does."""
    used, rules = state.entry(frame, "ID"), []
    for kind in state.layout.kinds:
        if kind not in FRAME_KIND_OF:
            step = state.layout.objects[kind].units
            firsts = sum(1 << unit for unit in range(0, UNITS, step))
            others = z3.BitVecVal(~firsts & ((1 << UNITS) - 1), UNITS)
            rules.append(z3.Implies(state.is_frame(frame, kind), used & others == 0))
    return rules


# What the frames of some kinds are parts of.
PARTS = {
    **dict.fromkeys(("PageTable", "Shadow", "Records", "Pool"), "AddressSpace"),
    "Slots": "CapTable",
}


def owner_is_there(state: KernelState, frame: z3.BitVecRef) -> list[z3.BoolRef]:
    """A frame of slots is a table's, one of page tables, records or a pool a space's."""
    owner = number_of(state.entry(frame, "SPACE"))
    return [
        z3.Implies(state.is_frame(frame, kind), state.is_object(owner, whole))
        for kind, whole in PARTS.items()
    ]


def head_is_there(state: KernelState, frame: z3.BitVecRef) -> list[z3.BoolRef]:
    """Of a part of a large frame, the first is there; of what is in quarantine, the device."""
    head = z3.Concat(z3.Extract(FRAME_BITS - 1, 9, frame), z3.BitVecVal(0, 9))
    device = z3.LShR(state.entry(frame, "ADDRESS"), 28)
    is_frame = z3.And(z3.ULT(device, 1 << FRAME_BITS), state.is_described(frame_in(device)))
    return [
        z3.Implies(state.is_frame(frame, "LargeTail"), state.is_described(head)),
        z3.Implies(state.is_frame(frame, "Quarantined"), is_frame),
    ]


def frame_in(word: z3.BitVecRef) -> z3.BitVecRef:
    """The frame of which a word is the number."""
    return z3.Extract(FRAME_BITS - 1, 0, word)


def _names(
    state: KernelState, owner: str, field: str, number: z3.BitVecRef, *right: z3.BoolRef
) -> z3.BoolRef:
    """A link names nothing, or what is in use, and of which more is known."""
    link = state.field(number, f"{owner}.{field}")
    is_owner = state.is_object(number, owner)
    known = conjunction([is_used(state, number_of(link)), *right])
    return z3.Implies(z3.And(is_owner, link != 0), known)


def gate_in_list(state: KernelState, gate: z3.BitVecRef) -> list[z3.BoolRef]:
    """The neighbours of a gate in its list are so from both sides; its endpoint knows a gate."""
    following, previous, endpoint = (
        number_of(state.field(gate, f"Gate.{field}")) for field in ("NEXT", "PREV", "ENDPOINT")
    )
    mine = link_of(gate)
    knows = state.field(endpoint, "Endpoint.GATES") != 0
    signals = state.field(gate, "Gate.NOTIFICATION") != 0
    is_alone = z3.And(endpoint == NULL_ENDPOINT, z3.Not(signals))
    is_owner = z3.And(state.is_object(gate, "Gate"), endpoint != 0, endpoint != NULL_ENDPOINT)
    return [
        _names(state, "Gate", "NEXT", gate, state.field(following, "Gate.PREV") == mine),
        _names(state, "Gate", "PREV", gate, state.field(previous, "Gate.NEXT") == mine),
        z3.Implies(is_owner, z3.And(is_used(state, endpoint), knows)),
        z3.Implies(z3.And(state.is_object(gate, "Gate"), is_alone), following | previous == 0),
    ]


def gates_of(state: KernelState, owner: str, number: z3.BitVecRef) -> list[z3.BoolRef]:
    """The first gate of an endpoint or a notification is one of its gates."""
    first = number_of(state.field(number, f"{owner}.GATES"))
    field = owner.upper()
    right = [state.field(first, "Gate.PREV") == 0]
    right.append(state.field(first, f"Gate.{field}") == link_of(number))
    if owner == "Endpoint":
        right.append(state.field(first, "Gate.NOTIFICATION") == 0)
    return [_names(state, owner, "GATES", number, *right)]


def thread_at_gate(state: KernelState, thread: z3.BitVecRef) -> list[z3.BoolRef]:
    """Who waits at a gate, or an endpoint, is known there."""
    constants, field = state.layout.constants, state.field
    gate = number_of(field(thread, "Thread.GATE"))
    waits = field(thread, "Thread.WAIT")
    reason, endpoint = waits & constants["wait.REASON"], number_of(waits)
    first = state.layout.word("Endpoint.SERVERS")
    servers = [state.memory.field(endpoint, first + 2 * core) != 0 for core in range(CORES)]
    is_dead = field(endpoint, "Endpoint.ID") == 0
    sends, receives = (reason == constants[f"wait.{name}"] for name in ("SEND", "RECEIVE"))
    is_thread = state.is_object(thread, "Thread")
    known = field(endpoint, "Endpoint.WAITING") != 0
    return [
        _names(state, "Thread", "GATE", thread, field(gate, "Gate.CALLERS") != 0),
        z3.Implies(z3.And(is_thread, sends), z3.And(is_used(state, endpoint), known)),
        z3.Implies(
            z3.And(is_thread, receives),
            z3.And(is_used(state, endpoint), z3.Or(is_dead, disjunction(servers))),
        ),
    ]


def frame_dies(state: KernelState, frame: z3.BitVecRef) -> z3.BoolRef:
    """A frame is a user frame that is dying."""
    is_dying = state.entry(frame, "SPACE") & state.layout.constants["user.DYING"] != 0
    return z3.And(state.is_frame(frame, "User"), is_dying)


def drained_is_dead(state: KernelState) -> list[z3.BoolRef]:
    """What waits to be taken apart is in use, and has no identity; a frame of users is dying."""
    last = state.field(CORE, "Core.DRAIN_TAIL")
    kind, number = z3.Extract(63, 56, last), number_of(last)
    kinds = state.layout.kinds
    others = [kinds[name] for name in (*FRAME_KIND_OF, "Platform")]
    is_dead = state.field(number, "Thread.ID") == 0
    is_usual = conjunction([last != 0, *(kind != other for other in others)])
    is_frame = z3.And(last != 0, kind == kinds["Frame"])
    return [
        z3.Implies(is_usual, z3.And(is_used(state, number), is_dead)),
        z3.Implies(is_frame, frame_dies(state, frame_of(number))),
    ]


def gate_leads(state: KernelState, gate: z3.BitVecRef) -> list[z3.BoolRef]:
    """A gate in use leads to an endpoint, or to what stands for those that are gone."""
    is_gate = z3.And(state.is_object(gate, "Gate"), is_used(state, gate))
    return [z3.Implies(is_gate, number_of(state.field(gate, "Gate.ENDPOINT")) != 0)]


def gate_has_senders(state: KernelState, gate: z3.BitVecRef) -> list[z3.BoolRef]:
    """Who is the first at a gate waits to send."""
    first = number_of(state.field(gate, "Gate.CALLERS"))
    waits = z3.Or(first == 0, queues.waits_for(state, first, "SEND"))
    return [z3.Implies(state.is_object(gate, "Gate"), waits)]


def dying_servers_wait(state: KernelState, endpoint: z3.BitVecRef) -> list[z3.BoolRef]:
    """Those set apart at a dying endpoint receive."""
    rules = []
    for core in range(CORES):
        first = state.field(endpoint, "Endpoint.DYING_SERVERS", core)
        waits = queues.waits_for(state, number_of(first), "RECEIVE")
        is_thread = conjunction([*queues.names(state, first, "Thread"), waits])
        rules.append(z3.Or(first == 0, is_thread))
    is_place = state.is_object(endpoint, "Endpoint")
    is_dead = state.field(endpoint, "Endpoint.ID") == 0
    return [z3.Implies(z3.And(is_place, is_dead), conjunction(rules))]


def replies_hold(state: KernelState, thread: z3.BitVecRef) -> list[z3.BoolRef]:
    """The first reply object with which a server saved a caller holds it."""
    reply = number_of(state.field(thread, "Thread.REPLIES"))
    holds = z3.Or(reply == 0, state.field(reply, "Reply.CALLER") != 0)
    return [z3.Implies(state.is_object(thread, "Thread"), holds)]


def dependents_live(state: KernelState, allowance: z3.BitVecRef) -> list[z3.BoolRef]:
    """What was made from an allowance, and is known to it, was not destroyed."""
    rules = []
    for field, kind in (("CONTEXTS", "SchedulingContext"), ("CHILDREN", "Allowance")):
        link = state.field(allowance, f"Allowance.{field}")
        rules.append(z3.Or(link == 0, state.is_live(number_of(link), kind)))
    return [z3.Implies(state.is_object(allowance, "Allowance"), conjunction(rules))]


# What is assumed where gates and endpoints go quickly.
OF_GATES = (
    Rule("gates in lists", lambda s: gate_in_list(s, ANY_OBJECT)),
    Rule("gates of endpoints", lambda s: gates_of(s, "Endpoint", ANY_OBJECT)),
    Rule("gates of notifications", lambda s: gates_of(s, "Notification", ANY_OBJECT)),
    Rule("threads at gates", lambda s: thread_at_gate(s, ANY_OBJECT)),
    Rule("what is dying", drained_is_dead),
)
TESTED = (
    *OF_GATES,
    Rule("use of frames", lambda s: used_is_aligned(s, ANY_FRAME)),
    Rule("owners of frames", lambda s: owner_is_there(s, ANY_FRAME)),
    Rule("heads of frames", lambda s: head_is_there(s, ANY_FRAME)),
    Rule("gates in use", lambda s: gate_leads(s, ANY_OBJECT)),
    Rule("senders at gates", lambda s: gate_has_senders(s, ANY_OBJECT)),
    Rule("servers of dying endpoints", lambda s: dying_servers_wait(s, ANY_OBJECT)),
    Rule("replies of servers", lambda s: replies_hold(s, ANY_OBJECT)),
    Rule("dependents of allowances", lambda s: dependents_live(s, ANY_OBJECT)),
)
# Those that are evaluated of each frame.
OF_FRAMES = ("use of frames", "owners of frames", "heads of frames")
# Of which objects each of the others is evaluated.
OF_OBJECTS = {
    "gates in lists": "Gate",
    "gates of endpoints": "Endpoint",
    "gates of notifications": "Notification",
    "threads at gates": "Thread",
    "gates in use": "Gate",
    "senders at gates": "Gate",
    "servers of dying endpoints": "Endpoint",
    "replies of servers": "Thread",
    "dependents of allowances": "Allowance",
}
