"""Concrete states of the kernel: evaluating terms in them, and running real code on them.

The emulator (Unicorn) decodes and executes the image's bytes on its own; agreement of a run here
with a run there is evidence about the lifter, the executor and the memory model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import unicorn
import unicorn.arm64_const as arm64
import z3

from .image import Image
from .kernel_state import DESCRIBED
from .memory import FRAME_BITS, KINDS, KINDS_ARRAY, NUMBER_BITS, OBJECTS, UNIT_WORDS, Memory
from .state import register_symbols

PAGE_BYTES = 4096
INSTRUCTIONS_MAX = 10_000
STACK_TOP = 0xFFFF_F000_0001_0000
STACK_PAGES = 16
RETURN_ADDRESS = 0xFFFF_F000_1000_0000

PRESERVED_SEED = 0x5EED_0000


@dataclass
class ConcreteState:
    """Words and kind bytes; what is not named is zero."""

    # By unit number and word in the unit.
    words: dict[tuple[int, int], int] = field(default_factory=dict)
    kinds: dict[int, int] = field(default_factory=dict)
    # Values of the claim's own symbols; registers that no argument names are zero.
    symbols: list[tuple[z3.BitVecRef, int]] = field(default_factory=list)
    # The frames that the frame table describes; `None`: every frame.
    described: frozenset[int] | None = None

    def set_field(self, number: int, word: int, value: int) -> None:
        unit = (number + word // 8) & ((1 << NUMBER_BITS) - 1)
        self.words[(unit, word % 8)] = value

    def evaluate(self, terms: Sequence[z3.ExprRef]) -> list[int | bool]:
        """The values of terms in this state."""
        memory = Memory.symbolic("initial_")
        pairs = [(array, self._rows(array, i)) for i, array in enumerate(memory.base[:UNIT_WORDS])]
        kinds: z3.ArrayRef = z3.K(z3.BitVecSort(FRAME_BITS), z3.BitVecVal(0, 8))
        for frame, kind in self.kinds.items():
            kinds = z3.Store(kinds, z3.BitVecVal(frame, FRAME_BITS), z3.BitVecVal(kind, 8))
        pairs.append((memory.base[KINDS_ARRAY], kinds))
        pairs.append((DESCRIBED, self._described()))
        # All at once, as operands of one term: they share most of their parts.
        together = z3.Function("together", *(t.sort() for t in terms), z3.BoolSort())(*terms)
        pairs += [(symbol, z3.BitVecVal(v, symbol.size())) for symbol, v in self.symbols]
        pairs += [(symbol, z3.BitVecVal(0, 64)) for symbol in register_symbols()]
        values = z3.simplify(z3.substitute(together, *pairs)).children()
        return [z3.is_true(v) if z3.is_bool(v) else v.as_long() for v in values]

    def _described(self) -> z3.ArrayRef:
        rest = z3.BitVecVal(int(self.described is None), 1)
        frames: z3.ArrayRef = z3.K(DESCRIBED.domain(), rest)
        for frame in self.described or ():
            frames = z3.Store(frames, z3.BitVecVal(frame, FRAME_BITS), z3.BitVecVal(1, 1))
        return frames

    def _rows(self, array: z3.ArrayRef, word: int) -> z3.ArrayRef:
        rows: z3.ArrayRef = z3.K(array.domain(), z3.BitVecVal(0, 64))
        for (unit, place), value in self.words.items():
            if place == word:
                index = z3.BitVecVal(unit, NUMBER_BITS)
                rows = z3.Store(rows, index, z3.BitVecVal(value, 64))
        return rows


@dataclass(frozen=True)
class Execution:
    """What the emulator saw."""

    registers: dict[str, int]
    read: frozenset[tuple[int, int]]
    has_written: bool


def execute(image: Image, entry: int, arguments: dict[str, int], state: ConcreteState) -> Execution:
    """Runs the function at `entry` in the emulator."""
    machine = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
    pages: set[int] = set()
    for segment in image.segments:
        if segment.is_executable or not segment.is_writable:
            _write(machine, pages, segment.address, segment.content)
    for (unit, word), value in state.words.items():
        address = OBJECTS.base | unit << 6 | word << 3
        _write(machine, pages, address, value.to_bytes(8, "little"))
    for frame, kind in state.kinds.items():
        _write(machine, pages, KINDS.base | frame, bytes([kind]))
    _map(machine, pages, STACK_TOP - STACK_PAGES * PAGE_BYTES, STACK_PAGES * PAGE_BYTES)
    for register in range(31):
        machine.reg_write(_register(f"x{register}"), PRESERVED_SEED + register)
    for name, value in arguments.items():
        machine.reg_write(_register(name), value)
    machine.reg_write(arm64.UC_ARM64_REG_SP, STACK_TOP)
    machine.reg_write(arm64.UC_ARM64_REG_X30, RETURN_ADDRESS)
    return _watch(machine, pages, entry)


def _watch(machine: unicorn.Uc, pages: set[int], entry: int) -> Execution:
    read: set[tuple[int, int]] = set()
    written: list[int] = []

    def on_read(_machine, _access, address, size, _value, _data):
        if not STACK_TOP - STACK_PAGES * PAGE_BYTES <= address < STACK_TOP:
            read.add((address, size))

    def on_write(_machine, _access, address, _size, _value, _data):
        if not STACK_TOP - STACK_PAGES * PAGE_BYTES <= address < STACK_TOP:
            written.append(address)

    def on_unmapped(_machine, _access, address, size, _value, _data):
        _map(machine, pages, address, size)
        return True

    machine.hook_add(unicorn.UC_HOOK_MEM_READ, on_read)
    machine.hook_add(unicorn.UC_HOOK_MEM_WRITE, on_write)
    machine.hook_add(unicorn.UC_HOOK_MEM_READ_UNMAPPED, on_unmapped)
    machine.emu_start(entry, RETURN_ADDRESS, count=INSTRUCTIONS_MAX)
    names = ["xsp", "pc", *(f"x{i}" for i in range(31))]
    registers = {name: machine.reg_read(_register(name)) for name in names}
    return Execution(registers, frozenset(read), bool(written))


def _write(machine: unicorn.Uc, pages: set[int], address: int, content: bytes) -> None:
    _map(machine, pages, address, len(content))
    machine.mem_write(address, content)


def _map(machine: unicorn.Uc, pages: set[int], address: int, size: int) -> None:
    first = address // PAGE_BYTES
    last = (address + max(size, 1) - 1) // PAGE_BYTES
    for page in range(first, last + 1):
        if page not in pages:
            pages.add(page)
            machine.mem_map(page * PAGE_BYTES, PAGE_BYTES)


def _register(name: str) -> int:
    if name == "xsp":
        return arm64.UC_ARM64_REG_SP
    return getattr(arm64, f"UC_ARM64_REG_{name.upper()}")

