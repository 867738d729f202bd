"""`python -m checker`: build, ask, recheck, weaken, count."""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from machine_code.layout import Layout

from . import footprint, theory, touches, twins
from .report import Report

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent


def main() -> int:
    """The exit code: 0 passed, 1 failed, 2 not made."""
    arguments = _parse()
    started = time.monotonic()
    report = Report.begin(HERE / "claims.toml", is_all=arguments.all)
    report.facts["elf_sha256"] = hashlib.sha256(arguments.elf.read_bytes()).hexdigest()
    version = subprocess.run([theory.COQC, "--version"], capture_output=True, text=True, check=True)
    report.facts["rocq"] = version.stdout.split("\n")[0].strip()
    build = arguments.build / "theory"
    theory.copy_sources(HERE / "theory", build)
    failure = theory.compile_all(build, theory.modules(build))
    if failure is not None:
        report.failures.append(f"{failure.module}.{failure.statement}: {failure.message}")
        print(failure.message)
        return report.finish(arguments.report)
    footprints = footprint.load(HERE / "footprints.toml")
    # Rocq works in processes of its own: meanwhile this one traces the claims.
    with ThreadPoolExecutor(1) as pool:
        touched = pool.submit(touches.check, Layout.load(arguments.layout), footprints)
        check_theory(report, build, with_library=arguments.all)
        found = twins.load(HERE / "twins.toml", is_all=arguments.all)
        report.add("twins", *twins.check_all(found, build, arguments.build / "twins"))
    check_footprints(report, footprints, touched.result())
    report.facts["seconds"] = round(time.monotonic() - started, 1)
    return report.finish(arguments.report)


def check_theory(report: Report, build: Path, *, with_library: bool) -> None:
    """Counts what is proved, and that it rests on nothing."""
    report.add("statements", theory.count_statements(build), theory.find_shortcuts(build))
    groups = tomllib.loads((HERE / "theorems.toml").read_text())
    names = [name for group in groups.values() for name in group["theorems"]]
    rests_on = theory.find_assumptions(build, names)
    for claim, group in groups.items():
        open_ones = [name for name in group["theorems"] if rests_on[name]]
        failures = [f"{name} rests on: {rests_on[name]}" for name in open_ones]
        report.add(claim, len(group["theorems"]) - len(open_ones), failures)
    report.add("rechecked", *theory.recheck(build, with_library=with_library))


def check_footprints(
    report: Report,
    footprints: dict[str, footprint.Footprint],
    touched: tuple[int, int, list[str]],
) -> None:
    """Counts the calls whose footprint is sound, the steps of the model that they make, and what
    proved calls touch."""
    model = HERE / "theory" / "Step.v"
    report.add("footprints", *footprint.check(footprints, ROOT / "ipc-abi" / "ABI.md", model))
    report.add("steps", *footprint.count_used_steps(footprints, model))
    allowed, needed, failures = touched
    report.add("touches", allowed, failures)
    report.add("rights", needed, [])


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="isolation")
    parser.add_argument("--elf", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--layout", type=Path, required=True)
    parser.add_argument("--all", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
