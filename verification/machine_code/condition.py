"""AArch64 condition flags, from the thunk in which VEX keeps them.

VEX stores the operation that set the flags and its operands (`ARM64G_CC_OP_*` of its
`guest_arm64_defs.h`); N, Z, C and V are computed here when something reads them.
"""

from __future__ import annotations

from typing import NamedTuple

import z3

COPY, ADD32, ADD64, SUB32, SUB64 = range(5)
LOGIC32, LOGIC64 = 9, 10
OPERATIONS = (COPY, ADD32, ADD64, SUB32, SUB64, LOGIC32, LOGIC64)

N_BIT, Z_BIT, C_BIT, V_BIT = 31, 30, 29, 28


class ConditionError(Exception):
    """Flags set by an operation that the proofs do not understand."""


class Flags(NamedTuple):
    """N, Z, C and V."""

    n: z3.BoolRef
    z: z3.BoolRef
    c: z3.BoolRef
    v: z3.BoolRef

    def packed(self) -> z3.BitVecRef:
        """As a word with the flags in their places in NZCV."""
        word = z3.BitVecVal(0, 64)
        for flag, bit in zip(self, (N_BIT, Z_BIT, C_BIT, V_BIT)):
            word = word | z3.If(flag, z3.BitVecVal(1 << bit, 64), z3.BitVecVal(0, 64))
        return z3.simplify(word)


class Thunk(NamedTuple):
    """The operation and its operands."""

    operation: z3.BitVecRef
    left: z3.BitVecRef
    right: z3.BitVecRef
    extra: z3.BitVecRef

    def flags(self) -> Flags:
        """The flags, whatever the operation is."""
        cases = _cases(self.operation)
        result = self._flags_of(cases[-1][1])
        for condition, operation in reversed(cases[:-1]):
            other = self._flags_of(operation)
            result = Flags(*(z3.If(condition, a, b) for a, b in zip(other, result)))
        return result

    def _flags_of(self, operation: int) -> Flags:
        if operation == COPY:
            return Flags(*(_bit(self.left, b) for b in (N_BIT, Z_BIT, C_BIT, V_BIT)))
        width = 32 if operation in (ADD32, SUB32, LOGIC32) else 64
        left = z3.Extract(width - 1, 0, self.left)
        right = z3.Extract(width - 1, 0, self.right)
        top = width - 1
        if operation in (ADD32, ADD64):
            total = left + right
            overflow = ~(left ^ right) & (left ^ total)
            return Flags(_bit(total, top), total == 0, z3.ULT(total, left), _bit(overflow, top))
        if operation in (SUB32, SUB64):
            difference = left - right
            overflow = (left ^ right) & (left ^ difference)
            return Flags(
                _bit(difference, top), left == right, z3.UGE(left, right), _bit(overflow, top)
            )
        if operation in (LOGIC32, LOGIC64):
            return Flags(_bit(left, top), left == 0, z3.BoolVal(False), z3.BoolVal(False))
        raise ConditionError(f"flags of operation {operation}")


def holds(code_and_operation: z3.BitVecRef, thunk: Thunk) -> z3.BoolRef:
    """Whether a condition holds: code in bits 7:4, the thunk's operation in bits 3:0."""
    cases = _cases(code_and_operation)
    result = _holds_case(cases[-1][1], thunk)
    for condition, packed in reversed(cases[:-1]):
        result = z3.If(condition, _holds_case(packed, thunk), result)
    return result


def _holds_case(packed: int, thunk: Thunk) -> z3.BoolRef:
    code = packed >> 4
    operation = z3.BitVecVal(packed & 15, 64)
    n, z, c, v = thunk._replace(operation=operation).flags()
    base = (
        z,
        c,
        n,
        v,
        z3.And(c, z3.Not(z)),
        n == v,
        z3.And(n == v, z3.Not(z)),
        z3.BoolVal(True),
    )[code >> 1]
    # Code 15 means "always", like code 14.
    return z3.Not(base) if code & 1 and code != 15 else base


def _bit(term: z3.BitVecRef, bit: int) -> z3.BoolRef:
    return z3.Extract(bit, bit, term) == 1


def _cases(term: z3.BitVecRef) -> list[tuple[z3.BoolRef, int]]:
    """Splits a choice among numbers; the last case is the rest."""
    term = z3.simplify(term, push_ite_bv=True)
    if z3.is_bv_value(term):
        return [(z3.BoolVal(True), term.as_long())]
    if z3.is_app_of(term, z3.Z3_OP_ITE):
        condition, first, second = term.children()
        inner = [(z3.And(condition, c), v) for c, v in _cases(first)]
        return inner + _cases(second)
    return _all_cases(term)


def _all_cases(term: z3.BitVecRef) -> list[tuple[z3.BoolRef, int]]:
    """The same where the choice is hidden: every operation, with the condition that is asked for."""
    code = z3.simplify(z3.Extract(7, 4, term))
    if not z3.is_bv_value(code):
        raise ConditionError(f"an operation that is not a number: {term.sexpr()[:200]}")
    packed = [code.as_long() << 4 | operation for operation in OPERATIONS]
    rest = z3.Extract(63, 8, term) == 0
    return [(z3.And(rest, z3.simplify(term == value)), value) for value in packed]
