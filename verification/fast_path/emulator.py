"""The interpreter of `differential` against an emulator (Unicorn), which decodes on its own.

Each sample is a scenario with how it ends: registers, system registers, condition flags, and
every word of memory that changed. The emulator runs the same bytes from the same state to the
same end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import unicorn
import unicorn.arm64_const as arm64

from machine_code.image import Image
from machine_code.memory import KINDS, OBJECTS

PAGE_BYTES = 4096
INSTRUCTIONS_MAX = 4_000
FLAGS_SHIFT = 28
WORD_BYTES = 8

# The fields of `mrs` that name a register: CRn, CRm, op0, op1, op2.
SPSR_EL1 = (4, 0, 3, 0, 0)

Sample = Mapping[str, Any]


def differences(image: Image, samples: Sequence[Sample]) -> tuple[int, list[str]]:
    """How many runs were compared, and what differed."""
    count, found = 0, []
    for sample in samples:
        for path in ("fast", "slow"):
            if sample[path] is not None:
                count += 1
                difference = _compare(image, sample, path)
                if difference is not None:
                    found.append(f"seed {sample['seed']:#x}, {path} path: {difference}")
    return count, found


def _compare(image: Image, sample: Sample, path: str) -> str | None:
    machine = _prepare(image, sample, path)
    expected = sample[path]["registers"]
    start = _start(sample, path)
    try:
        machine.emu_start(start, expected["pc"], count=INSTRUCTIONS_MAX)
    except unicorn.UcError as error:
        return f"{error} at {machine.reg_read(arm64.UC_ARM64_REG_PC):#x}"
    return _register_difference(machine, expected) or _memory_difference(machine, sample, path)


def _start(sample: Sample, path: str) -> int:
    return sample["vector"] if path == "fast" else sample["slow_entry"]


def _prepare(image: Image, sample: Sample, path: str) -> unicorn.Uc:
    machine = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
    pages: set[int] = set()
    for segment in image.segments:
        if segment.is_executable or not segment.is_writable:
            _write(machine, pages, segment.address, segment.content)
    for frame in sample["frames"]:
        _write(machine, pages, _address(frame["frame"]), bytes.fromhex(frame["bytes"]))
        _write(machine, pages, KINDS.base + frame["frame"], bytes([frame["kind"]]))
    registers = sample["registers"]
    for index, value in enumerate(registers["x"]):
        machine.reg_write(_general(index), value)
        if path == "slow" and index >= sample["first_saved"]:
            at = _address(0) + sample["thread"] * 64 + WORD_BYTES * (sample["x_word"] + index)
            machine.mem_write(at, value.to_bytes(WORD_BYTES, "little"))
    machine.reg_write(arm64.UC_ARM64_REG_SP, registers["sp"])
    machine.reg_write(arm64.UC_ARM64_REG_NZCV, registers["flags"] << FLAGS_SHIFT)
    for name, value in registers["system"]:
        _write_system(machine, name, value)
    return machine


def _register_difference(machine: unicorn.Uc, expected: Mapping[str, Any]) -> str | None:
    seen = {f"x{i}": machine.reg_read(_general(i)) for i in range(31)}
    wanted = {f"x{i}": value for i, value in enumerate(expected["x"])}
    seen["sp"], wanted["sp"] = machine.reg_read(arm64.UC_ARM64_REG_SP), expected["sp"]
    seen["pc"], wanted["pc"] = machine.reg_read(arm64.UC_ARM64_REG_PC), expected["pc"]
    seen["flags"] = machine.reg_read(arm64.UC_ARM64_REG_NZCV) >> FLAGS_SHIFT
    wanted["flags"] = expected["flags"]
    for name, value in expected["system"]:
        seen[name], wanted[name] = _read_system(machine, name), value
    for name, value in wanted.items():
        if seen[name] != value:
            return f"{name} is {seen[name]:#x}, and {value:#x} here"
    return None


def _memory_difference(machine: unicorn.Uc, sample: Sample, path: str) -> str | None:
    """All frames but the stack, which nobody reads at the end."""
    changes = dict(sample[path]["changes"])
    for frame in sample["frames"]:
        if frame["frame"] == sample["stack_frame"]:
            continue
        before = bytes.fromhex(frame["bytes"])
        after = machine.mem_read(_address(frame["frame"]), PAGE_BYTES)
        for at in range(0, PAGE_BYTES, WORD_BYTES):
            old = int.from_bytes(before[at : at + WORD_BYTES], "little")
            expected = changes.get(frame["frame"] * PAGE_BYTES + at, old)
            seen = int.from_bytes(after[at : at + WORD_BYTES], "little")
            if seen != expected:
                return f"{frame['frame']:#x}+{at:#x} is {seen:#x}, and {expected:#x} here"
    return None


def _address(frame: int) -> int:
    return OBJECTS.base + frame * PAGE_BYTES


def _write(machine: unicorn.Uc, pages: set[int], address: int, content: bytes) -> None:
    last = (address + len(content) - 1) // PAGE_BYTES
    for page in range(address // PAGE_BYTES, last + 1):
        if page not in pages:
            pages.add(page)
            machine.mem_map(page * PAGE_BYTES, PAGE_BYTES)
    machine.mem_write(address, content)


def _general(index: int) -> int:
    return getattr(arm64, f"UC_ARM64_REG_X{index}")


def _write_system(machine: unicorn.Uc, name: str, value: int) -> None:
    if name == "spsr_el1":
        machine.reg_write(arm64.UC_ARM64_REG_CP_REG, (*SPSR_EL1, value))
    else:
        machine.reg_write(getattr(arm64, f"UC_ARM64_REG_{name.upper()}"), value)


def _read_system(machine: unicorn.Uc, name: str) -> int:
    if name == "spsr_el1":
        return machine.reg_read(arm64.UC_ARM64_REG_CP_REG, SPSR_EL1)
    return machine.reg_read(getattr(arm64, f"UC_ARM64_REG_{name.upper()}"))
