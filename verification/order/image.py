"""The kernel's ELF file: its instructions, and whose each is.

An instruction belongs to the function whose symbol covers it and, inside that, to those that the
compiler inlined there: the debug information of the file names them, from the outermost inwards.
"""

from __future__ import annotations

import bisect
import copy
import re
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path

import capstone
from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.die import DIE
from elftools.dwarf.ranges import BaseAddressEntry
from elftools.elf.elffile import ELFFile


@dataclass(frozen=True)
class Machine:
    """One machine instruction."""

    address: int
    mnemonic: str
    operands: str


@dataclass(frozen=True)
class Owner:
    """A function, or one place where it was inlined (`place` tells such places apart)."""

    name: str
    place: int


@dataclass(frozen=True)
class Scope:
    """The addresses of a function or of a place where it was inlined."""

    start: int
    end: int
    depth: int
    owner: Owner


class Image:
    """Instructions and owners of a kernel."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            elf = ELFFile(file)
            text = elf.get_section_by_name(".text")
            self.start: int = text["sh_addr"]
            self.code: bytes = text.data()
            self.symbols = read_symbols(elf)
            self.scopes = read_scopes(elf)
        self.owners: dict[int, list[Owner]] = {}

    def spoiled(self, address: int) -> Image:
        """The same file with a `nop` instead of one instruction."""
        other = copy.copy(self)
        nop = Machine(address, "nop", "")
        other.instructions = [nop if it.address == address else it for it in self.instructions]
        return other

    @cached_property
    def instructions(self) -> list[Machine]:
        """All of `.text`, in order; what is no instruction is left out."""
        decoder = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
        decoder.skipdata = True
        decoded = decoder.disasm_lite(self.code, self.start)
        return [Machine(at, name, text) for at, _, name, text in decoded if name != ".byte"]

    def between(self, start: int, end: int) -> list[Machine]:
        """The instructions from an address up to another one."""
        first = bisect.bisect_left(self.instructions, start, key=attrgetter("address"))
        last = bisect.bisect_left(self.instructions, end, key=attrgetter("address"))
        return self.instructions[first:last]

    def symbol_at(self, address: int) -> Owner:
        """The symbol that an address lies behind."""
        index = bisect.bisect_right(self.symbols, (address, "\x7f")) - 1
        at, name = self.symbols[index]
        return Owner(name, at)

    def owners_at(self, address: int) -> list[Owner]:
        """Whose an instruction is, from the outermost to the innermost."""
        if address not in self.owners:
            covering = [it for it in self.scopes if it.start <= address < it.end]
            inlined = [it.owner for it in sorted(covering, key=lambda it: it.depth)]
            self.owners[address] = inlined or [self.symbol_at(address)]
        return self.owners[address]


def read_symbols(elf: ELFFile) -> list[tuple[int, str]]:
    """Addresses and names of functions and of the labels of assembly."""
    table = elf.get_section_by_name(".symtab")
    found = [
        (it["st_value"], it.name) for it in table.iter_symbols()
        if it.name and not it.name.startswith("$")
        and it["st_info"]["type"] in ("STT_FUNC", "STT_NOTYPE")
    ]
    return sorted(found)


def read_scopes(elf: ELFFile) -> list[Scope]:
    """Every function and every place where one was inlined."""
    dwarf = elf.get_dwarf_info()
    ranges = dwarf.range_lists()
    scopes: list[Scope] = []

    def visit(unit: CompileUnit, die: DIE, depth: int) -> None:
        is_function = die.tag in ("DW_TAG_subprogram", "DW_TAG_inlined_subroutine")
        if is_function:
            owner = Owner(name_of(die), die.offset)
            scopes.extend(Scope(*it, depth, owner) for it in addresses_of(unit, die, ranges))
        for child in die.iter_children():
            visit(unit, child, depth + int(is_function))

    for unit in dwarf.iter_CUs():
        visit(unit, unit.get_top_DIE(), 0)
    return scopes


def name_of(die: DIE) -> str:
    """The plain name of a function, without the types it is generic over."""
    while "DW_AT_name" not in die.attributes:
        for origin in ("DW_AT_abstract_origin", "DW_AT_specification"):
            if origin in die.attributes:
                die = die.get_DIE_from_attribute(origin)
                break
        else:
            return "?"
    return re.sub("<.*", "", die.attributes["DW_AT_name"].value.decode())


def addresses_of(unit: CompileUnit, die: DIE, ranges: object) -> list[tuple[int, int]]:
    """The ranges of addresses of a function."""
    attributes = die.attributes
    if "DW_AT_low_pc" in attributes and "DW_AT_high_pc" in attributes:
        low, high = attributes["DW_AT_low_pc"].value, attributes["DW_AT_high_pc"]
        return [(low, high.value if high.form == "DW_FORM_addr" else low + high.value)]
    if "DW_AT_ranges" not in attributes:
        return []
    top = unit.get_top_DIE().attributes
    base = top["DW_AT_low_pc"].value if "DW_AT_low_pc" in top else 0
    found = []
    for entry in ranges.get_range_list_at_offset(attributes["DW_AT_ranges"].value):
        if isinstance(entry, BaseAddressEntry):
            base = entry.base_address
        else:
            found.append((base + entry.begin_offset, base + entry.end_offset))
    return found
