"""Words of a thread's memory, for who debugs it."""

from __future__ import annotations

import z3

from .. import dying, tables, translation
from ..call import Call, Frame, Object, Word
from ..kernel_state import direct
from ..memory import OBJECTS, UNIT_WORDS, Update
from ..translation import Descriptor
from .page_table import MAY_WRITE, Way, find_way

# The lowest bits of a word's address in its page.
WORD_SHIFT = 3


def _find_space(it: Call, target: Object) -> Object:
    """The space of a thread, which has tables; `NotMapped` if it has none."""
    space = target.target("SPACE")
    it.refuse("NotMapped", space.number == 0)
    it.assume(*tables.space_has_root(it.before, target.number))
    return space


def _find_leaf(it: Call, way: Way) -> Descriptor:
    """The page or block that maps an address, of memory; `NotMapped`, `AccessDenied` for a device."""
    it.refuse("NotMapped", z3.Not(z3.Or(way.is_page, way.is_block)))
    it.refuse("AccessDenied", way.leaf.memory == translation.DEVICE)
    return way.leaf


def _find_word(it: Call, target: Object, address: Word) -> tuple[Frame, Frame, Word, Descriptor]:
    """The frame that is mapped and the one in it at an address, the unit of the word, and the
    descriptor.
    """
    it.refuse("Misaligned", address & ((1 << WORD_SHIFT) - 1) != 0)
    it.refuse("OutOfRange", z3.LShR(address, translation.ADDRESS_BITS) != 0)
    way = find_way(it, _find_space(it, target), address)
    leaf = _find_leaf(it, way)
    mapped = it.frame(tables.frame_in(leaf.output))
    index = translation.index_of(translation.LAST_LEVEL, z3.Extract(38, 12, address))
    within = z3.ZeroExt(mapped.number.size() - index.size(), index)
    frame = it.frame(mapped.number + z3.If(way.has_last, z3.BitVecVal(0, 34), within))
    it.assume(*dying.tail_is_there(it.before, mapped.number, index))
    it.assume(*dying.mapped_is_whole(it.before, *way.path[1]))
    unit = z3.Concat(frame.number, z3.Extract(11, 6, address))
    return mapped, frame, unit, leaf


def _note_word(it: Call, frame: Frame, address: Word, *, is_write: bool) -> None:
    """The function reads or writes a word of user memory."""
    right = z3.Or(*(it.now.is_frame(frame.number, kind) for kind in ("User", "LargeTail")))
    place = direct(z3.Concat(frame.number, z3.Extract(11, 0, address)))
    it.note("Frame, a word", OBJECTS, place, right, is_write=is_write)


def thread_peek(it: Call, handle: Word, address: Word) -> None:
    """A word of a thread's memory."""
    target = it.find(handle, "Thread", "READ")
    _, frame, unit, _ = _find_word(it, target, address)
    _note_word(it, frame, address, is_write=False)
    lane, rows = z3.Extract(5, WORD_SHIFT, address), range(UNIT_WORDS)
    words = [it.now.memory.row(array, unit) for array in rows]
    value = words[-1]
    for array in reversed(rows[:-1]):
        value = z3.If(lane == array, words[array], value)
    it.done(value)


def thread_poke(it: Call, handle: Word, address: Word, value: Word) -> None:
    """Changes a word of a thread's memory, if its mapping may ever be written."""
    target = it.find(handle, "Thread", "WRITE")
    mapped, frame, unit, leaf = _find_word(it, target, address)
    it.refuse("AccessDenied", leaf.note & MAY_WRITE == 0)
    _note_word(it, frame, address, is_write=True)
    lane = z3.Extract(5, WORD_SHIFT, address)
    it.store(*(Update(array, unit, value, lane == array) for array in range(UNIT_WORDS)))
    with it.when(mapped["SPACE"] & it.layout.constants["user.CODE"] != 0):
        it.leave("SynchronizeCode", z3.ZeroExt(30, frame.number))
    it.done()


CALLS = (thread_peek, thread_poke)
