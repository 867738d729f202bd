"""Random states for `find_send_gate`: mostly sound, sometimes broken in one place."""

from __future__ import annotations

import random

from ..claim import Claim
from ..concrete import ConcreteState
from ..memory import NUMBER_BITS
from .find_send_gate import HANDLE, THREAD

UNITS_PER_FRAME = 64
# Real machines have their memory here; frames of the kernel's image are left out.
FRAMES = range(0x0005_0000, 0x0400_0000)
BROKEN_IN = 12


def random_state(generator: random.Random, claim: Claim) -> ConcreteState:
    """A thread with a table of a few chunks, and a handle that may name a gate."""
    return _Builder(generator, claim).build()


class _Builder:
    def __init__(self, generator: random.Random, claim: Claim) -> None:
        self.random = generator
        self.claim = claim
        self.layout = claim.state.layout
        self.state = ConcreteState()
        self.frames = generator.sample(FRAMES, 8)

    def build(self) -> ConcreteState:
        thread = self._object(0, "Thread")
        table = self.random.choice([0, self._object(1, "CapTable"), self._object(1, "CapTable")])
        view, chunk = self._object(2, "Slots"), self._object(3, "Slots")
        self._set(thread, "Thread.SLOTS", view)
        self._set(thread, "Thread.MASK", self.random.choice([0, 255, 255]))
        self._set(thread, "Thread.TABLE", table)
        chunks = self.random.randrange(1, self.layout.constants["CHUNKS_MAX"] + 1)
        handle = self._handle(chunks)
        if table:
            self._set(table, "CapTable.CHUNKS", chunks)
            at = self.layout.word("CapTable.CHUNK") + handle // 256 % 64
            self.state.set_field(table, at, chunk)
        self._fill_slot(view, handle % 256)
        self._fill_slot(chunk, handle % 256)
        self.state.symbols += [
            (THREAD, thread),
            (HANDLE, handle),
            (self.claim.state.null_slots, self._own(6, "Slots")),
            (self.claim.state.null_endpoint, self._own(7, "Endpoint")),
        ]
        return self.state

    def _handle(self, chunks: int) -> int:
        return self.random.choice(
            [
                *(self.random.randrange(256) for _ in range(4)),
                *(self.random.randrange(256 * chunks) for _ in range(2)),
                256 * chunks,
                self.random.getrandbits(64),
            ]
        )

    def _fill_slot(self, chunk: int, index: int) -> None:
        if self.random.randrange(BROKEN_IN) == 0:
            return
        gate, endpoint = self._object(4, "Gate"), self._object(5, "Endpoint")
        identity = self.random.getrandbits(48) + 1
        rights = self.random.choice([0xFF, 1, self.random.getrandbits(8)])
        kind = self._or_broken(self.layout.kinds["Gate"], 4)
        word = rights << 56 | kind << 48 | gate << 6
        self.state.set_field(chunk, 2 * index, self._or_broken(identity, 64))
        self.state.set_field(chunk, 2 * index + 1, self._or_broken(word, 64))
        self._set(gate, "Gate.ID", identity)
        self._set(gate, "Gate.ENDPOINT", self._or_broken(endpoint, NUMBER_BITS))
        self._set(endpoint, "Endpoint.ID", self.random.choice([0, 1, 2, 3]))

    def _object(self, frame: int, name: str) -> int:
        """A place for an object in one of the frames, whose kind becomes right (mostly)."""
        size = self.layout.objects[name].units
        self.state.kinds[self.frames[frame]] = self._or_broken(
            self.layout.frame_kinds[name], 8
        )
        place = self.random.randrange(UNITS_PER_FRAME // size) * size
        return self.frames[frame] * UNITS_PER_FRAME + place

    def _own(self, frame: int, name: str) -> int:
        """A place in a frame that is the kernel's own."""
        place = self._object(frame, name)
        self.state.kinds[self.frames[frame]] = self.layout.frame_kinds["Kernel"]
        return place

    def _set(self, number: int, field: str, value: int) -> None:
        self.state.set_field(number, self.layout.word(field), value)

    def _or_broken(self, value: int, bits: int) -> int:
        if self.random.randrange(BROKEN_IN) == 0:
            return self.random.choice([0, self.random.getrandbits(bits), value ^ 1])
        return value


assert max(FRAMES) * UNITS_PER_FRAME < 1 << NUMBER_BITS
