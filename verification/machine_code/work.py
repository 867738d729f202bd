"""The questions of one function, spread over the machine's cores.

Terms of the solvers do not travel between processes, so each worker makes claim, run and
obligations again and is given numbers.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from dataclasses import dataclass

from . import crosscheck, proof
from .claims import SUBJECTS, Subject
from .concrete import ConcreteState
from .image import Image
from .layout import Layout
from .mutants import Fate, Mutant, Trial
from .solve import Verdict

# Sound random states that a mutant must get past before the solvers are asked.
TRIAL_STATES = 8


@dataclass(frozen=True)
class Task:
    """A function of an image, by name: what a worker needs to begin."""

    image: Image
    layout: Layout
    subject: int


class Bench:
    """Claim, run and obligations of a task."""

    def __init__(self, task: Task) -> None:
        self.image = task.image
        self.subject: Subject = SUBJECTS[task.subject]
        self.claim = self.subject.claim(task.layout)
        self.run = proof.run(task.image, self.claim)
        self.obligations = list(proof.obligations(self.claim, self.run))
        self._trial: Trial | None = None
        self._states: list[ConcreteState] = []

    def state(self, index: int) -> ConcreteState:
        """The random state of this number."""
        if index >= len(self._states):
            make = self.subject.random_state
            self._states = list(crosscheck.random_states(self.claim, make, 2 * index + 64))
        return self._states[index]

    def trial(self) -> Trial:
        """What mutants are measured against."""
        if self._trial is None:
            found = crosscheck.witnesses(self.claim).values()
            sound = [state for state in found if state is not None]
            index = 0
            while len(sound) < len(self.claim.outcomes) + TRIAL_STATES:
                if crosscheck.is_sound(self.claim, self.state(index)):
                    sound.append(self.state(index))
                index += 1
            self._trial = Trial(self.image, self.claim, self.run, sound)
        return self._trial


_bench: Bench | None = None


def _begin(task: Task) -> None:
    global _bench
    _bench = Bench(task)


def _current() -> Bench:
    assert _bench is not None
    return _bench


def _discharge(index: int) -> Verdict:
    bench = _current()
    return proof.discharge(bench.claim, bench.obligations[index])


def _compare(index: int) -> str | None:
    bench = _current()
    return crosscheck.compare(bench.image, bench.claim, bench.run, bench.state(index))


def _fate(mutant: Mutant) -> Fate:
    return _current().trial().fate(mutant)


class Workers:
    """A pool of workers for one task."""

    def __init__(self, task: Task) -> None:
        self._pool = multiprocessing.Pool(os.cpu_count(), _begin, (task,))

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_reason: object) -> None:
        self._pool.terminate()
        self._pool.join()

    def discharge(self, count: int) -> list[Verdict]:
        """The verdicts on the first `count` obligations."""
        return self._pool.map(_discharge, range(count), chunksize=1)

    def compare(self, count: int) -> list[str | None]:
        """What differs in each of the first `count` random states."""
        return self._pool.map(_compare, range(count), chunksize=8)

    def fates(self, chosen: Sequence[Mutant]) -> list[Fate]:
        """What became of each mutant."""
        return self._pool.map(_fate, chosen, chunksize=1)


