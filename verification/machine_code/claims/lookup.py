"""The lookups that system calls share; each stands in for its function elsewhere."""

from __future__ import annotations

import z3

from ..call import Call, Word, word
from ..contracts import Contract
from .create import check_place
from .number import first_number
from .region import are_free
from .send import find_send_gate


def find_raw(it: Call, handle: Word, kind: Word, rights: Word) -> None:
    """The second word of a live capability of this kind with these rights, or an error."""
    it.failure = lambda error: {"x0": word(1), "x1": error}
    slot = it.capability(it.current(), handle)
    it.check(slot, kind, rights)
    it.end("found", z3.BoolVal(True), {"x0": word(0), "x1": slot.word})


def capability_seldom(it: Call, handle: Word) -> None:
    """The capability that a handle names, or an error."""
    it.failure = lambda error: {"*0": word(1), "*8": error}
    slot = it.capability(it.current(), handle)
    it.end("found", z3.BoolVal(True), {"*0": word(0), "*8": slot.id, "*16": slot.word})


def find_slot(it: Call, place: Word, rights: Word) -> None:
    """Chunk and index of the slot that a place names, or an error."""
    it.failure = lambda error: {"*0": word(1), "*8": error}
    chunk, index, _ = it.find_place(place, rights)
    it.end("found", z3.BoolVal(True), {"*0": word(0), "*8": chunk, "*16": index})


def find_empty_slot(it: Call, place: Word) -> None:
    """The same, of an empty slot in a table with the right to write it, or an error."""
    it.failure = lambda error: {"*0": word(1), "*8": error}
    chunk, index, slot = it.find_place(place, it.rights("WRITE"))
    it.look_at(slot)
    it.refuse("SlotOccupied", slot.word != 0)
    it.end("found", z3.BoolVal(True), {"*0": word(0), "*8": chunk, "*16": index})


def find_place(
    it: Call, handle: Word, place: Word, destination: Word, kind: Word, units: Word
) -> None:
    """A free place for an object of a kind, and an empty slot for its capability, or an error."""
    it.failure = lambda error: {"*0": word(1), "*8": error}
    # Objects have at most as many units as a frame.
    sizes = [item.units for name, item in it.layout.objects.items() if name in it.layout.kinds]
    it.assume(z3.Or(*(units == size for size in sorted(set(sizes)))))
    region = it.find(handle, "Region", "WRITE")
    check_place(it, region, place, kind, units)
    with it.elsewhere():
        chunk, index, slot = it.find_place(destination, it.rights("WRITE"))
    it.refuse("SlotOccupied", slot.word != 0)
    found = {"*0": word(0), "*8": chunk, "*16": index, "*24": it.link(region), "*32": place}
    it.end("found", z3.BoolVal(True), {**found, "*40": kind})


CONTRACTS = (
    Contract("find_raw", find_raw, (64, 8, 8)),
    Contract("capability_seldom", capability_seldom, (64,), has_out=True),
    Contract("find_slot", find_slot, (64, 8), has_out=True),
    Contract("find_empty_slot", find_empty_slot, (64,), has_out=True),
    Contract("find_place", find_place, (64, 64, 64, 8, 64), has_out=True),
    Contract("find_send_gate", find_send_gate, (64, 64)),
    Contract("first_number", first_number, (64, 64, 64, 1), is_named=True),
    Contract("are_free", are_free, (64, 64), rounds=63),
)
