"""Regions."""

from __future__ import annotations

import z3

from .. import invariants
from ..call import Call, Object, Word, word
from ..claim import Case
from ..kernel_state import CORE, MACHINE, frame_of
from .create import HOLDER, fill


def region_inspect(it: Call, handle: Word) -> None:
    """The first frame, and how many frames are its own (30 bits)."""
    region = it.find(handle, "Region", "READ")
    left = region["LIMIT"] - region["BASE"]
    most = word((1 << 30) - 1)
    it.done(region["BASE"] | z3.If(z3.ULT(left, most), left, most) << 34)


def _has_neighbours(it: Call, region: Object) -> None:
    """What a region has to do with any other, and with any frame."""
    state, number = it.before, region.number
    it.assume(*invariants.region_is_sound(state, number, invariants.ANY_FRAME))
    it.assume(*invariants.region_top_is_sound(state, number, invariants.ANY_FRAME))
    it.assume(*invariants.region_place_is_sound(state, number))
    for other in (invariants.ANY_OBJECT, invariants.ANY_OBJECT_TOO):
        it.assume(*invariants.regions_are_apart(state, number, other))


def region_merge(it: Call, handle: Word, frames: Word) -> None:
    """Takes free frames above its own part back."""
    it.rules = invariants.REGIONS
    region = it.find(handle, "Region", "WRITE")
    _has_neighbours(it, region)
    most = it.layout.constants["MERGE_FRAMES"]
    limit = region["LIMIT"]
    lacking = region["BASE"] + region["FRAMES"] - limit
    it.refuse("OutOfRange", z3.Or(frames == 0, z3.UGT(frames, lacking), z3.UGT(frames, most)))
    used = []
    for index in range(most):
        frame = it.region_frame(region, limit + index)
        with it.when(z3.ULT(index, frames)):
            used.append(z3.And(z3.ULT(index, frames), z3.Not(frame.is_kind("Free"))))
    it.refuse("NotFree", z3.Or(*used))
    region["LIMIT"] = limit + frames
    it.done()


def _is_apart(it: Call, parent: Object, first: Word, cases: list[Case]) -> None:
    """The first frame of the new region is free: seen, or above the mark; so not the kernel's."""
    free = it.before.memory.kind(first) == it.layout.frame_kinds["Free"]
    it.conclude("the first frame is free", z3.Implies(it.here(), free), cases)
    for name, own in (("core", CORE), ("machine", MACHINE)):
        apart = z3.And(parent.number != own, frame_of(own) != first)
        it.conclude(f"apart from the {name}", z3.Implies(it.here(), apart))


def region_split(it: Call, handle: Word, frames: Word, destination: Word) -> None:
    """A new region of the last frames of one, all free; `Again` after some that were looked at."""
    it.rules = invariants.REGIONS
    parent = it.find(handle, "Region", "WRITE")
    _has_neighbours(it, parent)
    it.refuse("OutOfRange", parent["DEVICE"] != 0)
    it.refuse("OutOfRange", frames == 0)
    limit = parent["LIMIT"]
    it.refuse("OutOfRange", z3.UGE(frames, limit - parent["BASE"]))
    slot = it.find_empty_slot(destination)
    first = limit - frames
    high, steps = parent["HIGH"], it.layout.constants["SPLIT_STEPS"]
    is_used, is_left = z3.UGT(high, first), z3.BoolVal(True)
    it.assume(*invariants.region_top_is_sound(it.before, parent.number, it.frame(first).number))
    with it.when(is_used):
        used = []
        for at in range(steps):
            # Once the mark is at the first of them, none is left.
            is_left = z3.And(is_left, limit - high - frames + at != 0)
            frame = it.new_frame(parent, high - (at + 1))
            with it.when(is_left):
                used.append(z3.And(is_left, z3.Not(frame.is_kind("Free"))))
        it.refuse("NotFree", z3.Or(*used))
        is_more = z3.And(is_left, high - steps != first)
        with it.when(is_more):
            parent["HIGH"] = high - steps
        it.refuse("Again", is_more)
        parent["HIGH"] = first
    cases = [
        Case(limit - high - frames + at == 0, limit, high + frames - at)
        for at in range(1, steps + 1)
    ]
    _is_apart(it, parent, it.frame(first).number, cases)
    parent["LIMIT"] = first
    frame = it.new_frame(parent, first)
    frame.set_kind("Region")
    frame.zero()
    frame["ID"] = 1
    child = it.new_object("Region", frame)
    identity = it.new_id()
    child["ID"] = identity
    end = first + frames
    fields = (("BASE", first), ("FRAMES", frames), ("LIMIT", end), ("HIGH", first + 1))
    for field, value in fields:
        child[field] = value
    fill(it, slot, identity, child.number, ("Region", HOLDER))
    it.done()


CALLS = (region_inspect, region_merge)
# Told, and not yet proved.
DRAFTS = (region_split,)
