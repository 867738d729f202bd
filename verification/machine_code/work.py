"""All checks of one function, and the cores of the machine that make them.

Terms of the solvers do not travel between processes: a worker is given the number of a subject and
answers with counts and texts.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import crosscheck, mutants, proof
from .claims import SUBJECTS, page_table
from .claims.lookup import CONTRACTS
from .concrete import ConcreteState
from .contracts import Contracts
from .image import Image
from .layout import Layout
from .mutants import REFUSALS, SURVIVALS, Fate, Mutant, Trial
from .program import ProgramError
from .solve import Verdict

FUNCTIONS = "functions"
OUTCOMES = "outcomes"
EXECUTIONS = "executions"
MUTANTS = "mutants"


@dataclass(frozen=True)
class Extent:
    """How much is tried of each function, beside the proof itself."""

    states: int
    mutants: int
    every_branch: bool
    # Whether both solvers are asked about the invariants too.
    by_both: bool


# What the tests have time for.
QUICK = [
    "capability_seldom",
    "find_slot",
    "find_empty_slot",
    "find_raw",
    "find_place",
    "find_send_gate",
    "context_inspect",
    "context_set_handler",
    "protect",
    "map",
    "unmap",
    "make_next_table",
]

BOUNDED = Extent(states=12, mutants=2, every_branch=False, by_both=False)
ALL = Extent(states=150, mutants=12, every_branch=True, by_both=True)


@dataclass
class Found:
    """What was found of one subject: a line to print, counts and failures by check."""

    subject: str
    line: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    failures: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, count: int, failures: list[str]) -> None:
        """A check and its failures."""
        self.counts[name] = self.counts.get(name, 0) + count
        self.failures.setdefault(name, []).extend(failures)


def check_all(image: Image, layout: Layout, extent: Extent, names: list[str]) -> Iterator[Found]:
    """Checks every subject (or those named), as they are done."""
    wanted = names or ([] if extent is ALL else QUICK)
    chosen = [i for i, s in enumerate(SUBJECTS) if not wanted or s.name in wanted]
    with multiprocessing.Pool(os.cpu_count(), _begin, (image, layout, extent)) as pool:
        yield from pool.imap_unordered(_check, chosen, chunksize=1)


_task: tuple[Image, Layout, Extent]


def _begin(image: Image, layout: Layout, extent: Extent) -> None:
    global _task
    _task = (image, layout, extent)


def _check(index: int) -> Found:
    image, layout, extent = _task
    found = Found(SUBJECTS[index].name)
    started = time.process_time()
    try:
        _Bench(image, layout, index, found).check(extent)
    except (*REFUSALS, ProgramError) as error:
        found.add(proof.RESULT, 0, [f"the function cannot be checked: {error}"])
    found.line += f", {time.process_time() - started:.0f} s"
    return found


class _Bench:
    """Claim, run and obligations of a subject."""

    def __init__(self, image: Image, layout: Layout, index: int, found: Found) -> None:
        subject = SUBJECTS[index]
        self.image, self.found = image, found
        self.contracts = Contracts(image, layout, (*CONTRACTS, *page_table.ELSEWHERE))
        self.claim = subject.claim(layout)
        self.run = proof.run(image, self.claim, self.contracts, subject.contract)
        self.obligations = proof.obligations(self.claim, self.run)
        self.sound: list[ConcreteState] = []
        steps = self.run.end.steps if self.run.end else 0
        found.line = (
            f"{subject.name}: {len(self.run.reached)} instructions, at most {steps} on a path, "
            f"{self.run.stack_bytes} bytes of stack, {len(self.obligations)} obligations"
        )

    def check(self, extent: Extent) -> None:
        """Makes all checks."""
        self._prove(extent.by_both)
        if self.run.end is not None:
            self._execute(extent)
        self._mutate(extent)

    def _prove(self, by_both: bool) -> None:
        is_proved = self.run.end is not None
        for bundle in proof.bundles(self.obligations):
            mine = [self.obligations[i] for i in bundle]
            verdicts = proof.discharge(self.claim, mine, by_both=by_both)
            pairs = zip(mine, verdicts, strict=True)
            failures = [f"{o.name}: {v.value}" for o, v in pairs if v is not Verdict.PROVED]
            self.found.add(mine[0].group, len(mine) - len(failures), failures)
            is_proved = is_proved and not failures
        self.found.add(FUNCTIONS, int(is_proved), [])

    def _execute(self, extent: Extent) -> None:
        """Shows that every outcome can happen, and that the emulator sees what is claimed."""
        judge = crosscheck.Judge(self.image, self.claim, self.run)
        failures, count = [], 0
        for outcome in self.claim.outcomes:
            state = crosscheck.witness(self.claim, outcome.condition)
            if state is None:
                failures.append(f"{outcome.name}: never happens")
                continue
            self.sound.append(state)
            difference = None if self.run.volatile else judge.compare(state)
            if not judge.is_sound(state):
                difference = "the state found is not sound"
            failures += [f"{outcome.name}: {difference}"] if difference else []
            count += difference is None
        self.found.add(OUTCOMES, count, failures)
        if self.sound and not self.run.volatile:
            self._vary(judge, extent)

    def _vary(self, judge: crosscheck.Judge, extent: Extent) -> None:
        failures, count = [], 0
        for state in crosscheck.variations(judge, self.sound, extent.states):
            difference = judge.compare(state)
            failures += [f"seed {crosscheck.SEED}: {difference}"] if difference else []
            count += difference is None
            if judge.is_sound(state):
                self.sound.append(state)
        self.found.add(EXECUTIONS, count, failures)

    def _mutate(self, extent: Extent) -> None:
        trial = Trial(self.image, self.claim, self.contracts, self.run, self.sound)
        chosen = self._chosen(extent)
        noticed, failures = 0, []
        for mutant in chosen:
            fate: Fate = trial.fate(mutant)
            noticed += fate not in SURVIVALS
            if mutant.is_failure(fate):
                failures.append(f"{mutant.describe(self.image)}: {fate.value}")
        self.found.add(MUTANTS, noticed, failures)

    def _chosen(self, extent: Extent) -> list[Mutant]:
        reached = self.run.reached
        seed = f"{crosscheck.SEED} {self.claim.function}"
        some = mutants.sample(self.image, reached, seed, extent.mutants)
        if not extent.every_branch:
            return some
        branches = [m for m in mutants.missing_checks(self.image, reached) if m.is_branch]
        return list(dict.fromkeys([*branches, *some]))
