"""Compiling the theory, and asking Rocq what it rests on."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

LIBRARY = "Isolation"
COQC, COQCHK = "/usr/bin/coqc", "/usr/bin/coqchk"
# Nothing takes a tenth of this on an idle machine; what does not end is a failure.
TIMEOUT_SECONDS = 900
TIMED_OUT = 124

# What would let something be believed that was not proved.
FORBIDDEN = re.compile(
    r"\b(Admitted|admit|give_up|Axioms?|Parameters?|Conjecture|Abort|"
    r"bypass_check|Unset\s+(?:Guard|Positivity|Universe)\s+Checking|"
    r"type-in-type|vm_cast_no_check|native_cast_no_check|exact_no_check|Declare\s+ML)\b"
)
COMMENT = re.compile(r"\(\*|\*\)")
REQUIRE = re.compile(rf"^From {LIBRARY} Require (?:Import )?([\w\s]+)\.$", re.MULTILINE)
STATEMENT = re.compile(r"^\s*(?:Lemma|Theorem|Corollary|Example)\s+(\w+)", re.MULTILINE)
ERROR_PLACE = re.compile(r'File "\./(\w+)\.v", line (\d+)')


@dataclass(frozen=True)
class Failure:
    """Where a compilation stopped."""

    module: str
    # The statement whose proof or text was refused.
    statement: str
    message: str


def modules(folder: Path) -> list[str]:
    """The files of the theory in the order of their compilation."""
    lines = (folder / "_CoqProject").read_text().split()
    return [line.removesuffix(".v") for line in lines if line.endswith(".v")]


def copy_sources(source: Path, build: Path) -> None:
    """Makes a fresh folder to compile in: no object file of an earlier run is believed."""
    shutil.rmtree(build, ignore_errors=True)
    build.mkdir(parents=True)
    for path in [source / "_CoqProject", *source.glob("*.v")]:
        shutil.copy(path, build)


def needed_by(build: Path, name: str) -> set[str]:
    """The module and all that it is built on."""
    found = set()
    for names in REQUIRE.findall((build / f"{name}.v").read_text()):
        for other in names.split():
            found |= needed_by(build, other)
    return found | {name}


def compile_all(build: Path, names: list[str]) -> Failure | None:
    """Compiles the modules in this order; stops at the first failure."""
    for name in names:
        failure = _compile(build, name)
        if failure is not None:
            return failure
    return None


def _ask(build: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of Rocq in the folder; without an end, it failed."""
    try:
        return subprocess.run(
            command, cwd=build, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        message = f"{command[0]}: no end after {TIMEOUT_SECONDS} s"
        return subprocess.CompletedProcess(command, TIMED_OUT, "", message)


def _compile(build: Path, name: str) -> Failure | None:
    done = _ask(build, COQC, "-q", "-Q", ".", LIBRARY, f"{name}.v")
    if done.returncode == 0:
        return None
    place = ERROR_PLACE.search(done.stderr)
    line = int(place.group(2)) if place else 0
    return Failure(name, _statement_at(build / f"{name}.v", line), done.stderr.strip())


def _statement_at(path: Path, line: int) -> str:
    """The last statement that begins at or before a line."""
    text = "\n".join(path.read_text().splitlines()[:line])
    found = STATEMENT.findall(text)
    return found[-1] if found else ""


def without_comments(text: str) -> str:
    """The text with its comments, which nest, left out."""
    kept, depth, position = [], 0, 0
    for mark in COMMENT.finditer(text):
        if depth == 0:
            kept.append(text[position : mark.start()])
        depth = depth + 1 if mark.group() == "(*" else max(depth - 1, 0)
        position = mark.end()
    if depth == 0:
        kept.append(text[position:])
    return "".join(kept)


def find_shortcuts(folder: Path) -> list[str]:
    """Every word in the sources that could stand for a missing proof."""
    found = []
    for name in modules(folder):
        code = without_comments((folder / f"{name}.v").read_text())
        found += [f"{name}.v: `{match.group()}`" for match in FORBIDDEN.finditer(code)]
    listed = set(modules(folder))
    found += [f"{p.name}: not in _CoqProject" for p in folder.glob("*.v") if p.stem not in listed]
    return found


def count_statements(folder: Path) -> int:
    """Lemmas and theorems of the whole theory."""
    return sum(
        len(STATEMENT.findall(without_comments((folder / f"{name}.v").read_text())))
        for name in modules(folder)
    )


def find_assumptions(build: Path, theorems: list[str]) -> dict[str, str]:
    """What each theorem, named as `Module.name`, rests on; empty if on nothing."""
    imports = "\n".join(f"From {LIBRARY} Require {name}." for name in modules(build))
    asked = "\n".join(
        f'Goal True. idtac "=== {theorem}". exact I. Qed.\nPrint Assumptions {theorem}.'
        for theorem in theorems
    )
    path = build / "Assumptions.v"
    path.write_text(f"{imports}\n{asked}\n")
    done = _ask(build, COQC, "-q", "-Q", ".", LIBRARY, path.name)
    path.unlink()
    if done.returncode != 0:
        return {theorem: done.stderr.strip() for theorem in theorems}
    answers = dict.fromkeys(theorems, "not asked")
    for part in done.stdout.split("=== ")[1:]:
        name, _, answer = part.partition("\n")
        answers[name.strip()] = answer.strip()
    return {
        name: "" if answer == "Closed under the global context" else answer
        for name, answer in answers.items()
    }


def recheck(build: Path, *, with_library: bool) -> tuple[int, list[str]]:
    """Lets the small checker read the object files again: these, or the standard library too."""
    names = [f"{LIBRARY}.{name}" for name in modules(build)]
    asked = names if with_library else [word for name in names for word in ("-norec", name)]
    done = _ask(build, COQCHK, "-silent", "-o", "-Q", ".", LIBRARY, *asked)
    if done.returncode != 0:
        return 0, [f"coqchk: {done.stderr.strip()}"]
    summary = done.stdout + done.stderr
    wanted = [
        r"\* Constants/Inductives relying on type-in-type: <none>",
        r"\* Constants/Inductives relying on unsafe \(co\)fixpoints: <none>",
        r"\* Inductives whose positivity is assumed: <none>",
    ]
    if with_library:
        wanted.append(r"\* Axioms: <none>")
    failures = [f"coqchk does not say: {line}" for line in wanted if not re.search(line, summary)]
    # Without the library, whatever the library has counts as an axiom; nothing of ours may.
    own = re.findall(rf"^\s+({LIBRARY}\.\S+)", summary, re.MULTILINE)
    failures += [f"coqchk lists as an axiom: {name}" for name in own]
    return len(names), failures
