"""The executor against the emulator, and the specification against both.

States come from a solver: for each outcome one in which it happens and the assumptions hold.
Random changes of these are kept if the assumptions still hold; where no function is summarised by
its contract, and no loop ends because of what is assumed, also if not, as long as every address lies
in a window.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping

import z3

from .claim import PRESERVED, Claim, out_offset
from .concrete import (
    ARRAY_NAMES,
    OUT_ADDRESS,
    PRESERVED_SEED,
    RETURN_ADDRESS,
    STACK_TOP,
    ConcreteState,
    address_of,
    execute,
    place_of,
)
from .execute import Run
from .image import Image
from .kernel_state import DESCRIBED, FRAME_BITS
from .logic import conjunction, parts_of, reads_of
from .memory import ARRAYS, UNITS_PER_FRAME_BITS, Update
from .program import Program
from .proof import result_of
from .state import History
from .solve import find_values

SEED = 20_260_101
# How often a change is tried before a state is given up.
TRIES = 40
# Symbols of the kernel's own objects stay where they are.
FIXED = frozenset({"core", "machine", "null_slots", "null_endpoint"})

Difference = str


def witness(claim: Claim, condition: z3.BoolRef) -> ConcreteState | None:
    """A sound state in which the condition holds; `None` if the solver finds none."""
    constraints = [*claim.premises(), condition]
    symbols = [item for item in parts_of(constraints) if _is_symbol(item)]
    reads = list(reads_of(constraints))
    terms = {f"symbol_{place}": symbol for place, symbol in enumerate(symbols)}
    for place, (array, index) in enumerate(reads):
        terms[f"index_{place}"] = index
        terms[f"content_{place}"] = z3.Select(array, index)
    values = find_values(constraints, terms)
    if values is None:
        return None
    state = ConcreteState()
    for place, symbol in enumerate(symbols):
        state.symbols[symbol.decl().name()] = values[f"symbol_{place}"]
    described = set()
    arrays = {name: place for place, name in enumerate(ARRAY_NAMES)}
    for place, (array, _) in enumerate(reads):
        content, row = values[f"content_{place}"], values[f"index_{place}"]
        if array.eq(DESCRIBED):
            described |= {row} if content else set()
        elif (name := array.decl().name()) in arrays:
            state.rows[arrays[name]][row] = content
        else:
            state.left.setdefault(name, {})[row] = content
    state.described = frozenset(described)
    return state


def _is_symbol(item: z3.ExprRef) -> bool:
    return z3.is_bv(item) and z3.is_const(item) and not z3.is_bv_value(item)


class Judge:
    """Compares executions of one claim's function."""

    def __init__(self, image: Image, claim: Claim, done: Run) -> None:
        self.image, self.claim, self.done = image, claim, done
        self.arguments = list(claim.arguments)
        for key in self._keys():
            if out_offset(key) is not None and "x0" not in self.arguments:
                self.arguments.append("x0")
        start = done.start
        self._sound = Program(claim.premises())
        self._conditions = Program([outcome.condition for outcome in claim.outcomes])
        values = [
            start.register(name) if name.startswith("x") else start.system_register(name)
            for name in self.arguments
        ]
        self._arguments = Program(values)
        vectors = [value for name, value in claim.arguments.items() if name.startswith("q")]
        self._vectors = sorted(i.decl().name() for i in parts_of(vectors) if _is_symbol(i))
        means = done.counts
        self._sizes = {k: v.size() for o in claim.outcomes for k, v in o.results.items()}
        end = done.end
        if end is not None:
            self._returned = Program([conjunction(end.guard)], means)
            self._executed = [
                Program([result_of(end, key, size)], means) for key, size in self._sizes.items()
            ]
            self._updates = _Updates(end.memory.updates, means)
        self._accesses = Program(
            [
                term
                for a in done.accesses
                for term in (conjunction(a.guard), a.address, a.window.holds(a.address))
            ],
            means,
        )
        self._specified = [_Updates(o.memory.updates) for o in claim.outcomes]
        self._results = [Program(list(o.results.values())) for o in claim.outcomes]

    def _keys(self) -> list[str]:
        return list(dict.fromkeys(key for o in self.claim.outcomes for key in o.results))

    def is_sound(self, state: ConcreteState) -> bool:
        """Whether the claim's assumptions hold in a state."""
        return all(state.evaluate(self._sound))

    def outcome_of(self, state: ConcreteState) -> int | None:
        """Which outcome happens in a state."""
        values = state.evaluate(self._conditions)
        return values.index(1) if 1 in values else None

    def is_usable(self, state: ConcreteState) -> bool:
        """Whether executor and emulator must agree in a state."""
        if self.is_sound(state):
            return True
        if self.done.summaries or self.done.decided or self.outcome_of(state) is None:
            return False
        values = state.evaluate(self._accesses)
        return all(holds or not guard for guard, holds in zip(values[::3], values[2::3]))

    def compare(self, state: ConcreteState) -> Difference | None:
        """Runs one state in the emulator; tells the first thing that differs."""
        state.symbols["initial_x0"] = OUT_ADDRESS
        for place, name in enumerate(self._vectors):
            state.symbols.setdefault(name, PRESERVED_SEED + place)
        place = self.outcome_of(state)
        if place is not None and self.claim.outcomes[place].elsewhere:
            return self._compare_call(state, place)
        if place is not None and self.claim.outcomes[place].history:
            return self._compare_procedure(state, self.claim.outcomes[place].history[:1])
        arguments = dict(zip(self.arguments, state.evaluate(self._arguments)))
        seen = execute(self.image, self.done.function.address, arguments, state)
        if seen.registers["pc"] != RETURN_ADDRESS:
            return f"stops at {seen.registers['pc']:#x}"
        if self.done.end is None or state.evaluate(self._returned) != [1]:
            return "returns, and the executor says that it does not"
        if place is None:
            return "no outcome of the specification"
        outcome = self.claim.outcomes[place]
        is_sound = self.is_sound(state)
        specified = dict(zip(outcome.results, state.evaluate(self._results[place])))
        for (key, size), program in zip(self._sizes.items(), self._executed):
            if key not in specified:
                continue
            executed = state.evaluate(program)[0]
            offset = out_offset(key)
            if offset is None:
                real = seen.registers[key]
            else:
                real = seen.word(OUT_ADDRESS + offset, size // 8)
            if real != executed or is_sound and real != specified[key]:
                wanted = specified[key]
                return f"{outcome.name}: {key}: {real:#x}, {executed:#x}, {wanted:#x}"
        changed = [self._updates.rows(state)]
        changed += [self._specified[place].rows(state)] if is_sound else []
        for rows in changed:
            difference = _memory_difference(seen, rows)
            if difference is not None:
                return f"{outcome.name}: {difference}"
        return self._register_difference(seen, state)

    def _compare_call(self, state: ConcreteState, place: int) -> Difference | None:
        """Runs one state up to the call of a function elsewhere; tells the first difference."""
        outcome = self.claim.outcomes[place]
        address = self.image.function(outcome.elsewhere).address
        arguments = dict(zip(self.arguments, state.evaluate(self._arguments)))
        seen = execute(self.image, self.done.function.address, arguments, state, address)
        if seen.registers["pc"] != address:
            return f"{outcome.name}: stops at {seen.registers['pc']:#x}"
        if seen.written:
            return f"{outcome.name}: something is written before the call"
        for key, wanted in zip(outcome.results, state.evaluate(self._results[place])):
            if key.startswith("@"):
                real = seen.registers[key.split()[1]]
                if real != wanted and self.is_sound(state):
                    return f"{outcome.name}: {key}: {real:#x} instead of {wanted:#x}"
        return None

    def _compare_procedure(self, state: ConcreteState, history: History) -> Difference | None:
        """Runs one state up to the first procedure that is called, or to the loop that is told by one
        round; tells the first difference.
        """
        name, called = history[-1], self.done.calls.get(history)
        loop = self.done.loop
        is_loop = loop is not None and name == loop.rounds.function
        address = loop.head if is_loop else self.image.function(name).address
        arguments = dict(zip(self.arguments, state.evaluate(self._arguments)))
        seen = execute(self.image, self.done.function.address, arguments, state, address)
        if seen.registers["pc"] != address or called is None:
            return f"calls {name}: stops at {seen.registers['pc']:#x}"
        means = self.done.counts
        points = [point for point in self.claim.calls if point.history == history]
        happens = state.evaluate(Program([point.condition for point in points]))
        point = points[happens.index(1)]
        places = range(point.first, point.first + len(point.arguments))
        registers = [called.register(f"x{place}") for place in places]
        executed = state.evaluate(Program(registers, means))
        specified = state.evaluate(Program(list(point.arguments)))
        for place, words in zip(places, zip(executed, specified)):
            real = seen.registers[f"x{place}"]
            if {real} != set(words):
                return f"calls {name}: x{place}: {real:#x}, {words[0]:#x}, {words[1]:#x}"
        for updates in (_Updates(called.memory.updates, means), _Updates(point.memory.updates)):
            difference = _memory_difference(seen, updates.rows(state))
            if difference is not None:
                return f"calls {name}: {difference}"
        return None

    def _register_difference(self, seen, state: ConcreteState) -> Difference | None:
        if not self.done.summaries:
            values = state.evaluate(self._accesses)
            guards, addresses = values[::3], values[1::3]
            expected = {
                (address, access.size)
                for access, guard, address in zip(self.done.accesses, guards, addresses)
                if guard and not access.is_write
            }
            # What is in the image, such as where a switch can go, is no memory of the kernel's.
            read = {place for place in seen.read if self.image.constant(*place) is None}
            if expected != read:
                return f"other words read: {sorted(expected ^ read)}"
        for register in PRESERVED:
            before = STACK_TOP if register == "xsp" else PRESERVED_SEED + int(register[1:])
            if seen.registers[register] != before:
                return f"{register} not preserved"
        return None


class _Updates:
    """The stores of a memory, to be evaluated."""

    def __init__(
        self, updates: Iterable[Update], definitions: Mapping[str, z3.ExprRef] = {}
    ) -> None:
        updates = [update for update in updates if update.array < ARRAYS]
        self._updates = updates
        true = z3.BoolVal(True)
        self._program = Program(
            [t for u in updates for t in (true if u.guard is None else u.guard, u.index, u.value)],
            definitions,
        )

    def rows(self, state: ConcreteState) -> dict[tuple[int, int], int]:
        """What is written in a state: array and row, and the last value."""
        values = state.evaluate(self._program)
        found = {}
        for update, guard, index, value in zip(
            self._updates, values[::3], values[1::3], values[2::3]
        ):
            if guard:
                for row in range(index, index + (1 << update.free_bits)):
                    found[(update.array, row)] = value
        return found


def _memory_difference(seen, rows: dict[tuple[int, int], int]) -> Difference | None:
    for (array, index), value in rows.items():
        real = seen.row(array, index)
        if real != value:
            return f"at {address_of(array, index):#x}: {real:#x} instead of {value:#x}"
    for address in seen.written:
        place = place_of(address)
        if place is None or place not in rows:
            return f"{address:#x} is written, and nothing says so"
    return None


def variations(judge: Judge, sound: list[ConcreteState], count: int) -> Iterator[ConcreteState]:
    """Random changes of sound states, the same on every machine."""
    generator = random.Random(SEED)
    for _ in range(count):
        for _ in range(TRIES):
            state = _varied(generator, generator.choice(sound))
            if judge.is_usable(state):
                yield state
                break


def _varied(generator: random.Random, original: ConcreteState) -> ConcreteState:
    state = original.copy()
    for _ in range(generator.randrange(1, 4)):
        free = [n for n in state.symbols if n not in FIXED and not n.startswith("initial_")]
        choices = [(state.symbols, name) for name in free]
        choices += [(rows, index) for rows in state.rows for index in rows]
        where, key = generator.choice(choices)
        old = where[key]
        width = 8 if where is state.rows[8] else 64
        new = [0, 1, old + 1, old ^ 1 << generator.randrange(width), generator.getrandbits(width)]
        where[key] = generator.choice(new) & ((1 << width) - 1)
    return state


assert FRAME_BITS > UNITS_PER_FRAME_BITS
