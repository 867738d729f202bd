"""The theorem: where the fast path applies, both paths end as the specification says.

The fast path writes what the specification says and nothing else; the slow path may write dead
fields and its stack besides. Registers are the same. Every question goes to both solvers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import z3

from machine_code.image import Image
from machine_code.logic import conjunction
from machine_code.solve import Verdict, prove
from machine_code.state import State

from . import disjoint
from .cover import Cover
from .facts import Facts
from .fields import FieldMemory, Place
from .paths import Ends, Paths, start
from .scene import Case, Scene
from .specification import Specification, specify

STACK = "stack"


@dataclass(frozen=True)
class Question:
    """Under the scene's hypotheses and `guard`, `goal` holds."""

    name: str
    guard: z3.BoolRef
    goal: z3.BoolRef


@dataclass
class Proof:
    """What was proved of a case."""

    case: Case
    # Obligations that both solvers proved, by group.
    proved: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    # Paths of the fast path and of the slow path.
    paths: tuple[int, int] = (0, 0)


FAST, SLOW, PRUNED, POSSIBLE = "fast", "slow", "pruned", "possible"
DISJOINT, COVER = "disjoint", "cover"


def prove_case(image: Image, facts: Facts, case: Case) -> Proof:
    """Proves one case."""
    scene = Scene.of(facts, case)
    claim = specify(scene)
    fast = fast_ends(image, scene)
    slow, impossible = _slow(image, scene)
    proof = Proof(case, paths=(len(fast.states), len(slow)))
    for end in fast.states:
        _ask(proof, scene.hypotheses, FAST, fast_questions(claim, end))
    for end in slow:
        _ask(proof, scene.hypotheses, SLOW, _slow_questions(claim, end))
    for end in (*fast.states, *slow):
        _ask_possible(proof, scene, end)
    for name, (hypotheses, goal) in disjoint.lemmas(scene):
        _ask(proof, hypotheses, DISJOINT, [Question(name, z3.BoolVal(True), goal)])
    refuted = [
        Question("a path is impossible", conjunction(conditions), z3.BoolVal(False))
        for conditions in (*fast.impossible, *impossible)
    ]
    _ask(proof, scene.hypotheses, PRUNED, refuted)
    return proof


def prove_cover(facts: Facts, case: Case) -> Proof:
    """Proves that every sound state of a case, where the fast path applies, is of its scene."""
    cover = Cover(Scene.of(facts, case))
    lemmas = list(cover.lemmas())
    proof = Proof(case)
    # All at once: the hypotheses, which are many, are the same.
    verdict = prove(cover.hypotheses, z3.And(*(goal for _, (_, goal) in lemmas)))
    if verdict is Verdict.PROVED:
        proof.proved[COVER] = len(lemmas)
    else:
        proof.failures.append(f"{case}: a sound state that is not of the scene: {verdict.value}")
    verdict = prove(cover.hypotheses, z3.BoolVal(False))
    if verdict is not Verdict.REFUTED:
        proof.failures.append(f"{case}: there is no such sound state: {verdict.value}")
    return proof


def fast_ends(image: Image, scene: Scene) -> Ends:
    """From the vector to user code, or to where the fast path leaves."""
    labels = scene.facts.labels
    names = ("slow_call", "slow_reply_receive", "message", "null", "function")
    paths = Paths(image, scene.hypotheses, [labels[name] for name in names])
    return paths.explore(start(labels["vector"], scene.memory, scene.registers))


def _slow(image: Image, scene: Scene) -> tuple[list[State], list[list[z3.BoolRef]]]:
    """From where the fast path would leave to user code.

    What is pending when `core` is done is performed after what is compared here: on from there,
    nothing is pending.
    """
    labels = scene.facts.labels
    entry = "slow_call" if scene.case.route == "Call" else "slow_reply_receive"
    paths = Paths(image, scene.hypotheses, [labels["exit"]])
    decided = paths.explore(start(labels[entry], *scene.slow_registers()))
    ends, impossible = [], list(decided.impossible)
    pending = scene.facts.fields["Core.PENDING"]
    for state in decided.states:
        if state.address != labels["exit"]:
            ends.append(state)
            continue
        memory = state.memory
        assert isinstance(memory, FieldMemory)
        before = memory.get("core", pending)
        state.memory = memory.put("core", pending, z3.BitVecVal(0, 64))
        way_out = Paths(image, [*scene.hypotheses, *state.guard], []).explore(state)
        impossible += [[*state.guard, *conditions] for conditions in way_out.impossible]
        for end in way_out.states:
            assert isinstance(end.memory, FieldMemory)
            end.memory = end.memory.put("core", pending, before)
            ends.append(end)
    return ends, impossible


def fast_questions(claim: Specification, end: State) -> Iterator[Question]:
    yield from _register_questions(claim, end)
    yield from _memory_questions(claim, end, frozenset())


def _slow_questions(claim: Specification, end: State) -> Iterator[Question]:
    yield from _register_questions(claim, end)
    dead = claim.scene.facts.dead[claim.scene.case.route]
    yield from _memory_questions(claim, end, dead)


def _register_questions(claim: Specification, end: State) -> Iterator[Question]:
    guard = conjunction(end.guard)
    mnemonic = z3.BoolVal(_returns(claim, end))
    yield Question("returns to user code", guard, mnemonic)
    for name, value in claim.registers.items():
        found = end.register(name) if name.startswith("x") else end.system_register(name)
        yield Question(name, guard, found == value)


def _returns(claim: Specification, end: State) -> bool:
    return end.address not in claim.scene.facts.labels.values()


def _memory_questions(
    claim: Specification, end: State, dead: frozenset[Place]
) -> Iterator[Question]:
    """Every word that was written or should have been."""
    memory, before = end.memory, claim.scene.memory
    assert isinstance(memory, FieldMemory)
    guard = conjunction(end.guard)
    written = {place for place, value in memory.words.items() if not _is_old(before, place, value)}
    for place in sorted(written | claim.writes.keys()):
        if place[0] != STACK and place not in dead:
            expected = claim.writes.get(place, before.get(*place))
            name = f"{place[0]}, word {place[1]}"
            yield Question(name, guard, memory.get(*place) == expected)


def _is_old(before: FieldMemory, place: Place, value: z3.BitVecRef) -> bool:
    return before.get(*place).eq(value)


def _ask(
    proof: Proof, hypotheses: Sequence[z3.BoolRef], group: str, questions: Iterable[Question]
) -> None:
    for question in questions:
        verdict = prove([*hypotheses, question.guard], question.goal)
        if verdict is Verdict.PROVED:
            proof.proved[group] = proof.proved.get(group, 0) + 1
        else:
            proof.failures.append(f"{proof.case}: {group}: {question.name}: {verdict.value}")


def _ask_possible(proof: Proof, scene: Scene, end: State) -> None:
    """Some state goes this way: what is proved of it is not empty."""
    verdict = prove([*scene.hypotheses, *end.guard], z3.BoolVal(False))
    if verdict is Verdict.REFUTED:
        proof.proved[POSSIBLE] = proof.proved.get(POSSIBLE, 0) + 1
    else:
        proof.failures.append(f"{proof.case}: a path that no state takes: {verdict.value}")
