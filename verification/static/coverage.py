"""Which lines of the core its own tests run. What they never run is on a list, `uncovered.toml`.

The tests that are random or slow are left out: what is run is the same every time.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

from . import tool
from .report import CannotCheckError, Report

LIST = tool.HERE / "uncovered.toml"
SOURCE = tool.ROOT / "microkernel/core/src"
HEADER = """\
# The lines of `microkernel/core` that its own tests never run (but for the random and slow ones, which
# `mutants.toml` names), by their text, with the reason where there is one. A line that is not here and
# not run is a failure, and so is one that is here and run.
# Written by `verification/static/run --write --all`, which keeps the reasons.
"""

# A line that is not run: its file and its text.
Line = tuple[str, str]


def check(report: Report, *, may_install: bool, write: bool) -> None:
    """Counts the lines that are run, and compares those that are not with the list."""
    lines, missed = measure(may_install=may_install)
    reasons = read()
    if write:
        LIST.write_text(show(missed, reasons))
        reasons = read()
    listed = Counter({line: count for line, (count, _) in reasons.items()})
    failures = [f"{file}: {text!r} is never run" for file, text in (missed - listed).elements()]
    failures += [
        f"{file}: {text!r} is run: remove it from uncovered.toml"
        for file, text in (listed - missed).elements()
    ]
    covered = lines - missed.total()
    report.facts["lines of core"] = lines
    report.facts["lines of core that its tests run"] = covered
    report.add("coverage", covered, failures)
    explained = sum(count for count, reason in reasons.values() if reason)
    report.facts["lines not run, with a reason"] = explained


def is_shipped(file: str, testing: list[str]) -> bool:
    """Whether a file of `core` is part of the kernel, and none of what checks it (patterns)."""
    return not any(fnmatch(f"src/{file}", pattern) for pattern in testing)


def measure(*, may_install: bool) -> tuple[int, Counter[Line]]:
    """How many lines there are, and which are never run."""
    program = build(may_install=may_install)
    folder = tool.target() / "coverage"
    for old in folder.glob("*.profraw"):
        old.unlink()
    settings = tomllib.loads((tool.HERE / "mutants.toml").read_text())
    skipped = [word for test in settings["slow_tests"] for word in ("--skip", test)]
    # One by one: two threads that count in the same places take three times as long.
    one_by_one = ["--quiet", "--test-threads=1"]
    tool.run([str(program), *one_by_one, *skipped], {"LLVM_PROFILE_FILE": str(folder / "%p.profraw")})
    profile = folder / "merged"
    merge = [tool.llvm_tool("llvm-profdata", may_install=may_install), "merge", "-sparse"]
    raw = [str(path) for path in folder.glob("*.profraw")]
    tool.run([*merge, *raw, "-o", str(profile)])
    export = [tool.llvm_tool("llvm-cov", may_install=may_install), "export", "-format=lcov"]
    text = tool.run([*export, f"-instr-profile={profile}", str(program)])
    return parse(text, settings["exclude_globs"])


def build(*, may_install: bool) -> Path:
    """The tests of the core, which count what they run."""
    folder = tool.target() / "coverage"
    library = tool.runtime("profile", may_install=may_install)
    # Only the core's own code is worth counting, and build scripts have nothing to count with.
    command = [tool.cargo(), "rustc", "--quiet", "--package", "pecan-core", "--lib"]
    command += ["--profile", "test", "--target", tool.HOST, "--message-format", "json", "--"]
    command += ["-Cinstrument-coverage", "-Zno-profiler-runtime"]
    command += [f"-Clink-arg={library}", "-Clink-arg=-u__llvm_profile_runtime", "-Clink-arg=-lc"]
    more = {"CARGO_TARGET_DIR": str(folder), "RUSTC_BOOTSTRAP": "1"}
    messages = [json.loads(line) for line in tool.run(command, more).splitlines()]
    programs = [message["executable"] for message in messages if message.get("executable")]
    if len(programs) != 1:
        raise CannotCheckError(f"{len(programs)} programs instead of the tests of the core")
    return Path(programs[0])


def parse(text: str, testing: list[str]) -> tuple[int, Counter[Line]]:
    """Reads what `llvm-cov` exports: lines with how often they were run; files of `testing` are left out."""
    lines, missed, file, source = 0, Counter[Line](), "", list[str]()
    for record in text.splitlines():
        kind, _, value = record.partition(":")
        if kind == "SF":
            path = Path(value)
            file = str(path.relative_to(SOURCE)) if path.is_relative_to(SOURCE) else ""
            source = path.read_text().splitlines() if file else []
        elif kind == "DA" and file and is_shipped(file, testing):
            number, count = (int(word) for word in value.split(",")[:2])
            line = source[number - 1].strip()
            # The end of a block says nothing that its lines do not.
            if line.strip("{}();,") == "":
                continue
            lines += 1
            if count == 0:
                missed[file, line] += 1
    if lines == 0:
        raise CannotCheckError("no line of the core is counted")
    return lines, missed


def read() -> dict[Line, tuple[int, str]]:
    """The list: how often each line stands there, and why."""
    if not LIST.exists():
        return {}
    found = tomllib.loads(LIST.read_text()).get("line", [])
    return {
        (line["file"], line["text"]): (line.get("times", 1), line.get("reason", ""))
        for line in found
    }


def show(missed: Counter[Line], reasons: dict[Line, tuple[int, str]]) -> str:
    """The list as text."""
    parts = [HEADER]
    for (file, text), count in sorted(missed.items()):
        part = f"\n[[line]]\nfile = {json.dumps(file)}\ntext = {json.dumps(text)}\n"
        if count > 1:
            part += f"times = {count}\n"
        _, reason = reasons.get((file, text), (0, ""))
        if reason:
            part += f"reason = {json.dumps(reason)}\n"
        parts.append(part)
    return "".join(parts)
