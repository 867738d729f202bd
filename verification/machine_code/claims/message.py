"""Messages that are sent."""

from __future__ import annotations

from collections.abc import Callable

import z3

from .. import queues
from ..kernel_state import KernelState, number_of
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..walk import Walk
from .deliver import (
    CHECK_CAPABILITIES,
    DELIVER,
    HAS_ROOM,
    capabilities_of,
    carries,
    is_long,
    tag_of,
)
from .enqueue import BLOCK_AND_HELP, ENQUEUE_SENDER
from .notify import REMOVE_SERVER
from .resume import PREEMPT, RESUME_ON, own_idle_context, payer_of
from .steps import (
    HANDLE,
    TAG,
    WINDOW,
    constant,
    core_index,
    error_of,
    first_server,
    live_gate,
    note_taken,
    put_chosen,
    tell,
)
from .wheel import DROP_DEADLINE, SET_DEADLINE, band_of

# The register of a deadline.
DEADLINE = 20

# The fields that link a caller and its server.
LINKED = frozenset({"Thread.WAIT", "Thread.CALLER"})


def refuse_current(it: Walk, thread: Object, error: Word) -> None:
    """A thread that made a message call is told that it was refused, and goes on."""
    tell(it, thread, constant(it, "tag.REFUSAL") | error)
    it.finish()


def may(it: Walk, capability: Word, right: str) -> z3.BoolRef:
    """Whether word 1 of a capability has a right."""
    return z3.Extract(63, 56, capability) & it.rights(right) != 0


def first_of(*errors: tuple[z3.BoolRef, Word]) -> Word:
    """The first error whose condition holds; 0 for none."""
    found = word(0)
    for condition, error in reversed(errors):
        found = z3.If(condition, error, found)
    return found


def check_outgoing(
    it: Walk, sender: Object, tag: Word, may_grant: z3.BoolRef
) -> tuple[Word | None, bool]:
    """What is wrong with what a thread wants to send, if anything; whether capabilities come along."""
    names, count = it.layout.constants, capabilities_of(tag)
    is_slow = tag & constant(it, "tag.SLOW_BITS") != 0
    is_unknown = tag & constant(it, "tag.KERNEL_BITS") != 0
    is_buffered = is_long(it.now, tag)
    with it.when(z3.And(is_slow, is_buffered)):
        buffer = sender["BUFFER"]
    length = z3.ZeroExt(48, z3.Extract(31, 16, tag))
    is_too_long = z3.UGT(length, constant(it, "tag.BUFFER_BYTES"))
    error = first_of(
        (z3.Not(is_slow), word(0)),
        (z3.Or(is_unknown, z3.UGT(count, names["WINDOW_LIMIT"])), error_of(it, "BadArgument")),
        (z3.And(is_buffered, is_too_long), error_of(it, "TooLong")),
        (z3.And(is_buffered, buffer == 0), error_of(it, "NoBuffer")),
        (z3.And(count != 0, z3.Not(may_grant)), error_of(it, "NoRight")),
    )
    if it.holds(error != 0):
        return error, False
    if it.holds(count == 0):
        return None, False
    error = it.do(CHECK_CAPABILITIES, sender, count)
    return None if it.holds(error == 0) else error, True


def check_incoming(it: Walk, receiver: Object, tag: Word, carries_some: bool) -> Word | None:
    """Why a thread cannot take a message, with capabilities or without, if it cannot."""
    with it.when(is_long(it.now, tag)):
        buffer = receiver["BUFFER"]
    if it.holds(z3.And(is_long(it.now, tag), buffer == 0)):
        return error_of(it, "NoBuffer")
    if not carries_some:
        return None
    room = it.do(HAS_ROOM, receiver, capabilities_of(tag))
    return error_of(it, "NoSlots") if it.holds(room == 0) else None


def ready_server(it: Walk, endpoint: Object) -> Object:
    """The server that takes the next message at a living endpoint, if one receives."""
    core = core_index(it)
    it.assume(*queues.receiver_is_sound(it.before, endpoint.number, core))
    it.assume(*queues.receiver_waits(it.before, endpoint.number, core))
    return it.thing("Thread", first_server(it, endpoint, core))


def forget_deadline(it: Walk, thread: Object) -> None:
    """A thread waits no more until a time."""
    if it.holds(thread["SPECIAL"] & constant(it, "special.DEADLINE") != 0):
        it.do(DROP_DEADLINE, thread)


def take_server(it: Walk, server: Object, endpoint: Object) -> None:
    """A server goes out of the list of those that receive."""
    core, following = core_index(it), it.follow(server, "NEXT")
    put_chosen(it, endpoint, "SERVERS", core, it.link(following), 2)
    note_taken(it, server, endpoint)
    with it.when(following.number != 0):
        following["PREV"] = 0
    server["NEXT"] = 0
    forget_deadline(it, server)


def link_call(it: Walk, caller: Object, server: Object, reason: str) -> None:
    """A server serves a caller, which waits for the reply."""
    link = server["LINK"] & ~constant(it, "wait.REASON")
    caller["WAIT"] = link | constant(it, f"wait.{reason}")
    server["CALLER"] = caller["LINK"]
    server["WAIT"] = 0


def remember(it: Walk, *threads: Object) -> None:
    """What procedures left as it was of threads that exchange a message."""
    for thread in threads:
        for field in ("ID", "LINK", "BUFFER"):
            it.still(thread, field)


def note_sending(it: Walk, sender: Object, what: Word, badge: Word, capability: Word) -> None:
    """What a sender sends is written down."""
    sender["SENDING"] = what
    sender["BADGE"] = badge
    sender["SENT_THROUGH"] = capability
    sender["WINDOW"] = sender.at("X", WINDOW)


def find_send_gate(it: Walk, thread: Object, handle: Word) -> tuple[Object, Object, Word]:
    """Gate, endpoint and capability of a handle with the right to send."""
    with it.elsewhere():
        return live_gate(it, thread, handle)


def send_message(
    it: Walk, what: Word, is_patient: z3.BoolRef, refused: Callable[[Word], None]
) -> bool:
    """The thread that runs sends a message; whether it was not refused."""
    sender = it.current()
    gate, endpoint, capability = find_send_gate(it, sender, sender.at("X", HANDLE))
    it.assume(*queues.busy_is_itself(it.before, sender.number))
    it.assume(*queues.caller_has_time(it.before))
    it.still(it.core, "CONTEXT")
    tag, badge = sender.at("X", TAG), gate["BADGE"]
    error, carries_some = check_outgoing(it, sender, tag, may(it, capability, "GRANT"))
    if error is not None:
        refused(error)
        return False
    server = ready_server(it, endpoint)
    if it.holds(server.number == 0):
        it.refuse("WouldBlock", z3.Not(is_patient))
        note_sending(it, sender, what, badge, capability)
        it.do(ENQUEUE_SENDER, sender, gate, endpoint)
        it.still(it.core, "CONTEXT")
        it.do(BLOCK_AND_HELP, endpoint)
        return True
    it.assume(*queues.busy_is_itself(it.before, server.number))
    it.partner(server, "GRANT")
    error = check_incoming(it, server, tag, carries_some)
    if error is not None:
        refused(error)
        return False
    if it.holds(what == constant(it, "sending.ONE_WAY")):
        refused(it.do(DELIVER_ONE_WAY, sender, server, badge))
        return False
    note_sending(it, sender, what, badge, capability)
    take_server(it, server, endpoint)
    remember(it, sender, server)
    it.do(DELIVER, sender, server, tag, badge)
    remember(it, sender, server)
    link_call(it, sender, server, "REPLY")
    it.core["CURRENT"] = it.link(server)
    return True


def call(it: Walk) -> None:
    """The thread that runs calls a server, and waits for the reply."""
    sender = it.current()

    def refused(error: Word) -> None:
        refuse_current(it, sender, error)

    it.on_refusal = refused
    if send_message(it, constant(it, "sending.CALL"), z3.BoolVal(True), refused):
        it.finish()


def send_other(it: Walk, what: Word, refuses: Word) -> None:
    """The thread that runs sends a message in some way; answers an error, or 0."""
    it.on_refusal = it.answer
    if send_message(it, what, z3.Extract(0, 0, refuses) == 0, it.answer):
        it.answer(0)


def deliver_one_way(it: Walk, link: Word, server_link: Word, badge: Word) -> None:
    """A server that waits gets a message that needs no reply; answers an error, or 0."""
    sender, server = it.thing("Thread", link), it.thing("Thread", server_link)
    own = own_idle_context(it, server)
    if it.holds(own == 0):
        return it.answer(error_of(it, "NoTime"))
    it.do(REMOVE_SERVER, server)
    kinds = constant(it, "tag.KERNEL_BITS")
    tag = sender.at("X", TAG) & ~kinds | constant(it, "tag.ONE_WAY")
    remember(it, sender, server)
    it.do(DELIVER, sender, server, tag, badge)
    tell(it, sender, constant(it, "tag.NONE"))
    it.do(RESUME_ON, server, own)
    it.do(PREEMPT)
    it.answer(0)


def call_until(it: Walk) -> None:
    """`call`, with a time until which it waits."""
    sender, band = it.current(), band_of(payer_of(it))
    it.assume(*queues.caller_has_time(it.before))
    when = sender.at("X", DEADLINE)
    if it.holds(z3.ULE(when, it.clock())):
        return refuse_current(it, sender, error_of(it, "TimedOut"))
    error = it.do(SEND_OTHER, constant(it, "sending.CALL"), word(0))
    if it.holds(error != 0):
        return refuse_current(it, sender, error)
    it.do(SET_DEADLINE, sender, when, band)
    it.finish()


def _of_pair(state: KernelState, sender: Word, server: Word, badge: Word) -> list[z3.BoolRef]:
    """A server receives, and gets what the sender's tag says."""
    receives = queues.waits_for(state, number_of(server), "RECEIVE")
    return [*carries(state, sender, server, tag_of(state, sender), badge), receives]


def _of_way(state: KernelState, what: Word, _refuses: Word) -> list[z3.BoolRef]:
    """A call, or one-way."""
    names = state.layout.constants
    return [z3.Or(*(what == names[f"sending.{way}"] for way in ("CALL", "ONE_WAY")))]


_ONE_WAY = REMOVE_SERVER.changes | DELIVER.changes | RESUME_ON.changes | PREEMPT.changes
_SEND = (
    _ONE_WAY
    | LINKED
    | ENQUEUE_SENDER.changes
    | BLOCK_AND_HELP.changes
    | DROP_DEADLINE.changes
    | {f"Thread.{field}" for field in ("SENDING", "BADGE", "SENT_THROUGH", "WINDOW")}
    | {"Endpoint.SERVERS", "Endpoint.TAKEN", "Core.CURRENT"}
)

_CALL = _SEND | SET_DEADLINE.changes | {"Thread.X", "Thread.PSTATE"}

DELIVER_ONE_WAY = Procedure("deliver_one_way", deliver_one_way, 3, _ONE_WAY, _of_pair)
SEND_OTHER = Procedure("send_other", send_other, 2, _SEND, _of_way, is_call=True)
CALL = Procedure("call", call, 0, _CALL, is_call=True)
CALL_UNTIL = Procedure("call_until", call_until, 0, _CALL, is_call=True)

PROCEDURES = (DELIVER_ONE_WAY, SEND_OTHER, CALL, CALL_UNTIL)
