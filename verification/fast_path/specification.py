"""What `call` and `reply_receive` do where the fast path applies, word by word.

The fast path does exactly this. The slow path does this and writes dead fields besides. The facts
are those of `core/src/ipc.rs`, on words.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import z3

from .fields import Place
from .scene import SAVED, Scene

# `CPACR_EL1`: trace registers trap; floating point does not (FPEN).
TRACE_TRAPS = 1 << 28
FLOATING_ON = 3 << 20

MESSAGE = range(16)
TAG, BADGE, WINDOW = 16, 17, 18


@dataclass
class Specification:
    """What is written, and what user code finds in its registers."""

    scene: Scene
    writes: dict[Place, z3.BitVecRef] = field(default_factory=dict)
    registers: dict[str, z3.BitVecRef] = field(default_factory=dict)

    def write(self, name: str, field_name: str, value: z3.BitVecRef | int, index: int = 0) -> None:
        term = z3.BitVecVal(value, 64) if isinstance(value, int) else value
        self.writes[(name, self.scene.facts.fields[field_name] + index)] = term

    def get(self, name: str, field_name: str, index: int = 0) -> z3.BitVecRef:
        return self.scene.memory.get(name, self.scene.facts.fields[field_name] + index)


def specify(scene: Scene) -> Specification:
    """What happens in a scene."""
    claim = Specification(scene)
    _save_current(claim)
    if scene.case.route == "Call":
        _call(claim)
    else:
        _reply(claim)
    _resume_partner(claim)
    _toggle_floating(claim)
    if scene.case.route == "Fault":
        _end_fault(claim)
    return claim


def _save_current(claim: Specification) -> None:
    """The thread that made the call waits: what it goes on with is kept."""
    for register in SAVED:
        claim.write("current", "Thread.X", _initial(f"x{register}"), register)
    claim.write("current", "Thread.PC", _initial("elr_el1"))
    claim.write("current", "Thread.SP", _initial("sp_el0"))
    claim.write("current", "Thread.POINTER", _initial("tpidr_el0"))
    claim.write("current", "Thread.WINDOW", _initial("x18"))


def _call(claim: Specification) -> None:
    """The server leaves the list of those that wait, and serves the caller."""
    scene, core = claim.scene, 2 * claim.scene.case.core
    assert scene.memory.slot is not None
    claim.write("current", "Thread.WAIT", claim.get("partner", "Thread.LINK"))
    claim.write("current", "Thread.SENT_THROUGH", scene.memory.slot[2])
    claim.write("partner", "Thread.CALLER", claim.get("current", "Thread.LINK"))
    claim.write("partner", "Thread.WAIT", 0)
    claim.write("endpoint", "Endpoint.SERVERS", claim.get("partner", "Thread.NEXT"), core)
    claim.write("endpoint", "Endpoint.TAKEN", scene.thing("partner").link(), core)
    if scene.case.has_neighbor:
        claim.write("neighbor", "Thread.PREV", 0)


def _reply(claim: Specification) -> None:
    """The caller goes on; the server goes to the front of those that wait."""
    scene, core = claim.scene, 2 * claim.scene.case.core
    receives = scene.thing("endpoint").link() | scene.constant("WAIT_RECEIVE")
    claim.write("current", "Thread.NEXT", claim.get("endpoint", "Endpoint.SERVERS", core))
    claim.write("current", "Thread.PREV", 0)
    claim.write("current", "Thread.CALLER", 0)
    claim.write("current", "Thread.WAIT", receives)
    claim.write("partner", "Thread.WAIT", 0)
    claim.write("endpoint", "Endpoint.SERVERS", scene.thing("current").link(), core)
    if scene.case.has_neighbor:
        claim.write("neighbor", "Thread.PREV", scene.thing("current").link())


def _resume_partner(claim: Specification) -> None:
    """The message is in the registers as it was; the rest is the partner's."""
    is_call = claim.scene.case.route == "Call"
    registers = {f"x{i}": _initial(f"x{i}") for i in MESSAGE}
    registers["x16"] = claim.scene.registers["x16"]
    registers["x17"] = claim.get("gate", "Gate.BADGE") if is_call else _zero()
    registers["x18"] = _zero()
    for register in SAVED:
        registers[f"x{register}"] = claim.get("partner", "Thread.X", register)
    registers["xsp"] = claim.scene.thing("partner").address()
    registers["elr_el1"] = claim.get("partner", "Thread.PC")
    registers["sp_el0"] = claim.get("partner", "Thread.SP")
    registers["ttbr0_el1"] = claim.get("partner", "Thread.ROOT")
    registers["tpidr_el0"] = claim.get("partner", "Thread.POINTER")
    registers["spsr_el1"] = _zero()
    claim.registers = registers


def _toggle_floating(claim: Specification) -> None:
    """Floating point is allowed if the registers hold the partner's values."""
    scene = claim.scene
    link = claim.get("partner", "Thread.LINK")
    marks = (link | claim.get("current", "Thread.LINK")) & scene.constant("EXTRA_MARK")
    owner = claim.get("core", "Core.FLOATING_OWNER")
    traps, on = z3.BitVecVal(TRACE_TRAPS, 64), z3.BitVecVal(TRACE_TRAPS | FLOATING_ON, 64)
    allowed = z3.If(owner == scene.thing("partner").link(), on, traps)
    claim.registers["cpacr_el1"] = z3.If(marks != 0, allowed, _initial("cpacr_el1"))
    extra = z3.If(marks != 0, link, claim.get("core", "Core.EXTRA"))
    claim.write("core", "Core.EXTRA", extra)


def _end_fault(claim: Specification) -> None:
    """Who faulted goes on with all its registers, perhaps elsewhere."""
    scene = claim.scene
    claim.write("partner", "Thread.SENDING", 0)
    if scene.case.method == 1:
        claim.write("partner", "Thread.PC", _initial("x0"))
        claim.registers["elr_el1"] = _initial("x0")
    for register in range(31):
        claim.registers[f"x{register}"] = claim.get("partner", "Thread.X", register)
    allowed = scene.constant("PROGRAM_STATE") | scene.constant("STEP_STATE")
    claim.registers["spsr_el1"] = claim.get("partner", "Thread.PSTATE") & allowed


def _initial(name: str) -> z3.BitVecRef:
    return z3.BitVec(f"initial_{name}", 64)


def _zero() -> z3.BitVecRef:
    return z3.BitVecVal(0, 64)
