"""Objects that are destroyed: who waits for them is told, and nothing runs with them any more."""

from __future__ import annotations

import z3

from .. import invariants, queues
from ..kernel_state import CORE, FRAME_KIND_OF, KernelState, frame_of, number_of
from ..memory import FRAME_BITS
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..walk import Answers, Walk
from .notify import of_thread
from .resume import PREEMPT, settle
from .run_queue import STOP_HELPING, mark
from .steps import unlink
from .stop import ABANDON_WAIT, STOP_THREAD, TELL_OF_DEATH, UNLINK_REPLY, WAKE_REFUSED


def abandon_saved(it: Walk, link: Word) -> None:
    """The caller that a reply object holds is told that nobody will answer."""
    reply = it.thing("Reply", link)
    caller, server = it.follow(reply, "CALLER"), it.follow(reply, "SERVER")
    it.assume(*queues.holder_is_sound(it.before, caller.number))
    it.do(UNLINK_REPLY, reply, caller)
    context = caller["CONTEXT"]
    caller["WAIT"] = 0
    it.do(TELL_OF_DEATH, caller, context, server)
    it.finish()


def drain_waiter(it: Walk, link: Word) -> None:
    """A thread that waits for what goes away is told, if there is one; answers whether there is."""
    if it.holds(link == 0):
        return it.answer(0)
    thread = it.thing("Thread", link)
    context = it.do(ABANDON_WAIT, thread)
    it.do(WAKE_REFUSED, thread, context, word(it.layout.errors["Died"]))
    it.do(PREEMPT)
    it.answer(1)


def stop_any(it: Walk, link: Word) -> None:
    """A thread stops, which may be the one that runs."""
    if it.holds(it.core["CURRENT"] == link):
        it.do(STOP_HELPING)
        settle(it)
        it.core["CONTEXT"] = 0
        it.core["CURRENT"] = 0
    it.do(STOP_THREAD, it.thing("Thread", link))
    it.finish()


def own_of(it: Walk, kind_word: Word) -> None:
    """The object of a kind that the thread that runs is, or has for its table or space; 0 for none."""
    kind, running = z3.Extract(7, 0, kind_word), it.core["CURRENT"]
    thread = it.thing("Thread", running)
    if it.holds(kind == it.kind("Thread")):
        return it.answer(running)
    if it.holds(kind == it.kind("CapTable")):
        return it.answer(thread["TABLE"])
    if it.holds(kind == it.kind("AddressSpace")):
        return it.answer(thread["SPACE"])
    it.answer(0)


def _leave(it: Walk, thread: Object, owner: str) -> bool:
    """A thread goes out of the list of its table or space; answers whether it was in one."""
    head = it.follow(thread, owner)
    if it.holds(head.number == 0):
        return False
    unlink(it, head, "THREADS", thread, (f"{owner}_NEXT", f"{owner}_PREV"))
    thread[owner] = 0
    return True


def release_table(it: Walk, link: Word) -> None:
    """A thread has no capabilities any more."""
    thread = it.thing("Thread", link)
    if _leave(it, thread, "TABLE"):
        thread["MASK"] = 0
        thread["SLOTS"] = it.machine["NULL_SLOTS"]
    it.finish()


def release_space(it: Walk, link: Word) -> None:
    """A thread has no memory any more."""
    thread = it.thing("Thread", link)
    if _leave(it, thread, "SPACE"):
        thread["ROOT"] = it.machine["NULL_ROOT"]
    it.finish()


def leave_more(it: Walk, effect: str, *operands: Word) -> None:
    """Leaves an effect behind those that were left before."""
    count = it.core["EFFECT_COUNT"]
    for at, value in enumerate([it.effect(effect), *operands, word(0)][:3]):
        index = z3.Concat(z3.Extract(3, 0, count), z3.BitVecVal(at, 2))
        it.element("EFFECTS", index).write(value)
    it.core["EFFECT_COUNT"] = count + 1
    mark(it, "WORK")


def detach_irq(it: Walk, link: Word) -> None:
    """A line signals nothing any more, and does not come."""
    irq = it.thing("Irq", link)
    notification = it.follow(irq, "NOTIFICATION")
    if it.holds(notification.number == 0):
        return it.finish()
    unlink(it, notification, "IRQS", irq, ("NEXT", "PREV"))
    irq["NOTIFICATION"] = 0
    leave_more(it, "MaskLine", irq["LINE"])
    if it.holds(irq["PENDING"] != 0):
        irq["PENDING"] = 0
        leave_more(it, "EndLine", irq["LINE"])
    it.finish()


# What waits to be taken apart is a list through fields of the objects; of these, their identities.
_NEXT_BY_IDENTITY = ("Platform",)


def enqueue(it: Walk, dying: Word) -> None:
    """A dying object comes behind those that wait to be taken apart."""
    last = it.core["DRAIN_TAIL"]
    it.assume(*queues.drain_is_sound(it.before))
    if it.holds(last == 0):
        it.core["DRAIN"] = dying
    else:
        _follow_in_drain(it, last, dying)
    it.core["DRAIN_TAIL"] = dying
    mark(it, "WORK")
    it.finish()


def _follow_in_drain(it: Walk, last: Word, dying: Word) -> None:
    """Writes down what follows a dying object."""
    kind = z3.Extract(63, 56, last)
    for name in it.layout.kinds:
        if name in FRAME_KIND_OF or not it.holds(kind == it.kind(name)):
            continue
        field = "ID" if name in _NEXT_BY_IDENTITY else "DRAIN_NEXT"
        it.thing(name, last)[field] = dying
        return
    it.frame(frame_of(number_of(last)))["ID"] = dying


def resets_of(it: Walk, link: Word) -> None:
    """The identity of a living device, and how often it was reset; zeros for another frame."""
    frame = it.frame(link)
    if it.holds(z3.Not(frame.is_kind("User"))):
        return it.answer(0, 0)
    if it.holds(frame["SPACE"] & it.layout.constants["user.DYING"] != 0):
        return it.answer(0, 0)
    it.answer(frame["ID"], z3.LShR(frame["ADDRESS"], 28))


def _of_reply(state: KernelState, reply: Word) -> list[z3.BoolRef]:
    caller, server = (
        number_of(state.field(number_of(reply), f"Reply.{field}")) for field in ("CALLER", "SERVER")
    )
    is_saved = queues.waits_for(state, caller, "SAVED", "SAVED_FAULT")
    return [*queues.names(state, reply, "Reply"), caller != 0, server != 0, is_saved]


def _of_waiter(state: KernelState, thread: Word) -> list[z3.BoolRef]:
    is_current = queues.is_current(state, number_of(thread))
    return [
        queues.names_at_most(state, thread, "Thread"),
        z3.Implies(thread != 0, z3.Not(is_current)),
    ]


def _of_kind(state: KernelState, _kind: Word) -> list[z3.BoolRef]:
    return invariants.current_is_sound(state)


def _tells_runner(
    before: KernelState, _after: KernelState, answers: Answers, kind: Word
) -> list[z3.BoolRef]:
    """Of threads it tells the one that runs."""
    is_thread = z3.Extract(7, 0, kind) == before.layout.kinds["Thread"]
    return [z3.Implies(is_thread, answers[0] == before.field(CORE, "Core.CURRENT"))]


def _leaves(owner: str, kind: str, *more: str) -> frozenset[str]:
    fields = (owner, f"{owner}_NEXT", f"{owner}_PREV", *more)
    return frozenset({f"{kind}.THREADS", *(f"Thread.{field}" for field in fields)})


def _of_irq(state: KernelState, irq: Word) -> list[z3.BoolRef]:
    return queues.names(state, irq, "Irq")


def _of_dying(state: KernelState, dying: Word) -> list[z3.BoolRef]:
    return [queues.names_dying(state, dying)]


def _of_frame(state: KernelState, frame: Word) -> list[z3.BoolRef]:
    is_number = z3.ULT(frame, 1 << FRAME_BITS)
    return [is_number, state.is_described(z3.Extract(FRAME_BITS - 1, 0, frame))]


_SAVED = UNLINK_REPLY.changes | TELL_OF_DEATH.changes
_DRAIN = ABANDON_WAIT.changes | WAKE_REFUSED.changes | PREEMPT.changes
_STOP = STOP_THREAD.changes | STOP_HELPING.changes | {"Core.CONTEXT", "Core.CURRENT"}
_TABLE = _leaves("TABLE", "CapTable", "MASK", "SLOTS")
_SPACE = _leaves("SPACE", "AddressSpace", "ROOT")
_IRQ = frozenset(
    {
        *(f"Irq.{field}" for field in ("NEXT", "PREV", "NOTIFICATION", "PENDING")),
        *(f"Core.{field}" for field in ("EFFECTS", "EFFECT_COUNT", "PENDING")),
        "Notification.IRQS",
    }
)
_WAITING = (
    *("Region", "Allowance", "AddressSpace", "CapTable", "Thread", "SchedulingContext"),
    *("Endpoint", "Gate", "Notification", "Reply", "Irq"),
)
_ENQUEUE = frozenset(
    {
        *(f"Core.{field}" for field in ("DRAIN", "DRAIN_TAIL", "PENDING")),
        *(f"{kind}.DRAIN_NEXT" for kind in _WAITING),
        *(f"{kind}.ID" for kind in _NEXT_BY_IDENTITY),
        "entry ID",
    }
)

ABANDON_SAVED = Procedure("abandon_saved", abandon_saved, 1, _SAVED, _of_reply)
DRAIN_WAITER = Procedure("drain_waiter", drain_waiter, 1, _DRAIN, _of_waiter)
STOP_ANY = Procedure("stop_any", stop_any, 1, _STOP, of_thread)
OWN_OF = Procedure("own_of", own_of, 1, frozenset(), _of_kind, _tells_runner)
RELEASE_TABLE = Procedure("release_table", release_table, 1, _TABLE, of_thread)
RELEASE_SPACE = Procedure("release_space", release_space, 1, _SPACE, of_thread)
DETACH_IRQ = Procedure("detach_irq", detach_irq, 1, _IRQ, _of_irq)
ENQUEUE = Procedure("enqueue", enqueue, 1, _ENQUEUE, _of_dying)
RESETS_OF = Procedure("resets_of", resets_of, 1, frozenset(), _of_frame)

PROCEDURES = (
    ABANDON_SAVED,
    DRAIN_WAITER,
    STOP_ANY,
    OWN_OF,
    RELEASE_TABLE,
    RELEASE_SPACE,
    DETACH_IRQ,
    ENQUEUE,
    RESETS_OF,
)
