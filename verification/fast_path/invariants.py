"""The invariants that the theorem rests on, each stated for the objects that a path meets.

They are those of `core/src/check.rs`, on words. `cover` shows that a state that satisfies them,
and in which the fast path applies, is one of the scenes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import z3

from machine_code.memory import NUMBER_BITS, OBJECTS

from .everywhere import WORD
from .facts import Facts

CORES = 8
MASK = 255


@dataclass(frozen=True)
class Sound:
    """Any memory, as objects with fields. Numbers have 40 bits."""

    facts: Facts

    def get(self, number: z3.BitVecRef, name: str, index: int = 0) -> z3.BitVecRef:
        """A field of an object."""
        return WORD(address_of(number, self.facts.fields[name] + index))

    def is_thread(self, thread: z3.BitVecRef) -> Iterator[z3.BoolRef]:
        """Its link word is its own; debug registers and foreign calls keep it off the fast path."""
        constants = self.facts.constants
        marks = constants["EXTRA_MARK"] | constants["DEBUG_MARK"]
        link, special = self.get(thread, "Thread.LINK"), self.get(thread, "Thread.SPECIAL")
        kept_off = special & (constants["FOREIGN"] | constants["DEBUG"]) != 0
        mask = self.get(thread, "Thread.MASK")
        yield link & ~z3.BitVecVal(marks, 64) == word_of(thread) | constants["REPLY_MARK"]
        yield z3.Implies(link & constants["DEBUG_MARK"] != 0, special & constants["DEBUG"] != 0)
        yield z3.Or(mask == 0, mask == MASK)
        yield z3.Implies(kept_off, mask == 0)
        yield is_link(self.get(thread, "Thread.SLOTS"))

    def is_slot(self, slots: z3.BitVecRef, identity: z3.BitVecRef, word: z3.BitVecRef) -> Iterator:
        """A filled slot names a place in memory; slot 0 of a table is empty."""
        del identity
        yield z3.Extract(5, 0, word) == 0
        yield z3.Extract(47, 46, word) == 0
        yield WORD(address_of(slots, 1)) == 0

    def is_core(self, core: z3.BitVecRef, current: z3.BitVecRef) -> Iterator[z3.BoolRef]:
        """The core's object and its registers agree about who runs."""
        constants = self.facts.constants
        marks = constants["EXTRA_MARK"] | constants["DEBUG_MARK"]
        extra, link = self.get(core, "Core.EXTRA"), self.get(current, "Thread.LINK")
        yield extra & marks == link & marks
        yield self.get(core, "Core.INDEX") == self.get(current, "Thread.CORE")
        yield z3.ULT(self.get(core, "Core.INDEX"), CORES)
        yield is_link(self.get(core, "Core.FLOATING_OWNER"))
        yield self.get(current, "Thread.WAIT") == 0

    def is_gate(self, gate: z3.BitVecRef) -> Iterator[z3.BoolRef]:
        """It leads to an endpoint."""
        yield is_link(self.get(gate, "Gate.ENDPOINT"))

    def is_endpoint(self, endpoint: z3.BitVecRef, core: int) -> Iterator[z3.BoolRef]:
        """Who waits is in its list; one that died has nobody there."""
        servers = self.get(endpoint, "Endpoint.SERVERS", 2 * core)
        first = number_of(servers)
        yield is_link(servers)
        yield z3.Implies(self.get(endpoint, "Endpoint.ID") == 0, servers == 0)
        yield z3.Implies(servers != 0, z3.And(*self.waits_at(first, endpoint)))
        yield z3.Implies(servers != 0, self.get(first, "Thread.PREV") == 0)
        yield z3.Implies(servers != 0, self.get(first, "Thread.CORE") == core)

    def waits_at(self, server: z3.BitVecRef, endpoint: z3.BitVecRef) -> Iterator[z3.BoolRef]:
        """A server in an endpoint's list, and the one behind it."""
        waits = word_of(endpoint) | self.facts.constants["WAIT_RECEIVE"]
        following = self.get(server, "Thread.NEXT")
        yield self.get(server, "Thread.WAIT") == waits
        yield self.get(server, "Thread.STATE") == self.facts.constants["LIVE"]
        yield is_link(following)
        behind = number_of(following)
        linked = z3.And(
            self.get(behind, "Thread.WAIT") == waits,
            self.get(behind, "Thread.PREV") == word_of(server),
        )
        yield z3.Implies(following != 0, linked)

    def is_serving(self, server: z3.BitVecRef, core: z3.BitVecRef) -> Iterator[z3.BoolRef]:
        """Server and caller are paired. Who serves on its own time, or has signals, is marked."""
        constants = self.facts.constants
        link = self.get(server, "Thread.CALLER")
        caller = number_of(link)
        waits = self.get(caller, "Thread.WAIT")
        unmarked = self.get(server, "Thread.LINK") & z3.BitVecVal((1 << 60) - 1, 64)
        is_fault = waits == unmarked | constants["WAIT_SLOW_REPLY"]
        bound = self.get(server, "Thread.BOUND")
        own, used = self.get(server, "Thread.OWN_CONTEXT"), self.get(core, "Core.CONTEXT")
        paired = z3.And(
            link == self.get(caller, "Thread.LINK"),
            z3.Or(waits == self.get(server, "Thread.LINK"), is_fault),
            self.get(caller, "Thread.STATE") == constants["LIVE"],
            z3.Implies(is_fault, self.get(caller, "Thread.SENDING") == constants["FAULT"]),
            z3.Implies(is_fault, self.get(caller, "Thread.PSTATE") & constants["LIGHT"] == 0),
            self.get(caller, "Thread.CORE") == self.get(server, "Thread.CORE"),
        )
        is_plain = self.get(server, "Thread.SPECIAL") == 0
        silent = z3.Or(bound == 0, self.get(number_of(bound), "Notification.BITS") == 0)
        yield is_link(bound)
        yield z3.Implies(link != 0, paired)
        yield z3.Implies(is_plain, silent)
        yield z3.Implies(z3.And(is_plain, link != 0), own != used)


def address_of(number: z3.BitVecRef, word: int) -> z3.BitVecRef:
    """Where a word of an object is mapped."""
    return z3.simplify((word_of(number) << 6) + (OBJECTS.base + 8 * word))


def word_of(number: z3.BitVecRef) -> z3.BitVecRef:
    """A number as a link word."""
    return z3.ZeroExt(64 - NUMBER_BITS, number)


def number_of(word: z3.BitVecRef) -> z3.BitVecRef:
    """The number in a link word."""
    return z3.Extract(NUMBER_BITS - 1, 0, word)


def is_link(word: z3.BitVecRef) -> z3.BoolRef:
    """A link without marks."""
    return z3.Extract(63, NUMBER_BITS, word) == 0
