"""What a claim about a function consists of."""

from __future__ import annotations

from dataclasses import dataclass, field

import z3

from .invariants import Rule
from .kernel_state import KernelState
from .memory import Memory, Window

PRESERVED = ("xsp", *(f"x{i}" for i in range(19, 30)))


# The most bytes of an answer that is returned in memory.
OUT_BYTES = 64


def out_offset(key: str) -> int | None:
    """`*8` is what is at offset 8 of an answer in memory; other results are registers."""
    return int(key[1:]) if key.startswith("*") else None


def argument_of(function: str, place: int) -> str:
    """The result that stands for an argument of a function that is called."""
    return f"@{function} x{place}"


@dataclass(frozen=True)
class Outcome:
    """One of the ways a function can end: when, and what is in registers and memory then.

    A result is a register, or a word of an answer in memory: see `out_offset`.
    """

    name: str
    condition: z3.BoolRef
    results: dict[str, z3.BitVecRef]
    memory: Memory
    is_refusal: bool = False
    # The function that is called with the rest of the work, if one is: `Elsewhere`.
    elsewhere: str = ""


@dataclass(frozen=True)
class Place:
    """A word that the function may read, or write, under a condition; why it may stand there."""

    name: str
    condition: z3.BoolRef
    window: Window
    address: z3.BitVecRef
    # It is a word of a described object of the right kind.
    is_right: z3.BoolRef
    is_write: bool = False


@dataclass(frozen=True)
class Fact:
    """What holds under a condition, by some more instances of invariants."""

    name: str
    condition: z3.BoolRef
    goal: z3.BoolRef
    extra: tuple[z3.BoolRef, ...]


@dataclass(frozen=True)
class Claim:
    """A function of the image, and what it does in every state that satisfies the assumptions."""

    function: str
    state: KernelState
    # Registers at the start; those that a claim's own symbols stand for.
    arguments: dict[str, z3.BitVecRef]
    # Invariants of the kernel, instantiated where the function looks.
    assumptions: list[z3.BoolRef]
    # Exclusive: each holds where none before it does.
    outcomes: list[Outcome]
    places: list[Place]
    # What else follows of the state afterwards.
    facts: list[Fact] = field(default_factory=list)
    # Invariants that are kept beside those of `invariants`.
    rules: tuple[Rule, ...] = ()
