"""The whole check against files that lack one barrier: each of them must be refused.

The twins of `weaken` change a run that was already found; here the ELF file itself has a `nop` in a
barrier's place, so that finding the runs, the sites and the stores is tried as well.
"""

from __future__ import annotations

from pathlib import Path

from order.image import Image
from order.kernel import Site, check_kernel
from order.sequence import is_barrier, operation_of, runs_of
from order.stores import check_stores
from order.weaken import label


def spoil(image: Image, sites: list[Site], stores: Path) -> tuple[int, set[str]]:
    """Leaves each barrier of the file out, alone; answers how often that was noticed, and where it
    was not."""
    owners = frozenset(name for site in sites for name in site.owners)
    noticed = 0
    unnoticed = set()
    for run in runs_of(image, owners):
        if not any(map(is_barrier, run.operations)):
            continue
        machines = {it.address: it for it in image.between(run.addresses[0], run.addresses[-1] + 4)}
        for place, address in enumerate(run.addresses):
            operation = operation_of(machines[address])
            if operation is None or not is_barrier(operation) or operation.startswith("DC."):
                continue
            spoiled = image.spoiled(address)
            if fails(spoiled, sites, stores):
                noticed += 1
            else:
                unnoticed.add(f"{run.owner}: without {label(operation)} (number {place + 1})")
    return noticed, unnoticed


def fails(image: Image, sites: list[Site], stores: Path) -> bool:
    """Whether a file is refused."""
    if check_kernel(image, sites, with_twins=False).failures:
        return True
    return bool(check_stores(image, stores)[1])
