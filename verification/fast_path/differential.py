"""The program of `differential/`: how it is called, and what its counts mean."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine_code.image import Image
from machine_code.lift import disassemble

SEED = 20_261_121

CONDITIONAL = frozenset({"cbz", "cbnz", "tbz", "tbnz"})


@dataclass(frozen=True)
class Program:
    """The program, and what it runs on."""

    path: Path
    elf: Path
    readme: Path
    work: Path

    def run(self, mode: str, scenarios: int) -> Any:
        """What the program found on so many scenarios; the same ones on every machine."""
        self.work.mkdir(parents=True, exist_ok=True)
        report = self.work / f"{mode}.json"
        command = [self.path, mode, "--elf", self.elf, "--readme", self.readme]
        command += ["--scenarios", str(scenarios), "--seed", str(SEED), "--report", report]
        subprocess.run(command, check=True)
        return json.loads(report.read_text())["found"]


def one_sided_branches(image: Image, steps: list[list[int]]) -> tuple[int, list[str]]:
    """How many conditional branches went both ways, and those that did not.

    `steps` has each instruction that was executed, how often it went on, and how often elsewhere.
    """
    both, missed = 0, []
    for address, on, away in steps:
        mnemonic, text = disassemble(image.instruction(address), address)
        if mnemonic not in CONDITIONAL and not mnemonic.startswith("b."):
            continue
        if on and away:
            both += 1
        else:
            missed.append(f"`{text}` at {address:#x} only ever {'went on' if on else 'jumped'}")
    return both, missed
