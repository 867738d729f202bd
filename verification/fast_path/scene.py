"""The states in which the fast path applies, with everything that they leave open as a symbol.

Each state satisfies the invariants (see the README) and the condition under which the fast path
is taken; and each state that does is one of these, for some values of the symbols: a link that
names an object *is* that object's number, a word that no path should look at is a symbol of its
own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import z3

from machine_code.memory import NUMBER_BITS

from .facts import Facts
from .fields import FieldMemory, Thing

STACK_UNITS = 64
UNIT_WORDS = 8
SAVED = range(19, 31)
REASON_BITS = (63, 60)
MESSAGE_BITS = 32
METHOD_BITS = 16
SLOT_BITS = 8


@dataclass(frozen=True)
class Case:
    """Which of a few kinds of state: everything else is a symbol."""

    route: str
    # The core's index.
    core: int
    # Somebody waits behind the server, or at the endpoint already.
    has_neighbor: bool
    # A notification is bound to the server.
    is_bound: bool = False
    # What the answer to a fault says.
    method: int = 0

    def __str__(self) -> str:
        parts = [self.route, f"core {self.core}", "neighbor" if self.has_neighbor else "alone"]
        parts += ["bound"] if self.is_bound else []
        parts += [f"method {self.method}"] if self.route == "Fault" else []
        return ", ".join(parts)


def cases(cores: Iterable[int]) -> Iterator[Case]:
    """All cases on each of these cores."""
    for core in cores:
        for neighbor in (False, True):
            yield Case("Call", core, neighbor)
            for bound in (False, True):
                yield Case("Reply", core, neighbor, bound)
                for method in (0, 1):
                    yield Case("Fault", core, neighbor, bound, method)


@dataclass
class Scene:
    """A case as memory, registers and hypotheses."""

    facts: Facts
    case: Case
    memory: FieldMemory
    registers: dict[str, z3.BitVecRef] = field(default_factory=dict)
    hypotheses: list[z3.BoolRef] = field(default_factory=list)

    @staticmethod
    def of(facts: Facts, case: Case) -> Scene:
        scene = Scene(facts, case, FieldMemory(_things(facts)))
        scene.hypotheses += [thing.is_placed() for thing in scene.memory.things.values()]
        scene._set_threads()
        scene._set_core()
        if case.route == "Call":
            scene._set_call()
        else:
            scene._set_reply()
        scene._set_registers()
        return scene

    def get(self, name: str, field_name: str) -> z3.BitVecRef:
        return self.memory.get(name, self.facts.fields[field_name])

    def set(self, name: str, field_name: str, value: z3.BitVecRef | int) -> None:
        term = z3.BitVecVal(value, 64) if isinstance(value, int) else value
        self.memory = self.memory.put(name, self.facts.fields[field_name], term)

    def thing(self, name: str) -> Thing:
        return self.memory.things[name]

    def constant(self, name: str) -> int:
        return self.facts.constants[name]

    def slow_registers(self) -> tuple[FieldMemory, dict[str, z3.BitVecRef]]:
        """Memory and registers where the slow path begins, if the fast path left at once."""
        memory, first = self.memory, self.facts.fields["Thread.X"]
        for register in SAVED:
            value = z3.BitVec(f"initial_x{register}", 64)
            memory = memory.put("current", first + register, value)
        return memory, self.registers

    def _set_threads(self) -> None:
        for name in ("current", "partner"):
            # Its number with its marks: floating point or not; debug registers keep a thread off.
            extra = z3.If(z3.Bool(f"{name}_floats"), self._word("EXTRA_MARK"), self._word(0))
            link = self.thing(name).link() | self._word("REPLY_MARK")
            self.set(name, "Thread.LINK", link | extra)
            self.set(name, "Thread.CORE", self.case.core)
        self.set("current", "Thread.SLOTS", self.thing("slots").link())
        self.set("current", "Thread.MASK", (1 << SLOT_BITS) - 1)

    def _set_core(self) -> None:
        self.set("core", "Core.INDEX", self.case.core)
        owner = z3.ZeroExt(64 - NUMBER_BITS, z3.BitVec("floating_owner", NUMBER_BITS))
        self.set("core", "Core.FLOATING_OWNER", owner)
        marks = self.constant("EXTRA_MARK") | self.constant("DEBUG_MARK")
        extra, link = self.get("core", "Core.EXTRA"), self.get("current", "Thread.LINK")
        self.hypotheses.append(extra & marks == link & marks)

    def _set_call(self) -> None:
        index = 2 * self.case.core
        waits = self.thing("endpoint").link() | self._word("WAIT_RECEIVE")
        self._set_server("partner", waits)
        self._wait("partner", "Thread.NEXT", waits)
        servers = self.facts.fields["Endpoint.SERVERS"] + index
        self.memory = self.memory.put("endpoint", servers, self.thing("partner").link())
        self.set("gate", "Gate.ENDPOINT", self.thing("endpoint").link())
        self.hypotheses.append(self.get("endpoint", "Endpoint.ID") != 0)
        self.set("current", "Thread.WAIT", 0)
        special = self.get("current", "Thread.SPECIAL")
        kept_off = self.constant("FOREIGN") | self.constant("DEBUG")
        self.hypotheses.append(special & kept_off == 0)
        self._set_slot("gate", "KIND_GATE", "SEND", self.get("gate", "Gate.ID"))

    def _set_server(self, name: str, waits: z3.BitVecRef) -> None:
        self.set(name, "Thread.WAIT", waits)
        self.set(name, "Thread.SPECIAL", 0)
        self.set(name, "Thread.PREV", 0)
        self.set(name, "Thread.STATE", self.constant("LIVE"))

    def _wait(self, owner: str, field_name: str, waits: z3.BitVecRef) -> None:
        """The neighbor, if there is one, waits where this field says."""
        if not self.case.has_neighbor:
            self.set(owner, field_name, 0)
            return
        self.set(owner, field_name, self.thing("neighbor").link())
        self.set("neighbor", "Thread.WAIT", waits)
        self.set("neighbor", "Thread.PREV", self.thing(owner).link())

    def _set_reply(self) -> None:
        link = self.get("current", "Thread.LINK")
        self.set("current", "Thread.CALLER", self.get("partner", "Thread.LINK"))
        self.set("current", "Thread.SPECIAL", 0)
        self.set("current", "Thread.WAIT", 0)
        self.set("partner", "Thread.SPECIAL", 0)
        self.set("partner", "Thread.STATE", self.constant("LIVE"))
        if self.case.route == "Fault":
            plain = link & z3.BitVecVal((1 << REASON_BITS[1]) - 1, 64)
            self.set("partner", "Thread.WAIT", plain | self._word("WAIT_SLOW_REPLY"))
            self.set("partner", "Thread.SENDING", self.constant("FAULT"))
            program_state = self.get("partner", "Thread.PSTATE")
            self.hypotheses.append(program_state & self.constant("LIGHT") == 0)
        else:
            self.set("partner", "Thread.WAIT", link)
        waits = self.thing("endpoint").link() | self._word("WAIT_RECEIVE")
        servers = self.facts.fields["Endpoint.SERVERS"] + 2 * self.case.core
        neighbor = self.thing("neighbor").link() if self.case.has_neighbor else self._word(0)
        self.memory = self.memory.put("endpoint", servers, neighbor)
        if self.case.has_neighbor:
            self.set("neighbor", "Thread.WAIT", waits)
        self.set("endpoint", "Endpoint.WAITING", 0)
        self.set("current", "Thread.BOUND", 0)
        if self.case.is_bound:
            self.set("current", "Thread.BOUND", self.thing("notification").link())
            self.set("notification", "Notification.BITS", 0)
        # A thread that serves on its own context has the mark OWN_TIME in SPECIAL.
        own, used = self.get("current", "Thread.OWN_CONTEXT"), self.get("core", "Core.CONTEXT")
        self.hypotheses.append(own != used)
        self._set_slot("endpoint", "KIND_ENDPOINT", "RECEIVE", self.get("endpoint", "Endpoint.ID"))

    def _set_slot(self, name: str, kind: str, right: str, identity: z3.BitVecRef) -> None:
        rights = z3.BitVec("rights", 8)
        self.hypotheses.append(rights & self.constant(right) == self.constant(right))
        number = z3.Concat(self.thing(name).number, z3.BitVecVal(0, 6))
        parts = (rights, z3.BitVecVal(self.constant(kind), 8), z3.BitVecVal(0, 2), number)
        handle = z3.ZeroExt(64 - SLOT_BITS, z3.BitVec("handle", SLOT_BITS))
        base = self.thing("slots").address() + (handle << 4)
        slot = (z3.simplify(base), identity, z3.simplify(z3.Concat(*parts)))
        self.memory = FieldMemory(self.memory.things, self.memory.words, slot)
        self.registers["x17"] = handle

    def _set_registers(self) -> None:
        tag = z3.BitVec("tag", MESSAGE_BITS)
        if self.case.route == "Fault":
            upper = z3.BitVec("tag", MESSAGE_BITS - METHOD_BITS)
            tag = z3.Concat(upper, z3.BitVecVal(self.case.method, METHOD_BITS))
        call = "CALL" if self.case.route == "Call" else "REPLY_RECEIVE"
        self.registers |= {
            "x16": z3.ZeroExt(64 - MESSAGE_BITS, tag),
            "xsp": self.thing("current").address(),
            "tpidr_el1": self.thing("core").address(),
            "ttbr0_el1": self.get("current", "Thread.ROOT"),
            "esr_el1": z3.BitVecVal(self.constant("SVC") | self.constant(call), 64),
        }

    def _word(self, value: int | str) -> z3.BitVecRef:
        return z3.BitVecVal(self.constant(value) if isinstance(value, str) else value, 64)


def _things(facts: Facts) -> dict[str, Thing]:
    """The objects of a scene; each is aligned to its size, and no two overlap."""
    kinds = facts.constants

    def thing(name: str, kind: str, byte: str) -> Thing:
        return Thing(name, z3.BitVec(name, NUMBER_BITS), facts.sizes[kind], kinds[byte])

    core = thing("core", "Core", "KIND_KERNEL")
    below = z3.simplify(core.number - STACK_UNITS)
    stack = Thing("stack", below, STACK_UNITS * UNIT_WORDS, kinds["KIND_KERNEL"])
    things = [
        core,
        stack,
        thing("current", "Thread", "KIND_THREAD"),
        thing("partner", "Thread", "KIND_THREAD"),
        thing("neighbor", "Thread", "KIND_THREAD"),
        thing("endpoint", "Endpoint", "KIND_ENDPOINT"),
        thing("gate", "Gate", "KIND_GATE"),
        thing("slots", "Slots", "KIND_SLOTS"),
        thing("notification", "Notification", "KIND_NOTIFICATION"),
    ]
    return {item.name: item for item in things}
