"""Run queues, and who runs next."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import z3

from .. import queues
from ..kernel_state import CORE, KernelState
from ..logic import conjunction
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..walk import Answers, Walk

CONTEXT = "SchedulingContext"


def _of_context(state: KernelState, context: Word) -> list[z3.BoolRef]:
    return queues.names(state, context, CONTEXT)


def mark(it: Walk, what: str) -> None:
    """The way out has to look at something."""
    it.core["PENDING"] = it.core["PENDING"] | it.layout.constants[f"pending.{what}"]


def priority_of(context: Object) -> Word:
    """The priority of a context, as an index of the queues."""
    return z3.Extract(7, 0, context["PRIORITY"])


def queued(it: Walk, field: str, priority: Word) -> Word:
    """The first or last context of a queue."""
    it.assume(*queues.element_is_sound(it.before, field, priority))
    return it.element(field, priority).read()


def mark_queued(it: Walk, context: Object) -> None:
    """A context is in the queue of its priority."""
    context["QUEUED"] = 1
    priority = priority_of(context)
    ready = it.element("READY", z3.Extract(7, 6, priority))
    ready.write(ready.read() | bit_of(priority))


def bit_of(priority: Word) -> Word:
    return word(1) << z3.ZeroExt(58, z3.Extract(5, 0, priority))


def _enqueue(it: Walk, link: Word, ends: tuple[str, str], links: tuple[str, str]) -> None:
    """A context comes to one end of the queue of its priority; links are away from that, and to it."""
    context, (here, there), (away, back) = it.thing(CONTEXT, link), ends, links
    priority = priority_of(context)
    neighbour = queued(it, here, priority)
    context[away] = neighbour
    context[back] = 0
    if it.holds(neighbour == 0):
        it.element(there, priority).write(link)
    else:
        it.thing(CONTEXT, neighbour)[back] = link
    it.element(here, priority).write(link)
    mark_queued(it, context)
    it.finish()


def enqueue_first(it: Walk, link: Word) -> None:
    """A context comes before the others of its priority."""
    _enqueue(it, link, ("QUEUE_HEAD", "QUEUE_TAIL"), ("NEXT", "PREV"))


def _has_ahead(state: KernelState) -> list[z3.BoolRef]:
    return [state.field(CORE, "Core.AHEAD") != 0]


def place_ahead(it: Walk) -> None:
    """The context that is ahead of the queues goes where it belongs."""
    ahead = it.follow(it.core, "AHEAD")
    it.core["AHEAD"] = 0
    it.do(ENQUEUE_FIRST, ahead)
    it.finish()


def settle_ahead(it: Walk) -> None:
    """The same, if there is one."""
    if it.holds(it.core["AHEAD"] != 0):
        it.do(PLACE_AHEAD)


def make_ready_first(it: Walk, context: Word) -> None:
    """A context that was interrupted comes first."""
    settle_ahead(it)
    it.do(ENQUEUE_FIRST, context)
    it.finish()


def enqueue_last(it: Walk, link: Word) -> None:
    """A context comes behind the others of its priority."""
    settle_ahead(it)
    _enqueue(it, link, ("QUEUE_TAIL", "QUEUE_HEAD"), ("PREV", "NEXT"))


def stop_helping(it: Walk) -> None:
    """The helper, if there is one, goes back to the front of its queue."""
    helper = it.follow(it.core, "HELPER")
    if it.holds(it.core["HELPER"] == 0):
        return it.finish()
    it.core["HELPER"] = 0
    it.do(MAKE_READY_FIRST, helper)
    mark(it, "TIME")
    it.finish()


def idle(it: Walk) -> None:
    """Nobody runs."""
    it.core["CONTEXT"] = 0
    it.core["CURRENT"] = 0
    mark(it, "TIME")
    it.done()


def help_later(it: Walk, helper: Word) -> None:
    """The way out finds whom a context helps; nobody runs until then."""
    it.do(MAKE_READY_FIRST, helper)
    mark(it, "WORK")
    it.do(IDLE)
    it.done()


def stop_and_switch(it: Walk) -> None:
    """The thread that was helped stops: the way out chooses who runs."""
    it.do(STOP_HELPING)
    mark(it, "WORK")
    it.do(IDLE)
    it.done()


def note_payer(it: Walk, payer: Object, priority: Word) -> None:
    """The timer may have to be set now that this context pays."""
    with it.when(z3.Or(payer["BUDGET"] != 0, z3.ULT(priority, it.core["CALM"]))):
        mark(it, "TIME")


def use_context(it: Walk, context: Object, thread: Word, priority: Word) -> None:
    """A thread runs on a context, which is in no queue."""
    it.core["CONTEXT"] = it.link(context)
    it.core["CURRENT"] = thread
    note_payer(it, context, priority)


def ready_words(it: Walk) -> list[Word]:
    """Of which priorities contexts are queued, 64 at a time."""
    return [it.core.at("READY", at) for at in range(4)]


def first_priority(words: list[Word]) -> Word:
    """The highest priority of which a context is queued, if one is."""

    def highest(bits: Word) -> Word:
        number = z3.BitVecVal(0, 6)
        for bit in range(1, 64):
            number = z3.If(z3.Extract(bit, bit, bits) == 1, z3.BitVecVal(bit, 6), number)
        return number

    found = [z3.Concat(z3.BitVecVal(at, 2), highest(bits)) for at, bits in enumerate(words)]
    return reduce(lambda low, at: z3.If(words[at] != 0, found[at], low), range(1, 4), found[0])


def is_nobody_ready(it: Walk) -> z3.BoolRef:
    """No context is queued."""
    return conjunction(bits == 0 for bits in ready_words(it))


def switch_to_first(it: Walk, priority: Word, end: Callable[[], None]) -> None:
    """The first context of a queue is used, or helps later; then it ends."""
    it.assume(*queues.ready_is_true(it.before, priority))
    it.assume(*queues.head_is_sound(it.before, priority))
    link = queued(it, "QUEUE_HEAD", priority)
    context = it.thing(CONTEXT, link)
    following = it.follow(context, "NEXT")
    it.element("QUEUE_HEAD", priority).write(it.link(following))
    is_last = following.number == 0
    with it.when(z3.Not(is_last)):
        following["PREV"] = 0
        with it.when(it.core["SLICE"] == 0):
            mark(it, "TIME")
    with it.when(is_last):
        it.element("QUEUE_TAIL", priority).write(0)
        ready = it.element("READY", z3.Extract(7, 6, priority))
        ready.write(ready.read() & ~bit_of(priority))
    context["NEXT"] = 0
    context["QUEUED"] = 0
    thread = it.follow(context, "RUNNING")
    if it.holds(thread["WAIT"] != 0):
        it.do(HELP_LATER, context)
        return end()
    use_context(it, context, it.link(thread), z3.ZeroExt(56, priority))
    end()


def switch_to_next(it: Walk) -> None:
    """The most important queued context is used; or nobody runs."""
    ahead = it.follow(it.core, "AHEAD")
    if it.holds(it.core["AHEAD"] != 0):
        it.core["AHEAD"] = 0
        ahead["QUEUED"] = 0
        thread = it.follow(ahead, "RUNNING")
        use_context(it, ahead, it.link(thread), ahead["PRIORITY"])
        return it.done()
    if it.holds(it.core["HELPER"] != 0):
        it.do(STOP_AND_SWITCH)
        return it.done()
    if it.holds(is_nobody_ready(it)):
        it.do(IDLE)
        return it.done()
    switch_to_first(it, first_priority(ready_words(it)), it.done)


def _keeps_ready(
    before: KernelState, after: KernelState, _answers: Answers, *_arguments: Word
) -> list[z3.BoolRef]:
    """Of no priority is it forgotten that contexts are queued."""
    first = before.layout.word("Core.READY")
    both = [[s.memory.field(CORE, first + at) for at in range(4)] for s in (before, after)]
    return [old & new == old for old, new in zip(*both)]


# What they write, each with what it calls.
_QUEUE = frozenset(
    {
        *(f"{CONTEXT}.{field}" for field in ("NEXT", "PREV", "QUEUED")),
        *(f"Core.{field}" for field in ("QUEUE_HEAD", "QUEUE_TAIL", "READY")),
    }
)
PLACE = _QUEUE | {"Core.AHEAD"}
_STOP = PLACE | {"Core.HELPER", "Core.PENDING"}
_IDLE = frozenset({"Core.CONTEXT", "Core.CURRENT", "Core.PENDING"})
SWITCH = _STOP | _IDLE

ENQUEUE_FIRST = Procedure("enqueue_first", enqueue_first, 1, _QUEUE, _of_context, _keeps_ready)
PLACE_AHEAD = Procedure("place_ahead", place_ahead, 0, PLACE, _has_ahead, _keeps_ready)
ENQUEUE_LAST = Procedure("enqueue_last", enqueue_last, 1, PLACE, _of_context)
MAKE_READY_FIRST = Procedure(
    "make_ready_first", make_ready_first, 1, PLACE, _of_context, _keeps_ready
)
STOP_HELPING = Procedure("stop_helping", stop_helping, 0, _STOP)
IDLE = Procedure("idle", idle, 0, _IDLE, is_done=True)
HELP_LATER = Procedure("help_later", help_later, 1, SWITCH, _of_context, is_done=True)
STOP_AND_SWITCH = Procedure("stop_and_switch", stop_and_switch, 0, SWITCH, is_done=True)
SWITCH_TO_NEXT = Procedure("switch_to_next", switch_to_next, 0, SWITCH, is_done=True)

PROCEDURES = (
    ENQUEUE_FIRST,
    PLACE_AHEAD,
    ENQUEUE_LAST,
    MAKE_READY_FIRST,
    STOP_HELPING,
    IDLE,
    HELP_LATER,
    STOP_AND_SWITCH,
    SWITCH_TO_NEXT,
)
