"""Mutants one by one, each in a program of its own, by `cargo-mutants`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import tool, trial
from .report import CannotCheckError
from .trial import Fate


@dataclass(frozen=True)
class Round:
    """How mutants meet tests."""

    profile: str
    seconds: int
    flags: str


# Builds that are quick, for tests that are not slow, which take a second; and the tests as they usually run.
QUICK = Round("mutants", 60, "-Zmir-opt-level=2 -Zinline-mir=yes")
FULL = Round("test", 300, "")
FATES = {
    "caught": Fate.CAUGHT,
    "missed": Fate.SURVIVED,
    "timeout": Fate.HANGS,
    "unviable": Fate.UNVIABLE,
}


@dataclass(frozen=True)
class Workspace:
    """A copy of the tree in which mutants are built."""

    program: str
    folder: Path
    tree: Path
    slow: Sequence[str]

    @staticmethod
    def make(program: str, settings: dict[str, object]) -> Workspace:
        folder = tool.target() / "mutants"
        tree = trial.copy(folder)
        config = {name: settings[name] for name in ("examine_globs", "exclude_globs")}
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in config.items()]
        (folder / "config.toml").write_text("".join(lines))
        return Workspace(program, folder, tree, settings["slow_tests"])

    def listing(self) -> list[dict[str, object]]:
        """What `cargo-mutants` says of every mutant, in the order of the source."""
        return json.loads(self._run(["--list", "--json"]).stdout)

    def restore(self) -> None:
        """Makes the source of the core the kernel's again."""
        source = self.tree / trial.CORE
        shutil.rmtree(source)
        shutil.copytree(tool.ROOT / trial.CORE, source)

    def judge(self, names: Sequence[str]) -> dict[str, Fate]:
        """The fate of each mutant."""
        skipped = [word for test in self.slow for word in ("--skip", test)]
        options = ["-Zunstable-options", "--fail-fast"]
        fates = self._try(QUICK, names, [*skipped, *options]) if names else {}
        doubtful = [name for name, fate in fates.items() if fate is Fate.SURVIVED]
        return fates | (self._try(FULL, doubtful, options) if doubtful else {})

    def _try(self, how: Round, names: Sequence[str], options: list[str]) -> dict[str, Fate]:
        only = [word for name in names for word in ("--re", f"^{re.escape(name)}$")]
        test = ["--cargo-arg=--lib", "--profile", how.profile, "--baseline", "skip"]
        test += ["--timeout", str(how.seconds), "--no-times", "--output", str(self.folder)]
        shutil.rmtree(self.folder / "mutants.out", ignore_errors=True)
        done = self._run([*test, *only, "--", "--", *options], how.flags)
        fates = {}
        for file, fate in FATES.items():
            told = (self.folder / "mutants.out" / f"{file}.txt").read_text().splitlines()
            fates |= dict.fromkeys(told, fate)
        missing = [name for name in names if name not in fates]
        if missing:
            raise CannotCheckError(f"{missing[0]}: not tried:\n{done.stdout}{done.stderr}")
        # It tries those that delete a field whether they are chosen or not.
        return {name: fates[name] for name in names}

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
            command, cwd=self.tree, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode not in (0, 2, 3):
            raise CannotCheckError(f"cargo-mutants failed ({done.returncode}):\n{done.stderr}")
        return done
