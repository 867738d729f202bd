"""The fast path with one instruction changed: what no scenario noticed, and why.

A survivor is classified by proof, by both solvers. It is the same in every state, if all its
paths have the same conditions, ends and effects. It satisfies the whole claim, so that nothing
that is promised can tell it from the original; it may still differ in states that break an
invariant. Or the proof refutes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import z3

from machine_code.condition import ConditionError
from machine_code.accesses import ExecutionError
from machine_code.expression import ExpressionError
from machine_code.image import Image, ImageError
from machine_code.lift import LiftError, disassemble
from machine_code.logic import conjunction
from machine_code.solve import Verdict, prove
from machine_code.state import State

from .everywhere import LEAVING, AnyMemory, directions, inspect, run
from .facts import Facts
from .fields import FieldError
from .paths import Ends, PathError
from .scene import SAVED, Scene, cases
from .specification import specify
from .theorem import Question, fast_ends, fast_questions

REFUSALS = (LiftError, ExecutionError, ExpressionError, ConditionError, ImageError)
BROKEN = (FieldError, PathError)

HEADING = "# One-instruction mutants that no scenario notices, and why. Generated: see README.md."
INSTRUCTION_BYTES = 4
# Which routes an instruction of a piece is of; those of all others, of every route.
ROUTES = {
    "call": ("Call",),
    "end_call": ("Call",),
    "call_extra": ("Call",),
    "end_reply": ("Reply",),
    "reply_extra": ("Reply",),
    "reply_to_fault": ("Fault",),
    "reply_receive": ("Reply", "Fault"),
}


class UndecidedError(Exception):
    """The solvers do not know."""


class Fate(Enum):
    """What became of a mutant that no scenario noticed."""

    SAME = "the same in every state"
    SOUND = "satisfies the whole claim"
    REFUSED = "refused by the proof: an instruction that it does not know"
    REFUTED = "refuted by the proof"
    OPEN = "not classified: the solvers need too long"


@dataclass(frozen=True)
class Path:
    """A path in every state: where it ends, when it is taken, what it does."""

    address: int
    written: tuple[str, ...]
    guard: z3.BoolRef
    effects: tuple[z3.BitVecRef, ...]

    def equals(self, other: Path) -> bool:
        """Whether both are taken in the same states and do the same, term by term."""
        shape, its = (
            (path.address, path.written, len(path.effects)) for path in (self, other)
        )
        if shape != its:
            return False
        effects = zip(self.effects, other.effects)
        return self.guard.eq(other.guard) and all(a.eq(b) for a, b in effects)


@dataclass(frozen=True)
class Survivor:
    """A mutant: where, what, how it was made."""

    address: int
    encoding: int
    change: str

    @staticmethod
    def all_of(found: Sequence[Mapping[str, Any]]) -> list[Survivor]:
        return [Survivor(**item) for item in found]

    def describe(self, image: Image, facts: Facts) -> str:
        """The same text as long as the piece of code stays the same."""
        piece, offset = self.place(facts)
        before = _text(image.instruction(self.address), self.address)
        after = _text(self.encoding.to_bytes(INSTRUCTION_BYTES, "little"), self.address)
        return f"{piece}+{offset:#x}: `{before}` {self.change}: `{after}`"

    def place(self, facts: Facts) -> tuple[str, int]:
        """The piece of the fast path that the instruction is in, and where."""
        starts = [(at, name) for name, at in facts.labels.items() if at <= self.address]
        at, name = max(starts)
        return name, self.address - at


class Judge:
    """Classifies the mutants of an image."""

    def __init__(self, image: Image, facts: Facts) -> None:
        self.image, self.facts = image, facts
        self._leaving = {facts.labels[name] for name in LEAVING}
        # Kept, so that equal terms of a mutant are the same terms.
        ends = run(image, facts)
        self._paths = [self._path(state) for state in ends.states]
        _, self._taken = inspect(facts, ends)

    def fate(self, survivor: Survivor) -> Fate:
        """Why no scenario notices it."""
        changed = self.image.patched(survivor.address, survivor.encoding)
        try:
            ends = run(changed, self.facts)
            if self._is_same(ends):
                return Fate.SAME
            is_sound = self._is_taken_rightly(ends) and self._is_specified(changed, survivor)
            return Fate.SOUND if is_sound else Fate.REFUTED
        except REFUSALS:
            return Fate.REFUSED
        except BROKEN:
            return Fate.REFUTED
        except UndecidedError:
            return Fate.OPEN

    def _path(self, state: State) -> Path:
        """What counts at the end of a path: where it leaves, `x19` to `x30` are saved and free."""
        assert isinstance(state.memory, AnyMemory)
        count = SAVED.start if state.address in self._leaving else 31
        registers = [state.register(f"x{i}") for i in range(count)] + [state.register("xsp")]
        names = tuple(sorted(state.system))
        stores = [term for store in state.memory.stores for term in store]
        effects = (*registers, *(state.system[name] for name in names), *stores)
        return Path(state.address, names, conjunction(state.guard), effects)

    def _is_same(self, ends: Ends) -> bool:
        """Whether all paths, which come in the same order, are the same in every state."""
        paths = [self._path(state) for state in ends.states]
        pairs = list(zip(paths, self._paths))
        return len(paths) == len(self._paths) and all(a.equals(b) for a, b in pairs)

    def _is_taken_rightly(self, ends: Ends) -> bool:
        """Whether it is taken exactly where it applies, and leaves all else alone."""
        result, taken = inspect(self.facts, ends)
        if result.failures or taken.eq(self._taken):
            return not result.failures
        return all(_is_proved([h], goal) for _, h, goal in directions(self.facts, taken))

    def _is_specified(self, image: Image, survivor: Survivor) -> bool:
        """Whether it does what the specification says, in every sound state of its routes."""
        piece, _ = survivor.place(self.facts)
        routes = ROUTES.get(piece, ("Call", "Reply", "Fault"))
        # What is bound to the thread, the fast path does not look at.
        chosen = (case for case in cases((0,)) if case.route in routes and not case.is_bound)
        scenes = (Scene.of(self.facts, case) for case in chosen)
        return all(_holds(s, q) for s in scenes for q in _questions(image, s))


def _questions(image: Image, scene: Scene) -> Iterator[Question]:
    claim = specify(scene)
    for end in fast_ends(image, scene).states:
        yield from fast_questions(claim, end)


def _holds(scene: Scene, question: Question) -> bool:
    if z3.is_true(z3.simplify(question.goal)):
        return True
    return _is_proved([*scene.hypotheses, question.guard], question.goal)


def _is_proved(hypotheses: Sequence[z3.BoolRef], goal: z3.BoolRef) -> bool:
    verdict = prove(hypotheses, goal)
    if verdict in (Verdict.UNKNOWN, Verdict.DISAGREEMENT):
        raise UndecidedError
    return verdict is Verdict.PROVED


def _text(encoding: bytes, address: int) -> str:
    """The instruction, with the targets of branches as distances."""
    _, text = disassemble(encoding, address)
    words = []
    for word in text.split(" "):
        target = word.removeprefix("#")
        is_target = word.startswith("#0xffff0000402")
        words.append(f"{int(target, 16) - address:+#x}" if is_target else word)
    return " ".join(words)


def listing(texts: Sequence[str], fates: Sequence[Fate]) -> str:
    """The generated file."""
    rows = sorted(f"{text} | {fate.value}" for text, fate in zip(texts, fates, strict=True))
    return "\n".join([HEADING, *rows]) + "\n"


def listed(text: str) -> dict[str, str]:
    """The rows of the generated file: each mutant with its fate."""
    rows = (line.rsplit(" | ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {mutant: fate for mutant, fate in rows}
