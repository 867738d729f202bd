"""What executed code does to memory: the kernel's, in windows, and what only the code itself knows."""

from __future__ import annotations

from collections.abc import Sequence

import z3

from .concrete import dividing, window_of
from .image import Image
from .lift import Instruction
from .memory import Window
from .seen import Access, Private, Run
from .state import State
from .values import choice_among, constant_part, values_of
from .words import choice_of, split_by

# The most places of a table of constants, such as where a switch goes.
TABLE_MAX = 16
STACK_BYTES = 4096


class ExecutionError(Exception):
    """The function does something that the proofs do not understand."""


STACK = Private("stack", "xsp", -STACK_BYTES, 0)


class Accesses:
    """The part of an executor that loads and stores."""

    image: Image
    hypotheses: list[z3.BoolRef]
    private: Sequence[Private]
    _run: Run
    _instruction: Instruction

    def _load(self, state: State, address: z3.BitVecRef, size: int) -> z3.BitVecRef:
        if not z3.is_bv_value(address):
            chosen = choice_of(address)
            address = split_by(address, dividing) if chosen is None else chosen
            address = self._told_apart(state, address, size)
        if z3.is_app_of(address, z3.Z3_OP_ITE):
            return self._load_choice(state, address, size)
        if self._private_place(address, size) is not None:
            return self.load_private(state, address, size)
        if z3.is_bv_value(address):
            content = self.image.constant(address.as_long(), size)
            if content is not None:
                return z3.BitVecVal(int.from_bytes(content, "little"), 8 * size)
        window = self._window(state, address)
        self._note(state, window, address, size, False)
        return state.memory.load(window, address, size)

    def _told_apart(self, state: State, address: z3.BitVecRef, size: int) -> z3.BitVecRef:
        """An address in a table of constants, as a choice of all that it can be; else itself."""
        base = constant_part(address)
        if base is None or self.image.constant(base, size) is None:
            return address
        guards = (state.guard, (*self.hypotheses, *state.guard))
        values = next((v for g in guards if (v := values_of(g, address, TABLE_MAX))), None)
        if values is None:
            raise ExecutionError(f"{state.address:#x}: reads a table at no place that is known")
        return choice_among(address, values)

    def _load_choice(self, state: State, address: z3.BitVecRef, size: int) -> z3.BitVecRef:
        """Each place of a chosen address is an access of its own, under its own condition."""
        chosen, first, second = address.children()
        guard = state.guard
        state.guard = (*guard, chosen)
        one = self._load(state, first, size)
        state.guard = (*guard, z3.simplify(z3.Not(chosen)))
        other = self._load(state, second, size)
        state.guard = guard
        return z3.simplify(z3.If(chosen, one, other))

    def store(self, state: State, address: z3.BitVecRef, value: z3.BitVecRef) -> None:
        """Stores wherever an address leads."""
        size = value.size() // 8
        if self._private_place(address, size) is not None:
            self.store_private(state, address, value)
            return
        choice = self._private_choice(address)
        if choice is not None:
            self._store_choice(state, z3.BoolVal(True), choice, value)
            return
        apart = split_by(address, dividing)
        if z3.is_app_of(apart, z3.Z3_OP_ITE) and all(map(window_of, apart.children()[1:])):
            self._store_apart(state, apart, value)
            return
        window = self._window(state, address)
        self._note(state, window, address, size, True)
        state.memory = state.memory.store(window, address, value)

    def _store_apart(self, state: State, address: z3.BitVecRef, value: z3.BitVecRef) -> None:
        """Stores at each of two places in different windows, each under its own condition."""
        chosen, *places = address.children()
        guard, before, after = state.guard, state.memory, []
        for condition, place in zip((chosen, z3.simplify(z3.Not(chosen))), places, strict=True):
            state.guard, state.memory = (*guard, condition), before
            self.store(state, place, value)
            after.append(state.memory)
        state.guard, state.memory = guard, after[0].chosen(chosen, after[1])

    def _private_choice(self, address: z3.BitVecRef) -> z3.BitVecRef | None:
        """An address in private memory, as a choice of such; `None` if it is none."""
        for region in self.private:
            base = self._run.start.register(region.register)
            chosen = choice_of(address - base)
            if chosen is not None:
                return base + chosen
        return None

    def _store_choice(
        self, state: State, condition: z3.BoolRef, address: z3.BitVecRef, value: z3.BitVecRef
    ) -> None:
        """Stores into private memory at each of the places of a choice, if that is the one."""
        base, chosen = address.children()
        if z3.is_app_of(chosen, z3.Z3_OP_ITE):
            is_first, first, second = chosen.children()
            self._store_choice(state, z3.And(condition, is_first), base + first, value)
            self._store_choice(state, z3.And(condition, z3.Not(is_first)), base + second, value)
            return
        place = z3.simplify(base + chosen)
        old = self.load_private(state, place, value.size() // 8)
        self.store_private(state, place, z3.If(condition, value, old))

    def load_private(self, state: State, address: z3.BitVecRef, size: int) -> z3.BitVecRef:
        """What is at an address of private memory; anything, where nothing was stored."""
        name, offset = self._known_private_place(address, size)
        return state.private_word(name, offset, size)

    def store_private(self, state: State, address: z3.BitVecRef, value: z3.BitVecRef) -> None:
        """Stores into private memory."""
        size = value.size() // 8
        name, offset = self._known_private_place(address, size)
        value = z3.simplify(value)
        for byte in range(size):
            state.private[(name, offset + byte)] = (value, byte)

    def _known_private_place(self, address: z3.BitVecRef, size: int) -> tuple[str, int]:
        place = self._private_place(address, size)
        if place is None:
            raise ExecutionError(f"{self._instruction.address:#x}: not in private memory")
        return place

    def _private_place(self, address: z3.BitVecRef, size: int) -> tuple[str, int] | None:
        """Which private byte an address names; an access that sticks out is refused."""
        for region in self.private:
            base = self._run.start.register(region.register)
            distance = z3.simplify(address - base)
            if not z3.is_bv_value(distance):
                continue
            offset = distance.as_signed_long()
            if offset < region.low or offset + size > region.high:
                raise ExecutionError(
                    f"{self._instruction.address:#x}: outside its {region.name}: {offset}"
                )
            if region is STACK:
                self._run.stack_bytes = max(self._run.stack_bytes, -offset)
            return region.name, offset
        return None

    def _window(self, state: State, address: z3.BitVecRef) -> Window:
        """The window in which an address can lie; that it always does is an obligation."""
        if (window := window_of(address)) is not None:
            return window
        raise ExecutionError(
            f"{state.address:#x}: `{self._instruction.text}` is outside the kernel's memory"
        )

    def _note(
        self, state: State, window: Window, address: z3.BitVecRef, size: int, is_write: bool
    ) -> None:
        access = Access(self._instruction, state.guard, window, address, size, is_write)
        self._run.accesses.append(access)
