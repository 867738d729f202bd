"""What names gates and endpoints: only tested, and assumed where one of them goes.

A place for an object is in use if its bit is set in its frame's entry. An object may go if nothing
names it, and its frame if nothing names anything in it.
"""

from __future__ import annotations

import z3

from .invariants import ANY_OBJECT, Rule
from .kernel_state import (
    CORE,
    FRAME_KIND_OF,
    NULL_ENDPOINT,
    KernelState,
    frame_of,
    link_of,
    number_of,
)
from .logic import conjunction, disjunction

CORES = 8


def is_used(state: KernelState, number: z3.BitVecRef) -> z3.BoolRef:
    """Whether an object is in its place."""
    used = state.entry(frame_of(number), "ID")
    bit = z3.LShR(used, z3.ZeroExt(58, z3.Extract(5, 0, number)))
    return z3.Extract(0, 0, bit) == 1


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


def drained_is_dead(state: KernelState) -> list[z3.BoolRef]:
    """What waits to be taken apart is in use, and has no identity."""
    last = state.field(CORE, "Core.DRAIN_TAIL")
    kind, number = z3.Extract(63, 56, last), number_of(last)
    kinds = state.layout.kinds
    others = [kinds[name] for name in (*FRAME_KIND_OF, "Platform")]
    is_dead = state.field(number, "Thread.ID") == 0
    is_usual = conjunction([last != 0, *(kind != other for other in others)])
    return [z3.Implies(is_usual, z3.And(is_used(state, number), is_dead))]


TESTED = (
    Rule("gates in lists", lambda s: gate_in_list(s, ANY_OBJECT)),
    Rule("gates of endpoints", lambda s: gates_of(s, "Endpoint", ANY_OBJECT)),
    Rule("gates of notifications", lambda s: gates_of(s, "Notification", ANY_OBJECT)),
    Rule("threads at gates", lambda s: thread_at_gate(s, ANY_OBJECT)),
    Rule("what is dying", drained_is_dead),
)
# Of which objects each is evaluated.
OF_OBJECTS = {
    "gates in lists": "Gate",
    "gates of endpoints": "Endpoint",
    "gates of notifications": "Notification",
    "threads at gates": "Thread",
}
