"""Frames that whoever holds their region gets back, whatever is in them."""

from __future__ import annotations

import z3

from .. import invariants, naming
from ..kernel_state import FRAME_KIND_OF, KernelState, address_of, link_of, number_of
from ..logic import disjunction
from ..memory import OBJECTS, UNITS_PER_FRAME_BITS
from ..procedure import Procedure
from ..telling import Frame, Word, word
from ..walk import Answers, Walk
from .destroy import OWN_OF, RESETS_OF
from .disarm import OWNER_SHIFT
from .kill import KILL, TAKE_APART, of_living
from .run_queue import mark

# The frames of a large one, as bits of a frame's number.
LARGE_MASK = (1 << 9) - 1
UNITS = 1 << UNITS_PER_FRAME_BITS


def victim_in_pool(it: Walk, number: Word, kind: Word) -> None:
    """The first living object of a frame that the caller does not run with; 0 for none."""
    frame = it.frame(naming.frame_in(number))
    it.assume(*naming.used_is_aligned(it.before, frame.number))
    own = it.do(OWN_OF, z3.ZeroExt(32, z3.Extract(31, 0, kind)))
    used, first = frame["ID"], number << UNITS_PER_FRAME_BITS
    found, is_found, has_own = word(0), z3.BoolVal(False), z3.BoolVal(False)
    for unit in range(UNITS):
        item = first + unit
        is_used = z3.Extract(unit, unit, used) == 1
        with it.when(z3.And(z3.Not(is_found), is_used)):
            is_there = z3.And(is_used, _identity(it, item) != 0)
        is_victim = z3.And(z3.Not(is_found), is_there, item != own)
        has_own = z3.Or(has_own, z3.And(z3.Not(is_found), is_there))
        found = z3.If(is_victim, item, found)
        is_found = z3.Or(is_found, is_victim)
    it.end("found", is_found, {"x0": word(0), "x1": found})
    it.end("own", has_own, {"x0": word(1), "x1": word(it.layout.errors["Itself"])})
    it.answer(0, 0)


def _identity(it: Walk, link: Word) -> Word:
    """The identity of an object of any kind, which is its first word."""
    number = number_of(link)
    kinds = (kind for kind in it.layout.kinds if kind not in FRAME_KIND_OF)
    right = disjunction(it.now.is_object(number, kind) for kind in kinds)
    it.note("identity", OBJECTS, address_of(number, 0), right)
    return it.now.memory.field(number, 0)


def reclaim(it: Walk, handle: Word, number: Word) -> None:
    """A frame of a region becomes free, or what is in it is destroyed: `Again` until it is free."""
    region = it.find(handle, "Region", "WRITE")
    it.refuse("OutOfRange", z3.UGE(number - region["BASE"], region["FRAMES"]))
    frame = it.region_frame(region, number)
    it.assume(*naming.head_is_there(it.before, frame.number))
    is_tail = it.holds(frame.is_kind("LargeTail"))
    number = number & ~LARGE_MASK if is_tail else number
    head = it.region_frame(region, number)
    it.assume(*naming.head_is_there(it.before, head.number))
    it.assume(*naming.owner_is_there(it.before, head.number))
    if it.holds(head.is_kind("Free")):
        return _try_again(it) if is_tail else it.done()
    _take_from(it, frame, head, number)


def _try_again(it: Walk) -> None:
    """What is in the frame is being taken apart."""
    mark(it, "WORK")
    it.refuse("Again", z3.BoolVal(True))


def _finish(it: Walk, frame: Frame) -> None:
    """Something was taken apart: perhaps all that was in the frame."""
    # What is read after a procedure is read anew.
    if it.holds(it.frame(frame.number).is_kind("Free")):
        return it.done()
    _try_again(it)


def _take_from(it: Walk, frame: Frame, head: Frame, number: Word) -> None:
    """What is in a frame goes, or begins to."""
    kinds, link = it.layout.kinds, number << UNITS_PER_FRAME_BITS
    is_unmade = it.holds(head.is_kind("LargeHead"))
    if is_unmade or it.holds(head.is_kind("Quarantined")):
        begin = _abandon if is_unmade else _release
        begin(it, head)
        it.do(TAKE_APART, word(kinds["Frame"]), link)
        _finish(it, frame)
    elif it.holds(head.is_kind("User")):
        if it.holds(head["SPACE"] & it.layout.constants["user.DYING"] != 0):
            return _try_again(it)
        _kill(it, frame, word(kinds["Frame"]), link, 1)
    elif it.holds(z3.ULE(head.kind, max(kinds.values()))):
        kind = z3.ZeroExt(56, head.kind)
        is_error, victim = it.do_pair(VICTIM_IN_POOL, number, kind)
        if it.holds(z3.Extract(0, 0, is_error) == 1):
            it.end("own", z3.BoolVal(True), {"x0": victim, "x1": word(0)})
        elif it.holds(victim == 0):
            _try_again(it)
        else:
            _kill(it, frame, kind, victim, 2)
    else:
        _take_whole(it, frame, head)


def _abandon(it: Walk, head: Frame) -> None:
    """What is not yet a large frame is one that is dying."""
    user, taken = it.layout.constants, head["ADDRESS"]
    head.set_kind("User")
    head["SPACE"] = user["user.LARGE"] | user["user.DYING"]
    head["ADDRESS"] = LARGE_MASK + 1 - taken


def _release(it: Walk, head: Frame) -> None:
    """A frame in quarantine is dying, if its device was reset since."""
    identity, resets = it.do_pair(RESETS_OF, z3.LShR(head["ADDRESS"], OWNER_SHIFT))
    is_same = identity == head["ID"]
    with it.when(is_same):
        counted = head["RECORDS"]
    it.refuse("Quarantined", resets == z3.If(is_same, counted, word(0)))
    head["SPACE"] = head["SPACE"] | it.layout.constants["user.DYING"]
    for field in ("ID", "ADDRESS", "RECORDS"):
        head[field] = 0
    head.set_kind("User")


def _take_whole(it: Walk, frame: Frame, head: Frame) -> None:
    """The table or space of which a frame is a part is destroyed."""
    parts = dict.fromkeys(naming.PARTS.values())
    for whole in parts:
        kinds = (kind for kind, owner in naming.PARTS.items() if owner == whole)
        if not it.holds(disjunction(head.is_kind(kind) for kind in kinds)):
            continue
        kind, owner = word(it.layout.kinds[whole]), link_of(number_of(head["SPACE"]))
        it.refuse("Itself", owner == it.do(OWN_OF, kind))
        if it.holds(_identity(it, owner) == 0):
            return _try_again(it)
        return _kill(it, frame, kind, owner, 0)
    it.refuse("OutOfRange", z3.BoolVal(True))


def _kill(it: Walk, frame: Frame, kind: Word, number: Word, place: int) -> None:
    """An object in a frame is destroyed, unless an interrupt waits."""
    it.refuse("Again", it.interrupt(place))
    it.do(KILL, kind, number)
    _finish(it, frame)


def _of_pool(state: KernelState, number: Word, kind: Word) -> list[z3.BoolRef]:
    kinds = (name for name in state.layout.kinds if name not in FRAME_KIND_OF)
    frame = naming.frame_in(number)
    known = disjunction(
        z3.And(state.is_frame(frame, name), kind == state.layout.kinds[name]) for name in kinds
    )
    return [z3.ULT(number, 1 << frame.size()), known, *invariants.current_is_sound(state)]


def _is_victim(
    before: KernelState, _after: KernelState, answers: Answers, _number: Word, kind: Word
) -> list[z3.BoolRef]:
    """What is found is alive, and not the caller."""
    is_found = z3.And(z3.Extract(0, 0, answers[0]) == 0, answers[1] != 0)
    return [z3.Implies(is_found, rule) for rule in of_living(before, kind, answers[1])]


VICTIM_IN_POOL = Procedure(
    "victim_in_pool", victim_in_pool, 2, frozenset(), _of_pool, _is_victim
)

PROCEDURES = (VICTIM_IN_POOL,)
CALLS = (reclaim,)
