"""Mutation testing of the core: each of its mutants is caught by its own tests, or classified.

`cargo-mutants` makes the mutants. They meet the quick tests first, and those that survive meet all of
them. What survives these is in `mutants.toml`, with the reason: *equivalent* says why no test can tell
it from the kernel, *untested* says what would.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import tool
from .report import CannotCheckError, Report

LIST = tool.HERE / "mutants.toml"
# What `--all` tries: each so manyth mutant, from the first on.
SAMPLE = (0, 160)


@dataclass(frozen=True)
class Round:
    """How mutants meet tests."""

    profile: str
    seconds: int
    flags: str


# Builds that are quick, for tests that are not slow; and the tests as they usually run.
QUICK = Round("mutants", 240, "-Zmir-opt-level=2 -Zinline-mir=yes")
FULL = Round("test", 1_200, "")
KINDS = ("equivalent", "untested")
PLACE = re.compile(r"^(?P<file>[^:]+):\d+:\d+: (?P<change>.*)$")


@dataclass(frozen=True)
class Mutant:
    """One change of the core; `nth` of the same change in its file."""

    name: str
    file: str
    change: str
    nth: int

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.file, self.change, self.nth)


@dataclass(frozen=True)
class Survivor:
    """A mutant that is listed."""

    kind: str
    reason: str


def check(report: Report, *, may_install: bool, shard: tuple[int, int] | None, whole: bool) -> None:
    """Tries a sample, a share, or all of the mutants."""
    settings = tomllib.loads(LIST.read_text())
    survivors = read(settings)
    program = tool.cargo_tool("cargo-mutants", settings["version"], may_install=may_install)
    workspace = Workspace.make(program, settings)
    mutants = workspace.mutants()
    chosen = choose(mutants, shard if whole else SAMPLE)
    print(f"  {len(chosen)} of {len(mutants)} mutants", flush=True)
    unviable, survived = workspace.judge(chosen)
    failures = compare(chosen, survived, survivors)
    known = {mutant.key for mutant in mutants}
    failures += [f"{key}: no such mutant: remove it from mutants.toml"
                 for key in survivors.keys() - known]
    report.facts |= {
        "mutants of the core": len(mutants),
        "mutants tried": len(chosen),
        "mutants that do not compile": unviable,
        "mutants that survived": [mutant.name for mutant in survived],
    }
    report.add("mutants", len(chosen) - unviable, failures)


def choose(mutants: Sequence[Mutant], shard: tuple[int, int] | None) -> list[Mutant]:
    """Every mutant, or each `n`th from the `k`th on."""
    return list(mutants) if shard is None else list(mutants[shard[0] :: shard[1]])


def compare(
    chosen: Sequence[Mutant],
    survived: Sequence[Mutant],
    survivors: dict[tuple[str, str, int], Survivor],
) -> list[str]:
    """What survived and is not listed, and what is listed and did not."""
    alive = {mutant.key for mutant in survived}
    failures = [f"{m.name}: survives and is not classified" for m in survived
                if m.key not in survivors]
    failures += [f"{m.name}: is caught: remove it from mutants.toml" for m in chosen
                 if m.key in survivors and m.key not in alive]
    return failures


def read(settings: dict[str, object]) -> dict[tuple[str, str, int], Survivor]:
    """The survivors that are listed."""
    found = {}
    for entry in settings.get("survivor", []):
        survivor = Survivor(entry["kind"], entry["reason"].strip())
        key = (entry["file"], entry["change"], entry.get("nth", 1))
        if survivor.kind not in KINDS or not survivor.reason or key in found:
            raise CannotCheckError(f"mutants.toml: {key} is no classification")
        found[key] = survivor
    return found


@dataclass(frozen=True)
class Workspace:
    """A copy of the tree in which mutants are built."""

    program: str
    folder: Path
    settings: dict[str, object]

    @staticmethod
    def make(program: str, settings: dict[str, object]) -> Workspace:
        folder = tool.target() / "mutants"
        tree = folder / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        tree.parent.mkdir(parents=True, exist_ok=True)
        leave_out = shutil.ignore_patterns("target", ".git", "__pycache__")
        shutil.copytree(tool.ROOT, tree, ignore=leave_out)
        config = {name: settings[name] for name in ("examine_globs", "exclude_globs")}
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in config.items()]
        (folder / "config.toml").write_text("".join(lines))
        return Workspace(program, folder, settings)

    def mutants(self) -> list[Mutant]:
        """Every mutant, in the order of the source."""
        seen: Counter[tuple[str, str]] = Counter()
        found = []
        for name in self._run(["--list"]).stdout.splitlines():
            match = PLACE.match(name)
            if not match:
                raise CannotCheckError(f"cargo-mutants lists {name!r}")
            file = match["file"].removeprefix("microkernel/core/src/")
            seen[file, match["change"]] += 1
            found.append(Mutant(name, file, match["change"], seen[file, match["change"]]))
        return found

    def judge(self, chosen: Sequence[Mutant]) -> tuple[int, list[Mutant]]:
        """How many of them do not compile, and which survive every test."""
        skipped = [word for test in self.settings["slow_tests"] for word in ("--skip", test)]
        options = ["-Zunstable-options", "--fail-fast"]
        quick = self._try(QUICK, chosen, [*skipped, *options])
        # A machine that is busy may let even quick tests take long.
        doubtful = quick["missed"] | quick["timeout"]
        again = [m for m in chosen if m.name in doubtful]
        # One that lets the tests hang is caught.
        survived = self._try(FULL, again, options)["missed"] if again else set()
        return len(quick["unviable"]), [m for m in chosen if m.name in survived]

    def _try(
        self, how: Round, chosen: Sequence[Mutant], options: list[str]
    ) -> dict[str, set[str]]:
        """The fate of each mutant."""
        only = [word for m in chosen for word in ("--re", f"^{re.escape(m.name)}$")]
        test = ["--cargo-arg=--lib", "--profile", how.profile, "--baseline", "skip"]
        test += ["--timeout", str(how.seconds), "--no-times", "--output", str(self.folder)]
        shutil.rmtree(self.folder / "mutants.out", ignore_errors=True)
        done = self._run([*test, *only, "--", "--", *options], how.flags)
        found = {
            fate: set((self.folder / "mutants.out" / f"{fate}.txt").read_text().splitlines())
            for fate in ("caught", "missed", "timeout", "unviable")
        }
        tried = set().union(*found.values())
        missing = [m.name for m in chosen if m.name not in tried]
        if missing:
            raise CannotCheckError(f"{missing[0]}: not tried:\n{done.stdout}{done.stderr}")
        return found

    def _run(self, options: list[str], flags: str = "") -> subprocess.CompletedProcess[str]:
        command = [self.program, "mutants", "--config", str(self.folder / "config.toml")]
        command += ["--package", "pecan-core", "--in-place", *options]
        environment = os.environ | {
            "CARGO_TARGET_DIR": str(self.folder / ("quick" if flags else "full")),
            "RUSTFLAGS": flags,
            "RUSTC_BOOTSTRAP": "1",
        }
        # It ends with 2 if a mutant survives, and with 3 if one hangs.
        done = subprocess.run(
            command, cwd=self.folder / "tree", env=environment, capture_output=True, text=True,
            check=False,
        )
        if done.returncode not in (0, 2, 3):
            raise CannotCheckError(f"cargo-mutants failed ({done.returncode}):\n{done.stderr}")
        return done
