"""What each proved call touches, held against its footprint; see `trace`."""

from __future__ import annotations

import inspect
from dataclasses import replace

import z3
from machine_code.claims import SUBJECTS, Subject
from machine_code.layout import Layout
from machine_code.walk import Walk

from .footprint import Entry, Footprint
from .trace import ALIASES, Origin, Touch, Traced
from .walks import Procedures, TracedWalk

# Functions that are not a call of their own, and the calls that begin with them.
SHARED = {
    "find_send_gate": ("call", "send", "try_call", "try_send", "call_until"),
    # Called after a call's own stores: no call begins with them.
    "make_next_table": (),
    "drop_last_table": (),
}


def check(layout: Layout, footprints: dict[str, Footprint]) -> tuple[int, int, list[str]]:
    """How many touches of all proved calls stand in their footprints, how many of them would not
    without the rights that were checked, and which do not."""
    allowed, needed, failures = 0, 0, []
    procedures = Procedures(layout)
    for subject in SUBJECTS:
        if subject.tell is None:
            continue
        touched = sorted(trace(subject, procedures), key=str)
        calls = SHARED.get(subject.name, (subject.name,))
        failures += [f"{call}: has no footprint" for call in calls if call not in footprints]
        for call in footprints.keys() & calls:
            for touch in touched:
                if _is_allowed(footprints[call], touch):
                    allowed += 1
                    blunt = replace(touch, origin=Origin(touch.origin.way))
                    needed += not _is_allowed(footprints[call], blunt)
                else:
                    failures.append(f"{call} {touch}: not in its footprint")
    return allowed, needed, failures


def trace(subject: Subject, procedures: Procedures) -> set[Touch]:
    """All that a proved function touches, as its claim tells it."""
    tell = subject.tell
    assert tell is not None
    first, *names = inspect.signature(tell).parameters.values()
    is_walk = first.annotation == Walk.__name__
    layout = procedures.layout
    it = TracedWalk(layout, procedures) if is_walk else Traced(layout)
    arguments = [z3.BitVec(name.name, 64) for name in names]
    it.explore(lambda: tell(it, *arguments))
    return it.touched


def _is_allowed(footprint: Footprint, touch: Touch) -> bool:
    entries = footprint.writes if touch.is_write else footprint.reads | footprint.writes
    return any(_covers(entry, touch) for entry in entries)


def _covers(entry: Entry, touch: Touch) -> bool:
    is_kind = entry.kind == touch.kind or (
        entry.kind == "Object" and touch.kind not in ("Entry", "Slots", "Core", "Machine")
    )
    rights = {ALIASES.get(right, right) for right in entry.rights}
    return is_kind and entry.way == touch.origin.way and rights <= touch.origin.rights
