"""Which stores of the kernel write descriptors, and that the barriers beside them are there.

A descriptor is stored at an index of a table, and so by a machine instruction that scales an index.
All of these are found in the ELF file; the function of each must be listed in `stores.toml`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from order.image import Image, Machine
from order.sequence import jump_targets, operation_of, target_of

STORES = ("str", "stp", "strb", "strh", "stur")
WRAPPERS = frozenset({"set", "store", "write", "descend"})
PUBLISH = "DSB.ISHST"


def check_stores(image: Image, path: Path) -> tuple[int, list[str]]:
    """How many indexed stores there are, and what is wrong with them."""
    lists: dict[str, list[str]] = tomllib.loads(path.read_text())
    kind_of = {name: kind for kind, names in lists.items() for name in names}
    failures: list[str] = []
    seen: set[str] = set()
    count = 0
    for place, machine in enumerate(image.instructions):
        if machine.mnemonic != "str" or "lsl #3" not in machine.operands:
            continue
        count += 1
        function = function_of(image, machine)
        seen.add(function)
        kind = kind_of.get(function)
        if kind is None:
            failures.append(f"{machine.address:#x}: a store by {function}, which stores.toml lacks")
        elif kind == "linked" and not has_barrier(image, place, -1):
            failures.append(f"{machine.address:#x}: {function} links a table that is not published")
        elif kind == "published" and not has_barrier(image, place, 1):
            failures.append(f"{machine.address:#x}: {function} does not publish what it stores")
    failures += [f"{name}, in stores.toml, stores nothing" for name in sorted(set(kind_of) - seen)]
    return count, failures


def function_of(image: Image, machine: Machine) -> str:
    """The function that makes a store, without those that only carry it out."""
    names = [it.name for it in image.owners_at(machine.address)]
    while len(names) > 1 and names[-1] in WRAPPERS:
        names.pop()
    return names[-1]


def has_barrier(image: Image, place: int, step: int) -> bool:
    """Whether the barrier is met straight before (-1) or after (1) a store: with no branch there,
    no way in, and before the store no other one."""
    targets = jump_targets(image)
    while True:
        if step < 0 and image.instructions[place].address in targets:
            return False
        place += step
        machine = image.instructions[place]
        if operation_of(machine) == PUBLISH:
            return True
        is_store = machine.mnemonic in STORES
        leaves = machine.mnemonic in ("ret", "br", "bl", "blr") or target_of(machine) is not None
        if leaves or is_store and step < 0:
            return False
