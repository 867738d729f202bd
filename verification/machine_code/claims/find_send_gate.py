"""`find_send_gate(thread, handle)`: the lookup with which every message call begins.

    x0 = endpoint, x1 = word 1 of the capability     if the handle names a live gate with SEND
    x0 = 0,        x1 = the error                    else

It reads the thread's view of its table, one slot, one kind byte, the gate and the endpoint's
identity; it writes nothing.
"""

from __future__ import annotations

import z3

from ..claim import Claim, Outcome, Place, exclusive, field_place, kind_place
from ..kernel_state import KernelState, Slot, frame_of, number_of
from ..layout import Layout
from ..memory import NUMBER_BITS, OBJECTS, Memory

FUNCTION = "find_send_gate"

THREAD = z3.BitVec("thread", NUMBER_BITS)
HANDLE = z3.BitVec("handle", 64)


class Lookup:
    """What the function meets on its way, as the specification sees it."""

    def __init__(self, state: KernelState) -> None:
        self.state = state
        self.thread, self.handle = THREAD, HANDLE
        self.chunk = z3.LShR(self.handle, 8)
        mask = state.field(self.thread, "Thread.MASK")
        self.is_in_view = (self.handle & ~mask) == 0
        self.table = number_of(state.field(self.thread, "Thread.TABLE"))
        self.has_table = z3.And(z3.Not(self.is_in_view), self.table != 0)
        count = state.field(self.table, "CapTable.CHUNKS")
        self.has_chunk = z3.And(self.has_table, z3.ULT(self.chunk, count))
        self.has_slot = z3.Or(self.is_in_view, self.has_chunk)
        self.slot = self._find_slot()
        self.gate = self.slot.number()
        self.kind = state.layout.kinds["Gate"]
        self.endpoint = number_of(state.field(self.gate, "Gate.ENDPOINT"))

    def _find_slot(self) -> Slot:
        view = number_of(self.state.field(self.thread, "Thread.SLOTS"))
        link = number_of(self.state.chunk_link(self.table, self.chunk))
        return self.state.slot(
            z3.If(self.is_in_view, view, link), z3.Extract(7, 0, self.handle)
        )

    def is_pool(self) -> z3.BoolRef:
        """The frame that the capability names holds gates now."""
        return self.state.memory.kind(frame_of(self.gate)) == self.kind

    def is_gate(self) -> z3.BoolRef:
        """The capability is of kind gate."""
        return z3.And(self.has_slot, self.slot.kind() == self.kind)

    def has_right(self) -> z3.BoolRef:
        send = self.state.layout.rights["SEND"]
        return (self.slot.rights() & send) == send

    def is_live(self) -> z3.BoolRef:
        """The gate that the capability was made for still exists."""
        return z3.And(self.is_pool(), self.state.field(self.gate, "Gate.ID") == self.slot.id)


def claim(layout: Layout) -> Claim:
    """The claim, for this layout of the kernel's objects."""
    state = KernelState.symbolic(layout, Memory.symbolic("initial_"))
    lookup = Lookup(state)
    return Claim(
        FUNCTION,
        state,
        {"x0": z3.ZeroExt(64 - NUMBER_BITS, lookup.thread), "x1": lookup.handle},
        _assumptions(lookup),
        _outcomes(lookup),
        _places(lookup),
        {
            "Thread": _words(layout, "Thread", ("SLOTS", "MASK", "TABLE")),
            "CapTable": _chunk_words(layout),
            "Slots": [range(layout.objects["Slots"].words)],
            "Gate": _words(layout, "Gate", ("ID", "ENDPOINT")),
            "Endpoint": _words(layout, "Endpoint", ("ID",)),
        },
    )


def _assumptions(lookup: Lookup) -> list[z3.BoolRef]:
    state = lookup.state
    return [
        state.is_object(lookup.thread, "Thread"),
        *state.stand_ins_are_sound(),
        *state.thread_is_sound(lookup.thread),
        *state.table_is_sound(lookup.table, lookup.chunk),
        *state.slot_is_sound(lookup.slot),
        *state.gate_is_sound(lookup.gate),
    ]


def _outcomes(lookup: Lookup) -> list[Outcome]:
    def refusal(error: str, condition: z3.BoolRef) -> Outcome:
        number = lookup.state.layout.errors[error]
        return Outcome(error, condition, {"x0": _word(0), "x1": _word(number)})

    is_empty = lookup.slot.word == 0
    found = {"x0": z3.ZeroExt(64 - NUMBER_BITS, lookup.endpoint), "x1": lookup.slot.word}
    return exclusive(
        [
            refusal("BadHandle", z3.Or(z3.Not(lookup.has_slot), is_empty)),
            refusal("WrongKind", lookup.slot.kind() != lookup.kind),
            refusal("NoRight", z3.Not(lookup.has_right())),
            refusal("Stale", z3.Not(lookup.is_live())),
            refusal("Died", lookup.state.field(lookup.endpoint, "Endpoint.ID") == 0),
            Outcome("Found", z3.BoolVal(True), found),
        ]
    )


def _places(lookup: Lookup) -> list[Place]:
    state = lookup.state
    always = z3.BoolVal(True)
    pool = z3.And(lookup.is_gate(), lookup.is_pool())
    chunk_at = z3.BitVecVal(OBJECTS.base, 64) | z3.ZeroExt(
        18, z3.Concat(lookup.table, z3.BitVecVal(0, 6))
    )
    chunk_at = chunk_at + 8 * state.layout.word("CapTable.CHUNK") + 8 * lookup.chunk
    return [
        field_place("Thread.MASK", always, state, lookup.thread),
        field_place("Thread.SLOTS", always, state, lookup.thread),
        field_place("Thread.TABLE", always, state, lookup.thread),
        field_place("CapTable.CHUNKS", lookup.has_table, state, lookup.table),
        Place("CapTable.CHUNK[handle / 256]", lookup.has_chunk, OBJECTS, chunk_at),
        Place("slot, word 0", lookup.has_slot, OBJECTS, lookup.slot.address(0)),
        Place("slot, word 1", lookup.has_slot, OBJECTS, lookup.slot.address(1)),
        kind_place("kind of the gate's frame", lookup.is_gate(), frame_of(lookup.gate)),
        field_place("Gate.ID", pool, state, lookup.gate),
        field_place("Gate.ENDPOINT", z3.And(pool, lookup.is_live()), state, lookup.gate),
        field_place("Endpoint.ID", z3.And(pool, lookup.is_live()), state, lookup.endpoint),
    ]


def _words(layout: Layout, owner: str, fields: tuple[str, ...]) -> list[range]:
    words = [layout.word(f"{owner}.{field}") for field in fields]
    return [range(word, word + 1) for word in words]


def _chunk_words(layout: Layout) -> list[range]:
    first = layout.word("CapTable.CHUNK")
    chunks = range(first, first + layout.constants["CHUNKS_MAX"])
    return [chunks, *_words(layout, "CapTable", ("CHUNKS",))]


def _word(value: int) -> z3.BitVecRef:
    return z3.BitVecVal(value, 64)
