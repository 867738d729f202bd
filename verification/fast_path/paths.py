"""All paths of a piece of machine code, from a state whose memory is fields of known objects.

The executor's instructions, with two differences: paths are not merged where they meet, and one
that no state can take is dropped, with the reason kept as an obligation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import z3

from machine_code.execute import Executor, Rules, Run
from machine_code.image import Function, Image
from machine_code.logic import parts_of
from machine_code.memory import Memory
from machine_code.state import REGISTER_OFFSETS, Frame, State, initial_registers

from .fields import FieldMemory

PATHS_MAX = 64

READABLE = frozenset({"esr_el1", "elr_el1", "spsr_el1", "sp_el0", "tpidr_el0", "tpidr_el1"})
WRITABLE = frozenset({"elr_el1", "spsr_el1", "sp_el0", "tpidr_el0", "ttbr0_el1", "cpacr_el1"})


class PathError(Exception):
    """More paths than there should be."""


@dataclass
class Ends:
    """Where the paths of a piece of code end: each state, and what no state can do."""

    states: list[State] = field(default_factory=list)
    impossible: list[list[z3.BoolRef]] = field(default_factory=list)
    instructions: int = 0


class Paths(Executor):
    """Executes code path by path."""

    def __init__(
        self, image: Image, hypotheses: Sequence[z3.BoolRef], stops: Sequence[int]
    ) -> None:
        rules = Rules(READABLE, WRITABLE, private=(), stops=frozenset(stops))
        super().__init__(image, hypotheses, rules)
        self._solver = z3.SolverFor("QF_BV")
        self._solver.add(*hypotheses)

    def explore(self, state: State) -> Ends:
        """Runs until every path has returned to user code or come to a stop."""
        self._ends = Ends()
        self._run = Run(Function("", state.address, 0), state)
        waiting = [state.copy()]
        while waiting:
            here = waiting.pop()
            known = len(here.guard)
            waiting += [s for s in self._step(here) if self._is_possible(s, known)]
            if len(waiting) + len(self._ends.states) > PATHS_MAX:
                raise PathError(f"more than {PATHS_MAX} paths")
        self._ends.states = [s for s in self._ends.states if self._is_possible(s, 0)]
        self._ends.instructions = len(self._run.reached)
        return self._ends

    def _is_possible(self, state: State, known: int) -> bool:
        return len(state.guard) == known or not self._is_refuted(list(state.guard))

    def _is_refuted(self, conditions: list[z3.BoolRef]) -> bool:
        self._solver.push()
        self._solver.add(*conditions)
        answer = self._solver.check()
        self._solver.pop()
        if answer == z3.unsat:
            self._ends.impossible.append(conditions)
        return answer == z3.unsat

    def _without_choices(self, state: State, address: z3.BitVecRef) -> z3.BitVecRef:
        """The address without choices of which the state allows one side only."""
        for part in parts_of([address]):
            if z3.is_app_of(part, z3.Z3_OP_ITE):
                condition, first, second = part.children()
                if self._is_refuted([*state.guard, condition]):
                    kept = second
                elif self._is_refuted([*state.guard, z3.Not(condition)]):
                    kept = first
                else:
                    raise PathError(f"{state.address:#x}: an address that is open: {address}")
                return self._without_choices(state, z3.simplify(z3.substitute(address, (part, kept))))
        return address

    def _end(self, ends: dict[int, State], state: State) -> None:
        self._ends.states.append(state)

    def _load(self, state: State, address: z3.BitVecRef, size: int) -> z3.BitVecRef:
        return _fields(state).load(self._without_choices(state, address), size)

    def store(self, state: State, address: z3.BitVecRef, value: z3.BitVecRef) -> None:
        state.memory = _fields(state).store(self._without_choices(state, address), value)


def _fields(state: State) -> FieldMemory:
    assert isinstance(state.memory, FieldMemory)
    return state.memory


def start(address: int, memory: FieldMemory, registers: dict[str, z3.BitVecRef]) -> State:
    """A state before the instruction at `address`."""
    general = initial_registers()
    system = {}
    for name, value in registers.items():
        if name.startswith("x"):
            general[REGISTER_OFFSETS[name]] = value
        else:
            system[name] = value
    state = State(address, (Frame(address),), general, Memory.symbolic("unused_"))
    state.memory, state.system = memory, system
    return state
