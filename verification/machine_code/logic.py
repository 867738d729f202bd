"""Building and walking terms.

A connective with one operand, which Z3's own functions build, is no SMT-LIB term: hence
`conjunction` and `disjunction`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import z3


def conjunction(terms: Iterable[z3.BoolRef]) -> z3.BoolRef:
    """All of them."""
    items = list(terms)
    if not items:
        return z3.BoolVal(True)
    return items[0] if len(items) == 1 else z3.And(*items)


def disjunction(terms: Iterable[z3.BoolRef]) -> z3.BoolRef:
    """Any of them."""
    items = list(terms)
    if not items:
        return z3.BoolVal(False)
    return items[0] if len(items) == 1 else z3.Or(*items)


def conjuncts(term: z3.BoolRef) -> list[z3.BoolRef]:
    """The terms of which a term is the conjunction."""
    if not z3.is_and(term):
        return [] if z3.is_true(term) else [term]
    return [part for child in term.children() for part in conjuncts(child)]


def parts_of(terms: Iterable[z3.ExprRef]) -> Iterator[z3.ExprRef]:
    """Every part of some terms, each once."""
    seen: set[int] = set()
    stack = list(terms)
    while stack:
        item = stack.pop()
        if item.get_id() not in seen:
            seen.add(item.get_id())
            yield item
            stack += item.children()


def reads_of(terms: Iterable[z3.ExprRef]) -> Iterator[tuple[z3.ArrayRef, z3.BitVecRef]]:
    """The places of arrays that some terms read: array and index."""
    for item in parts_of(terms):
        if z3.is_select(item):
            yield item.arg(0), item.arg(1)


def is_short(term: z3.ExprRef, limit: int) -> bool:
    """Whether a term has at most so many parts."""
    return len(list(islice(parts_of([term]), limit + 1))) <= limit
