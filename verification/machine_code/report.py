"""What is printed and counted; the floors of the counts stand in `claims.toml`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

PART = "machine_code"


@dataclass
class Report:
    """All checks of a run."""

    facts: dict[str, object] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, subject: str, name: str, count: int, failures: list[str]) -> None:
        """Prints and keeps a check of one subject."""
        key = f"{PART}/{name}"
        self.counts[key] = self.counts.get(key, 0) + count
        for failure in failures:
            self.failures.append(f"{subject}, {name}: {failure}")
            print(f"  FAILED {subject}, {name}: {failure}", flush=True)

    def finish(self, path: Path) -> int:
        """Writes the report; the exit code is 1 if a check failed."""
        for key, count in self.counts.items():
            print(f"  {key}: {count}")
        text = {
            "part": PART,
            "facts": self.facts,
            "counts": self.counts,
            "failures": self.failures,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(text, indent=2) + "\n")
        print(f"{PART}: {sum(self.counts.values())} passed, {len(self.failures)} failed")
        return 1 if self.failures or not self.counts else 0
