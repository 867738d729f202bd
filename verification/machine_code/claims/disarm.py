"""The end of an object's identity: nothing finds it any more, and nothing runs with it."""

from __future__ import annotations

from collections.abc import Callable

import z3

from .. import invariants, queues
from ..kernel_state import FRAME_KIND_OF, MACHINE, KernelState, direct, frame_of, number_of
from ..memory import OBJECTS, UNIT_BITS
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..walk import Walk
from .destroy import (
    ABANDON_SAVED,
    DETACH_IRQ,
    DRAIN_WAITER,
    RELEASE_SPACE,
    RELEASE_TABLE,
    unlink,
)
from .lend import CONTINUE_ON
from .number import Element
from .resume import PREEMPT, RESUME_ON, own_idle_context
from .run_queue import CONTEXT, STOP_HELPING, mark
from .stop import STOP_THREAD, UNQUEUE

CORES = 8
# Below it a frame's entry says where the frame is mapped; from it on, whose buffer it is.
OWNER_SHIFT = 28


def disarm(it: Walk, kind_word: Word, number: Word) -> None:
    """The identity of an object ends, and it does no harm any more."""
    kind, kinds = z3.Extract(7, 0, kind_word), list(it.layout.kinds)
    found = next((name for name in kinds[:-1] if it.holds(kind == it.kind(name))), kinds[-1])
    if found in FRAME_KIND_OF:
        return _disarm_frame(it, number)
    _end(it, found, number)


def _disarm_frame(it: Walk, number: Word) -> None:
    frame = it.frame(frame_of(number_of(number)))
    frame["SPACE"] = frame["SPACE"] | it.layout.constants["user.DYING"]
    frame["ID"] = 0
    it.finish()


def _end(it: Walk, kind: str, number: Word) -> None:
    """The same of an object that is no frame."""
    item = it.thing(kind, number)
    if kind == "Allowance":
        it.assume(*invariants.allowance_is_sound(it.before, item.number))
    item["ID"] = 0
    if kind in _MORE:
        return _MORE[kind](it, item)
    it.finish()


def _kill_endpoint(it: Walk, endpoint: Object) -> None:
    """The servers that wait there are set apart, so that no call finds them."""
    for core in range(CORES):
        endpoint.put("DYING_SERVERS", core, endpoint.at("SERVERS", 2 * core))
        endpoint.put("SERVERS", 2 * core, 0)
    it.finish()


def _detach_notification(it: Walk, target: Object) -> None:
    """Who waits for its signals is told; whom it is bound to gets none."""
    it.assume(*queues.waiter_waits(it.before, target.number))
    it.assume(*queues.runner_waits_for_nothing(it.before))
    bound = it.follow(target, "BOUND")
    with it.when(bound.number != 0):
        signalled = it.layout.constants["special.SIGNALLED"]
        special = bound["SPECIAL"]
        with it.when(special & signalled != 0):
            bound["SPECIAL"] = special & ~word(signalled)
        bound["BOUND"] = 0
        target["BOUND"] = 0
    it.do(DRAIN_WAITER, it.follow(target, "WAITER"))
    it.finish()


def _disarm_thread(it: Walk, thread: Object) -> None:
    """It stops, and uses nothing any more."""
    it.do(STOP_THREAD, thread)
    with it.when(it.core["FLOATING_OWNER"] == it.link(thread)):
        it.core["FLOATING_OWNER"] = 0
    buffer = it.buffer(thread)
    with it.when(buffer.number != 0):
        thread["BUFFER"] = 0
        buffer["ADDRESS"] = buffer["ADDRESS"] & ((1 << OWNER_SHIFT) - 1)
    it.do(RELEASE_TABLE, thread)
    it.do(RELEASE_SPACE, thread)
    it.finish()


def _unlink_allowance(it: Walk, allowance: Object) -> None:
    """What it has of an allowance of time goes back; of numbers, it begins nowhere any more."""
    if it.holds(allowance["SORT"] != it.layout.constants["sort.TIME"]):
        return _begin_nowhere(it, allowance)
    parent = it.follow(allowance, "PARENT")
    if it.holds(parent.number == 0):
        return it.finish()
    unlink(it, parent, "CHILDREN", allowance, ("NEXT", "PREV"))
    parent["COUNT"] = parent["COUNT"] + allowance["SHARE"]
    allowance["PARENT"] = 0
    it.finish()


def _begin_nowhere(it: Walk, allowance: Object) -> None:
    """The machine's word for the first number of an allowance becomes zero."""
    firsts = (word(it.layout.word(f"Machine.{sort}_FIRST")) for sort in ("IRQ", "ASID"))
    is_irq = allowance["SORT"] == it.layout.constants["sort.IRQ"]
    index = z3.If(is_irq, *firsts) + allowance["FIRST"]
    last = it.layout.objects["Machine"].words - 1
    index = z3.simplify(z3.If(z3.ULT(index, last), index, word(last)))
    it.note_field(it.core, "MACHINE")
    address = direct(z3.Concat(MACHINE, z3.BitVecVal(0, UNIT_BITS))) + 8 * index
    unit = z3.simplify(z3.Extract(OBJECTS.bits - 1, UNIT_BITS, address))
    is_there = z3.And(z3.UGE(index, it.layout.word("Machine.IRQ_FIRST")), z3.ULE(index, last))
    right = z3.And(is_there, it.now.is_frame_of(unit, "Kernel"))
    it.note("Machine.IRQ_FIRST", OBJECTS, address, right, is_write=True)
    memory = it.now.memory
    after = memory.store(OBJECTS, address, word(0))
    it.store(*after.updates[len(memory.updates) :])
    it.finish()


def _detach_reply(it: Walk, reply: Object) -> None:
    """The caller that it holds is told."""
    it.assume(*queues.held_is_saved(it.before, reply.number))
    it.assume(*queues.link_is_sound(it.before, "Reply", "SERVER", reply.number))
    if it.holds(it.follow(reply, "CALLER").number == 0):
        return it.finish()
    it.do(ABANDON_SAVED, reply)
    it.do(PREEMPT)
    it.finish()


def _disarm_irq(it: Walk, irq: Object) -> None:
    """Its line is nobody's."""
    it.do(DETACH_IRQ, irq)
    lines, line = it.layout.constants["LINES"], irq["LINE"]
    Element(it, "IRQS", line & (lines - 1), lines).write(word(0))
    used = Element(it, "LINES_USED", z3.LShR(line, 6) & (lines // 64 - 1), lines // 64)
    used.write(used.read() & ~(word(1) << (line & 63)))
    it.finish()


def _retire(it: Walk, context: Object) -> None:
    """A context goes out of all that is not about who runs on it."""
    owner = it.follow(context, "OWNER")
    with it.when(owner.number != 0):
        owner["OWN_CONTEXT"] = 0
        context["OWNER"] = 0
    allowance = it.follow(context, "ALLOWANCE")
    with it.when(allowance.number != 0):
        unlink(it, allowance, "CONTEXTS", context, ("ALLOWANCE_NEXT", "ALLOWANCE_PREV"))
        allowance["COUNT"] = allowance["COUNT"] + context["SHARE"]
        context["ALLOWANCE"] = 0
    for field in ("HELPER", "BILLED", "SLICE_CONTEXT"):
        with it.when(it.core[field] == it.link(context)):
            it.core[field] = 0
            mark(it, "TIME")


def _mark_own_time(it: Walk, user: Object) -> None:
    """Whoever serves a caller and loses its context has time of its own."""
    with it.when(user["CALLER"] != 0):
        user["SPECIAL"] = user["SPECIAL"] | it.layout.constants["special.OWN_TIME"]


def _detach_context(it: Walk, context: Object) -> None:
    """Whoever uses it goes on with its own, or waits until it gets one."""
    it.assume(*queues.runner_waits_for_nothing(it.before))
    _retire(it, context)
    if it.holds(it.core["CONTEXT"] == it.link(context)):
        it.do(STOP_HELPING)
        user = it.follow(it.core, "CURRENT")
        _mark_own_time(it, user)
        it.core["CONTEXT"] = 0
        it.do(CONTINUE_ON, user, word(0))
        return it.finish()
    it.do(UNQUEUE, context)
    user = it.follow(context, "RUNNING")
    context["RUNNING"] = 0
    if it.holds(user.number == 0):
        return it.finish()
    if it.holds(user["CONTEXT"] != it.link(context)):
        return it.finish()
    _mark_own_time(it, user)
    own = own_idle_context(it, user)
    user["CONTEXT"] = own
    if it.holds(own != 0):
        can_run = user["STATE"] == it.layout.constants["state.LIVE"]
        if it.holds(z3.And(user["WAIT"] == 0, can_run)):
            it.do(RESUME_ON, user, own)
    it.do(PREEMPT)
    it.finish()


# What is done to an object beside ending its identity.
_MORE: dict[str, Callable[[Walk, Object], None]] = {
    "Endpoint": _kill_endpoint,
    "Notification": _detach_notification,
    "Thread": _disarm_thread,
    "Allowance": _unlink_allowance,
    "Reply": _detach_reply,
    CONTEXT: _detach_context,
    "Irq": _disarm_irq,
}


def names_living(state: KernelState, kind: Word, link: Word) -> z3.BoolRef:
    """A kind and a word that name an object that was not destroyed, or a frame."""
    known, number, right = z3.Extract(7, 0, kind), number_of(link), []
    for name, value in state.layout.kinds.items():
        is_frame = name in FRAME_KIND_OF
        place = state.is_described(frame_of(number)) if is_frame else state.is_live(number, name)
        right.append(z3.And(known == value, place))
    return z3.Or(*right)


def _of_living(state: KernelState, kind: Word, link: Word) -> list[z3.BoolRef]:
    is_thread = z3.Extract(7, 0, kind) == state.layout.kinds["Thread"]
    is_current = queues.is_current(state, number_of(link))
    return [
        queues.is_link(link),
        names_living(state, kind, link),
        z3.ULE(z3.Extract(7, 0, kind), max(state.layout.kinds.values())),
        z3.Extract(7, 0, kind) != 0,
        z3.Implies(is_thread, z3.Not(is_current)),
    ]


_OTHERS = {
    *("Thread.BOUND", "Thread.SPECIAL", "Thread.BUFFER", "Thread.OWN_CONTEXT", "Thread.CONTEXT"),
    *("Notification.BOUND", "Core.FLOATING_OWNER", "Core.HELPER", "Core.BILLED"),
    *("Core.SLICE_CONTEXT", "Core.CONTEXT", "Core.PENDING"),
    *("Endpoint.SERVERS", "Endpoint.DYING_SERVERS"),
    *(f"Allowance.{field}" for field in ("CHILDREN", "NEXT", "PREV", "PARENT", "COUNT")),
    *("Allowance.CONTEXTS", "Machine.IRQ_FIRST", "Machine.IRQS", "Machine.LINES_USED"),
    *(f"{CONTEXT}.{field}" for field in ("OWNER", "RUNNING")),
    *(f"{CONTEXT}.ALLOWANCE{end}" for end in ("", "_NEXT", "_PREV")),
    *("entry ID", "entry SPACE", "entry ADDRESS"),
}
_CALLED = (
    *(STOP_THREAD, RELEASE_TABLE, RELEASE_SPACE, DRAIN_WAITER, ABANDON_SAVED, DETACH_IRQ),
    *(STOP_HELPING, CONTINUE_ON, UNQUEUE, RESUME_ON, PREEMPT),
)



_KINDS = (
    *("Region", "Allowance", "Platform", "AddressSpace", "CapTable", "Thread", CONTEXT),
    *("Endpoint", "Gate", "Notification", "Reply", "Irq"),
)
_DISARM = frozenset(
    {
        *_OTHERS,
        *(f"{kind}.ID" for kind in _KINDS),
        *(field for procedure in _CALLED for field in procedure.changes),
    }
)

DISARM = Procedure("disarm", disarm, 2, _DISARM, _of_living)

PROCEDURES = (DISARM,)
