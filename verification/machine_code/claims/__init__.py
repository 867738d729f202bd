"""One module for each family of system calls, and `lookup` for what they share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import z3

from ..call import Call
from ..claim import Claim
from ..contracts import Contract
from ..layout import Layout
from ..procedure import Procedure
from ..walk import Walk
from . import (
    allowance,
    capability,
    context,
    create,
    debug,
    frame,
    irq,
    lend,
    lookup,
    notify,
    page_table,
    region,
    resume,
    run_queue,
    schedule,
    send,
    start,
    stop,
    thread,
    user_memory,
    wheel,
)

FAMILIES: tuple[ModuleType, ...] = (
    allowance,
    capability,
    context,
    create,
    debug,
    frame,
    irq,
    lend,
    notify,
    page_table,
    region,
    schedule,
    start,
    stop,
    thread,
    user_memory,
)


@dataclass(frozen=True)
class Subject:
    """A function that is proved: what is said of it, and the contract that it is, if any."""

    name: str
    tell: Callable[..., None] | None
    contract: Contract | Procedure | None = None

    def claim(self, layout: Layout) -> Claim:
        """The claim, for this layout of the kernel's objects."""
        if self.contract is not None:
            return self.contract.claim(layout)
        assert self.tell is not None
        first, *names = inspect.signature(self.tell).parameters.values()
        it = Walk(layout) if first.annotation == Walk.__name__ else Call(layout)
        arguments = [z3.BitVec(name.name, 64) for name in names]
        for at, argument in enumerate(arguments):
            it.arguments[f"x{at}"] = argument
        it.explore(lambda: self.tell(it, *arguments))
        return it.claim(self.name)


# Functions that change memory and that others call.
PROCEDURES: tuple[Procedure, ...] = (
    *run_queue.PROCEDURES,
    *wheel.PROCEDURES,
    *resume.PROCEDURES,
    *schedule.PROCEDURES,
    *notify.PROCEDURES,
    *lend.PROCEDURES,
    *stop.PROCEDURES,
)


def name_of(tell: Callable[..., None]) -> str:
    """The function that a claim is about; a word of Python's has an underscore behind it."""
    return tell.__name__.rstrip("_")


def _subjects() -> tuple[Subject, ...]:
    shared = [Subject(c.function, None, c) for c in (*lookup.CONTRACTS, *PROCEDURES)]
    calls = [Subject(name_of(tell), tell) for family in FAMILIES for tell in family.CALLS]
    functions = [Subject(tell.__name__, tell) for tell in page_table.FUNCTIONS]
    return (*shared, Subject("find_send_gate", send.find_send_gate), *functions, *calls)


SUBJECTS = _subjects()
# Claims that are not known to be true: only checked if they are named.
DRAFTS = tuple(
    Subject(tell.__name__, tell)
    for family in FAMILIES
    for tell in getattr(family, "DRAFTS", ())
)
