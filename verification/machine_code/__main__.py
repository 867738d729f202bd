"""`python -m machine_code`: proves every subject in one kernel image."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from . import crosscheck, reachable, work, zero
from .claims import FAMILIES
from .image import Image, ImageError
from .layout import Layout
from .report import Report

INSTANCES = "instances"
SPOILED = "spoiled"
ZEROING = "zeroing"
TABLE = "calls"


def main() -> int:
    options = _options()
    try:
        image = Image.load(options.elf)
        layout = Layout.load(options.layout)
    except (ImageError, OSError, ValueError) as error:
        print(f"machine_code: {error}", file=sys.stderr)
        return 2
    report = Report({"image": image.path.name, "sha256": image.sha256, "seed": crosscheck.SEED})
    print(f"{image.path.name}, sha256 {image.sha256}, seed {crosscheck.SEED}")
    if not options.only:
        _report_invariants(options.states, layout, report)
        report.add("frame::zero", ZEROING, *zero.check(image))
        report.add("README.md", TABLE, *_check_table())
    extent = work.ALL if options.all else work.BOUNDED
    functions = {}
    for found in work.check_all(image, layout, extent, options.only):
        print(f"  {found.line}", flush=True)
        functions[found.subject] = found.counts
        for name, count in found.counts.items():
            report.add(found.subject, name, count, found.failures[name])
    report.facts["subjects"] = functions
    return report.finish(options.report)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="verification/machine_code/run", description=__doc__)
    parser.add_argument("--elf", type=Path, required=True, help="the kernel image")
    parser.add_argument("--layout", type=Path, required=True, help="the layout of its objects")
    parser.add_argument("--states", type=Path, required=True, help="states that it reaches")
    parser.add_argument("--report", type=Path, required=True, help="where the report goes")
    parser.add_argument("--all", action="store_true", help="more mutants, more executions")
    parser.add_argument("only", nargs="*", help="the functions to prove, if not all")
    return parser.parse_args()


def _check_table() -> tuple[int, list[str]]:
    """The page names exactly the system calls that are proved: those, and what is wrong."""
    page = (Path(__file__).parent / "README.md").read_text()
    told = set(re.findall(r"`(\w+)` \| \*\*proved\*\*", page))
    made = {tell.__name__ for family in FAMILIES for tell in family.CALLS}
    wrong = [f"{name} is in one of page and claims only" for name in sorted(told ^ made)]
    return len(told & made), wrong


def _report_invariants(path: Path, layout: Layout, report: Report) -> None:
    failures, count = [], 0
    for index, (instances, bad) in enumerate(reachable.check(path, layout)):
        count += instances - len(bad)
        failures += [f"state {index}: {name}" for name in bad]
    report.add("invariants", INSTANCES, count, failures)
    spoiled = reachable.check_broken(path, layout)
    missed = [name for name, noticed in spoiled.items() if noticed == 0]
    failures = [f"{name}: not noticed" for name in missed]
    report.add("invariants", SPOILED, len(spoiled) - len(missed), failures)


if __name__ == "__main__":
    sys.exit(main())
