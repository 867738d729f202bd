"""What was proved before: for each function a digest of all that was asked, and who answered.

A digest covers every assumption and every obligation: operators, constants and symbols, down to the
last. They hold the meaning of the code that is executed, and the whole claim: whatever changes either
changes the digest, and a proof counts only for the very same questions.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import z3

from .claim import Claim
from .proof import Obligation

PATH = Path(__file__).parent / "proved.toml"
HEAD = """\
# Written by `run --write`: the functions whose obligations were all proved, by which solvers.
# The digest is of the questions; see `record.py`.
"""
BOTH = ("bitwuzla", "z3")

# Operators whose operands Z3 orders as it likes: another order is no other question.
_UNORDERED = frozenset(
    {
        z3.Z3_OP_AND,
        z3.Z3_OP_OR,
        z3.Z3_OP_XOR,
        z3.Z3_OP_EQ,
        z3.Z3_OP_IFF,
        z3.Z3_OP_DISTINCT,
        z3.Z3_OP_BADD,
        z3.Z3_OP_BMUL,
        z3.Z3_OP_BAND,
        z3.Z3_OP_BOR,
        z3.Z3_OP_BXOR,
    }
)


@dataclass(frozen=True)
class Proved:
    """A function that was proved."""

    digest: str
    solvers: tuple[str, ...]


def digest(claim: Claim, obligations: Sequence[Obligation]) -> str:
    """A hash of the questions of a function: each obligation's group, hypotheses and goal."""
    known: dict[int, str] = {}
    parts = [_hash_of(term, known) for term in claim.assumptions]
    for item in obligations:
        parts.append(item.group)
        parts += [_hash_of(term, known) for term in (item.guard, *item.extra, item.goal)]
    return _sha256("\n".join(parts))


def _hash_of(root: z3.ExprRef, known: dict[int, str]) -> str:
    """The hash of a term, from those of its parts; `known` has what was met before."""
    stack = [(root, False)]
    while stack:
        term, is_ready = stack.pop()
        if term.get_id() in known:
            continue
        children = term.children()
        if children and not is_ready:
            stack.append((term, True))
            stack += [(child, False) for child in children]
        else:
            known[term.get_id()] = _hash_of_node(term, [known[c.get_id()] for c in children])
    return known[root.get_id()]


def _hash_of_node(term: z3.ExprRef, parts: list[str]) -> str:
    operator = term.decl()
    if operator.kind() in _UNORDERED:
        parts.sort()
    value = term.as_long() if z3.is_bv_value(term) else ""
    head = f"{operator.name()} {operator.params()} {term.sort()} {value}"
    return _sha256("\n".join([head, *parts]))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


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
