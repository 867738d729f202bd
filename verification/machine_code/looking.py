"""Which fields a rule looks at: it is kept by whatever writes none of them.

A write of a field changes no other field of any object: each is in bounds of an object of its kind, as
the obligations about places say, and a frame holds objects of one kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import z3

from .claim import Place
from .invariants import Rule
from .kernel_state import KernelState, Slot
from .layout import Layout
from .memory import Memory

# What a rule looks at that reads memory by itself: everything.
ANYTHING = "anything"


@dataclass(frozen=True)
class _Watched(KernelState):
    """A state that notes which fields are read."""

    seen: set[str] = field(default_factory=set)

    def field(self, number: z3.BitVecRef, name: str, index: int = 0) -> z3.BitVecRef:
        self.seen.add(name)
        return self._plain().field(number, name, index)

    def entry(self, frame: z3.BitVecRef, name: str) -> z3.BitVecRef:
        self.seen.add(f"entry {name}")
        return self._plain().entry(frame, name)

    def element(
        self, number: z3.BitVecRef, name: str, index: z3.BitVecRef, limit: int
    ) -> z3.BitVecRef:
        self.seen.add(name)
        return self._plain().element(number, name, index, limit)

    def slot(self, chunk: z3.BitVecRef, index: z3.BitVecRef) -> Slot:
        self.seen.add("slot")
        return self._plain().slot(chunk, index)

    def is_frame(self, frame: z3.BitVecRef, kind: str) -> z3.BoolRef:
        self.seen.add("kind")
        return self._plain().is_frame(frame, kind)

    def _plain(self) -> KernelState:
        return KernelState(self.layout, Memory.symbolic("initial_"), self.described)


class _Unwatched:
    """Memory that is read past the state."""

    def __init__(self, seen: set[str]) -> None:
        self._seen = seen

    def __getattr__(self, name: str):
        self._seen.add(ANYTHING)
        return getattr(Memory.symbolic("initial_"), name)


def fields_of(rule: Rule, layout: Layout) -> set[str]:
    """The fields that a rule looks at, as places are named."""
    seen: set[str] = set()
    rule.holds(_Watched(layout, _Unwatched(seen), seen=seen))
    return seen


def looked_at(rules: Iterable[Rule], places: Iterable[Place], layout: Layout) -> list[Rule]:
    """Those rules that look at a field of a place that is written."""
    written = {written_name(place.name) for place in places if place.is_write}
    written.add(ANYTHING)
    return [rule for rule in rules if fields_of(rule, layout) & written]


def written_name(place: str) -> str:
    """What a written place is to a rule."""
    return place.split(",")[0]
