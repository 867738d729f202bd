"""Two independent solvers, Z3 and Bitwuzla, that must agree on every obligation.

Bitwuzla is asked first, and tells which of the hypotheses it needed: a few of some hundred. Z3 is
then asked whether the goal follows from those alone, which is more than was to be shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

import bitwuzla
import z3

from .logic import parts_of

SOLVER_MILLISECONDS = 300_000


def _in_bits(*middle: z3.Tactic | str) -> z3.Tactic:
    """Z3's way of bits, with steps in its midst."""
    return z3.Then(
        z3.With("simplify", elim_and=True, flat=True),
        "propagate-values",
        "solve-eqs",
        "elim-uncnstr",
        z3.With("simplify", push_ite_bv=True),
        *middle,
        "max-bv-sharing",
        "bit-blast",
        "sat",
    )


# One way of Z3 that works in words alone (arrays become functions, functions become fresh words with
# congruence, words become bits); if it gives up, Z3's own ways.
_FIRST = _in_bits(
    "bvarray2uf", z3.With("ackermannize_bv", div0_ackermann_limit=100_000_000)
)
# The same for words alone: what is read is any word, but the same where the terms are.
_WORDS = _in_bits()
_WORDS_MILLISECONDS = 10_000
_SECOND = z3.Tactic("qfaufbv")
_SECOND_MILLISECONDS = 30_000


class Verdict(Enum):
    """Whether a goal follows from its hypotheses."""

    PROVED = "proved"
    REFUTED = "refuted"
    UNKNOWN = "unknown"
    DISAGREEMENT = "solvers disagree"


def prove(
    hypotheses: Sequence[z3.BoolRef], goal: z3.BoolRef, milliseconds: int = SOLVER_MILLISECONDS
) -> Verdict:
    """Asks both solvers; so long at most the first."""
    verdict, needed = _ask_bitwuzla([*hypotheses, z3.Not(goal)], milliseconds)
    if verdict is not Verdict.PROVED:
        return verdict
    second = _ask_z3(needed)
    return Verdict.DISAGREEMENT if second is Verdict.REFUTED else second


def prove_by_one(
    hypotheses: Sequence[z3.BoolRef], goal: z3.BoolRef, milliseconds: int = SOLVER_MILLISECONDS
) -> Verdict:
    """Asks the faster one only."""
    return _ask_bitwuzla([*hypotheses, z3.Not(goal)], milliseconds)[0]


def find_values(
    constraints: Sequence[z3.BoolRef], terms: Mapping[str, z3.BitVecRef]
) -> dict[str, int] | None:
    """What the terms are in a state in which the constraints hold; `None` if there is none."""
    probes = [z3.BitVec(name, term.size()) == term for name, term in terms.items()]
    parser = _parse([*constraints, *probes], bitwuzla.Option.PRODUCE_MODELS)
    solver = parser.bitwuzla()
    if solver.check_sat() != bitwuzla.Result.SAT:
        return None
    symbols = {term.symbol(): term for term in parser.get_declared_funs()}
    return {name: int(solver.get_value(symbols[name]).value(10)) for name in terms}


def is_refuted(hypotheses: Sequence[z3.BoolRef], goal: z3.BoolRef) -> bool:
    """Whether one solver finds a counterexample: for mutants, where nothing rests on the other."""
    return prove_by_one(hypotheses, goal) is Verdict.REFUTED


def _ask_z3(assertions: Sequence[z3.BoolRef]) -> Verdict:
    solver = _WORDS.solver()
    solver.set("timeout", _WORDS_MILLISECONDS)
    solver.add(*_without_reads(assertions))
    if solver.check() == z3.unsat:
        return Verdict.PROVED
    for tactic, milliseconds in ((_FIRST, SOLVER_MILLISECONDS), (_SECOND, _SECOND_MILLISECONDS)):
        solver = tactic.solver()
        solver.set("timeout", milliseconds)
        solver.add(*assertions)
        answer = solver.check()
        if answer == z3.unsat:
            return Verdict.PROVED
        if answer == z3.sat:
            return Verdict.REFUTED
    return Verdict.UNKNOWN


def _without_reads(assertions: Sequence[z3.BoolRef]) -> list[z3.BoolRef]:
    """The assertions with a symbol for each word that is read: they say less."""
    simple = [z3.simplify(item) for item in assertions]
    reads = [item for item in parts_of(simple) if z3.is_select(item)]
    symbols = [z3.BitVec(f"read_{place}", item.size()) for place, item in enumerate(reads)]
    return [z3.substitute(item, *zip(reads, symbols)) for item in simple]


def _ask_bitwuzla(
    assertions: Sequence[z3.BoolRef], milliseconds: int
) -> tuple[Verdict, list[z3.BoolRef]]:
    """Whether the assertions contradict each other, and which of them do."""
    different = list({item.get_id(): item for item in assertions}.values())
    parser = _parse(different, bitwuzla.Option.PRODUCE_UNSAT_CORES, milliseconds)
    solver = parser.bitwuzla()
    told = {item.id(): place for place, item in enumerate(solver.get_assertions())}
    answer = solver.check_sat()
    if answer == bitwuzla.Result.UNSAT:
        core = sorted(told[item.id()] for item in solver.get_unsat_core())
        return Verdict.PROVED, [different[place] for place in core]
    return Verdict.REFUTED if answer == bitwuzla.Result.SAT else Verdict.UNKNOWN, []


# What Z3 writes in its own way when it simplifies; a division by zero gives the same in both.
_DIVISIONS = ("bvudiv", "bvurem")


def _parse(
    assertions: Sequence[z3.BoolRef],
    option: bitwuzla.Option,
    milliseconds: int = SOLVER_MILLISECONDS,
) -> bitwuzla.Parser:
    question = z3.Solver()
    question.add(*assertions)
    options = bitwuzla.Options()
    options.set(bitwuzla.Option.TIME_LIMIT_PER, milliseconds)
    options.set(option, True)
    parser = bitwuzla.Parser(bitwuzla.TermManager(), options)
    text = question.to_smt2()
    for name in _DIVISIONS:
        text = text.replace(f"({name}_i ", f"({name} ")
    parser.parse("(set-logic QF_ABV)\n" + text, True, False)
    return parser
