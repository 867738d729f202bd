"""Functions that claims take for granted, because each is proved on its own.

A lookup that many system calls share is specified once, as a `Contract`: its claim is proved about
its own machine code, and where a call is executed the contract stands in its place, in the very
words of the specification. It may do so only while memory is as the call found it: then the
invariants that the contract assumes hold of every object. Otherwise the function is executed.

`frame::zero(address, bytes)`, which zeroes one frame by loops that depend on the processor, is
replaced as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import z3

from .call import Call, Word
from .claim import OUT_BYTES, Claim, Outcome, argument_of, out_offset
from .condition import COPY
from .accesses import ExecutionError
from .execute import ROUNDS_MAX, Executor
from .seen import Private
from .image import Image, ImageError
from .layout import Layout
from .logic import conjuncts, disjunction
from .memory import FRAME_BITS, FRAME_SHIFT, Memory
from .state import REGISTER_OFFSETS, THUNK_OFFSETS, Requirement, State

ZERO = "5frame4zero"
SAVE_FLOATING = "save_floating"

# What a function elsewhere returns.
ANSWERS = (z3.BitVec("answer_x0", 64), z3.BitVec("answer_x1", 64))

# What `fpcr` and `fpsr` hold; other bits of them are zero.
FLOATING_CONTROL, FLOATING_STATUS = (z3.BitVec(f"initial_{name}", 64) for name in ("fpcr", "fpsr"))
CONTROL_BITS, STATUS_BITS = 0x07C0_0000, 0x0800_009F


class FloatingWords:
    """What the floating-point registers hold, in words, as `save_floating` writes it down."""

    def halves(self) -> list[Word]:
        """The halves of `v0` to `v31`, the low one first."""
        return [z3.BitVec(f"initial_q{i // 2}_{i % 2}", 64) for i in range(64)]

    def arguments(self) -> dict[str, Word]:
        """The same as registers."""
        halves = self.halves()
        whole = {f"q{i}": z3.Concat(halves[2 * i + 1], halves[2 * i]) for i in range(32)}
        return whole | {"fpcr": FLOATING_CONTROL, "fpsr": FLOATING_STATUS}

    def facts(self) -> list[z3.BoolRef]:
        """The bits that the control registers have."""
        pairs = ((FLOATING_CONTROL, CONTROL_BITS), (FLOATING_STATUS, STATUS_BITS))
        return [register & ~z3.BitVecVal(bits, 64) == 0 for register, bits in pairs]


FLOATING_WORDS = FloatingWords()

# What a called function may change.
SCRATCH = tuple(f"x{i}" for i in range(19))


@dataclass(frozen=True)
class Contract:
    """A function of the kernel that others call, and what it answers."""

    function: str
    tell: Callable[..., None]
    # The arguments of `tell`, in bits; behind a pointer to the answer, if that is in memory.
    widths: tuple[int, ...]
    has_out: bool = False
    # Whether it names what it answers: then its arguments must look as they do in claims.
    is_named: bool = False
    # How often its loops go round at most, if a solver is to find their ends.
    rounds: int = ROUNDS_MAX

    def claim(self, layout: Layout) -> Claim:
        """The claim about the function itself."""
        it = Call(layout)
        it.is_naming = False
        values = [z3.BitVec(f"argument_{i}", 64) for i in range(len(self.widths))]
        for at, value in enumerate(values):
            it.arguments[f"x{at + self.has_out}"] = value
        self.tell(it, *self._narrowed(values))
        return it.claim(self.function)

    def apply(self, executor: Executor, state: State, layout: Layout) -> list[State] | None:
        """Stands in for a call of the function: the states after it; `None` if it cannot."""
        if state.memory.updates or state.history:
            return None
        it = Call(layout)
        first = int(self.has_out)
        count = len(self.widths)
        values = [state.register(f"x{i}") for i in range(first, first + count)]
        if self.is_named:
            values = [_known(value, state) for value in values]
        self.tell(it, *self._narrowed(values))
        executor.run_so_far.definitions += it.definitions
        for condition in it.requirements:
            needed = Requirement(self.function, state.guard, condition)
            executor.run_so_far.requirements.append(needed)
        out = state.register("x0")
        forget(state, f"{self.function}_{len(executor.run_so_far.summaries)}")
        executor.run_so_far.summaries.append(self.function)
        found = []
        for is_refusal in (True, False):
            outcomes = [o for o in it.outcomes if o.is_refusal is is_refusal]
            if not outcomes:
                continue
            after = state.copy()
            after.answers += (is_refusal,)
            _answer(executor, after, outcomes, out)
            after.memory = _memory_of(outcomes)
            found.append(after)
        return found

    def _narrowed(self, values: Sequence[Word]) -> list[Word]:
        return [
            z3.simplify(z3.Extract(width - 1, 0, value))
            for value, width in zip(values, self.widths, strict=True)
        ]


def _known(value: Word, state: State) -> Word:
    """A value without the choices that the way here has decided."""
    pairs = []
    for part in (p for term in state.guard for p in conjuncts(term)):
        is_not = z3.is_not(part)
        pairs.append((part.arg(0) if is_not else part, z3.BoolVal(not is_not)))
    return z3.simplify(z3.substitute(value, *pairs))


def private_of(contract: Callee | None) -> tuple[Private, ...]:
    """What a function's claim treats as its own memory beside the stack: the answer's place."""
    if isinstance(contract, Contract):
        return (Private("out", "x0", 0, OUT_BYTES),) if contract.has_out else ()
    words = getattr(contract, "out_words", 0)
    return (Private("out", "x0", 0, 8 * words),) if words else ()


class Callee(Protocol):
    """What stands in for a function."""

    function: str

    def apply(self, executor: Executor, state: State, layout: Layout) -> list[State] | None: ...


class Contracts:
    """The functions of one image that are replaced by what is proved of them."""

    def __init__(self, image: Image, layout: Layout, contracts: Sequence[Callee]) -> None:
        self.layout = layout
        self._by_address: dict[int, Callee] = {}
        for contract in contracts:
            try:
                self._by_address[image.function(contract.function).address] = contract
            except ImageError:
                # Nobody calls it; its own claim will say so.
                continue
        self._zero = {f.address for f in image.functions if f.name.endswith(ZERO)}
        self._floating = {f.address for f in image.labels if f.name == SAVE_FLOATING}

    def without(self, contract: Callee | None) -> Contracts:
        """All but one: those that its own proof may use."""
        rest = Contracts.__new__(Contracts)
        rest.layout = self.layout
        rest._by_address = {a: c for a, c in self._by_address.items() if c is not contract}
        rest._zero = self._zero
        rest._floating = self._floating
        return rest

    def apply(self, executor: Executor, state: State, target: int) -> list[State] | None:
        """The states after the function at `target`, if that is known here."""
        if target in self._zero:
            _zero(executor, state)
            return [state]
        if target in self._floating:
            _save_floating(executor, state, self.layout)
            return [state]
        contract = self._by_address.get(target)
        return None if contract is None else contract.apply(executor, state, self.layout)


def _answer(executor: Executor, state: State, outcomes: Sequence[Outcome], out: Word) -> None:
    """One of these outcomes happens: puts what they say into registers and memory."""
    either = disjunction(outcome.condition for outcome in outcomes)
    if z3.is_and(either):
        state.guard += tuple(either.children())
    else:
        state.guard += (either,)
    last = outcomes[-1]
    for key, value in last.results.items():
        for outcome in reversed(outcomes[:-1]):
            value = z3.If(outcome.condition, outcome.results[key], value)
        value = z3.simplify(value)
        offset = out_offset(key)
        if offset is None:
            state.registers[REGISTER_OFFSETS[key]] = value
        else:
            executor.store_private(state, z3.simplify(out + offset), value)


@dataclass(frozen=True)
class Elsewhere:
    """A function of which nothing is taken for granted: a claim says when it is called, and with what.

    Its arguments become results of the claim, by `argument_of`; what it answers, `ANSWERS`, is
    anything. What it does to memory is not the claim's.
    """

    function: str
    arguments: int

    def apply(self, executor: Executor, state: State, layout: Layout) -> list[State] | None:
        """Notes the call; nothing may have been stored before."""
        if state.memory.updates or state.history:
            raise ExecutionError(f"{self.function} is called after a store")
        for place in range(self.arguments):
            state.system[argument_of(self.function, place)] = state.register(f"x{place}")
        forget(state, f"{self.function}_{len(executor.run_so_far.summaries)}")
        executor.run_so_far.summaries.append(self.function)
        for place, answer in enumerate(ANSWERS):
            state.registers[REGISTER_OFFSETS[f"x{place}"]] = answer
        return [state]


def _memory_of(outcomes: Sequence[Outcome]) -> Memory:
    """What memory holds after one of these outcomes."""
    memory = outcomes[-1].memory
    for outcome in reversed(outcomes[:-1]):
        if outcome.memory is not memory:
            memory = outcome.memory.chosen(outcome.condition, memory)
    return memory


def _zero(executor: Executor, state: State) -> None:
    address = state.register("x0")
    frame = z3.simplify(z3.Extract(FRAME_SHIFT + FRAME_BITS - 1, FRAME_SHIFT, address))
    state.memory = state.memory.zeroed(frame)
    forget(state, f"zero_{len(executor.run_so_far.summaries)}")
    executor.run_so_far.summaries.append("zero")


def _save_floating(executor: Executor, state: State, layout: Layout) -> None:
    """The assembly that writes floating-point registers down: the emulator alone checks it."""
    thread = state.register("x0")
    places = [layout.word("Thread.VECTOR") + index for index in range(64)]
    places += [layout.word(f"Thread.FLOATING_{name}") for name in ("CONTROL", "STATUS")]
    values = [*FLOATING_WORDS.halves(), FLOATING_CONTROL, FLOATING_STATUS]
    for place, value in zip(places, values, strict=True):
        executor.store(state, z3.simplify(thread + 8 * place), value)
    forget(state, f"floating_{len(executor.run_so_far.summaries)}")
    executor.run_so_far.summaries.append(SAVE_FLOATING)


def forget(state: State, name: str) -> None:
    """After a call, scratch registers and flags hold anything."""
    for register in SCRATCH:
        state.registers[REGISTER_OFFSETS[register]] = z3.BitVec(f"{name}_{register}", 64)
    operation, left = THUNK_OFFSETS[:2]
    state.registers[operation] = z3.BitVecVal(COPY, 64)
    state.registers[left] = z3.BitVec(f"{name}_flags", 64)
