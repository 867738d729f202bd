"""Arm's axiomatic memory model, with translation walks, instruction fetch and devices.

Three axioms decide about a candidate execution (Deacon's `aarch64.cat`; Pulte et al., POPL 2018):
*internal visibility* (each location alone is coherent), *atomic*, and *external visibility* (the
relation ob, "ordered before", has no cycle). What walks and fetches add to ob follows Simner et
al., "Relaxed virtual memory in Armv8-A" (ESOP 2022), the strong model without ETS, and Simner et
al., "ARMv8-A system semantics: instruction fetch in relaxed architectures" (ESOP 2020). What is our
own, for what these do not treat: README.md lists it.
"""

from __future__ import annotations

from dataclasses import dataclass

from order.events import (
    BARRIER,
    DEVICE_READ,
    FAULTS,
    FETCH,
    MAINTENANCE,
    READ,
    SYNCHRONIZATION,
    SYSTEM_READ,
    SYSTEM_WRITE,
    USE,
    WALK_READ,
    WRITE,
    Event,
)
from order.language import INVALID

# What makes a read that is not coherent, of a device (``) or of a core (`cached`), see a store.
POINT_OF_COHERENCY = {"": ("dc.cvac", "dc.civac"), "cached": ("dc.civac",)}
DOMAINS = {"nsh": 0, "ish": 1, "osh": 2, "sy": 3}
Edge = tuple[int, int]


@dataclass
class Candidate:
    """Events; for each read its source (-1: the initial value); for each location its stores in
    coherence order; and which of store and maintenance comes first (generalized coherence)."""

    events: list[Event]
    source: dict[int, int]
    coherence: dict[str, list[int]]
    maintained: set[Edge]
    reach: str


def closure(count: int, edges: set[Edge]) -> list[int]:
    """For each event the set (as bits) of those that come after it."""
    after = [0] * count
    for a, b in edges:
        after[a] |= 1 << b
    for middle in range(count):
        for a in range(count):
            if after[a] >> middle & 1:
                after[a] |= after[middle]
    return after


def is_acyclic(count: int, edges: set[Edge]) -> bool:
    """Whether no event comes after itself."""
    return not any(after >> number & 1 for number, after in enumerate(closure(count, edges)))


def from_reads(candidate: Candidate) -> set[Edge]:
    """From each read to the stores that overwrite what it read."""
    edges = set()
    for read, source in candidate.source.items():
        order = candidate.coherence.get(candidate.events[read].location, [])
        start = order.index(source) + 1 if source >= 0 else 0
        edges |= {(read, write) for write in order[start:] if write != read}
    return edges


def coherence_edges(candidate: Candidate) -> set[Edge]:
    """All pairs of stores to one location."""
    return {
        (order[i], order[j])
        for order in candidate.coherence.values()
        for i in range(len(order))
        for j in range(i + 1, len(order))
    }


def is_before(a: Event, b: Event) -> bool:
    """Program order."""
    return a.thread == b.thread and a.order < b.order


def is_internally_visible(candidate: Candidate) -> bool:
    """Coherence of each location; and no walk, fetch or use sees what comes later."""
    events = candidate.events
    for read, source in candidate.source.items():
        if source >= 0 and is_before(events[read], events[source]):
            return False
    plain = {it.number for it in events if it.kind in (READ, WRITE)}
    edges = from_reads(candidate) | coherence_edges(candidate)
    edges |= {(source, read) for read, source in candidate.source.items() if source >= 0}
    edges = {(a, b) for a, b in edges if a in plain and b in plain}
    for a in events:
        for b in events:
            same = a.location == b.location and {a.number, b.number} <= plain
            if same and (is_before(a, b) or a.number in b.inside):
                edges.add((a.number, b.number))
    return is_acyclic(len(events), edges)


def is_atomic(candidate: Candidate) -> bool:
    """Nobody stores between the two halves of an atomic update."""
    events = candidate.events
    overwritten = from_reads(candidate)
    after = coherence_edges(candidate)
    for write in events:
        if write.pair < 0:
            continue
        for middle in events:
            is_other = middle.thread != write.thread
            if is_other and (write.pair, middle.number) in overwritten:
                if (middle.number, write.number) in after:
                    return False
    return True


def observed(candidate: Candidate) -> set[Edge]:
    """obs: what one sees of another, and what maintenance makes visible."""
    events = candidate.events
    edges = set(candidate.maintained)
    has_maintenance = any(it.kind == MAINTENANCE for it in events)
    for a, b in coherence_edges(candidate):
        if has_maintenance or events[a].thread != events[b].thread:
            edges.add((a, b))
    for read, source in candidate.source.items():
        it = events[read]
        if source < 0:
            continue
        always = it.kind in (FETCH, DEVICE_READ, USE, SYSTEM_READ)
        if it.kind == WALK_READ and events[source].core == it.core:
            # The walker may find what its own core has not yet shown to others. But before a store
            # there is nothing to find, and a store comes after every DSB before it.
            edges |= {(a.number, read) for a in events
                      if a.operation.startswith("dsb.") and is_before(a, events[source])}
        elif always or events[source].thread != it.thread:
            edges.add((source, read))
    for read, write in from_reads(candidate):
        it = events[read]
        external = it.thread != events[write].thread
        # A fault comes from memory, not from a TLB; so does what no TLB can have held.
        fresh = it.kind == WALK_READ and (it.value == INVALID or it.operation == "fresh")
        if fresh or it.kind in (USE, SYSTEM_READ) or it.kind == READ and external:
            edges.add((read, write))
    return edges


def affects(maintenance: Event, walk: Event) -> bool:
    """Whether a TLBI removes what a walk read (of its core, or of all: `is`)."""
    kind = maintenance.operation.removeprefix("tlbi.")
    if not maintenance.operation.startswith("tlbi."):
        return False
    if not kind.endswith("is") and maintenance.core != walk.core:
        return False
    if kind.startswith("vale") and walk.level != "leaf":
        return False
    return not kind.startswith("va") or maintenance.location == walk.location


def maintained_after(candidate: Candidate, write: int, name: str, location: str) -> set[int]:
    """The maintenance of a name (and location) that comes after a store."""
    events = candidate.events
    return {
        b for a, b in candidate.maintained
        if a == write and events[b].operation.startswith(name)
        and (not events[b].location or not location or events[b].location == location)
    }


def barriers_reached(candidate: Candidate) -> set[Edge]:
    """What was read although it had been overwritten was read before the maintenance that makes
    such reads impossible; with a TLBI of another core also the access that followed."""
    events = candidate.events
    edges = set()
    for read, write in from_reads(candidate):
        it = events[read]
        if it.kind == WALK_READ:
            for tlbi in maintained_after(candidate, write, "tlbi.", ""):
                if affects(events[tlbi], it):
                    edges.add((read, tlbi))
                    if it.core != events[tlbi].core:
                        edges |= {(x.number, tlbi) for x in events if read in x.inside}
        elif it.kind == FETCH:
            for clean in maintained_after(candidate, write, "dc.", it.location):
                edges |= {(read, ic) for ic in after_clean(candidate, clean, it)}
        elif it.kind == DEVICE_READ:
            edges |= {
                (read, clean)
                for clean in maintained_after(candidate, write, "dc.", it.location)
                if events[clean].operation in POINT_OF_COHERENCY[it.operation]
            }
    return edges


def after_clean(candidate: Candidate, clean: int, fetch: Event) -> set[int]:
    """The invalidations of instruction caches that come after a clean and concern a fetch."""
    events = candidate.events
    return {
        b for a, b in candidate.maintained
        if a == clean and events[b].operation.startswith("ic.")
        and (events[b].operation.endswith("is") or events[b].core == fetch.core)
    }


def speculative(a: Event, b: Event) -> bool:
    """Whether b may still be undone when a is not known."""
    if a.number in b.control_from:
        return True
    return a.kind == WALK_READ and is_before(a, b)


def depends(candidate: Candidate) -> set[Edge]:
    """dob and aob: dependencies, what is inside an instruction, and atomic pairs."""
    events = candidate.events
    edges = set()
    for b in events:
        edges |= {(a, b.number) for a in b.address_from | b.data_from | b.inside}
        # Stores, system registers and synchronization wait for what decides whether they happen.
        if b.kind in (WRITE, SYSTEM_WRITE, SYNCHRONIZATION):
            edges |= {(a.number, b.number) for a in events if speculative(a, b)}
        if b.pair >= 0:
            edges.add((b.pair, b.number))
    for middle in events:
        if not middle.address_from:
            continue
        for b in events:
            waits = b.kind in (WRITE, SYSTEM_WRITE, SYNCHRONIZATION)
            if waits and is_before(middle, b):
                edges |= {(a, b.number) for a in middle.address_from}
    return edges


def forwarded(candidate: Candidate) -> set[Edge]:
    """What a core's own stores hand on: (addr|data);rfi, (ctrl|data);coi, po;[L];coi, and to
    acquires of what an atomic stored."""
    events = candidate.events
    edges = set()
    for read, source in candidate.source.items():
        if source < 0 or events[source].thread != events[read].thread:
            continue
        write, it = events[source], events[read]
        edges |= {(a, read) for a in write.address_from | write.data_from}
        if write.pair >= 0 and it.flags & {"acq", "pc"}:
            edges.add((source, read))
    for a, b in coherence_edges(candidate):
        if events[a].thread == events[b].thread:
            edges |= {(c, b) for c in events[a].control_from | events[a].data_from}
            if "rel" in events[a].flags:
                edges |= {(c.number, b) for c in events
                          if c.kind in (READ, WRITE) and is_before(c, events[a])}
    return edges


def by_order_of_program(candidate: Candidate) -> set[Edge]:
    """bob and ctxob: barriers, acquire and release, and context synchronization."""
    events = candidate.events
    edges = set()
    for a in events:
        for b in events:
            if is_before(a, b) and is_ordered(a, b, candidate.reach):
                edges.add((a.number, b.number))
    full = [
        (events[b.pair], b) for b in events
        if b.pair in b.inside and "rel" in b.flags and "acq" in events[b.pair].flags
    ]
    for read, write in full:
        before = [it for it in events if it.kind in (READ, WRITE) and is_before(it, read)]
        after = [it for it in events if it.kind in (READ, WRITE) and is_before(write, it)]
        edges |= {(a.number, b.number) for a in before for b in after}
    return edges


def is_ordered(a: Event, b: Event, reach: str) -> bool:
    """Whether two events in program order stay in order because of what they are."""
    plain = (READ, WRITE)
    if a.kind in (SYNCHRONIZATION, FETCH):
        # What follows a fetch is fetched, and so done, after it.
        return True
    if b.kind == SYNCHRONIZATION:
        return a.kind == SYSTEM_WRITE or a.operation.startswith("dsb.")
    if a.kind == BARRIER:
        return releases(a.operation, b)
    if b.kind == BARRIER:
        return waits_for(b.operation, a, reach)
    if a.kind == WRITE and b.operation.startswith("dc.") and a.location == b.location:
        return True
    acquires = a.kind == READ and a.flags & {"acq", "pc"}
    releases_all = b.kind == WRITE and "rel" in b.flags
    if a.kind == WRITE and "rel" in a.flags and b.kind == READ and "acq" in b.flags:
        return True
    return bool(acquires and b.kind in plain or releases_all and a.kind in plain)


def releases(barrier: str, after: Event) -> bool:
    """Whether a barrier holds an event that follows it back."""
    if barrier.startswith("dsb."):
        # Walks, fetches and what a system register governs can run ahead: only context
        # synchronization stops them.
        return after.kind not in (WALK_READ, FETCH, USE)
    option = barrier.removeprefix("dmb.")
    if option.endswith("st"):
        return after.kind == WRITE
    return after.kind in (READ, WRITE, DEVICE_READ)


def waits_for(barrier: str, before: Event, reach: str) -> bool:
    """Whether a barrier waits for an event that precedes it, as far as `reach`."""
    kind, _, option = barrier.partition(".")
    domain = option.removesuffix("st").removesuffix("ld") or "sy"
    far = DOMAINS[domain]
    if option.endswith("st"):
        kinds: tuple[str, ...] = (WRITE,)
    elif option.endswith("ld"):
        kinds = (READ, DEVICE_READ)
    else:
        kinds = (READ, WRITE, DEVICE_READ)
    if before.kind in kinds:
        return far >= DOMAINS[reach]
    if kind != "dsb":
        return False
    if before.kind == BARRIER and before.operation.startswith("dsb."):
        return True
    if option.endswith(("st", "ld")):
        return False
    if before.kind == MAINTENANCE:
        return far >= DOMAINS[domain_of_maintenance(before.operation, reach)]
    return before.kind in (SYSTEM_READ, FAULTS)


def domain_of_maintenance(operation: str, reach: str) -> str:
    """How far a barrier must reach to wait for maintenance: as far as that goes."""
    if operation.endswith("is"):
        return "ish"
    return reach if operation.startswith("dc.") else "nsh"


# What ob is made of, and the other axioms: each can be left out, to see that published verdicts
# need it.
RELATIONS = (observed, barriers_reached, depends, forwarded, by_order_of_program)
AXIOMS = (is_internally_visible, is_atomic)
PARTS = tuple(it.__name__ for it in (*RELATIONS, *AXIOMS))


def consistent_order(candidate: Candidate, without: str) -> list[int] | None:
    """For each event of a consistent candidate what is ordered after it; `None` if it is not
    consistent. `without` names a part of the model that is left out."""
    for axiom in AXIOMS:
        if axiom.__name__ != without and not axiom(candidate):
            return None
    edges: set[Edge] = set()
    for relation in RELATIONS:
        if relation.__name__ != without:
            edges |= relation(candidate)
    after = closure(len(candidate.events), edges)
    has_cycle = any(reached >> number & 1 for number, reached in enumerate(after))
    return None if has_cycle else after
