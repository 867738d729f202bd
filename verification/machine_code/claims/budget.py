"""Budgets: what contexts used, and when it comes back."""

from __future__ import annotations

import z3

from .. import queues
from ..kernel_state import KernelState
from ..procedure import Procedure
from ..telling import Object, Word, word
from ..walk import Element, Walk
from .resume import PREEMPT
from .run_queue import CONTEXT, mark
from .stop import UNQUEUE
from .wheel import MAKE_READY, REFILLS, first_refill

# The two words of a refill.
TIME, AMOUNT = 0, 1

# How many bits of a share come after its point: parts of a core's time.
SHARE_SHIFT = 20


def refill(it: Walk, context: Object, place: Word, part: int) -> Element:
    """A word of a refill of the ring, by its place."""
    index = z3.Concat(z3.Extract(2, 0, place), z3.BitVecVal(part, 1))
    return it.element("REFILLS", index, context)


def drop_first_refill(it: Walk, link: Word) -> None:
    """The first refill goes."""
    context = it.thing(CONTEXT, link)
    first, count = context["REFILL_FIRST"], context["REFILL_COUNT"]
    context["REFILL_FIRST"] = (first + 1) & (REFILLS - 1)
    context["REFILL_COUNT"] = count - 1
    for part in (TIME, AMOUNT):
        refill(it, context, first, part).write(0)
    it.finish()


def take_from_refills(it: Walk, link: Word, left: Word) -> None:
    """What was used goes out of the first refills."""
    context = it.thing(CONTEXT, link)
    for _ in range(REFILLS):
        if it.holds(left == 0):
            return it.finish()
        if it.holds(context["REFILL_COUNT"] == 0):
            return it.finish()
        first = refill(it, context, context["REFILL_FIRST"], AMOUNT)
        amount = first.read()
        if it.holds(z3.UGT(amount, left)):
            first.write(amount - left)
            return it.finish()
        left = left - amount
        it.do(DROP_FIRST_REFILL, context)
    it.finish()


def add_refill(it: Walk, link: Word, when: Word, amount: Word) -> None:
    """A refill comes behind the others; it is joined to the last if there is no room."""
    context = it.thing(CONTEXT, link)
    count = context["REFILL_COUNT"]
    is_full = count == REFILLS
    count = z3.If(is_full, count, count + 1)
    last = context["REFILL_FIRST"] + count - 1
    joined = refill(it, context, last, AMOUNT).read()
    context["REFILL_COUNT"] = count
    refill(it, context, last, TIME).write(when)
    refill(it, context, last, AMOUNT).write(amount + z3.If(is_full, joined, word(0)))
    it.finish()


def join_small_refills(it: Walk, link: Word) -> None:
    """The first refills are joined until the first is worth a run."""
    context = it.thing(CONTEXT, link)
    least = it.layout.constants["BUDGET_TICKS_MIN"]
    for _ in range(REFILLS):
        first, count = context["REFILL_FIRST"], context["REFILL_COUNT"]
        amount = refill(it, context, first, AMOUNT).read()
        if it.holds(z3.Or(z3.ULE(count, 1), z3.UGE(amount, least))):
            return it.finish()
        following = refill(it, context, first + 1, AMOUNT)
        following.write(following.read() + amount)
        it.do(DROP_FIRST_REFILL, context)
    it.finish()


def charge(it: Walk, link: Word, now: Word) -> None:
    """What a context used until now comes back a period after it began."""
    context = it.thing(CONTEXT, link)
    started = it.core["STARTED"]
    used, budget = now - started, context["BUDGET"]
    it.core["BILLED"] = 0
    context["USED"] = context["USED"] + used
    if it.holds(z3.Or(used == 0, budget == 0)):
        return it.finish()
    used = z3.If(z3.ULT(budget, used), budget, used)
    it.do(TAKE_FROM_REFILLS, context, used)
    it.do(ADD_REFILL, context, started + context["PERIOD"], used)
    it.do(JOIN_SMALL_REFILLS, context)
    if it.holds(context["QUEUED"] == 0):
        return it.finish()
    if it.holds(z3.UGT(first_refill(it, context), now)):
        it.do(UNQUEUE, context)
        it.do(MAKE_READY, context)
    it.finish()


def _share_of(budget: Word, period: Word) -> Word:
    """The part of a core's time that a budget takes, rounded up."""
    scaled = budget << SHARE_SHIFT
    # As the processor divides; the period is not zero.
    whole = z3.If(period == 0, word(0), z3.UDiv(scaled, period))
    return z3.If(scaled == whole * period, whole, whole + 1)


def _check_grant(it: Walk, allowance: Object, priority: Word, budget: Word, period: Word) -> Word:
    """Refuses what an allowance does not allow; answers the share that it takes."""
    names = it.layout.constants
    is_unlimited = budget | period == 0
    is_short = z3.ULT(budget, names["BUDGET_TICKS_MIN"])
    is_long = z3.Or(z3.UGT(budget, period), z3.UGT(period, names["PERIOD_TICKS_MAX"]))
    it.refuse("OutOfRange", z3.And(z3.Not(is_unlimited), z3.Or(is_short, is_long)))
    with it.when(is_unlimited):
        it.refuse("OutOfRange", z3.UGT(priority, allowance["UNLIMITED"]))
    with it.when(z3.Not(is_unlimited)):
        it.refuse("OutOfRange", z3.UGT(priority, allowance["LIMIT"]))
    return z3.If(is_unlimited, word(0), _share_of(budget, period))


def _next_refill(it: Walk, context: Object, now: Word) -> Word:
    """When a context may run that loses its refills: not before the last of them, nor now."""
    first, count = context["REFILL_FIRST"], context["REFILL_COUNT"]
    with it.when(count != 0):
        last = refill(it, context, first + count - 1, TIME).read()
    is_later = z3.And(count != 0, z3.UGT(last, now))
    return z3.If(is_later, last, now)


def context_configure(
    it: Walk, handle: Word, allowances: Word, priority: Word, budget: Word, period: Word
) -> None:
    """A context gets another priority and budget, wherever it is."""
    context = it.find(handle, CONTEXT, "WRITE")
    allowance = it.find(allowances, "Allowance", "WRITE")
    it.refuse("BadArgument", context["ALLOWANCE"] != it.link(allowance))
    share = _check_grant(it, allowance, priority, budget, period)
    left = allowance["COUNT"] + context["SHARE"]
    it.refuse("Exhausted", z3.UGT(share, left))
    allowance["COUNT"] = left - share
    context["SHARE"] = share
    now = it.clock()
    if it.holds(it.core["BILLED"] == it.link(context)):
        it.do(CHARGE, context, now)
    waits = context["QUEUED"] | it.thing("Timed", it.link(context))["SLOT"]
    it.do(UNQUEUE, context)
    first = _next_refill(it, context, now)
    context["PRIORITY"] = priority & (it.layout.constants["PRIORITIES"] - 1)
    context["BUDGET"] = budget
    context["PERIOD"] = period
    context["REFILL_FIRST"] = 0
    context["REFILL_COUNT"] = z3.If(budget != 0, word(1), word(0))
    context.put("REFILLS", TIME, first)
    context.put("REFILLS", AMOUNT, budget)
    if it.holds(waits != 0):
        it.do(MAKE_READY, context)
    it.do(PREEMPT)
    mark(it, "TIME")
    it.done()


def _of_context(state: KernelState, context: Word, *_rest: Word) -> list[z3.BoolRef]:
    return queues.names(state, context, CONTEXT)


_RING = frozenset({f"{CONTEXT}.{field}" for field in ("REFILL_COUNT", "REFILLS")})
_DROP = _RING | {f"{CONTEXT}.REFILL_FIRST"}
_CHARGE = _DROP | UNQUEUE.changes | MAKE_READY.changes | {"Core.BILLED", f"{CONTEXT}.USED"}

DROP_FIRST_REFILL = Procedure("drop_first_refill", drop_first_refill, 1, _DROP, _of_context)
TAKE_FROM_REFILLS = Procedure("take_from_refills", take_from_refills, 2, _DROP, _of_context)
ADD_REFILL = Procedure("add_refill", add_refill, 3, _RING, _of_context)
JOIN_SMALL_REFILLS = Procedure("join_small_refills", join_small_refills, 1, _DROP, _of_context)
CHARGE = Procedure("charge", charge, 2, _CHARGE, _of_context)

PROCEDURES = (DROP_FIRST_REFILL, TAKE_FROM_REFILLS, ADD_REFILL, JOIN_SMALL_REFILLS, CHARGE)
CALLS = (context_configure,)
