"""What is printed, counted and written down."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

PART = "isolation"


@dataclass
class Report:
    """The counts of all claims, and what failed."""

    # The floor under each count.
    floors: dict[str, int]
    facts: dict[str, object] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @staticmethod
    def begin(claims: Path, *, is_all: bool) -> Report:
        rows = tomllib.loads(claims.read_text())["claim"]
        return Report({row["id"]: row["all" if is_all else "bounded"] for row in rows})

    def add(self, name: str, count: int, failures: list[str]) -> None:
        """Counts for one claim; a count below its floor is one more failure."""
        claim = f"{PART}/{name}"
        failures = list(failures)
        floor = self.floors.get(claim)
        if floor is None:
            failures.append(f"{claim}: not in claims.toml")
        elif count < floor:
            failures.append(f"{claim}: counted {count}, and {floor} are expected")
        self.counts[claim] = count
        self.failures += failures
        print(f"  {'FAILED' if failures else 'ok    '} {claim}: {count}", flush=True)
        for failure in failures:
            print(f"         {failure}", flush=True)

    def finish(self, path: Path) -> int:
        """Writes the report; the exit code is 1 if anything failed or was not made."""
        for claim in self.floors.keys() - self.counts.keys():
            if self.floors[claim] > 0:
                self.failures.append(f"{claim}: this check was not made")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps(
                {
                    "part": PART,
                    "facts": self.facts,
                    "counts": self.counts,
                    "failures": self.failures,
                },
                indent=2,
            )
            + "\n"
        )
        print(f"isolation: {len(self.counts)} claims, {len(self.failures)} failures")
        return 1 if self.failures else 0
