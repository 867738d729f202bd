"""The lookup with which every message call of the slow path begins."""

from __future__ import annotations

import z3

from ..call import Call, Word, word
from ..kernel_state import link_of, number_of
from .steps import live_gate


def find_send_gate(it: Call, thread: Word, handle: Word) -> None:
    """The endpoint of a live gate with the right to send, and the capability; or an error."""
    it.failure = lambda error: {"x0": word(0), "x1": error}
    caller = it.object("Thread", number_of(thread))
    it.require(thread == link_of(caller.number), it.before.is_live(caller.number, "Thread"))
    _, endpoint, capability = live_gate(it, caller, handle)
    it.end("found", z3.BoolVal(True), {"x0": it.link(endpoint), "x1": capability})


