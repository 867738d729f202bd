"""Mutation testing of the core: each of its mutants is caught by its own tests, or classified.

`cargo-mutants` says what the mutants are. Those that can be chosen while a program runs are all in one
program (`trial.py`); the others, and of those a sample that must come to the same, `cargo-mutants` tries
itself (`classic.py`). They meet the quick tests first, and those that survive meet all of them. What
survives these is in `mutants.toml`, with the reason: *equivalent* says why no test can tell it from the
kernel, *untested* says what would.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from . import tool, tried
from .classic import Workspace
from .report import CannotCheckError, Report
from .switch import Change
from .trial import CORE, Fate, Program
from .tried import Notes

LIST = tool.HERE / "mutants.toml"
# What `--all` tries: each so manyth mutant, from the first on; of those that are built one by one, fewer.
SAMPLE = (0, 32)
APART_SAMPLE = 640
# Of the others, how many are tried in both ways.
TWICE = 2
# So many of those that are built one by one are tried at a time.
BATCH = 20
KINDS = ("equivalent", "untested")

Key = tuple[str, str, int]


@dataclass(frozen=True)
class Mutant:
    """One change of the core; `nth` of the same change in its file."""

    number: int
    name: str
    file: str
    change: str
    nth: int

    @property
    def key(self) -> Key:
        return (self.file, self.change, self.nth)


@dataclass(frozen=True)
class Survivor:
    """A mutant that is listed."""

    kind: str
    reason: str


def check(
    report: Report,
    *,
    may_install: bool,
    share: tuple[int, int] | None = None,
    again: bool = False,
    write: bool = False,
) -> None:
    """Tries a share of the mutants, or a sample.

    `again`: goes on with an earlier trial of the same source, of what survived it or was not tried yet.
    """
    settings = tomllib.loads(LIST.read_text())
    survivors = read(settings)
    tool.need_packages(may_install=may_install)
    program = tool.cargo_tool("cargo-mutants", settings["version"], may_install=may_install)
    workspace = Workspace.make(program, settings)
    mutants, changes = listed(workspace.listing())
    together = Program.build(
        workspace.tree, workspace.folder / "together", changes, settings["slow_tests"]
    )
    begin, step = share or SAMPLE
    chosen = [m for m in mutants[begin::step] if share or is_in_sample(together, m)]
    print(f"  {len(chosen)} of {len(mutants)} mutants", flush=True)
    source = tried.digest(settings["exclude_globs"])
    notes = Notes.open(workspace.folder / "fates.json", source, again=again)
    fates = judge(workspace, together, chosen, notes)
    failures = compare(chosen, fates, survivors)
    known = {mutant.key for mutant in mutants}
    failures += [f"{key}: no such mutant: remove it from mutants.toml"
                 for key in survivors.keys() - known]
    if write:
        tried.write((begin, step), source, chosen, fates)
    is_of_this = source in tried.RECORD.read_text()
    print(f"  tried.md is of {'this' if is_of_this else 'another'} source", flush=True)
    counts = Counter(fates.values())
    report.facts |= {
        "mutants of the core": len(mutants),
        "mutants tried": len(chosen),
        **{f"mutants: {fate.value}": counts[fate] for fate in Fate if counts[fate]},
        "survivors": [m.name for m in chosen if fates[m.number] is Fate.SURVIVED],
        "tried.md is of this source": is_of_this,
    }
    report.add("mutants", len(chosen) - counts[Fate.UNVIABLE], failures)


def listed(found: Sequence[dict[str, object]]) -> tuple[list[Mutant], dict[str, list[Change]]]:
    """Every mutant in the order of the source, and what it changes in which file."""
    seen: Counter[tuple[str, str]] = Counter()
    mutants, changes = [], defaultdict(list)
    for number, item in enumerate(found):
        file = item["file"].removeprefix(f"{CORE}/")
        change = item["name"].split(": ", 1)[1]
        seen[file, change] += 1
        mutants.append(Mutant(number, item["name"], file, change, seen[file, change]))
        lines = (tool.ROOT / CORE / file).read_text().splitlines(keepends=True)
        start, end = (_offset(lines, item["span"][side]) for side in ("start", "end"))
        changes[file].append(Change(number, item["genre"], start, end, item["replacement"]))
    return mutants, changes


def _offset(lines: Sequence[str], place: dict[str, int]) -> int:
    """Lines and columns are counted from 1, and columns in characters."""
    line, column = place["line"] - 1, place["column"] - 1
    return len("".join(lines[:line]).encode()) + len(lines[line][:column].encode())


def is_in_sample(together: Program, mutant: Mutant) -> bool:
    """Whether it is not one of those that take long, or one of these that are tried all the same."""
    is_apart = together.fates.get(mutant.number) is Fate.APART
    return not is_apart or mutant.number % APART_SAMPLE == 0


def judge(
    workspace: Workspace, together: Program, chosen: Sequence[Mutant], notes: Notes
) -> dict[int, Fate]:
    """The fate of each; one that has two fates is a failure of the check."""
    by_number = {mutant.number: mutant for mutant in chosen}
    left = [m for m in chosen if m.name not in notes.fates]
    apart = [m.name for m in left if together.fates.get(m.number) is Fate.APART]
    others = [m for m in left if m.name not in apart]
    together.judge((m.number for m in others), lambda number, fate: notes.add(by_number[number].name, fate))
    workspace.restore()
    for begin in range(0, len(apart), BATCH):
        for name, fate in workspace.judge(apart[begin : begin + BATCH]).items():
            notes.add(name, fate)
    twice = [m.name for m in others[:: max(1, len(others) // TWICE)]]
    for name, other in workspace.judge(twice).items():
        one = notes.fates[name]
        if one is not other and {one, other} != {Fate.CAUGHT, Fate.HANGS}:
            raise CannotCheckError(f"{name}: {one.value}, and by itself: {other.value}")
    return {mutant.number: notes.fates[mutant.name] for mutant in chosen}


def compare(
    chosen: Sequence[Mutant], fates: dict[int, Fate], survivors: dict[Key, Survivor]
) -> list[str]:
    """What survived and is not listed, and what is listed and did not."""
    alive = {m.key for m in chosen if fates[m.number] is Fate.SURVIVED}
    failures = [f"{m.name}: survives and is not classified" for m in chosen
                if m.key in alive and m.key not in survivors]
    failures += [f"{m.name}: is caught: remove it from mutants.toml" for m in chosen
                 if m.key in survivors and m.key not in alive]
    return failures


def read(settings: dict[str, object]) -> dict[Key, Survivor]:
    """The survivors that are listed: each as `file: change`, the second of the same with ` #2` behind it."""
    found = {}
    for entry in settings.get("survivors", []):
        survivor = Survivor(entry["kind"], entry["reason"].strip())
        for text in entry["mutants"]:
            match = re.fullmatch(r"([^ :]+): (.+?)(?: #(\d+))?", text)
            key = match and (match[1], match[2], int(match[3] or 1))
            if survivor.kind not in KINDS or not survivor.reason or not key or key in found:
                raise CannotCheckError(f"mutants.toml: `{text}` is no classification")
            found[key] = survivor
    return found
