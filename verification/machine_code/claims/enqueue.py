"""Senders that wait, whom they help meanwhile, and servers that rest."""

from __future__ import annotations

import z3

from .. import queues
from ..kernel_state import CORE, KernelState, frame_of, number_of
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..walk import Answers, Walk
from .lend import RELEASE_CONTEXT, TAKE_LENT
from .notify import of_thread
from .resume import SETTLED, RESUME_ON, block, called_endpoint, own_idle_context, payer_of, settle
from .run_queue import CONTEXT, MAKE_READY_FIRST, SWITCH, SWITCH_TO_NEXT
from .steps import chosen, core_index, put_chosen
from .wheel import band_of


def _last_sender(it: Walk, endpoint: Object, band: Word) -> Object:
    """Who is the last to send of a band."""
    it.assume(*queues.last_sender_is_sound(it.before, endpoint.number, band))
    return it.thing("Thread", chosen(it, endpoint, "BAND_TAIL", band))


def enqueue_sender(it: Walk, link: Word, gate_link: Word, endpoint_link: Word) -> None:
    """The current thread waits to send, behind the others of its band."""
    sender = it.thing("Thread", link)
    gate, endpoint = it.thing("Gate", gate_link), it.thing("Endpoint", endpoint_link)
    it.assume(*queues.caller_has_time(it.before))
    settle(it)
    band_word = band_of(payer_of(it))
    band = z3.Extract(2, 0, band_word)
    last = _last_sender(it, endpoint, band)
    is_first = last.number == 0
    sender["NEXT"] = 0
    sender["PREV"] = it.link(last)
    with it.when(z3.Not(is_first)):
        last["NEXT"] = it.link(sender)
    with it.when(is_first):
        put_chosen(it, endpoint, "BAND_HEAD", band, it.link(sender))
    put_chosen(it, endpoint, "BAND_TAIL", band, it.link(sender))
    endpoint["WAITING"] = endpoint["WAITING"] | (word(1) << band_word)
    sender["BAND"] = band_word
    sender["WAIT"] = it.link(endpoint) | it.layout.constants["wait.SEND"]
    sender["GATE"] = it.link(gate)
    first = it.follow(gate, "CALLERS")
    sender["GATE_PREV"] = 0
    sender["GATE_NEXT"] = it.link(first)
    with it.when(first.number != 0):
        first["GATE_PREV"] = it.link(sender)
    gate["CALLERS"] = it.link(sender)
    it.finish()


def busy_server(it: Walk, link: Word) -> None:
    """Whether who took the last call at an endpoint serves it still, and who that is."""
    endpoint = it.thing("Endpoint", link)
    it.assume(*queues.taken_is_sound(it.before, endpoint.number))
    server = chosen(it, endpoint, "TAKEN", core_index(it), 2)
    if it.holds(server == 0):
        return it.answer(0, server)
    if it.holds(it.frame(frame_of(number_of(server))).kind != it.kind("Thread")):
        return it.answer(0, server)
    called = called_endpoint(it, it.thing("Thread", server))
    if called is None:
        return it.answer(0, server)
    it.answer(z3.If(it.link(called) == link, word(1), word(0)), server)


def block_and_help(it: Walk, endpoint: Word) -> None:
    """The current thread, which waits to send, helps the server there; another runs."""
    context = it.follow(it.core, "CONTEXT")
    if it.holds(it.do(BUSY_SERVER, endpoint) != 0):
        it.do(MAKE_READY_FIRST, context)
    it.do(SWITCH_TO_NEXT)
    it.finish()


def queue_fault(it: Walk, link: Word, gate_link: Word, endpoint_link: Word) -> None:
    """The current thread waits for its fault handler."""
    it.assume(*queues.caller_has_time(it.before))
    it.still(it.core, "CONTEXT")
    it.thing("Thread", link)["BADGE"] = it.thing("Gate", gate_link)["BADGE"]
    it.do(ENQUEUE_SENDER, link, gate_link, endpoint_link)
    it.still(it.core, "CONTEXT")
    it.do(BLOCK_AND_HELP, endpoint_link)
    it.finish()


def hand_back(it: Walk, link: Word, answered: Word) -> None:
    """What a server was lent goes back: to whom it answered, if to anybody, or to its owner."""
    context = it.do(TAKE_LENT, link)
    if it.holds(answered != 0):
        if it.holds(context == 0):
            context = own_idle_context(it, it.thing("Thread", answered))
        it.do(RESUME_ON, answered, context)
    elif it.holds(context != 0):
        it.do(RELEASE_CONTEXT, context)
    it.finish()


def rest_after(it: Walk, link: Word, answered: Word) -> None:
    """A server that waits gives back what it was lent; another runs."""
    it.do(HAND_BACK, link, answered)
    block(it)
    it.finish()


def _of_server(state: KernelState, server: Word, answered: Word) -> list[z3.BoolRef]:
    return [*of_thread(state, server), queues.names_at_most(state, answered, "Thread")]


def _of_endpoint(state: KernelState, endpoint: Word) -> list[z3.BoolRef]:
    return queues.names(state, endpoint, "Endpoint")


def _of_blocking(state: KernelState, endpoint: Word) -> list[z3.BoolRef]:
    return [*_of_endpoint(state, endpoint), state.field(CORE, "Core.CONTEXT") != 0]


def _of_current(
    state: KernelState, thread: Word, gate: Word, endpoint: Word
) -> list[z3.BoolRef]:
    return [
        *of_thread(state, thread),
        queues.is_current(state, number_of(thread)),
        *queues.names(state, gate, "Gate"),
        *_of_endpoint(state, endpoint),
    ]


def _answers_server(
    before: KernelState, _after: KernelState, answers: Answers, _endpoint: Word
) -> list[z3.BoolRef]:
    """If somebody serves, it is a thread that has a caller."""
    found, server = answers
    serves = number_of(before.field(number_of(server), "Thread.CALLER")) != 0
    right = z3.And(*queues.names(before, server, "Thread"), serves)
    return [z3.ULE(found, 1), z3.Implies(found == 1, right)]


_ENQUEUE = SETTLED | {
    *(f"Thread.{field}" for field in ("NEXT", "PREV", "BAND", "WAIT")),
    *(f"Thread.{field}" for field in ("GATE", "GATE_NEXT", "GATE_PREV")),
    *(f"Endpoint.{field}" for field in ("BAND_HEAD", "BAND_TAIL", "WAITING")),
    "Gate.CALLERS",
}
_BLOCK = SWITCH | MAKE_READY_FIRST.changes
_HAND_BACK = TAKE_LENT.changes | RESUME_ON.changes | RELEASE_CONTEXT.changes

ENQUEUE_SENDER = Procedure("enqueue_sender", enqueue_sender, 3, _ENQUEUE, _of_current)
BUSY_SERVER = Procedure(
    "busy_server",
    busy_server,
    1,
    frozenset(),
    _of_endpoint,
    _answers_server,
)
BLOCK_AND_HELP = Procedure("block_and_help", block_and_help, 1, _BLOCK, _of_blocking)
QUEUE_FAULT = Procedure(
    "queue_fault", queue_fault, 3, _ENQUEUE | _BLOCK | {"Thread.BADGE"}, _of_current
)
HAND_BACK = Procedure("hand_back", hand_back, 2, _HAND_BACK, _of_server)
REST_AFTER = Procedure("rest_after", rest_after, 2, _HAND_BACK | SWITCH | SETTLED, _of_server)

PROCEDURES = (ENQUEUE_SENDER, BUSY_SERVER, BLOCK_AND_HELP, QUEUE_FAULT, HAND_BACK, REST_AFTER)
