"""Threads that stop, or whose waiting ends: what they wait for, and who waits for them."""

from __future__ import annotations

import z3

from .. import queues
from ..kernel_state import KernelState, number_of
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..walk import Answers, Walk
from .lend import (
    CHAIN_END,
    CHAIN_LIMIT,
    CONTINUE_ON,
    RELEASE_CONTEXT,
    waits_for_reply,
)
from .notify import REMOVE_SERVER, of_thread
from .resume import (
    PREEMPT,
    RESUME_ON,
    WAKE_HELPER,
    attach,
    first_sender,
    own_idle_context,
)
from .run_queue import CONTEXT, PLACE, STOP_HELPING, bit_of, mark, priority_of, settle_ahead
from .steps import (
    HANDLE,
    MESSAGE_WORDS,
    WINDOW,
    constant,
    error_of,
    put_chosen,
    reason_of,
    tell,
    unlink,
)
from .wheel import DROP_DEADLINE, MAKE_READY, STOP_TIMER


def unqueue(it: Walk, link: Word) -> None:
    """A context goes out of its run queue or wheel, if it is in one."""
    context = it.thing(CONTEXT, link)
    if it.holds(context["BUDGET"] != 0):
        it.do(STOP_TIMER, context)
    if it.holds(context["QUEUED"] == 0):
        return it.finish()
    settle_ahead(it)
    following, previous = it.follow(context, "NEXT"), it.follow(context, "PREV")
    priority = priority_of(context)
    is_first, is_last = previous.number == 0, following.number == 0
    with it.when(is_first):
        it.element("QUEUE_HEAD", priority).write(it.link(following))
    with it.when(z3.Not(is_first)):
        previous["NEXT"] = it.link(following)
    with it.when(is_last):
        it.element("QUEUE_TAIL", priority).write(it.link(previous))
    with it.when(z3.Not(is_last)):
        following["PREV"] = it.link(previous)
    for field in ("NEXT", "PREV", "QUEUED"):
        context[field] = 0
    with it.when(z3.And(is_first, is_last)):
        priority = priority_of(context)
        ready = it.element("READY", z3.Extract(7, 6, priority))
        ready.write(ready.read() & ~bit_of(priority))
    it.finish()


def end_help(it: Walk, link: Word) -> None:
    """A context whose thread stops waiting to send helps nobody any more."""
    if it.holds(link == 0):
        return it.finish()
    if it.holds(it.core["HELPER"] == link):
        it.core["HELPER"] = 0
        mark(it, "TIME")
        return it.finish()
    it.do(UNQUEUE, link)
    it.finish()


def _leave_band(it: Walk, sender: Object, endpoint: Object) -> None:
    """A sender goes out of the queue of its band."""
    band = z3.Extract(2, 0, sender["BAND"])
    following, previous = it.follow(sender, "NEXT"), it.follow(sender, "PREV")
    is_first, is_last = previous.number == 0, following.number == 0
    with it.when(is_first):
        put_chosen(it, endpoint, "BAND_HEAD", band, it.link(following))
    with it.when(is_last):
        put_chosen(it, endpoint, "BAND_TAIL", band, it.link(previous))
    with it.when(z3.Not(is_first)):
        previous["NEXT"] = it.link(following)
    with it.when(z3.Not(is_last)):
        following["PREV"] = it.link(previous)
    with it.when(z3.And(is_first, is_last)):
        endpoint["WAITING"] = endpoint["WAITING"] & ~(word(1) << z3.ZeroExt(61, band))
    for field in ("NEXT", "PREV", "WAIT"):
        sender[field] = 0


def _leave_gate(it: Walk, sender: Object) -> None:
    """A sender goes out of the list of its gate."""
    gate = it.follow(sender, "GATE")
    unlink(it, gate, "CALLERS", sender, ("GATE_NEXT", "GATE_PREV"))
    sender["GATE"] = 0


def dequeue_sender(it: Walk, link: Word, endpoint_link: Word) -> None:
    """A thread that waits to send goes out of its queue; the next may help."""
    sender, endpoint = it.thing("Thread", link), it.thing("Endpoint", endpoint_link)
    it.assume(*queues.sender_has_gate(it.before, sender.number))
    _leave_band(it, sender, endpoint)
    _leave_gate(it, sender)
    it.do(END_HELP, it.follow(sender, "CONTEXT"))
    it.do(WAKE_HELPER, first_sender(it, endpoint))
    it.finish()


def unlink_reply(it: Walk, link: Word, caller: Word) -> None:
    """A reply object holds its caller no longer."""
    reply = it.thing("Reply", link)
    server = it.follow(reply, "SERVER")
    unlink(it, server, "REPLIES", reply, ("NEXT", "PREV"))
    for field in ("CALLER", "SERVER"):
        reply[field] = 0
    it.thing("Thread", caller)["REPLY"] = 0
    it.finish()


def _is_owned_along(it: Walk, context: Word, first: Word) -> z3.BoolRef:
    """Whether a thread of a chain of calls owns a context."""
    at = it.thing("Thread", first)
    goes_on, is_owned = z3.BoolVal(True), z3.BoolVal(False)
    for _ in range(CHAIN_LIMIT):
        it.assume(*queues.wait_is_sound(it.before, at.number))
        with it.when(goes_on):
            owns = at["OWN_CONTEXT"] == context
            with it.when(z3.Not(owns)):
                waits = at["WAIT"]
        is_owned = z3.Or(is_owned, z3.And(goes_on, owns))
        goes_on = z3.And(goes_on, z3.Not(owns), waits_for_reply(it.now, waits))
        at = it.thing("Thread", waits)
    return is_owned


def take_back(it: Walk, link: Word) -> None:
    """The context that flowed into a server, from whoever uses it now; 0 if that cannot do without."""
    found, end = it.do_pair(CHAIN_END, link)
    if it.holds(found != 1):
        return it.answer(0)
    user = it.thing("Thread", end)
    it.assume(*queues.server_is_sound(it.before, user.number))
    is_current = it.core["CURRENT"] == end
    with it.when(is_current):
        mine = it.link(it.follow(it.core, "CONTEXT"))
    with it.when(z3.Not(is_current)):
        held = user["CONTEXT"]
    used, own = z3.If(is_current, mine, held), own_idle_context(it, user)
    if it.holds(z3.Or(used == 0, own == 0)):
        return it.answer(0)
    if it.holds(_is_owned_along(it, used, link)):
        return it.answer(0)
    with it.when(user["CALLER"] != 0):
        user["SPECIAL"] = user["SPECIAL"] | constant(it, "special.OWN_TIME")
    if it.holds(is_current):
        it.do(STOP_HELPING)
        it.core["CONTEXT"] = 0
        it.do(CONTINUE_ON, user, word(0))
        return it.answer(used)
    it.do(END_HELP, used)
    attach(it, user, it.thing(CONTEXT, own))
    can_run = user["STATE"] == constant(it, "state.LIVE")
    if it.holds(z3.And(user["WAIT"] == 0, can_run)):
        it.do(MAKE_READY, own)
    it.answer(used)


def refuse_waiter(it: Walk, link: Word, error: Word) -> None:
    """A thread whose message call waited is told that it was refused."""
    thread = it.thing("Thread", link)
    for register in range(MESSAGE_WORDS):
        thread.put("X", register, 0)
    tell(it, thread, error | constant(it, "tag.REFUSAL"))
    it.finish()


def wake_refused(it: Walk, link: Word, context: Word, error: Word) -> None:
    """A thread that waited goes on: refused, or stopped if it had a fault."""
    thread = it.thing("Thread", link)
    if it.holds(thread["SENDING"] == constant(it, "sending.FAULT")):
        thread["SENDING"] = constant(it, "sending.CALL")
        thread["STATE"] = constant(it, "state.STOPPED")
    else:
        it.do(REFUSE_WAITER, thread, error)
    it.do(RESUME_ON, thread, context)
    it.finish()


def tell_of_death(it: Walk, link: Word, context: Word, server_link: Word) -> None:
    """A caller goes on: nobody will answer, and it is told which incarnation of the server would have."""
    caller, server = it.thing("Thread", link), it.thing("Thread", server_link)
    is_fault = caller["SENDING"] == constant(it, "sending.FAULT")
    it.do(WAKE_REFUSED, caller, context, error_of(it, "Died"))
    if it.holds(z3.Not(is_fault)):
        caller.put("X", HANDLE, z3.LShR(server["FLAGS"], 32))
    it.finish()


def lose_server(it: Walk, link: Word) -> None:
    """The caller of a server that goes away is told, and gets its time back."""
    server = it.thing("Thread", link)
    it.assume(*queues.link_is_sound(it.before, "Thread", "CALLER", server.number))
    caller = it.thing("Thread", server["CALLER"])
    if it.holds(caller.number == 0):
        return it.finish()
    context = it.do(TAKE_BACK, server)
    server["CALLER"] = 0
    caller["WAIT"] = 0
    if it.holds(context == 0):
        context = own_idle_context(it, caller)
    it.do(TELL_OF_DEATH, caller, context, server)
    it.finish()


def rest_stopped(it: Walk, link: Word, held: Word) -> None:
    """A thread is stopped; the context that it held goes back."""
    thread = it.thing("Thread", link)
    thread["SENDING"] = constant(it, "sending.CALL")
    thread["STATE"] = constant(it, "state.STOPPED")
    thread["CONTEXT"] = 0
    gone = constant(it, "special.CALLER_GONE") | constant(it, "special.OWN_TIME")
    with it.when(thread["SPECIAL"] & gone != 0):
        thread["SPECIAL"] = thread["SPECIAL"] & ~gone
    if it.holds(held != 0):
        it.do(RELEASE_CONTEXT, held)
        it.still(thread, "STATE")
    it.finish()


def abandon_wait(it: Walk, link: Word) -> None:
    """A thread waits for nothing any more; answers the context that it holds, or 0."""
    thread = it.thing("Thread", link)
    if it.holds(thread["SPECIAL"] & constant(it, "special.DEADLINE") != 0):
        it.do(DROP_DEADLINE, thread)
    it.assume(*queues.wait_is_sound(it.before, thread.number))
    it.assume(*queues.holder_is_sound(it.before, thread.number))
    it.assume(*queues.caller_is_served(it.before, thread.number))
    it.still(thread, "STATE")
    it.still(it.core, "CURRENT")
    waits, held = thread["WAIT"], it.link(it.follow(thread, "CONTEXT"))
    held = _abandon(it, thread, waits, held)
    thread["WAIT"] = 0
    it.answer(held)


def _abandon(it: Walk, thread: Object, waits: Word, held: Word) -> Word:
    """Undoes what a thread waits for, by the reason; the context that it then holds."""

    def waits_for(*reasons: str) -> bool:
        names = [reason_of(it, waits) == constant(it, f"wait.{reason}") for reason in reasons]
        return it.holds(z3.Or(*names))

    if waits_for("SEND"):
        it.do(DEQUEUE_SENDER, thread, it.thing("Endpoint", waits))
    elif waits_for("RECEIVE"):
        it.do(REMOVE_SERVER, thread)
        return it.link(it.follow(thread, "OWN_CONTEXT"))
    elif waits_for("NOTIFICATION"):
        it.thing("Notification", waits)["WAITER"] = 0
    elif waits_for("REPLY", "SLOW_REPLY"):
        server = it.thing("Thread", waits)
        held = it.do(TAKE_BACK, server)
        server["CALLER"] = 0
        server["SPECIAL"] = server["SPECIAL"] | constant(it, "special.CALLER_GONE")
    elif waits_for("SAVED", "SAVED_FAULT"):
        it.assume(*queues.saved_has_server(it.before, thread.number))
        reply = it.thing("Reply", waits)
        it.do(UNLINK_REPLY, reply, thread)
        reply["STALE"] = 1
    elif not waits_for("SLEEP") and it.holds(held != 0):
        it.do(UNQUEUE, held)
    return held


def stop_thread(it: Walk, link: Word) -> None:
    """A thread stops: what it waits for is abandoned, and who waits for it is told."""
    thread = it.thing("Thread", link)
    it.do(LOSE_SERVER, thread)
    # The kernel asserts it when it is tested: who is stopped does not come to run meanwhile.
    it.assume(z3.Not(queues.is_current(it.before, thread.number)))
    waits, is_fault = thread["WAIT"], thread["SENDING"] == constant(it, "sending.FAULT")
    context = it.do(ABANDON_WAIT, thread)
    was_waiting = z3.And(waits != 0, waits != constant(it, "wait.SLEEP"))
    if it.holds(z3.And(was_waiting, z3.Not(is_fault))):
        it.do(REFUSE_WAITER, thread, error_of(it, "Died"))
    with it.when(thread["PSTATE"] == constant(it, "LIGHT")):
        for register in (*range(2, MESSAGE_WORDS), HANDLE, WINDOW):
            thread.put("X", register, 0)
        thread["PSTATE"] = 0
    it.do(REST_STOPPED, thread, context)
    it.do(PREEMPT)
    it.finish()


def thread_stop(it: Walk, handle: Word) -> None:
    """A thread stops."""
    target = it.find(handle, "Thread", "WRITE")
    it.refuse("Itself", target.number == it.current().number)
    is_live = target["STATE"] == constant(it, "state.LIVE")
    with it.when(z3.Not(is_live)):
        serves = target["CALLER"] != 0
    it.refuse("NotStarted", z3.And(z3.Not(is_live), z3.Not(serves)))
    it.do(STOP_THREAD, target)
    it.done()


def _of_context(state: KernelState, context: Word) -> list[z3.BoolRef]:
    return queues.names(state, context, CONTEXT)


def _with_context(state: KernelState, thread: Word, context: Word, *_: Word) -> list[z3.BoolRef]:
    return [*of_thread(state, thread), queues.names_at_most(state, context, CONTEXT)]


def _of_server(state: KernelState, server: Word) -> list[z3.BoolRef]:
    caller = number_of(state.field(number_of(server), "Thread.CALLER"))
    return [*of_thread(state, server), caller != 0]


def _of_other(state: KernelState, thread: Word) -> list[z3.BoolRef]:
    is_current = queues.is_current(state, number_of(thread))
    return [*of_thread(state, thread), z3.Not(is_current)]


def _is_stopped(
    _before: KernelState, after: KernelState, _answers: Answers, thread: Word, _held: Word
) -> list[z3.BoolRef]:
    is_stopped = after.layout.constants["state.STOPPED"]
    return [after.field(number_of(thread), "Thread.STATE") == is_stopped]


def _of_sender(state: KernelState, sender: Word, endpoint: Word) -> list[z3.BoolRef]:
    names = state.layout.constants
    waits = state.field(number_of(sender), "Thread.WAIT")
    sends = waits & names["wait.REASON"] == names["wait.SEND"]
    return [*of_thread(state, sender), sends, *queues.names(state, endpoint, "Endpoint")]


def _of_saved(state: KernelState, reply: Word, caller: Word) -> list[z3.BoolRef]:
    server = state.field(number_of(reply), "Reply.SERVER")
    return [*queues.names(state, reply, "Reply"), *of_thread(state, caller), server != 0]


def _answers_context(
    before: KernelState, _after: KernelState, answers: Answers, *_arguments: Word
) -> list[z3.BoolRef]:
    return [queues.names_at_most(before, answers[0], CONTEXT)]


_UNQUEUE = PLACE | STOP_TIMER.changes
_END_HELP = _UNQUEUE | {"Core.HELPER", "Core.PENDING"}
_DEQUEUE = _END_HELP | {
    *(f"Thread.{field}" for field in ("NEXT", "PREV", "WAIT", "GATE", "GATE_NEXT", "GATE_PREV")),
    *(f"Endpoint.{field}" for field in ("WAITING", "BAND_HEAD", "BAND_TAIL")),
    "Gate.CALLERS",
}
_UNLINK = frozenset(
    {
        *(f"Reply.{field}" for field in ("NEXT", "PREV", "CALLER", "SERVER")),
        *(f"Thread.{field}" for field in ("REPLIES", "REPLY")),
    }
)
_TAKE_BACK = _END_HELP | CONTINUE_ON.changes | MAKE_READY.changes
_REFUSE = frozenset({"Thread.X", "Thread.PSTATE"})
_WAKE = _REFUSE | RESUME_ON.changes | {"Thread.SENDING", "Thread.STATE"}
_LOSE = _WAKE | _TAKE_BACK | {"Thread.CALLER"}
_ABANDON = (
    _DEQUEUE
    | _UNLINK
    | _TAKE_BACK
    | DROP_DEADLINE.changes
    | REMOVE_SERVER.changes
    | {"Notification.WAITER", "Thread.CALLER", "Thread.SPECIAL", "Reply.STALE"}
)
_REST = RELEASE_CONTEXT.changes | {
    f"Thread.{field}" for field in ("SENDING", "STATE", "CONTEXT", "SPECIAL")
}

UNQUEUE = Procedure("unqueue", unqueue, 1, _UNQUEUE, _of_context)
END_HELP = Procedure(
    "end_help", end_help, 1, _END_HELP, lambda s, it: [queues.names_at_most(s, it, CONTEXT)]
)
DEQUEUE_SENDER = Procedure("dequeue_sender", dequeue_sender, 2, _DEQUEUE, _of_sender)
UNLINK_REPLY = Procedure("unlink_reply", unlink_reply, 2, _UNLINK, _of_saved)
TAKE_BACK = Procedure("take_back", take_back, 1, _TAKE_BACK, _of_server, _answers_context)
REFUSE_WAITER = Procedure("refuse_waiter", refuse_waiter, 2, _REFUSE, of_thread)
WAKE_REFUSED = Procedure("wake_refused", wake_refused, 3, _WAKE, _with_context)
TELL_OF_DEATH = Procedure(
    "tell_of_death",
    tell_of_death,
    3,
    _WAKE,
    lambda s, caller, context, server: [
        *_with_context(s, caller, context),
        *of_thread(s, server),
    ],
)
LOSE_SERVER = Procedure("lose_server", lose_server, 1, _LOSE, of_thread)
REST_STOPPED = Procedure("rest_stopped", rest_stopped, 2, _REST, _with_context, _is_stopped)
ABANDON_WAIT = Procedure("abandon_wait", abandon_wait, 1, _ABANDON, _of_other, _answers_context)
STOP_THREAD = Procedure(
    "stop_thread", stop_thread, 1, _LOSE | _ABANDON | _REST | PREEMPT.changes, _of_other
)

PROCEDURES = (
    UNQUEUE,
    END_HELP,
    DEQUEUE_SENDER,
    UNLINK_REPLY,
    TAKE_BACK,
    REFUSE_WAITER,
    WAKE_REFUSED,
    TELL_OF_DEATH,
    LOSE_SERVER,
    REST_STOPPED,
    ABANDON_WAIT,
    STOP_THREAD,
)
CALLS = (thread_stop,)
