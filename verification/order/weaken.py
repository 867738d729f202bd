"""Weakened twins of a run: each differs in one place, and is a mistake that somebody could make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from order.sequence import is_barrier

WEAKER_DOMAIN = {"SY": "ISH", "OSH": "ISH", "ISH": "NSH"}
WEAKER_MAINTENANCE = {
    "TLBI.vale1is {page}": ["TLBI.vale1 {page}"],
    "TLBI.aside1is": ["TLBI.aside1", "TLBI.vale1is {page}"],
    "IC.ialluis": ["IC.iallu"],
    "DC.civac {line}": ["DC.cvac {line}"],
    "DC.cvac {line}": ["DC.cvau {line}"],
}


@dataclass(frozen=True)
class Twin:
    """What was changed, and the operations then (`None`: left out)."""

    change: str
    operations: tuple[str | None, ...]


def twins(operations: tuple[str, ...], with_writes: bool) -> Iterator[Twin]:
    """Every twin of a run; `with_writes` leaves writes of system registers out, too."""
    for place, operation in enumerate(operations):
        name = f"{label(operation)} (number {place + 1})"
        is_write = operation.startswith("MSR")
        is_ordering = is_barrier(operation) or operation in ("ERET", "WFI")
        if is_ordering and operation != "WFI" or is_write and with_writes:
            yield Twin(f"without {name}", replaced(operations, place, None))
        for other in weaker(operation):
            yield Twin(f"{name} as {label(other)}", replaced(operations, place, other))
    for place in range(len(operations) - 1):
        first, second = operations[place], operations[place + 1]
        if is_barrier(first) and is_barrier(second):
            swapped = replaced(replaced(operations, place, second), place + 1, first)
            name = f"{label(first)} and {label(second)} (number {place + 1})"
            yield Twin(f"{name} exchanged", swapped)


def label(operation: str) -> str:
    """An operation without what only fills it in."""
    return operation.replace(" {page}", "").replace(" {line}", "")


def replaced(
    operations: tuple[str | None, ...], place: int, other: str | None
) -> tuple[str | None, ...]:
    """Operations with one of them replaced."""
    return (*operations[:place], other, *operations[place + 1 :])


def weaker(operation: str) -> list[str]:
    """What could stand in an operation's place and does less."""
    if operation in WEAKER_MAINTENANCE:
        return WEAKER_MAINTENANCE[operation]
    if not operation.startswith("DSB."):
        return []
    option = operation.removeprefix("DSB.")
    kind = option[-2:] if option.endswith(("ST", "LD")) and len(option) > 2 else ""
    domain = option.removesuffix(kind)
    found = [f"DMB.{option}"]
    if domain in WEAKER_DOMAIN:
        found.append(f"DSB.{WEAKER_DOMAIN[domain]}{kind}")
    if not kind and domain == "SY":
        found += ["DSB.ST", "DSB.LD"]
    elif not kind:
        found += [f"DSB.{domain}ST", f"DSB.{domain}LD"]
    return found
