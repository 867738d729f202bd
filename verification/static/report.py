"""What is printed and written: counts by claim, and failures."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path


class CannotCheckError(Exception):
    """A check cannot be made: something is missing, or a tool fails."""


@dataclass
class Report:
    """All checks of a run."""

    part: str
    facts: dict[str, object] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, name: str, count: int, failures: list[str]) -> None:
        """Keeps and prints the count of a claim and what is wrong with it."""
        self.counts[f"{self.part}/{name}"] = count
        self.failures += failures
        print(f"  {'FAILED' if failures else 'ok    '} {name}: {count}", flush=True)
        for failure in failures:
            print(f"         {failure}", flush=True)

    def finish(self, path: Path) -> int:
        """Writes the report; the exit code is 1 if a check failed."""
        path.parent.mkdir(parents=True, exist_ok=True)
        found = {
            "part": self.part,
            "facts": self.facts,
            "counts": self.counts,
            "failures": self.failures,
        }
        path.write_text(json.dumps(found, indent=2) + "\n")
        return 1 if self.failures else 0
