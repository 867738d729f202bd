"""Two independent solvers, Z3 and Bitwuzla, that must agree on every obligation."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import bitwuzla
import z3

SOLVER_MILLISECONDS = 120_000

# Z3's own ways first; if they give up, one that works in words alone: arrays become functions,
# functions become fresh words with congruence, words become bits.
_FIRST_MILLISECONDS = 20_000
_FIRST = z3.Tactic("qfaufbv")
_SECOND = z3.Then(
    z3.With("simplify", elim_and=True, flat=True),
    "propagate-values",
    "solve-eqs",
    "elim-uncnstr",
    z3.With("simplify", push_ite_bv=True),
    "bvarray2uf",
    z3.With("ackermannize_bv", div0_ackermann_limit=100_000_000),
    "max-bv-sharing",
    "bit-blast",
    "sat",
)


class Verdict(Enum):
    """Whether a goal follows from its hypotheses."""

    PROVED = "proved"
    REFUTED = "refuted"
    UNKNOWN = "unknown"
    DISAGREEMENT = "solvers disagree"


def prove(hypotheses: Sequence[z3.BoolRef], goal: z3.BoolRef) -> Verdict:
    """Asks both solvers."""
    answers = {_ask_z3(hypotheses, goal), _ask_bitwuzla(hypotheses, goal)}
    if len(answers) == 1:
        return answers.pop()
    return Verdict.UNKNOWN if Verdict.UNKNOWN in answers else Verdict.DISAGREEMENT


def prove_by_one(hypotheses: Sequence[z3.BoolRef], goal: z3.BoolRef) -> Verdict:
    """Asks the faster one only."""
    return _ask_bitwuzla(hypotheses, goal)


def find_model(constraints: Sequence[z3.BoolRef]) -> z3.ModelRef | None:
    """A state in which the constraints hold, if both solvers say that there is one."""
    if _ask_bitwuzla(constraints, z3.BoolVal(False)) is not Verdict.REFUTED:
        return None
    solver = _FIRST.solver()
    solver.add(*constraints)
    return solver.model() if solver.check() == z3.sat else None


def is_refuted(hypotheses: Sequence[z3.BoolRef], goal: z3.BoolRef) -> bool:
    """Whether one solver finds a counterexample: for mutants, where nothing rests on the other."""
    return _ask_bitwuzla(hypotheses, goal) is Verdict.REFUTED


def _ask_z3(hypotheses: Sequence[z3.BoolRef], goal: z3.BoolRef) -> Verdict:
    for tactic, milliseconds in ((_FIRST, _FIRST_MILLISECONDS), (_SECOND, SOLVER_MILLISECONDS)):
        solver = tactic.solver()
        solver.set("timeout", milliseconds)
        solver.add(*hypotheses, z3.Not(goal))
        answer = solver.check()
        if answer == z3.unsat:
            return Verdict.PROVED
        if answer == z3.sat:
            return Verdict.REFUTED
    return Verdict.UNKNOWN


def _ask_bitwuzla(hypotheses: Sequence[z3.BoolRef], goal: z3.BoolRef) -> Verdict:
    question = z3.Solver()
    question.add(*hypotheses, z3.Not(goal))
    text = "(set-logic QF_ABV)\n" + question.to_smt2()
    options = bitwuzla.Options()
    options.set(bitwuzla.Option.TIME_LIMIT_PER, SOLVER_MILLISECONDS)
    parser = bitwuzla.Parser(bitwuzla.TermManager(), options)
    parser.parse(text, True, False)
    answer = parser.bitwuzla().check_sat()
    if answer == bitwuzla.Result.UNSAT:
        return Verdict.PROVED
    return Verdict.REFUTED if answer == bitwuzla.Result.SAT else Verdict.UNKNOWN
