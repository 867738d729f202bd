"""`python -m machine_code`: proves every subject in one kernel image."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from . import crosscheck, mutants, proof, reachable
from .claims import SUBJECTS
from .image import Image, ImageError
from .layout import Layout
from .mutants import REFUSALS, Fate, Mutant
from .report import Report
from .solve import Verdict
from .work import Bench, Task, Workers

# What the bounded part tries: every branch, and some of the other instructions left out.
BOUNDED_STATES, ALL_STATES = 120, 2_000
BOUNDED_OMISSIONS = 12

INVARIANTS = "invariants"
HELD = "instances that hold in states that the core reaches"
SPOILED = "spoiled states noticed"
OUTCOMES = "each outcome happens in a sound state"
EMULATOR = "executions equal in emulator, executor and specification"
MUTANTS = "mutants noticed"
CALLERS = "calls to it in the image"

BRANCH_AND_LINK, BRANCH_AND_LINK_MASK = 0x9400_0000, 0xFC00_0000


def main() -> int:
    options = _options()
    try:
        image = Image.load(options.elf)
        layout = Layout.load(options.layout)
    except (ImageError, OSError, ValueError) as error:
        print(f"verification: {error}", file=sys.stderr)
        return 2
    report = Report.begin(options.expected)
    report.facts |= {"image": str(image.path), "sha256": image.sha256}
    print(f"{image.path.name}, sha256 {image.sha256}")
    _report_invariants(options.states, layout, report)
    for index in range(len(SUBJECTS)):
        _prove(Task(image, layout, index), report, options.all)
    return report.finish(options.report)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="verification/run", description=__doc__)
    parser.add_argument("--elf", type=Path, required=True, help="the kernel image")
    parser.add_argument("--layout", type=Path, required=True, help="the layout of its objects")
    parser.add_argument("--states", type=Path, required=True, help="states that it reaches")
    parser.add_argument("--expected", type=Path, required=True, help="the expected counts")
    parser.add_argument("--report", type=Path, required=True, help="where the report goes")
    parser.add_argument("--all", action="store_true", help="every mutant, many more executions")
    return parser.parse_args()


def _report_invariants(path: Path, layout: Layout, report: Report) -> None:
    print("invariants:")
    failures, count = [], 0
    for index, (instances, bad) in enumerate(reachable.check(path, layout)):
        count += instances - len(bad)
        failures += [f"state {index}: {name}" for name in bad]
    report.add(INVARIANTS, HELD, count, failures)
    spoiled = reachable.check_broken(path, layout)
    missed = [name for name, noticed in spoiled.items() if noticed == 0]
    failures = [f"{name}: not noticed" for name in missed]
    report.add(INVARIANTS, SPOILED, len(spoiled) - len(missed), failures)


def _prove(task: Task, report: Report, is_all: bool) -> None:
    name = SUBJECTS[task.subject].function
    try:
        bench = Bench(task)
    except REFUSALS as error:
        print(f"{name}:")
        report.add(name, proof.RESULT, 0, [f"the function cannot be read: {error}"])
        return
    function, run = bench.run.function, bench.run
    steps = run.end.steps if run.end else 0
    print(
        f"{name} at {function.address:#x}: {len(run.reached)} instructions with what it calls, "
        f"at most {steps} on a path, {run.stack_bytes} bytes of stack"
    )
    with Workers(task) as workers:
        _report_obligations(bench, workers, report)
        _report_outcomes(bench, report)
        _report_executions(bench, workers, report, ALL_STATES if is_all else BOUNDED_STATES)
        _report_mutants(bench, workers, report, is_all)
    report.add(name, CALLERS, len(_callers(task.image, function.address)), [])


def _report_obligations(bench: Bench, workers: Workers, report: Report) -> None:
    verdicts = workers.discharge(len(bench.obligations))
    answered = list(zip(bench.obligations, verdicts, strict=True))
    for group in proof.GROUPS:
        mine = [(o, verdict) for o, verdict in answered if o.group == group]
        failures = [f"{o.name}: {v.value}" for o, v in mine if v is not Verdict.PROVED]
        report.add(bench.claim.function, group, len(mine) - len(failures), failures)


def _report_outcomes(bench: Bench, report: Report) -> None:
    """Shows that the assumptions do not exclude what the claim speaks of."""
    failures = []
    found = crosscheck.witnesses(bench.claim)
    for name, state in found.items():
        if state is None:
            failures.append(f"{name}: never happens")
        elif not crosscheck.is_sound(bench.claim, state):
            failures.append(f"{name}: the state found is not sound")
        else:
            difference = crosscheck.compare(bench.image, bench.claim, bench.run, state)
            if difference is not None:
                failures.append(f"{name}: {difference}")
    report.add(bench.claim.function, OUTCOMES, len(found) - len(failures), failures)


def _report_executions(bench: Bench, workers: Workers, report: Report, count: int) -> None:
    differences = workers.compare(count)
    failures = [
        f"state {index} of seed {crosscheck.SEED}: {difference}"
        for index, difference in enumerate(differences)
        if difference is not None
    ]
    report.add(bench.claim.function, EMULATOR, count - len(failures), failures)


def _report_mutants(bench: Bench, workers: Workers, report: Report, is_all: bool) -> None:
    chosen = _mutants(bench, is_all)
    fates = list(zip(chosen, workers.fates(chosen), strict=True))
    failures = [
        f"{mutant.describe(bench.image)}: {fate.value}"
        for mutant, fate in fates
        if fate is Fate.UNCLASSIFIED or (fate in SURVIVALS and mutant.must_be_noticed)
    ]
    noticed = sum(fate not in SURVIVALS for _, fate in fates)
    report.add(bench.claim.function, MUTANTS, noticed, failures)
    for fate in Fate:
        count = sum(found is fate for _, found in fates)
        print(f"         {count} {fate.value}")
    for mutant, fate in fates:
        if fate in SURVIVALS:
            print(f"           {mutant.describe(bench.image)}")


SURVIVALS = (Fate.SAME, Fate.SAME_IN_SOUND_STATES, Fate.UNCLASSIFIED)


def _mutants(bench: Bench, is_all: bool) -> list[Mutant]:
    reached = bench.run.reached
    checks = list(mutants.missing_checks(bench.image, reached))
    if is_all:
        return [*checks, *mutants.flips(bench.image, reached)]
    branches = [m for m in checks if m.is_branch]
    omissions = [m for m in checks if not m.is_branch]
    sample = random.Random(crosscheck.SEED).sample(
        omissions, min(BOUNDED_OMISSIONS, len(omissions))
    )
    return [*branches, *sample]


def _callers(image: Image, target: int) -> list[int]:
    """The `bl` instructions that go to `target`."""
    found = []
    for function in image.functions:
        if function.size == 0:
            continue
        for address, encoding in image.code(function):
            if encoding & BRANCH_AND_LINK_MASK == BRANCH_AND_LINK:
                distance = encoding & 0x3FF_FFFF
                distance -= (distance >> 25) << 26
                if address + 4 * distance == target:
                    found.append(address)
    return found


if __name__ == "__main__":
    sys.exit(main())
