"""The objects of a scene do not overlap: what `fields` rests on.

Two objects in frames of different kinds share no unit, since a frame has one kind. Two threads
share none, since they are aligned to their size and are not the same thread: some word of theirs
differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import z3

from machine_code.logic import disjunction
from machine_code.memory import FRAME_BITS, NUMBER_BITS

from .fields import UNIT_WORDS, Thing
from .scene import Scene

KIND = z3.Function("kind", z3.BitVecSort(FRAME_BITS), z3.BitVecSort(8))

# Hypotheses and goal.
Lemma = tuple[list[z3.BoolRef], z3.BoolRef]


def lemmas(scene: Scene) -> Iterator[tuple[str, Lemma]]:
    """One lemma for each pair of objects that the scene has."""
    absent = None if scene.case.has_neighbor else "neighbor"
    things = [thing for thing in scene.memory.things.values() if thing.name != absent]
    for one, other in combinations(things, 2):
        name = f"{one.name} and {other.name} do not overlap"
        if one.kind != other.kind or "stack" in (one.name, other.name):
            yield name, _share_nothing(one, other, [])
        else:
            yield f"{one.name} is not {other.name}", _differ(scene, one, other)
            yield name, _share_nothing(one, other, [one.number != other.number])


def _share_nothing(one: Thing, other: Thing, hypotheses: list[z3.BoolRef]) -> Lemma:
    """No unit of the one is a unit of the other."""
    hypotheses = [*hypotheses, one.is_placed(), other.is_placed()]
    units = []
    for thing, index in ((one, "i"), (other, "j")):
        offset = z3.BitVec(index, NUMBER_BITS)
        unit = thing.number + offset
        frame = z3.Extract(NUMBER_BITS - 1, NUMBER_BITS - FRAME_BITS, unit)
        hypotheses += [z3.ULT(offset, thing.words // UNIT_WORDS), KIND(frame) == thing.kind]
        units.append(unit)
    return hypotheses, units[0] != units[1]


def _differ(scene: Scene, one: Thing, other: Thing) -> Lemma:
    """A word that both have tells them apart."""
    words = scene.memory.words
    both = [word for name, word in words if name == one.name and (other.name, word) in words]
    differing = [words[(one.name, word)] != words[(other.name, word)] for word in both]
    return scene.hypotheses, disjunction(differing)
