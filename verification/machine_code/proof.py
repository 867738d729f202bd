"""From a claim and a run to obligations, each a question for the solvers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import z3

from .claim import PRESERVED, Claim
from .concrete import ConcreteState
from .execute import Access, Executor, Run
from .image import Image
from .logic import conjunction, disjunction
from .memory import ENTRY_BITS, FRAME_BITS, FRAME_SHIFT, KINDS, OBJECTS
from .solve import Verdict, is_refuted, prove

# The groups, in the order in which they are reported.
RESULT = "result equals the specification"
RETURNS = "returns to its caller, reaches no panic"
KIND = "each access in bounds of an object of the right kind"
PLACE = "each access to a word that the specification names"
WRITES = "nothing written"
CONVENTION = "registers as the calling convention says"
GROUPS = (RESULT, RETURNS, KIND, PLACE, WRITES, CONVENTION)


@dataclass(frozen=True)
class Obligation:
    """Under the claim's assumptions and `guard`, `goal` holds."""

    group: str
    name: str
    guard: z3.BoolRef
    goal: z3.BoolRef


def run(image: Image, claim: Claim) -> Run:
    """Executes the claim's function on all inputs at once."""
    executor = Executor(image, claim.assumptions)
    return executor.run(image.function(claim.function), claim.arguments)


def obligations(claim: Claim, done: Run) -> Iterator[Obligation]:
    """All that must hold."""
    yield from _results(claim, done)
    yield from _returns(done)
    for access in done.accesses:
        yield _kind_obligation(claim, access)
        yield _place_obligation(claim, access)
    yield from _writes(done)
    yield from _convention(done)


def discharge(claim: Claim, obligation: Obligation) -> Verdict:
    """Asks both solvers."""
    return prove([*claim.assumptions, obligation.guard], obligation.goal)


def is_mutant_refuted(claim: Claim, done: Run, sound: Sequence[ConcreteState]) -> bool:
    """Whether an obligation of a changed function fails: in one of some sound states, or in any."""
    goals = [z3.Implies(o.guard, o.goal) for o in obligations(claim, done)]
    if any(not all(state.evaluate(goals)) for state in sound):
        return True
    return is_refuted(claim.assumptions, conjunction(goals))


def _results(claim: Claim, done: Run) -> Iterator[Obligation]:
    if done.end is None:
        return
    for outcome in claim.outcomes:
        guard = z3.And(outcome.condition, conjunction(done.end.guard))
        for register, value in outcome.results.items():
            goal = done.end.register(register) == value
            yield Obligation(RESULT, f"{outcome.name}: {register}", guard, goal)


def _returns(done: Run) -> Iterator[Obligation]:
    true, false = z3.BoolVal(True), z3.BoolVal(False)
    returned = conjunction(done.end.guard) if done.end else false
    yield Obligation(RETURNS, "returns", true, returned)
    for panic in done.panics:
        name = f"{panic.name} at {panic.instruction.address:#x} is not reached"
        yield Obligation(RETURNS, name, conjunction(panic.guard), false)


def _writes(done: Run) -> Iterator[Obligation]:
    if done.end is None:
        return
    memory = done.end.memory
    for array, before in enumerate(memory.base):
        index = z3.Const("any", before.domain())
        goal = memory.row(array, index) == z3.Select(before, index)
        yield Obligation(WRITES, str(before), conjunction(done.end.guard), goal)


def _convention(done: Run) -> Iterator[Obligation]:
    if done.end is None:
        return
    for register in PRESERVED:
        goal = done.end.register(register) == done.start.register(register)
        yield Obligation(CONVENTION, f"{register} preserved", conjunction(done.end.guard), goal)


def _place_obligation(claim: Claim, access: Access) -> Obligation:
    named = [
        z3.And(place.condition, access.address == place.address)
        for place in claim.places
        if place.window is access.window and not access.is_write
    ]
    return Obligation(PLACE, _name(access), conjunction(access.guard), disjunction(named))


def _kind_obligation(claim: Claim, access: Access) -> Obligation:
    state, address = claim.state, access.address
    aligned = access.address & (access.size - 1) == 0
    inside = z3.And(access.window.holds(address), aligned)
    if access.window is OBJECTS:
        goal = z3.And(inside, disjunction(_right_objects(claim, address)))
    else:
        shift = 0 if access.window is KINDS else ENTRY_BITS
        frame = z3.Extract(shift + FRAME_BITS - 1, shift, address)
        goal = z3.And(inside, state.is_described(frame))
    return Obligation(KIND, _name(access), conjunction(access.guard), goal)


def _right_objects(claim: Claim, address: z3.BitVecRef) -> Iterator[z3.BoolRef]:
    """The address is a permitted word of an object of a permitted kind, or of a stand-in."""
    state, layout = claim.state, claim.state.layout
    frame = z3.Extract(FRAME_SHIFT + FRAME_BITS - 1, FRAME_SHIFT, address)
    number = z3.Extract(45, 6, address)
    stand_ins = {"Slots": state.null_slots, "Endpoint": state.null_endpoint}
    for kind, words in claim.kinds.items():
        size_bits = layout.objects[kind].words.bit_length() - 1
        word = z3.Extract(2 + size_bits, 3, address)
        is_word = disjunction(_is_in(word, some) for some in words)
        yield z3.And(state.is_frame_of(number, kind), is_word)
        if kind in stand_ins:
            object_bits = size_bits - 3
            stand_in = stand_ins[kind]
            same = z3.Extract(39, object_bits, number) == z3.Extract(39, object_bits, stand_in)
            yield z3.And(same, state.is_described(frame), is_word)


def _is_in(word: z3.BitVecRef, some: range) -> z3.BoolRef:
    if some == range(1 << word.size()):
        return z3.BoolVal(True)
    return z3.And(z3.UGE(word, some.start), z3.ULE(word, some.stop - 1))


def _name(access: Access) -> str:
    return f"{access.instruction.text} at {access.instruction.address:#x}"

