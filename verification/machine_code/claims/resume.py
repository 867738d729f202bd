"""Threads that go on, and who runs then."""

from __future__ import annotations

import z3

from .. import queues
from ..kernel_state import KernelState, frame_of, link_of, number_of
from ..logic import conjunction
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..walk import Answers, Walk
from . import run_queue, wheel
from .run_queue import (
    CONTEXT,
    ENQUEUE_LAST,
    MAKE_READY_FIRST,
    STOP_AND_SWITCH,
    SWITCH,
    SWITCH_TO_NEXT,
    first_priority,
    is_nobody_ready,
    mark,
    ready_words,
    settle_ahead,
    switch_to_first,
)
from .steps import chosen, constant
from .wheel import DROP_DEADLINE, MAKE_READY


def attach(it: Walk, thread: Object, context: Object) -> None:
    """A thread holds a context."""
    thread["CONTEXT"] = it.link(context)
    context["RUNNING"] = it.link(thread)


def settle(it: Walk) -> None:
    """Writes down who runs on the current context, if anybody does."""
    context, thread = it.follow(it.core, "CONTEXT"), it.follow(it.core, "CURRENT")
    with it.when(z3.And(context.number != 0, thread.number != 0)):
        attach(it, thread, context)


def block(it: Walk) -> None:
    """The thread that runs waits; another runs."""
    settle(it)
    it.do(SWITCH_TO_NEXT)


def payer_of(it: Walk) -> Object:
    """The context that pays, if one does."""
    helper, context = it.follow(it.core, "HELPER"), it.follow(it.core, "CONTEXT")
    return it.thing(CONTEXT, z3.If(helper.number != 0, it.link(helper), it.link(context)))


def own_idle_context(it: Walk, thread: Object) -> Word:
    """The context that a thread owns, if nobody uses it."""
    own = it.follow(thread, "OWN_CONTEXT")
    link = it.link(own)
    is_elsewhere = z3.And(link != 0, link != it.core["CONTEXT"])
    with it.when(is_elsewhere):
        is_at_rest = own["QUEUED"] | it.thing("Timed", link)["SLOT"] == 0
        with it.when(is_at_rest):
            running = own["RUNNING"]
    is_free = z3.Or(running == 0, running == it.link(thread))
    return z3.If(z3.And(is_elsewhere, is_at_rest, is_free), link, word(0))


def mark_own_time(it: Walk, thread: Object, context: Word) -> None:
    """A thread that serves a caller goes on with a context: its own must not be given away."""
    is_own = context == thread["OWN_CONTEXT"]
    with it.when(is_own):
        serves = thread["CALLER"] != 0
        with it.when(serves):
            thread["SPECIAL"] = thread["SPECIAL"] | constant(it, "special.OWN_TIME")


def wake_helper(it: Walk, link: Word) -> None:
    """The context of a thread that waits to send helps again, if it rests."""
    if it.holds(link == 0):
        return it.finish()
    context = it.follow(it.thing("Thread", link), "CONTEXT")
    if it.holds(z3.Or(context.number == 0, it.core["HELPER"] == it.link(context))):
        return it.finish()
    slot = it.thing("Timed", it.link(context))["SLOT"]
    if it.holds(context["QUEUED"] | slot == 0):
        it.do(ENQUEUE_LAST, context)
    it.finish()


def called_endpoint(it: Walk, server: Object) -> Object | None:
    """The endpoint through which the caller of a server came; none if that cannot be told."""
    it.assume(*queues.link_is_sound(it.before, "Thread", "CALLER", server.number))
    caller = it.thing("Thread", server["CALLER"])
    if it.holds(caller.number == 0):
        return None
    it.assume(*queues.gate_of_caller_is_sound(it.before, caller.number))
    gate = it.object("Gate", z3.Extract(45, 6, caller["SENT_THROUGH"]))
    if it.holds(gate.number == 0):
        return None
    if it.holds(it.frame(frame_of(gate.number)).kind != it.kind("Gate")):
        return None
    endpoint = it.follow(gate, "ENDPOINT")
    return None if it.holds(endpoint.number == 0) else endpoint


def first_sender(it: Walk, endpoint: Object) -> Word:
    """Who is the next to send at an endpoint."""
    waiting = z3.Extract(7, 0, endpoint["WAITING"])
    if it.holds(waiting == 0):
        return word(0)
    band = z3.Extract(2, 0, wheel.highest_bit(z3.ZeroExt(56, waiting)))
    it.assume(*queues.sender_is_sound(it.before, endpoint.number, band))
    it.assume(*queues.sender_waits(it.before, endpoint.number, band))
    return chosen(it, endpoint, "BAND_HEAD", band)


def next_sender(it: Walk, endpoint: Object) -> Word:
    """The same, on one path."""
    waiting = z3.Extract(7, 0, endpoint["WAITING"])
    band = z3.Extract(2, 0, wheel.highest_bit(z3.ZeroExt(56, waiting)))
    it.assume(*queues.sender_is_sound(it.before, endpoint.number, band))
    it.assume(*queues.sender_waits(it.before, endpoint.number, band))
    with it.when(waiting != 0):
        first = chosen(it, endpoint, "BAND_HEAD", band)
    return z3.If(waiting == 0, word(0), first)


def wake_first_helper(it: Walk, link: Word) -> None:
    """Who waits next for a server helps again; answers whom the server serves."""
    server = it.thing("Thread", link)
    endpoint = called_endpoint(it, server)
    if endpoint is not None:
        it.do(WAKE_HELPER, first_sender(it, endpoint))
    it.answer(link_of(number_of(server["CALLER"])))


def _answers_caller(
    before: KernelState, _after: KernelState, answers: Answers, server: Word
) -> list[z3.BoolRef]:
    caller = before.field(number_of(server), "Thread.CALLER")
    return [answers[0] == link_of(number_of(caller))]


def _remember_woken(it: Walk, caller: Object) -> None:
    """The way out goes on with whom a caller serves."""
    with it.when(caller.number != 0):
        is_served = caller["CALLER"] != 0
    with it.when(z3.And(caller.number != 0, is_served)):
        count = it.core["WOKEN_COUNT"]
        with it.when(z3.UGE(count, queues.LENGTHS["WOKEN"])):
            it.core["UNHELPED"] = it.core["UNHELPED"] + 1
        with it.when(z3.ULT(count, queues.LENGTHS["WOKEN"])):
            it.element("WOKEN", z3.Extract(2, 0, count)).write(it.link(caller))
            it.core["WOKEN_COUNT"] = count + 1
            mark(it, "TIME")


def resume_on(it: Walk, link: Word, context: Word) -> None:
    """A thread that waits no more runs when its turn comes, on a context or on its own."""
    thread = it.thing("Thread", link)
    thread["WAIT"] = 0
    if it.holds(thread["SPECIAL"] & constant(it, "special.DEADLINE") != 0):
        it.do(DROP_DEADLINE, thread)
    if it.holds(context == 0):
        context = own_idle_context(it, thread)
        if it.holds(context == 0):
            thread["CONTEXT"] = 0
            return it.finish()
    thread["CONTEXT"] = context
    it.thing(CONTEXT, context)["RUNNING"] = link
    if it.holds(thread["CALLER"] != 0):
        mark_own_time(it, thread, context)
        it.assume(*queues.link_is_sound(it.before, "Thread", "CALLER", thread.number))
        caller = it.do(WAKE_FIRST_HELPER, thread)
        _remember_woken(it, it.thing("Thread", caller))
    can_run = thread["STATE"] == it.layout.constants["state.LIVE"]
    if it.holds(z3.And(thread["WAIT"] == 0, can_run)):
        it.do(MAKE_READY, context)
    it.finish()


def preempt(it: Walk) -> None:
    """A queued context runs if it is more important than the one that pays."""
    settle_ahead(it)
    if it.holds(is_nobody_ready(it)):
        return it.finish()
    payer = payer_of(it)
    if it.holds(payer.number == 0):
        it.do(SWITCH_TO_NEXT)
        return it.finish()
    first, priority = first_priority(ready_words(it)), payer["PRIORITY"]
    wide = z3.ZeroExt(56, first)
    if it.holds(z3.UGT(wide, priority)):
        it.assume(*queues.helper_has_context(it.before))
        settle(it)
        current = it.follow(it.core, "CONTEXT")
        if it.holds(it.core["HELPER"] == 0):
            it.do(MAKE_READY_FIRST, current)
            return switch_to_first(it, first, it.finish)
        it.do(MAKE_READY, current)
        it.do(STOP_AND_SWITCH)
        return it.finish()
    with it.when(conjunction([wide == priority, it.core["SLICE"] == 0])):
        mark(it, "TIME")
    it.finish()


def make_live(it: Walk, link: Word) -> None:
    """A stopped thread goes on, with the context that it holds, or its own."""
    target = it.thing("Thread", link)
    it.assume(*queues.holder_is_sound(it.before, target.number))
    context = it.link(it.follow(target, "CONTEXT"))
    if it.holds(context == 0):
        context = own_idle_context(it, target)
    target["STATE"] = it.layout.constants["state.LIVE"]
    it.do(RESUME_ON, target, context)
    it.do(PREEMPT)
    it.finish()


def _of_thread(state: KernelState, thread: Word) -> list[z3.BoolRef]:
    return queues.names(state, thread, "Thread")


def _of_stopped(state: KernelState, thread: Word) -> list[z3.BoolRef]:
    is_stopped = state.layout.constants["state.STOPPED"]
    return [
        *_of_thread(state, thread),
        state.field(number_of(thread), "Thread.STATE") == is_stopped,
    ]


def _of_sender(state: KernelState, sender: Word) -> list[z3.BoolRef]:
    waits = queues.waits_for(state, number_of(sender), "SEND")
    return [queues.names_at_most(state, sender, "Thread"), z3.Implies(sender != 0, waits)]


def _of_both(state: KernelState, thread: Word, context: Word) -> list[z3.BoolRef]:
    return [*_of_thread(state, thread), queues.names_at_most(state, context, CONTEXT)]


_RESUME = (
    MAKE_READY.changes
    | DROP_DEADLINE.changes
    | {f"Thread.{field}" for field in ("WAIT", "CONTEXT")}
    | {f"Core.{field}" for field in ("WOKEN", "WOKEN_COUNT", "UNHELPED")}
    | {f"{CONTEXT}.RUNNING"}
)
# What `settle` writes.
SETTLED = frozenset({"Thread.CONTEXT", f"{CONTEXT}.RUNNING"})
_PREEMPT = SWITCH | MAKE_READY.changes | SETTLED

WAKE_HELPER = Procedure("wake_helper", wake_helper, 1, run_queue.PLACE, _of_sender)
WAKE_FIRST_HELPER = Procedure(
    "wake_first_helper", wake_first_helper, 1, run_queue.PLACE, _of_thread, _answers_caller
)
RESUME_ON = Procedure("resume_on", resume_on, 2, _RESUME, _of_both)
PREEMPT = Procedure("preempt", preempt, 0, _PREEMPT)
MAKE_LIVE = Procedure(
    "make_live", make_live, 1, _RESUME | _PREEMPT | {"Thread.STATE"}, _of_stopped
)

PROCEDURES = (WAKE_HELPER, WAKE_FIRST_HELPER, RESUME_ON, PREEMPT, MAKE_LIVE)
