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
from ..copying import COPY_MESSAGE
from ..layout import Layout
from ..procedure import Procedure
from ..walk import Walk
from . import (
    allowance,
    budget,
    capability,
    context,
    create,
    debug,
    deliver,
    destroy,
    destroy_quickly,
    disarm,
    dispatch,
    dying,
    enqueue,
    frame,
    give,
    irq,
    kill,
    lend,
    lookup,
    mapping,
    message,
    notify,
    page_range,
    range_call,
    pool,
    protect,
    receive,
    reclaim,
    record,
    region,
    resume,
    run_queue,
    runs,
    schedule,
    spaces,
    start,
    stop,
    teardown,
    thread,
    unmap,
    user_frame,
    user_memory,
    vacate,
    wait,
    wheel,
)

FAMILIES: tuple[ModuleType, ...] = (
    allowance,
    budget,
    capability,
    context,
    create,
    debug,
    frame,
    irq,
    lend,
    mapping,
    notify,
    protect,
    reclaim,
    region,
    schedule,
    start,
    stop,
    thread,
    unmap,
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


# Functions that change memory and that others call; of copying, `copying` has the proof.
PROCEDURES: tuple[Procedure, ...] = (
    *run_queue.PROCEDURES,
    *wheel.PROCEDURES,
    *resume.PROCEDURES,
    *schedule.PROCEDURES,
    *notify.PROCEDURES,
    *lend.PROCEDURES,
    *stop.PROCEDURES,
    *deliver.PROCEDURES,
    *wait.PROCEDURES,
    *enqueue.PROCEDURES,
    *message.PROCEDURES,
    *receive.PROCEDURES,
    *dispatch.PROCEDURES,
    *give.PROCEDURES,
    *budget.PROCEDURES,
    *page_range.PROCEDURES,
    *runs.PROCEDURES,
    *range_call.PROCEDURES,
    *destroy.PROCEDURES,
    *disarm.PROCEDURES,
    *teardown.PROCEDURES,
    *vacate.PROCEDURES,
    *dying.PROCEDURES,
    *kill.PROCEDURES,
    *reclaim.PROCEDURES,
    *unmap.PROCEDURES,
    *pool.PROCEDURES,
    *record.PROCEDURES,
    *mapping.PROCEDURES,
    *protect.PROCEDURES,
    *user_frame.PROCEDURES,
    *spaces.PROCEDURES,
    COPY_MESSAGE,
)


# Functions that are proved under what their callers keep to, and that these execute.
FUNCTIONS = destroy_quickly.FUNCTIONS
# Functions of which nothing is taken for granted.
ELSEWHERE = destroy_quickly.ELSEWHERE


def name_of(tell: Callable[..., None]) -> str:
    """The function that a claim is about; a word of Python's has an underscore behind it."""
    return tell.__name__.rstrip("_")


def _subjects() -> tuple[Subject, ...]:
    procedures = (it for it in PROCEDURES if it is not COPY_MESSAGE)
    shared = [Subject(c.function, None, c) for c in (*lookup.CONTRACTS, *procedures)]
    calls = [Subject(name_of(tell), tell) for family in FAMILIES for tell in family.CALLS]
    functions = [Subject(tell.__name__, tell) for tell in FUNCTIONS]
    return (*shared, *functions, *calls)


SUBJECTS = _subjects()
