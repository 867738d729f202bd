"""The executor against the emulator, and the specification against both."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import z3

from .claim import PRESERVED, Claim
from .concrete import PRESERVED_SEED, STACK_TOP, RETURN_ADDRESS, ConcreteState, execute
from .execute import Run
from .image import Image
from .logic import conjunction, reads_of
from .memory import KINDS_ARRAY, UNIT_WORDS
from .solve import find_model

SEED = 20_260_101
RANDOM_STATES = 300

Difference = str
RandomState = Callable[[random.Random, Claim], ConcreteState]


def random_states(claim: Claim, make: RandomState, count: int) -> Iterator[ConcreteState]:
    """The same states on every machine."""
    generator = random.Random(SEED)
    for _ in range(count):
        yield make(generator, claim)


def witnesses(claim: Claim) -> dict[str, ConcreteState | None]:
    """For each outcome a sound state in which it happens; `None` if the solvers find none."""
    return {
        outcome.name: _witness(claim, outcome.condition) for outcome in claim.outcomes
    }


def _witness(claim: Claim, condition: z3.BoolRef) -> ConcreteState | None:
    constraints = [*claim.assumptions, condition]
    model = find_model(constraints)
    if model is None:
        return None
    state = ConcreteState()
    for symbol in model.decls():
        if symbol.arity() == 0 and z3.is_bv_sort(symbol.range()):
            state.symbols.append((symbol(), model[symbol].as_long()))

    def value(term: z3.ExprRef) -> int:
        return model.eval(term, model_completion=True).as_long()

    memory = claim.state.memory
    words = {array.get_id(): i for i, array in enumerate(memory.base[:UNIT_WORDS])}
    for array, index in reads_of(constraints):
        content = value(z3.Select(array, index))
        if array.get_id() in words:
            state.words[(value(index), words[array.get_id()])] = content
        elif array.eq(memory.base[KINDS_ARRAY]):
            state.kinds[value(index)] = content
    return state


def is_sound(claim: Claim, state: ConcreteState) -> bool:
    """Whether the claim's assumptions hold in a state."""
    return all(state.evaluate(claim.assumptions))


def outcome_names(claim: Claim, states: Sequence[ConcreteState]) -> Counter[str]:
    """How often each outcome happens."""
    conditions = [outcome.condition for outcome in claim.outcomes]
    found: Counter[str] = Counter()
    for state in states:
        found[claim.outcomes[state.evaluate(conditions).index(True)].name] += 1
    return found


def compare(image: Image, claim: Claim, done: Run, state: ConcreteState) -> Difference | None:
    """Runs one state in the emulator; tells the first thing that differs."""
    values = state.evaluate(list(claim.arguments.values()))
    arguments = dict(zip(claim.arguments, map(int, values)))
    seen = execute(image, done.function.address, arguments, state)
    if seen.registers["pc"] != RETURN_ADDRESS:
        return f"stops at {seen.registers['pc']:#x}"
    if done.end is None or state.evaluate([conjunction(done.end.guard)]) != [True]:
        return "returns, and the executor says that it does not"
    conditions = state.evaluate([outcome.condition for outcome in claim.outcomes])
    outcome = claim.outcomes[conditions.index(True)]
    executed = state.evaluate([done.end.register(register) for register in outcome.results])
    specified = state.evaluate(list(outcome.results.values()))
    for register, *values in zip(outcome.results, executed, specified):
        if {seen.registers[register]} != set(values):
            words = ", ".join(f"{int(v):#x}" for v in (seen.registers[register], *values))
            return f"{outcome.name}: {register}: emulator, executor, specification: {words}"
    expected = _words_read(done, state)
    if expected != seen.read:
        return f"other words read: {sorted(expected ^ seen.read)}"
    return _convention_difference(seen.registers, seen.has_written)


def _words_read(done: Run, state: ConcreteState) -> frozenset[tuple[int, int]]:
    guards = state.evaluate([conjunction(access.guard) for access in done.accesses])
    addresses = state.evaluate([access.address for access in done.accesses])
    return frozenset(
        (int(address), access.size)
        for access, address, happens in zip(done.accesses, addresses, guards)
        if happens
    )


def _convention_difference(registers: dict[str, int], has_written: bool) -> Difference | None:
    if has_written:
        return "writes outside its stack"
    for register in PRESERVED:
        before = STACK_TOP if register == "xsp" else PRESERVED_SEED + int(register[1:])
        if registers[register] != before:
            return f"{register} not preserved"
    return None
