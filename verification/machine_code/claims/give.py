"""Answers, faults and signals: what a thread gets that waits for them."""

from __future__ import annotations

import z3

from ..kernel_state import KernelState, number_of
from ..procedure import Procedure
from ..queues import is_own_link, names
from ..telling import Object, Word, word
from ..walk import Answers, Walk
from .deliver import DELIVER, capabilities_of, is_live, is_long, tag_of
from .notify import of_thread
from .steps import TAG, tell
from .stop import REFUSE_WAITER
from .thread import set_flags

# Of the registers: where a function returns to.
LINK_REGISTER = 30
# `SPSR_EL1.SS`.
STEP_STATE = 1 << 21
INSTRUCTION_BYTES = 4
WORD_BYTES_SHIFT = 3
# What a fault message has after its own words: its length, in the tag.
FAULT_LENGTH = 128 << 16


def deliver_fault(it: Walk, link: Word, server_link: Word, badge: Word) -> None:
    """A server gets the fault of a thread."""
    thread, server = it.thing("Thread", link), it.thing("Thread", server_link)
    names = it.layout.constants
    cause, address, syndrome = (thread.at("FAULT", at) for at in range(3))
    flags = thread["PSTATE"] & names["PROGRAM_STATE"]
    first = [cause, thread["PC"], address, syndrome, thread["SP"], thread.at("X", LINK_REGISTER)]
    registers = [thread.at("X", at) for at in range(names["FAULT_REGISTERS"])]
    values = [*first, *registers, flags]
    # In the order of the code's stores.
    for at in (*range(len(first)), 14, 15, *range(len(first), 14)):
        server.put("X", at, values[at])
    tell(it, server, names["tag.FAULT"] | FAULT_LENGTH, badge)
    it.finish()


def rewrite(it: Walk, link: Word, server_link: Word, tag: Word) -> None:
    """A thread gets the registers that the answer to its fault covers."""
    thread, server = it.thing("Thread", link), it.thing("Thread", server_link)
    names = it.layout.constants
    most = z3.If(is_long(it.now, tag), word(names["tag.BUFFER_BYTES"]), names["tag.REGISTER_BYTES"])
    length = z3.ZeroExt(48, z3.Extract(31, 16, tag))
    count = z3.LShR(z3.If(z3.ULT(length, most), length, most), WORD_BYTES_SHIFT)
    for name, field in (("ProgramCounter", "PC"), ("StackPointer", "SP")):
        at = names[f"FaultWord.{name}"]
        with it.when(z3.UGT(count, at)):
            thread[field] = server.at("X", at)
    at = names["FaultWord.LinkRegister"]
    with it.when(z3.UGT(count, at)):
        thread.put("X", LINK_REGISTER, server.at("X", at))
    for register in range(names["FAULT_REGISTERS"]):
        at = names["FaultWord.Register0"] + register
        with it.when(z3.UGT(count, at)):
            thread.put("X", register, server.at("X", at))
    at, mask = names["FaultWord.Flags"], word(names["PROGRAM_STATE"])
    with it.when(z3.UGT(count, at)):
        thread["PSTATE"] = (thread["PSTATE"] & ~mask) | (server.at("X", at) & mask)
    it.finish()


def _step(it: Walk, thread: Object) -> None:
    """A thread executes one instruction."""
    thread["PSTATE"] = thread["PSTATE"] | STEP_STATE
    old = thread["FLAGS"]
    flags = old | it.layout.constants["flag.STEPPING"]
    if it.holds(flags != old):
        set_flags(it, thread, flags)
    it.finish()


def _finish_fault(it: Walk, thread: Object, server: Object, tag: Word) -> None:
    """Does with a thread what the answer to its fault says."""
    names = it.layout.constants
    thread["SENDING"] = names["sending.CALL"]

    def says(reply: str) -> bool:
        return it.holds(tag & 0xFFFF == names[f"FaultReply.{reply}"])

    if says("Rewrite"):
        it.do(REWRITE, thread, server, tag)
        it.still(server, "LINK")
    elif says("Step"):
        return _step(it, thread)
    elif says("ContinueAt"):
        thread["PC"] = server.at("X", 0)
    elif says("Skip"):
        thread["PC"] = thread["PC"] + INSTRUCTION_BYTES
    elif not says("Retry"):
        thread["STATE"] = names["state.STOPPED"]
    it.finish()


def give_answer(it: Walk, link: Word, caller_link: Word, is_fault: Word) -> None:
    """A caller gets the answer of a server, which was checked."""
    server, caller = it.thing("Thread", link), it.thing("Thread", caller_link)
    tag = server.at("X", TAG)
    if it.holds(z3.Extract(0, 0, is_fault) == 1):
        return _finish_fault(it, caller, server, tag)
    if it.holds(is_long(it.now, tag)) and it.holds(caller["BUFFER"] == 0):
        it.do(REFUSE_WAITER, caller, word(it.layout.errors["NoBuffer"]))
    else:
        it.do(DELIVER, server, caller, tag, word(0))
    it.still(server, "LINK")
    it.finish()


def take_bits(it: Walk, link: Word) -> None:
    """All bits of a notification are taken; answers them."""
    notification = it.thing("Notification", link)
    bits = notification["BITS"]
    notification["BITS"] = 0
    bound = it.follow(notification, "BOUND")
    signalled = word(it.layout.constants["special.SIGNALLED"])
    with it.when(bound.number != 0):
        is_marked = bound["SPECIAL"] & signalled != 0
    with it.when(z3.And(bound.number != 0, is_marked)):
        bound["SPECIAL"] = bound["SPECIAL"] & ~signalled
    it.answer(bits)


def _of_both(state: KernelState, first: Word, second: Word, _: Word) -> list[z3.BoolRef]:
    return [*of_thread(state, first), *of_thread(state, second)]


def _of_answer(state: KernelState, server: Word, caller: Word, is_fault: Word) -> list[z3.BoolRef]:
    """Both are threads; an answer that is a message is such as was checked."""
    tag, is_message = tag_of(state, server), z3.Extract(0, 0, is_fault) == 0
    has_buffer = state.field(number_of(server), "Thread.BUFFER") != 0
    may_carry = z3.And(is_message, capabilities_of(tag) != 0)
    return [
        *_of_both(state, server, caller, is_fault),
        z3.Implies(may_carry, is_live(state, server)),
        z3.Implies(z3.And(is_message, is_long(state, tag)), has_buffer),
    ]


def _answers_bits(
    before: KernelState, _after: KernelState, answers: Answers, target: Word
) -> list[z3.BoolRef]:
    return [answers[0] == before.field(number_of(target), "Notification.BITS")]


def _stays_itself(
    before: KernelState, after: KernelState, _answers: Answers, server: Word, *_: Word
) -> list[z3.BoolRef]:
    """The server bears its own link afterwards, if it did before."""
    is_own = [is_own_link(state, number_of(server)) for state in (before, after)]
    return [z3.Implies(*is_own)]


_FAULT = frozenset({"Thread.X", "Thread.PSTATE"})
_REWRITE = _FAULT | {"Thread.PC", "Thread.SP"}
_FLAGS = frozenset(f"Thread.{field}" for field in ("FLAGS", "LINK", "SPECIAL", "MASK"))
_ANSWER = (
    DELIVER.changes | REFUSE_WAITER.changes | _REWRITE | _FLAGS | {"Thread.SENDING", "Thread.STATE"}
)

DELIVER_FAULT = Procedure("deliver_fault", deliver_fault, 3, _FAULT, _of_both)
REWRITE = Procedure("rewrite", rewrite, 3, _REWRITE, _of_both)
GIVE_ANSWER = Procedure("give_answer", give_answer, 3, _ANSWER, _of_answer, _stays_itself)
TAKE_BITS = Procedure(
    "take_bits",
    take_bits,
    1,
    frozenset({"Notification.BITS", "Thread.SPECIAL"}),
    lambda s, target: names(s, target, "Notification"),
    _answers_bits,
)

PROCEDURES = (DELIVER_FAULT, REWRITE, GIVE_ANSWER, TAKE_BITS)
