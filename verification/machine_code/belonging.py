"""What is assumed of user frames that are taken apart: whom and what they name. Only tested."""

from __future__ import annotations

import z3

from .invariants import ANY_FRAME, Rule
from .kernel_state import KernelState, is_link, number_of
from .memory import FRAME_BITS, NUMBER_BITS

# Of a frame's entry: where the owner stands, a thread or a device; its thread's number.
OWNER_SHIFT, THREAD_SHIFT = 28, 4
SPACE_BITS = (1 << NUMBER_BITS) - 1


def may_be_buffer(state: KernelState, bits: z3.BitVecRef) -> z3.BoolRef:
    """Whether a user frame with these bits may be a message buffer."""
    names = state.layout.constants
    return bits & (names["user.DEVICE"] | names["user.GIVEN"] | names["user.LARGE"]) == 0


def owner_in(address: z3.BitVecRef) -> z3.BitVecRef:
    """The link to the thread whose message buffer it is, or 0, in a word of the frame's entry."""
    return (z3.LShR(address, OWNER_SHIFT) << THREAD_SHIFT) & SPACE_BITS


def owner_is_thread(state: KernelState, frame: z3.BitVecRef) -> list[z3.BoolRef]:
    """Whose message buffer a user frame is, is a thread."""
    owner = owner_in(state.entry(frame, "ADDRESS"))
    is_buffer = z3.And(may_be_buffer(state, state.entry(frame, "SPACE")), owner != 0)
    right = state.is_object(number_of(owner), "Thread")
    return [z3.Implies(z3.And(state.is_frame(frame, "User"), is_buffer), right)]


def first_mapping_is_sound(state: KernelState, frame: z3.BitVecRef) -> list[z3.BoolRef]:
    """A user frame is first mapped in a space, if it is."""
    space = state.entry(frame, "SPACE") & SPACE_BITS
    right = state.is_object(number_of(space), "AddressSpace")
    return [z3.Implies(z3.And(state.is_frame(frame, "User"), space != 0), right)]


def first_record_is_used(state: KernelState, frame: z3.BitVecRef) -> list[z3.BoolRef]:
    """The first record of a user frame is one of a mapping."""
    record = state.entry(frame, "RECORDS")
    is_used = state.field(number_of(record), "Records.SPACE") != 0
    right = z3.And(is_link(record), is_used)
    return [z3.Implies(z3.And(state.is_frame(frame, "User"), record != 0), right)]


def given_to_device(state: KernelState, frame: z3.BitVecRef) -> list[z3.BoolRef]:
    """What a device may write knows a frame of the device."""
    is_given = state.entry(frame, "SPACE") & state.layout.constants["user.GIVEN"] != 0
    device = z3.LShR(state.entry(frame, "ADDRESS"), OWNER_SHIFT)
    is_there = state.is_described(z3.Extract(FRAME_BITS - 1, 0, device))
    right = z3.And(z3.ULT(device, 1 << FRAME_BITS), is_there)
    return [z3.Implies(z3.And(state.is_frame(frame, "User"), is_given), right)]


TESTED = (
    Rule("owners of buffers", lambda s: owner_is_thread(s, ANY_FRAME)),
    Rule("first mappings", lambda s: first_mapping_is_sound(s, ANY_FRAME)),
    Rule("first records", lambda s: first_record_is_used(s, ANY_FRAME)),
    Rule("what devices write", lambda s: given_to_device(s, ANY_FRAME)),
)
