"""Registers of a thread that is not running, for who debugs it."""

from __future__ import annotations

from dataclasses import dataclass

import z3

from ..call import Call, Object, Word, word
from ..contracts import FLOATING_CONTROL, FLOATING_STATUS, FLOATING_WORDS
from ..kernel_state import direct
from ..logic import conjunction, disjunction
from ..memory import NUMBER_BITS, OBJECTS, UNIT_BITS, UNIT_WORDS, Update
from ..translation import ADDRESS_BITS
from .thread import set_flags

# The numbers of registers, as callers name them: see `Register` of `ipc-abi`.
GENERAL, STACK_POINTER, PROGRAM_COUNTER, FLAGS, THREAD_POINTER = 31, 31, 32, 33, 34
CONTROL, STATUS, VECTOR, BREAKPOINT, WATCHPOINT = 35, 36, 64, 128, 144
HALVES, BREAKPOINTS, WATCHPOINTS = 64, 6, 4
# Condition flags, TCO, DIT, SSBS and BTYPE of `SPSR_EL1`.
PROGRAM_STATE = 0xF << 28 | 1 << 25 | 1 << 24 | 1 << 12 | 3 << 10
# `DBGBCR<n>_EL1` of a breakpoint, and of a watchpoint without accesses and bytes.
BREAKPOINT_ON, WATCHPOINT_ON = 0x1E5, 0b101
THREAD_WORDS = 256


@dataclass(frozen=True)
class Register:
    """A register that a caller names."""

    number: Word

    def is_one(self, number: int) -> z3.BoolRef:
        """Whether it is this one."""
        return self.number == number

    def is_of(self, first: int, count: int) -> z3.BoolRef:
        """Whether it is one of a row."""
        return z3.And(z3.UGE(self.number, first), z3.ULT(self.number, first + count))

    @property
    def is_vector(self) -> z3.BoolRef:
        return self.is_of(VECTOR, HALVES)

    @property
    def is_floating(self) -> z3.BoolRef:
        return z3.Or(self.is_one(CONTROL), self.is_one(STATUS), self.is_vector)

    @property
    def is_breakpoint(self) -> z3.BoolRef:
        return self.is_of(BREAKPOINT, 2 * BREAKPOINTS)

    @property
    def is_watchpoint(self) -> z3.BoolRef:
        return self.is_of(WATCHPOINT, 2 * WATCHPOINTS)

    @property
    def is_control(self) -> z3.BoolRef:
        """Whether it controls a breakpoint or watchpoint."""
        return z3.And(z3.Or(self.is_breakpoint, self.is_watchpoint), self.number & 1 == 1)


def _place_of(it: Call, register: Register) -> Word:
    """The word of the thread in which a register is kept."""
    fields = it.layout.objects["Thread"].fields
    at = {name: word(place) for name, place in fields.items()}
    number = register.number
    choices = [
        (z3.ULT(number, GENERAL), at["X"] + number),
        (register.is_one(STACK_POINTER), at["SP"]),
        (register.is_one(PROGRAM_COUNTER), at["PC"]),
        (register.is_one(FLAGS), at["PSTATE"]),
        (register.is_one(THREAD_POINTER), at["POINTER"]),
        (register.is_one(CONTROL), at["FLOATING_CONTROL"]),
        (register.is_one(STATUS), at["FLOATING_STATUS"]),
        (register.is_vector, at["VECTOR"] + number - VECTOR),
        (register.is_breakpoint, at["BREAKPOINT"] + number - BREAKPOINT),
    ]
    place = at["WATCHPOINT"] + number - WATCHPOINT
    for condition, value in reversed(choices):
        place = z3.If(condition, value, place)
    return place


def _find(it: Call, handle: Word, number: Word, right: str) -> tuple[Object, Register]:
    """The thread that a handle names, and a register that it has."""
    thread = it.find(handle, "Thread", right)
    register = Register(number)
    is_low = z3.ULE(number, STATUS)
    known = (is_low, register.is_vector, register.is_breakpoint, register.is_watchpoint)
    it.refuse("BadArgument", z3.Not(z3.Or(*known)))
    has_floating = thread["FLAGS"] & it.layout.constants["flag.FLOATING"] != 0
    it.refuse("BadArgument", z3.And(register.is_floating, z3.Not(has_floating)))
    for is_kind, first, count in (
        (register.is_breakpoint, BREAKPOINT, "BREAKPOINTS"),
        (register.is_watchpoint, WATCHPOINT, "WATCHPOINTS"),
    ):
        with it.when(is_kind):
            there = it.core[count]
        is_beyond = z3.UGE(z3.LShR(number - first, 1), there)
        it.refuse("BadArgument", z3.And(is_kind, is_beyond))
    return thread, register


def _check_paused(it: Call, thread: Object) -> None:
    """It is new, stopped, or waits for its fault handler."""
    names = it.layout.constants
    is_live = thread["STATE"] == names["state.LIVE"]
    with it.when(is_live):
        is_fault = thread["SENDING"] == names["sending.FAULT"]
    it.refuse("NotStopped", z3.And(is_live, z3.Not(is_fault)))


def _settle_floating(it: Call, thread: Object, register: Register) -> None:
    """What the processor holds of its floating-point registers is written down."""
    it.arguments |= FLOATING_WORDS.arguments()
    it.assume(*FLOATING_WORDS.facts())
    with it.when(register.is_floating):
        owns = it.core["FLOATING_OWNER"] == it.link(thread)
        with it.when(owns):
            for index, value in enumerate(FLOATING_WORDS.halves()):
                thread.put("VECTOR", index, value)
            thread["FLOATING_CONTROL"] = FLOATING_CONTROL
            thread["FLOATING_STATUS"] = FLOATING_STATUS
            it.core["FLOATING_OWNER"] = 0


def _note(it: Call, thread: Object, place: Word, is_write: bool) -> None:
    it.note_field(thread, "STATE")
    base = direct(z3.Concat(thread.number, z3.BitVecVal(0, UNIT_BITS)))
    right = z3.And(z3.ULT(place, THREAD_WORDS), it.now.is_object(thread.number, "Thread"))
    it.note("Thread, a register", OBJECTS, base + 8 * place, right, is_write=is_write)


def _read(it: Call, thread: Object, place: Word) -> Word:
    """The word of a thread at a place."""
    _note(it, thread, place, False)
    unit = z3.simplify(thread.number + z3.Extract(NUMBER_BITS + 2, 3, place))
    value = it.now.memory.row(UNIT_WORDS - 1, unit)
    for lane in range(UNIT_WORDS - 2, -1, -1):
        value = z3.If(z3.Extract(2, 0, place) == lane, it.now.memory.row(lane, unit), value)
    return value


def _write(it: Call, thread: Object, place: Word, value: Word) -> None:
    """Writes it."""
    _note(it, thread, place, True)
    unit, lane = z3.simplify(thread.number + z3.Extract(NUMBER_BITS + 2, 3, place)), place & 7
    it.store(*(Update(at, unit, value, lane == at) for at in range(UNIT_WORDS)))


def thread_read(it: Call, handle: Word, number: Word) -> None:
    """A register of a thread that is not running."""
    thread, register = _find(it, handle, number, "READ")
    _check_paused(it, thread)
    _settle_floating(it, thread, register)
    value = _read(it, thread, _place_of(it, register))
    it.done(z3.If(register.is_one(FLAGS), value & PROGRAM_STATE, value))


def _cannot_hold(register: Register, value: Word) -> z3.BoolRef:
    """Whether a register cannot have a value."""
    is_address = register.number & 1 == 0
    is_beyond = z3.LShR(value, ADDRESS_BITS) != 0
    accesses, bytes_ = value & 0b11000, z3.Extract(12, 5, value)
    runs = [(1 << high) - (1 << low) for high in range(1, 9) for low in range(high)]
    is_watchpoint = z3.And(
        value & ~word(0x1FF8) == WATCHPOINT_ON,
        accesses != 0,
        disjunction(bytes_ == run for run in runs),
    )
    return z3.Or(
        z3.And(register.is_one(FLAGS), value & ~word(PROGRAM_STATE) != 0),
        z3.And(z3.Or(register.is_one(CONTROL), register.is_one(STATUS)), z3.LShR(value, 32) != 0),
        z3.And(register.is_breakpoint, is_address, z3.Or(is_beyond, value & 3 != 0)),
        z3.And(register.is_watchpoint, is_address, z3.Or(is_beyond, value & 7 != 0)),
        conjunction(
            (register.is_breakpoint, z3.Not(is_address), value != 0, value != BREAKPOINT_ON)
        ),
        conjunction(
            (register.is_watchpoint, z3.Not(is_address), value != 0, z3.Not(is_watchpoint))
        ),
    )


def thread_write(it: Call, handle: Word, number: Word, value: Word) -> None:
    """Changes a register of a thread that is not running."""
    thread, register = _find(it, handle, number, "WRITE")
    it.refuse("BadArgument", _cannot_hold(register, value))
    _check_paused(it, thread)
    _settle_floating(it, thread, register)
    place = _place_of(it, register)
    with it.when(register.is_one(FLAGS)):
        old = thread["PSTATE"]
    kept = z3.If(register.is_one(FLAGS), old & ~word(PROGRAM_STATE), word(0))
    _write(it, thread, place, kept | value)
    with it.when(register.is_control):
        controls = [thread.at("BREAKPOINT", 2 * at + 1) for at in range(BREAKPOINTS + WATCHPOINTS)]
        watched = it.layout.constants["flag.WATCHED"]
        before = thread["FLAGS"]
        is_watched = disjunction(control != 0 for control in controls)
        after = (before & ~word(watched)) | z3.If(is_watched, word(watched), word(0))
        with it.when(before != after):
            set_flags(it, thread, after)
    it.done()


CALLS = (thread_read, thread_write)
