"""Timing wheels: threads with a deadline, and contexts that wait for a refill."""

from __future__ import annotations

import z3

from .. import queues
from ..queues import GRANULE_SHIFT
from ..kernel_state import KernelState
from ..logic import conjunction
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..walk import Element, Walk, choose
from .run_queue import CONTEXT, PLACE, ENQUEUE_LAST, mark

# The bits of a digit of a time in a wheel.
DIGIT_BITS = 3
REFILLS = 8
NEVER = 1 << 63


def _of_entry(state: KernelState, entry: Word, band: Word) -> list[z3.BoolRef]:
    return [*queues.names(state, entry, "Timed"), z3.ULT(band, 8)]


def granule_of(when: Word) -> Word:
    """The granule in which a time has passed."""
    granule = z3.LShR(when + ((1 << GRANULE_SHIFT) - 1), GRANULE_SHIFT)
    last = word(queues.LAST_GRANULE)
    return z3.If(z3.ULT(granule, last), granule, last)


def highest_bit(bits: Word) -> Word:
    """The number of the highest bit, in 6 bits; 0 for none."""
    number = z3.BitVecVal(0, 6)
    for bit in range(1, 64):
        number = z3.If(z3.Extract(bit, bit, bits) == 1, z3.BitVecVal(bit, 6), number)
    return number


def digit_of(bit: Word) -> Word:
    """The digit in which a bit (6 bits) is, in 8 bits."""
    digit = z3.BitVecVal(0, 8)
    for at in range(1, 64 // DIGIT_BITS + 1):
        digit = z3.If(z3.UGE(bit, DIGIT_BITS * at), z3.BitVecVal(at, 8), digit)
    return digit


def head_of(it: Walk, band: Word, slot: Word) -> Element:
    """The list of a slot (8 bits) of the wheel of a band (3 bits)."""
    index = z3.ZeroExt(8, band) * queues.SLOTS + z3.ZeroExt(3, slot)
    it.assume(*queues.element_is_sound(it.before, "WHEEL", index))
    return it.element("WHEEL", index)


def map_of(it: Walk, band: Word, part: Word) -> Element:
    """The word of the map of a band's slots that says which of 64 (2 bits) are not empty."""
    return it.element("WHEEL_MAP", z3.ZeroExt(2, band) * 3 + z3.ZeroExt(3, part))


def _bit(number: Word) -> Word:
    return word(1) << z3.ZeroExt(64 - number.size(), number)


def place(it: Walk, link: Word, band_word: Word) -> None:
    """An entry comes into the slot of its time."""
    entry, band = it.thing("Timed", link), z3.Extract(2, 0, band_word)
    it.assume(*queues.base_is_sound(it.before, band))
    base = it.element("WHEEL_BASE", band).read()
    granule = granule_of(entry["WHEN"])
    granule = z3.If(z3.ULT(granule, base + 1), base + 1, granule)
    level = digit_of(highest_bit(granule ^ base))
    digit = z3.Extract(2, 0, z3.LShR(granule, z3.ZeroExt(56, level * DIGIT_BITS)))
    slot = level * 8 + z3.ZeroExt(5, digit)
    head = head_of(it, band, slot)
    first = head.read()
    entry["NEXT"] = first
    entry["PREV"] = 0
    with it.when(first != 0):
        it.thing("Timed", first)["PREV"] = link
    head.write(link)
    it.core["TIMED"] = it.core["TIMED"] | _bit(band)
    part = map_of(it, band, z3.Extract(7, 6, slot))
    part.write(part.read() | _bit(z3.Extract(5, 0, slot)))
    entry["SLOT"] = z3.ZeroExt(53, z3.Concat(band, slot)) + 1
    it.finish()


def start_timer(it: Walk, link: Word, when: Word, band_word: Word) -> None:
    """An entry comes into the wheel of a band, which begins now if it was empty."""
    entry, band = it.thing("Timed", link), z3.Extract(2, 0, band_word)
    if it.holds(it.core["TIMED"] & _bit(band) == 0):
        it.element("WHEEL_BASE", band).write(z3.LShR(it.clock(), GRANULE_SHIFT))
    entry["WHEN"] = when
    with it.when(z3.ULT(when, it.core["ARMED"])):
        mark(it, "TIME")
    it.do(PLACE_TIMED, entry, band_word)
    it.finish()


def stop_timer(it: Walk, link: Word) -> None:
    """An entry goes out of its wheel, if it is in one."""
    entry = it.thing("Timed", link)
    known = entry["SLOT"]
    if it.holds(known == 0):
        return it.finish()
    it.assume(*queues.mark_is_sound(it.before, entry.number))
    slot, band = z3.Extract(7, 0, known - 1), z3.Extract(10, 8, known - 1)
    head = head_of(it, band, slot)
    following, previous = it.follow(entry, "NEXT"), it.follow(entry, "PREV")
    if it.holds(it.link(previous) == 0):
        head.write(it.link(following))
    else:
        previous["NEXT"] = it.link(following)
    with it.when(it.link(following) != 0):
        following["PREV"] = it.link(previous)
    for field in ("NEXT", "PREV", "SLOT", "WHEN"):
        entry[field] = 0
    if it.holds(head.read() != 0):
        return it.finish()
    part = map_of(it, band, z3.Extract(7, 6, slot))
    part.write(part.read() & ~_bit(z3.Extract(5, 0, slot)))
    opened = it.element("WHEEL_OPEN", band)
    with it.when(opened.read() == z3.ZeroExt(56, slot) + 1):
        opened.write(0)
    parts = [map_of(it, band, z3.BitVecVal(at, 2)).read() for at in range(3)]
    with it.when(conjunction(bits == 0 for bits in parts)):
        it.core["TIMED"] = it.core["TIMED"] & ~_bit(band)
    it.finish()


def _of_context(state: KernelState, context: Word) -> list[z3.BoolRef]:
    return queues.names(state, context, CONTEXT)


def first_refill(it: Walk, context: Object) -> Word:
    """When the first refill of a context comes."""
    first = z3.Extract(2, 0, context["REFILL_FIRST"])
    times = []
    for at in range(REFILLS):
        with it.when(first == at):
            times.append(context.at("REFILLS", 2 * at))
    return choose(first, times)


def band_of(context: Object) -> Word:
    """The band of the priority of a context, in a word."""
    return z3.ZeroExt(61, z3.Extract(7, 5, context["PRIORITY"]))


def wait_for_refill(it: Walk, link: Word) -> None:
    """A context whose first refill has not come waits for it; answers whether it does."""
    context = it.thing(CONTEXT, link)
    when = first_refill(it, context)
    if it.holds(z3.ULE(when, it.clock())):
        return it.answer(0)
    it.do(START_TIMER, context, when, band_of(context))
    it.answer(1)


def make_ready(it: Walk, link: Word) -> None:
    """A context is queued, or waits for its refill."""
    context = it.thing(CONTEXT, link)
    if it.holds(context["BUDGET"] != 0):
        waits = it.do(WAIT_FOR_REFILL, context)
        if it.holds(z3.Extract(0, 0, waits) == 1):
            return it.finish()
    it.do(ENQUEUE_LAST, context)
    it.finish()


def drop_deadline(it: Walk, link: Word) -> None:
    """A thread waits no more, or not until a time."""
    thread = it.thing("Thread", link)
    deadline = it.layout.constants["special.DEADLINE"]
    with it.when(thread["SPECIAL"] & deadline != 0):
        thread["SPECIAL"] = thread["SPECIAL"] & ~word(deadline)
    it.do(STOP_TIMER, thread)
    it.finish()


def set_deadline(it: Walk, link: Word, when: Word, band: Word) -> None:
    """A thread that waits does so until a time."""
    thread = it.thing("Thread", link)
    if it.holds(z3.Or(z3.UGE(when, NEVER), thread["WAIT"] == 0)):
        return it.finish()
    thread["SPECIAL"] = thread["SPECIAL"] | it.layout.constants["special.DEADLINE"]
    it.do(START_TIMER, thread, when, band)
    it.finish()


def _of_thread(state: KernelState, thread: Word, *band: Word) -> list[z3.BoolRef]:
    return [*queues.names(state, thread, "Thread"), *(z3.ULT(item, 8) for item in band)]


_PLACE = frozenset(
    {
        *(f"Timed.{field}" for field in ("NEXT", "PREV", "SLOT")),
        *(f"Core.{field}" for field in ("WHEEL", "WHEEL_MAP", "TIMED")),
    }
)
_START = _PLACE | {"Core.WHEEL_BASE", "Timed.WHEN", "Core.PENDING"}
_STOP = _PLACE | {"Core.WHEEL_OPEN", "Timed.WHEN"}

PLACE_TIMED = Procedure("place", place, 2, _PLACE, _of_entry)
START_TIMER = Procedure(
    "start_timer", start_timer, 3, _START, lambda s, entry, _, band: _of_entry(s, entry, band)
)
STOP_TIMER = Procedure(
    "stop_timer", stop_timer, 1, _STOP, lambda s, entry: queues.names(s, entry, "Timed")
)
WAIT_FOR_REFILL = Procedure("wait_for_refill", wait_for_refill, 1, _START, _of_context)
MAKE_READY = Procedure("make_ready", make_ready, 1, _START | PLACE, _of_context)
DROP_DEADLINE = Procedure(
    "drop_deadline", drop_deadline, 1, _STOP | {"Thread.SPECIAL"}, _of_thread
)
SET_DEADLINE = Procedure(
    "set_deadline",
    set_deadline,
    3,
    _START | {"Thread.SPECIAL"},
    lambda s, thread, _, band: _of_thread(s, thread, band),
)

PROCEDURES = (
    PLACE_TIMED,
    START_TIMER,
    STOP_TIMER,
    WAIT_FOR_REFILL,
    MAKE_READY,
    DROP_DEADLINE,
    SET_DEADLINE,
)
