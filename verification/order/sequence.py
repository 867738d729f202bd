"""The kernel's barriers, as they stand in its ELF file: runs of what orders, each with its owner.

What orders is a barrier, maintenance of TLBs and caches, an exception's return, waiting, and
reading or writing a system register that decides about translation, interrupts or traps. A *run* is
such instructions of one owner in the order in which they are executed. Everything between them is
left out, loads and stores too: that only takes orders away, so a test without them is the harder
one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from order.image import Image, Machine, Owner

BARRIERS = frozenset({"dmb", "dsb", "isb", "tlbi", "ic", "dc"})
# System registers whose effect needs context synchronization, or which talk to the GIC.
WRITTEN = re.compile(
    r"(ttbr[01]|mair|tcr|sctlr|vbar|cpacr|mdscr)_el1|(hcr|cnthctl|cptr)_el2|cntv_ctl_el0|ic[ch]_\w+"
)
READ = re.compile(r"icc_iar1_el1")
LEAVES = frozenset({"b", "br", "ret"})


class SequenceError(Exception):
    """The file has barriers in a form that this module does not understand."""


@dataclass(frozen=True)
class Run:
    """Ordering instructions of one owner. `within` is the function around it."""

    owner: str
    within: str
    addresses: tuple[int, ...]
    operations: tuple[str, ...]


def operation_of(machine: Machine) -> str | None:
    """An instruction in the language of the tests; `None` if it orders nothing."""
    name, operands = machine.mnemonic, [it.strip() for it in machine.operands.split(",")]
    if name in ("dmb", "dsb"):
        return f"{name.upper()}.{operands[0].upper()}"
    if name in ("isb", "eret", "wfi"):
        return name.upper()
    if name == "tlbi":
        return f"TLBI.{operands[0]}" + (" {page}" if operands[0].startswith("va") else "")
    if name == "ic":
        return f"IC.{operands[0]}"
    if name == "dc" and operands[0] != "zva":
        return f"DC.{operands[0]} {{line}}"
    if name == "msr" and WRITTEN.fullmatch(operands[0]):
        return f"MSR {operands[0]} {operands[1]}"
    if name == "mrs" and READ.fullmatch(operands[1]):
        return f"RS {operands[1]} {operands[0]}"
    return None


def is_barrier(operation: str) -> bool:
    """Whether an operation is a barrier or maintenance: each must belong to a site with tests."""
    return operation.split()[0].split(".")[0].lower() in BARRIERS


def owner_of(image: Image, address: int, known: frozenset[str]) -> tuple[Owner, str]:
    """The innermost known function that an instruction belongs to, and the outermost function."""
    owners = image.owners_at(address)
    for it in reversed(owners):
        if it.name in known:
            return it, owners[0].name if len(owners) == 1 else outer_name(owners, it)
    return owners[0], owners[0].name


def outer_name(owners: list[Owner], owner: Owner) -> str:
    """The function around an owner that is not the same one again."""
    before = [it.name for it in owners[: owners.index(owner)] if it.name != owner.name]
    return before[-1] if before else owner.name


# Start-up code leaves parts out on processors that lack the registers in question.
CONDITIONAL = frozenset({"leave_el2", "start_el1"})


def runs_of(image: Image, known: frozenset[str]) -> list[Run]:
    """All runs of a file, in the order of addresses."""
    runs: list[Run] = []
    pending: list[tuple[Machine, str]] = []
    current: tuple[Owner, str] | None = None
    after_return = False

    def close() -> None:
        nonlocal pending
        if current is not None and pending:
            name = "after eret" if after_return else current[0].name
            runs.append(make_run(image, name, current[1], pending))
        pending = []

    for machine in image.instructions:
        operation = operation_of(machine)
        if operation is None:
            leaves = machine.mnemonic in LEAVES and not falls_through(image, machine)
            is_skip = current is not None and current[0].name in CONDITIONAL
            if after_return or leaves or is_skip and target_of(machine) is not None:
                close()
                after_return, current = False, None
            continue
        owner = owner_of(image, machine.address, known)
        if owner != current:
            close()
            after_return, current = False, owner
        pending.append((machine, operation))
        if operation == "ERET":
            close()
            after_return = True
    close()
    return runs


def falls_through(image: Image, machine: Machine) -> bool:
    """Whether an indirect branch goes to the next instruction, at another of its addresses."""
    if machine.mnemonic != "br":
        return False
    register = machine.operands.strip()
    for before in image.between(machine.address - 12, machine.address):
        match = re.fullmatch(rf"{register}, #(0x[0-9a-f]+)", before.operands)
        if before.mnemonic == "adr" and match:
            return int(match[1], 16) == machine.address + 4
    return False


def make_run(image: Image, owner: str, within: str, found: list[tuple[Machine, str]]) -> Run:
    """A run, after making sure that nothing jumps over a part of it."""
    first, last = found[0][0].address, found[-1][0].address
    barriers = [it.address for it, operation in found if is_barrier(operation)]
    for machine in image.between(first, last):
        check_jump(machine, barriers, owner)
    operations: list[str] = []
    for _, operation in found:
        # A loop over the lines of a frame is one operation on all of them.
        if not (operation.startswith("DC.") and operations and operations[-1] == operation):
            operations.append(operation)
    return Run(owner, within, tuple(it.address for it, _ in found), tuple(operations))


def target_of(machine: Machine) -> int | None:
    """Where a direct branch goes; `None` if it is none, or a call."""
    match = re.search(r"#(0x[0-9a-f]+)$", machine.operands)
    is_branch = machine.mnemonic.startswith(("b.", "cb", "tb")) or machine.mnemonic == "b"
    return int(match[1], 16) if is_branch and match else None


def check_jump(machine: Machine, barriers: list[int], owner: str) -> None:
    """A branch inside a run may go back over its loop or over what orders nothing, but not forward
    over a barrier."""
    target = target_of(machine)
    if target is not None and any(machine.address < it < target for it in barriers):
        raise SequenceError(f"{owner}: the branch at {machine.address:#x} jumps over a barrier")


def jump_targets(image: Image) -> set[int]:
    """Every address that a branch or a call names."""
    calls = (it for it in image.instructions if it.mnemonic == "bl")
    found = {int(it.operands.removeprefix("#"), 16) for it in calls}
    return found | {at for it in image.instructions if (at := target_of(it)) is not None}
