"""Terms as programs: evaluating the same terms in many concrete states, fast.

A term becomes a straight line of Python, one line for each part that differs. Symbols and rows of
arrays come from the state; what it does not name is zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import z3

Values = Mapping[str, int]
Rows = Mapping[str, Mapping[int, int]]


class ProgramError(Exception):
    """A term that the programs do not understand."""


_INFIX = {
    z3.Z3_OP_BADD: "+",
    z3.Z3_OP_BSUB: "-",
    z3.Z3_OP_BMUL: "*",
    z3.Z3_OP_BAND: "&",
    z3.Z3_OP_BOR: "|",
    z3.Z3_OP_BXOR: "^",
}
_COMPARISONS = {
    z3.Z3_OP_ULEQ: "<=",
    z3.Z3_OP_ULT: "<",
    z3.Z3_OP_UGEQ: ">=",
    z3.Z3_OP_UGT: ">",
}
_SIGNED = {
    z3.Z3_OP_SLEQ: "<=",
    z3.Z3_OP_SLT: "<",
    z3.Z3_OP_SGEQ: ">=",
    z3.Z3_OP_SGT: ">",
}
_LOGIC = {z3.Z3_OP_AND: " and ", z3.Z3_OP_OR: " or "}


class Program:
    """Some terms, ready to be evaluated."""

    def __init__(
        self,
        terms: Sequence[z3.ExprRef],
        definitions: Mapping[str, z3.ExprRef] = {},
        choices: Sequence[z3.BoolRef] = (),
    ) -> None:
        # Conditions whose value may be given, whatever they are in a state.
        self._choices = {choice.get_id() for choice in choices}
        # What some symbols stand for; the others are the state's.
        self._definitions = definitions
        self._names: dict[int, str] = {}
        self._lines: list[str] = []
        # The terms live as long as their numbers are used.
        self._terms = list(terms)
        for term in self._terms:
            self._add(term)
        results = ", ".join(self._names[term.get_id()] for term in self._terms)
        body = "\n".join(f"    {line}" for line in self._lines)
        scope: dict[str, Any] = {"signed": _signed}
        exec(f"def run(symbols, rows, given):\n{body}\n    return [{results}]\n", scope)
        self._run = scope["run"]

    def run(self, symbols: Values, rows: Rows) -> list[int]:
        """The values of the terms; truth values are 0 and 1."""
        return [int(value) for value in self._run(symbols, rows, {})]

    def run_with(self, choice: z3.BoolRef, value: bool) -> int:
        """The first term where all that is not named is zero, if a condition had this value."""
        rows: dict[str, dict[int, int]] = defaultdict(dict)
        return int(self._run({}, rows, {choice.get_id(): value})[0])

    def _add(self, term: z3.ExprRef) -> None:
        stack = [(term, False)]
        while stack:
            item, is_ready = stack.pop()
            if item.get_id() in self._names:
                continue
            children = item.children()
            if z3.is_select(item):
                children = children[1:]
            meaning = None if children else self._definitions.get(item.decl().name())
            if meaning is not None:
                children = [meaning]
            if is_ready or not children:
                name = f"v{len(self._lines)}"
                arguments = [self._names[child.get_id()] for child in children]
                value = _line(item, arguments) if meaning is None else arguments[0]
                if item.get_id() in self._choices:
                    value = f"given.get({item.get_id()}, {value})"
                self._lines.append(f"{name} = {value}")
                self._names[item.get_id()] = name
            else:
                stack.append((item, True))
                stack += [(child, False) for child in children]


def _line(item: z3.ExprRef, of: Sequence[str]) -> str:
    kind = item.decl().kind()
    if z3.is_bv(item):
        return _word_line(item, kind, of)
    if kind == z3.Z3_OP_TRUE or kind == z3.Z3_OP_FALSE:
        return str(kind == z3.Z3_OP_TRUE)
    if kind in _LOGIC:
        return _LOGIC[kind].join(of)
    if kind == z3.Z3_OP_NOT:
        return f"not {of[0]}"
    if kind == z3.Z3_OP_IMPLIES:
        return f"not {of[0]} or {of[1]}"
    if kind == z3.Z3_OP_ITE:
        return f"{of[1]} if {of[0]} else {of[2]}"
    if kind in (z3.Z3_OP_EQ, z3.Z3_OP_IFF):
        return f"{of[0]} == {of[1]}"
    if kind in (z3.Z3_OP_DISTINCT, z3.Z3_OP_XOR):
        return f"{of[0]} != {of[1]}"
    if kind in _COMPARISONS:
        return f"{of[0]} {_COMPARISONS[kind]} {of[1]}"
    if kind in _SIGNED:
        width = item.arg(0).size()
        return f"signed({of[0]}, {width}) {_SIGNED[kind]} signed({of[1]}, {width})"
    raise ProgramError(f"{item.decl().name()}")


def _word_line(item: z3.BitVecRef, kind: int, of: Sequence[str]) -> str:
    width = item.size()
    mask = (1 << width) - 1
    if z3.is_bv_value(item):
        return str(item.as_long())
    if kind == z3.Z3_OP_UNINTERPRETED:
        return f"symbols.get({item.decl().name()!r}, 0)"
    if kind == z3.Z3_OP_SELECT:
        return f"rows[{item.arg(0).decl().name()!r}].get({of[0]}, 0)"
    if kind in _INFIX:
        return f"({f' {_INFIX[kind]} '.join(of)}) & {mask}"
    if kind == z3.Z3_OP_ITE:
        return f"{of[1]} if {of[0]} else {of[2]}"
    if kind == z3.Z3_OP_EXTRACT:
        high, low = item.params()
        return f"({of[0]} >> {low}) & {(1 << (high - low + 1)) - 1}"
    if kind == z3.Z3_OP_CONCAT:
        value = of[0]
        for part, name in zip(item.children()[1:], of[1:]):
            value = f"({value} << {part.size()} | {name})"
        return value
    return _rare_line(item, kind, of, mask)


def _rare_line(item: z3.BitVecRef, kind: int, of: Sequence[str], mask: int) -> str:
    width = item.size()
    if kind == z3.Z3_OP_ZERO_EXT:
        return of[0]
    if kind == z3.Z3_OP_SIGN_EXT:
        return f"signed({of[0]}, {item.arg(0).size()}) & {mask}"
    if kind == z3.Z3_OP_BNOT:
        return f"~{of[0]} & {mask}"
    if kind == z3.Z3_OP_BNEG:
        return f"-{of[0]} & {mask}"
    if kind == z3.Z3_OP_BSHL:
        return f"({of[0]} << {of[1]}) & {mask} if {of[1]} < {width} else 0"
    if kind == z3.Z3_OP_BLSHR:
        return f"{of[0]} >> {of[1]} if {of[1]} < {width} else 0"
    if kind == z3.Z3_OP_BASHR:
        return f"(signed({of[0]}, {width}) >> min({of[1]}, {width})) & {mask}"
    if kind in (z3.Z3_OP_BUDIV, z3.Z3_OP_BUDIV_I):
        return f"{of[0]} // {of[1]} if {of[1]} else {mask}"
    if kind in (z3.Z3_OP_BUREM, z3.Z3_OP_BUREM_I):
        return f"{of[0]} % {of[1]} if {of[1]} else {of[0]}"
    raise ProgramError(f"{item.decl().name()}")


def _signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> (width - 1) else value
