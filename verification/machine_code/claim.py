"""What a claim about a function consists of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import z3

from .invariants import Rule
from .kernel_state import KernelState
from .memory import WORD_BYTES, Memory, Window
from .state import History

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
    # The procedures that were called before, and the state that the last one left: the start, if none.
    history: History = ()
    since: KernelState | None = None


@dataclass(frozen=True)
class CallPoint:
    """A procedure is called: when, with what, and what is in memory then."""

    # All procedures that were called, with this one.
    history: History
    condition: z3.BoolRef
    arguments: tuple[z3.BitVecRef, ...]
    memory: Memory
    since: KernelState
    # What the procedure wants to be so.
    needs: tuple[z3.BoolRef, ...]
    # The register of the first argument; the one before it says where the answer goes, if there is one.
    first: int = 0


@dataclass(frozen=True)
class Place:
    """Words that the function may read, or write, under a condition; why they may stand there."""

    name: str
    condition: z3.BoolRef
    window: Window
    address: z3.BitVecRef
    # They are of a described object of the right kind.
    is_right: z3.BoolRef
    is_write: bool = False
    # How many, from the address on.
    words: int = 1

    def has(self, address: z3.BitVecRef) -> z3.BoolRef:
        """Whether a word of an address is one of them."""
        if self.words == 1:
            return address == self.address
        is_word = address & (WORD_BYTES - 1) == 0
        return z3.And(is_word, z3.ULT(address - self.address, WORD_BYTES * self.words))


@dataclass(frozen=True)
class Case:
    """A condition under which a term is equal to a simpler one."""

    condition: z3.BoolRef
    term: z3.BitVecRef
    value: z3.BitVecRef

    def of(self, goal: z3.BoolRef) -> z3.BoolRef:
        """What is to be shown is the same in this case with the simpler term in it."""
        return z3.simplify(z3.substitute(goal, (self.term, self.value)))


@dataclass(frozen=True)
class Fact:
    """What holds under a condition, by some more instances of invariants."""

    name: str
    condition: z3.BoolRef
    goal: z3.BoolRef
    extra: tuple[z3.BoolRef, ...]
    # Asked one by one; what is left if none of them holds is asked too.
    cases: tuple[Case, ...] = ()


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
    # What the names of long terms mean. Only lemmas rest on it: all else holds for any value of a
    # name of which the lemmas hold.
    definitions: list[z3.BoolRef] = field(default_factory=list)
    lemmas: list[Fact] = field(default_factory=list)
    # The procedures that it calls, and all invariants that hold then and afterwards; `None`: the usual.
    calls: list[CallPoint] = field(default_factory=list)
    invariants: Callable[[KernelState], list[Rule]] | None = None
    # What callers may rely on beside the invariants.
    promises: list[Fact] = field(default_factory=list)

    def premises(self) -> list[z3.BoolRef]:
        """What holds of every state of which the claim speaks, names included."""
        return [*self.assumptions, *self.definitions]

    def known(self, count: int | None = None) -> list[z3.BoolRef]:
        """The assumptions, and what follows from them: all lemmas, or the first ones."""
        lemmas = (z3.Implies(lemma.condition, lemma.goal) for lemma in self.lemmas[:count])
        return [*self.assumptions, *lemmas]
