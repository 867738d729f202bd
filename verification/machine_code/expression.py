"""VEX operators as solver terms. An operator that is not here is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import z3

Term = z3.BitVecRef | z3.BoolRef


class ExpressionError(Exception):
    """An operator that the proofs do not understand."""


_ARITHMETIC: dict[str, Callable[[Term, Term], Term]] = {
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "And": lambda a, b: a & b,
    "Or": lambda a, b: a | b,
    "Xor": lambda a, b: a ^ b,
}
_LOGIC: dict[str, Callable[[Term, Term], Term]] = {"And": z3.And, "Or": z3.Or, "Xor": z3.Xor}
_SHIFTS: dict[str, Callable[[Term, Term], Term]] = {
    "Shl": lambda a, b: a << b,
    "Shr": z3.LShR,
    "Sar": lambda a, b: a >> b,
}
_COMPARISONS: dict[str, Callable[[Term, Term], Term]] = {
    "EQ": lambda a, b: a == b,
    "NE": lambda a, b: a != b,
    "LTU": z3.ULT,
    "LEU": z3.ULE,
    "LTS": lambda a, b: a < b,
    "LES": lambda a, b: a <= b,
}


def apply(operator: str, operands: Sequence[Term]) -> Term:
    """The value of the VEX operator `operator` (without `Iop_`)."""
    for pattern, build in _RULES:
        match = pattern.fullmatch(operator)
        if match:
            return build(match, operands)
    raise ExpressionError(f"operator {operator}")


def as_bool(term: Term) -> z3.BoolRef:
    """Bit 0 of a word as a truth value."""
    if z3.is_bool(term):
        return term
    return z3.simplify(z3.Extract(0, 0, term) == 1)


def as_word(term: Term, width: int) -> z3.BitVecRef:
    """A truth value as a word of 0 or 1."""
    return z3.If(term, z3.BitVecVal(1, width), z3.BitVecVal(0, width))


def _arithmetic(match: re.Match[str], operands: Sequence[Term]) -> Term:
    table = _LOGIC if match[2] == "1" else _ARITHMETIC
    return table[match[1]](*operands)


def _shift(match: re.Match[str], operands: Sequence[Term]) -> Term:
    value, amount = operands
    if amount.size() < value.size():
        amount = z3.ZeroExt(value.size() - amount.size(), amount)
    return _SHIFTS[match[1]](value, amount)


def _comparison(match: re.Match[str], operands: Sequence[Term]) -> Term:
    return _COMPARISONS[match[1] + match[3]](*operands)


def _negation(match: re.Match[str], operands: Sequence[Term]) -> Term:
    return z3.Not(operands[0]) if match[1] == "1" else ~operands[0]


def _widening(match: re.Match[str], operands: Sequence[Term]) -> Term:
    narrow, wide = int(match[1]), int(match[3])
    is_signed = match[2] == "S"
    if narrow == 1:
        ones = z3.BitVecVal(-1 if is_signed else 1, wide)
        return z3.If(operands[0], ones, z3.BitVecVal(0, wide))
    extend = z3.SignExt if is_signed else z3.ZeroExt
    return extend(wide - narrow, operands[0])


def _narrowing(match: re.Match[str], operands: Sequence[Term]) -> Term:
    wide, narrow = int(match[1]), int(match[3])
    if narrow == 1:
        return as_bool(operands[0])
    if match[2]:
        return z3.Extract(wide - 1, wide - narrow, operands[0])
    return z3.Extract(narrow - 1, 0, operands[0])


def _long_multiplication(match: re.Match[str], operands: Sequence[Term]) -> Term:
    width = int(match[2])
    extend = z3.ZeroExt if match[1] == "U" else z3.SignExt
    return extend(width, operands[0]) * extend(width, operands[1])


def _division(match: re.Match[str], operands: Sequence[Term]) -> Term:
    # AArch64: a division by zero gives zero.
    numerator, divisor = operands
    quotient = z3.UDiv(numerator, divisor)
    return z3.If(divisor == 0, z3.BitVecVal(0, int(match[1])), quotient)


def _leading_zeros(match: re.Match[str], operands: Sequence[Term]) -> Term:
    width = int(match[1])
    result: Term = z3.BitVecVal(width, width)
    for bit in range(width):
        is_set = z3.Extract(bit, bit, operands[0]) == 1
        result = z3.If(is_set, z3.BitVecVal(width - 1 - bit, width), result)
    return result


_RULES: list[tuple[re.Pattern[str], Callable[[re.Match[str], Sequence[Term]], Term]]] = [
    (re.compile(r"(Add|Sub|Mul|And|Or|Xor)(1|8|16|32|64)"), _arithmetic),
    (re.compile(r"(Shl|Shr|Sar)(8|16|32|64)"), _shift),
    (re.compile(r"Cmp(EQ|NE|LT|LE)(8|16|32|64)([US]?)"), _comparison),
    (re.compile(r"Not(1|8|16|32|64)"), _negation),
    (re.compile(r"(1|8|16|32)([US])to(8|16|32|64)"), _widening),
    (re.compile(r"(128|64|32|16|8)(HI)?to(1|8|16|32|64)"), _narrowing),
    (re.compile(r"Mull([US])(32|64)"), _long_multiplication),
    (re.compile(r"DivU(32|64)"), _division),
    (re.compile(r"Clz(?:Nat)?(32|64)"), _leading_zeros),
]
