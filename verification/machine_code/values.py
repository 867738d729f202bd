"""All that a term can be, where those are few: the places of a table of constants."""

from __future__ import annotations

from collections.abc import Sequence

import z3

from .logic import parts_of, reads_of
from .solve import Verdict, prove_by_one


def constant_part(total: z3.BitVecRef) -> int | None:
    """The constant to which a sum adds something; `None` if it is no such sum."""
    parts = total.children() if z3.is_app_of(total, z3.Z3_OP_BADD) else []
    constants = [part.as_long() for part in parts if z3.is_bv_value(part)]
    return constants[0] if constants else None


def values_of(guard: Sequence[z3.BoolRef], term: z3.BitVecRef, most: int) -> list[int] | None:
    """All values that a term can have by what a guard says without memory; `None` if too many.

    What the term reads from memory may be anything.
    """
    reads = [part for part in parts_of([term]) if z3.is_select(part)]
    anything = [z3.BitVec(f"any_read_{at}", read.size()) for at, read in enumerate(reads)]
    term = z3.substitute(term, *zip(reads, anything, strict=True))
    solver = z3.SolverFor("QF_BV")
    solver.add(*(part for part in guard if not any(reads_of([part]))))
    found: list[int] = []
    while len(found) <= most and solver.check() == z3.sat:
        found.append(solver.model().eval(term, model_completion=True).as_long())
        solver.add(term != found[-1])
    if not 0 < len(found) <= most or solver.check() != z3.unsat:
        return None
    is_all = prove_by_one(solver.assertions(), z3.BoolVal(False)) is Verdict.PROVED
    return sorted(found) if is_all else None


def choice_among(term: z3.BitVecRef, values: Sequence[int]) -> z3.BitVecRef:
    """A term that has one of these values, as a choice of constants."""
    chosen = z3.BitVecVal(values[-1], term.size())
    for value in values[:-1]:
        chosen = z3.If(term == value, z3.BitVecVal(value, term.size()), chosen)
    return chosen
