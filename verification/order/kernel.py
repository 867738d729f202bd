"""The kernel's own tests: every run of barriers in the ELF file, in every test of its site."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from order.image import Image
from order.language import Test, parse_test
from order.search import decide
from order.sequence import Run, is_barrier, jump_targets, runs_of
from order.weaken import Twin, twins

BEFORE = "before"
# It returns to EL1, at start, when nobody's secrets are there.
FIRST_RETURN = "leave_el2"


@dataclass(frozen=True)
class Template:
    """A test with a place for a run: either {run} in its text, or a use of `register` after the
    operation number `place`, which must not be governed by `stale`."""

    name: str
    threads: str = ""
    outcome: str = ""
    initial: str = ""
    reach: str = "ish"
    register: str = ""
    place: int = -1
    stale: str = ""


@dataclass(frozen=True)
class Site:
    """Owners of runs, and what is tested with these. See `sites.toml`."""

    row: str
    owners: tuple[str, ...]
    tests: tuple[Template, ...]
    in_force: bool
    never_run: bool
    weaken_writes: bool
    only_with: str
    left_open: tuple[str, ...]
    within: frozenset[str]
    probes: tuple[tuple[str, str, int], ...]
    values: dict[str, str] = field(hash=False)


@dataclass
class Result:
    """What came out: numbers, failures, and the twins that no test notices."""

    facts: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    runs: int = 0
    verdicts: int = 0
    rows: dict[str, set[str]] = field(default_factory=dict)
    twins: dict[tuple[str, Run], bool] = field(default_factory=dict)

    @property
    def unnoticed(self) -> set[str]:
        """The twins that no test of any site notices."""
        return {name for (name, _), is_noticed in self.twins.items() if not is_noticed}

    @property
    def noticed(self) -> int:
        """How many twins fail a test."""
        return sum(self.twins.values())


def load_sites(path: Path) -> list[Site]:
    """The sites of `sites.toml`."""
    found = []
    for it in tomllib.loads(path.read_text())["site"]:
        tests = tuple(Template(*test) for test in it.get("tests", []))
        found.append(Site(
            it["row"], tuple(it["owners"]), tests, it.get("in_force", False),
            it.get("never_run", False), it.get("weaken_writes", False), it.get("only_with", ""),
            tuple(it.get("left_open", [])), frozenset(it.get("within", [])),
            tuple((it[0], it[1], it[2]) for it in it.get("probes", [])),
            it.get("values", {}),
        ))
    return found


def templates_of(site: Site, run: Run) -> list[Template]:
    """The tests of a site for one of its runs."""
    found = list(site.tests)
    for register, before, number in site.probes:
        places = [i for i, it in enumerate(run.operations) if it.startswith(before)]
        if len(places) >= number:
            found += in_force(site, run, places[number - 1] - 1, register)
    ends = [i for i, it in enumerate(run.operations) if it in ("ISB", "ERET") and site.in_force]
    for place in ends:
        found += in_force(site, run, place, "")
    return list(dict.fromkeys(found))


def in_force(site: Site, run: Run, place: int, only: str) -> list[Template]:
    """Tests that what follows operation number `place` is governed by what was written before: to
    one register, or to each."""
    written: dict[str, list[str]] = {}
    for earlier in run.operations[: place + 1]:
        if earlier.startswith("MSR"):
            _, register, value = earlier.split()
            written.setdefault(register, [BEFORE]).append(site.values.get(value, value))
    return [
        Template(f"{register} is in force after number {place + 1}, not {stale}",
                 register=register, place=place, stale=stale)
        for register, values in written.items() if only in ("", register)
        for stale in dict.fromkeys(values[:-1]) if stale != values[-1]
    ]


def make_test(template: Template, operations: tuple[str | None, ...], site: Site) -> Test:
    """A test with operations in its place."""
    texts: list[str] = []
    counts: dict[str, int] = {}
    for place, operation in enumerate(operations):
        if operation is not None:
            text = operation.format(page="p", line="x")
            words = text.split()
            if words[0] == "MSR":
                text = f"MSR {words[1]} {site.values.get(words[2], words[2])}"
            name = words[0].split(".")[0].lower()
            if name in ("tlbi", "wfi"):
                counts[name] = counts.get(name, 0) + 1
                text += f" @{name}{counts[name]}"
            texts.append(text)
        if place == template.place:
            texts.append(f"USE {template.register} u")
    run = "; ".join(texts)
    if template.register:
        return parse_test(template.name, [run], f"0.u={template.stale}",
                          f"{template.register}={BEFORE}", "nsh")
    threads = [it.replace("{run}", run) for it in template.threads.split("|")]
    return parse_test(template.name, threads, template.outcome, template.initial, template.reach)


def is_noticed(templates: list[Template], twin: Twin, site: Site) -> bool:
    """Whether a twin fails a test."""
    return any(is_possible(it, twin.operations, site) for it in templates)


def is_possible(template: Template, operations: tuple[str | None, ...], site: Site) -> bool:
    """Whether a test's outcome can be; it can if what it must be ordered with is not there."""
    for name in ("tlbi", "wfi"):
        count = sum((it or "").lower().startswith(name) for it in operations)
        if any(int(it) > count for it in re.findall(rf"\b{name}(\d)", template.outcome)):
            return True
    return decide(make_test(template, operations, site)).is_allowed


def open_end(site: Site, run: Run) -> list[str]:
    """The registers that a run writes and never puts in force."""
    ends = [place for place, it in enumerate(run.operations) if it in ("ISB", "ERET")]
    rest = run.operations[ends[-1] + 1 if ends else 0 :] if site.in_force else ()
    written = [it.split()[1] for it in rest if it.startswith("MSR")]
    return [it for it in written if it not in site.left_open]


def check_run(site: Site, run: Run, result: Result, with_twins: bool) -> None:
    """All tests of a site, and all twins, for one run."""
    templates = templates_of(site, run)
    text = "; ".join(run.operations)
    result.rows.setdefault(site.row, set()).update(run.operations)
    result.facts.append(f"{run.owner} in {run.within} at {run.addresses[0]:#x}: {text}")
    for register in open_end(site, run):
        result.failures.append(f"{site.row}, {run.owner}: {register} is not in force")
    for template in templates:
        result.verdicts += 1
        if is_possible(template, run.operations, site):
            place = f"{site.row}, {run.owner} in {run.within}"
            result.failures.append(f"{place}: {template.name}: {text}")
    for twin in twins(run.operations, site.weaken_writes) if with_twins else ():
        key = (f"{run.owner}: {twin.change}", run)
        result.twins[key] = result.twins.get(key, False) or is_noticed(templates, twin, site)


def check_never_run(image: Image, run: Run, result: Result, targets: set[int]) -> None:
    """What stands behind an `eret` is only for speculation, and nothing jumps there."""
    result.verdicts += 1
    result.rows.setdefault("after each `eret`", set()).update(run.operations)
    if run.operations != ("DSB.NSH", "ISB"):
        result.failures.append(f"after the eret before {run.addresses[0]:#x}: {run.operations}")
    if set(run.addresses) & targets:
        result.failures.append(f"something jumps behind the eret before {run.addresses[0]:#x}")


def check_kernel(image: Image, sites: list[Site], with_twins: bool = True) -> Result:
    """Every run of a kernel. A barrier that belongs to no site is a failure, and so is a site
    without a run, or without one in a function that should have it."""
    result = Result()
    owners = frozenset(name for site in sites for name in site.owners)
    runs = runs_of(image, owners)
    targets = jump_targets(image)
    for run in runs:
        if run.owner not in owners and any(map(is_barrier, run.operations)):
            result.failures.append(f"no test: {run.owner} in {run.within}: {run.operations}")
    result.failures += unguarded_returns(runs)
    for site in sites:
        used = [it for it in runs if it.owner in site.owners and concerns(site, it)]
        for owner in site.owners:
            if not any(it.owner == owner for it in used):
                result.failures.append(f"{site.row}: {owner} has no barrier in this file")
        for register, before, _ in site.probes:
            has_place = (any(op.startswith(before) for op in it.operations) for it in used)
            if not any(has_place):
                result.failures.append(f"{site.row}: no place to probe {register}: {before}")
        for name in site.within - {it.within for it in used}:
            result.failures.append(f"{site.row}: {name} has no barrier in this file")
        for run in distinct(used):
            result.runs += 1
            if site.never_run:
                check_never_run(image, run, result, targets)
            else:
                check_run(site, run, result, with_twins)
    return result


def unguarded_returns(runs: list[Run]) -> list[str]:
    """The returns to user code behind which speculation would find something to run."""
    guards = {it.addresses[0] for it in runs if it.owner == "after eret"}
    returns = [it for it in runs if it.operations[-1] == "ERET" and it.owner != FIRST_RETURN]
    return [
        f"nothing stands behind the eret at {it.addresses[-1]:#x}"
        for it in returns if it.addresses[-1] + 4 not in guards
    ]


def concerns(site: Site, run: Run) -> bool:
    """Whether a site's tests are for a run: it may lack what they need."""
    return any(site.only_with in it for it in run.operations)


def distinct(runs: list[Run]) -> list[Run]:
    """One of the runs of an owner that are the same; all that are never run."""
    found: dict[object, Run] = {}
    for it in runs:
        key = it.addresses if it.owner == "after eret" else (it.owner, it.operations)
        found.setdefault(key, it)
    return list(found.values())
