"""The command: `python -m order --elf KERNEL --report FILE`. See README.md."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from order.design import check_design
from order.image import Image
from order.kernel import Result, check_kernel, load_sites
from order.language import parse_test
from order.model import PARTS
from order.search import decide
from order.sequence import SequenceError
from order.spoil import spoil
from order.stores import check_stores

HERE = Path(__file__).parent
KERNEL_README = HERE.parent.parent / "microkernel" / "README.md"
START = "`start.s`"


@dataclass
class Report:
    """What is written for `./x verify`."""

    facts: dict[str, object] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, name: str, count: int, text: str, failures: list[str]) -> None:
        """One claim: its count, its line and what failed of it."""
        self.counts[f"order/{name}"] = count
        self.failures += [f"order/{name}: {it}" for it in failures]
        print(f"{'FAILED' if failures else 'passed'}  order/{name}: {count} {text}")
        for it in failures:
            print(f"        {it}")


def check_catalogue(report: Report) -> None:
    """Every test whose verdict is published; and that they need every part of the model."""
    tests = tomllib.loads((HERE / "catalogue.toml").read_text())["tests"]
    report.add("published", len(tests), "published verdicts", disagreements(tests, ""))
    needed = [it for it in PARTS if disagreements(tests, it)]
    report.add("model", len(needed), "parts of the model are needed for these",
               [f"without {it} all verdicts are the same" for it in PARTS if it not in needed])


def disagreements(tests: list[list[str]], without: str) -> list[str]:
    """The published verdicts that the model, without a part of it, does not share."""
    found = []
    for name, threads, outcome, initial, verdict, source in tests:
        test = parse_test(name, threads.split("|"), outcome, initial)
        if decide(test, without).is_allowed != (verdict == "Allowed"):
            found.append(f"{name} is {verdict} ({source}), and the model says otherwise")
    return found


def check_elf(report: Report, path: Path) -> None:
    """The runs of the ELF file, their twins, and the stores of descriptors."""
    image = Image(path)
    sites = load_sites(HERE / "sites.toml")
    result = check_kernel(image, sites)
    report.facts["runs"] = result.facts
    report.add("sites", result.runs, "runs of barriers found, none without tests", [])
    report.add("kernel", result.verdicts, "outcomes impossible", result.failures)
    report.add("twins", result.noticed, "weakened twins noticed",
               unexplained(result.unnoticed, "twin"))
    report.add("table", len(result.rows), "rows compared with microkernel/README.md",
               compare_table(result))
    count, failures = check_stores(image, HERE / "stores.toml")
    report.add("stores", count, "indexed stores classified", failures)
    spoiled, accepted = spoil(image, sites, HERE / "stores.toml")
    report.add("spoiled", spoiled, "spoiled files refused",
               [f"accepted: {it}" for it in sorted(accepted - result.unnoticed)])


def unexplained(unnoticed: set[str], kind: str) -> list[str]:
    """Twins that are not noticed and not explained, and explanations of none."""
    listed = tomllib.loads((HERE / "redundant.toml").read_text())[kind]
    explained = {it["name"] for it in listed}
    return [f"not noticed: {it}" for it in sorted(unnoticed - explained)] + [
        f"explained in redundant.toml, but noticed or gone: {it}"
        for it in sorted(explained - unnoticed)
    ]


def compare_table(result: Result) -> list[str]:
    """The table of barriers for readers against the runs."""
    text = KERNEL_README.read_text().split("\n## Barriers\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1:3] for line in text.splitlines() if line.startswith("| ")][1:]
    written: dict[str, set[str]] = {}
    for where, barriers in rows:
        named = re.findall(r"`(dmb|dsb|isb|tlbi|dc|ic)\b", barriers)
        written.setdefault(where.strip(), set()).update(named)
    failures = [f"no test for the row {it}" for it in sorted(set(written) - set(result.rows))]
    failures += [
        f"no row for {it}" for it in sorted(set(result.rows) - set(written) - {START})
    ]
    for where, names in written.items():
        found = {it.split()[0].split(".")[0].lower() for it in result.rows.get(where, set())}
        failures += [f"{where}: {name} is not in the ELF file" for name in sorted(names - found)]
    return failures


def check_protocols(report: Report) -> None:
    """The designed protocols."""
    result = check_design(HERE / "design.toml")
    report.add("design", result.verdicts, "outcomes of designed protocols impossible",
               result.failures)
    report.add("design-twins", result.noticed, "weakened twins of these noticed",
               unexplained(result.unnoticed, "design"))


def read_models(report: Report, path: Path) -> None:
    """What the models of protocols in Rust (`protocol/`) found."""
    *lines, last = path.read_text().splitlines() or [""]
    counts = re.fullmatch(r"models (\d+) executions (\d+) twins (\d+)", last)
    failures = [it.removeprefix("FAILED  ") for it in lines if it.startswith("FAILED")]
    if counts is None:
        failures.append("the models did not run to their end")
    models, executions, twins = (int(it) for it in counts.groups()) if counts else (0, 0, 0)
    report.add("models", models, f"models of protocols hold, in {executions} executions", failures)
    report.add("model-twins", twins, "weakened twins of these fail", [])


def main() -> int:
    """Runs everything; the exit code is that of the contract between a part and `./x verify`."""
    parser = argparse.ArgumentParser(prog="order")
    parser.add_argument("--elf", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True, help="what the protocol models print")
    arguments = parser.parse_args()
    report = Report()
    report.facts["elf_sha256"] = hashlib.sha256(arguments.elf.read_bytes()).hexdigest()
    check_catalogue(report)
    try:
        check_elf(report, arguments.elf)
    except SequenceError as error:
        report.failures.append(f"order/sites: {error}")
    check_protocols(report)
    read_models(report, arguments.models)
    arguments.report.write_text(json.dumps(
        {"part": "order", "facts": report.facts, "counts": report.counts,
         "failures": report.failures}, indent=1) + "\n")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
