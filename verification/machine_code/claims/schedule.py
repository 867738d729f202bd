"""Calls that give the processor away, or let others have it."""

from __future__ import annotations

import z3

from .. import queues
from ..procedure import Procedure
from ..telling import Object, Word
from ..walk import Walk
from .resume import MAKE_LIVE, attach, payer_of, settle
from .run_queue import CONTEXT, SWITCH, SWITCH_TO_NEXT, mark, priority_of, queued
from .wheel import MAKE_READY, SET_DEADLINE, band_of


def want_slice(it: Walk) -> None:
    """Another context of the running priority waits: a slice begins, unless one runs."""
    with it.when(it.core["SLICE"] == 0):
        mark(it, "TIME")


def rotate_payer(it: Walk) -> None:
    """The context that pays comes behind the others of its priority."""
    payer = payer_of(it)
    if it.holds(payer.number == 0):
        return it.done()
    if it.holds(queued(it, "QUEUE_HEAD", priority_of(payer)) == 0):
        return it.done()
    it.assume(*queues.helper_has_context(it.before))
    settle(it)
    current = it.follow(it.core, "CONTEXT")
    if it.holds(payer.number != current.number):
        it.core["HELPER"] = 0
        it.do(MAKE_READY, current)
    it.do(MAKE_READY, payer)
    it.do(SWITCH_TO_NEXT)
    want_slice(it)
    it.done()


def _take_turns(it: Walk, current: Object, following: Object, priority: Word) -> None:
    """The first of a queue takes the place of the current context, which comes last."""
    head, tail = it.element("QUEUE_HEAD", priority), it.element("QUEUE_TAIL", priority)
    second = it.follow(following, "NEXT")
    if it.holds(second.number == 0):
        head.write(it.link(current))
        current["PREV"] = 0
    else:
        last = it.thing(CONTEXT, queued(it, "QUEUE_TAIL", priority))
        head.write(it.link(second))
        second["PREV"] = 0
        last["NEXT"] = it.link(current)
        current["PREV"] = it.link(last)
    tail.write(it.link(current))
    current["NEXT"] = 0
    current["QUEUED"] = 1
    following["NEXT"] = 0
    following["QUEUED"] = 0


def yield_(it: Walk) -> None:
    """The caller comes behind the others of its priority."""
    current = it.follow(it.core, "CONTEXT")
    if it.holds(current.number == 0):
        return it.done()
    if it.holds(z3.Or(it.core["HELPER"] != 0, current["BUDGET"] != 0)):
        it.do(ROTATE_PAYER)
        return it.done()
    priority = priority_of(current)
    following = it.thing(CONTEXT, queued(it, "QUEUE_HEAD", priority))
    if it.holds(following.number == 0):
        return it.done()
    it.assume(*queues.head_is_sound(it.before, priority))
    thread = it.follow(following, "RUNNING")
    if it.holds(following["BUDGET"] | thread["WAIT"] != 0):
        it.do(ROTATE_PAYER)
        return it.done()
    attach(it, it.current(), current)
    _take_turns(it, current, following, priority)
    it.core["CONTEXT"] = it.link(following)
    it.core["CURRENT"] = it.link(thread)
    want_slice(it)
    it.done()


def sleep(it: Walk, when: Word) -> None:
    """The caller waits until a time."""
    if it.holds(z3.ULE(when, it.clock())):
        return it.done()
    it.assume(*queues.caller_has_time(it.before))
    sleeper, band = it.current(), band_of(payer_of(it))
    sleeper["WAIT"] = it.layout.constants["wait.SLEEP"]
    settle(it)
    it.do(SWITCH_TO_NEXT)
    it.do(SET_DEADLINE, sleeper, when, band)
    it.done()


def thread_resume(it: Walk, handle: Word) -> None:
    """A stopped thread goes on."""
    target = it.find(handle, "Thread", "WRITE")
    it.refuse("NotStarted", target["STATE"] != it.layout.constants["state.STOPPED"])
    it.do(MAKE_LIVE, target)
    it.done()


_ROTATE = SWITCH | MAKE_READY.changes | {"Thread.CONTEXT", f"{CONTEXT}.RUNNING"}
ROTATE_PAYER = Procedure("rotate_payer", rotate_payer, 0, _ROTATE, is_done=True)

PROCEDURES = (ROTATE_PAYER,)
CALLS = (yield_, sleep, thread_resume)
