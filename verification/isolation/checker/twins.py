"""Weakened twins of the theory: kernels that check less. A proof must fail for each."""

from __future__ import annotations

import os
import shutil
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .theory import compile_all, modules, needed_by


@dataclass(frozen=True)
class Twin:
    """One weakening: a text that is replaced in one file, and the proof that must fail."""

    name: str
    file: str
    find: str
    replace: str
    # The statement, as `Module.name`, that is false or unproved then.
    breaks: str
    # Whether the bounded run looks at it, too.
    is_bounded: bool


def load(path: Path, *, is_all: bool) -> list[Twin]:
    """The twins of `twins.toml`, or those of the bounded run."""
    rows = tomllib.loads(path.read_text())["twin"]
    keys = ("name", "file", "find", "replace", "breaks")
    twins = [Twin(*(row[key] for key in keys), row.get("bounded", False)) for row in rows]
    return [twin for twin in twins if is_all or twin.is_bounded]


def check_all(twins: list[Twin], built: Path, scratch: Path) -> tuple[int, list[str]]:
    """How many twins were noticed where they must be, and what was not."""
    shutil.rmtree(scratch, ignore_errors=True)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        answers = list(pool.map(lambda twin: _check(twin, built, scratch / twin.name), twins))
    failures = [answer for answer in answers if answer]
    return len(twins) - len(failures), failures


def _check(twin: Twin, built: Path, folder: Path) -> str:
    """Why the twin was not noticed as it must be; empty if it was."""
    folder.mkdir(parents=True)
    for path in [built / "_CoqProject", *built.glob("*.v"), *built.glob("*.vo")]:
        shutil.copy(path, folder)
    patched = folder / f"{twin.file}.v"
    text = patched.read_text()
    if text.count(twin.find) != 1:
        return f"{twin.name}: its text stands {text.count(twin.find)} times in {twin.file}.v"
    patched.write_text(text.replace(twin.find, twin.replace))
    names = modules(folder)
    needed = needed_by(folder, twin.breaks.partition(".")[0])
    again = [name for name in names[names.index(twin.file) :] if name in needed]
    for name in names[names.index(twin.file) :]:
        (folder / f"{name}.vo").unlink()
    failure = compile_all(folder, again)
    if failure is None:
        return f"{twin.name}: every proof on the way still passes"
    found = f"{failure.module}.{failure.statement}"
    if found != twin.breaks:
        return f"{twin.name}: {found} failed instead of {twin.breaks}"
    return ""
