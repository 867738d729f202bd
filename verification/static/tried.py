"""The record of the last run that tried all mutants, or a share of them: `tried.md`."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import tool
from .coverage import is_shipped
from .trial import CORE, Fate

if TYPE_CHECKING:
    from .mutants import Mutant

RECORD = tool.HERE / "tried.md"
FATES = (Fate.CAUGHT, Fate.HANGS, Fate.UNVIABLE, Fate.SURVIVED)

# How many mutants are tried from one line about it to the next.
OFTEN = 100

HEADER = """\
# Mutants that were tried

Written by `verification/static/run --report FILE --mutants --write`: what became of each mutant of the core
when all, or this share of them, were last tried.

"""


@dataclass
class Notes:
    """What became of mutants of one source, by name; kept while they are tried."""

    path: Path
    source: str
    fates: dict[str, Fate]

    @staticmethod
    def open(path: Path, source: str, *, again: bool) -> Notes:
        """New notes; or those of an earlier trial of this source, without what survived it."""
        fates = {}
        if again and path.exists():
            found = json.loads(path.read_text())
            if found["source"] == source:
                fates = {name: Fate(fate) for name, fate in found["fates"].items()}
        caught = {name: fate for name, fate in fates.items() if fate is not Fate.SURVIVED}
        return Notes(path, source, caught)

    def add(self, name: str, fate: Fate) -> None:
        """Keeps what became of one, and says from time to time of how many it is known."""
        self.fates[name] = fate
        fates = {name: fate.value for name, fate in self.fates.items()}
        self.path.write_text(json.dumps({"source": self.source, "fates": fates}))
        if len(fates) % OFTEN == 0:
            print(f"  {len(fates)} tried", flush=True)


def write(
    share: tuple[int, int], source: str, chosen: Iterable[Mutant], fates: dict[int, Fate]
) -> None:
    """Writes the record."""
    counts: defaultdict[str, Counter[Fate]] = defaultdict(Counter)
    for mutant in chosen:
        counts[mutant.file][fates[mutant.number]] += 1
        counts["all"][fates[mutant.number]] += 1
    all_files = counts.pop("all")
    every = "all" if share[1] == 1 else f"each {share[1]}th, from number {share[0]} on"
    lines = [f"Tried: {every}. The source of the core without its tests (SHA-256): `{source}`.", ""]
    lines += [f"| file | mutants | {' | '.join(fate.value for fate in FATES)} |"]
    lines += ["|---|" + "---:|" * (len(FATES) + 1)]
    for file, found in (*sorted(counts.items()), ("**all**", all_files)):
        numbers = [found.total(), *(found[fate] for fate in FATES)]
        lines.append(f"| {file} | {' | '.join(f'{number:,}' for number in numbers)} |")
    RECORD.write_text(HEADER + "\n".join(lines) + "\n")


def digest(testing: list[str]) -> str:
    """What the source of the core is, without its tests: files of `testing` (patterns)."""
    found = hashlib.sha256()
    source = tool.ROOT / CORE
    for path in sorted(source.rglob("*.rs")):
        file = str(path.relative_to(source))
        if is_shipped(file, testing):
            found.update(f"{file}\n".encode())
            found.update(path.read_bytes())
    return found.hexdigest()
