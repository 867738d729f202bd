"""Messages, from the registers of one thread to those of another: what is checked, what is moved."""

from __future__ import annotations

import z3

from .. import invariants, queues
from ..copying import COPY_MESSAGE
from ..kernel_state import NULL_SLOTS, KernelState, Slot, number_of
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..walk import Answers, Walk, choose
from .notify import of_thread
from .steps import MESSAGE_WORDS, TAG, tell

# The message word that holds the first capability's handle.
FIRST_CAPABILITY_WORD = 12
# Loops over the capabilities of a message, at most four, look before each round, or behind it.
BEFORE, BEHIND = 4, 3


def window_slot(it: Walk, link: Word, window: Word, index: Word) -> None:
    """The place for a capability in a window: chunk and slot; none if there is no such slot."""
    receiver = it.thing("Thread", link)
    number = _base(window) + index
    if it.holds(number == 0):
        return _none(it)
    table = receiver.target("TABLE")
    if it.holds(table.number == 0):
        return _none(it)
    exists, chunk = it.chunk_of(table, number)
    if it.holds(z3.Not(exists)):
        return _none(it)
    found = {"*0": word(1), "*8": chunk, "*16": z3.ZeroExt(56, z3.Extract(7, 0, number))}
    it.end("found", z3.BoolVal(True), found)


def _none(it: Walk) -> None:
    it.end("none", z3.BoolVal(True), {"*0": word(0)})


def _base(window: Word) -> Word:
    """The slot at which a window begins."""
    return z3.ZeroExt(32, z3.Extract(31, 0, window))


def _find_place(it: Walk, receiver: Object, window: Word, index: int) -> tuple[z3.BoolRef, Slot]:
    """Whether a window has a place for a capability, and that."""
    found, chunk, at = it.do_out(WINDOW_SLOT, receiver, window, word(index))
    exists = found == 1
    return exists, it.slot(number_of(chunk), z3.Extract(7, 0, at), exists)


def has_room(it: Walk, link: Word, count: Word) -> None:
    """Whether the window of a receiver has so many empty slots."""
    receiver = it.thing("Thread", link)
    window = receiver["WINDOW"]
    limit = it.layout.constants["WINDOW_LIMIT"]
    slots = z3.LShR(window, 32)
    slots = z3.If(z3.ULT(slots, limit), slots, word(limit))
    if it.holds(z3.UGT(count, slots)):
        return it.answer(0)
    for index in range(limit):
        if it.holds(count == index):
            return it.answer(1)
        exists, slot = _find_place(it, receiver, window, index)
        if it.holds(z3.Not(z3.And(exists, slot.word == 0))):
            return it.answer(0)
    it.answer(1)


def outgoing_capability(it: Walk, link: Word, index: Word) -> None:
    """A capability that a sender wants to send, or the error."""
    it.failure = lambda error: {"*0": word(1), "*8": error}
    sender = it.thing("Thread", link)
    handles = []
    for at in range(it.layout.constants["WINDOW_LIMIT"]):
        with it.when(index == at):
            handles.append(sender.at("X", FIRST_CAPABILITY_WORD + at))
    slot = it.capability(sender, choose(z3.Extract(1, 0, index), handles))
    it.end("found", z3.BoolVal(True), {"*0": word(0), "*8": slot.id, "*16": slot.word})


def check_capabilities(it: Walk, link: Word, count: Word) -> None:
    """Whether a sender has all capabilities that it wants to send: 0, or the error."""
    sender = it.thing("Thread", link)
    for index in range(it.layout.constants["WINDOW_LIMIT"]):
        is_error, error, _ = it.do_out(OUTGOING_CAPABILITY, sender, word(index))
        if it.holds(is_error != 0):
            return it.answer(error)
        if it.holds(count == index + 1):
            return it.answer(0)


def check_answer(it: Walk, link: Word, caller_link: Word, is_fault: Word) -> None:
    """Whether the message of a server can answer a caller: 0, or the error."""
    names, errors = it.layout.constants, it.layout.errors
    server, caller = it.thing("Thread", link), it.thing("Thread", caller_link)
    tag = server.at("X", TAG)
    slow = tag & names["tag.SLOW_BITS"] != 0
    if it.holds(z3.Extract(0, 0, is_fault) == 1):
        is_known = z3.ULE(tag & 0xFFFF, names["FaultReply.Rewrite"])
        is_good = z3.And(z3.Not(slow), is_known)
        return it.answer(z3.If(is_good, word(0), word(errors["BadArgument"])))
    if it.holds(z3.Not(slow)):
        return it.answer(0)
    count = capabilities_of(tag)
    is_unknown = tag & names["tag.KERNEL_BITS"] != 0
    if it.holds(z3.Or(is_unknown, z3.UGT(count, names["WINDOW_LIMIT"]))):
        return it.answer(errors["BadArgument"])
    may_grant = z3.Extract(63, 56, caller["SENT_THROUGH"]) & it.rights("GRANT_REPLY") != 0
    if it.holds(tag & names["tag.LONG"] != 0):
        length = z3.ZeroExt(48, z3.Extract(31, 16, tag))
        if it.holds(z3.UGT(length, names["tag.BUFFER_BYTES"])):
            return it.answer(errors["TooLong"])
        if it.holds(server["BUFFER"] == 0):
            return it.answer(errors["NoBuffer"])
        if it.holds(count == 0):
            return it.answer(0)
    if it.holds(z3.Not(may_grant)):
        return it.answer(errors["NoRight"])
    it.answer(it.do(CHECK_CAPABILITIES, server, count))


def deliver_capabilities(it: Walk, link: Word, receiver_link: Word, tag: Word) -> None:
    """Capabilities come into a window, if all fit; the receiver is told their slots, else 0."""
    sender, receiver = it.thing("Thread", link), it.thing("Thread", receiver_link)
    count, window = capabilities_of(tag), receiver["WINDOW"]
    fits = it.do(HAS_ROOM, receiver, count) == 1
    for index in range(it.layout.constants["WINDOW_LIMIT"]):
        if it.holds(count == index):
            return it.finish()
        is_error, identity, content = it.do_out(OUTGOING_CAPABILITY, sender, word(index))
        exists, slot = _find_place(it, receiver, window, index)
        is_moved = z3.And(fits, is_error == 0, exists)
        with it.when(is_moved):
            it.fill(slot, identity, content)
        told = z3.If(is_moved, _base(window) + index, word(0))
        receiver.put("X", FIRST_CAPABILITY_WORD + index, told)
    it.finish()


def deliver_extras(it: Walk, link: Word, receiver_link: Word, tag: Word, badge: Word) -> None:
    """What does not travel in registers, and the end of the delivery."""
    sender, receiver = it.thing("Thread", link), it.thing("Thread", receiver_link)
    if it.holds(capabilities_of(tag) != 0):
        it.do(DELIVER_CAPABILITIES, sender, receiver, tag)
    if it.holds(is_long(it.now, tag)):
        for thread in (sender, receiver):
            it.assume(*queues.buffer_is_user(it.before, thread.number))
        length = z3.ZeroExt(48, z3.Extract(31, 16, tag))
        most = it.layout.constants["tag.BUFFER_BYTES"]
        length = z3.If(z3.ULT(length, most), length, word(most))
        it.do(COPY_MESSAGE, sender["BUFFER"], receiver["BUFFER"], length)
    tell(it, receiver, tag, badge)
    it.finish()


def deliver(it: Walk, link: Word, receiver_link: Word, tag: Word, badge: Word) -> None:
    """A receiver gets the message of a sender, with a tag and a badge."""
    sender, receiver = it.thing("Thread", link), it.thing("Thread", receiver_link)
    for first in range(0, MESSAGE_WORDS, 4):
        places = range(first, first + 4)
        values = [sender.at("X", at) for at in places]
        for at, value in zip(places, values):
            receiver.put("X", at, value)
    if it.holds(tag & it.layout.constants["tag.SLOW_BITS"] != 0):
        it.do(DELIVER_EXTRAS, sender, receiver, tag, badge)
        return it.finish()
    tell(it, receiver, tag, badge)
    it.finish()


def accept(it: Walk, link: Word) -> None:
    """A thread is told that its message call succeeded."""
    tell(it, it.thing("Thread", link), 0)
    it.finish()


def is_long(state: KernelState, tag: Word) -> z3.BoolRef:
    """Whether a message is in the message buffer."""
    return tag & state.layout.constants["tag.LONG"] != 0


def capabilities_of(tag: Word) -> Word:
    """How many capabilities come along, in a word."""
    return z3.ZeroExt(61, z3.Extract(34, 32, tag))


def _answers_truth(
    _before: KernelState, _after: KernelState, answers: Answers, *_arguments: Word
) -> list[z3.BoolRef]:
    return [z3.ULE(answers[0], 1)]


def _answers_place(
    before: KernelState, _after: KernelState, answers: Answers, *_arguments: Word
) -> list[z3.BoolRef]:
    """If there is a place, it is a slot."""
    found, chunk, index = answers
    is_chunk = z3.And(*queues.names(before, chunk, "Slots"), z3.ULE(index, 255))
    return [z3.ULE(found, 1), z3.Implies(found == 1, is_chunk)]


def _answers_capability(
    before: KernelState, _after: KernelState, answers: Answers, *_arguments: Word
) -> list[z3.BoolRef]:
    """What is found is sound in any slot; else it is an error."""
    is_error, identity, content = answers
    error = identity == before.layout.errors["BadHandle"]
    held = Slot(NULL_SLOTS, z3.BitVecVal(0, 2), identity, content)
    right = z3.And(content != 0, invariants.is_capability(before, held))
    return [z3.ULE(is_error, 1), z3.If(is_error == 0, right, error)]


def _answers_error(
    before: KernelState, _after: KernelState, answers: Answers, *_arguments: Word
) -> list[z3.BoolRef]:
    return [z3.Or(answers[0] == 0, answers[0] == before.layout.errors["BadHandle"])]


def is_live(state: KernelState, thread: Word) -> z3.BoolRef:
    """A word names a thread that was not destroyed."""
    return z3.And(*of_thread(state, thread), state.is_live(number_of(thread), "Thread"))


def _of_sender(state: KernelState, sender: Word, count: Word) -> list[z3.BoolRef]:
    limit = state.layout.constants["WINDOW_LIMIT"]
    return [is_live(state, sender), count != 0, z3.ULE(count, limit)]


def tag_of(state: KernelState, thread: Word) -> Word:
    """The tag of the message that a thread sends."""
    return state.memory.field(number_of(thread), state.layout.word("Thread.X") + TAG)


def _of_answer(
    state: KernelState, server: Word, caller: Word, is_fault: Word
) -> list[z3.BoolRef]:
    is_fault = z3.Extract(0, 0, is_fault) == 1
    may_carry = z3.And(z3.Not(is_fault), capabilities_of(tag_of(state, server)) != 0)
    both = [*of_thread(state, server), *of_thread(state, caller)]
    return [*both, z3.Implies(may_carry, is_live(state, server))]


def _is_checked(
    before: KernelState,
    _after: KernelState,
    answers: Answers,
    server: Word,
    _caller: Word,
    is_fault: Word,
) -> list[z3.BoolRef]:
    """An error, or 0; then a long message has a buffer."""
    errors = [answers[0] == number for number in before.layout.errors.values()]
    is_fault = z3.Extract(0, 0, is_fault) == 1
    tag, buffer = tag_of(before, server), before.field(number_of(server), "Thread.BUFFER")
    is_message = z3.And(answers[0] == 0, z3.Not(is_fault))
    has_buffer = z3.Implies(z3.And(is_message, is_long(before, tag)), buffer != 0)
    return [z3.Or(answers[0] == 0, *errors), has_buffer]


def carries(state: KernelState, sender: Word, receiver: Word, tag: Word, *_: Word) -> list[z3.BoolRef]:
    """Both are threads; who sends capabilities was not destroyed, and long messages have buffers."""
    threads = [number_of(thread) for thread in (sender, receiver)]
    has = [state.field(thread, "Thread.BUFFER") != 0 for thread in threads]
    return [
        *of_thread(state, sender),
        *of_thread(state, receiver),
        z3.Implies(capabilities_of(tag) != 0, is_live(state, sender)),
        z3.Implies(is_long(state, tag), z3.And(*has)),
    ]


def _of_capabilities(
    state: KernelState, sender: Word, receiver: Word, _tag: Word
) -> list[z3.BoolRef]:
    return [is_live(state, sender), *of_thread(state, receiver)]


_NOTHING: frozenset[str] = frozenset()
_CAPABILITIES = frozenset({"Thread.X", "slot"})
_FINISH = frozenset({"Thread.X", "Thread.PSTATE"})
_DELIVER = _CAPABILITIES | COPY_MESSAGE.changes | _FINISH

WINDOW_SLOT = Procedure(
    "window_slot",
    window_slot,
    3,
    _NOTHING,
    lambda s, receiver, _, index: [*of_thread(s, receiver), z3.ULT(index, 4)],
    _answers_place,
    out_words=3,
)
HAS_ROOM = Procedure(
    "has_room",
    has_room,
    2,
    _NOTHING,
    lambda s, receiver, _: of_thread(s, receiver),
    _answers_truth,
    rounds=BEFORE,
)
OUTGOING_CAPABILITY = Procedure(
    "outgoing_capability",
    outgoing_capability,
    2,
    _NOTHING,
    lambda s, sender, index: [is_live(s, sender), z3.ULT(index, 4)],
    _answers_capability,
    out_words=3,
)
CHECK_CAPABILITIES = Procedure(
    "check_capabilities",
    check_capabilities,
    2,
    _NOTHING,
    _of_sender,
    _answers_error,
    rounds=BEHIND,
)
CHECK_ANSWER = Procedure("check_answer", check_answer, 3, _NOTHING, _of_answer, _is_checked)
DELIVER_CAPABILITIES = Procedure(
    "deliver_capabilities",
    deliver_capabilities,
    3,
    _CAPABILITIES,
    _of_capabilities,
    rounds=BEHIND,
)
DELIVER_EXTRAS = Procedure("deliver_extras", deliver_extras, 4, _DELIVER, carries)
DELIVER = Procedure("deliver", deliver, 4, _DELIVER, carries)
ACCEPT = Procedure("accept", accept, 1, _FINISH, of_thread)

PROCEDURES = (
    WINDOW_SLOT,
    OUTGOING_CAPABILITY,
    HAS_ROOM,
    CHECK_CAPABILITIES,
    CHECK_ANSWER,
    DELIVER_CAPABILITIES,
    DELIVER_EXTRAS,
    DELIVER,
    ACCEPT,
)
