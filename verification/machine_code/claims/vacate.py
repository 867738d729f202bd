"""Objects that go: their place becomes zero, and nothing that is known of names it.

What takes an object apart answers in bit 0 whether that was the last step.
"""

from __future__ import annotations

from collections.abc import Callable

import z3

from .. import naming, queue_rules, queues
from ..kernel_state import FRAME_KIND_OF, KernelState, address_of, frame_of, link_of, number_of
from ..logic import disjunction
from ..memory import OBJECTS, UNIT_WORDS, Update
from ..procedure import Procedure
from ..telling import Word, word
from ..walk import Answers, Walk
from .destroy_quickly import unlink_gate

MORE, GONE = 0, 1
# Units of the objects that a step makes vacant.
SIZES = (1, 2, 8, 16, 32)


def nothing_names(it: Walk, number: Word) -> None:
    """Nothing that the invariants know of names an object that goes."""
    here = it.here()
    for rule in queue_rules.rules(it.before):
        known = rule.holds(naming.in_use(it.now, number))
        it.assume(*(z3.Implies(here, part) for part in known))


def _of_size(state: KernelState, number: Word, size: int) -> z3.BoolRef:
    """A word names a place for an object of so many units."""
    objects = state.layout.objects
    kinds = (name for name in state.layout.kinds if name not in FRAME_KIND_OF)
    places = [state.is_object(number_of(number), k) for k in kinds if objects[k].units == size]
    return z3.And(queues.is_link(number), disjunction(places))


def vacate(it: Walk, number: Word, units: Word) -> None:
    """The place of an object becomes zero, and its frame free if nothing else is in it."""
    nothing_names(it, number_of(number))
    for size in SIZES:
        if it.holds(units == size):
            _make_vacant(it, number, size)
            return it.finish()


def _make_vacant(it: Walk, link: Word, size: int) -> None:
    number, right = number_of(link), _of_size(it.now, link, size)
    start, words = address_of(number, 0), size * UNIT_WORDS
    it.note("unit, words", OBJECTS, start, right, is_write=True, words=words)
    bits = size.bit_length() - 1
    for at in range(UNIT_WORDS):
        it.store(Update(at, number, word(0), None, bits))
    frame = it.frame(frame_of(number))
    left = frame["ID"] & ~(word(1) << z3.ZeroExt(58, z3.Extract(5, 0, number)))
    frame["ID"] = left
    with it.when(left == 0):
        frame.set_kind("Free")


def vacate_gate(it: Walk, link: Word) -> None:
    """A gate, which is in use, goes out of its list, and then altogether."""
    gate = it.thing("Gate", link)
    it.assume(naming.is_used(it.before, gate.number))
    it.assume(*naming.gate_leads(it.before, gate.number))
    it.assume(*queues.link_is_sound(it.before, "Gate", "ENDPOINT", gate.number))
    unlink_gate(it, gate)
    nothing_names(it, gate.number)
    _make_vacant(it, link, 1)
    it.finish()


def _of_object(state: KernelState, number: Word, units: Word) -> list[z3.BoolRef]:
    sizes = (z3.And(units == size, _of_size(state, number, size)) for size in SIZES)
    return [z3.Or(*(units == size for size in SIZES)), z3.Or(*sizes)]


def stays(kind: str) -> Callable[..., list[z3.BoolRef]]:
    """If more steps are needed, an object of a kind is there."""

    def stays(
        _before: KernelState, after: KernelState, answers: Answers, item: Word
    ) -> list[z3.BoolRef]:
        is_more = z3.Extract(0, 0, answers[0]) == MORE
        return [z3.Implies(is_more, after.is_object(number_of(item), kind))]

    return stays


# Its loop looks behind each round.
VACATE = Procedure("vacate", vacate, 2, None, _of_object, rounds=31, joins=True)
VACATE_GATE = Procedure(
    "vacate_gate", vacate_gate, 1, None, lambda s, gate: queues.names(s, gate, "Gate")
)

PROCEDURES = (VACATE, VACATE_GATE)
