"""What was proved before: for each function a digest of all that was asked, and who answered.

A digest covers every assumption and every obligation: operators, constants and symbols, down to the
last. They hold the meaning of the code that is executed, and the whole claim: whatever changes either
changes the digest, and a proof counts only for the very same questions. (Barriers and the maintenance of
caches mean nothing to a flat memory: `order` looks at those.)
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .claim import Claim
from .hashes import hash_of, hash_of_text
from .proof import Obligation

PATH = Path(__file__).parent / "proved.toml"
HEAD = """\
# Written by `run --write`: the functions whose obligations were all proved, by which solvers.
# The digest is of the questions; see `record.py`.
"""
BOTH = ("bitwuzla", "z3")


@dataclass(frozen=True)
class Proved:
    """A function that was proved."""

    digest: str
    solvers: tuple[str, ...]


def digest(claim: Claim, obligations: Sequence[Obligation]) -> str:
    """A hash of the questions of a function: each obligation's group, hypotheses and goal."""
    known: dict[int, str] = {}
    parts = [hash_of(term, known) for term in (*claim.assumptions, *claim.definitions)]
    for item in obligations:
        parts.append(item.group)
        parts += [hash_of(term, known) for term in (item.guard, *item.extra, item.goal)]
    return hash_of_text("\n".join(parts))


def load() -> dict[str, Proved]:
    """What is on record."""
    if not PATH.exists():
        return {}
    found = tomllib.loads(PATH.read_text())
    return {name: Proved(f["digest"], tuple(f["solvers"])) for name, f in found.items()}


def save(new: dict[str, Proved], known: Sequence[str]) -> None:
    """Puts what was proved now on record, and drops functions that are not known."""
    everything = {name: item for name, item in (load() | new).items() if name in known}
    text = HEAD
    for name, item in sorted(everything.items()):
        solvers = ", ".join(f'"{solver}"' for solver in item.solvers)
        text += f'\n[{name}]\ndigest = "{item.digest}"\nsolvers = [{solvers}]\n'
    PATH.write_text(text)
