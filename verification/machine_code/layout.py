"""The layout of the kernel's objects, as the kernel's own crate prints it.

The file comes from `cargo run -p pecan-core --example layout`; no offset, kind, right or error
number is written again here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from .memory import FRAME_BITS, NUMBER_BITS, UNIT_BITS


# What is not found by number: the kernel's own, in whole frames, and the entries of the frame table.
UNALIGNED = ("Machine", "Entry")


@dataclass(frozen=True)
class ObjectLayout:
    """One kind of object."""

    name: str
    words: int
    fields: dict[str, int]

    @property
    def units(self) -> int:
        """Its size in object numbers; objects are aligned to it."""
        return self.words // 8


@dataclass(frozen=True)
class Layout:
    """All that the proofs know of the kernel's types."""

    constants: dict[str, int]
    kinds: dict[str, int]
    frame_kinds: dict[str, int]
    rights: dict[str, int]
    errors: dict[str, int]
    effects: dict[str, int]
    objects: dict[str, ObjectLayout]

    @staticmethod
    def load(path: Path) -> Layout:
        raw = json.loads(path.read_text())
        objects = {
            name: ObjectLayout(name, value["words"], value["fields"])
            for name, value in raw.pop("objects").items()
        }
        layout = Layout(objects=objects, **raw)
        layout._check()
        return layout

    def word(self, name: str) -> int:
        """The word of the field `Object.FIELD`."""
        owner, field = name.split(".")
        return self.objects[owner].fields[field]

    def _check(self) -> None:
        """The memory model's arithmetic is the kernel's."""
        facts = {
            "numbers have other bits": self.constants["NUMBER_BITS"] != NUMBER_BITS,
            "units have another size": self.constants["OBJECT_UNIT_BYTES"] != 1 << UNIT_BITS,
            "frames have other units": self.constants["UNITS_PER_FRAME"]
            != 1 << (NUMBER_BITS - FRAME_BITS),
        }
        for item in self.objects.values():
            if item.name in UNALIGNED:
                continue
            facts[f"{item.name}: no power of two"] = item.words & (item.words - 1) != 0
        wrong = [name for name, is_wrong in facts.items() if is_wrong]
        if wrong:
            raise ValueError(f"the layout does not fit the memory model: {', '.join(wrong)}")
