"""The rules of `queues` in lists, and how each is evaluated in a state."""

from __future__ import annotations

from collections.abc import Callable

import z3

from . import invariants, queues
from .invariants import ANY_OBJECT, Rule
from .kernel_state import CORE, KernelState
from .logic import conjunction


# Where a rule of any element of an array looks: the index has as many bits as the array needs.
ANY_PLACE = z3.BitVec("any_place_3", 3)
ANY_PRIORITY = z3.BitVec("any_place_8", 8)


def rules(state: KernelState) -> list[Rule]:
    """Every invariant that functions told as walks keep."""
    usual = [rule for rule in invariants.rules(state) if rule.name != "the current thread"]
    return [*usual, *KEPT]


def _links(owner: str) -> Callable[[KernelState], list[z3.BoolRef]]:
    number = CORE if owner == "Core" else ANY_OBJECT

    def holds(state: KernelState) -> list[z3.BoolRef]:
        fields = (queues.link_is_sound(state, owner, field, number) for field in queues.LINKS[owner])
        return [conjunction(rule for rules_ in fields for rule in rules_)]

    return holds


def _array(field: str) -> Callable[[KernelState], list[z3.BoolRef]]:
    bits = (queues.LENGTHS[field] - 1).bit_length()
    index = z3.BitVec(f"any_place_{bits}", bits)
    return lambda s: queues.element_is_sound(s, field, index)


KEPT = (
    *(Rule(f"queue links of {owner}", _links(owner)) for owner in queues.LINKS),
    Rule("callers", lambda s: queues.link_is_sound(s, "Thread", "CALLER", ANY_OBJECT)),
    Rule("gates of callers", lambda s: queues.gate_of_caller_is_sound(s, ANY_OBJECT)),
    Rule("what is waited for", lambda s: queues.wait_is_sound(s, ANY_OBJECT)),
    Rule("senders", lambda s: queues.sender_is_sound(s, ANY_OBJECT, ANY_PLACE)),
    Rule("last senders", lambda s: queues.last_sender_is_sound(s, ANY_OBJECT, ANY_PLACE)),
    Rule("who took calls", lambda s: queues.taken_is_sound(s, ANY_OBJECT)),
    Rule("receivers", lambda s: queues.receiver_is_sound(s, ANY_OBJECT, ANY_PLACE)),
    *(Rule(f"elements of {field}", _array(field)) for field in queues.ARRAYS),
    Rule("marks of timers", lambda s: queues.mark_is_sound(s, ANY_OBJECT)),
    Rule("bases of wheels", lambda s: queues.base_is_sound(s, ANY_PLACE)),
    Rule("what is taken apart", queues.drain_is_sound),
)

# What is assumed of queues and not shown to be kept.
TESTED = (
    Rule("queues that are ready", lambda s: queues.ready_is_true(s, ANY_PRIORITY)),
    Rule("gates of senders", lambda s: queues.sender_has_gate(s, ANY_OBJECT)),
    Rule("servers of the saved", lambda s: queues.saved_has_server(s, ANY_OBJECT)),
    Rule("first of queues", lambda s: queues.head_is_sound(s, ANY_PRIORITY)),
    Rule("who holds a context", lambda s: queues.holder_is_sound(s, ANY_OBJECT)),
    Rule("who serves", lambda s: queues.server_is_sound(s, ANY_OBJECT)),
    Rule("who is served", lambda s: queues.caller_is_served(s, ANY_OBJECT)),
    Rule("who waits for signals", lambda s: queues.waiter_waits(s, ANY_OBJECT)),
    Rule("first senders", lambda s: queues.sender_waits(s, ANY_OBJECT, ANY_PLACE)),
    Rule("first receivers", lambda s: queues.receiver_waits(s, ANY_OBJECT, ANY_PLACE)),
    Rule("who has signals", lambda s: queues.signalled_is_bound(s, ANY_OBJECT)),
    Rule("own links", lambda s: queues.busy_is_itself(s, ANY_OBJECT)),
    Rule("frames of buffers", lambda s: queues.buffer_is_user(s, ANY_OBJECT)),
    Rule("who runs", lambda s: [*queues.caller_has_time(s), *queues.helper_has_context(s)]),
    Rule("what who runs waits for", queues.runner_waits_for_nothing),
    Rule("who is held", lambda s: queues.held_is_saved(s, ANY_OBJECT)),
)

# How the rules are evaluated in a state: once, for each object of some kinds (and each of so many
# places), for each place of an array.
SINGLE = ("queue links of Core", "who runs", "what who runs waits for", "what is taken apart")
OF_OBJECTS = {
    **{
        f"queue links of {owner}": ((owner,), 1)
        for owner in queues.LINKS
        if owner not in ("Core", "Timed")
    },
    "queue links of Timed": (("Thread", "SchedulingContext"), 1),
    "marks of timers": (("Thread", "SchedulingContext"), 1),
    "callers": (("Thread",), 1),
    "gates of senders": (("Thread",), 1),
    "servers of the saved": (("Thread",), 1),
    "what is waited for": (("Thread",), 1),
    "gates of callers": (("Thread",), 1),
    "senders": (("Endpoint",), 8),
    "last senders": (("Endpoint",), 8),
    "who took calls": (("Endpoint",), 1),
    "who holds a context": (("Thread",), 1),
    "who serves": (("Thread",), 1),
    "who is served": (("Thread",), 1),
    "who waits for signals": (("Notification",), 1),
    "first senders": (("Endpoint",), 8),
    "last senders": (("Endpoint",), 8),
    "receivers": (("Endpoint",), 8),
    "first receivers": (("Endpoint",), 8),
    "own links": (("Thread",), 1),
    "who is held": (("Reply",), 1),
    "who has signals": (("Thread",), 1),
    "frames of buffers": (("Thread",), 1),
}
OF_PLACES = {
    **{f"elements of {field}": queues.LENGTHS[field] for field in queues.ARRAYS},
    "bases of wheels": queues.LENGTHS["WHEEL_BASE"],
    "queues that are ready": queues.LENGTHS["QUEUE_HEAD"],
    "first of queues": queues.LENGTHS["QUEUE_HEAD"],
}


def place_of(length: int) -> str:
    """The symbol of any place of an array."""
    return f"any_place_{(length - 1).bit_length()}"
