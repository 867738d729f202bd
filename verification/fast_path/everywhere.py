"""The fast path in every state: which states it takes, and what it does to the others.

No invariant is assumed. Memory is a function from addresses to words and kind bytes of which
nothing is known, so the fast path may read nonsense and must still be right about what it leaves.
(That it reads no word which it saved before is a matter of sound states: see `disjoint`.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import z3

from machine_code.image import Image
from machine_code.logic import conjunction, disjunction
from machine_code.memory import KINDS, OBJECTS
from machine_code.solve import Verdict, prove
from machine_code.state import State

from .facts import Facts
from .paths import Ends, Paths, start
from .scene import SAVED

MESSAGE_BITS = 32
LEAVING = ("slow_call", "slow_reply_receive", "message", "null", "function")
CURRENT = z3.BitVec("initial_xsp", 64)
WORD = z3.Function("word", z3.BitVecSort(64), z3.BitVecSort(64))
BYTE = z3.Function("byte", z3.BitVecSort(64), z3.BitVecSort(8))


@dataclass(frozen=True)
class AnyMemory:
    """Any memory, and what was stored to it."""

    stores: tuple[tuple[z3.BitVecRef, z3.BitVecRef], ...] = ()


class AnyState(Paths):
    """All paths of a piece of code, in all states: none is dropped."""

    def _load(self, state: State, address: z3.BitVecRef, size: int) -> z3.BitVecRef:
        return WORD(address) if size == 8 else BYTE(address)

    def store(self, state: State, address: z3.BitVecRef, value: z3.BitVecRef) -> None:
        assert isinstance(state.memory, AnyMemory)
        state.memory = replace(state.memory, stores=(*state.memory.stores, (address, value)))

    def _is_possible(self, state: State, known: int) -> bool:
        return True


@dataclass
class Everywhere:
    """What was shown of all states."""

    # Paths that leave and change nothing.
    left_alone: int = 0
    # Proofs that the fast path is taken where it applies, and only there.
    applies: int = 0
    failures: list[str] = field(default_factory=list)


def prove_everywhere(image: Image, facts: Facts) -> Everywhere:
    """Runs the fast path from the vector in every state."""
    result, taken = inspect(facts, run(image, facts))
    for text, hypothesis, goal in directions(facts, taken):
        verdict = prove([hypothesis], goal)
        if verdict is Verdict.PROVED:
            result.applies += 1
        else:
            result.failures.append(f"{text}: {verdict.value}")
    return result


def inspect(facts: Facts, ends: Ends) -> tuple[Everywhere, z3.BoolRef]:
    """What the paths that leave change, and when the fast path is taken."""
    result = Everywhere()
    taken: list[z3.BoolRef] = []
    leaving = {facts.labels[name]: name for name in LEAVING}
    for state in ends.states:
        if state.address not in leaving:
            taken.append(conjunction(state.guard))
            continue
        difference = disturbance(facts, state)
        if difference is None:
            result.left_alone += 1
        else:
            result.failures.append(f"left for {leaving[state.address]}: {difference}")
    return result, disjunction(taken)


def directions(
    facts: Facts, taken: z3.BoolRef
) -> Iterator[tuple[str, z3.BoolRef, z3.BoolRef]]:
    """The fast path is taken exactly where it applies: what fails, hypothesis, goal."""
    applies = z3.Or(call_applies(facts), reply_applies(facts))
    yield "taken where it does not apply", taken, applies
    yield "not taken where it applies", applies, taken


def run(image: Image, facts: Facts) -> Ends:
    """All paths of the fast path, from the vector."""
    stops = [facts.labels[name] for name in (*LEAVING, "switch_debug_registers")]
    return AnyState(image, [], stops).explore(start(facts.labels["vector"], AnyMemory(), {}))


def disturbance(facts: Facts, state: State) -> str | None:
    """What a path that leaves changed, beside saving registers where the slow path expects them."""
    kept = {f"x{i}": state.register(f"x{i}") for i in range(SAVED.start)}
    for name, value in {**kept, "xsp": state.register("xsp"), **state.system}.items():
        if not value.eq(_initial(name)):
            return f"{name} changed"
    assert isinstance(state.memory, AnyMemory)
    first = facts.fields["Thread.X"]
    saved = {8 * (first + register): _initial(f"x{register}") for register in SAVED}
    for address, value in state.memory.stores:
        distance = z3.simplify(address - CURRENT)
        expected = saved.get(distance.as_long()) if z3.is_bv_value(distance) else None
        if expected is None or not value.eq(expected):
            return f"a store to {address}"
    return None


def call_applies(facts: Facts) -> z3.BoolRef:
    """A short message goes through a gate at which an ordinary server waits."""
    identity, word = _slot(facts)
    gate = word | OBJECTS.base
    endpoint = _object(_field(facts, gate, "Gate.ENDPOINT"))
    server = _field(facts, endpoint + (_current(facts, "Thread.CORE") << 4), "Endpoint.SERVERS")
    return z3.And(
        _is_system_call(facts, "CALL"),
        _is_plain(facts),
        _names(facts, "KIND_GATE", "SEND", word),
        _is_live(facts, gate, "Gate", identity, word),
        server != 0,
        _field(facts, _object(server), "Thread.SPECIAL") == 0,
    )


def reply_applies(facts: Facts) -> z3.BoolRef:
    """An ordinary server answers an ordinary caller, or an ordinary thread that faulted."""
    identity, word = _slot(facts)
    endpoint = word | OBJECTS.base
    caller, link = _current(facts, "Thread.CALLER"), _current(facts, "Thread.LINK")
    waits = _field(facts, _object(caller), "Thread.WAIT")
    fault = facts.constants["WAIT_SLOW_REPLY"] ^ facts.constants["REPLY_MARK"]
    is_usual = z3.ULE(z3.Extract(15, 0, _initial("x16")), 1)
    return z3.And(
        _is_system_call(facts, "REPLY_RECEIVE"),
        _is_plain(facts),
        _names(facts, "KIND_ENDPOINT", "RECEIVE", word),
        _is_live(facts, endpoint, "Endpoint", identity, word),
        _field(facts, endpoint, "Endpoint.WAITING") == 0,
        _current(facts, "Thread.SPECIAL") == 0,
        caller != 0,
        _field(facts, _object(caller), "Thread.SPECIAL") == 0,
        z3.Or(waits == link, z3.And(waits == link ^ fault, is_usual)),
    )


def _initial(name: str) -> z3.BitVecRef:
    return z3.BitVec(f"initial_{name}", 64)


def _field(facts: Facts, address: z3.BitVecRef, name: str) -> z3.BitVecRef:
    return WORD(z3.simplify(address + 8 * facts.fields[name]))


def _current(facts: Facts, name: str) -> z3.BitVecRef:
    return _field(facts, CURRENT, name)


def _object(link: z3.BitVecRef) -> z3.BitVecRef:
    """Where a link leads: the bits above a number fall off."""
    return (link << 6) + OBJECTS.base


def _slot(facts: Facts) -> tuple[z3.BitVecRef, z3.BitVecRef]:
    """The slot that the handle names, inside what the fast path sees of the table."""
    handle = _initial("x17") & _current(facts, "Thread.MASK")
    at = _object(_current(facts, "Thread.SLOTS")) + (handle << 4)
    return WORD(z3.simplify(at)), WORD(z3.simplify(at + 8))


def _is_system_call(facts: Facts, name: str) -> z3.BoolRef:
    syndrome = z3.Extract(31, 0, _initial("esr_el1"))
    return syndrome == facts.constants["SVC"] | facts.constants[name]


def _is_plain(facts: Facts) -> z3.BoolRef:
    """Nothing in the kernel's half of the tag; the handle is inside the table."""
    handle = _initial("x17")
    is_inside = handle & _current(facts, "Thread.MASK") == handle
    return z3.And(z3.Extract(63, MESSAGE_BITS, _initial("x16")) == 0, is_inside)


def _names(facts: Facts, kind: str, right: str, word: z3.BitVecRef) -> z3.BoolRef:
    """The capability is of this kind and has this right."""
    bit = facts.constants[right]
    has_kind = z3.Extract(55, 48, word) == facts.constants[kind]
    return z3.And(has_kind, z3.Extract(63, 56, word) & bit == bit)


def _is_live(
    facts: Facts, address: z3.BitVecRef, kind: str, identity: z3.BitVecRef, word: z3.BitVecRef
) -> z3.BoolRef:
    """The capability's object still exists."""
    frame = z3.ZeroExt(30, z3.Extract(45, 12, word))
    is_kind = BYTE(frame + KINDS.base) == facts.constants[f"KIND_{kind.upper()}"]
    return z3.And(is_kind, _field(facts, address, f"{kind}.ID") == identity)
