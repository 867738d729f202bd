"""The record of the last run that tried all mutants, or a share of them: `tried.md`."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from . import tool
from .coverage import is_shipped
from .trial import CORE, Fate

if TYPE_CHECKING:
    from .mutants import Mutant

RECORD = tool.HERE / "tried.md"
FATES = (Fate.CAUGHT, Fate.HANGS, Fate.UNVIABLE, Fate.SURVIVED)

HEADER = """\
# Mutants that were tried

Written by `verification/static/run --report FILE --mutants --write`: what became of each mutant of the core
when all, or this share of them, were last tried.

"""


def write(
    share: tuple[int, int], chosen: Iterable[Mutant], fates: dict[int, Fate], testing: list[str]
) -> None:
    """Writes the record; files of `testing` (patterns) are no part of the kernel."""
    counts: defaultdict[str, Counter[Fate]] = defaultdict(Counter)
    for mutant in chosen:
        counts[mutant.file][fates[mutant.number]] += 1
        counts["all"][fates[mutant.number]] += 1
    all_files = counts.pop("all")
    every = "all" if share[1] == 1 else f"each {share[1]}th, from number {share[0]} on"
    lines = [f"Tried: {every}. The source of the core without its tests (SHA-256): `{digest(testing)}`.", ""]
    lines += [f"| file | mutants | {' | '.join(fate.value for fate in FATES)} |"]
    lines += ["|---|" + "---:|" * (len(FATES) + 1)]
    for file, found in (*sorted(counts.items()), ("**all**", all_files)):
        numbers = [found.total(), *(found[fate] for fate in FATES)]
        lines.append(f"| {file} | {' | '.join(f'{number:,}' for number in numbers)} |")
    RECORD.write_text(HEADER + "\n".join(lines) + "\n")


def digest(testing: list[str]) -> str:
    """What the source of the core is, without its tests."""
    found = hashlib.sha256()
    source = tool.ROOT / CORE
    for path in sorted(source.rglob("*.rs")):
        file = str(path.relative_to(source))
        if is_shipped(file, testing):
            found.update(f"{file}\n".encode())
            found.update(path.read_bytes())
    return found.hexdigest()
