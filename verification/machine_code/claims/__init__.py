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
from . import (
    allowance,
    capability,
    context,
    create,
    debug,
    frame,
    irq,
    lookup,
    page_table,
    region,
    send,
    thread,
)

FAMILIES: tuple[ModuleType, ...] = (
    allowance,
    capability,
    context,
    create,
    debug,
    frame,
    irq,
    page_table,
    region,
    thread,
)


@dataclass(frozen=True)
class Subject:
    """A function that is proved: what is said of it, and the contract that it is, if any."""

    name: str
    tell: Callable[..., None] | None
    contract: Contract | None = None

    def claim(self, layout: Layout) -> Claim:
        """The claim, for this layout of the kernel's objects."""
        if self.contract is not None:
            return self.contract.claim(layout)
        assert self.tell is not None
        it = Call(layout)
        names = list(inspect.signature(self.tell).parameters)[1:]
        arguments = [z3.BitVec(name, 64) for name in names]
        for at, argument in enumerate(arguments):
            it.arguments[f"x{at}"] = argument
        self.tell(it, *arguments)
        return it.claim(self.name)


def _subjects() -> tuple[Subject, ...]:
    shared = [Subject(c.function, None, c) for c in lookup.CONTRACTS]
    calls = [Subject(tell.__name__, tell) for family in FAMILIES for tell in family.CALLS]
    functions = [Subject(tell.__name__, tell) for tell in page_table.FUNCTIONS]
    return (*shared, Subject("find_send_gate", send.find_send_gate), *functions, *calls)


SUBJECTS = _subjects()
# Claims that are not known to be true: only checked if they are named.
DRAFTS = tuple(
    Subject(tell.__name__, tell)
    for family in FAMILIES
    for tell in getattr(family, "DRAFTS", ())
)
