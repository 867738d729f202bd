"""One instruction at a time from machine code to VEX statements, by an allow-list of mnemonics.

The lifter turns some system instructions into nothing without a word. So an instruction is lifted
only if an independent disassembler gives it a mnemonic on the list, and everything else is refused.
System instructions are read from the disassembler's text; `execute` knows what each does.
"""

from __future__ import annotations

from dataclasses import dataclass

import archinfo
import capstone
import pyvex

from .image import INSTRUCTION_BYTES, Image

ARCHITECTURE = archinfo.ArchAArch64()

ALLOWED = frozenset(
    """
    add adds sub subs cmp cmn neg negs madd mul mneg msub umulh udiv
    and ands tst orr orn eor eon bic bics mvn mov movz movk movn
    lsl lsr asr ror extr ubfx ubfiz ubfm sbfx sbfiz sbfm bfi bfxil bfm bfc
    uxtb uxth sxtb sxth sxtw clz rbit rev
    csel csinc csinv csneg cset csetm cinc cinv cneg ccmp ccmn
    umaddl smaddl umull smull
    adr adrp ldr ldrb ldrh ldrsw ldur ldurb ldurh ldp str strb strh stur sturb sturh stp
    b br bl ret cbz cbnz tbz tbnz nop
    b.eq b.ne b.hs b.lo b.mi b.pl b.vs b.vc b.hi b.ls b.ge b.lt b.gt b.le b.cs b.cc
    """.split()
)

# Instructions that read or write what is neither a general register nor memory, or order accesses.
SYSTEM = frozenset("mrs msr dsb dmb isb dc ic tlbi eret".split())

# Instructions that stop the machine: reaching one is a panic.
TRAPS = frozenset({"brk", "udf", "hlt"})

_DISASSEMBLER = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_LITTLE_ENDIAN)


class LiftError(Exception):
    """An instruction that the proofs do not understand."""


@dataclass(frozen=True)
class System:
    """A system instruction: what it names, and the general register (none: zero) that goes along."""

    name: str
    register: str | None


@dataclass(frozen=True)
class Instruction:
    """An instruction, as text, and as VEX or as a system instruction; neither for a trap."""

    address: int
    mnemonic: str
    text: str
    block: pyvex.IRSB | None
    system: System | None = None

    @property
    def is_computed(self) -> bool:
        """Whether it jumps to a place that it computes."""
        return self.mnemonic == "br"

    def successors(self) -> list[int]:
        """Where it can go without leaving the function; a call goes on behind itself."""
        if self.system is not None:
            return [] if self.mnemonic == "eret" else [self.address + INSTRUCTION_BYTES]
        if self.block is None:
            return []
        targets = [s.dst.value for s in self.block.statements if s.tag == "Ist_Exit"]
        if self.block.jumpkind == "Ijk_Call":
            targets.append(self.address + INSTRUCTION_BYTES)
        elif self.block.jumpkind == "Ijk_Boring" and isinstance(self.block.next, pyvex.expr.Const):
            targets.append(self.block.next.con.value)
        return targets


def disassemble(encoding: bytes, address: int) -> tuple[str, str]:
    """Mnemonic and whole text; `udf` for what is no instruction."""
    decoded = next(_DISASSEMBLER.disasm(encoding, address), None)
    if decoded is None:
        return "udf", f"udf {encoding.hex()}"
    return decoded.mnemonic, f"{decoded.mnemonic} {decoded.op_str}".strip()


class Lifter:
    """Lifts the instructions of one image, each once."""

    # Shared by all images: mutants differ in one instruction only.
    _cache: dict[tuple[int, bytes], Instruction] = {}

    def __init__(self, image: Image) -> None:
        self.image = image

    def instruction(self, address: int) -> Instruction:
        """The instruction at `address`; `LiftError` if its mnemonic is not on the list."""
        encoding = self.image.instruction(address)
        key = (address, encoding)
        if key not in self._cache:
            self._cache[key] = _lift(encoding, address)
        return self._cache[key]

    def order(self, entry: int) -> dict[int, int]:
        """Reverse postorder of the instructions reachable from `entry` inside its function."""
        postorder: list[int] = []
        seen = {entry}
        stack = [(entry, iter(self._inside(entry)))]
        while stack:
            address, pending = stack[-1]
            following = next((n for n in pending if n not in seen), None)
            if following is None:
                postorder.append(address)
                stack.pop()
            else:
                seen.add(following)
                stack.append((following, iter(self._inside(following))))
        return {address: place for place, address in enumerate(reversed(postorder))}

    def _inside(self, address: int) -> list[int]:
        instruction = self.instruction(address)
        targets = instruction.successors()
        if instruction.is_computed:
            # A switch: it stays inside the function that is compiled here.
            targets = list(self.image.around(address))
        return [target for target in targets if self.image.panic_at(target) is None]


def _lift(encoding: bytes, address: int) -> Instruction:
    mnemonic, text = disassemble(encoding, address)
    if mnemonic in TRAPS:
        return Instruction(address, mnemonic, text, None)
    if mnemonic in SYSTEM:
        return Instruction(address, mnemonic, text, None, _system(mnemonic, text))
    if mnemonic not in ALLOWED:
        raise LiftError(f"{address:#x}: `{text}` is not on the list of instructions")
    try:
        block = pyvex.lift(encoding, address, ARCHITECTURE, max_inst=1, opt_level=1)
    except pyvex.errors.PyVEXError as error:
        raise LiftError(f"{address:#x}: `{text}`: {error}") from error
    _divide_by_zero(block)
    if block.jumpkind not in ("Ijk_Boring", "Ijk_Call", "Ijk_Ret"):
        raise LiftError(f"{address:#x}: `{text}` lifts to {block.jumpkind}")
    return Instruction(address, mnemonic, text, block)


def _divide_by_zero(block: pyvex.IRSB) -> None:
    """Drops the fault that the lifter gives to a division by zero: this processor has none.

    The quotient is zero then (Arm ARM DDI 0487, C6.2 `UDIV`), as `expression` says too.
    """
    block.statements = [
        item
        for item in block.statements
        if item.tag != "Ist_Exit" or item.jumpkind != "Ijk_SigFPE_IntDiv"
    ]


def _system(mnemonic: str, text: str) -> System:
    operands = [part.strip() for part in text.removeprefix(mnemonic).split(",")]
    if mnemonic == "mrs":
        operands.reverse()
    name, register = (*operands, "")[:2]
    if register.startswith("#"):
        return System(f"{name} {register}", None)
    return System(name, register if register.startswith("x") and register != "xzr" else None)
