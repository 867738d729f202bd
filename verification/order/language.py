"""Litmus tests as text: threads of instructions, and an outcome that must not (or may) happen.

A test is a few threads, each a string of instructions separated by `;`, and an outcome. Values
are constants: what an instruction *depends* on is said beside it, which is all that order needs.

    R x r          load x into r               acq, pc: acquire, acquirePC; ex: exclusive
    W x 1          store 1 to x                rel: release; ex: paired with the last R ex
    SWP x 1 r      atomic exchange (LSE)       acq, rel
    DMB.o, DSB.o, ISB, ERET, SVC, WFI          o: an option of the architecture (SY, ISHST, ...)
    TLBI.o d       invalidate a descriptor; no d: all of them
    DC.o x, IC.o   cache maintenance
    MSR s v, USE s r                           write a system register; be governed by one
    RS i r         read a system register that takes something (an interrupt)
    UR d r         load through descriptor d (or q>d: the entry of a table, then d): r is what was
                   loaded, `fault` if d is invalid, `missing` if q is
    UW d v r       store; r is `ok` or one of these faults
    WALK d r       the walk alone, as speculation makes it; r is what d holds, or as above;
                   WALK.fresh: none of it can come from a TLB
    IF x r         fetch an instruction from x
    DR x r, DW x v read, write by a device that does not look into caches
    CR x r         read by a core of what such a device writes

After an instruction: `addr:r`, `data:r`, `ctrl:r` (dependencies; a control dependency also binds
all that follow), `@name` (to speak of it in the outcome). A descriptor's value is 0 (invalid), a
location (`a`), or a location for reading alone (`a-`). A thread that begins with `core 0:` runs on
that core; else each thread has a core of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

INVALID = "0"
FAULT = "fault"
MISSING = "missing"


@dataclass(frozen=True)
class Instruction:
    """One instruction of a thread, as written."""

    name: str
    option: str
    operands: tuple[str, ...]
    flags: frozenset[str]
    depends: tuple[tuple[str, str], ...]
    label: str


@dataclass(frozen=True)
class Outcome:
    """What is looked for: values of registers (`0.r`) and locations, and a missing order."""

    registers: tuple[tuple[str, str], ...]
    memory: tuple[tuple[str, str], ...]
    unordered: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Test:
    """A litmus test. `reach` is the shareability domain of the farthest observer."""

    name: str
    threads: tuple[tuple[Instruction, ...], ...]
    cores: tuple[int, ...]
    outcome: Outcome
    initial: dict[str, str] = field(default_factory=dict, hash=False)
    reach: str = "ish"


class LanguageError(Exception):
    """A test is not written in the language above."""


OPERANDS = {
    "R": 2, "W": 2, "SWP": 3, "DMB": 0, "DSB": 0, "ISB": 0, "ERET": 0, "SVC": 0, "WFI": 0,
    "TLBI": None, "DC": 1, "IC": 0, "MSR": 2, "USE": 2, "RS": 2, "UR": 2, "UW": 3, "WALK": 2,
    "IF": 2, "DR": 2, "DW": 2, "CR": 2,
}
FLAGS = frozenset({"acq", "pc", "rel", "ex"})


def parse_instruction(text: str) -> Instruction:
    """`R x r acq addr:s @a` as an instruction."""
    words = text.split()
    name, _, option = words[0].partition(".")
    if name not in OPERANDS:
        raise LanguageError(f"no instruction {text!r}")
    operands: list[str] = []
    flags: set[str] = set()
    depends: list[tuple[str, str]] = []
    label = ""
    for word in words[1:]:
        kind, colon, register = word.partition(":")
        if colon and kind in ("addr", "data", "ctrl"):
            depends.append((kind, register))
        elif word.startswith("@"):
            label = word[1:]
        elif word in FLAGS and len(operands) >= (OPERANDS[name] or 0):
            flags.add(word)
        else:
            operands.append(word)
    wanted = OPERANDS[name]
    if wanted is not None and len(operands) != wanted:
        raise LanguageError(f"{text!r} has {len(operands)} operands, not {wanted}")
    return Instruction(
        name, option.lower(), tuple(operands), frozenset(flags), tuple(depends), label
    )


def parse_thread(text: str, number: int) -> tuple[int, tuple[Instruction, ...]]:
    """The core and the instructions of a thread."""
    core = number
    match = re.match(r"\s*core (\d+):(.*)", text, re.DOTALL)
    if match:
        core, text = int(match[1]), match[2]
    return core, tuple(parse_instruction(part) for part in text.split(";") if part.strip())


def parse_outcome(text: str) -> Outcome:
    """`0.r=1 x=2 not(a<b)` as an outcome."""
    registers, memory, unordered = [], [], []
    for word in text.split():
        order = re.fullmatch(r"not\((\w+)<(\w+)\)", word)
        if order:
            unordered.append((order[1], order[2]))
            continue
        place, equals, value = word.partition("=")
        if not equals:
            raise LanguageError(f"no outcome {word!r}")
        (registers if "." in place else memory).append((place, value))
    return Outcome(tuple(registers), tuple(memory), tuple(unordered))


def parse_test(
    name: str, threads: list[str], outcome: str, initial: str = "", reach: str = "ish"
) -> Test:
    """A test from its texts; `initial` is `x=1 p=a`, everything else is 0."""
    parsed = [parse_thread(text, number) for number, text in enumerate(threads)]
    pairs = dict(word.split("=", 1) for word in initial.split())
    return Test(
        name,
        tuple(instructions for _, instructions in parsed),
        tuple(core for core, _ in parsed),
        parse_outcome(outcome),
        pairs,
        reach,
    )
