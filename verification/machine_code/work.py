"""All checks of one function, and the cores of the machine that make them.

Terms of the solvers do not travel between processes: a worker is given the number of a subject and
answers with counts and texts.
"""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import z3

from . import crosscheck, mutants, proof, record
from .claims import ELSEWHERE, PROCEDURES, SUBJECTS
from .claims.lookup import CONTRACTS
from .concrete import ConcreteState
from .contracts import Contracts
from .image import Image
from .layout import Layout
from .mutants import REFUSALS, SURVIVALS, Fate, Mutant, Trial
from .procedure import Procedure
from .program import ProgramError
from .record import Proved
from .solve import Verdict, prove_by_one

FUNCTIONS = "functions"
ANEW = "anew"
CHANGES = "changes"
OUTCOMES = "outcomes"
EXECUTIONS = "executions"
MUTANTS = "mutants"


@dataclass(frozen=True)
class Extent:
    """How much is tried of each function."""

    states: int
    mutants: int
    # Whether every branch of the lookups is mutated.
    every_branch: bool
    # How many functions with a record are solved anew all the same, by both solvers.
    anew: int
    # Of how many functions a branch is inverted, to see whether the record would hide it; `None`: of all.
    changed: int | None
    # Whether a record may not be stale.
    is_all: bool


BOUNDED = Extent(states=12, mutants=2, every_branch=False, anew=3, changed=60, is_all=False)
ALL = Extent(states=60, mutants=4, every_branch=True, anew=12, changed=None, is_all=True)

# In how many parts the mutants of a function are tried.
PARTS = 4

# What takes more than four minutes: nothing on record is asked anew but by `--write`.
LONGEST = (
    "map_with_pool",
    "allowance_split",
    "create_space",
    "step",
    "receive_waiting",
    "region_split",
    "free_tails",
    "reclaim",
    "tear_tables",
    "vacate",
    "take_first_message",
    "preempt",
    "range_step",
)
# What takes long: it begins first, and is not asked in the bounded run.
LONG = (
    *LONGEST,
    "step_frame",
    "unmap_run",
    "unmap_large",
    "map_run",
    "drop_last_table",
    "create_large_frame",
    "create_thread",
    "create_gate",
    "create_context",
    "create_irq",
    "create_table",
    "create_endpoint",
    "create_notification",
    "create_reply",
    "create_frame",
    "drop_middle_table",
    "tear_down",
    "call",
    "send_other",
    "reply_receive",
    "receive",
    "context_configure",
    "disarm",
    "other_message_call",
    "drop_record",
    "add_record",
    "make_next_table",
    "wait_for_signal",
    "protect_large",
    "destroy",
    "map",
    "map_found",
    "allowance_merge",
    "region_merge",
    "place",
    "allowance_split",
    "first_number",
    "create_space",
    "stop_timer",
    "take_back",
    "signal",
    "thread_start",
    "thread_poke",
    "resume_on",
    "switch_to_next",
    "thread_configure",
    "protect",
    "unmap",
)

# The ten functions with a record that run most often, counted in blocks that the emulator entered while
# the machine started, and the shell ran `bench`; and of which every mutant is tried by `--mutants`.
HOT = (
    "find_raw",
    "find_slot",
    "capability_copy",
    "find_empty_slot",
    "capability_delete",
    "capability_seldom",
    "thread_start",
    "find_place",
    "preempt",
    "map",
)


@dataclass
class Found:
    """What was found of one subject: a line to print, counts and failures by check."""

    subject: str
    line: str = ""
    # The digest of what was proved here, if both solvers were asked.
    digest: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    failures: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, count: int, failures: list[str]) -> None:
        """A check and its failures."""
        self.counts[name] = self.counts.get(name, 0) + count
        self.failures.setdefault(name, []).extend(failures)


def check_all(
    image: Image, layout: Layout, extent: Extent, names: list[str], write: bool
) -> Iterator[Found]:
    """Checks every subject (or those named), as they are done; what is to be written is solved anew.

    Each has a process of its own, which knows no terms of others.
    """
    places = {subject.name: place for place, subject in enumerate(SUBJECTS)}
    known = record.load()
    left_out = set() if extent.is_all else set(LONG) - known.keys()
    chosen = [places[name] for name in names or places if names or name not in left_out]
    anew = names if names else known.keys() if write else chosen_anew(image, extent)
    changed = names if names else _in_order(image, known.keys(), "changed")[: extent.changed]
    tasks = [(i, SUBJECTS[i].name in anew, SUBJECTS[i].name in changed) for i in chosen]
    tasks.sort(key=lambda task: (not task[1], SUBJECTS[task[0]].name not in LONG))
    begin = (image, layout, extent, known)
    with multiprocessing.Pool(os.cpu_count(), _begin, begin, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(_check, tasks, chunksize=1)


def mutate_all(
    image: Image, layout: Layout, names: Sequence[str]
) -> Iterator[tuple[str, str, Counter[Fate], list[str]]]:
    """Every instruction of some functions left out, every branch decided otherwise, one at a time: the
    digest of what is asked of each, what became of how many, and which have a fate that none may have.
    """
    places = {subject.name: place for place, subject in enumerate(SUBJECTS)}
    tasks = [(places[name], part) for name in names for part in range(PARTS)]
    totals: dict[str, Counter[Fate]] = {name: Counter() for name in names}
    failures: dict[str, list[str]] = {name: [] for name in names}
    left = Counter(SUBJECTS[place].name for place, _ in tasks)
    begin = (image, layout, ALL, {})
    with multiprocessing.Pool(os.cpu_count(), _begin, begin, maxtasksperchild=1) as pool:
        for name, digest, fates, bad in pool.imap_unordered(_mutate_part, tasks, chunksize=1):
            totals[name] += fates
            failures[name] += bad
            left[name] -= 1
            if not left[name]:
                yield name, digest, totals[name], failures[name]


def _mutate_part(task: tuple[int, int]) -> tuple[str, str, Counter[Fate], list[str]]:
    image, layout, extent, _ = _task
    index, part = task
    found = Found(SUBJECTS[index].name)
    bench = _Bench(image, layout, index, found)
    gc.enable()
    return found.subject, *bench.mutate_part(extent, part)


def chosen_anew(image: Image, extent: Extent) -> list[str]:
    """The functions that are solved anew though they are on record: others for each image."""
    names = record.load().keys() & {subject.name for subject in SUBJECTS}
    names -= set(LONGEST if extent.is_all else LONG)
    return _in_order(image, names, "")[: extent.anew]


def _in_order(image: Image, names: Iterable[str], purpose: str) -> list[str]:
    """Functions in an order that the image chooses, another for each purpose."""
    seed = f"{image.sha256} {purpose}"
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed}{name}".encode()).digest())


_task: tuple[Image, Layout, Extent, dict[str, Proved]]


def _begin(image: Image, layout: Layout, extent: Extent, known: dict[str, Proved]) -> None:
    # Z3 orders terms by numbers that it gives again when a term goes: what goes when must not depend on what
    # else this process, or the one that began it, has done.
    gc.disable()
    global _task
    _task = (image, layout, extent, known)


def _check(task: tuple[int, bool, bool]) -> Found:
    image, layout, extent, known = _task
    index, is_anew, is_changed = task
    name = SUBJECTS[index].name
    found = Found(name)
    started = time.process_time()
    try:
        bench = _Bench(image, layout, index, found)
        digest = bench.check(extent, is_anew, known.get(name))
        if is_changed:
            bench.change(digest)
    except (*REFUSALS, ProgramError) as error:
        found.add(proof.RESULT, 0, [f"the function cannot be checked: {error}"])
    found.line += f", {time.process_time() - started:.0f} s"
    return found


class _Bench:
    """Claim, run and obligations of a subject."""

    def __init__(self, image: Image, layout: Layout, index: int, found: Found) -> None:
        subject = SUBJECTS[index]
        self.image, self.found = image, found
        self.contracts = Contracts(image, layout, (*CONTRACTS, *PROCEDURES, *ELSEWHERE))
        self.claim = subject.claim(layout)
        self.run = proof.run(image, self.claim, self.contracts, subject.contract)
        self.obligations = proof.obligations(self.claim, self.run)
        self.sound: list[ConcreteState] = []
        found.line = (
            f"{subject.name}: {len(self.run.reached)} instructions, at most {self.run.steps} on a path, "
            f"{self.run.stack_bytes} bytes of stack, {len(self.obligations)} obligations"
        )

    def check(self, extent: Extent, is_anew: bool, known: Proved | None) -> str:
        """Makes all checks; what is on record is not asked again unless it is to be anew.

        Answers the digest of its questions.
        """
        digest = record.digest(self.claim, self.obligations)
        is_known = known == Proved(digest, record.BOTH)
        if extent.is_all and known is not None and not is_known:
            failure = "its record in `proved.toml` is stale: `run --write`"
            self.found.add(FUNCTIONS, 0, [failure])
        is_proved = self._prove(is_anew, is_known)
        self.found.add(FUNCTIONS, int(is_proved), [])
        self.found.add(ANEW, int(is_proved and (is_anew or not is_known)), [])
        if is_anew or not is_known:
            if self.run.ends:
                self._execute(extent)
            self._mutate(extent)
        # What is said of no state would be proved as well: then an outcome never happens.
        if is_anew and is_proved and not any(self.found.failures.values()):
            self.found.digest = digest
        return digest

    def _prove(self, is_anew: bool, is_known: bool) -> bool:
        is_proved = bool(self.run.ends)
        for contradiction in self.run.decided if is_anew else ():
            verdict = prove_by_one(contradiction, z3.BoolVal(False))
            is_right = verdict is Verdict.PROVED
            failures = [] if is_right else [f"a branch that Z3 decided: {verdict.value}"]
            self.found.add(proof.RETURNS, int(is_right), failures)
            is_proved = is_proved and is_right
        for obligation in self.obligations:
            if is_anew or not is_known:
                verdict = proof.discharge(self.claim, obligation, by_both=is_anew)
            else:
                verdict = Verdict.PROVED
            is_right = verdict is Verdict.PROVED
            failures = [] if is_right else [f"{obligation.name}: {verdict.value}"]
            self.found.add(obligation.group, int(is_right), failures)
            is_proved = is_proved and is_right
        return is_proved

    def change(self, digest: str) -> None:
        """A branch that is decided otherwise leads to other questions, or is refused.

        Not tried of long loops: an end that is not there is looked for in each round.
        """
        if isinstance(self.run.own, Procedure) and self.run.own.joins:
            return
        branches = mutants.missing_checks(self.image, self.run.reached)
        inverted = [m for m in branches if m.change == mutants.INVERTED]
        if not inverted:
            return
        place = int(digest, 16) % len(inverted)
        other = self._digest_of(inverted[place])
        name = inverted[place].describe(self.image)
        failures = [f"{name}: the same questions"] if other == digest else []
        self.found.add(CHANGES, int(other != digest), failures)

    def _digest_of(self, mutant: Mutant) -> str | None:
        image = self.image.patched(mutant.address, mutant.encoding)
        try:
            changed = proof.run(image, self.claim, self.contracts, self.run.own)
        except REFUSALS:
            return None
        return record.digest(self.claim, proof.obligations(self.claim, changed))

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
        if count + len(failures) == 0:
            failures.append("no state was found that differs a little")
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

    def mutate_part(self, extent: Extent, part: int) -> tuple[str, Counter[Fate], list[str]]:
        """Tries each so manyth of all mutants that miss something."""
        digest = record.digest(self.claim, self.obligations)
        self._execute(extent)
        trial = Trial(self.image, self.claim, self.contracts, self.run, self.sound)
        fates: Counter[Fate] = Counter()
        failures = []
        for mutant in list(mutants.missing_checks(self.image, self.run.reached))[part::PARTS]:
            fate = trial.fate(mutant)
            fates[fate] += 1
            if mutant.is_failure(fate):
                failures.append(f"{mutant.describe(self.image)}: {fate.value}")
        return digest, fates, failures

    def _chosen(self, extent: Extent) -> list[Mutant]:
        reached = self.run.reached
        seed = f"{crosscheck.SEED} {self.claim.function}"
        some = mutants.sample(self.image, reached, seed, extent.mutants)
        if not extent.every_branch or self.run.own is None:
            return some
        branches = [m for m in mutants.missing_checks(self.image, reached) if m.is_branch]
        return list(dict.fromkeys([*branches, *some]))
