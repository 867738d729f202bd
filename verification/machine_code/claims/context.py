"""Scheduling contexts."""

from __future__ import annotations

import z3

from ..call import Call, Word, word


def context_set_handler(it: Call, handle: Word, gate: Word) -> None:
    """Who hears that the budget is used up."""
    context = it.find(handle, "SchedulingContext", "WRITE")
    handler = it.find(gate, "Gate", "SIGNAL")
    context["HANDLER"] = it.link(handler)
    context["HANDLER_ID"] = handler["ID"]
    it.done()


def context_inspect(it: Call, handle: Word) -> None:
    """How many ticks were used, with those that are not billed yet."""
    context = it.find(handle, "SchedulingContext", "READ")
    is_billed = it.core["BILLED"] == it.link(context)
    with it.when(is_billed):
        unbilled = z3.BitVec("cntvct_el0_0", 64) - it.core["STARTED"]
    it.done(context["USED"] + z3.If(is_billed, unbilled, word(0)))


CALLS = (context_set_handler, context_inspect)
