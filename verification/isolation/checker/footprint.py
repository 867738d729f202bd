"""The footprints of the system calls: complete, well formed, and in step with ABI and model."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

WAYS = frozenset(
    "core self own handle part placed covered link partner queue dying".split()
)
# Frames that are parts of objects, and what the kernel keeps beside the objects of the ABI.
PARTS = frozenset(
    "Slots PageTable Shadow Record Pool Entry Core Machine Object".split()
)
TELLS = frozenset("existence waiting memory numbers order".split())
# What an error tells about others: the footprint must name one of these.
ERROR_TELLS = {
    "Stale": {"existence"},
    "NotFree": {"memory"},
    "NeedMemory": {"memory"},
    "Quarantined": {"memory"},
    "Exhausted": {"numbers", "memory"},
    "WouldBlock": {"waiting"},
    "NoSlots": {"waiting"},
    "Died": {"waiting", "existence"},
    "TimedOut": {"order"},
}

CALL_HEADING = re.compile(r"^### \d+ `(\w+)`$(.*?)(?=^##)", re.MULTILINE | re.DOTALL)
ERROR_LINE = re.compile(r"^Errors: (.*)\.$", re.MULTILINE)
RIGHT_ROW = re.compile(r"^\| \d \| ((?:`[A-Z_]+`(?:, )?)+) \|", re.MULTILINE)
KIND_ROW = re.compile(r"^\| (\w+) \| \d+ \| (?:\d|64, in)", re.MULTILINE)
STEP = re.compile(r"^\| (\w+) :", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """Words of one kind, and how a call comes to them."""

    kind: str
    way: str
    rights: frozenset[str]

    @staticmethod
    def parse(text: str) -> Entry:
        kind, way, *rights = text.split()
        return Entry(kind, way, frozenset(rights))

    def __str__(self) -> str:
        return " ".join([self.kind, self.way, *sorted(self.rights)])


@dataclass(frozen=True)
class Footprint:
    """All that one call may read, write and tell, and its steps in the model."""

    reads: frozenset[Entry]
    writes: frozenset[Entry]
    tells: frozenset[str]
    steps: tuple[str, ...]


class FootprintError(Exception):
    """The file cannot be understood."""


def load(path: Path) -> dict[str, Footprint]:
    """The footprints, with those of their groups joined in."""
    document = tomllib.loads(path.read_text())
    groups = document["group"]

    def joined(row: dict[str, list[str]], key: str) -> set[str]:
        found = set(row.get(key, []))
        for name in row.get("groups", []):
            if name not in groups:
                raise FootprintError(f"no group {name}")
            found |= joined(groups[name], key)
        return found

    footprints = {}
    for name, row in document["call"].items():
        reads = frozenset(map(Entry.parse, joined(row, "reads")))
        writes = frozenset(map(Entry.parse, joined(row, "writes")))
        footprints[name] = Footprint(
            reads, writes, frozenset(joined(row, "tells")), tuple(row["steps"])
        )
    return footprints


def check(footprints: dict[str, Footprint], abi: Path, model: Path) -> tuple[int, list[str]]:
    """How many calls of the ABI have a sound footprint, and what is wrong with the others."""
    text = abi.read_text() + "\n## End\n"
    calls = {name: body for name, body in CALL_HEADING.findall(text)}
    kinds = set(KIND_ROW.findall(text)) | PARTS
    rights = set(re.findall(r"`([A-Z_]+)`", " ".join(RIGHT_ROW.findall(text))))
    steps = model_steps(model)
    failures = [f"{name}: no call of the ABI" for name in footprints.keys() - calls.keys()]
    failures += [f"{name}: has no footprint" for name in calls.keys() - footprints.keys()]
    sound = 0
    for name in calls.keys() & footprints.keys():
        found = _check_entries(footprints[name], kinds, rights)
        found += _check_tells(footprints[name], calls[name])
        found += [f"no step {step} in the model" for step in footprints[name].steps
                  if step not in steps]
        failures += [f"{name}: {message}" for message in found]
        sound += not found
    return sound, failures


def _check_entries(footprint: Footprint, kinds: set[str], rights: set[str]) -> list[str]:
    failures = []
    for entry in footprint.reads | footprint.writes:
        is_known = entry.kind in kinds and entry.way in WAYS and entry.rights <= rights
        if not is_known:
            failures.append(f"`{entry}` has an unknown kind, way or right")
    for entry in footprint.writes:
        if entry.way == "handle" and not entry.rights:
            failures.append(f"`{entry}` is written without a right")
    return failures


def _check_tells(footprint: Footprint, body: str) -> list[str]:
    failures = [f"unknown `tells`: {word}" for word in footprint.tells - TELLS]
    listed = ERROR_LINE.search(body)
    errors = re.findall(r"`(\w+)`", listed.group(1)) if listed else []
    for error in errors:
        needed = ERROR_TELLS.get(error)
        if needed is not None and not needed & footprint.tells:
            failures.append(f"{error} tells something that `tells` does not name")
    return failures


def model_steps(model: Path) -> list[str]:
    """The names of the steps of the model."""
    text = model.read_text()
    start = text.index("Inductive step ")
    return STEP.findall(text[start : text.index("Inductive run ", start)])


def count_used_steps(footprints: dict[str, Footprint], model: Path) -> tuple[int, list[str]]:
    """How many steps of the model some call makes; each must be made by one."""
    used = {step for footprint in footprints.values() for step in footprint.steps}
    steps = model_steps(model)
    return len(used & set(steps)), [f"no call makes the step {s}" for s in steps if s not in used]
