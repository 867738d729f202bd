"""User frames that are taken apart: mapping by mapping, until they are free or in quarantine."""

from __future__ import annotations

import z3

from .. import belonging, tables
from ..belonging import OWNER_SHIFT
from ..kernel_state import KernelState, frame_of
from ..procedure import Procedure
from ..telling import Frame, Object, Word, word
from ..walk import Walk
from .destroy import RESETS_OF
from .page_table import PAGE_BITS, SPACE_BITS, clear_first, widened
from .spaces import FREE_TAILS
from .teardown import DROP_RECORD, free_whole
from .unmap import UNMAP_FROM

PAGE_SHIFT = 12
# What is assumed of a frame that goes.
FACTS = (
    tables.user_frame_is_sound,
    belonging.owner_is_thread,
    belonging.first_mapping_is_sound,
    belonging.first_record_is_used,
    belonging.given_to_device,
)


def _release_buffer(it: Walk, owner: Word) -> None:
    """A thread has no message buffer any more."""
    thread = it.thing("Thread", owner)
    buffer = it.buffer(thread)
    with it.when(thread["BUFFER"] != 0):
        thread["BUFFER"] = 0
        buffer["ADDRESS"] = buffer["ADDRESS"] & PAGE_BITS


def _unmap_first(it: Walk, frame: Frame, first: Word) -> None:
    """The first mapping goes, or what the frame knows of it."""
    address = (frame["ADDRESS"] & PAGE_BITS) << PAGE_SHIFT
    found = it.do(UNMAP_FROM, first, address)
    it.stays(frame.number)
    if it.holds(found == 0):
        clear_first(frame)


def _unmap_other(it: Walk, frame: Frame, record: Object) -> None:
    """Another mapping goes, or its record."""
    it.assume(*tables.record_is_sound(it.before, record.number))
    found = it.do(UNMAP_FROM, record["SPACE"], record["ADDRESS"])
    it.stays(frame.number)
    it.stays(frame_of(record.number))
    it.still(record, "SPACE")
    if it.holds(found == 0):
        it.do(DROP_RECORD, record)
        it.stays(frame.number)


def _quarantine(it: Walk, frame: Frame) -> None:
    """What a device may write is not free before the device was reset."""
    bits, page = frame["SPACE"], frame["ADDRESS"]
    identity, resets = it.do_pair(RESETS_OF, z3.LShR(page, OWNER_SHIFT))
    frame["ID"] = identity
    frame["SPACE"] = bits & it.layout.constants["user.LARGE"]
    frame["ADDRESS"] = page & ~word(PAGE_BITS)
    frame["RECORDS"] = resets
    frame.set_kind("Quarantined")


def _free_or_keep(it: Walk, frame: Frame) -> None:
    """A frame that is mapped nowhere goes: at once, in steps, or when its device was reset."""
    user, bits = it.layout.constants, frame["SPACE"]
    if it.holds(bits & user["user.GIVEN"] != 0):
        _quarantine(it, frame)
        return it.answer(1)
    if it.holds(bits & user["user.LARGE"] == 0):
        free_whole(frame)
        return it.answer(1)
    is_done = it.do(FREE_TAILS, widened(frame))
    it.answer(z3.ZeroExt(63, z3.Extract(0, 0, is_done)))


def step_frame(it: Walk, number: Word) -> None:
    """A user frame loses a mapping; without any it goes. Answers whether it has gone."""
    frame = it.frame(number)
    for rule in FACTS:
        it.assume(*rule(it.before, frame.number))
    is_plain = belonging.may_be_buffer(it.now, frame["SPACE"])
    with it.when(is_plain):
        owner = belonging.owner_in(frame["ADDRESS"])
    owner = z3.If(is_plain, owner, word(0))
    with it.when(owner != 0):
        _release_buffer(it, owner)
    first = frame["SPACE"] & SPACE_BITS
    if it.holds(first != 0):
        _unmap_first(it, frame, first)
    else:
        record = frame["RECORDS"] & SPACE_BITS
        if it.holds(record == 0):
            return _free_or_keep(it, frame)
        _unmap_other(it, frame, it.thing("Records", record))
    if it.holds((frame["SPACE"] & SPACE_BITS) | frame["RECORDS"] != 0):
        return it.answer(0)
    _free_or_keep(it, frame)


def _of_dying(state: KernelState, frame: Word) -> list[z3.BoolRef]:
    number = tables.frame_in(frame)
    is_dying = state.entry(number, "SPACE") & state.layout.constants["user.DYING"] != 0
    return [tables.is_frame_word(frame), state.is_frame(number, "User"), is_dying]


_ENTRY = frozenset(f"entry {field}" for field in ("ID", "SPACE", "ADDRESS", "RECORDS"))

STEP_FRAME = Procedure(
    "step_frame",
    step_frame,
    1,
    UNMAP_FROM.changes | DROP_RECORD.changes | _ENTRY | {"kind", "Thread.BUFFER"},
    _of_dying,
)

PROCEDURES = (STEP_FRAME,)
