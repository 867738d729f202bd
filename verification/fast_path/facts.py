"""What the kernel's own crates say of fields, constants and places of the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Facts:
    """Words of fields, numbers of constants, addresses of labels, dead words of each route."""

    sizes: Mapping[str, int]
    fields: Mapping[str, int]
    constants: Mapping[str, int]
    labels: Mapping[str, int]
    # By route: object of the cast, and word in it.
    dead: Mapping[str, frozenset[tuple[str, int]]]

    @staticmethod
    def of(found: Any) -> Facts:
        dead = {
            route: frozenset((name, word) for name, word in places)
            for route, places in found["dead"].items()
        }
        labels = dict(found["labels"])
        return Facts(found["sizes"], found["fields"], found["constants"], labels, dead)
