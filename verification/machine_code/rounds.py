"""Loops that are told by one round.

Where a loop begins, any number of its rounds went before. Memory is what they left, of which a claim says
what is known (`Walk.rounds`), as of what a procedure leaves; a register holds what it held before the
first round, and what each round adds to it, or anything. From there one round is executed. Where the
loop begins again, obligations say that registers are as the next round finds them, and that what is
said of the rounds before is true of one more. So whatever is proved holds of every round.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import z3

from .accesses import ExecutionError
from .condition import COPY
from .layout import Layout
from .leaving import Callee, answers_of, left_by, name_of
from .lift import Lifter
from .state import REGISTER_OFFSETS, THUNK_OFFSETS, History, State, keep

if TYPE_CHECKING:
    from .execute import Executor

# Behind the history of a path that goes round once more.
AGAIN = "again"

WORD_BYTES = 8
LINK_REGISTER = "x30"


def is_again(history: History) -> bool:
    """Whether a path ends where its loop begins again."""
    return history[-1:] == (AGAIN,)


class Loop:
    """The only loop of a function, and what its rounds leave."""

    def __init__(self, lifter: Lifter, entry: int, rounds: Callee, layout: Layout) -> None:
        self.rounds = rounds
        self.head = _head(lifter, entry)
        self._layout = layout
        # How many rounds went before, and the state in which the next one begins.
        self._count: z3.BitVecRef
        self._general: State | None = None

    def arrive(self, executor: Executor, state: State) -> list[State]:
        """The states in which a path goes on that comes to where the loop begins."""
        if self.rounds.function in state.history:
            state.history = (*state.history, AGAIN)
            keep(executor.run_so_far.ends, state.history, state)
            return []
        if self._general is not None:
            raise ExecutionError(f"{self.head:#x}: a loop that begins in more than one way")
        back = executor.rounds_from(state)
        history = (*state.history, self.rounds.function)
        keep(executor.run_so_far.calls, history, state.copy())
        executor.run_so_far.summaries.append(self.rounds.function)
        state.history = history
        self._count = answers_of(history, 0)[0]
        self._generalize(state, back)
        if self.rounds.changes != frozenset():
            state.memory = left_by(history, state.memory, self.rounds.changes, self._layout)
        self._general = state.copy()
        return [state]

    def _generalize(self, state: State, back: Sequence[State]) -> None:
        """Registers and private words as any round finds them, which one round has shown."""
        name = name_of(state.history)
        for register, offset in REGISTER_OFFSETS.items():
            if offset in state.registers:
                values = [other.registers[offset] for other in back]
                symbol = _anything(name, register)
                value = self._any(state.registers[offset], values, symbol)
                # Where a call returns to is no number that is counted up.
                is_other = register == LINK_REGISTER and not value.eq(state.registers[offset])
                state.registers[offset] = symbol if is_other else value
        met = {word for other in (state, *back) for word in _words(other)}
        for region, offset in sorted(met):
            old = state.private_word(region, offset, WORD_BYTES)
            values = [other.private_word(region, offset, WORD_BYTES) for other in back]
            value = self._any(old, values, _anything(name, f"{region}_{offset}"))
            for byte in range(WORD_BYTES) if not value.eq(old) else ():
                state.private[(region, offset + byte)] = (value, byte)
        operation, left = THUNK_OFFSETS[:2]
        state.registers[operation] = z3.BitVecVal(COPY, 64)
        state.registers[left] = _anything(name, "flags")

    def _any(
        self, first: z3.BitVecRef, values: Sequence[z3.BitVecRef], symbol: z3.BitVecRef
    ) -> z3.BitVecRef:
        """What a word is after any number of rounds that was `first`, and then one of these."""
        steps = [z3.simplify(value - first) for value in values]
        if any(not z3.is_bv_value(step) or not step.eq(steps[0]) for step in steps):
            return symbol
        return z3.simplify(first + steps[0] * self._count) if steps else first

    def goals(self, end: State) -> Iterator[tuple[str, z3.BoolRef]]:
        """What has to hold where the loop begins again: each word is as one round more finds it."""
        following = (self._count, self._count + 1)
        for name, found, value in self.words(end):
            yield name, found == z3.substitute(value, following)

    def words(self, end: State) -> Iterator[tuple[str, z3.BitVecRef, z3.BitVecRef]]:
        """Registers and private words of which something is known in every round: names, what they
        hold where the loop begins again, and where the round began.
        """
        if self._general is None:
            return
        general, name = self._general, name_of(self._general.history)
        for register, offset in REGISTER_OFFSETS.items():
            value = general.registers.get(offset)
            is_any = value is None or value.eq(_anything(name, register))
            if not is_any and offset not in THUNK_OFFSETS:
                yield register, end.registers[offset], value
        # A word that no round began with is to be as it was, too.
        for region, offset in sorted({*_words(general), *_words(end)}):
            value = general.private_word(region, offset, WORD_BYTES)
            if not value.eq(_anything(name, f"{region}_{offset}")):
                yield f"{region} {offset}", end.private_word(region, offset, WORD_BYTES), value


def _anything(name: str, word: str) -> z3.BitVecRef:
    """A word of which nothing is known when a round begins; unlike the names of answers."""
    return z3.BitVec(f"{name}_any_{word}", 64)


def _words(state: State) -> list[tuple[str, int]]:
    """The private words of which something is known."""
    return sorted({(region, offset & -WORD_BYTES) for region, offset in state.private})


def _head(lifter: Lifter, entry: int) -> int:
    """Where the loop of a function begins: where its only jumps back lead."""
    order = lifter.order(entry)
    heads = {
        target
        for address, place in order.items()
        for target in lifter.instruction(address).successors()
        if order.get(target, place + 1) <= place
    }
    if len(heads) != 1:
        raise ExecutionError(f"{entry:#x}: {len(heads)} loops, and one is told")
    return heads.pop()
