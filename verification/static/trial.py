"""The tests of the core against each of its mutants, which are all in one program."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from . import switch, tool
from .report import CannotCheckError
from .switch import Change

CORE = Path("microkernel/core/src")
# A mutant whose tests take so many times the steps that they usually take, hangs; or so many seconds,
# if it takes no steps.
PATIENCE = 3
SECONDS = 1_800
# Mutants that do not compile are left out until the rest does.
ROUNDS = 12


class Fate(Enum):
    """What became of a mutant."""

    CAUGHT = "caught"
    HANGS = "lets the tests hang"
    SURVIVED = "survived"
    UNVIABLE = "does not compile"
    APART = "apart"


@dataclass
class Program:
    """The tests with all mutants."""

    tree: Path
    folder: Path
    slow: Sequence[str]
    path: Path = Path()
    fates: dict[int, Fate] = field(default_factory=dict)
    steps: dict[bool, int] = field(default_factory=dict)

    @staticmethod
    def build(tree: Path, folder: Path, changes: dict[str, list[Change]], slow: Sequence[str]) -> Program:
        """Builds it in a copy of the source; `changes` are those of each file of the core."""
        program = Program(tree, folder, slow)
        sources = {file: (tool.ROOT / CORE / file).read_bytes() for file in changes}
        for _ in range(ROUNDS):
            written = {file: program._rewrite(sources[file], changes[file]) for file in changes}
            for file, text in written.items():
                (tree / CORE / file).write_bytes(text)
            _add_module(tree)
            found = program._compile(written)
            if not found:
                program._measure()
                return program
            program.fates |= dict.fromkeys(found, Fate.UNVIABLE)
        raise CannotCheckError("the core with its mutants does not compile")

    def _rewrite(self, source: bytes, changes: Sequence[Change]) -> bytes:
        viable = [change for change in changes if change.number not in self.fates]
        text, apart = switch.rewrite(tool.rust_parser(), source, viable)
        self.fates |= dict.fromkeys(apart, Fate.APART)
        return text

    def _compile(self, written: dict[str, bytes]) -> set[int]:
        """Compiles it; answers the mutants in whose text there are errors."""
        command = [tool.cargo(), "test", "--quiet", "--no-run", "--package", "pecan-core", "--lib"]
        command += ["--message-format", "json"]
        more = {
            "CARGO_TARGET_DIR": str(self.folder),
            "RUSTC_BOOTSTRAP": "1",
            "RUSTFLAGS": "--cap-lints allow",
        }
        done = subprocess.run(
            command, cwd=self.tree, env=os.environ | more, capture_output=True, text=True, check=False
        )
        messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        programs = [it["executable"] for it in messages if it.get("executable")]
        if done.returncode == 0 and len(programs) == 1:
            self.path = Path(programs[0])
            return set()
        errors = [it["message"] for it in messages if it.get("reason") == "compiler-message"]
        errors = [it for it in errors if it["level"] == "error" and it["spans"]]
        found = set()
        for error in errors:
            blamed = _blame(error, written)
            if not blamed:
                raise CannotCheckError(f"no mutant is to blame:\n{error['rendered']}")
            found |= blamed
        if not found:
            raise CannotCheckError(f"the core with its mutants is not built:\n{done.stderr}")
        return found

    def _measure(self) -> None:
        """How many steps the tests take without any mutant."""
        for all_tests in (False, True):
            done = self._run(all_tests, None)
            found = re.search(r"steps: (\d+)$", done.stdout, re.MULTILINE)
            if done.returncode or not found:
                raise CannotCheckError(f"the tests fail without a mutant:\n{done.stdout[-2000:]}")
            self.steps[all_tests] = int(found[1])

    def _run(self, all_tests: bool, mutant: int | None) -> subprocess.CompletedProcess[str]:
        skipped = [] if all_tests else [word for it in self.slow for word in ("--skip", it)]
        command = [str(self.path), "--test-threads=1", "-Zunstable-options", "--fail-fast"]
        environment = os.environ | {"RUST_BACKTRACE": "0", "RUSTC_BOOTSTRAP": "1"}
        if mutant is None:
            command.append("--nocapture")
        else:
            limit = self.steps[all_tests] * PATIENCE
            environment |= {"PECAN_MUTANT": str(mutant), "PECAN_STEPS": str(limit)}
        # Random tests write down beside the source what they failed with.
        return subprocess.run(
            [*command, *skipped], cwd=self.tree, env=environment, capture_output=True, text=True,
            check=False, timeout=SECONDS, errors="replace",
        )

    def fate(self, mutant: int) -> Fate:
        """Lets a mutant meet the quick tests, and if it survives, all."""
        if mutant in self.fates:
            return self.fates[mutant]
        for all_tests in (False, True):
            try:
                code = self._run(all_tests, mutant).returncode
            except subprocess.TimeoutExpired:
                return Fate.HANGS
            if code:
                return Fate.HANGS if code == switch.HANGS else Fate.CAUGHT
        return Fate.SURVIVED

    def judge(self, mutants: Iterable[int], note: Callable[[int, Fate], None]) -> None:
        """The fates of many, as they become known."""
        chosen = list(mutants)
        with ThreadPoolExecutor(tool.workers()) as pool:
            for mutant, fate in zip(chosen, pool.map(self.fate, chosen), strict=True):
                note(mutant, fate)


def _add_module(tree: Path) -> None:
    (tree / CORE / "which_mutant.rs").write_text(switch.MODULE)
    root = tree / CORE / "lib.rs"
    text = (tool.ROOT / CORE / "lib.rs").read_text()
    root.write_text(text.replace("\npub mod ", "\nmod which_mutant;\npub mod ", 1))


def _blame(error: dict[str, object], written: dict[str, bytes]) -> set[int]:
    """The mutants in whose text an error is; of the first place that is in one."""
    places = sorted(error["spans"], key=lambda it: not it["is_primary"])
    for place in places:
        file = place["file_name"].removeprefix(f"{CORE}/")
        if file in written:
            blamed = switch.mutants_at(written[file], place["byte_start"])
            if blamed:
                return set(blamed)
    return set()


def copy(folder: Path) -> Path:
    """A copy of the tree in which mutants are built."""
    tree = folder / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    tree.parent.mkdir(parents=True, exist_ok=True)
    leave_out = shutil.ignore_patterns("target", ".git", "__pycache__")
    shutil.copytree(tool.ROOT, tree, ignore=leave_out)
    return tree
