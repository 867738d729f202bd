"""Messages that are received, and answered."""

from __future__ import annotations

import z3

from .. import queues
from ..kernel_state import KernelState, link_of, number_of
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..walk import Answers, Ended, Walk
from .deliver import CHECK_ANSWER, DELIVER
from .enqueue import HAND_BACK, REST_AFTER
from .give import DELIVER_FAULT, GIVE_ANSWER, TAKE_BITS
from .lend import CONTINUE_ON
from .message import (
    LINKED,
    check_incoming,
    check_outgoing,
    forget_deadline,
    link_call,
    may,
    refuse_current,
    remember,
)
from .notify import DELIVER_SIGNAL, of_thread
from .resume import RESUME_ON, first_sender, next_sender, own_idle_context
from .run_queue import CONTEXT
from .steps import (
    HANDLE,
    TAG,
    WINDOW,
    constant,
    core_index,
    error_of,
    first_server,
    note_taken,
    put_chosen,
    tell,
)
from .stop import DEQUEUE_SENDER, WAKE_REFUSED
from .wait import of_current
from .wheel import DROP_DEADLINE, highest_bit


def take_first_message(it: Walk, link: Word, endpoint_link: Word) -> None:
    """A server takes the first message that waits, or turns its sender away.

    Answers whether it took it, and the context with which it goes on.
    """
    server, endpoint = it.thing("Thread", link), it.thing("Endpoint", endpoint_link)
    first = first_sender(it, endpoint)
    if z3.is_bv_value(first):
        # Nobody: what it needs says that this is not so.
        return
    sender = it.thing("Thread", first)
    it.assume(*queues.busy_is_itself(it.before, sender.number))
    it.partner(sender)
    it.follow(sender, "CONTEXT")
    it.do(DEQUEUE_SENDER, sender, endpoint)
    remember(it, sender, server)
    held = sender["CONTEXT"]
    badge, what = sender["BADGE"], sender["SENDING"]

    def turn_away(error: Word) -> None:
        it.do(WAKE_REFUSED, sender, held, error)
        it.answer(0)

    context = held
    if it.holds(held == 0):
        context = own_idle_context(it, sender)
        if it.holds(z3.And(context == 0, server["OWN_CONTEXT"] == 0)):
            return turn_away(error_of(it, "Died"))
    if it.holds(what == constant(it, "sending.FAULT")):
        it.do(DELIVER_FAULT, sender, server, badge)
        remember(it, sender, server)
        link_call(it, sender, server, "SLOW_REPLY")
        return it.answer(1, context)
    tag, capability = sender.at("X", TAG), sender["SENT_THROUGH"]
    error, carries_some = check_outgoing(it, sender, tag, may(it, capability, "GRANT"))
    if error is None:
        error = check_incoming(it, server, tag, carries_some)
    if error is not None:
        return turn_away(error)
    if it.holds(what == constant(it, "sending.ONE_WAY")):
        own = it.follow(server, "OWN_CONTEXT")
        if it.holds(own.number == 0):
            return turn_away(error_of(it, "NoTime"))
        it.do(DELIVER, sender, server, tag | constant(it, "tag.ONE_WAY"), badge)
        tell(it, sender, constant(it, "tag.NONE"))
        it.do(RESUME_ON, sender, context)
        return it.answer(1, it.link(own))
    it.do(DELIVER, sender, server, tag, badge)
    remember(it, sender, server)
    link_call(it, sender, server, "REPLY")
    it.answer(1, context)


def _has_signals(it: Walk, server: Object) -> z3.BoolRef:
    return server["SPECIAL"] & constant(it, "special.SIGNALLED") != 0


def push_server(it: Walk, server: Object, endpoint: Object) -> None:
    """A server waits at a living endpoint."""
    core = core_index(it)
    it.assume(*queues.receiver_is_sound(it.before, endpoint.number, core))
    first = it.thing("Thread", first_server(it, endpoint, core))
    server["NEXT"] = it.link(first)
    server["PREV"] = 0
    with it.when(first.number != 0):
        first["PREV"] = it.link(server)
    put_chosen(it, endpoint, "SERVERS", core, it.link(server), 2)
    server["WAIT"] = link_of(endpoint.number) | it.layout.constants["wait.RECEIVE"]


def _go_on(it: Walk, server: Object, answered: Word, context: Word) -> None:
    """The caller that was answered gets its time back, and the server goes on with a context."""
    it.do(HAND_BACK, server, answered)
    it.do(CONTINUE_ON, server, context)


def take_any_message(it: Walk, link: Word, endpoint_link: Word) -> None:
    """A server takes the first message that is not turned away, out of a few.

    Answers whether it took one, and the context with which it goes on.
    """
    server, endpoint = it.thing("Thread", link), it.thing("Endpoint", endpoint_link)
    for _ in range(it.layout.constants["RECEIVE_TRIES"]):
        if it.holds(next_sender(it, endpoint) == 0):
            return it.answer(0)
        found, context = it.do_pair(TAKE_FIRST_MESSAGE, server, endpoint)
        if it.holds(z3.Or(found == 1, it.interrupt())):
            return it.answer(found, context)
        remember(it, server)
    it.answer(0)


def receive_waiting(
    it: Walk, link: Word, endpoint_link: Word, answered: Word, refuses: Word
) -> None:
    """A server receives something that is there, or waits; answers an error, or 0."""
    server, endpoint = it.thing("Thread", link), it.thing("Endpoint", endpoint_link)
    if it.holds(_has_signals(it, server)):
        it.assume(*queues.signalled_is_bound(it.before, server.number))
        bits = it.do(TAKE_BITS, it.follow(server, "BOUND"))
        it.do(DELIVER_SIGNAL, server, bits)
        _go_on(it, server, answered, word(0))
        return it.answer(0)
    found, context = it.do_pair(TAKE_ANY_MESSAGE, server, endpoint)
    remember(it, server)
    if it.holds(found == 1):
        note_taken(it, server, endpoint)
        _go_on(it, server, answered, context)
        return it.answer(0)
    following = next_sender(it, endpoint)
    is_more, may_refuse = following != 0, z3.Extract(0, 0, refuses) == 1
    if it.holds(z3.And(server["OWN_CONTEXT"] != 0, z3.Or(is_more, may_refuse))):
        _go_on(it, server, answered, word(0))
        return it.answer(z3.If(is_more, error_of(it, "Again"), error_of(it, "WouldBlock")))
    push_server(it, server, endpoint)
    it.do(REST_AFTER, server, answered)
    it.answer(0)


def receive(it: Walk, link: Word, refuses: Word) -> None:
    """The thread that runs receives a message or signals, or waits; answers an error, or 0."""
    server, may_refuse = it.thing("Thread", link), z3.Extract(0, 0, refuses) == 1
    it.on_refusal = it.answer
    endpoint = it.find(server.at("X", HANDLE), "Endpoint", "RECEIVE")
    it.refuse("CallerWaits", server["CALLER"] != 0)
    it.assume(*queues.busy_is_itself(it.before, server.number))
    is_silent = z3.And(next_sender(it, endpoint) == 0, z3.Not(_has_signals(it, server)))
    it.refuse("WouldBlock", z3.And(is_silent, may_refuse))
    _clear(it, server, "CALLER_GONE")
    server["WINDOW"] = server.at("X", WINDOW)
    if it.holds(may_refuse):
        return it.answer(it.do(RECEIVE_WAITING, server, endpoint, word(0), word(1)))
    if it.holds(z3.Or(endpoint["WAITING"] != 0, _has_signals(it, server))):
        return it.answer(it.do(RECEIVE_WAITING, server, endpoint, word(0), word(0)))
    push_server(it, server, endpoint)
    it.do(REST_AFTER, server, word(0))
    it.answer(0)


def _clear(it: Walk, thread: Object, reason: str) -> None:
    """A reason to stay off the fast path goes."""
    bit = constant(it, f"special.{reason}")
    with it.when(thread["SPECIAL"] & bit != 0):
        thread["SPECIAL"] = thread["SPECIAL"] & ~bit


def is_fault(it: Walk, waits: Word, reason: str) -> Word:
    """Whether a thread waits because it had a fault, as a word."""
    names = it.layout.constants
    is_it = waits & names["wait.REASON"] == names[f"wait.{reason}"]
    return z3.If(is_it, word(1), word(0))


def answer_caller(it: Walk, server: Object) -> Word:
    """A server gives its answer, if it can; answers the caller, or 0 if that is gone."""
    it.assume(*queues.link_is_sound(it.before, "Thread", "CALLER", server.number))
    it.assume(*queues.busy_is_itself(it.before, server.number))
    caller = it.thing("Thread", server["CALLER"])
    if it.holds(caller.number == 0):
        is_gone = server["SPECIAL"] & constant(it, "special.CALLER_GONE") != 0
        it.refuse("NoCaller", z3.Not(is_gone))
        _clear(it, server, "CALLER_GONE")
        return word(0)
    it.partner(caller, "GRANT_REPLY")
    was_fault = is_fault(it, caller["WAIT"], "SLOW_REPLY")
    error = it.do(CHECK_ANSWER, server, caller, was_fault)
    if it.holds(error != 0):
        refuse_current(it, server, error)
        raise Ended
    server["CALLER"] = 0
    caller["WAIT"] = 0
    forget_deadline(it, caller)
    server.at("X", TAG)
    remember(it, server)
    it.do(GIVE_ANSWER, server, caller, was_fault)
    it.still(server, "ID")
    return it.link(caller)


def reply_receive(it: Walk) -> None:
    """The thread that runs answers its caller, and receives the next message."""
    server = it.current()
    it.on_refusal = lambda error: refuse_current(it, server, error)
    slot = it.capability(server, server.at("X", HANDLE))
    it.check(slot, it.kind("Endpoint"), it.rights("RECEIVE"))
    endpoint = it.object("Endpoint", slot.number())
    answered = answer_caller(it, server)
    server["WINDOW"] = server.at("X", WINDOW)
    if it.holds(z3.Or(endpoint["WAITING"] != 0, _has_signals(it, server))):
        error = it.do(RECEIVE_WAITING, server, endpoint, answered, word(0))
        if it.holds(error != 0):
            return refuse_current(it, server, error)
        return it.finish()
    push_server(it, server, endpoint)
    caller = it.thing("Thread", answered)
    is_lent = it.core["CONTEXT"] != server["OWN_CONTEXT"]
    with it.when(caller.number != 0):
        is_live = caller["STATE"] == constant(it, "state.LIVE")
        can_run = z3.And(caller["WAIT"] == 0, is_live)
    if it.holds(z3.And(is_lent, caller.number != 0, can_run)):
        it.core["CURRENT"] = it.link(caller)
        return it.finish()
    it.do(REST_AFTER, server, answered)
    it.finish()


def _is_taken(
    before: KernelState, _after: KernelState, answers: Answers, *_arguments: Word
) -> list[z3.BoolRef]:
    """Nothing, or a context or none."""
    found, context = answers
    named = queues.names_at_most(before, context, CONTEXT)
    return [z3.ULT(found, 2), z3.Implies(found == 1, named)]


def _first_waits(state: KernelState, server: Word, endpoint: Word) -> list[z3.BoolRef]:
    """Somebody waits to send to a server that is there."""
    number = number_of(endpoint)
    waiting = z3.Extract(7, 0, state.field(number, "Endpoint.WAITING"))
    band = z3.Extract(2, 0, highest_bit(z3.ZeroExt(56, waiting)))
    first = state.element(number, "Endpoint.BAND_HEAD", z3.ZeroExt(61, band), 8)
    return [*_of_server(state, server, endpoint), waiting != 0, first != 0]


def _of_server(state: KernelState, server: Word, endpoint: Word) -> list[z3.BoolRef]:
    names = [*of_thread(state, server), *queues.names(state, endpoint, "Endpoint")]
    return [*names, queues.is_itself(state, number_of(server))]


def _of_receiver(
    state: KernelState, server: Word, endpoint: Word, answered: Word, _refuses: Word
) -> list[z3.BoolRef]:
    return [
        *_of_server(state, server, endpoint),
        queues.names_at_most(state, answered, "Thread"),
    ]


def _of_caller(state: KernelState, server: Word, refuses: Word) -> list[z3.BoolRef]:
    return [*of_current(state, server), z3.ULE(refuses, 1)]


_TAKE = (
    DEQUEUE_SENDER.changes
    | DELIVER_FAULT.changes
    | DELIVER.changes
    | LINKED
    | RESUME_ON.changes
    | WAKE_REFUSED.changes
)
_REST = HAND_BACK.changes | CONTINUE_ON.changes | REST_AFTER.changes
_PUSH = frozenset({"Thread.NEXT", "Thread.PREV", "Thread.WAIT", "Endpoint.SERVERS"})
_RECEIVE = (
    _TAKE | _REST | _PUSH | TAKE_BITS.changes | DELIVER_SIGNAL.changes | {"Endpoint.TAKEN"}
)

_REPLY = (
    _RECEIVE
    | CHECK_ANSWER.changes
    | GIVE_ANSWER.changes
    | DROP_DEADLINE.changes
    | {"Thread.WINDOW", "Core.CURRENT"}
)

TAKE_FIRST_MESSAGE = Procedure(
    "take_first_message", take_first_message, 2, _TAKE, _first_waits, _is_taken
)
TAKE_ANY_MESSAGE = Procedure(
    "take_any_message", take_any_message, 2, _TAKE, _of_server, _is_taken
)
RECEIVE_WAITING = Procedure("receive_waiting", receive_waiting, 4, _RECEIVE, _of_receiver)

RECEIVE = Procedure(
    "receive", receive, 2, _RECEIVE | {"Thread.WINDOW"}, _of_caller, is_call=True
)
REPLY_RECEIVE = Procedure("reply_receive", reply_receive, 0, _REPLY, is_call=True)

PROCEDURES = (TAKE_FIRST_MESSAGE, TAKE_ANY_MESSAGE, RECEIVE_WAITING, RECEIVE, REPLY_RECEIVE)
