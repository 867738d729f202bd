"""What the proofs assume of run queues, timing wheels and who runs, and show to be kept.

As in `invariants`, each rule speaks of one object and of those it names. *Kept* rules are shown after
each function that is told as a walk. Rules that are *only tested* are assumed where a function looks, and
evaluated in states that the kernel reaches (`reachable`); that queues are lists is not among what the
proofs know of them.
"""

from __future__ import annotations

import z3

from . import invariants
from .kernel_state import CORE, NULL_ENDPOINT, KernelState, frame_of, is_link, link_of, number_of
from .logic import conjunction, disjunction
from .memory import FRAME_BITS

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

# Arrays of a core, or of the objects that have them: how long they are, in words.
LENGTHS = {
    "WOKEN": 8,
    "READY": 4,
    "QUEUE_HEAD": 256,
    "QUEUE_TAIL": 256,
    "WHEEL": 1216,
    "WHEEL_MAP": 24,
    "WHEEL_BASE": 8,
    "WHEEL_OPEN": 8,
    "REFILLS": 16,
    "EFFECTS": 64,
    "CHUNK": 64,
}
# Those of links, and to what.
ARRAYS = {
    "QUEUE_HEAD": "SchedulingContext",
    "QUEUE_TAIL": "SchedulingContext",
    "WHEEL": "Timed",
}
# How many cores an endpoint knows.
CORES = 8
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
    return _end_is_sound(state, endpoint, "Endpoint.BAND_HEAD", band)


def last_sender_is_sound(
    state: KernelState, endpoint: z3.BitVecRef, band: z3.BitVecRef
) -> list[z3.BoolRef]:
    """The last sender of each band of an endpoint is a thread, if there is one."""
    return _end_is_sound(state, endpoint, "Endpoint.BAND_TAIL", band)


def _end_is_sound(
    state: KernelState, endpoint: z3.BitVecRef, field: str, band: z3.BitVecRef
) -> list[z3.BoolRef]:
    link = state.element(endpoint, field, z3.ZeroExt(61, band), 8)
    right = names_at_most(state, link, "Thread")
    return [z3.Implies(is_place(state, endpoint, "Endpoint"), right)]


def receiver_is_sound(
    state: KernelState, endpoint: z3.BitVecRef, core: z3.BitVecRef
) -> list[z3.BoolRef]:
    """The first server that waits at an endpoint on a core is a thread, if there is one."""
    right = names_at_most(state, first_receiver(state, endpoint, core), "Thread")
    return [z3.Implies(is_place(state, endpoint, "Endpoint"), right)]


def first_receiver(
    state: KernelState, endpoint: z3.BitVecRef, core: z3.BitVecRef
) -> z3.BitVecRef:
    """The first server that waits at an endpoint on a core: each has two words of `SERVERS`."""
    at = z3.ZeroExt(60, z3.Concat(core, z3.BitVecVal(0, 1)))
    return state.element(endpoint, "Endpoint.SERVERS", at, 16)


def buffer_is_user(state: KernelState, thread: z3.BitVecRef) -> list[z3.BoolRef]:
    """The message buffer of a thread, if it has one, is a user frame. Only tested."""
    buffer = state.field(thread, "Thread.BUFFER")
    is_user = state.is_frame(z3.Extract(FRAME_BITS - 1, 0, buffer), "User")
    right = z3.And(z3.ULT(buffer, 1 << FRAME_BITS), is_user)
    return [z3.Implies(state.is_object(thread, "Thread"), z3.Or(buffer == 0, right))]


def taken_is_sound(state: KernelState, endpoint: z3.BitVecRef) -> list[z3.BoolRef]:
    """Who took the last call at an endpoint, on each core, is where a thread was."""
    rules = []
    for core in range(CORES):
        link = state.field(endpoint, "Endpoint.TAKEN", 2 * core)
        number = number_of(link)
        place = z3.And(state.is_described(frame_of(number)), state.is_aligned(number, "Thread"))
        rules.append(z3.Or(link == 0, z3.And(is_link(link), place)))
    return [z3.Implies(is_place(state, endpoint, "Endpoint"), conjunction(rules))]


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


def receiver_waits(
    state: KernelState, endpoint: z3.BitVecRef, core: z3.BitVecRef
) -> list[z3.BoolRef]:
    """The first server that waits at a living endpoint receives there. Only tested."""
    link = first_receiver(state, endpoint, core)
    waits = state.field(number_of(link), "Thread.WAIT")
    receives = waits == state.layout.constants["wait.RECEIVE"] | link_of(endpoint)
    is_live = state.field(endpoint, "Endpoint.ID") != 0
    is_first = z3.And(is_place(state, endpoint, "Endpoint"), is_live, link != 0)
    return [z3.Implies(is_first, receives)]


def is_own_link(state: KernelState, thread: z3.BitVecRef) -> z3.BoolRef:
    """A thread bears its own link."""
    return number_of(state.field(thread, "Thread.LINK")) == thread


def is_itself(state: KernelState, thread: z3.BitVecRef) -> z3.BoolRef:
    """A thread was not destroyed, and bears its own link."""
    return z3.And(state.is_live(thread, "Thread"), is_own_link(state, thread))


def busy_is_itself(state: KernelState, thread: z3.BitVecRef) -> list[z3.BoolRef]:
    """Who waits or runs was not destroyed, and bears its own link. Only tested."""
    is_busy = z3.Or(state.field(thread, "Thread.WAIT") != 0, is_current(state, thread))
    is_busy = z3.And(state.is_object(thread, "Thread"), is_busy)
    return [z3.Implies(is_busy, is_itself(state, thread))]


def signalled_is_bound(state: KernelState, thread: z3.BitVecRef) -> list[z3.BoolRef]:
    """Who is marked to have signals is bound to a notification. Only tested."""
    special = state.field(thread, "Thread.SPECIAL")
    is_marked = special & state.layout.constants["special.SIGNALLED"] != 0
    is_marked = z3.And(state.is_object(thread, "Thread"), is_marked)
    return [z3.Implies(is_marked, state.field(thread, "Thread.BOUND") != 0)]


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


def runner_waits_for_nothing(state: KernelState) -> list[z3.BoolRef]:
    """Who runs waits for nothing, and who uses a context runs. Only tested."""
    current, context = (state.field(CORE, f"Core.{field}") for field in ("CURRENT", "CONTEXT"))
    waits = state.field(number_of(current), "Thread.WAIT")
    return [z3.Implies(current != 0, waits == 0), z3.Implies(context != 0, current != 0)]


def held_is_saved(state: KernelState, reply: z3.BitVecRef) -> list[z3.BoolRef]:
    """Whom a reply object holds is saved, for a server. Only tested."""
    caller, server = (state.field(reply, f"Reply.{field}") for field in ("CALLER", "SERVER"))
    is_saved = waits_for(state, number_of(caller), "SAVED", "SAVED_FAULT")
    holds = z3.And(is_place(state, reply, "Reply"), caller != 0)
    return [z3.Implies(holds, z3.And(server != 0, is_saved))]


def names_dying(state: KernelState, dying: z3.BitVecRef) -> z3.BoolRef:
    """A word that names a dying object: a kind, and a place for one of that kind, or a frame."""
    kind, number = z3.Extract(63, 56, dying), number_of(dying)
    known = []
    for name, value in state.layout.kinds.items():
        is_frame = name in invariants.FRAME_KIND_OF
        place = state.is_described(frame_of(number)) if is_frame else state.is_object(number, name)
        known.append(z3.And(kind == value, place))
    return disjunction(known)


def drain_is_sound(state: KernelState) -> list[z3.BoolRef]:
    """What is the last to be taken apart is there, if something is."""
    last = state.field(CORE, "Core.DRAIN_TAIL")
    return [z3.Or(last == 0, names_dying(state, last))]
