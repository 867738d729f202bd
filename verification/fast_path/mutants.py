"""The fast path with one instruction changed: what no scenario noticed, and why.

A survivor is classified by proof. It is the same in every state, if all its paths have the same
conditions, ends and effects, term by term. It satisfies the whole claim, so that nothing that is
promised can tell it from the original; it may still differ in states that break an invariant. Or
the proof refutes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import z3

from machine_code.condition import ConditionError
from machine_code.execute import ExecutionError
from machine_code.expression import ExpressionError
from machine_code.image import Image, ImageError
from machine_code.lift import LiftError, disassemble
from machine_code.solve import is_refuted
from machine_code.state import State

from .everywhere import AnyMemory, prove_everywhere, run
from .facts import Facts
from .fields import FieldError
from .paths import PathError
from .scene import Case, Scene, cases
from .specification import specify
from .theorem import fast_ends, fast_questions

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


class Fate(Enum):
    """What became of a mutant that no scenario noticed."""

    SAME = "the same in every state"
    SOUND = "satisfies the whole claim"
    REFUSED = "refused by the proof: an instruction that it does not know"
    REFUTED = "refuted by the proof"


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
        # Kept, so that equal terms of a mutant are the same terms.
        self._ends = run(image, facts).states
        self._known = {_end_of(state) for state in self._ends}

    def fate(self, survivor: Survivor) -> Fate:
        """Why no scenario notices it."""
        changed = self.image.patched(survivor.address, survivor.encoding)
        try:
            ends = run(changed, self.facts).states
            if {_end_of(state) for state in ends} == self._known:
                return Fate.SAME
            is_sound = _satisfies_claim(changed, self.facts, survivor)
            return Fate.SOUND if is_sound else Fate.REFUTED
        except REFUSALS:
            return Fate.REFUSED
        except BROKEN:
            return Fate.REFUTED


def _text(encoding: bytes, address: int) -> str:
    """The instruction, with the targets of branches as distances."""
    _, text = disassemble(encoding, address)
    words = []
    for word in text.split(" "):
        target = word.removeprefix("#")
        is_target = word.startswith("#0xffff0000402")
        words.append(f"{int(target, 16) - address:+#x}" if is_target else word)
    return " ".join(words)


def _end_of(state: State) -> tuple[int | str, ...]:
    """A path: conditions, end and effects, each a term of this process."""
    assert isinstance(state.memory, AnyMemory)
    registers = [state.register(f"x{i}") for i in range(31)] + [state.register("xsp")]
    system = [state.system[name] for name in sorted(state.system)]
    stores = [term for store in state.memory.stores for term in store]
    shape = (state.address, len(state.guard), len(stores), *sorted(state.system))
    return (*shape, *(t.get_id() for t in (*state.guard, *registers, *system, *stores)))


def _satisfies_claim(image: Image, facts: Facts, survivor: Survivor) -> bool:
    """Whether the fast path so changed does in every sound state what the specification says."""
    if prove_everywhere(image, facts).failures:
        return False
    piece, _ = survivor.place(facts)
    routes = ROUTES.get(piece, ("Call", "Reply", "Fault"))
    return all(_is_specified(image, facts, case) for case in cases(1) if case.route in routes)


def _is_specified(image: Image, facts: Facts, case: Case) -> bool:
    scene = Scene.of(facts, case)
    claim = specify(scene)
    for end in fast_ends(image, scene).states:
        for question in fast_questions(claim, end):
            if not z3.is_true(z3.simplify(question.goal)):
                if is_refuted([*scene.hypotheses, question.guard], question.goal):
                    return False
    return True


def listing(texts: Sequence[str], fates: Sequence[Fate]) -> str:
    """The generated file."""
    rows = sorted(f"{text} | {fate.value}" for text, fate in zip(texts, fates, strict=True))
    return "\n".join([HEADING, *rows]) + "\n"


def listed(text: str) -> dict[str, str]:
    """The rows of the generated file: each mutant with its fate."""
    rows = (line.rsplit(" | ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {mutant: fate for mutant, fate in rows}
