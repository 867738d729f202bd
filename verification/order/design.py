"""The tests of protocols that are designed but not built, and of their twins."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from order.language import Test, parse_test
from order.search import decide
from order.weaken import weaker

DEPENDENCIES = ("acq", "rel", "ctrl:", "addr:", "data:")


@dataclass
class Design:
    """What came out."""

    verdicts: int = 0
    noticed: int = 0
    unnoticed: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)


def check_design(path: Path) -> Design:
    """All tests of `design.toml`, and their twins."""
    result = Design()
    for name, threads, outcome, initial in tomllib.loads(path.read_text())["tests"]:
        result.verdicts += 1
        if decide(make(name, threads, outcome, initial)).is_allowed:
            result.failures.append(f"design: {name}: possible")
        for change, changed in weakened(threads):
            if decide(make(name, changed, outcome, initial)).is_allowed:
                result.noticed += 1
            else:
                result.unnoticed.add(f"{name}: {change}")
    return result


def make(name: str, threads: str, outcome: str, initial: str) -> Test:
    """A test."""
    return parse_test(name, threads.split("|"), outcome, initial)


def weakened(threads: str) -> Iterator[tuple[str, str]]:
    """What was changed, and the threads then."""
    parts = [[it.strip() for it in thread.split(";")] for thread in threads.split("|")]
    for number, thread in enumerate(parts):
        for place, instruction in enumerate(thread):
            for change, other in changes(instruction):
                changed = [*thread[:place], *other, *thread[place + 1 :]]
                texts = [*parts[:number], changed, *parts[number + 1 :]]
                yield f"{instruction} {change}", " | ".join("; ".join(it) for it in texts)


def changes(instruction: str) -> Iterator[tuple[str, list[str]]]:
    """What may be changed in one instruction."""
    words = instruction.split()
    if words[0].startswith(("DMB.", "DSB.")):
        yield "left out", []
        yield from ((f"as {it}", [it]) for it in [*weaker(words[0]), *weaker_barrier(words[0])])
    for place, word in enumerate(words):
        if word.startswith(DEPENDENCIES):
            yield f"without {word}", [" ".join([*words[:place], *words[place + 1 :]])]


def weaker_barrier(barrier: str) -> list[str]:
    """The weaker ones of a DMB."""
    if not barrier.startswith("DMB.") or barrier.endswith("LD"):
        return []
    stem = barrier.removesuffix("ST")
    return [f"{stem}LD"] if barrier.endswith("ST") else [f"{stem}ST", f"{stem}LD"]
