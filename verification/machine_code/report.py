"""What is printed, what is counted, and what counts are expected."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Check:
    """One line of the report."""

    name: str
    count: int
    failures: tuple[str, ...]

    @property
    def has_passed(self) -> bool:
        return not self.failures


@dataclass
class Report:
    """All checks of a run."""

    # The floor under each count, by function and name of the check.
    expected: dict[str, dict[str, int]]
    checks: dict[str, list[Check]] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)

    @staticmethod
    def begin(expected: Path) -> Report:
        return Report(tomllib.loads(expected.read_text()))

    def add(self, function: str, name: str, count: int, failures: list[str]) -> None:
        """Prints and keeps a check; a count below its floor is one more failure."""
        floor = self.expected.get(function, {}).get(name)
        failures = list(failures)
        if floor is None:
            failures.append("no expected count: add one to verification/expected.toml")
        elif count < floor:
            failures.append(f"counted {count}, and {floor} are expected: see expected.toml")
        check = Check(name, count, tuple(failures))
        self.checks.setdefault(function, []).append(check)
        print(f"  {'ok    ' if check.has_passed else 'FAILED'} {name}: {count}", flush=True)
        for failure in failures:
            print(f"         {failure}", flush=True)

    def finish(self, path: Path) -> int:
        """Writes the report; the exit code is 1 if a check failed or was not made."""
        for function, floors in self.expected.items():
            made = {check.name for check in self.checks.get(function, [])}
            for name in floors.keys() - made:
                self.add(function, name, 0, ["this check was not made"])
        checks = [check for found in self.checks.values() for check in found]
        passed = sum(check.has_passed for check in checks)
        failed = len(checks) - passed
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self._as_json(), indent=2) + "\n")
        print(f"verification: {passed} passed, {failed} failed")
        return 1 if failed or not checks else 0

    def _as_json(self) -> dict[str, object]:
        rows = {
            function: [
                {"name": c.name, "count": c.count, "failures": list(c.failures)} for c in checks
            ]
            for function, checks in self.checks.items()
        }
        return {**self.facts, "checks": rows}
