"""The proof of what is taken for granted of `copy_message`: it copies between two frames, and writes
nothing else.

Its code is a loop over blocks, and what is left, of less than a block. From its start it comes to the
head of the loop with both frames and the length. From there, at any block of the frames, it copies one
and is there again if a block is left; if less is left, it copies that, for each length that this can
have, and returns. So it does for each length up to a frame, block by block.
"""

from __future__ import annotations

import z3

from .execute import Executor, Rules, Run
from .image import INSTRUCTION_BYTES, Function, Image
from .kernel_state import KernelState, direct
from .lift import Lifter
from .memory import FRAME_BITS, FRAME_SHIFT, OBJECTS, UNIT_BITS, UNIT_WORDS, WORD_BYTES, Memory
from .procedure import Procedure
from .state import State
from .telling import Word
from .walk import Walk
from .words import low_bits

FRAME_BYTES = 1 << FRAME_SHIFT
BLOCK_SHIFT = 7
BLOCK_BYTES = 1 << BLOCK_SHIFT
# The registers of the loop: where it reads and writes, and how much is left.
SOURCE, TARGET, LEFT = "x8", "x9", "x2"
# What no code of the function changes.
KEPT = ("xsp", "x30", *(f"x{i}" for i in range(19, 30)))

_FRAMES = tuple(z3.BitVec(f"frame_{name}", FRAME_BITS) for name in ("from", "to"))
_BLOCK = z3.BitVec("block", FRAME_SHIFT - BLOCK_SHIFT)
_LENGTH = z3.BitVec("length", 64)


def _of_frames(state: KernelState, source: Word, target: Word, length: Word) -> list[z3.BoolRef]:
    """Both are user frames, and of no more than a frame is copied."""
    frames = [z3.Extract(FRAME_BITS - 1, 0, frame) for frame in (source, target)]
    return [
        *(z3.ULT(frame, 1 << FRAME_BITS) for frame in (source, target)),
        *(state.is_frame(frame, "User") for frame in frames),
        z3.ULE(length, FRAME_BYTES),
    ]


def _untold(_it: Walk, *_arguments: Word) -> None:
    raise NotImplementedError("proved by `check`")


# What it writes is the content of a user frame, which is no field of an object.
COPY_MESSAGE = Procedure("copy_message", _untold, 3, frozenset({"Frame"}), _of_frames)


def check(image: Image) -> tuple[int, list[str]]:
    """For how many lengths it was proved, and what failed."""
    function = image.function(COPY_MESSAGE.function)
    head = _head(image, function)
    if head is None:
        return 0, ["it does not begin with a branch to a loop"]
    failure = _begins(image, function, head) or _copies_block(image, head)
    if failure:
        return 0, [failure]
    failures, count = [], 0
    for rest in range(BLOCK_BYTES):
        failure = _copies_rest(image, head, rest)
        failures += [f"{rest} bytes behind blocks: {failure}"] if failure else []
        lengths = len(range(rest, FRAME_BYTES + 1, BLOCK_BYTES))
        count += 0 if failure else lengths
    return count, failures


def _head(image: Image, function: Function) -> Function | None:
    """The head of the loop: where the first branch leads, as if a function began there."""
    lifter = Lifter(image)
    for address in range(function.address, function.address + function.size, INSTRUCTION_BYTES):
        block = lifter.instruction(address).block
        if lifter.instruction(address).mnemonic == "b" and block is not None:
            target = block.next.con.value
            return Function(function.name, target, function.address + function.size - target)
    return None


def _place(frame: z3.BitVecRef, block: z3.BitVecRef) -> z3.BitVecRef:
    """Where a block of a frame begins."""
    return direct(z3.Concat(frame, block, z3.BitVecVal(0, BLOCK_SHIFT)))


def _run(
    image: Image, function: Function, arguments: dict[str, Word], known: z3.BoolRef, stop: int
) -> Run:
    rules = Rules(private=(), decides=True, stops=frozenset({stop}))
    return Executor(image, (known,), rules).run(function, arguments)


def _begins(image: Image, function: Function, head: Function) -> str | None:
    """It comes to the head of the loop with what it was given."""
    frames = [z3.ZeroExt(64 - FRAME_BITS, frame) for frame in _FRAMES]
    arguments = {"x0": frames[0], "x1": frames[1], "x2": _LENGTH}
    run = _run(image, function, arguments, z3.BoolVal(True), head.address)
    state = run.stops.get(head.address)
    if state is None or _is_unusual(run, state) or state.memory.updates:
        return "does something before its loop"
    places = (_place(frame, z3.BitVecVal(0, _BLOCK.size())) for frame in _FRAMES)
    wanted = dict(zip((SOURCE, TARGET), places)) | {LEFT: _LENGTH}
    return None if _holds(_has(state, wanted)) else "its loop begins elsewhere"


def _copies_block(image: Image, head: Function) -> str | None:
    """If a block is left, it copies one, and comes back with the next."""
    places = [_place(frame, _BLOCK) for frame in _FRAMES]
    arguments = {SOURCE: places[0], TARGET: places[1], LEFT: _LENGTH}
    known = z3.And(z3.UGE(_LENGTH, BLOCK_BYTES), z3.ULE(_LENGTH, FRAME_BYTES))
    run = _run(image, head, arguments, known, head.address)
    state = run.stops.get(head.address)
    if state is None or _is_unusual(run, state):
        return "does not come back for the next block"
    following = {name: place + BLOCK_BYTES for name, place in zip((SOURCE, TARGET), places)}
    wanted = following | {LEFT: _LENGTH - BLOCK_BYTES}
    if not _holds(_has(state, wanted)):
        return "the next block is elsewhere"
    failure = _copies(run, state, BLOCK_BYTES)
    return f"a block: {failure}" if failure else None


def _copies_rest(image: Image, head: Function, rest: int) -> str | None:
    """If less than a block is left, it copies that and returns."""
    places = [_place(frame, _BLOCK) for frame in _FRAMES]
    if rest == 0:
        # Behind the last block there is no other.
        places = [z3.BitVec(name, 64) for name in ("any_from", "any_to")]
    arguments = {SOURCE: places[0], TARGET: places[1], LEFT: z3.BitVecVal(rest, 64)}
    run = _run(image, head, arguments, z3.BoolVal(True), head.address)
    if run.end is None or run.stops or _is_unusual(run, run.end):
        return "does not always return"
    return _copies(run, run.end, rest)


def _is_unusual(run: Run, state: State) -> bool:
    """Whether it may end otherwise, has effects, or leaves a register that it should keep."""
    if state.guard or run.panics or run.effects or len(run.ends) + len(run.stops) != 1:
        return True
    return any(not state.register(name).eq(run.start.register(name)) for name in KEPT)


def _has(state: State, wanted: dict[str, Word]) -> z3.BoolRef:
    return z3.And(*(state.register(name) == value for name, value in wanted.items()))


def _holds(goal: z3.BoolRef) -> bool:
    solver = z3.SolverFor("QF_AUFBV")
    solver.add(z3.Not(goal))
    return solver.check() == z3.unsat


def _copies(run: Run, state: State, count: int) -> str | None:
    """What is wrong if so many bytes of a block, and no others, are not what they were in the other."""
    written: set[int] = set()
    for access in run.accesses:
        frame = _FRAMES[int(access.is_write)]
        low = low_bits(access.address, BLOCK_SHIFT)
        if access.guard or access.window is not OBJECTS or not z3.is_bv_value(low):
            return "reads or writes somewhere"
        offset = low.as_long()
        if not _holds(access.address == _place(frame, _BLOCK) + offset):
            return "reads or writes elsewhere"
        if offset + access.size > count:
            return "reads or writes too much"
        if access.is_write:
            written |= set(range(offset, offset + access.size))
    if written != set(range(count)):
        return "does not write all of it"
    wanted = [_copied(state.memory, run.start.memory, at, count) for at in range(0, count, WORD_BYTES)]
    return None if _holds(z3.And(*wanted)) else "writes something else"


def _copied(after: Memory, before: Memory, offset: int, count: int) -> z3.BoolRef:
    """A word of a block holds what it held in the other frame, and behind the end what it held."""
    array = offset // WORD_BYTES % UNIT_WORDS
    bits = BLOCK_SHIFT - UNIT_BITS
    source, target = (
        z3.Concat(frame, _BLOCK, z3.BitVecVal(offset >> UNIT_BITS, bits)) for frame in _FRAMES
    )
    mask = (1 << 8 * min(WORD_BYTES, count - offset)) - 1
    old, new = before.row(array, target), before.row(array, source)
    return after.row(array, target) == (new & mask) | (old & ~z3.BitVecVal(mask, 64))
