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
    """The hash of a term, from those of its parts.

    `known` has what was met before, by the numbers that Z3 gives to terms and operators: it lives no
    longer than the terms do.
    """
    stack: list[tuple[z3.ExprRef, list[z3.ExprRef] | None]] = [(root, None)]
    while stack:
        term, children = stack.pop()
        if term.get_id() in known:
            continue
        if children is None:
            children = term.children()
            if children:
                stack.append((term, children))
                stack += [(child, None) for child in children]
                continue
        known[term.get_id()] = _hash_of_node(term, children, known)
    return known[root.get_id()]


def _hash_of_node(term: z3.ExprRef, children: list[z3.ExprRef], known: dict[int, str]) -> str:
    operator = term.decl()
    head = known.get(operator.get_id())
    if head is None:
        head = f"{operator.name()} {operator.params()} {term.sort()} "
        known[operator.get_id()] = head
    if not children and z3.is_bv_value(term):
        head += str(term.as_long())
    parts = [known[child.get_id()] for child in children]
    if operator.kind() in _UNORDERED:
        parts.sort()
    return hash_of_text("\n".join([head, *parts]))


def hash_of_text(text: str) -> str:
    """The SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
