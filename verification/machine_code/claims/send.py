"""The lookup with which every message call of the slow path begins."""

from __future__ import annotations

import z3

from .. import invariants
from ..call import Call, Word, word
from ..kernel_state import link_of, number_of


def find_send_gate(it: Call, thread: Word, handle: Word) -> None:
    """The endpoint of a live gate with the right to send, and the capability; or an error."""
    it.failure = lambda error: {"x0": word(0), "x1": error}
    caller = it.object("Thread", number_of(thread))
    it.require(thread == link_of(caller.number), it.before.is_live(caller.number, "Thread"))
    slot = it.capability(caller, handle)
    it.check(slot, it.kind("Gate"), it.rights("SEND"))
    gate = it.object("Gate", slot.number())
    it.assume(*invariants.gate_is_sound(it.before, gate.number))
    endpoint = it.object("Endpoint", number_of(gate["ENDPOINT"]))
    it.refuse("Died", endpoint["ID"] == 0)
    it.end("found", z3.BoolVal(True), {"x0": it.link(endpoint), "x1": slot.word})


