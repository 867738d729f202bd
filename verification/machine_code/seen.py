"""What the execution of a function shows: accesses, effects, panics, and the state at its end."""

from __future__ import annotations

from dataclasses import dataclass, field

import z3

from .image import Function
from .lift import Instruction
from .memory import Window
from .state import Guard, Requirement, State


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
    end: State | None = None
    accesses: list[Access] = field(default_factory=list)
    panics: list[Panic] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    # The states at an `eret`, and at the addresses at which the caller wanted the run to end.
    erets: dict[int, State] = field(default_factory=dict)
    stops: dict[int, State] = field(default_factory=dict)
    # Reads of registers that change by themselves: each has a symbol of its own.
    volatile: list[z3.BitVecRef] = field(default_factory=list)
    # The functions that were not executed, and what they require of their callers.
    summaries: list[str] = field(default_factory=list)
    requirements: list[Requirement] = field(default_factory=list)
    reached: set[int] = field(default_factory=set)
    stack_bytes: int = 0
