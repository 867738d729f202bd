"""Signals, and who waits for them."""

from __future__ import annotations

import z3

from .. import invariants, queues
from ..kernel_state import KernelState, frame_of, number_of
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..walk import Walk
from .resume import PREEMPT, RESUME_ON, own_idle_context
from .steps import MESSAGE_WORDS, TAG, core_index, put_chosen, reason_of, tell


def deliver_signal(it: Walk, link: Word, bits: Word) -> None:
    """A thread gets signal bits."""
    receiver = it.thing("Thread", link)
    receiver.put("X", 0, bits)
    for register in range(1, MESSAGE_WORDS):
        receiver.put("X", register, 0)
    tell(it, receiver, it.layout.constants["tag.SIGNAL"])
    it.finish()


def _set_servers(it: Walk, endpoint: Object, is_dead: z3.BoolRef, core: Word, link: Word) -> None:
    """Writes the first server that waits on a core; those of a dying endpoint are apart."""
    with it.when(z3.Not(is_dead)):
        put_chosen(it, endpoint, "SERVERS", core, link, 2)
    with it.when(is_dead):
        put_chosen(it, endpoint, "DYING_SERVERS", core, link)


def remove_server(it: Walk, link: Word) -> None:
    """A thread that receives is taken out of the list of its endpoint."""
    server = it.thing("Thread", link)
    it.assume(*queues.wait_is_sound(it.before, server.number))
    endpoint = it.thing("Endpoint", server["WAIT"])
    core, is_dead = core_index(it), endpoint["ID"] == 0
    following, previous = it.follow(server, "NEXT"), it.follow(server, "PREV")
    if it.holds(previous.number == 0):
        _set_servers(it, endpoint, is_dead, core, it.link(following))
    else:
        previous["NEXT"] = it.link(following)
    with it.when(following.number != 0):
        following["PREV"] = it.link(previous)
    for field in ("NEXT", "PREV", "WAIT"):
        server[field] = 0
    it.finish()


def _go_on(it: Walk, thread: Object, context: Word) -> None:
    """A thread goes on with a context; whoever is most important runs."""
    it.do(RESUME_ON, thread, context)
    it.do(PREEMPT)
    it.done()


def raise_(it: Walk, link: Word, more: Word) -> None:
    """Bits are set in a notification, and who waits for it is woken."""
    notification = it.thing("Notification", link)
    bits = notification["BITS"] | more
    if it.holds(bits == 0):
        return it.done()
    waiter = it.follow(notification, "WAITER")
    it.assume(*queues.waiter_waits(it.before, notification.number))
    if it.holds(waiter.number != 0):
        notification["WAITER"] = 0
        notification["BITS"] = 0
        if it.holds(waiter["PSTATE"] == it.layout.constants["LIGHT"]):
            waiter.put("X", 0, bits)
            waiter.put("X", TAG, it.layout.constants["tag.SIGNAL"])
        else:
            it.do(DELIVER_SIGNAL, waiter, bits)
        return _go_on(it, waiter, it.link(it.follow(waiter, "CONTEXT")))
    bound = it.follow(notification, "BOUND")
    if it.holds(bound.number != 0):
        receives = reason_of(it, bound["WAIT"]) == it.layout.constants["wait.RECEIVE"]
        if it.holds(receives):
            notification["BITS"] = 0
            it.do(REMOVE_SERVER, bound)
            it.do(DELIVER_SIGNAL, bound, bits)
            return _go_on(it, bound, own_idle_context(it, bound))
        bound["SPECIAL"] = bound["SPECIAL"] | it.layout.constants["special.SIGNALLED"]
    notification["BITS"] = bits
    it.done()


def thread_bind(it: Walk, handle: Word, other: Word) -> None:
    """Signals of a notification come to a thread when it receives."""
    target = it.find(handle, "Thread", "WRITE")
    bound = it.find(other, "Notification", "RECEIVE")
    it.refuse("InUse", target["BOUND"] != 0)
    it.refuse("InUse", bound["BOUND"] != 0)
    it.refuse("NoTime", target["OWN_CONTEXT"] == 0)
    target["BOUND"] = it.link(bound)
    bound["BOUND"] = it.link(target)
    if it.holds(bound["BITS"] != 0):
        it.do(RAISE, bound, word(0))
    it.done()


def signal_elsewhere(it: Walk, handle: Word) -> None:
    """The bits of a gate are set in its notification, in any case."""
    gate = it.find(handle, "Gate", "SIGNAL")
    target = it.follow(gate, "NOTIFICATION")
    it.refuse("Died", target.number == 0)
    it.refuse("Died", target["ID"] == 0)
    it.do(RAISE, target, gate["BADGE"])
    it.done()


def _switch_at_once(it: Walk, running: Object, waiter: Object) -> z3.BoolRef:
    """Whether who waits goes on at once in place of who runs; nothing is changed."""
    it.assume(*queues.caller_has_time(it.before))
    context, current = it.follow(waiter, "CONTEXT"), it.follow(it.core, "CONTEXT")
    has_context = context.number != 0
    with it.when(has_context):
        priority, budget = context["PRIORITY"], context["BUDGET"]
    less = current["PRIORITY"]
    others = it.core["HELPER"] | it.core["AHEAD"]
    unusual = budget | waiter["SPECIAL"] | waiter["CALLER"]
    is_higher = z3.And(z3.UGT(priority, less), z3.UGE(less, it.core["CALM"]))
    return z3.And(has_context, others == 0, unusual == 0, is_higher)


def signal(
    it: Walk, handle: Word, _1: Word, _2: Word, _3: Word, _4: Word, _5: Word, caller: Word
) -> None:
    """The bits of a gate are set in its notification; who waits for it may run at once."""
    running = it.current()
    it.assume(caller == it.link(running))
    gate = nearby(it, running, handle, "Gate", "SIGNAL")
    target = None if gate is None else _live_target(it, gate)
    if target is None:
        code, value = it.do_pair(SIGNAL_ELSEWHERE, handle)
        return it.end("elsewhere", z3.BoolVal(True), {"x0": code, "x1": value})
    bits = gate["BADGE"]
    waiter = it.follow(target, "WAITER")
    it.assume(*queues.waiter_waits(it.before, target.number))
    if it.holds(waiter.number == 0):
        if it.holds(target["BOUND"] == 0):
            target["BITS"] = target["BITS"] | bits
            return it.done()
        it.do(RAISE, target, bits)
        return it.done()
    every = target["BITS"] | bits
    is_light = waiter["PSTATE"] & it.layout.constants["LIGHT"] != 0
    if not it.holds(z3.And(is_light, every != 0, _switch_at_once(it, running, waiter))):
        it.do(RAISE, target, bits)
        return it.done()
    context, current = it.follow(waiter, "CONTEXT"), it.follow(it.core, "CONTEXT")
    waiter["WAIT"] = 0
    running["CONTEXT"] = it.link(current)
    current["RUNNING"] = it.link(running)
    it.core["AHEAD"] = it.link(current)
    current["QUEUED"] = 1
    it.core["CONTEXT"] = it.link(context)
    it.core["CURRENT"] = it.link(waiter)
    target["WAITER"] = 0
    target["BITS"] = 0
    waiter.put("X", 0, every)
    waiter.put("X", TAG, it.layout.constants["tag.SIGNAL"])
    it.done()


def _live_target(it: Walk, gate: Object) -> Object | None:
    """The notification of a gate, if it has one that does not die."""
    target = it.follow(gate, "NOTIFICATION")
    with it.when(target.number != 0):
        is_dead = target["ID"] == 0
    return None if it.holds(z3.Or(target.number == 0, is_dead)) else target


def nearby(it: Walk, thread: Object, handle: Word, kind: str, right: str) -> Object | None:
    """The live object with a right in the first slots of a thread's table, if it is there."""
    it.assume(*invariants.thread_is_sound(it.before, thread.number))
    if it.holds(handle & ~thread["MASK"] != 0):
        return None
    slot = it.slot(number_of(thread["SLOTS"]), z3.Extract(7, 0, handle), z3.BoolVal(True))
    rights, wanted = it.rights(right), it.kind(kind)
    if it.holds(z3.Or(slot.kind() != wanted, slot.rights() & rights != rights)):
        return None
    slot = it.seen(slot, right)
    if it.holds(it.frame(frame_of(slot.number())).kind != wanted):
        return None
    found = it.object(kind, slot.number())
    return None if it.holds(found["ID"] != slot.id) else found


def of_thread(state: KernelState, thread: Word, *_rest: Word) -> list[z3.BoolRef]:
    return queues.names(state, thread, "Thread")


def _receives(state: KernelState, thread: Word) -> list[z3.BoolRef]:
    names = state.layout.constants
    waits = state.field(number_of(thread), "Thread.WAIT")
    return [*of_thread(state, thread), waits & names["wait.REASON"] == names["wait.RECEIVE"]]


def _of_notification(state: KernelState, target: Word, _bits: Word) -> list[z3.BoolRef]:
    return queues.names(state, target, "Notification")


_DELIVER = frozenset({"Thread.X", "Thread.PSTATE"})
_REMOVE = frozenset(
    {
        *(f"Thread.{field}" for field in ("NEXT", "PREV", "WAIT")),
        *(f"Endpoint.{field}" for field in ("SERVERS", "DYING_SERVERS")),
    }
)
_RAISE = (
    _DELIVER
    | _REMOVE
    | RESUME_ON.changes
    | PREEMPT.changes
    | {"Notification.WAITER", "Notification.BITS", "Thread.SPECIAL"}
)

DELIVER_SIGNAL = Procedure("deliver_signal", deliver_signal, 2, _DELIVER, of_thread)
REMOVE_SERVER = Procedure("remove_server", remove_server, 1, _REMOVE, _receives)
RAISE = Procedure("raise", raise_, 2, _RAISE, _of_notification, is_done=True)
SIGNAL_ELSEWHERE = Procedure("signal_elsewhere", signal_elsewhere, 1, _RAISE, is_call=True)

PROCEDURES = (DELIVER_SIGNAL, REMOVE_SERVER, RAISE, SIGNAL_ELSEWHERE)
CALLS = (thread_bind, signal)
