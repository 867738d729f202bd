"""What each proved call touches, held against its footprint; see `trace`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace

import z3
from machine_code.claims import SUBJECTS, Subject, dispatch
from machine_code.claims.kill import DESTROY_ELSEWHERE
from machine_code.claims.range_call import range_call
from machine_code.claims.send import find_send_gate
from machine_code.claims.wait import WAIT_FOR_SIGNAL
from machine_code.layout import Layout
from machine_code.telling import word
from machine_code.walk import Walk

from .footprint import Entry, Footprint
from .trace import ALIASES, Origin, Touch, Traced
from .walks import Procedures, TracedWalk

# Functions that are not a call of their own, and the calls that begin with them.
SHARED = {
    "find_send_gate": ("call", "send", "try_call", "try_send", "call_until"),
    # Called after a call's own lookups or stores: no call begins with them.
    "protect_large": (),
}


def check(layout: Layout, footprints: dict[str, Footprint]) -> tuple[int, int, list[str]]:
    """How many touches of all proved calls stand in their footprints, how many of them would not
    without the rights that were checked, and which do not."""
    allowed, needed, failures = 0, 0, []
    for name, touched in _touched(Procedures(layout)):
        calls = SHARED.get(name, (name,))
        failures += [f"{call}: has no footprint" for call in calls if call not in footprints]
        for call in footprints.keys() & calls:
            for touch in sorted(touched, key=str):
                if _is_allowed(footprints[call], touch):
                    allowed += 1
                    blunt = replace(touch, origin=Origin(touch.origin.way))
                    needed += not _is_allowed(footprints[call], blunt)
                else:
                    failures.append(f"{call} {touch}: not in its footprint")
    return allowed, needed, failures


def _touched(procedures: Procedures) -> Iterator[tuple[str, set[Touch]]]:
    """What each proved function touches that is a call, or that some begin with."""
    for subject in (Subject("find_send_gate", find_send_gate), *SUBJECTS):
        if subject.tell is not None:
            yield subject.name, trace(subject, procedures)
    yield from _message_calls(procedures)


def _message_calls(procedures: Procedures) -> Iterator[tuple[str, set[Touch]]]:
    """What each message call touches: each is told by its number, or is a function of its own."""
    layout = procedures.layout
    for call in dispatch.OTHERS:
        it, number = TracedWalk(layout, procedures), layout.constants[f"SystemCall.{call}"]
        it.explore(lambda: dispatch.other_message_call(it, word(number)))
        yield dispatch.name_of(call), it.touched
    for call, procedure in dispatch.OWN.items():
        yield dispatch.name_of(call), procedures.touched(procedure, ())
    for call in dispatch.RANGES:
        number = layout.constants[f"SystemCall.{call}"]
        it = TracedWalk(layout, procedures)
        it.explore(lambda: range_call(it, word(number)))
        yield dispatch.name_of(call), it.touched
    anything, waiter = (Origin("core"), ""), (Origin("self"), "Thread")
    yield "destroy", procedures.touched(DESTROY_ELSEWHERE, (anything,))
    yield "wait", procedures.touched(WAIT_FOR_SIGNAL, (*(anything,) * 6, waiter))


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
