"""Regions."""

from __future__ import annotations

import z3

from ..call import Call, Word, word


def region_inspect(it: Call, handle: Word) -> None:
    """The first frame, and how many frames are its own (30 bits)."""
    region = it.find(handle, "Region", "READ")
    left = region["LIMIT"] - region["BASE"]
    most = word((1 << 30) - 1)
    it.done(region["BASE"] | z3.If(z3.ULT(left, most), left, most) << 34)


def region_merge(it: Call, handle: Word, frames: Word) -> None:
    """Takes free frames above its own part back."""
    region = it.find(handle, "Region", "WRITE")
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


CALLS = (region_inspect,)
# Told, and not yet proved.
DRAFTS = (region_merge,)
