"""What the execution of a function shows: accesses, effects, panics, and the state at its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import z3

from .image import Function
from .lift import Instruction
from .memory import Window
from .state import Guard, History, Requirement, State

if TYPE_CHECKING:
    from .rounds import Loop


@dataclass(frozen=True)
class Private:
    """Memory that only this call knows: bytes `[low, high)` from the value of a register."""

    name: str
    register: str
    low: int
    high: int


@dataclass(frozen=True)
class Access:
    """An access to kernel memory, and when it happens."""

    instruction: Instruction
    guard: Guard
    window: Window
    address: z3.BitVecRef
    size: int
    is_write: bool


@dataclass(frozen=True)
class Effect:
    """A system instruction that does something, when, and with which operand."""

    instruction: Instruction
    guard: Guard
    operand: z3.BitVecRef | None


@dataclass(frozen=True)
class Panic:
    """A place at which the kernel would stop, and when it is reached."""

    instruction: Instruction
    guard: Guard
    name: str


@dataclass
class Run:
    """What a function does."""

    function: Function
    start: State
    # The contract that the function is, if others take it for granted.
    own: object | None = None
    # The loop of the function, if that is told by one round.
    loop: Loop | None = None
    # Branches that Z3 decided, each as what contradicts itself if they go the other way: of the
    # hypotheses too, so that in states that are not sound they may.
    decided: list[list[z3.BoolRef]] = field(default_factory=list)
    # The states in which it returns, by the procedures that it called before.
    ends: dict[History, State] = field(default_factory=dict)
    # The states in which it calls a procedure, by all that it called with this one.
    calls: dict[History, State] = field(default_factory=dict)
    accesses: list[Access] = field(default_factory=list)
    panics: list[Panic] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    # The states at an `eret`, and at the addresses at which the caller wanted the run to end.
    erets: dict[int, State] = field(default_factory=dict)
    stops: dict[int, State] = field(default_factory=dict)
    # Reads of registers that change by themselves: each has a symbol of its own.
    volatile: list[z3.BitVecRef] = field(default_factory=list)
    # What the symbols stand for that the run made for numbers of leading zeros.
    counts: dict[str, z3.BitVecRef] = field(default_factory=dict)
    # The functions that were not executed, and what they require of their callers.
    summaries: list[str] = field(default_factory=list)
    requirements: list[Requirement] = field(default_factory=list)
    # What the names mean that contracts gave to what they answer.
    definitions: list[z3.BoolRef] = field(default_factory=list)
    reached: set[int] = field(default_factory=set)
    stack_bytes: int = 0

    def defined(self) -> tuple[z3.BoolRef, ...]:
        """What its own symbols are."""
        found = self.counts.items()
        return tuple(z3.BitVec(name, value.size()) == value for name, value in found)

    @property
    def end(self) -> State | None:
        """The state in which it returns without having called a procedure."""
        return self.ends.get(())

    @property
    def steps(self) -> int:
        """The most instructions on a path."""
        return max((end.steps for end in self.ends.values()), default=0)
