"""What is printed and counted; the report for `./x verify`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

PART = "fast_path"


@dataclass
class Report:
    """All that was found."""

    facts: dict[str, object] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, name: str, count: int, failures: Sequence[str]) -> None:
        """A check: how often it was made and passed, and what went wrong."""
        self.counts[f"{PART}/{name}"] = count
        self.failures += [f"{name}: {failure}" for failure in failures]
        print(f"  {'FAILED' if failures else 'ok    '} {name}: {count}", flush=True)
        for failure in failures:
            print(f"         {failure}", flush=True)

    def finish(self, path: Path) -> int:
        """Writes the report; 1 if something failed."""
        content = {
            "part": PART,
            "facts": self.facts,
            "counts": self.counts,
            "failures": self.failures,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2) + "\n")
        return 1 if self.failures or not self.counts else 0
