"""The kernel's own tests: every run of barriers in the ELF file, in every test of its site."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from order.image import Image
from order.language import Test, parse_test
from order.search import decide
from order.sequence import Run, is_barrier, jump_targets, runs_of
from order.weaken import Twin, twins

BEFORE = "before"


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
            it.get("values", {}),
        ))
    return found


def templates_of(site: Site, run: Run) -> list[Template]:
    """The tests of a site for one of its runs."""
    found = list(site.tests)
    if not site.in_force:
        return found
    for place, operation in enumerate(run.operations):
        if operation not in ("ISB", "ERET"):
            continue
        written: dict[str, list[str]] = {}
        for earlier in run.operations[:place]:
            if earlier.startswith("MSR"):
                _, register, value = earlier.split()
                written.setdefault(register, [BEFORE]).append(site.values.get(value, value))
        for register, values in written.items():
            found += [
                Template(f"{register} is in force after number {place + 1}, not {stale}",
                         register=register, place=place, stale=stale)
                for stale in dict.fromkeys(values[:-1]) if stale != values[-1]
            ]
    return found


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
    return any(
        names_what_is_gone(template, twin)
        or decide(make_test(template, twin.operations, site)).is_allowed
        for template in templates
    )


def names_what_is_gone(template: Template, twin: Twin) -> bool:
    """Whether the outcome speaks of a TLBI that a twin lacks."""
    return any(
        f"({name}{number}<" in template.outcome or f"<{name}{number})" in template.outcome
        for name in ("tlbi", "wfi") for number in (1, 2)
        if sum((it or "").lower().startswith(name) for it in twin.operations) < number
    )


def check_run(site: Site, run: Run, result: Result) -> None:
    """All tests of a site, and all twins, for one run."""
    templates = templates_of(site, run)
    text = "; ".join(run.operations)
    result.rows.setdefault(site.row, set()).update(run.operations)
    result.facts.append(f"{run.owner} in {run.within} at {run.addresses[0]:#x}: {text}")
    for template in templates:
        result.verdicts += 1
        if decide(make_test(template, run.operations, site)).is_allowed:
            place = f"{site.row}, {run.owner} in {run.within}"
            result.failures.append(f"{place}: {template.name}: {text}")
    for twin in twins(run.operations, site.weaken_writes):
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


def check_kernel(image: Image, sites: list[Site]) -> Result:
    """Every run of a kernel. A barrier that belongs to no site is a failure, and so is a site
    without a run."""
    result = Result()
    owners = frozenset(name for site in sites for name in site.owners)
    runs = runs_of(image, owners)
    targets = jump_targets(image)
    for run in runs:
        if run.owner not in owners and any(map(is_barrier, run.operations)):
            result.failures.append(f"no test: {run.owner} in {run.within}: {run.operations}")
    for site in sites:
        used = [it for it in runs if it.owner in site.owners and concerns(site, it)]
        for owner in site.owners:
            if not any(it.owner == owner for it in used):
                result.failures.append(f"{site.row}: {owner} has no barrier in this file")
        for run in distinct(used):
            result.runs += 1
            if site.never_run:
                check_never_run(image, run, result, targets)
            else:
                check_run(site, run, result)
    return result


def concerns(site: Site, run: Run) -> bool:
    """Whether a site's tests are for a run: one that orders something, and has what they need."""
    orders = any(is_barrier(it) or it == "ERET" for it in run.operations)
    return orders and any(site.only_with in it for it in run.operations)


def distinct(runs: list[Run]) -> list[Run]:
    """One of the runs of an owner that are the same; all that are never run."""
    found: dict[object, Run] = {}
    for it in runs:
        key = it.addresses if it.owner == "after eret" else (it.owner, it.operations)
        found.setdefault(key, it)
    return list(found.values())
