"""User frames: the object is the frame's entry in the frame table."""

from __future__ import annotations

import z3

from ..call import Call, Frame, Word, word

FRAME_SHIFT = 12
OWNER_SHIFT = 28
PAGE_BITS = (1 << OWNER_SHIFT) - 1
THREAD_SHIFT = 4
SPACE_BITS = (1 << 40) - 1
MAINTAIN_BYTES = 4096


def _address_of(frame: Frame) -> Word:
    """The physical address of a frame."""
    return z3.ZeroExt(30, frame.number) << FRAME_SHIFT


def _buffer_owner(it: Call, frame: Frame, bits: Word) -> Word:
    """The link to the thread whose message buffer it is, or 0."""
    user = it.layout.constants
    others = user["user.DEVICE"] | user["user.GIVEN"] | user["user.LARGE"]
    has = bits & others == 0
    with it.when(has):
        owner = z3.LShR(frame["ADDRESS"], OWNER_SHIFT) << THREAD_SHIFT
    return z3.If(has, owner & SPACE_BITS, word(0))


def frame_inspect(it: Call, handle: Word) -> None:
    """Its address, and in bit 0 whether it is a large one."""
    frame, _ = it.find_frame(handle, "READ")
    is_large = z3.Extract(40, 40, frame["SPACE"])
    it.done(_address_of(frame) | z3.ZeroExt(63, is_large))


def frame_set_mode(it: Call, handle: Word, mode: Word) -> None:
    """Data or code, changed while nothing maps it; a large one becomes code in steps."""
    user, modes = it.layout.constants, it.layout.constants
    frame, _ = it.find_frame(handle, "WRITE")
    is_code = mode == modes["FrameMode.Code"]
    it.refuse("BadArgument", z3.And(mode != modes["FrameMode.Data"], z3.Not(is_code)))
    bits = frame["SPACE"]
    it.refuse("BadArgument", z3.And(is_code, bits & user["user.DEVICE"] != 0))
    is_mapped = (bits & SPACE_BITS) | frame["RECORDS"] != 0
    owner = _buffer_owner(it, frame, bits)
    it.refuse("InUse", z3.Or(bits & user["user.GIVEN"] != 0, is_mapped, owner != 0))
    large = user["user.LARGE"]
    is_step = z3.And(is_code, bits & (large | user["user.CODE"]) == large)
    with it.when(is_step):
        _step_to_code(it, frame, bits)
    with it.when(is_code):
        frame["SPACE"] = bits | user["user.CODE"]
        it.leave("SynchronizeCode", z3.ZeroExt(30, frame.number))
    with it.when(z3.Not(is_code)):
        frame["SPACE"] = bits & ~word(user["user.CODE"] | user["user.STEPS"])
    it.done()


def _step_to_code(it: Call, frame: Frame, bits: Word) -> None:
    """One more frame of a large one becomes code."""
    shift, most = 42, it.layout.constants["LARGE_FRAMES"]
    user = it.layout.constants
    done = z3.LShR(bits & user["user.STEPS"], shift)
    it.leave("SynchronizeCode", z3.ZeroExt(30, frame.number) + done)
    is_last = done + 1 == most
    stepped = (bits & ~word(user["user.STEPS"])) | (done + 1) << shift
    finished = (bits & ~word(user["user.STEPS"])) | user["user.CODE"]
    frame["SPACE"] = z3.If(is_last, finished, stepped)
    it.refuse("Again", z3.Not(is_last))
    it.done(0, z3.BoolVal(True))


def frame_maintain(it: Call, handle: Word, operation: Word, offset: Word, size: Word) -> None:
    """Writes caches back for some bytes of a frame."""
    names = it.layout.constants
    is_clean = operation == names["CacheOperation.Clean"]
    is_both = operation == names["CacheOperation.CleanInvalidate"]
    read, write = it.rights("READ"), it.rights("WRITE")
    frame, _ = it.find_frame(handle, z3.If(is_both, write, read))
    it.refuse("BadArgument", z3.Not(z3.Or(is_clean, is_both)))
    bits = frame["SPACE"]
    it.refuse("BadArgument", bits & names["user.DEVICE"] != 0)
    is_large = bits & names["user.LARGE"] != 0
    whole = z3.If(is_large, word(names["LARGE_BYTES"]), word(MAINTAIN_BYTES))
    too_long = z3.Or(size == 0, z3.UGT(size, whole - offset), z3.UGT(size, MAINTAIN_BYTES))
    it.refuse("OutOfRange", z3.Or(z3.UGT(offset, whole), too_long))
    code = z3.If(is_both, it.effect("CleanInvalidate"), it.effect("Clean"))
    it.leave_word(code, _address_of(frame) + offset, size)
    it.done()


def frame_give(it: Call, handle: Word, other: Word) -> None:
    """Says that a device may write a frame."""
    user = it.layout.constants
    frame, _ = it.find_frame(handle, "READ|WRITE")
    device, _ = it.find_frame(other, "WRITE")
    bits = frame["SPACE"]
    it.refuse("BadArgument", bits & user["user.DEVICE"] != 0)
    it.refuse("AccessDenied", bits & user["user.CODE"] != 0)
    is_given = bits & user["user.GIVEN"] != 0
    page = frame["ADDRESS"]
    number = z3.ZeroExt(30, device.number)
    is_another = z3.And(is_given, z3.LShR(page, OWNER_SHIFT) != number)
    it.refuse("InUse", z3.Or(is_another, _buffer_owner(it, frame, bits) != 0))
    it.refuse("BadArgument", device["SPACE"] & user["user.DEVICE"] == 0)
    with it.when(z3.Not(is_given)):
        frame["SPACE"] = (bits & ~word(user["user.STEPS"])) | user["user.GIVEN"]
        frame["ADDRESS"] = page | number << OWNER_SHIFT
    it.done(_address_of(frame))


def device_confirm_reset(it: Call, handle: Word) -> None:
    """Counts a reset of the device."""
    device, _ = it.find_frame(handle, "DESTROY")
    is_device = device["SPACE"] & it.layout.constants["user.DEVICE"] != 0
    it.refuse("BadArgument", z3.Not(is_device))
    old = device["ADDRESS"]
    resets = (z3.LShR(old, OWNER_SHIFT) + 1) << OWNER_SHIFT
    resets = z3.If(resets == 0, word(1 << OWNER_SHIFT), resets)
    device["ADDRESS"] = (old & PAGE_BITS) | resets
    it.done()


def thread_set_buffer(it: Call, handle: Word, buffer: Word) -> None:
    """Makes a frame the message buffer of a thread."""
    user = it.layout.constants
    thread = it.find(handle, "Thread", "WRITE")
    frame, _ = it.find_frame(buffer, "READ|WRITE")
    bits = frame["SPACE"]
    unfit = user["user.CODE"] | user["user.DEVICE"] | user["user.LARGE"]
    it.refuse("AccessDenied", bits & unfit != 0)
    it.refuse("InUse", bits & user["user.GIVEN"] != 0)
    owner = _buffer_owner(it, frame, bits)
    link = z3.ZeroExt(24, thread.number)
    it.done(0, owner == link)
    it.refuse("InUse", owner != 0)
    old = it.buffer(thread)
    with it.when(thread["BUFFER"] != 0):
        thread["BUFFER"] = 0
        old["ADDRESS"] = old["ADDRESS"] & PAGE_BITS
    thread["BUFFER"] = z3.ZeroExt(30, frame.number)
    shifted = z3.LShR(link, THREAD_SHIFT) << OWNER_SHIFT
    frame["ADDRESS"] = (frame["ADDRESS"] & PAGE_BITS) | shifted
    it.done()


CALLS = (
    frame_inspect,
    frame_set_mode,
    frame_maintain,
    frame_give,
    device_confirm_reset,
    thread_set_buffer,
)
