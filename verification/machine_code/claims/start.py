"""Threads that start, callers that are kept for later, and contexts that change."""

from __future__ import annotations

import z3

from .. import queues
from ..telling import Object, Word, word
from ..walk import Walk
from .lend import CONTINUE_ON, RELEASE_CONTEXT, TAKE_LENT
from .steps import reason_of
from .resume import MAKE_LIVE, own_idle_context
from .run_queue import CONTEXT
from .stop import LOSE_SERVER, REST_STOPPED
from .thread import clear_floating, set_flags


def thread_start(it: Walk, handle: Word, pc: Word, sp: Word, argument: Word) -> None:
    """A thread begins: all registers but these are zero."""
    names = it.layout.constants
    target = it.find(handle, "Thread", "WRITE")
    it.refuse("NotStopped", target["STATE"] == names["state.LIVE"])
    it.refuse("NoTime", target["OWN_CONTEXT"] == 0)
    it.do(LOSE_SERVER, target)
    # The kernel asserts it when it is tested: nobody else starts it meanwhile.
    it.assume(it.before.field(target.number, "Thread.STATE") != names["state.LIVE"])
    it.assume(*queues.holder_is_sound(it.before, target.number))
    it.do(REST_STOPPED, target, target["CONTEXT"])
    for register in range(31):
        target.put("X", register, 0)
    target.put("X", 0, argument)
    for field, value in (("PC", pc), ("SP", sp), ("POINTER", 0), ("PSTATE", 0)):
        target[field] = value
    flags = target["FLAGS"]
    with it.when(flags & names["flag.FLOATING"] != 0):
        clear_floating(it, target)
    with it.when(flags & names["flag.STEPPING"] != 0):
        set_flags(it, target, flags & ~word(names["flag.STEPPING"]))
    it.do(MAKE_LIVE, target)
    it.done()


def _keep_caller(it: Walk, reply: Object, caller: Object, server: Object) -> None:
    """A reply object holds a caller for a server."""
    names = it.layout.constants
    is_fault = reason_of(it, caller["WAIT"]) == names["wait.SLOW_REPLY"]
    saved, saved_fault = word(names["wait.SAVED"]), word(names["wait.SAVED_FAULT"])
    server["CALLER"] = 0
    caller["WAIT"] = z3.If(is_fault, saved_fault, saved) | it.link(reply)
    reply["CALLER"] = it.link(caller)
    reply["SERVER"] = it.link(server)
    reply["STALE"] = 0
    caller["REPLY"] = it.link(reply)
    it.push(server, "REPLIES", reply, ("NEXT", "PREV"))


def save_caller(it: Walk, handle: Word) -> None:
    """The caller whom the current thread serves is kept for a later answer."""
    names = it.layout.constants
    server = it.current()
    reply = it.find(handle, "Reply", "WRITE")
    it.refuse("InUse", reply["CALLER"] != 0)
    it.refuse("NoTime", server["OWN_CONTEXT"] == 0)
    it.assume(*queues.link_is_sound(it.before, "Thread", "CALLER", server.number))
    caller = it.thing("Thread", server["CALLER"])
    if it.holds(caller.number == 0):
        gone = word(names["special.CALLER_GONE"])
        it.refuse("NoCaller", server["SPECIAL"] & gone == 0)
        server["SPECIAL"] = server["SPECIAL"] & ~gone
        lent = it.do(TAKE_LENT, server)
        if it.holds(lent != 0):
            it.do(RELEASE_CONTEXT, lent)
        it.do(CONTINUE_ON, server, word(0))
        return it.refuse("Died", z3.BoolVal(True))
    _keep_caller(it, reply, caller, server)
    context = it.do(TAKE_LENT, server)
    if it.holds(context == 0):
        context = own_idle_context(it, caller)
    caller["CONTEXT"] = context
    with it.when(context != 0):
        it.thing(CONTEXT, context)["RUNNING"] = it.link(caller)
    it.do(CONTINUE_ON, server, word(0))
    it.done()


CALLS = (thread_start, save_caller)
