"""What a claim about a function consists of."""

from __future__ import annotations

from dataclasses import dataclass

import z3

from .kernel_state import KernelState, address_of
from .logic import conjunction
from .memory import KINDS, OBJECTS, Window

PRESERVED = ("xsp", *(f"x{i}" for i in range(19, 30)))


@dataclass(frozen=True)
class Outcome:
    """One of the ways a function can end: when, and what is in the result registers then."""

    name: str
    condition: z3.BoolRef
    results: dict[str, z3.BitVecRef]


@dataclass(frozen=True)
class Place:
    """A word that the function may read, under a condition."""

    name: str
    condition: z3.BoolRef
    window: Window
    address: z3.BitVecRef


@dataclass(frozen=True)
class Claim:
    """A function of the image, and what it does in every state that satisfies the assumptions."""

    function: str
    state: KernelState
    arguments: dict[str, z3.BitVecRef]
    # Invariants of the kernel, instantiated where the function looks.
    assumptions: list[z3.BoolRef]
    # Exclusive: each holds where none before it does.
    outcomes: list[Outcome]
    places: list[Place]
    # Frame kinds of the objects that it reads, with the words that it reads of each.
    kinds: dict[str, list[range]]


def field_place(
    name: str, condition: z3.BoolRef, state: KernelState, number: z3.BitVecRef
) -> Place:
    """The field `Object.FIELD` of an object."""
    return Place(name, condition, OBJECTS, address_of(number, state.layout.word(name)))


def kind_place(name: str, condition: z3.BoolRef, frame: z3.BitVecRef) -> Place:
    """The kind byte of a frame."""
    prefix = z3.BitVecVal(KINDS.base >> frame.size(), 64 - frame.size())
    return Place(name, condition, KINDS, z3.Concat(prefix, frame))


def exclusive(outcomes: list[Outcome]) -> list[Outcome]:
    """Makes each outcome hold only where none before it does; the last one is the rest."""
    before: list[z3.BoolRef] = []
    result = []
    for outcome in outcomes:
        condition = conjunction([*(z3.Not(c) for c in before), outcome.condition])
        before.append(outcome.condition)
        result.append(Outcome(outcome.name, condition, outcome.results))
    return result
