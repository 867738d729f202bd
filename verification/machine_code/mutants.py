"""One-instruction mutants of a proved function: does the proof notice?

Each conditional branch never taken, always taken or inverted, each other instruction left out.
A mutant is refused (an instruction or an action that the proofs do not accept), refuted (an
obligation fails) or it survives. A survivor satisfies the whole claim, so nothing that the claim
promises can tell it from the original; it is classified by asking the solvers why.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import z3

from .claim import Claim
from .concrete import ConcreteState
from .condition import ConditionError
from .contracts import Contracts
from .accesses import ExecutionError
from .execute import Run
from .expression import ExpressionError
from .image import Image, ImageError
from .lift import LiftError, disassemble
from .logic import conjunction
from .memory import AccessError
from .proof import is_mutant_refuted, result_of, run, same_memory
from .rounds import is_again
from .solve import Verdict, prove
from .state import History, State

NOP = 0xD503_201F
BRANCH = 0x1400_0000
CONDITIONAL, CONDITIONAL_MASK = 0x5400_0000, 0xFF00_0010
COMPARE_BRANCH, TEST_BRANCH, BRANCH_MASK = 0x3400_0000, 0x3600_0000, 0x7E00_0000
INVERT_COMPARE = 1 << 24

INVERTED = "inverted"

REFUSALS = (LiftError, ExecutionError, ExpressionError, ConditionError, AccessError, ImageError)


class Fate(Enum):
    """What became of a mutant."""

    REFUSED = "refused"
    REFUTED = "refuted"
    SAME = "survives: the same function in every state"
    SAME_IN_SOUND_STATES = "survives: differs only in states that break an invariant"
    UNCLASSIFIED = "survives without a reason"


SURVIVALS = (Fate.SAME, Fate.SAME_IN_SOUND_STATES, Fate.UNCLASSIFIED)


@dataclass(frozen=True)
class Mutant:
    """One changed instruction."""

    address: int
    encoding: int
    change: str
    # Whether it decides a branch otherwise.
    is_branch: bool = False

    def is_failure(self, fate: Fate) -> bool:
        """No survivor may be without a reason, and no inverted branch may survive."""
        return fate is Fate.UNCLASSIFIED or (fate in SURVIVALS and self.change == INVERTED)

    def describe(self, image: Image) -> str:
        _, before = disassemble(image.instruction(self.address), self.address)
        _, after = disassemble(self.encoding.to_bytes(4, "little"), self.address)
        return f"{self.address:#x}: `{before}` {self.change}: `{after}`"


def missing_checks(image: Image, addresses: Iterable[int]) -> Iterator[Mutant]:
    """Every branch decided otherwise, every instruction left out."""
    for address, encoding in _code(image, addresses):
        if encoding & CONDITIONAL_MASK == CONDITIONAL:
            distance = encoding >> 5 & 0x7FFFF
            yield Mutant(address, encoding ^ 1, INVERTED, True)
            yield Mutant(address, BRANCH | _widened(distance, 19), "always taken", True)
            yield Mutant(address, NOP, "never taken", True)
        elif encoding & BRANCH_MASK in (COMPARE_BRANCH, TEST_BRANCH):
            width = 19 if encoding & BRANCH_MASK == COMPARE_BRANCH else 14
            distance = encoding >> 5 & ((1 << width) - 1)
            yield Mutant(address, encoding ^ INVERT_COMPARE, INVERTED, True)
            yield Mutant(address, BRANCH | _widened(distance, width), "always taken", True)
            yield Mutant(address, NOP, "never taken", True)
        elif encoding != NOP:
            yield Mutant(address, NOP, "left out")


def sample(image: Image, addresses: Iterable[int], seed: str, count: int) -> list[Mutant]:
    """Some mutants, half of them branches, the same for the same seed."""
    generator = random.Random(seed)
    found = list(missing_checks(image, addresses))
    branches = [m for m in found if m.is_branch]
    others = [m for m in found if not m.is_branch]
    chosen = generator.sample(branches, min(len(branches), count // 2))
    return chosen + generator.sample(others, min(len(others), count - len(chosen)))


@dataclass(frozen=True)
class Trial:
    """What mutants are measured against."""

    image: Image
    claim: Claim
    contracts: Contracts
    original: Run
    # States in which the assumptions hold.
    sound: Sequence[ConcreteState]

    def fate(self, mutant: Mutant) -> Fate:
        """What the proof says of a mutant."""
        try:
            image = self.image.patched(mutant.address, mutant.encoding)
            changed = run(image, self.claim, self.contracts, self.original.own, "changed_zeros")
        except REFUSALS:
            return Fate.REFUSED
        if is_mutant_refuted(self.claim, changed, self.sound):
            return Fate.REFUTED
        return _classify(self.claim, self.original, changed)


RECORD = Path(__file__).parent / "mutants.md"
HEAD = """\
# Mutants of the functions that run most often

Written by `run --mutants --write`: what became of each mutant in which one instruction is left out, or one
branch is always taken, never, or inverted. A row is of what was asked then, of which it has the digest; what
is asked now has its own in `proved.toml`.

"""
# Digits of a digest that are told.
DIGITS = 16


def write(new: Mapping[str, tuple[str, Counter[Fate]]]) -> None:
    """Puts what became of all mutants of functions on record, by the digests of what was proved of them."""
    rows = _rows() | dict(new)
    lines = [f"| function | questions | mutants | {' | '.join(fate.value for fate in Fate)} |"]
    lines += ["|---|---|" + "---:|" * (len(Fate) + 1)]
    total: Counter[Fate] = Counter()
    for name, (digest, fates) in rows.items():
        total += fates
        lines.append(_line(f"`{name}`", f"`{digest[:DIGITS]}`", fates))
    RECORD.write_text(HEAD + "\n".join([*lines, _line("**all**", "", total)]) + "\n")


def _line(name: str, digest: str, fates: Counter[Fate]) -> str:
    numbers = [fates.total(), *(fates[fate] for fate in Fate)]
    return f"| {name} | {digest} | {' | '.join(f'{number:,}' for number in numbers)} |"


def _rows() -> dict[str, tuple[str, Counter[Fate]]]:
    """What is on record."""
    text = RECORD.read_text() if RECORD.exists() else ""
    rows = {}
    for name, digest, numbers in re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.*) \|$", text, re.MULTILINE):
        _, *counts = (int(number.replace(",", "")) for number in numbers.split(" | "))
        rows[name] = digest, Counter(dict(zip(Fate, counts, strict=True)))
    return rows


def _code(image: Image, addresses: Iterable[int]) -> Iterator[tuple[int, int]]:
    for address in sorted(addresses):
        yield address, int.from_bytes(image.instruction(address), "little")


def _classify(claim: Claim, original: Run, changed: Run) -> Fate:
    goal = _same(claim, original, changed)
    known = [*original.defined(), *changed.defined()]
    if prove(known, goal) is Verdict.PROVED:
        return Fate.SAME
    if prove([*claim.premises(), *changed.definitions, *known], goal) is Verdict.PROVED:
        return Fate.SAME_IN_SOUND_STATES
    return Fate.UNCLASSIFIED


def _same(claim: Claim, original: Run, changed: Run) -> z3.BoolRef:
    if original.ends.keys() != changed.ends.keys() or original.calls.keys() != changed.calls.keys():
        return z3.BoolVal(False)
    keys = sorted({key for o in claim.outcomes for key in o.results})
    parts = [_same_state(end, changed.ends[at], keys) for at, end in original.ends.items()]
    parts += [_same_round(original, changed, at) for at in original.ends if is_again(at)]
    for at, called in original.calls.items():
        points = [point for point in claim.calls if point.history == at]
        count = max((p.first + len(p.arguments) for p in points), default=0)
        parts.append(_same_state(called, changed.calls[at], [f"x{i}" for i in range(count)]))
    return conjunction(parts)


def _same_round(original: Run, changed: Run, history: History) -> z3.BoolRef:
    """Whether a round of a loop begins with the same and leaves the same to the next, beside memory."""
    sides = [
        {name: (found, first) for name, found, first in run.loop.words(run.ends[history])}
        for run in (original, changed)
        if run.loop is not None
    ]
    if len(sides) != 2 or sides[0].keys() != sides[1].keys():
        return z3.BoolVal(False)
    pairs = [zip(words, sides[1][name]) for name, words in sides[0].items()]
    return conjunction([one == other for pair in pairs for one, other in pair])


def _same_state(first: State, second: State, keys: Sequence[str]) -> z3.BoolRef:
    """Whether two states are reached at once, with the same results and memory."""
    guards = conjunction(first.guard) == conjunction(second.guard)
    pairs = [result_of(first, key) == result_of(second, key) for key in keys]
    same = conjunction([*pairs, same_memory(first.memory, second.memory)])
    return z3.And(guards, z3.Implies(conjunction(first.guard), same))


def _widened(distance: int, width: int) -> int:
    """The distance of a branch, sign-extended to the 26 bits of an unconditional one."""
    if distance >> (width - 1):
        distance -= 1 << width
    return distance & 0x3FF_FFFF
