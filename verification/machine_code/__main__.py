"""`python -m machine_code`: proves every subject in one kernel image."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from . import copying, crosscheck, mutants, reachable, record, work, zero
from .claims import FAMILIES, dispatch, name_of
from .image import Image, ImageError
from .layout import Layout
from .report import Report

INSTANCES = "instances"
SPOILED = "spoiled"
ZEROING = "zeroing"
COPYING = "copying"
TABLE = "calls"
ROOT = Path(__file__).resolve().parent.parent.parent
# The pages that tell how many calls are proved, beside the table.
PAGES = ("README.md", "docs/book/limits.md")


def main() -> int:
    options = _options()
    try:
        image = Image.load(options.elf)
        layout = Layout.load(options.layout)
    except (ImageError, OSError, ValueError) as error:
        print(f"machine_code: {error}", file=sys.stderr)
        return 2
    if options.mutants:
        return _mutate(image, layout, options)
    report = Report({"image": image.path.name, "sha256": image.sha256, "seed": crosscheck.SEED})
    print(f"{image.path.name}, sha256 {image.sha256}, seed {crosscheck.SEED}")
    extent = work.ALL if options.all else work.BOUNDED
    functions, proved = {}, {}
    for found in work.check_all(image, layout, extent, options.only, options.write):
        print(f"  {found.line}", flush=True)
        functions[found.subject] = found.counts
        for name, count in found.counts.items():
            report.add(found.subject, name, count, found.failures[name])
        if found.digest is not None:
            proved[found.subject] = record.Proved(found.digest, record.BOTH)
            if options.write:
                record.save(proved, [subject.name for subject in work.SUBJECTS])
    report.facts["subjects"] = functions
    report.facts["anew"] = work.chosen_anew(image, extent)
    if not options.only:
        _report_invariants(options.states, layout, report)
        report.add("frame::zero", ZEROING, *zero.check(image))
        report.add("copy_message", COPYING, *copying.check(image))
        report.add("README.md", TABLE, *_check_table(functions))
    return report.finish(options.report)


def _mutate(image: Image, layout: Layout, options: argparse.Namespace) -> int:
    """Every mutant of the hot functions, or of some: what becomes of them."""
    report = Report({"image": image.path.name, "sha256": image.sha256})
    names = options.only or work.HOT
    for name, digest, fates, failures in work.mutate_all(image, layout, names):
        told = ", ".join(f"{count} {fate.value}" for fate, count in fates.items())
        print(f"  {name}: {told}", flush=True)
        noticed = fates.total() - sum(fates[fate] for fate in mutants.SURVIVALS)
        report.add(name, work.MUTANTS, noticed, failures)
        if options.write:
            mutants.write({name: (digest, fates)})
    return report.finish(options.report)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="verification/machine_code/run", description=__doc__)
    parser.add_argument("--elf", type=Path, required=True, help="the kernel image")
    parser.add_argument("--layout", type=Path, required=True, help="the layout of its objects")
    parser.add_argument("--states", type=Path, required=True, help="states that it reaches")
    parser.add_argument("--report", type=Path, required=True, help="where the report goes")
    parser.add_argument("--all", action="store_true", help="more mutants, more executions")
    parser.add_argument("--write", action="store_true", help="records what both solvers prove")
    parser.add_argument("--mutants", action="store_true", help="every mutant of hot functions, alone")
    parser.add_argument("only", nargs="*", help="the functions to prove, if not all")
    return parser.parse_args()


def _check_table(functions: dict[str, dict[str, int]]) -> tuple[int, list[str]]:
    """The page tells how far each claim is: how many are proved in every run, and what is wrong."""
    page = (Path(__file__).parent / "README.md").read_text()
    told = dict(re.findall(r"`(\w+)` \| (\*\*proved\*\*|\*claimed\*)", page))
    made = {name_of(call): "*claimed*" for family in FAMILIES for call in family.CALLS}
    made |= {name: "**proved**" for name in made if functions.get(name, {}).get(work.FUNCTIONS)}
    for call, parts in dispatch.SHARED.items():
        is_proved = all(functions.get(part, {}).get(work.FUNCTIONS) for part in parts)
        made[call] = "**proved**" if is_proved else "*claimed*"
    wrong = [f"{name} is told wrongly" for name in told | made if told.get(name) != made.get(name)]
    count = list(made.values()).count("**proved**")
    for name in PAGES:
        sentence = f"{count} of the 74 system calls"
        wrong += [] if sentence in (ROOT / name).read_text() else [f"{name} does not say {sentence}"]
    return count, wrong


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
