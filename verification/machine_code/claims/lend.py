"""Lending time: contexts that go to servers with calls, and come back."""

from __future__ import annotations

import z3

from .. import queues
from ..kernel_state import KernelState, number_of
from ..procedure import Procedure
from ..telling import Word, word
from ..walk import Answers, Walk
from .notify import of_thread
from .resume import PREEMPT, RESUME_ON, attach, mark_own_time
from .run_queue import CONTEXT, STOP_HELPING, SWITCH, SWITCH_TO_NEXT, use_context

# How many links of a chain of calls are followed.
CHAIN_LIMIT = 16


def waits_for_reply(state: KernelState, waits: Word) -> z3.BoolRef:
    names = state.layout.constants
    reason = waits & names["wait.REASON"]
    return z3.Or(reason == names["wait.REPLY"], reason == names["wait.SLOW_REPLY"])


def chain_end(it: Walk, first: Word) -> None:
    """The last thread of a chain of calls, if that is not too long."""
    at = it.thing("Thread", first)
    for _ in range(CHAIN_LIMIT):
        it.assume(*queues.wait_is_sound(it.before, at.number))
        it.assume(*queues.caller_is_served(it.before, at.number))
        waits = at["WAIT"]
        if it.holds(z3.Not(waits_for_reply(it.now, waits))):
            return it.answer(1, it.link(at))
        at = it.thing("Thread", waits)
    it.answer(0)


def _ends_at_thread(
    before: KernelState, _after: KernelState, answers: Answers, first: Word
) -> list[z3.BoolRef]:
    """If there is an end, it is a thread, waits for no reply, and is the first or serves somebody."""
    code, end = answers
    serves = number_of(before.field(number_of(end), "Thread.CALLER")) != 0
    waits = before.field(number_of(end), "Thread.WAIT")
    is_end = z3.And(*queues.names(before, end, "Thread"), z3.Not(waits_for_reply(before, waits)))
    is_end = z3.And(is_end, z3.Or(end == first, serves))
    return [z3.Implies(code == 1, is_end)]


def release_context(it: Walk, link: Word) -> None:
    """A context goes back to its owner, or to the end of the chain of calls that its owner made."""
    context = it.thing(CONTEXT, link)
    owner = it.follow(context, "OWNER")
    context["RUNNING"] = it.link(owner)
    if it.holds(owner.number == 0):
        return it.finish()
    found, end_link = it.do_pair(CHAIN_END, owner)
    if it.holds(z3.Or(found != 1, end_link == it.core["CURRENT"])):
        return it.finish()
    end = it.thing("Thread", end_link)
    is_live = end["STATE"] == it.layout.constants["state.LIVE"]
    if it.holds(z3.And(end["WAIT"] == 0, end["CONTEXT"] == 0, is_live)):
        it.do(RESUME_ON, end, context)
    it.finish()


def take_lent(it: Walk, link: Word) -> None:
    """Takes from a thread the context that it uses and does not own; answers it, or 0."""
    server = it.thing("Thread", link)
    it.do(STOP_HELPING)
    current = it.core["CONTEXT"]
    if it.holds(current == server["OWN_CONTEXT"]):
        own_time = it.layout.constants["special.OWN_TIME"]
        with it.when(server["SPECIAL"] & own_time != 0):
            server["SPECIAL"] = server["SPECIAL"] & ~word(own_time)
        return it.answer(0)
    it.assume(*queues.link_is_sound(it.before, "Core", "CONTEXT", it.core.number))
    it.core["CONTEXT"] = 0
    it.answer(current)


def _answers_context(
    before: KernelState, _after: KernelState, answers: Answers, *_arguments: Word
) -> list[z3.BoolRef]:
    return [queues.names_at_most(before, answers[0], CONTEXT)]


def continue_on(it: Walk, link: Word, context_link: Word) -> None:
    """The thread that runs goes on with a context, or with its own, or when it gets one."""
    server = it.thing("Thread", link)
    if it.holds(context_link == 0):
        context_link = it.link(it.follow(server, "OWN_CONTEXT"))
        if it.holds(context_link == 0):
            server["CONTEXT"] = 0
            it.do(SWITCH_TO_NEXT)
            return it.finish()
    context = it.thing(CONTEXT, context_link)
    it.do(STOP_HELPING)
    mark_own_time(it, server, context_link)
    used = it.follow(it.core, "CONTEXT")
    if it.holds(it.link(used) != context_link):
        with it.when(used.number != 0):
            used["RUNNING"] = link
        use_context(it, context, link, context["PRIORITY"])
        attach(it, server, context)
    it.do(PREEMPT)
    it.finish()


def thread_set_context(it: Walk, handle: Word, other: Word) -> None:
    """A context becomes a thread's own."""
    target = it.find(handle, "Thread", "WRITE")
    context = it.find(other, CONTEXT, "WRITE")
    is_current = it.core["CONTEXT"] == it.link(context)
    with it.when(is_current):
        running = it.core["CURRENT"]
    with it.when(z3.Not(is_current)):
        user = context["RUNNING"]
    user = z3.If(is_current, running, user)
    it.refuse("InUse", z3.And(user != 0, user != it.link(target)))
    it.refuse("InUse", target["OWN_CONTEXT"] != 0)
    it.refuse("InUse", context["OWNER"] != 0)
    target["OWN_CONTEXT"] = it.link(context)
    context["OWNER"] = it.link(target)
    if it.holds(user == it.link(target)):
        mark_own_time(it, target, it.link(context))
        return it.done()
    it.do(RELEASE_CONTEXT, context)
    it.do(PREEMPT)
    it.done()


def _of_context(state: KernelState, context: Word) -> list[z3.BoolRef]:
    return queues.names(state, context, CONTEXT)


def _of_both(state: KernelState, thread: Word, context: Word) -> list[z3.BoolRef]:
    return [*of_thread(state, thread), queues.names_at_most(state, context, CONTEXT)]


_TAKE = STOP_HELPING.changes | {"Core.CONTEXT", "Thread.SPECIAL"}

CHAIN_END = Procedure("chain_end", chain_end, 1, frozenset(), of_thread, _ends_at_thread)
RELEASE_CONTEXT = Procedure(
    "release_context", release_context, 1, RESUME_ON.changes, _of_context
)
TAKE_LENT = Procedure("take_lent", take_lent, 1, _TAKE, of_thread, _answers_context)
CONTINUE_ON = Procedure(
    "continue_on", continue_on, 2, PREEMPT.changes | SWITCH | _TAKE, _of_both
)

PROCEDURES = (CHAIN_END, RELEASE_CONTEXT, TAKE_LENT, CONTINUE_ON)
CALLS = (thread_set_context,)
