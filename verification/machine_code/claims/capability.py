"""Capabilities and the slots that hold them."""

from __future__ import annotations

import z3

from ..call import Call, Word, word

EXISTS = 1 << 16


def capability_copy(it: Call, handle: Word, destination: Word, rights: Word) -> None:
    """The same capability in an empty slot, with at most these rights."""
    with it.elsewhere():
        slot = it.capability(it.current(), handle)
    it.refuse("Stale", z3.Not(it.is_live(slot, slot.kind())))
    empty = it.find_empty_slot(destination)
    kept = slot.rights() & z3.Extract(7, 0, rights)
    it.fill(empty, slot.id, z3.Concat(kept, z3.Extract(55, 0, slot.word)))
    it.done()


def capability_delete(it: Call, place: Word) -> None:
    """Empties a slot."""
    slot = it.find_slot(place, "WRITE")
    it.look_at(slot)
    it.refuse("BadHandle", slot.word == 0)
    it.fill(slot, word(0), word(0))
    it.done()


def capability_inspect(it: Call, place: Word) -> None:
    """Kind, rights, and whether the object exists."""
    slot = it.find_slot(place, "READ")
    it.look_at(slot)
    is_empty = slot.word == 0
    it.done(0, is_empty)
    exists = z3.If(it.is_live(slot, slot.kind()), word(EXISTS), word(0))
    it.done(exists | z3.ZeroExt(48, z3.Concat(slot.rights(), slot.kind())))


CALLS = (capability_copy, capability_delete, capability_inspect)
