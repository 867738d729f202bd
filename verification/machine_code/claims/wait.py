"""Threads that wait for signals, or look whether there are any."""

from __future__ import annotations

import z3

from .. import queues
from ..kernel_state import CORE, KernelState, link_of
from ..procedure import Procedure
from ..telling import Object, Word
from ..walk import Walk
from .give import TAKE_BITS
from .notify import DELIVER_SIGNAL, nearby, of_thread
from .resume import SETTLED, attach, block
from .run_queue import SWITCH, SWITCH_TO_NEXT, note_payer
from .steps import HANDLE, constant


def note_waiter(it: Walk, waiter: Object, target: Object) -> None:
    """The thread that runs waits for a notification."""
    it.assume(*queues.caller_has_time(it.before))
    target["WAITER"] = it.link(waiter)
    waiter["WAIT"] = link_of(target.number) | it.layout.constants["wait.NOTIFICATION"]


def start_waiting(it: Walk, link: Word) -> None:
    """A thread whose registers were saved gets signals, or waits for them; answers an error, or 0."""
    waiter = it.thing("Thread", link)
    it.on_refusal = it.answer
    target = it.find(waiter.at("X", HANDLE), "Notification", "RECEIVE")
    if it.holds(target["BITS"] != 0):
        it.do(DELIVER_SIGNAL, waiter, it.do(TAKE_BITS, target))
        return it.answer(0)
    it.refuse("InUse", target["WAITER"] != 0)
    note_waiter(it, waiter, target)
    block(it)
    it.answer(0)


def try_wait(it: Walk, link: Word) -> None:
    """A thread gets signals, if there are any; answers an error, or 0."""
    waiter = it.thing("Thread", link)
    it.on_refusal = it.answer
    target = it.find(waiter.at("X", HANDLE), "Notification", "RECEIVE")
    it.refuse("WouldBlock", target["BITS"] == 0)
    it.do(DELIVER_SIGNAL, waiter, it.do(TAKE_BITS, target))
    it.answer(0)


def wait_elsewhere(it: Walk, handle: Word) -> None:
    """The caller gets signals and their tag, or waits for them, with no registers saved but few."""
    it.on_refusal = lambda error: it.answer(0, error | constant(it, "tag.REFUSAL"))
    target = it.find(handle, "Notification", "RECEIVE")
    if it.holds(target["BITS"] != 0):
        return it.answer(it.do(TAKE_BITS, target), constant(it, "tag.SIGNAL"))
    it.refuse("InUse", target["WAITER"] != 0)
    note_waiter(it, it.current(), target)
    block(it)
    it.answer(0, 0)


def wait_for_signal(
    it: Walk, handle: Word, _1: Word, _2: Word, _3: Word, _4: Word, _5: Word, caller: Word
) -> None:
    """The same; the usual case is without a stack."""
    waiter = it.thing("Thread", caller)
    target = nearby(it, waiter, handle, "Notification", "RECEIVE")
    if target is not None:
        bits = target["BITS"]
        if it.holds(z3.And(bits != 0, target["BOUND"] == 0)):
            target["BITS"] = 0
            return it.answer(bits, constant(it, "tag.SIGNAL"))
        if it.holds(z3.And(bits == 0, target["WAITER"] == 0)):
            note_waiter(it, waiter, target)
            return _block_caller(it, waiter)
    bits, tag = it.do_pair(WAIT_ELSEWHERE, handle)
    it.answer(bits, tag)


def _block_caller(it: Walk, waiter: Object) -> None:
    """The caller waits; who was preempted last, if anybody, goes on at once."""
    attach(it, waiter, it.follow(it.core, "CONTEXT"))
    ahead = it.follow(it.core, "AHEAD")
    if it.holds(ahead.number == 0):
        it.do(SWITCH_TO_NEXT)
        return it.answer(0, 0)
    it.core["AHEAD"] = 0
    ahead["QUEUED"] = 0
    it.core["CURRENT"] = it.link(it.follow(ahead, "RUNNING"))
    it.core["CONTEXT"] = it.link(ahead)
    note_payer(it, ahead, ahead["PRIORITY"])
    it.answer(0, 0)


def of_current(state: KernelState, thread: Word, *_rest: Word) -> list[z3.BoolRef]:
    """The thread that runs."""
    return [*of_thread(state, thread), state.field(CORE, "Core.CURRENT") == thread]


def _is_called_by(state: KernelState, *arguments: Word) -> list[z3.BoolRef]:
    return of_current(state, arguments[-1])


_LOOK = TAKE_BITS.changes | DELIVER_SIGNAL.changes
_WAIT = _LOOK | SWITCH | SETTLED | {"Notification.WAITER", "Thread.WAIT"}

START_WAITING = Procedure("start_waiting", start_waiting, 1, _WAIT, of_current, is_call=True)
TRY_WAIT = Procedure("try_wait", try_wait, 1, _LOOK, of_thread, is_call=True)
WAIT_ELSEWHERE = Procedure("wait_elsewhere", wait_elsewhere, 1, _WAIT, is_call=True)
WAIT_FOR_SIGNAL = Procedure(
    "wait_for_signal", wait_for_signal, 7, _WAIT, _is_called_by, is_call=True
)

PROCEDURES = (START_WAITING, TRY_WAIT, WAIT_ELSEWHERE, WAIT_FOR_SIGNAL)
