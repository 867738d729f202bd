"""The invariants that the proofs assume, held against states that the kernel reaches.

The states come from the kernel's own code on the host (`cargo run -p pecan-core --example states`).
What is evaluated are the very terms that the proofs assume, with numbers for symbols.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import z3

from .concrete import ConcreteState
from .kernel_state import KernelState
from .layout import Layout
from .memory import FRAME_BITS, NUMBER_BITS, Memory

UNITS_PER_FRAME = 1 << (NUMBER_BITS - FRAME_BITS)
SLOTS_PER_CHUNK = 256

Instance = tuple[str, z3.BoolRef]


class Snapshot:
    """One state that the kernel reached."""

    def __init__(self, layout: Layout, raw: dict) -> None:
        kinds = dict(raw["kinds"])
        words = {(unit, word): value for unit, word, value in raw["words"]}
        self.layout = layout
        self.concrete = ConcreteState(words, kinds, described=frozenset(kinds))
        symbolic = KernelState.symbolic(layout, Memory.symbolic("initial_"))
        self.state = replace(
            symbolic,
            null_slots=_number(raw["null_slots"]),
            null_endpoint=_number(raw["null_endpoint"]),
        )
        self.null_slots: int = raw["null_slots"]

    def violations(self) -> tuple[int, list[str]]:
        """How many instances of invariants were evaluated, and which do not hold."""
        instances = list(self._instances())
        values = self.concrete.evaluate([term for _, term in instances])
        bad = [name for (name, _), value in zip(instances, values, strict=True) if not value]
        return len(instances), bad

    def _instances(self) -> Iterator[Instance]:
        state = self.state
        yield from _named("the stand-ins", state.stand_ins_are_sound())
        for thread in self._objects("Thread"):
            yield from _named(f"thread {thread:#x}", state.thread_is_sound(_number(thread)))
        for table in self._objects("CapTable"):
            for chunk in range(self.layout.constants["CHUNKS_MAX"]):
                name = f"chunk {chunk} of table {table:#x}"
                at = z3.BitVecVal(chunk, 64)
                yield from _named(name, state.table_is_sound(_number(table), at))
        for chunk in [*self._objects("Slots"), self.null_slots]:
            for index in range(SLOTS_PER_CHUNK):
                slot = state.slot(_number(chunk), z3.BitVecVal(index, 8))
                yield from _named(f"slot {index} of {chunk:#x}", state.slot_is_sound(slot))
        for gate in self._objects("Gate"):
            yield from _named(f"gate {gate:#x}", state.gate_is_sound(_number(gate)))

    def _objects(self, name: str) -> Iterator[int]:
        """The places of a kind that are not all zero."""
        item, words = self.layout.objects[name], self.concrete.words
        used = {unit for unit, _ in words}
        for frame, kind in self.concrete.kinds.items():
            if kind != self.layout.frame_kinds[name]:
                continue
            first = frame * UNITS_PER_FRAME
            for number in range(first, first + UNITS_PER_FRAME, item.units):
                if used.intersection(range(number, number + item.units)):
                    yield number


def check(path: Path, layout: Layout) -> list[tuple[int, list[str]]]:
    """Counts instances and names violations in each state that the kernel printed, one a line."""
    states = [(layout, json.loads(line)) for line in path.read_text().splitlines()]
    with multiprocessing.Pool() as pool:
        return pool.starmap(_check_state, states, chunksize=1)


def check_broken(path: Path, layout: Layout) -> dict[str, int]:
    """Spoils the first state in several ways, one at a time: how many rules notice each."""
    raw = json.loads(path.read_text().splitlines()[0])
    with multiprocessing.Pool() as pool:
        tasks = [(layout, raw, spoiling) for spoiling in SPOILINGS]
        return dict(zip(SPOILINGS, pool.starmap(_check_spoiled, tasks, chunksize=1), strict=True))


def _check_state(layout: Layout, raw: dict) -> tuple[int, list[str]]:
    return Snapshot(layout, raw).violations()


def _check_spoiled(layout: Layout, raw: dict, spoiling: str) -> int:
    snapshot = Snapshot(layout, raw)
    SPOILINGS[spoiling](snapshot)
    _, bad = snapshot.violations()
    return len(bad)


def _spoil_field(name: str, value: int) -> Callable[[Snapshot], None]:
    owner = name.split(".")[0]
    return lambda s: s.concrete.set_field(next(s._objects(owner)), s.layout.word(name), value)


def _spoil_slot(snapshot: Snapshot) -> None:
    """A capability of a kind that does not exist."""
    words, chunks = snapshot.concrete.words, set(snapshot._objects("Slots"))
    place = next(
        (unit, word)
        for unit, word in words
        if unit // UNITS_PER_FRAME * UNITS_PER_FRAME in chunks and word % 2 == 1
    )
    words[place] |= 0xE0 << 48


# Ways to break an invariant. A free frame's number is that of nothing.
SPOILINGS: dict[str, Callable[[Snapshot], None]] = {
    "a thread whose slots are nowhere": _spoil_field("Thread.SLOTS", 0x1_0000),
    "a thread with a wide mask": _spoil_field("Thread.MASK", 511),
    "a thread whose table is nowhere": _spoil_field("Thread.TABLE", 0x1_0000),
    "a table with too many chunks": _spoil_field("CapTable.CHUNKS", 65),
    "a table without its first chunk": _spoil_field("CapTable.CHUNK", 0),
    "a gate without an endpoint": _spoil_field("Gate.ENDPOINT", 0),
    "a slot with an unknown kind": _spoil_slot,
}


def _named(name: str, terms: list[z3.BoolRef]) -> Iterator[Instance]:
    for index, term in enumerate(terms):
        yield f"{name}, rule {index}", term


def _number(value: int) -> z3.BitVecRef:
    return z3.BitVecVal(value, NUMBER_BITS)
