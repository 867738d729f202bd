"""`python -m fast_path`: checks one kernel image."""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from pathlib import Path

from machine_code.image import Image, ImageError

from . import emulator, everywhere
from .differential import SEED, Program, one_sided_branches
from .facts import Facts
from .mutants import Fate, Survivor, listed, listing
from .report import Report
from .scene import cases
from .theorem import COVER, DISJOINT, FAST, POSSIBLE, PRUNED, SLOW
from .work import Task, Workers

BOUNDED_SCENARIOS, ALL_SCENARIOS = 300_000, 4_000_000
BOUNDED_SAMPLES, ALL_SAMPLES = 200, 2_000
# Cores on which the theorem is proved: the one that runs; the last one is told from it by nothing but its
# number, so with `--all` it shows that no zero was taken for granted.
BOUNDED_CORES, ALL_CORES = (0,), (0, 7)
# One in so many cases is shown to have all sound states in the bounded part.
BOUNDED_COVERS = 3
# Scenarios that a mutant must get past, and the survivors that the bounded part classifies again.
MUTANT_SCENARIOS = 20_000
BOUNDED_FATES = 24

# What both solvers proved, by claim.
GROUPS = {
    "fast-as-specified": FAST,
    "slow-as-specified": SLOW,
    "impossible-paths": PRUNED,
    "possible-paths": POSSIBLE,
    "disjoint": DISJOINT,
    "cover": COVER,
}


def main() -> int:
    options = _options()
    try:
        image = Image.load(options.elf)
        return _check(options, image)
    except (ImageError, OSError, ValueError, subprocess.CalledProcessError) as error:
        print(f"fast_path: {error}", file=sys.stderr)
        return 2


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="verification/fast_path/run", description=__doc__)
    parser.add_argument("--elf", type=Path, required=True, help="the kernel image")
    parser.add_argument("--differential", type=Path, required=True, help="runs both paths")
    parser.add_argument("--readme", type=Path, required=True, help="has the dead fields")
    parser.add_argument("--work", type=Path, required=True, help="where results lie meanwhile")
    parser.add_argument("--report", type=Path, required=True, help="where the report goes")
    parser.add_argument("--survivors", type=Path, required=True, help="the list of mutants")
    parser.add_argument("--all", action="store_true", help="many more scenarios, a second core")
    parser.add_argument("--write", action="store_true", help="write the list of mutants anew")
    return parser.parse_args()


def _check(options: argparse.Namespace, image: Image) -> int:
    report = Report(facts={"sha256": image.sha256, "seed": SEED})
    print(f"{image.path.name}, sha256 {image.sha256}, seed {SEED}")
    program = Program(options.differential, options.elf, options.readme, options.work)
    facts = Facts.of(program.run("facts", 0))
    task = Task(image, facts)
    with Workers(task) as workers:
        _prove(workers, report, options.all)
        _try_mutants(options, program, task, workers, report)
    _run_scenarios(program, image, report, ALL_SCENARIOS if options.all else BOUNDED_SCENARIOS)
    samples = program.run("sample", ALL_SAMPLES if options.all else BOUNDED_SAMPLES)
    report.add("interpreter", *emulator.differences(image, samples))
    return report.finish(options.report)


def _prove(workers: Workers, report: Report, is_all: bool) -> None:
    waiting = workers.everywhere()
    chosen = list(cases(ALL_CORES if is_all else BOUNDED_CORES))
    proofs = workers.cases(chosen)
    proofs += workers.covers(chosen if is_all else chosen[::BOUNDED_COVERS])
    anywhere = waiting.get()
    report.add("left-alone", anywhere.left_alone, anywhere.failures)
    report.add("applies", anywhere.applies, [])
    failures = [failure for proof in proofs for failure in proof.failures]
    report.add("cases", len(chosen), failures)
    for name, group in GROUPS.items():
        report.add(name, sum(proof.proved.get(group, 0) for proof in proofs), [])
    report.facts["paths"] = {str(proof.case): proof.paths for proof in proofs[: len(chosen)]}


def _try_mutants(
    options: argparse.Namespace, program: Program, task: Task, workers: Workers, report: Report
) -> None:
    """Every mutant that no scenario notices is listed with the reason; the proof looks at each."""
    found = program.run("mutants", MUTANT_SCENARIOS)
    report.add("mutants-noticed", found["noticed"], [])
    survivors = Survivor.all_of(found["survivors"])
    texts = [survivor.describe(task.image, task.facts) for survivor in survivors]
    if options.write:
        options.survivors.write_text(listing(texts, workers.fates(survivors)))
    expected = listed(options.survivors.read_text())
    failures = [f"{text}: not listed" for text in texts if text not in expected]
    failures += [f"{text}: listed, and noticed now" for text in expected.keys() - set(texts)]
    failures += [f"{text}: {fate}" for text, fate in expected.items() if fate == Fate.OPEN.value]
    chosen = list(zip(survivors, texts))
    if not options.all:
        # Those that need no solver: a few seconds.
        chosen = [pair for pair in chosen if expected.get(pair[1]) == Fate.SAME.value]
        chosen = random.Random(task.image.sha256).sample(chosen, min(BOUNDED_FATES, len(chosen)))
    for text, fate in zip((t for _, t in chosen), workers.fates([s for s, _ in chosen])):
        if expected.get(text) != fate.value:
            failures.append(f"{text}: {fate.value}, and listed as: {expected.get(text)}")
    report.add("mutants-listed", len(texts), failures)
    report.add("mutants-classified", len(chosen), [])


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
