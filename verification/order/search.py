"""All candidate executions of a test, and whether one of them shows the outcome."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from order.events import (
    DEVICE_READ,
    FETCH,
    MAINTENANCE,
    READS,
    WALK_READ,
    WRITES,
    Event,
    Skeleton,
    skeletons,
)
from order.language import INVALID, Test
from order.model import Candidate, consistent_order


@dataclass(frozen=True)
class Verdict:
    """Whether the model allows an outcome, and how many candidates were looked at."""

    is_allowed: bool
    candidates: int


@functools.cache
def decide(test: Test, without: str = "") -> Verdict:
    """Whether a consistent execution shows the outcome; `without` a part of the model."""
    count = 0
    for skeleton in skeletons(test):
        for candidate in candidates(test, skeleton):
            count += 1
            if shows(test, candidate, without):
                return Verdict(True, count)
    return Verdict(False, count)


def candidates(test: Test, skeleton: Skeleton) -> Iterator[Candidate]:
    """The candidates of a skeleton whose values are those of the outcome."""
    events = skeleton.events
    writes: dict[str, list[int]] = {}
    for it in events:
        if it.kind in WRITES:
            writes.setdefault(it.location, []).append(it.number)
    wanted = dict(test.outcome.registers)
    if any(wanted.get(name, value) != value for name, value in skeleton.known.items()):
        return
    reads = [it for it in events if it.kind in READS]
    options = [sources(test, events, read, writes, wanted) for read in reads]
    orders = [final_orders(test, events, place, numbers) for place, numbers in writes.items()]
    for chosen in itertools.product(*options):
        source = {read.number: number for read, number in zip(reads, chosen, strict=True)}
        for order in itertools.product(*orders):
            coherence = dict(zip(writes, order, strict=True))
            for maintained in maintenance_orders(events, coherence):
                yield Candidate(events, source, coherence, maintained, test.reach)


def sources(
    test: Test, events: list[Event], read: Event, writes: dict[str, list[int]],
    wanted: dict[str, str],
) -> list[int]:
    """Whom a read may have read from, by what it must have found."""
    value = read.value if read.kind == WALK_READ else wanted.get(read.register)
    found = []
    for number in [-1, *writes.get(read.location, [])]:
        has = events[number].value if number >= 0 else test.initial.get(read.location, INVALID)
        if value is None or has == value:
            found.append(number)
    return found


def final_orders(
    test: Test, events: list[Event], place: str, numbers: list[int]
) -> list[list[int]]:
    """The orders of the stores to a location that leave the wanted value."""
    last = dict(test.outcome.memory).get(place)
    return [
        list(order) for order in itertools.permutations(numbers)
        if last is None or events[order[-1]].value == last
    ]


def maintenance_orders(
    events: list[Event], coherence: dict[str, list[int]]
) -> Iterator[set[tuple[int, int]]]:
    """Every choice of what comes first: a store or a maintenance operation, or of two of these."""
    operations = [it.number for it in events if it.kind == MAINTENANCE]
    # Only what is walked, fetched or read by a device is compared with maintenance.
    watched = {it.location for it in events if it.kind in (WALK_READ, FETCH, DEVICE_READ)}
    stores = [
        number for place, order in coherence.items() if place in watched for number in order
    ]
    pairs = [(a, b) for a in stores for b in operations]
    pairs += list(itertools.combinations(operations, 2))
    for turned in itertools.product((False, True), repeat=len(pairs)):
        yield {(b, a) if turn else (a, b) for (a, b), turn in zip(pairs, turned, strict=True)}


def shows(test: Test, candidate: Candidate, without: str) -> bool:
    """Whether a candidate is consistent and lacks the orders that the outcome says are missing."""
    after = consistent_order(candidate, without)
    if after is None:
        return False
    labels: dict[str, list[int]] = {}
    for it in candidate.events:
        if it.label:
            labels.setdefault(it.label, []).append(it.number)
    return not any(
        after[a] >> b & 1
        for first, second in test.outcome.unordered
        for a in labels[first] for b in labels[second]
    )
