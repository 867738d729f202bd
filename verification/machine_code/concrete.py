"""Concrete states of the kernel: evaluating terms in them, and running real code on them.

The emulator (Unicorn) decodes and executes the image's bytes on its own; agreement of a run here
with a run there is evidence about the lifter, the executor and the memory model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import unicorn
import unicorn.arm64_const as arm64
import z3

from .image import Image
from .kernel_state import DESCRIBED
from .memory import (
    ARRAYS,
    ENTRIES,
    ENTRY_ARRAY,
    FRAME_BITS,
    KINDS,
    KINDS_ARRAY,
    OBJECTS,
    UNIT_WORDS,
    WINDOWS,
    Memory,
    Window,
)
from .program import Program

PAGE_BYTES = 4096
INSTRUCTIONS_MAX = 20_000
STACK_TOP = 0xFFFF_F000_0001_0000
STACK_PAGES = 16
RETURN_ADDRESS = 0xFFFF_F000_1000_0000
# Where an answer in memory goes: far below the stack that is used.
OUT_ADDRESS = STACK_TOP - (STACK_PAGES - 1) * PAGE_BYTES

PRESERVED_SEED = 0x5EED_0000

_BASE = Memory.symbolic("initial_").base
ARRAY_NAMES = tuple(array.decl().name() for array in _BASE)


class AllOnes(dict):
    """Rows of an array that are all one: every frame is described."""

    def get(self, _key, _default=None):
        return 1


@dataclass
class ConcreteState:
    """Rows of the arrays of a memory, and values of symbols; what is not named is zero."""

    # By array and row.
    rows: tuple[dict[int, int], ...] = field(default_factory=lambda: tuple({} for _ in _BASE))
    symbols: dict[str, int] = field(default_factory=dict)
    # The frames that the frame table describes; `None`: every frame.
    described: frozenset[int] | None = None
    # Rows of what procedures leave, by the name of the array.
    left: dict[str, dict[int, int]] = field(default_factory=dict)

    def copy(self) -> ConcreteState:
        rows = tuple(dict(row) for row in self.rows)
        left = {name: dict(row) for name, row in self.left.items()}
        return ConcreteState(rows, dict(self.symbols), self.described, left)

    def set_field(self, number: int, word: int, value: int) -> None:
        self.rows[word % UNIT_WORDS][number + word // UNIT_WORDS] = value

    def evaluate(self, program: Program) -> list[int]:
        """The values of a program's terms in this state."""
        described = AllOnes() if self.described is None else dict.fromkeys(self.described, 1)
        rows: defaultdict[str, Mapping[int, int]] = defaultdict(dict, self.left)
        rows |= zip(ARRAY_NAMES, self.rows)
        rows[DESCRIBED.decl().name()] = described
        return program.run(self.symbols, rows)

    def words(self) -> list[tuple[int, bytes]]:
        """All that is not zero: addresses and bytes."""
        found = []
        for array, rows in enumerate(self.rows[:ARRAYS]):
            for index, value in rows.items():
                found.append((address_of(array, index), _bytes_of(array, value)))
        return found


def address_of(array: int, index: int) -> int:
    """The address of a row of an array."""
    if array < KINDS_ARRAY:
        return OBJECTS.base | index << 6 | array << 3
    if array == KINDS_ARRAY:
        return KINDS.base | index
    return ENTRIES.base | index << 5 | (array - ENTRY_ARRAY) << 3


def place_of(address: int) -> tuple[int, int] | None:
    """The array and row of an address; `None` outside the windows."""
    if OBJECTS.base <= address < OBJECTS.base + (1 << OBJECTS.bits):
        return (address >> 3) & 7, (address - OBJECTS.base) >> 6
    if KINDS.base <= address < KINDS.base + (1 << FRAME_BITS):
        return KINDS_ARRAY, address - KINDS.base
    if ENTRIES.base <= address < ENTRIES.base + (1 << ENTRIES.bits):
        return ENTRY_ARRAY + ((address >> 3) & 3), (address - ENTRIES.base) >> 5
    return None


def width_of(array: int) -> int:
    """Bytes of a row of an array."""
    return 1 if array == KINDS_ARRAY else 8


def _bytes_of(array: int, value: int) -> bytes:
    return value.to_bytes(width_of(array), "little")


@dataclass(frozen=True)
class Execution:
    """What the emulator saw."""

    registers: dict[str, int]
    read: frozenset[tuple[int, int]]
    written: frozenset[int]
    machine: unicorn.Uc

    def row(self, array: int, index: int) -> int:
        """What a row holds at the end."""
        return self.word(address_of(array, index), width_of(array))

    def word(self, address: int, size: int = 8) -> int:
        """What is at an address at the end."""
        try:
            content = self.machine.mem_read(address, size)
        except unicorn.UcError:
            return 0
        return int.from_bytes(content, "little")


def execute(
    image: Image,
    entry: int,
    arguments: Mapping[str, int],
    state: ConcreteState,
    stop: int = RETURN_ADDRESS,
) -> Execution:
    """Runs the function at `entry` in the emulator, until it returns or reaches `stop`."""
    machine = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
    pages: set[int] = set()
    for segment in image.segments:
        if segment.is_executable or not segment.is_writable:
            _write(machine, pages, segment.address, segment.content)
    for address, content in state.words():
        _write(machine, pages, address, content)
    _map(machine, pages, STACK_TOP - STACK_PAGES * PAGE_BYTES, STACK_PAGES * PAGE_BYTES)
    for register in range(31):
        machine.reg_write(_register(f"x{register}"), PRESERVED_SEED + register)
    for name, value in arguments.items():
        machine.reg_write(_register(name), value)
    machine.reg_write(arm64.UC_ARM64_REG_SP, STACK_TOP)
    machine.reg_write(arm64.UC_ARM64_REG_X30, RETURN_ADDRESS)
    return _watch(machine, pages, (entry, stop))


def _watch(machine: unicorn.Uc, pages: set[int], way: tuple[int, int]) -> Execution:
    entry, stop = way
    read: set[tuple[int, int]] = set()
    written: set[int] = set()

    def on_read(_machine, _access, address, size, _value, _data):
        if not _is_stack(address):
            read.add((address, size))

    def on_write(_machine, _access, address, size, _value, _data):
        if not _is_stack(address):
            step = 1 if size == 1 else 8
            written.update(range(address, address + size, step))

    def on_unmapped(_machine, _access, address, size, _value, _data):
        _map(machine, pages, address, size)
        return True

    machine.hook_add(unicorn.UC_HOOK_MEM_READ, on_read)
    machine.hook_add(unicorn.UC_HOOK_MEM_WRITE, on_write)
    unmapped = unicorn.UC_HOOK_MEM_READ_UNMAPPED | unicorn.UC_HOOK_MEM_WRITE_UNMAPPED
    machine.hook_add(unmapped, on_unmapped)
    machine.hook_add(unicorn.UC_HOOK_CODE, lambda *_: machine.emu_stop(), begin=stop, end=stop)
    machine.emu_start(entry, RETURN_ADDRESS, count=INSTRUCTIONS_MAX)
    names = ["xsp", "pc", *(f"x{i}" for i in range(31))]
    registers = {name: machine.reg_read(_register(name)) for name in names}
    return Execution(registers, frozenset(read), frozenset(written), machine)


def _is_stack(address: int) -> bool:
    return STACK_TOP - STACK_PAGES * PAGE_BYTES <= address < STACK_TOP


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


@lru_cache(maxsize=None)
def _register(name: str) -> int:
    if name == "xsp":
        return arm64.UC_ARM64_REG_SP
    return getattr(arm64, f"UC_ARM64_REG_{name.upper()}")


def evaluate(state: ConcreteState, terms: Sequence[z3.ExprRef]) -> list[int]:
    """The values of terms in one state."""
    return state.evaluate(Program(terms))


def window_of(address: z3.BitVecRef) -> Window | None:
    """The window in which an address lies, or begins: what is added is an offset in the window."""
    for window in WINDOWS:
        if z3.is_true(z3.simplify(window.holds(address))):
            return window
    (first,) = evaluate(ConcreteState(), [address])
    return _window_at(first)


def _window_at(first: int) -> Window | None:
    # What is counted down from may be zero there.
    for place in (first, first + PAGE_BYTES):
        for window in WINDOWS:
            if place >> window.bits == window.base >> window.bits:
                return window
    return None


def dividing(
    address: z3.BitVecRef, conditions: Sequence[z3.BoolRef]
) -> z3.BoolRef | None:
    """The first condition whose two sides have an address lie in different windows."""
    if not conditions:
        return None
    program = Program([address], choices=conditions)
    for condition in conditions:
        places = (program.run_with(condition, value) for value in (True, False))
        first, second = (_window_at(place) for place in places)
        if first is not second:
            return condition
    return None
