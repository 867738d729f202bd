"""From a test to the events of its candidate executions.

An instruction becomes one event, or, if it goes through a translation, a walk's reads and the
access (or the fault) that they lead to. What a walk finds decides which access there is, so the
values that walks find are chosen here, and the rest of a candidate (who reads from whom, and which
store is overwritten by which) in `search`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from order.language import FAULT, INVALID, MISSING, Instruction, Test

# Kinds of events.
READ = "R"
WRITE = "W"
WALK_READ = "T"
FETCH = "I"
DEVICE_READ = "D"
SYSTEM_READ = "Y"
USE = "U"
SYSTEM_WRITE = "S"
FAULTS = "X"
BARRIER = "F"
SYNCHRONIZATION = "E"
MAINTENANCE = "M"
SLEEP = "Z"

READS = frozenset({READ, WALK_READ, FETCH, DEVICE_READ, SYSTEM_READ, USE})
WRITES = frozenset({WRITE, SYSTEM_WRITE})


@dataclass
class Event:
    """One event. `number` is its place in the list of all, `order` that of its instruction."""

    number: int
    thread: int
    core: int
    order: int
    kind: str
    location: str = ""
    value: str = ""
    register: str = ""
    operation: str = ""
    flags: frozenset[str] = frozenset()
    label: str = ""
    address_from: set[int] = field(default_factory=set)
    data_from: set[int] = field(default_factory=set)
    control_from: set[int] = field(default_factory=set)
    inside: set[int] = field(default_factory=set)
    pair: int = -1
    level: str = ""


@dataclass
class Skeleton:
    """Events whose sources are still open, and registers that are known already."""

    events: list[Event]
    known: dict[str, str]


def values_of(test: Test, location: str) -> list[str]:
    """All values that a location ever has."""
    values = [test.initial.get(location, INVALID)]
    for thread in test.threads:
        for it in thread:
            if it.name in ("W", "SWP", "DW", "MSR") and it.operands[0] == location:
                values.append(it.operands[1])
    return list(dict.fromkeys(values))


def walks_of(test: Test) -> list[tuple[int, int, list[str]]]:
    """Thread, place and locations of every translation in a test."""
    return [
        (number, place, it.operands[0].split(">"))
        for number, thread in enumerate(test.threads)
        for place, it in enumerate(thread)
        if it.name in ("UR", "UW", "WALK")
    ]


def skeletons(test: Test) -> Iterator[Skeleton]:
    """The candidates' events, one list for each choice of what the walks find."""
    walks = walks_of(test)
    choices = []
    for _, _, chain in walks:
        found = []
        for values in itertools.product(*(values_of(test, place) for place in chain)):
            # A walk ends where it finds nothing.
            end = values.index(INVALID) + 1 if INVALID in values else len(values)
            found.append(values[:end])
        choices.append(list(dict.fromkeys(found)))
    for chosen in itertools.product(*choices):
        by_place = {(walk[0], walk[1]): found for walk, found in zip(walks, chosen, strict=True)}
        yield Builder(test, by_place).build()


class Builder:
    """Makes the events of a test, for one choice of what its walks find."""

    def __init__(self, test: Test, found: dict[tuple[int, int], tuple[str, ...]]) -> None:
        self.test = test
        self.found = found
        self.events: list[Event] = []
        self.known: dict[str, str] = {}
        self.written: dict[str, set[int]] = {}
        self.control: set[int] = set()
        self.exclusive = -1

    def build(self) -> Skeleton:
        """All events."""
        for number, thread in enumerate(self.test.threads):
            self.written, self.control, self.exclusive = {}, set(), -1
            for place, instruction in enumerate(thread):
                self.add_instruction(number, place, instruction)
        return Skeleton(self.events, self.known)

    def add(self, thread: int, place: int, it: Instruction, kind: str, location: str) -> Event:
        """One event of an instruction, with the dependencies that are written beside it."""
        event = Event(
            len(self.events), thread, self.test.cores[thread], place, kind, location,
            flags=it.flags, label=it.label, operation=it.option,
        )
        for name, register in it.depends:
            sources = self.written.get(register, set())
            if name == "addr":
                event.address_from |= sources
            elif name == "data":
                event.data_from |= sources
            else:
                self.control |= sources
        event.control_from = set(self.control)
        self.events.append(event)
        return event

    def load(self, thread: int, place: int, it: Instruction, kind: str) -> Event:
        """An event that fills the register of an instruction."""
        event = self.add(thread, place, it, kind, it.operands[0])
        event.register = f"{thread}.{it.operands[-1]}"
        self.written[it.operands[-1]] = {event.number}
        return event

    def add_instruction(self, thread: int, place: int, it: Instruction) -> None:
        """The events of an instruction."""
        loads = {"R": READ, "IF": FETCH, "DR": DEVICE_READ, "CR": DEVICE_READ, "RS": SYSTEM_READ,
                 "USE": USE}
        if it.name in ("UR", "UW", "WALK"):
            self.add_translated(thread, place, it)
        elif it.name in loads:
            event = self.load(thread, place, it, loads[it.name])
            event.operation = "cached" if it.name == "CR" else ""
            if "ex" in it.flags:
                self.exclusive = event.number
        elif it.name in ("W", "DW", "MSR"):
            kind = SYSTEM_WRITE if it.name == "MSR" else WRITE
            event = self.add(thread, place, it, kind, it.operands[0])
            event.value = it.operands[1]
            if "ex" in it.flags:
                event.pair = self.exclusive
        elif it.name == "SWP":
            read = self.load(thread, place, it, READ)
            read.flags = it.flags - {"rel"}
            write = self.add(thread, place, it, WRITE, it.operands[0])
            write.flags = it.flags - {"acq"}
            write.value, write.pair, write.inside = it.operands[1], read.number, {read.number}
        else:
            self.add_other(thread, place, it)

    def add_other(self, thread: int, place: int, it: Instruction) -> None:
        """Barriers, maintenance and what synchronizes."""
        kinds = {"DMB": BARRIER, "DSB": BARRIER, "WFI": SLEEP, "TLBI": MAINTENANCE,
                 "DC": MAINTENANCE, "IC": MAINTENANCE}
        event = self.add(thread, place, it, kinds.get(it.name, SYNCHRONIZATION), "")
        event.operation = f"{it.name.lower()}.{it.option}"
        event.location = it.operands[0] if it.operands else ""

    def add_translated(self, thread: int, place: int, it: Instruction) -> None:
        """A walk, and the access or the fault that it leads to."""
        chain = it.operands[0].split(">")
        found = self.found[thread, place]
        before: set[int] = set()
        for level, (location, value) in enumerate(zip(chain, found, strict=False)):
            walk = self.add(thread, place, it, WALK_READ, location)
            walk.value, walk.inside = value, before
            walk.operation = "fresh" if it.name == "WALK" and it.option == "fresh" else ""
            walk.level = "leaf" if level + 1 == len(chain) else "table"
            before = before | {walk.number}
        register, leaf = it.operands[-1], found[-1]
        self.written[register] = before
        name = f"{thread}.{register}"
        fault = FAULT if len(found) == len(chain) else MISSING
        if it.name == "WALK":
            self.known[name] = fault if leaf == INVALID else leaf
            return
        is_refused = it.name == "UW" and leaf.endswith("-")
        if leaf == INVALID or is_refused:
            event = self.add(thread, place, it, FAULTS, "")
            self.known[name] = fault
        elif it.name == "UR":
            event = self.add(thread, place, it, READ, leaf.rstrip("-"))
            event.register = name
        else:
            event = self.add(thread, place, it, WRITE, leaf)
            event.value = it.operands[1]
            self.known[name] = "ok"
        event.inside = before
