"""`python -m static`: what `run` calls."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from . import coverage, mutants, tool
from .report import CannotCheckError, Report


def main() -> int:
    options = _options()
    report = Report("static")
    try:
        if options.mutants:
            whole = {"share": options.shard, "again": options.again, "write": options.write}
            mutants.check(report, may_install=options.may_install, **whole)
        else:
            _inspect(report, options)
            if options.all:
                coverage.check(report, may_install=options.may_install, write=options.write)
                mutants.check(report, may_install=options.may_install)
    except CannotCheckError as error:
        print(f"static: {error}", file=sys.stderr)
        return 2
    return report.finish(options.report)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="verification/static/run", description=__doc__)
    parser.add_argument("--elf", type=Path, help="the kernel")
    parser.add_argument("--report", type=Path, required=True, help="where the report goes")
    parser.add_argument("--all", action="store_true", help="coverage and a sample of mutants, too")
    parser.add_argument("--no-install", dest="may_install", action="store_false")
    parser.add_argument("--write", action="store_true", help="write the files that are compared")
    parser.add_argument("--mutants", action="store_true", help="every mutant, and nothing else")
    share = {"default": (0, 1), "metavar": "K/N", "help": "only each Nth, from the Kth on"}
    parser.add_argument("--shard", type=_shard, **share)
    parser.add_argument("--again", action="store_true", help="what an earlier trial did not catch")
    options = parser.parse_args()
    if not options.mutants and not (options.elf and options.elf.is_file()):
        parser.error("--elf is missing or no file: the kernel to inspect")
    return options


def _shard(text: str) -> tuple[int, int]:
    first, _, count = text.partition("/")
    share = (int(first), int(count))
    if not 0 <= share[0] < share[1]:
        raise ValueError(text)
    return share


def _inspect(report: Report, options: argparse.Namespace) -> None:
    """What `./x` itself reads off the kernel and the source."""
    program = os.environ.get("PECAN_X", str(tool.ROOT / "target/xtask/debug/xtask"))
    found = tool.target() / "static" / "inspect.json"
    found.parent.mkdir(parents=True, exist_ok=True)
    command = [program, "inspect", "--elf", str(options.elf), "--report", str(found)]
    tool.run([*command, *(["--write"] if options.write else [])])
    findings = json.loads(found.read_text())
    for name, count in findings["counts"].items():
        failures = [it["text"] for it in findings["failures"] if it["claim"] == name]
        report.add(name.removeprefix("static/"), count, failures)


if __name__ == "__main__":
    sys.exit(main())
