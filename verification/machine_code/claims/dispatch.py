"""Message calls by their numbers: which function does each, and those that are done here."""

from __future__ import annotations

import z3

from .. import queues
from ..kernel_state import KernelState
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..walk import Walk
from .deliver import ACCEPT, CHECK_ANSWER
from .enqueue import HAND_BACK
from .give import GIVE_ANSWER
from .lend import CONTINUE_ON
from .message import CALL, CALL_UNTIL, DEADLINE, SEND_OTHER, refuse_current, remember
from .page_range import RANGES, is_one_of
from .range_call import RANGE_CALL
from .receive import RECEIVE, REPLY_RECEIVE, answer_caller, is_fault
from .resume import PREEMPT, RESUME_ON, payer_of
from .stop import UNLINK_REPLY
from .steps import HANDLE, TAG, constant, error_of
from .wait import START_WAITING, TRY_WAIT
from .wheel import SET_DEADLINE, band_of

# The calls that `message_call` leaves to `other_message_call`.
OTHERS = (
    "Receive",
    "Send",
    "TryCall",
    "TrySend",
    "TryReceive",
    "Reply",
    "ReplyTo",
    "Wait",
    "TryWait",
    "ReceiveUntil",
    "WaitUntil",
)
# In the order in which their code reads the time.
WITH_DEADLINE = ("ReceiveUntil", "WaitUntil")

# The message calls that are functions of their own.
OWN = {"Call": CALL, "ReplyReceive": REPLY_RECEIVE, "CallUntil": CALL_UNTIL}


def end_with(it: Walk, thread: Object, error: Word) -> None:
    """A message call ends: refused, if there is an error."""
    if it.holds(error != 0):
        return refuse_current(it, thread, error)
    it.finish()


def reply(it: Walk, server: Object) -> None:
    """A server answers its caller, and goes on with its own time."""
    it.refuse("NoTime", server["OWN_CONTEXT"] == 0)
    answered = answer_caller(it, server)
    it.do(ACCEPT, server)
    it.do(HAND_BACK, server, answered)
    it.do(CONTINUE_ON, server, word(0))
    it.finish()


def reply_to(it: Walk, server: Object) -> None:
    """A server answers a caller that was saved."""
    held = it.find(server.at("X", HANDLE), "Reply", "WRITE")
    caller = it.follow(held, "CALLER")
    if it.holds(caller.number == 0):
        is_stale = held["STALE"] != 0
        held["STALE"] = 0
        errors = error_of(it, "Died"), error_of(it, "NoCaller")
        return refuse_current(it, server, z3.If(is_stale, *errors))
    it.assume(*queues.held_is_saved(it.before, held.number))
    it.assume(*queues.holder_is_sound(it.before, caller.number))
    it.assume(*queues.busy_is_itself(it.before, server.number))
    it.partner(caller, "GRANT_REPLY")
    was_fault = is_fault(it, caller["WAIT"], "SAVED_FAULT")
    error = it.do(CHECK_ANSWER, server, caller, was_fault)
    if it.holds(error != 0):
        return refuse_current(it, server, error)
    it.do(UNLINK_REPLY, held, caller)
    caller["WAIT"] = 0
    server.at("X", TAG)
    remember(it, server)
    it.do(GIVE_ANSWER, server, caller, was_fault)
    it.do(ACCEPT, server)
    it.do(RESUME_ON, caller, caller["CONTEXT"])
    it.do(PREEMPT)
    it.finish()


def until(it: Walk, thread: Object, call: str) -> None:
    """A thread receives, or waits for signals, until a time; what is there is taken in any case."""
    it.assume(*queues.caller_has_time(it.before))
    band, when = band_of(payer_of(it)), thread.at("X", DEADLINE)
    is_over = z3.ULE(when, it.clock(WITH_DEADLINE.index(call)))
    is_receive = call == "ReceiveUntil"
    if it.holds(is_over):
        error = it.do(RECEIVE, thread, word(1)) if is_receive else it.do(TRY_WAIT, thread)
        blocks = error == error_of(it, "WouldBlock")
        return end_with(it, thread, z3.If(blocks, error_of(it, "TimedOut"), error))
    error = it.do(RECEIVE, thread, word(0)) if is_receive else it.do(START_WAITING, thread)
    if it.holds(error != 0):
        return refuse_current(it, thread, error)
    it.do(SET_DEADLINE, thread, when, band)
    it.finish()


def send_so(it: Walk, thread: Object, way: str, *, refuses: bool) -> None:
    """A thread sends in some way."""
    what = constant(it, f"sending.{way}")
    end_with(it, thread, it.do(SEND_OTHER, what, word(int(refuses))))


def other_message_call(it: Walk, number: Word) -> None:
    """The message calls that are no functions of their own."""
    current = it.current()
    it.on_refusal = lambda error: refuse_current(it, current, error)
    call = next(name for name in OTHERS if is_number(it, number, name))
    if call in WITH_DEADLINE:
        return until(it, current, call)
    tell = {
        "Receive": lambda: end_with(it, current, it.do(RECEIVE, current, word(0))),
        "TryReceive": lambda: end_with(it, current, it.do(RECEIVE, current, word(1))),
        "Send": lambda: send_so(it, current, "ONE_WAY", refuses=False),
        "TryCall": lambda: send_so(it, current, "CALL", refuses=True),
        "TrySend": lambda: send_so(it, current, "ONE_WAY", refuses=True),
        "Reply": lambda: reply(it, current),
        "ReplyTo": lambda: reply_to(it, current),
        "Wait": lambda: end_with(it, current, it.do(START_WAITING, current)),
        "TryWait": lambda: end_with(it, current, it.do(TRY_WAIT, current)),
    }
    tell[call]()


def is_number(it: Walk, number: Word, call: str) -> bool:
    """Whether the number is that of a call; the last one is left if it is none of the others."""
    is_it = number == constant(it, f"SystemCall.{call}")
    return call == OTHERS[-1] or it.holds(is_it)


def message_call(it: Walk, number: Word) -> None:
    """The thread that runs makes a message call, or one on a range of pages."""
    for call, procedure in OWN.items():
        if it.holds(number == constant(it, f"SystemCall.{call}")):
            it.do(procedure)
            return it.finish()
    it.do(RANGE_CALL if it.holds(is_one_of(it.now, number, RANGES)) else OTHER, number)
    it.finish()


def _of_messages(state: KernelState, number: Word) -> list[z3.BoolRef]:
    return [is_one_of(state, number, (*OWN, *RANGES, *OTHERS))]


def _of_others(state: KernelState, number: Word) -> list[z3.BoolRef]:
    return [is_one_of(state, number, OTHERS)]


_OTHER = (
    RECEIVE.changes
    | SEND_OTHER.changes
    | START_WAITING.changes
    | TRY_WAIT.changes
    | REPLY_RECEIVE.changes
    | UNLINK_REPLY.changes
    | CONTINUE_ON.changes
    | SET_DEADLINE.changes
    | {"Reply.STALE", "Thread.X", "Thread.PSTATE"}
)

OTHER = Procedure("other_message_call", other_message_call, 1, _OTHER, _of_others, is_call=True)
MESSAGE_CALL = Procedure(
    "message_call", message_call, 1, _OTHER | RANGE_CALL.changes, _of_messages, is_call=True
)

PROCEDURES = (OTHER, MESSAGE_CALL)


def name_of(call: str) -> str:
    """The name of a system call in the ABI, by that of its variant."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in call).lstrip("_")


# The system calls that have more than a function of their own, and those that do each.
SHARED = {name_of(call): ("message_call", OTHER.function) for call in OTHERS}
SHARED |= {name_of(call): ("message_call", own.function) for call, own in OWN.items()}
SHARED |= {name_of(call): ("message_call", "range_call", "range_step") for call in RANGES}
SHARED["wait"] += ("wait_for_signal",)
SHARED["destroy"] = ("destroy", "destroy_elsewhere")
