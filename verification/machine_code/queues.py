"""What the proofs assume of run queues, timing wheels and who runs, and show to be kept.

As in `invariants`, each rule speaks of one object and of those it names. *Kept* rules are shown after
each function that is told as a walk. Rules that are *only tested* are assumed where a function looks, and
evaluated in states that the kernel reaches (`reachable`); that queues are lists is not among what the
proofs know of them.
"""

from __future__ import annotations

from collections.abc import Callable

import z3

from . import invariants
from .invariants import ANY_OBJECT, Rule
from .kernel_state import CORE, NULL_ENDPOINT, KernelState, frame_of, is_link, link_of, number_of
from .logic import conjunction, disjunction

# Which fields are links, and to what: nothing, or a place for an object of that kind.
LINKS = {
    "Thread": {
        "CONTEXT": "SchedulingContext",
        "NEXT": "Thread",
        "PREV": "Thread",
        "GATE": "Gate",
        "GATE_NEXT": "Thread",
        "GATE_PREV": "Thread",
    },
    "SchedulingContext": {
        "RUNNING": "Thread",
        "NEXT": "SchedulingContext",
        "PREV": "SchedulingContext",
    },
    "Notification": {"WAITER": "Thread"},
    "Timed": {"NEXT": "Timed", "PREV": "Timed"},
    "Gate": {"ENDPOINT": "Endpoint", "CALLERS": "Thread"},
    "Reply": {"CALLER": "Thread", "SERVER": "Thread", "NEXT": "Reply", "PREV": "Reply"},
    "Core": {
        "CURRENT": "Thread",
        "CONTEXT": "SchedulingContext",
        "HELPER": "SchedulingContext",
        "AHEAD": "SchedulingContext",
    },
}

# Links with a mark, which is dropped.
MARKED = {"Thread": {"CALLER": "Thread"}}

# For what a thread waits that holds the context that it names, if any. Who waits for a reply has lent
# it, who receives may have served with one that went back, and who runs uses what the core says: what
# these name may be gone.
HOLDING = ("SEND", "NOTIFICATION", "SLEEP")

# For what a caller waits whom somebody serves.
REPLIES = ("REPLY", "SLOW_REPLY")

# Arrays of a core: how long they are.
LENGTHS = {
    "WOKEN": 8,
    "READY": 4,
    "QUEUE_HEAD": 256,
    "QUEUE_TAIL": 256,
    "WHEEL": 1216,
    "WHEEL_MAP": 24,
    "WHEEL_BASE": 8,
    "WHEEL_OPEN": 8,
}
# Those of links, and to what.
ARRAYS = {
    "QUEUE_HEAD": "SchedulingContext",
    "QUEUE_TAIL": "SchedulingContext",
    "WHEEL": "Timed",
}
# Slots of a wheel, and the last granule that it has.
SLOTS = 152
LAST_GRANULE = (1 << 57) - 1
GRANULE_SHIFT = 6
# When that is, in ticks.
TIME_MAX = LAST_GRANULE << GRANULE_SHIFT


def kind_of_link(owner: str, field: str) -> str:
    """What a link field names."""
    known = [table.get(owner, {}).get(field) for table in (LINKS, MARKED, invariants.LINKS)]
    return next(kind for kind in known if kind is not None)


def is_timed(state: KernelState, number: z3.BitVecRef) -> z3.BoolRef:
    """A place for a thread or a scheduling context: what a wheel holds."""
    return z3.Or(state.is_object(number, "Thread"), state.is_object(number, "SchedulingContext"))


def is_place(state: KernelState, number: z3.BitVecRef, kind: str) -> z3.BoolRef:
    """A place for an object of a kind, or of what a wheel holds; the endpoint of the dead is one."""
    if kind == "Timed":
        return is_timed(state, number)
    right = state.is_object(number, kind)
    return z3.Or(right, number == NULL_ENDPOINT) if kind == "Endpoint" else right


def names(state: KernelState, link: z3.BitVecRef, kind: str) -> list[z3.BoolRef]:
    """A word names a place for an object of a kind."""
    return [is_link(link), is_place(state, number_of(link), kind)]


def names_at_most(state: KernelState, link: z3.BitVecRef, kind: str) -> z3.BoolRef:
    """A word names nothing, or a place for an object of a kind."""
    return z3.And(is_link(link), z3.Or(link == 0, is_place(state, number_of(link), kind)))


def link_is_sound(
    state: KernelState, owner: str, field: str, number: z3.BitVecRef
) -> list[z3.BoolRef]:
    """A link field of any place for an object names nothing, or a place of the right kind."""
    if field in invariants.LINKS.get(owner, {}):
        return [invariants.link_is_sound(state, owner, field, number)]
    link, kind = state.field(number, f"{owner}.{field}"), kind_of_link(owner, field)
    if field in MARKED.get(owner, {}):
        link = link_of(number_of(link))
    right = names_at_most(state, link, kind)
    if (owner, field) == ("Thread", "CONTEXT"):
        right = z3.Implies(waits_for(state, number, *HOLDING), right)
    return [right if owner == "Core" else z3.Implies(is_place(state, number, owner), right)]


def waits_for(state: KernelState, thread: z3.BitVecRef, *reasons: str) -> z3.BoolRef:
    """Whether a thread waits for one of some reasons."""
    constants = state.layout.constants
    reason = state.field(thread, "Thread.WAIT") & constants["wait.REASON"]
    return disjunction(reason == constants[f"wait.{name}"] for name in reasons)


def element_is_sound(state: KernelState, field: str, index: z3.BitVecRef) -> list[z3.BoolRef]:
    """Every element of an array of links of a core names nothing, or a place of the right kind."""
    at, length = z3.ZeroExt(64 - index.size(), index), LENGTHS[field]
    link = state.element(CORE, f"Core.{field}", at, length)
    return [z3.Implies(z3.ULT(at, length), names_at_most(state, link, ARRAYS[field]))]


def mark_is_sound(state: KernelState, number: z3.BitVecRef) -> list[z3.BoolRef]:
    """What is in a wheel knows its slot."""
    mark = state.field(number, "Timed.SLOT") - 1
    slot, band = mark & 255, z3.LShR(mark, 8)
    right = z3.Or(mark == -1, z3.And(z3.ULT(slot, SLOTS), z3.ULT(band, 8)))
    return [z3.Implies(is_timed(state, number), right)]


def base_is_sound(state: KernelState, band: z3.BitVecRef) -> list[z3.BoolRef]:
    """No wheel is at its last granule."""
    base = state.element(CORE, "Core.WHEEL_BASE", z3.ZeroExt(61, band), 8)
    return [z3.ULT(base, LAST_GRANULE)]


def caller_has_time(state: KernelState) -> list[z3.BoolRef]:
    """Who makes a call uses a context. Only tested."""
    current, context = (state.field(CORE, f"Core.{field}") for field in ("CURRENT", "CONTEXT"))
    return [z3.Implies(current != 0, context != 0)]


def head_is_sound(state: KernelState, priority: z3.BitVecRef) -> list[z3.BoolRef]:
    """A queue that has a first context has a last one, and a thread would run on the first. Only tested."""
    at = z3.ZeroExt(56, priority)
    first, last = (state.element(CORE, f"Core.QUEUE_{end}", at, 256) for end in ("HEAD", "TAIL"))
    runs = state.field(number_of(first), "SchedulingContext.RUNNING") != 0
    return [z3.Implies(first != 0, z3.And(last != 0, runs))]


def ready_is_true(state: KernelState, priority: z3.BitVecRef) -> list[z3.BoolRef]:
    """Where contexts are said to be queued, one is the first. Only tested."""
    at = z3.ZeroExt(56, priority)
    number = number_of(state.element(CORE, "Core.QUEUE_HEAD", at, 256))
    word = z3.BitVecVal(0, 64)
    for place in range(4):
        is_it = z3.Extract(7, 6, priority) == place
        bits = state.memory.field(CORE, state.layout.word("Core.READY") + place)
        word = z3.If(is_it, bits, word)
    is_ready = z3.LShR(word, at & 63) & 1 == 1
    return [z3.Implies(is_ready, number != 0)]


def sender_is_sound(
    state: KernelState, endpoint: z3.BitVecRef, band: z3.BitVecRef
) -> list[z3.BoolRef]:
    """The first sender of each band of an endpoint is a thread, if there is one."""
    link = state.element(endpoint, "Endpoint.BAND_HEAD", z3.ZeroExt(61, band), 8)
    right = names_at_most(state, link, "Thread")
    return [z3.Implies(is_place(state, endpoint, "Endpoint"), right)]


def _names_context(state: KernelState, thread: z3.BitVecRef) -> z3.BoolRef:
    """A thread names a context, or none."""
    return names_at_most(state, state.field(thread, "Thread.CONTEXT"), "SchedulingContext")


def is_current(state: KernelState, thread: z3.BitVecRef) -> z3.BoolRef:
    """Whether a thread runs."""
    return state.field(CORE, "Core.CURRENT") == link_of(thread)


def holder_is_sound(state: KernelState, thread: z3.BitVecRef) -> list[z3.BoolRef]:
    """A thread that is stopped, or was saved, or is ready, holds the context that it names, if any.

    Only tested.
    """
    is_live = state.field(thread, "Thread.STATE") == state.layout.constants["state.LIVE"]
    waits = state.field(thread, "Thread.WAIT") != 0
    is_ready = z3.And(z3.Not(waits), z3.Not(is_current(state, thread)))
    holds = z3.Or(z3.Not(is_live), waits_for(state, thread, "SAVED", "SAVED_FAULT"), is_ready)
    right = _names_context(state, thread)
    return [z3.Implies(z3.And(state.is_object(thread, "Thread"), holds), right)]


def server_is_sound(state: KernelState, thread: z3.BitVecRef) -> list[z3.BoolRef]:
    """Who serves a caller, and neither waits for a reply nor runs, does not receive, and holds the
    context that it names, if any. Only tested.
    """
    serves = number_of(state.field(thread, "Thread.CALLER")) != 0
    is_apart = z3.Not(z3.Or(waits_for(state, thread, *REPLIES), is_current(state, thread)))
    right = z3.And(z3.Not(waits_for(state, thread, "RECEIVE")), _names_context(state, thread))
    is_end = z3.And(state.is_object(thread, "Thread"), serves, is_apart)
    return [z3.Implies(is_end, right)]


def caller_is_served(state: KernelState, thread: z3.BitVecRef) -> list[z3.BoolRef]:
    """Who waits for a reply is the caller whom the server serves. Only tested."""
    server = number_of(state.field(thread, "Thread.WAIT"))
    caller = number_of(state.field(server, "Thread.CALLER"))
    waits = z3.And(state.is_object(thread, "Thread"), waits_for(state, thread, *REPLIES))
    return [z3.Implies(waits, z3.And(caller == thread, caller != 0))]


def waiter_waits(state: KernelState, notification: z3.BitVecRef) -> list[z3.BoolRef]:
    """Who is noted to wait for signals does. Only tested."""
    waiter = state.field(notification, "Notification.WAITER")
    right = waits_for(state, number_of(waiter), "NOTIFICATION")
    is_noted = z3.And(is_place(state, notification, "Notification"), waiter != 0)
    return [z3.Implies(is_noted, right)]


def sender_waits(
    state: KernelState, endpoint: z3.BitVecRef, band: z3.BitVecRef
) -> list[z3.BoolRef]:
    """The first sender of each band of an endpoint waits to send. Only tested."""
    link = state.element(endpoint, "Endpoint.BAND_HEAD", z3.ZeroExt(61, band), 8)
    is_first = z3.And(is_place(state, endpoint, "Endpoint"), link != 0)
    return [z3.Implies(is_first, waits_for(state, number_of(link), "SEND"))]


def gate_of_caller_is_sound(state: KernelState, thread: z3.BitVecRef) -> list[z3.BoolRef]:
    """What a thread sent through is where a gate was."""
    gate = z3.Extract(45, 6, state.field(thread, "Thread.SENT_THROUGH"))
    right = z3.And(state.is_described(frame_of(gate)), state.is_aligned(gate, "Gate"))
    return [z3.Implies(state.is_object(thread, "Thread"), z3.Or(gate == 0, right))]


# What a thread that waits names, by its reason.
WAITS = {
    "REPLY": "Thread",
    "SLOW_REPLY": "Thread",
    "SEND": "Endpoint",
    "RECEIVE": "Endpoint",
    "NOTIFICATION": "Notification",
    "SAVED": "Reply",
    "SAVED_FAULT": "Reply",
}


def wait_is_sound(state: KernelState, thread: z3.BitVecRef) -> list[z3.BoolRef]:
    """What a thread waits for is there."""
    waits, constants = state.field(thread, "Thread.WAIT"), state.layout.constants
    reason, number = waits & constants["wait.REASON"], number_of(waits)
    rules = [
        z3.Implies(reason == constants[f"wait.{name}"], is_place(state, number, kind))
        for name, kind in WAITS.items()
    ]
    reasons = (constants[f"wait.{name}"] for name in (*WAITS, "SLEEP"))
    rules.append(disjunction([waits == 0, *(reason == known for known in reasons)]))
    return [z3.Implies(state.is_object(thread, "Thread"), rule) for rule in rules]


def sender_has_gate(state: KernelState, thread: z3.BitVecRef) -> list[z3.BoolRef]:
    """Who waits to send does so through a gate. Only tested."""
    constants = state.layout.constants
    reason = state.field(thread, "Thread.WAIT") & constants["wait.REASON"]
    sends = z3.And(state.is_object(thread, "Thread"), reason == constants["wait.SEND"])
    return [z3.Implies(sends, state.field(thread, "Thread.GATE") != 0)]


def saved_has_server(state: KernelState, thread: z3.BitVecRef) -> list[z3.BoolRef]:
    """The reply object that holds a caller is some server's. Only tested."""
    constants = state.layout.constants
    waits = state.field(thread, "Thread.WAIT")
    reasons = [constants[f"wait.{name}"] for name in ("SAVED", "SAVED_FAULT")]
    is_saved = z3.Or(*(waits & constants["wait.REASON"] == reason for reason in reasons))
    has_server = state.field(number_of(waits), "Reply.SERVER") != 0
    return [z3.Implies(z3.And(state.is_object(thread, "Thread"), is_saved), has_server)]


def helper_has_context(state: KernelState) -> list[z3.BoolRef]:
    """Who is helped uses a context. Only tested."""
    helper, context = (state.field(CORE, f"Core.{field}") for field in ("HELPER", "CONTEXT"))
    return [z3.Implies(helper != 0, context != 0)]


def rules(state: KernelState) -> list[Rule]:
    """Every invariant that functions told as walks keep."""
    usual = [rule for rule in invariants.rules(state) if rule.name != "the current thread"]
    return [*usual, *KEPT]


def _links(owner: str) -> Callable[[KernelState], list[z3.BoolRef]]:
    number = CORE if owner == "Core" else ANY_OBJECT
    return lambda s: [
        conjunction(rule for field in LINKS[owner] for rule in link_is_sound(s, owner, field, number))
    ]


def _array(field: str) -> Callable[[KernelState], list[z3.BoolRef]]:
    bits = (LENGTHS[field] - 1).bit_length()
    index = z3.BitVec(f"any_place_{bits}", bits)
    return lambda s: element_is_sound(s, field, index)


KEPT = (
    *(Rule(f"queue links of {owner}", _links(owner)) for owner in LINKS),
    Rule("callers", lambda s: link_is_sound(s, "Thread", "CALLER", ANY_OBJECT)),
    Rule("gates of callers", lambda s: gate_of_caller_is_sound(s, ANY_OBJECT)),
    Rule("what is waited for", lambda s: wait_is_sound(s, ANY_OBJECT)),
    Rule("senders", lambda s: sender_is_sound(s, ANY_OBJECT, z3.BitVec("any_place_3", 3))),
    *(Rule(f"elements of {field}", _array(field)) for field in ARRAYS),
    Rule("marks of timers", lambda s: mark_is_sound(s, ANY_OBJECT)),
    Rule("bases of wheels", lambda s: base_is_sound(s, z3.BitVec("any_place_3", 3))),
)

# Where a rule of any element of an array looks: the index has as many bits as the array needs.
ANY_PRIORITY = z3.BitVec("any_place_8", 8)

# What is assumed of queues and not shown to be kept.
TESTED = (
    Rule("queues that are ready", lambda s: ready_is_true(s, ANY_PRIORITY)),
    Rule("gates of senders", lambda s: sender_has_gate(s, ANY_OBJECT)),
    Rule("servers of the saved", lambda s: saved_has_server(s, ANY_OBJECT)),
    Rule("first of queues", lambda s: head_is_sound(s, ANY_PRIORITY)),
    Rule("who holds a context", lambda s: holder_is_sound(s, ANY_OBJECT)),
    Rule("who serves", lambda s: server_is_sound(s, ANY_OBJECT)),
    Rule("who is served", lambda s: caller_is_served(s, ANY_OBJECT)),
    Rule("who waits for signals", lambda s: waiter_waits(s, ANY_OBJECT)),
    Rule("first senders", lambda s: sender_waits(s, ANY_OBJECT, z3.BitVec("any_place_3", 3))),
    Rule("who runs", lambda s: [*caller_has_time(s), *helper_has_context(s)]),
)

# How the rules are evaluated in a state: once, for each object of some kinds (and each of so many
# places), for each place of an array.
SINGLE = ("queue links of Core", "who runs")
OF_OBJECTS = {
    **{f"queue links of {owner}": ((owner,), 1) for owner in LINKS if owner not in ("Core", "Timed")},
    "queue links of Timed": (("Thread", "SchedulingContext"), 1),
    "marks of timers": (("Thread", "SchedulingContext"), 1),
    "callers": (("Thread",), 1),
    "gates of senders": (("Thread",), 1),
    "servers of the saved": (("Thread",), 1),
    "what is waited for": (("Thread",), 1),
    "gates of callers": (("Thread",), 1),
    "senders": (("Endpoint",), 8),
    "who holds a context": (("Thread",), 1),
    "who serves": (("Thread",), 1),
    "who is served": (("Thread",), 1),
    "who waits for signals": (("Notification",), 1),
    "first senders": (("Endpoint",), 8),
}
OF_PLACES = {
    **{f"elements of {field}": LENGTHS[field] for field in ARRAYS},
    "bases of wheels": LENGTHS["WHEEL_BASE"],
    "queues that are ready": LENGTHS["QUEUE_HEAD"],
    "first of queues": LENGTHS["QUEUE_HEAD"],
}


def place_of(length: int) -> str:
    """The symbol of any place of an array."""
    return f"any_place_{(length - 1).bit_length()}"
