"""The proof of the contract of `frame::zero`: it zeroes one frame, and writes nothing else.

Its loops depend on what the processor says of `dc zva` (Arm ARM, `DCZID_EL0`), so it is executed
once for each thing that a processor can say.
"""

from __future__ import annotations

import z3

from .contracts import ZERO
from .execute import Executor, Rules, Run
from .image import Image, ImageError
from .kernel_state import direct
from .memory import FRAME_BITS, FRAME_SHIFT, UNIT_WORDS, UNITS_PER_FRAME_BITS
from .words import low_bits

FRAME_BYTES = 1 << FRAME_SHIFT
# `DZP`: `dc zva` is prohibited. Else the block has 4 bytes times 2 to the power of `BS`.
PROHIBITED = 1 << 4
BLOCK_SIZES = range(10)
RULES = Rules(private=(), decides=True, maintenance=frozenset({"zva"}))


def check(image: Image) -> tuple[int, list[str]]:
    """How many kinds of processor it was proved for, and what failed."""
    found = [f for f in image.functions if f.name.endswith(ZERO)]
    if len(found) != 1:
        raise ImageError(f"one function to zero a frame expected, found {len(found)}")
    failures, count = [], 0
    for register in (PROHIBITED, *BLOCK_SIZES):
        frame = z3.BitVec("frame", FRAME_BITS)
        arguments = {
            "x0": direct(z3.Concat(frame, z3.BitVecVal(0, FRAME_SHIFT))),
            "x1": z3.BitVecVal(FRAME_BYTES, 64),
            "dczid_el0": z3.BitVecVal(register, 64),
        }
        run = Executor(image, (), RULES).run(found[0], arguments)
        failure = _failure(run, frame, 4 << register)
        failures += [f"DCZID_EL0 = {register:#x}: {failure}"] if failure else []
        count += failure is None
    return count, failures


def _failure(run: Run, frame: z3.BitVecRef, block: int) -> str | None:
    if run.end is None or run.end.guard or run.panics:
        return "does not always return"
    zeroed: set[int] = set()
    for update in run.end.memory.updates:
        unit = _offset(update.index, frame, UNITS_PER_FRAME_BITS)
        if unit is None or update.guard is not None or not _is_zero(update.value):
            return "stores something else"
        zeroed.add(unit * UNIT_WORDS + update.array)
    for effect in run.effects:
        if effect.instruction.text.split(",")[0] != "dc zva" or effect.operand is None:
            return f"`{effect.instruction.text}`"
        offset = _offset(z3.simplify(z3.Extract(45, 0, effect.operand)), frame, FRAME_SHIFT)
        if offset is None or effect.guard:
            return "zeroes something else"
        first = offset // block * block // 8
        zeroed |= set(range(first, first + block // 8))
    return None if zeroed == set(range(FRAME_BYTES // 8)) else "does not zero all of it"


def _offset(place: z3.BitVecRef, frame: z3.BitVecRef, bits: int) -> int | None:
    """The offset of a place in the frame; `None` if that is not where it is."""
    solver = z3.SolverFor("QF_BV")
    solver.add(z3.Extract(bits + FRAME_BITS - 1, bits, place) != frame)
    low = low_bits(place, bits)
    return low.as_long() if z3.is_bv_value(low) and solver.check() == z3.unsat else None


def _is_zero(value: z3.BitVecRef) -> bool:
    return z3.is_bv_value(value) and value.as_long() == 0
