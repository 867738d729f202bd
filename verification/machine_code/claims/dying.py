"""Objects that are dying: step by step, until they are gone."""

from __future__ import annotations

from collections.abc import Callable

import z3

from .. import invariants, naming, queue_rules, queues
from ..kernel_state import FRAME_KIND_OF, KernelState, frame_of, number_of
from ..memory import UNITS_PER_FRAME_BITS
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..walk import Answers, Walk
from .destroy import (
    ABANDON_SAVED,
    DETACH_IRQ,
    DRAIN_WAITER,
    ENQUEUE,
    RELEASE_TABLE,
    STOP_ANY,
)
from .disarm import DISARM
from .resume import PREEMPT, first_sender
from .run_queue import CONTEXT
from .spaces import TEAR_DOWN
from .steps import chosen, core_index, first_server, unlink
from .teardown import free_whole
from .user_frame import STEP_FRAME
from .vacate import GONE, MORE, VACATE, VACATE_GATE, nothing_names, stays

# In a word that names a dying object, its kind.
KIND_SHIFT = 56


def step_table(it: Walk, link: Word) -> None:
    """A thread loses its table, and stops; or a chunk of the table goes, or the table."""
    table = it.thing("CapTable", link)
    thread = it.follow(table, "THREADS")
    if it.holds(thread.number != 0):
        it.do(RELEASE_TABLE, thread)
        it.do(STOP_ANY, thread)
        return it.answer(MORE)
    count = table["CHUNKS"]
    if it.holds(count == 0):
        it.do(VACATE, table, word(it.layout.objects["CapTable"].units))
        return it.answer(GONE)
    last = count - 1
    it.assume(*invariants.table_is_sound(it.before, table.number, last))
    element = it.element("CHUNK", z3.Extract(5, 0, last), table)
    chunk = number_of(element.read())
    table["CHUNKS"] = last
    element.write(0)
    nothing_names(it, chunk)
    free_whole(it.frame(frame_of(chunk)))
    it.answer(MORE)


def _found(it: Walk, waiter: Object | Word) -> bool:
    """Tells who waits, if somebody does; whether somebody did."""
    return it.holds(z3.Extract(0, 0, it.do(DRAIN_WAITER, waiter)) == 1)


def _step_gate(it: Walk, gate: Object) -> None:
    """Who waits to send through it is told, or it goes."""
    caller = it.follow(gate, "CALLERS")
    it.assume(*naming.gate_has_senders(it.before, gate.number))
    it.assume(*queues.runner_waits_for_nothing(it.before))
    if _found(it, caller):
        return it.answer(MORE)
    it.do(VACATE_GATE, gate)
    it.answer(GONE)


def _first_waiter(it: Walk, endpoint: Object) -> Word:
    """Who waits first at an endpoint, to send or to receive; who receives at a dying one is set apart."""
    sender = first_sender(it, endpoint)
    if not z3.is_bv_value(sender) and it.holds(sender != 0):
        return sender
    core = core_index(it)
    if it.holds(endpoint["ID"] == 0):
        it.assume(*naming.dying_servers_wait(it.before, endpoint.number))
        return chosen(it, endpoint, "DYING_SERVERS", core)
    it.assume(*queues.receiver_is_sound(it.before, endpoint.number, core))
    it.assume(*queues.receiver_waits(it.before, endpoint.number, core))
    return first_server(it, endpoint, core)


def _step_endpoint(it: Walk, endpoint: Object) -> None:
    """Who waits there is told, or a gate forgets it, or it goes."""
    it.assume(*queues.runner_waits_for_nothing(it.before))
    if _found(it, _first_waiter(it, endpoint)):
        return it.answer(MORE)
    gate = it.follow(endpoint, "GATES")
    if it.holds(gate.number == 0):
        return _vacate(it, endpoint)
    unlink(it, endpoint, "GATES", gate, ("NEXT", "PREV"))
    gate["ENDPOINT"] = it.machine["NULL_ENDPOINT"]
    it.answer(MORE)


def _step_notification(it: Walk, target: Object) -> None:
    """A line, or a gate, forgets it, or it goes."""
    irq = it.follow(target, "IRQS")
    if it.holds(irq.number != 0):
        it.do(DETACH_IRQ, irq)
        return it.answer(MORE)
    gate = it.follow(target, "GATES")
    if it.holds(gate.number == 0):
        return _vacate(it, target)
    unlink(it, target, "GATES", gate, ("NEXT", "PREV"))
    gate["NOTIFICATION"] = 0
    it.answer(MORE)


def _step_thread(it: Walk, thread: Object) -> None:
    """Whom it saved is told; or it goes, from its context and its notification too."""
    saved = it.follow(thread, "REPLIES")
    if it.holds(saved.number != 0):
        it.assume(*naming.replies_hold(it.before, thread.number))
        it.assume(*queues.held_is_saved(it.before, saved.number))
        for field in ("CALLER", "SERVER"):
            it.assume(*queues.link_is_sound(it.before, "Reply", field, saved.number))
        it.do(ABANDON_SAVED, saved)
        it.do(PREEMPT)
        return it.answer(MORE)
    own = it.follow(thread, "OWN_CONTEXT")
    with it.when(own.number != 0):
        thread["OWN_CONTEXT"] = 0
        own["OWNER"] = 0
        with it.when(own["RUNNING"] == it.link(thread)):
            own["RUNNING"] = 0
    bound = it.follow(thread, "BOUND")
    with it.when(bound.number != 0):
        bound["BOUND"] = 0
        thread["BOUND"] = 0
    _vacate(it, thread)


def _step_allowance(it: Walk, allowance: Object) -> None:
    """What was made from it dies, one after the other; then it goes."""
    it.assume(*naming.dependents_live(it.before, allowance.number))
    it.assume(*queues.runner_waits_for_nothing(it.before))
    for field, kind in (("CONTEXTS", CONTEXT), ("CHILDREN", "Allowance")):
        item = it.follow(allowance, field)
        if it.holds(item.number != 0):
            number = it.layout.kinds[kind]
            it.do(DISARM, word(number), item)
            it.do(ENQUEUE, it.link(item) | number << KIND_SHIFT)
            return it.answer(MORE)
    _vacate(it, allowance)


def _vacate(it: Walk, item: Object) -> None:
    """An object goes."""
    it.do(VACATE, item, word(it.layout.objects[item.kind].units))
    it.answer(GONE)


# A step of each kind of object; of the others there is nothing to unlink.
_STEPS: dict[str, Callable[[Walk, Object], None]] = {
    "Allowance": _step_allowance,
    "AddressSpace": lambda it, space: it.answer(it.do(TEAR_DOWN, space)),
    "CapTable": lambda it, table: it.answer(it.do(STEP_TABLE, table)),
    "Thread": _step_thread,
    "Endpoint": _step_endpoint,
    "Gate": _step_gate,
    "Notification": _step_notification,
}


def step(it: Walk, kind_word: Word, number: Word) -> None:
    """A step of taking an object apart."""
    kind, kinds = z3.Extract(7, 0, kind_word), list(it.layout.kinds)
    found = next((name for name in kinds[:-1] if it.holds(kind == it.kind(name))), kinds[-1])
    if found in FRAME_KIND_OF:
        frame = z3.LShR(number, UNITS_PER_FRAME_BITS)
        it.assume(z3.Implies(it.here(), naming.frame_dies(it.before, naming.frame_in(frame))))
        return it.answer(it.do(STEP_FRAME, frame))
    _STEPS.get(found, _vacate)(it, it.thing(found, number))


def _of_table(state: KernelState, table: Word) -> list[z3.BoolRef]:
    return queues.names(state, table, "CapTable")


def names_dying(state: KernelState, kind: Word, number: Word) -> z3.BoolRef:
    """A kind and a word that name a dying object, or a frame."""
    dying = number | z3.ZeroExt(56, z3.Extract(7, 0, kind)) << KIND_SHIFT
    return z3.And(queues.is_link(number), queues.names_dying(state, dying))


def _of_dying(state: KernelState, kind: Word, number: Word) -> list[z3.BoolRef]:
    known = z3.Extract(7, 0, kind)
    is_kind = z3.And(known != 0, z3.ULE(known, max(state.layout.kinds.values())))
    return [queues.is_link(number), is_kind, names_dying(state, kind, number)]


def _still_there(
    _before: KernelState, after: KernelState, answers: Answers, kind: Word, number: Word
) -> list[z3.BoolRef]:
    """If more steps are needed, the object is there."""
    is_more = z3.Extract(0, 0, answers[0]) == MORE
    return [z3.Implies(is_more, names_dying(after, kind, number))]


STEP_TABLE = Procedure("step_table", step_table, 1, None, _of_table, stays("CapTable"))
STEP = Procedure("step", step, 2, None, _of_dying, _still_there)

PROCEDURES = (STEP_TABLE, STEP)
