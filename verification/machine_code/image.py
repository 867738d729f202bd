"""The kernel's ELF file: bytes, permissions and symbols."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

INSTRUCTION_BYTES = 4

# Where a Rust program goes when a check of the language fails.
PANIC_NAME = re.compile(
    r"panic|unwrap_failed|expect_failed|slice_(start_|end_)?index|slice_index_order|handle_alloc_error"
)


class ImageError(Exception):
    """The file is not what the proofs need."""


@dataclass(frozen=True)
class Segment:
    """A loaded piece of the image; bytes that the file does not hold are zero."""

    address: int
    content: bytes
    is_writable: bool
    is_executable: bool

    def holds(self, address: int, size: int) -> bool:
        return self.address <= address and address + size <= self.address + len(self.content)


@dataclass(frozen=True)
class Function:
    """A function symbol."""

    name: str
    address: int
    size: int


@dataclass(frozen=True)
class Image:
    """A linked image. Immutable: `patched` makes another."""

    path: Path
    sha256: str
    segments: tuple[Segment, ...]
    functions: tuple[Function, ...]
    # Names in assembly, which have no size.
    labels: tuple[Function, ...] = ()

    @staticmethod
    def load(path: Path) -> Image:
        raw = path.read_bytes()
        with path.open("rb") as file:
            try:
                elf = ELFFile(file)
            except ELFError as error:
                raise ImageError(f"{path}: {error}") from error
            if elf.get_machine_arch() != "AArch64":
                raise ImageError(f"{path}: not an AArch64 image")
            segments = tuple(_segments(elf))
            functions = tuple(_symbols(elf, "STT_FUNC"))
            labels = tuple(_symbols(elf, "STT_NOTYPE"))
        if not functions:
            raise ImageError(f"{path}: no symbols; the proofs need .symtab")
        return Image(path, hashlib.sha256(raw).hexdigest(), segments, functions, labels)

    def function(self, name: str) -> Function:
        """The only function called `name`, plain or as the last part of a mangled path."""
        mangled = re.compile(rf"(?<!\d){len(name)}{re.escape(name)}(?![a-z_])")
        found = [f for f in self.functions if f.name == name]
        found = found or [f for f in self.functions if mangled.search(f.name)]
        if len(found) != 1:
            names = ", ".join(f.name for f in found) or "none"
            raise ImageError(f"{self.path}: one function `{name}` expected, found: {names}")
        return found[0]

    def around(self, address: int) -> range:
        """The instructions of the function in which `address` is."""
        for function in self.functions:
            if function.address <= address < function.address + function.size:
                end = function.address + function.size
                return range(function.address, end, INSTRUCTION_BYTES)
        raise ImageError(f"{address:#x} is in no function")

    def panic_at(self, address: int) -> str | None:
        """The name of the panic function that begins at `address`."""
        return self._panics.get(address)

    @cached_property
    def _panics(self) -> dict[int, str]:
        return {f.address: f.name for f in self.functions if PANIC_NAME.search(f.name)}

    def instruction(self, address: int) -> bytes:
        """The bytes of the instruction at `address`, which must be executable and read-only."""
        segment = self._segment(address, INSTRUCTION_BYTES)
        if segment is None or not segment.is_executable or segment.is_writable:
            raise ImageError(f"no code at {address:#x}")
        return _piece(segment, address, INSTRUCTION_BYTES)

    def constant(self, address: int, size: int) -> bytes | None:
        """Bytes of the image that nothing can change; `None` if they are outside or writable."""
        segment = self._segment(address, size)
        if segment is None or segment.is_writable:
            return None
        return _piece(segment, address, size)

    def code(self, function: Function) -> list[tuple[int, int]]:
        """The function's instructions: address and encoding."""
        ends = function.address + function.size
        return [
            (address, int.from_bytes(self.instruction(address), "little"))
            for address in range(function.address, ends, INSTRUCTION_BYTES)
        ]

    def patched(self, address: int, encoding: int) -> Image:
        """The same image with another instruction at `address`."""
        new = encoding.to_bytes(INSTRUCTION_BYTES, "little")
        segments = []
        for segment in self.segments:
            if segment.holds(address, INSTRUCTION_BYTES):
                at = address - segment.address
                content = segment.content[:at] + new + segment.content[at + len(new) :]
                segment = replace(segment, content=content)
            segments.append(segment)
        return replace(self, segments=tuple(segments), sha256="patched")

    def _segment(self, address: int, size: int) -> Segment | None:
        return next((s for s in self.segments if s.holds(address, size)), None)


def _piece(segment: Segment, address: int, size: int) -> bytes:
    at = address - segment.address
    return segment.content[at : at + size]


def _segments(elf: ELFFile):
    for header in elf.iter_segments():
        if header["p_type"] != "PT_LOAD" or header["p_memsz"] == 0:
            continue
        content = header.data()
        content += bytes(header["p_memsz"] - len(content))
        flags = header["p_flags"]
        yield Segment(header["p_vaddr"], content, bool(flags & 2), bool(flags & 1))


def _symbols(elf: ELFFile, kind: str):
    table = elf.get_section_by_name(".symtab")
    if table is None:
        return
    for symbol in table.iter_symbols():
        if symbol["st_info"]["type"] == kind:
            yield Function(symbol.name, symbol["st_value"], symbol["st_size"])
