"""The state of a symbolic execution at one instruction, and how two states become one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import z3

from .condition import COPY, Thunk
from .lift import ARCHITECTURE
from .logic import conjunction
from .memory import Memory

REGISTER_OFFSETS = {r.name: r.vex_offset for r in ARCHITECTURE.register_list}
THUNK_OFFSETS = tuple(REGISTER_OFFSETS[n] for n in ("cc_op", "cc_dep1", "cc_dep2", "cc_ndep"))

# What holds on the way here: a conjunction.
Guard = tuple[z3.BoolRef, ...]

# Private memory of the function, byte by byte: region and offset from its base; each is one byte of
# a word that was stored.
Piece = tuple[z3.BitVecRef, int]
PrivateBytes = dict[tuple[str, int], Piece]


@dataclass(frozen=True)
class Requirement:
    """What has to hold where a contract stands in for a function."""

    function: str
    guard: Guard
    condition: z3.BoolRef


@dataclass(frozen=True)
class Frame:
    """A function that is being executed, and the call in it that is under way."""

    entry: int
    call: int | None = None


Key = TypeVar("Key")

# The functions that were called and not executed, first to last.
History = tuple[str, ...]

# Where a state is, what was answered on its way, and what was called.
Place = tuple[int, tuple[Frame, ...], tuple[bool, ...], History]


@dataclass
class State:
    """Registers and memory before the instruction at `address`."""

    address: int
    frames: tuple[Frame, ...]
    registers: dict[int, z3.BitVecRef]
    memory: Memory
    private: PrivateBytes = field(default_factory=dict)
    guard: Guard = ()
    steps: int = 0
    # System registers that were written; the others are as at the start.
    system: dict[str, z3.BitVecRef] = field(default_factory=dict)
    # What was answered on the way here: states with different answers are not merged.
    answers: tuple[bool, ...] = ()
    # The procedures (`procedure`) on the way here: memory is what the last one left.
    history: History = ()

    def copy(self) -> State:
        return State(
            self.address,
            self.frames,
            dict(self.registers),
            self.memory,
            dict(self.private),
            self.guard,
            self.steps,
            dict(self.system),
            self.answers,
            self.history,
        )

    def system_register(self, name: str) -> z3.BitVecRef:
        return self.system.get(name, z3.BitVec(f"initial_{name}", 64))

    def private_piece(self, place: tuple[str, int]) -> Piece:
        """A byte of private memory; what it held at first is not known."""
        name, offset = place
        found = self.private.get(place)
        return (z3.BitVec(f"initial_{name}_{offset}", 8), 0) if found is None else found

    def private_word(self, name: str, offset: int, size: int) -> z3.BitVecRef:
        """Some bytes of private memory."""
        pieces = [self.private_piece((name, offset + byte)) for byte in range(size)]
        whole = pieces[0][0]
        if whole.size() == 8 * size and all(
            term.eq(whole) and index == byte for byte, (term, index) in enumerate(pieces)
        ):
            return whole
        found = [z3.Extract(8 * index + 7, 8 * index, term) for term, index in pieces]
        return z3.simplify(z3.Concat(*reversed(found)) if size > 1 else found[0])

    def register(self, name: str) -> z3.BitVecRef:
        return self.registers[REGISTER_OFFSETS[name]]

    def thunk(self) -> Thunk:
        return Thunk(*(self.registers[offset] for offset in THUNK_OFFSETS))

    def place(self) -> Place:
        """States in the same place are merged."""
        return self.address, self.frames, self.answers, self.history


def initial_registers() -> dict[int, z3.BitVecRef]:
    """A symbol for every register of the machine."""
    registers = {}
    for register in ARCHITECTURE.register_list:
        if register.size == 8:
            registers[register.vex_offset] = z3.BitVec(f"initial_{register.name}", 64)
    registers[THUNK_OFFSETS[0]] = z3.BitVecVal(COPY, 64)
    return registers


def merge(first: State, second: State) -> State:
    """One state that stands for both: a choice in each place in which they differ."""
    shared = 0
    for a, b in zip(first.guard, second.guard):
        if not a.eq(b):
            break
        shared += 1
    is_first = conjunction(first.guard[shared:])
    either = z3.simplify(z3.Or(is_first, conjunction(second.guard[shared:])))
    guard = first.guard[:shared] + (() if z3.is_true(either) else (either,))
    registers = {
        offset: _choose(is_first, value, second.registers[offset])
        for offset, value in first.registers.items()
    }
    _merge_flags(registers, is_first, first, second)
    private = {
        place: _choose_piece(is_first, first.private_piece(place), second.private_piece(place))
        for place in sorted(first.private.keys() | second.private.keys())
    }
    system = {
        name: _choose(is_first, first.system_register(name), second.system_register(name))
        for name in sorted(first.system.keys() | second.system.keys())
    }
    return State(
        first.address,
        first.frames,
        registers,
        first.memory.chosen(is_first, second.memory),
        private,
        guard,
        max(first.steps, second.steps),
        system,
        first.answers,
        first.history,
    )


def keep(states: dict[Key, State], key: Key, state: State) -> None:
    """Adds a state to those that are known of a key."""
    known = states.get(key)
    states[key] = state if known is None else merge(known, state)


def _merge_flags(
    registers: dict[int, z3.BitVecRef], is_first: z3.BoolRef, first: State, second: State
) -> None:
    """Different thunks become plain flags: operands of different operations cannot be chosen."""
    operation, left = THUNK_OFFSETS[:2]
    if first.registers[operation].eq(second.registers[operation]):
        return
    packed = [state.thunk().flags().packed() for state in (first, second)]
    registers[operation] = z3.BitVecVal(COPY, 64)
    registers[left] = _choose(is_first, *packed)


def _choose(condition: z3.BoolRef, first: z3.BitVecRef, second: z3.BitVecRef) -> z3.BitVecRef:
    return first if first.eq(second) else z3.If(condition, first, second)


def _choose_piece(condition: z3.BoolRef, first: Piece, second: Piece) -> Piece:
    if first[1] != second[1] or first[0].size() != second[0].size():
        bytes_ = [z3.Extract(8 * i + 7, 8 * i, term) for term, i in (first, second)]
        return z3.simplify(z3.If(condition, *bytes_)), 0
    return _choose(condition, first[0], second[0]), first[1]
