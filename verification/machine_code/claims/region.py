"""Regions."""

from __future__ import annotations

import z3

from .. import invariants
from ..call import Call, Object, Word, word
from ..claim import Case
from ..kernel_state import CORE, MACHINE, frame_of
from ..memory import FRAME_BITS
from ..telling import Frame
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


def _are_free(frames: list[Frame], count: Word) -> z3.BoolRef:
    """Whether the first frames of some are free, so many."""
    used = []
    for at, frame in enumerate(frames):
        with frame.call.when(z3.ULT(at, count)):
            used.append(z3.And(z3.ULT(at, count), z3.Not(frame.is_kind("Free"))))
    return z3.Not(z3.Or(*used))


def _are_described(it: Call, first: Word, count: Word, frame: Word) -> list[z3.BoolRef]:
    """Of so many frames from one on: there are such numbers, and the frame table describes any."""
    is_one = z3.ULT(z3.ZeroExt(64 - FRAME_BITS, frame) - first, count)
    most = 1 << FRAME_BITS
    within = z3.And(z3.ULE(first, most), z3.ULE(first + count, most))
    return [within, z3.Implies(is_one, it.before.is_described(frame))]


def are_free(it: Call, first: Word, count: Word) -> None:
    """Whether so many frames from one on, which the frame table describes, are free."""
    most = it.layout.constants["FREE_STEPS"]
    frames = [it.frame(first + at) for at in range(most)]
    it.require(z3.ULE(count, most), *_are_described(it, first, count, invariants.ANY_FRAME))
    for frame in frames:
        it.assume(*_are_described(it, first, count, frame.number))
    it.end("known", z3.BoolVal(True), {"x0": z3.If(_are_free(frames, count), word(1), word(0))})


def _all_free(it: Call, region: Object, first: Word, count: Word) -> z3.BoolRef:
    """The same of frames that a region covers, told where that function is called."""
    most = it.layout.constants["FREE_STEPS"]
    with it.elsewhere():
        return _are_free([it.region_frame(region, first + at) for at in range(most)], count)


def region_merge(it: Call, handle: Word, frames: Word) -> None:
    """Takes free frames above its own part back."""
    it.rules = invariants.REGIONS
    region = it.find(handle, "Region", "WRITE")
    _has_neighbours(it, region)
    most = it.layout.constants["FREE_STEPS"]
    limit = region["LIMIT"]
    lacking = region["BASE"] + region["FRAMES"] - limit
    it.refuse("OutOfRange", z3.Or(frames == 0, z3.UGT(frames, lacking), z3.UGT(frames, most)))
    it.refuse("NotFree", z3.Not(_all_free(it, region, limit, frames)))
    region["LIMIT"] = limit + frames
    it.done()


def _any_is_free(it: Call, first: Word, count: Word) -> None:
    """Of frames that were seen to be free, whichever is one."""
    frame, most = invariants.ANY_FRAME, it.layout.constants["FREE_STEPS"]
    number = z3.ZeroExt(64 - FRAME_BITS, frame)
    free = it.before.memory.kind(frame) == it.layout.frame_kinds["Free"]
    goal = z3.Implies(z3.And(it.here(), z3.ULT(number - first, count)), free)
    places = [first + at for at in range(most)]
    cases = [Case(number == at, frame, z3.Extract(FRAME_BITS - 1, 0, at)) for at in places]
    it.conclude("any of these is free", goal, cases)


def _lower_mark(it: Call, parent: Object, first: Word) -> None:
    """All frames of a region from one on are free; or an error."""
    high, most = parent["HIGH"], it.layout.constants["FREE_STEPS"]
    with it.when(z3.UGT(high, first)):
        steps = z3.If(z3.ULT(high - first, most), high - first, word(most))
        lower = high - steps
        it.refuse("NotFree", z3.Not(_all_free(it, parent, lower, steps)))
        _any_is_free(it, lower, steps)
        parent["HIGH"] = lower
        it.refuse("Again", lower != first)


def _is_apart(it: Call, parent: Object, first: Word) -> None:
    """The first frame of the new region is free: seen, or above the mark; so not the kernel's."""
    free = it.before.memory.kind(first) == it.layout.frame_kinds["Free"]
    it.conclude("the first frame is free", z3.Implies(it.here(), free))
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
    it.assume(*invariants.region_top_is_sound(it.before, parent.number, it.frame(first).number))
    _lower_mark(it, parent, first)
    _is_apart(it, parent, it.frame(first).number)
    parent["LIMIT"] = first
    frame = it.new_frame(parent, first)
    frame.set_kind("Region")
    frame.zero()
    frame["ID"] = 1
    child = it.new_object("Region", frame)
    child["ID"] = it.new_id()
    end = first + frames
    fields = (("BASE", first), ("FRAMES", frames), ("LIMIT", end), ("HIGH", first + 1))
    for field, value in fields:
        child[field] = value
    fill(it, slot, child["ID"], child.number, ("Region", HOLDER))
    it.done()


CALLS = (region_inspect, region_merge, region_split)
