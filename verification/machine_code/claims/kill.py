"""Objects that are destroyed: their identity ends, and they are taken apart, now or later."""

from __future__ import annotations

import z3

from .. import queues
from ..kernel_state import KernelState, link_of, number_of
from ..procedure import Procedure
from ..telling import Object, Word
from ..walk import Walk
from .destroy import ENQUEUE, OWN_OF
from .disarm import DISARM, names_living
from .dying import KIND_SHIFT, STEP, names_dying
from .vacate import GONE, VACATE_GATE

# Steps that are taken at once.
STEPS = 2


def _dying(kind: Word, number: Word) -> Word:
    """The word that names a dying object."""
    return number | kind << KIND_SHIFT


def _low(kind: Word) -> Word:
    """A kind as it is handed on: in half a register."""
    return z3.ZeroExt(32, z3.Extract(31, 0, kind))


def take_apart(it: Walk, kind: Word, number: Word) -> None:
    """An object that is dying takes some steps, and then waits with others for more."""
    kind = _low(kind)
    for _ in range(STEPS):
        if it.holds(z3.Extract(0, 0, it.do(STEP, kind, number)) == GONE):
            return it.finish()
        if it.holds(it.interrupt()):
            break
    it.do(ENQUEUE, _dying(kind, number))
    it.finish()


def kill_other(it: Walk, kind: Word, number: Word) -> None:
    """An object that is no gate is destroyed."""
    it.do(DISARM, kind, number)
    if it.holds(it.interrupt()):
        it.do(ENQUEUE, _dying(kind, number))
    else:
        it.do(TAKE_APART, _low(kind), number)
    it.finish()


def _kill_gate(it: Walk, gate: Object) -> None:
    """A gate goes at once, unless somebody waits to send through it."""
    gate["ID"] = 0
    caller = it.follow(gate, "CALLERS")
    if it.holds(caller.number == 0):
        it.do(VACATE_GATE, gate)
    else:
        kind = it.layout.kinds["Gate"]
        it.do(ENQUEUE, it.link(gate) | kind << KIND_SHIFT)
    it.finish()


def kill(it: Walk, kind: Word, number: Word) -> None:
    """A living object is destroyed."""
    if it.holds(z3.Extract(7, 0, kind) == it.kind("Gate")):
        return _kill_gate(it, it.thing("Gate", number))
    it.do(KILL_OTHER, kind, number)
    it.finish()


def destroy_elsewhere(it: Walk, handle: Word) -> None:
    """Any object that a handle with the right names is destroyed, unless the caller runs with it."""
    with it.elsewhere():
        slot = it.capability(it.current(), handle)
    kind = slot.kind()
    it.refuse("NoRight", slot.rights() & it.rights("DESTROY") == 0)
    slot = it.seen(slot, "DESTROY")
    it.refuse("Stale", z3.Not(it.is_live(slot, kind)))
    kind, number = z3.LShR(slot.word, 48), link_of(slot.number())
    it.refuse("Itself", number == it.do(OWN_OF, kind))
    it.do(KILL, kind, number)
    it.done()


def _of_dying(state: KernelState, kind: Word, number: Word) -> list[z3.BoolRef]:
    known = z3.Extract(7, 0, kind)
    is_kind = z3.And(known != 0, z3.ULE(known, max(state.layout.kinds.values())))
    return [queues.is_link(number), is_kind, names_dying(state, kind, number)]


def of_living(state: KernelState, kind: Word, number: Word) -> list[z3.BoolRef]:
    is_thread = z3.Extract(7, 0, kind) == state.layout.kinds["Thread"]
    is_current = queues.is_current(state, number_of(number))
    return [
        *_of_dying(state, kind, number),
        names_living(state, kind, number),
        z3.Implies(is_thread, z3.Not(is_current)),
    ]


TAKE_APART = Procedure("take_apart", take_apart, 2, None, _of_dying)
KILL_OTHER = Procedure("kill_other", kill_other, 2, None, of_living)
KILL = Procedure("kill", kill, 2, None, of_living)
DESTROY_ELSEWHERE = Procedure("destroy_elsewhere", destroy_elsewhere, 1, None, is_call=True)

PROCEDURES = (TAKE_APART, KILL_OTHER, KILL, DESTROY_ELSEWHERE)
