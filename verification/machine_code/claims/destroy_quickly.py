"""Gates and endpoints to which nothing refers, which go with a few stores."""

from __future__ import annotations

import z3

from .. import invariants, naming, queue_rules
from ..call import Call
from ..claim import argument_of
from ..contracts import ANSWERS, Elsewhere
from ..kernel_state import Slot, address_of, frame_of, number_of
from ..memory import OBJECTS, UNIT_WORDS, Update
from ..telling import Object, Word, word

ELSEWHERE = (Elsewhere("destroy_elsewhere", 1),)


def destroy(it: Call, handle: Word) -> None:
    """A gate through which nobody sends, or an idle endpoint, goes; all else is left elsewhere."""
    it.rules = queue_rules.KEPT
    it.assume(*invariants.nothing_has_number_zero(it.before))
    for rule in naming.OF_GATES:
        it.assume(*rule.holds(it.before))
    slot, is_near = _capability_nearby(it, handle)
    is_gate = slot.kind() == it.kind("Gate")
    is_known = z3.And(is_near, _is_live(it, slot, is_near))
    gate, endpoint = (it.object(kind, slot.number()) for kind in ("Gate", "Endpoint"))
    with it.when(z3.And(is_known, is_gate)):
        is_quiet = gate["CALLERS"] == 0
    with it.when(z3.And(is_known, z3.Not(is_gate))):
        is_idle = _is_idle(endpoint)
    is_usual = z3.And(is_known, z3.If(is_gate, is_quiet, is_idle))
    answered = {"x0": ANSWERS[0], "x1": ANSWERS[1], argument_of("destroy_elsewhere", 0): handle}
    it.go("destroy_elsewhere", z3.Not(is_usual), answered)
    with it.when(is_gate):
        unlink_gate(it, gate)
    _vacate_unit(it, slot.number())
    it.done()


def _capability_nearby(it: Call, handle: Word) -> tuple[Slot, z3.BoolRef]:
    """A capability of the first slots of a thread's table, and whether it may destroy such."""
    thread = it.current()
    it.assume(*invariants.thread_is_sound(it.before, thread.number))
    is_in_view = z3.simplify((handle & ~thread["MASK"]) == 0)
    with it.when(is_in_view):
        view = number_of(thread["SLOTS"])
    slot = it.slot(view, z3.Extract(7, 0, handle), is_in_view)
    kinds = z3.Or(*(slot.kind() == it.kind(kind) for kind in ("Gate", "Endpoint")))
    may_destroy = slot.rights() & it.rights("DESTROY") != 0
    return it.seen(slot, "DESTROY"), z3.And(is_in_view, kinds, may_destroy)


def _is_live(it: Call, slot: Slot, is_near: z3.BoolRef) -> z3.BoolRef:
    """Whether the object of a capability still exists."""
    with it.when(is_near):
        is_there = it.frame(frame_of(slot.number())).kind == slot.kind()
    for kind in ("Gate", "Endpoint"):
        with it.when(z3.And(is_near, is_there, slot.kind() == it.kind(kind))):
            identity = it.object(kind, slot.number())["ID"]
    return z3.And(is_there, identity == slot.id)


def _is_idle(endpoint: Object) -> z3.BoolRef:
    """Whether no gate names an endpoint, nobody waits there, and no server took a call there."""
    taken = word(0)
    for at in range(2 * naming.CORES):
        taken = taken | endpoint.at("SERVERS", at)
    return z3.And(endpoint["WAITING"] == 0, endpoint["GATES"] == 0, taken == 0)


def unlink_gate(it: Call, gate: Object) -> None:
    """A gate goes out of the list of its notification or endpoint, if it is in one."""
    it.assume(*invariants.gate_is_sound(it.before, gate.number))
    it.assume(*naming.gate_in_list(it.before, gate.number))
    notification = gate.target("NOTIFICATION")
    signals = notification.number != 0
    with it.when(z3.Not(signals)):
        endpoint = it.object("Endpoint", number_of(gate["ENDPOINT"]))
        is_listed = it.link(endpoint) != it.machine["NULL_ENDPOINT"]
    with it.when(z3.Or(signals, is_listed)):
        following, previous = gate.target("NEXT"), gate.target("PREV")
        is_first = previous.number == 0
        with it.when(z3.And(is_first, signals)):
            notification["GATES"] = it.link(following)
        with it.when(z3.And(is_first, z3.Not(signals))):
            endpoint["GATES"] = it.link(following)
        with it.when(z3.Not(is_first)):
            previous["NEXT"] = it.link(following)
        with it.when(following.number != 0):
            following["PREV"] = it.link(previous)


def _vacate_unit(it: Call, number: Word) -> None:
    """The first unit of an object becomes zero, and its frame free if nothing else is in it."""
    right = z3.Or(*(it.now.is_object(number, name) for name in ("Gate", "Endpoint")))
    for at in range(UNIT_WORDS):
        it.note(f"unit, word {at}", OBJECTS, address_of(number, at), right, is_write=True)
        it.store(Update(at, number, word(0)))
    frame = it.with_right(it.frame(frame_of(number)), "DESTROY")
    left = frame["ID"] & ~(word(1) << z3.ZeroExt(58, z3.Extract(5, 0, number)))
    frame["ID"] = left
    with it.when(left == 0):
        frame.set_kind("Free")


FUNCTIONS = (destroy,)
