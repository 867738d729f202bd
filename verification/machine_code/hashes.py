"""Hashes of terms: the same for the same operators, constants and symbols."""

from __future__ import annotations

import hashlib

import z3

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


def hash_of(root: z3.ExprRef, known: dict[int, str]) -> str:
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
    return hash_of_text("\n".join([head, *parts]))


def hash_of_text(text: str) -> str:
    """The SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
