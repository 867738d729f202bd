"""`python -m fast_path`: checks one kernel image."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from machine_code.image import Image, ImageError
from machine_code.layout import Layout

from . import emulator
from .differential import SEED, Program, one_sided_branches
from .report import Report

BOUNDED_SCENARIOS, ALL_SCENARIOS = 400_000, 10_000_000
BOUNDED_SAMPLES, ALL_SAMPLES = 200, 2_000


def main() -> int:
    options = _options()
    try:
        image = Image.load(options.elf)
        Layout.load(options.layout)
        return _check(options, image)
    except (ImageError, OSError, ValueError, subprocess.CalledProcessError) as error:
        print(f"fast_path: {error}", file=sys.stderr)
        return 2


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="verification/fast_path/run", description=__doc__)
    parser.add_argument("--elf", type=Path, required=True, help="the kernel image")
    parser.add_argument("--layout", type=Path, required=True, help="the layout of its objects")
    parser.add_argument("--differential", type=Path, required=True, help="runs both paths")
    parser.add_argument("--readme", type=Path, required=True, help="has the dead fields")
    parser.add_argument("--work", type=Path, required=True, help="where results lie meanwhile")
    parser.add_argument("--report", type=Path, required=True, help="where the report goes")
    parser.add_argument("--all", action="store_true", help="many more scenarios")
    return parser.parse_args()


def _check(options: argparse.Namespace, image: Image) -> int:
    report = Report(facts={"sha256": image.sha256, "seed": SEED})
    print(f"{image.path.name}, sha256 {image.sha256}, seed {SEED}")
    program = Program(options.differential, options.elf, options.readme, options.work)
    _run_scenarios(program, image, report, ALL_SCENARIOS if options.all else BOUNDED_SCENARIOS)
    samples = program.run("sample", ALL_SAMPLES if options.all else BOUNDED_SAMPLES)
    report.add("interpreter", *emulator.differences(image, samples))
    return report.finish(options.report)


def _run_scenarios(program: Program, image: Image, report: Report, count: int) -> None:
    found = program.run("compare", count)
    report.facts |= {"taken": found["same"], "left": found["left"]}
    failures = list(found["told"])
    if found["wrong"] > len(failures):
        failures.append(f"and {found['wrong'] - len(failures)} more")
    same = sum(found["same"].values())
    report.add("scenarios-taken", same, failures)
    report.add("scenarios-left", count - same - found["wrong"], [])
    report.add("branches", *one_sided_branches(image, found["steps"]))


if __name__ == "__main__":
    sys.exit(main())
