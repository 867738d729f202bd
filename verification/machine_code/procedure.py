"""Functions of the kernel that change memory, that others call, and that are proved on their own.

Where a procedure is called, it is not executed: after it, memory is *another* one, of which is known
that the invariants hold, that what the procedure never writes is as before, and nothing else. A claim
says the same of its own steps (`walk`): which procedures are called, one after the other, with which
arguments, and what is in memory each time. So what a function does is proved up to what it calls,
and that is proved too, down to functions that call nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import z3

from . import looking
from .claim import Claim
from .contracts import forget
from .execute import ROUNDS_MAX, Executor
from .kernel_state import KernelState
from .layout import Layout
from .leaving import Answers, Frames, answers_of, left_by, name_of, promised
from .state import REGISTER_OFFSETS, State, keep
from .walk import UntrueError, Walk

Word = z3.BitVecRef
Needs = Callable[..., list[z3.BoolRef]]


def constant_of(value: Word) -> int | None:
    """What a term is, if that is a constant."""
    value = z3.simplify(value)
    return value.as_long() if isinstance(value, z3.BitVecNumRef) else None


def _nothing(_state: KernelState, *_arguments: Word) -> list[z3.BoolRef]:
    return []


def _promises_nothing(
    _before: KernelState, _after: KernelState, _answers: Answers, *_arguments: Word
) -> list[z3.BoolRef]:
    return []


@dataclass(frozen=True)
class Procedure:
    """A function, and what its callers know of it."""

    function: str
    # Its claim: a function of a `Walk` and the arguments.
    tell: Callable[..., None]
    # How many arguments, each a word.
    arguments: int
    # The fields that it may write, itself or through what it calls; `None`: any.
    changes: frozenset[str] | None
    # What has to be so where it is called, of the state and the arguments.
    needs: Needs = field(default=_nothing)
    # What holds afterwards beside the invariants, of the states before and after, what it answers,
    # and the arguments.
    promise: Callable[..., list[z3.BoolRef]] = field(default=_promises_nothing)
    # Whether it answers that all is well: two words that are zero.
    is_done: bool = False
    # Whether a thread's call begins with it, or could.
    is_call: bool = False
    # How many words it answers in memory, at the place that is its first argument.
    out_words: int = 0
    # What it may change of frames, by their kinds before: see `leaving`. `None`: that is not said.
    frames: Frames | None = None
    # When it has changed nothing, if that may be: by the state before, the answers and the arguments.
    is_idle: Callable[..., z3.BoolRef] | None = None
    # How often its loops go round at most, if a solver is to find their ends.
    rounds: int = ROUNDS_MAX
    # Whether what its loops store, round by round, is one store for each round: see `Memory`.
    joins: bool = False
    # What rounds of its loop leave, if it is told by one of them: see `rounds`.
    loop: Procedure | None = None

    def claim(self, layout: Layout) -> Claim:
        """The claim about the function itself."""
        it = Walk(layout, is_call=self.is_call)
        values = [z3.BitVec(f"argument_{place}", 64) for place in range(self.arguments)]
        for place, value in enumerate(values):
            it.arguments[f"x{place + (self.out_words > 0)}"] = value
        it.assume(*self.needs(it.before, *values))
        it.changes = self.changes
        it.explore(lambda: self.tell(it, *values))
        it.promise_of(
            lambda after, answers: [
                *self.promise(it.initial, after, answers, *values),
                *promised(self, it.initial, after, answers, *values),
            ],
            self.out_words,
        )
        told = it.claim(self.function)
        if (it.loop[0] if it.loop else None) is not self.loop:
            raise UntrueError(f"{self.function} tells the rounds of another loop than its own")
        self._check(told)
        return told

    def _check(self, told: Claim) -> None:
        """What callers take for granted by the procedure's description is what its claim says."""
        written = {looking.written_name(place.name) for place in told.places if place.is_write}
        if self.changes is not None and not written <= self.changes:
            more = ", ".join(sorted(written - self.changes))
            raise UntrueError(f"{self.function} writes more than is told: {more}")
        zeros = {"x0": 0, "x1": 0}
        for outcome in told.outcomes if self.is_done else ():
            if {name: constant_of(value) for name, value in outcome.results.items()} != zeros:
                raise UntrueError(f"{self.function} does not always answer that all is well")

    def apply(self, executor: Executor, state: State, layout: Layout) -> list[State]:
        """Notes the call, and goes on with the memory that the procedure leaves: its own, if it changes
        nothing.
        """
        history = (*state.history, self.function)
        keep(executor.run_so_far.calls, history, state.copy())
        executor.run_so_far.summaries.append(self.function)
        state.history = history
        if self.changes != frozenset():
            state.memory = left_by(history, state.memory, self.changes, layout)
        out = state.register("x0")
        forget(state, name_of(history))
        for at in range(self.out_words):
            answer = answers_of(history, self.out_words)[at]
            executor.store_private(state, z3.simplify(out + 8 * at), answer)
        if self.is_done:
            for register in ("x0", "x1"):
                state.registers[REGISTER_OFFSETS[register]] = z3.BitVecVal(0, 64)
        return [state]
