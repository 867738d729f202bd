"""The proofs, spread over the machine's cores.

Terms of the solvers do not travel between processes: a worker is told what to prove and makes
them.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.pool import AsyncResult

from machine_code.image import Image

from .everywhere import Everywhere, prove_everywhere
from .facts import Facts
from .mutants import Fate, Judge, Survivor
from .scene import Case
from .theorem import Proof, prove_case, prove_cover


@dataclass(frozen=True)
class Task:
    """What all proofs are about."""

    image: Image
    facts: Facts


_task: Task | None = None
_judge: Judge | None = None


def _begin(task: Task) -> None:
    global _task
    _task = task


def _current() -> Task:
    assert _task is not None
    return _task


def _case(case: Case) -> Proof:
    return prove_case(_current().image, _current().facts, case)


def _cover(case: Case) -> Proof:
    return prove_cover(_current().facts, case)


def _everywhere() -> Everywhere:
    return prove_everywhere(_current().image, _current().facts)


def _fate(survivor: Survivor) -> Fate:
    global _judge
    if _judge is None:
        _judge = Judge(_current().image, _current().facts)
    return _judge.fate(survivor)


class Workers:
    """A pool of workers for one task."""

    def __init__(self, task: Task) -> None:
        self._pool = multiprocessing.Pool(os.cpu_count(), _begin, (task,))

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_reason: object) -> None:
        self._pool.terminate()
        self._pool.join()

    def everywhere(self) -> AsyncResult[Everywhere]:
        """The proof about all states, when it is done."""
        return self._pool.apply_async(_everywhere)

    def cases(self, chosen: Sequence[Case]) -> list[Proof]:
        """The theorem in each of these cases."""
        return self._pool.map(_case, chosen, chunksize=1)

    def covers(self, chosen: Sequence[Case]) -> list[Proof]:
        """That these cases have all sound states."""
        return self._pool.map(_cover, chosen, chunksize=1)

    def fates(self, survivors: Sequence[Survivor]) -> list[Fate]:
        """Why no scenario noticed each mutant."""
        return self._pool.map(_fate, survivors, chunksize=1)
