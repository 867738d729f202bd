"""Every sound state in which the fast path applies is one of the scenes of the theorem.

A scene says of some words what they hold, in terms of its symbols. Here the symbols are what a
state says they are (who the server is, is what the endpoint's list says), and each word of the
scene must follow from the invariants and from the condition under which the fast path is taken.
"""

from __future__ import annotations

from collections.abc import Iterator

import z3

from machine_code.logic import parts_of
from machine_code.memory import OBJECTS

from .disjoint import Lemma
from .everywhere import WORD, call_applies, reply_applies
from .fields import Place
from .invariants import MASK, Sound, address_of, number_of
from .scene import Scene

CORE_ADDRESS = z3.BitVec("initial_tpidr_el1", 64)
CURRENT_ADDRESS = z3.BitVec("initial_xsp", 64)


class Cover:
    """A scene against any state."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.sound = Sound(scene.facts)
        self.numbers = self._find_objects()
        self.hypotheses = [*self._invariants(), *self._condition()]
        self.meanings = self._meanings()

    def lemmas(self) -> Iterator[tuple[str, Lemma]]:
        """Each word and each hypothesis of the scene follows."""
        for (name, word), term in self.scene.memory.words.items():
            found = WORD(address_of(self.numbers[name], word))
            yield f"{name}, word {word}", (self.hypotheses, found == self._meaning(term))
        for register, term in self.scene.registers.items():
            found = z3.BitVec(f"initial_{register}", 64)
            yield register, (self.hypotheses, found == self._meaning(term))
        placed = {thing.is_placed() for thing in self.scene.memory.things.values()}
        for hypothesis in self.scene.hypotheses:
            if hypothesis not in placed:
                yield str(hypothesis), (self.hypotheses, self._meaning(hypothesis))
        yield from self._slot_lemmas()

    def _slot_lemmas(self) -> Iterator[tuple[str, Lemma]]:
        assert self.scene.memory.slot is not None
        base, *words = (self._meaning(term) for term in self.scene.memory.slot)
        for index, word in enumerate(words):
            yield f"slot, word {index}", (self.hypotheses, WORD(base + 8 * index) == word)

    def _find_objects(self) -> dict[str, z3.BitVecRef]:
        """Who is who, by the links of the state."""
        sound, route, core = self.sound, self.scene.case.route, self.scene.case.core
        current = z3.Extract(45, 6, CURRENT_ADDRESS)
        slots = number_of(sound.get(current, "Thread.SLOTS"))
        handle = z3.BitVec("initial_x17", 64) & MASK
        at = address_of(slots, 0) + (handle << 4)
        self.slot = (WORD(at), WORD(at + 8))
        named = z3.Extract(45, 6, self.slot[1])
        found = {"core": z3.Extract(45, 6, CORE_ADDRESS), "current": current, "slots": slots}
        if route == "Call":
            found["gate"] = named
            found["endpoint"] = number_of(sound.get(named, "Gate.ENDPOINT"))
        else:
            found["endpoint"] = named
        first = number_of(sound.get(found["endpoint"], "Endpoint.SERVERS", 2 * core))
        if route == "Call":
            found["partner"] = first
            found["neighbor"] = number_of(sound.get(first, "Thread.NEXT"))
        else:
            found["partner"] = number_of(sound.get(current, "Thread.CALLER"))
            found["neighbor"] = first
        found["notification"] = number_of(sound.get(current, "Thread.BOUND"))
        return found

    def _invariants(self) -> Iterator[z3.BoolRef]:
        sound, found, core = self.sound, self.numbers, self.scene.case.core
        for name in ("current", "partner"):
            yield from sound.is_thread(found[name])
        yield from sound.is_core(found["core"], found["current"])
        yield from sound.is_slot(found["slots"], *self.slot)
        if self.scene.case.route == "Call":
            yield from sound.is_gate(found["gate"])
        else:
            yield from sound.is_serving(found["current"], found["core"])
        yield from sound.is_endpoint(found["endpoint"], core)

    def _condition(self) -> Iterator[z3.BoolRef]:
        """The fast path applies, in this case; the registers name the objects that they should."""
        case, sound, found = self.scene.case, self.sound, self.numbers
        is_call = case.route == "Call"
        yield call_applies(sound.facts) if is_call else reply_applies(sound.facts)
        yield sound.get(found["core"], "Core.INDEX") == case.core
        for address, name in ((CURRENT_ADDRESS, "current"), (CORE_ADDRESS, "core")):
            yield address == address_of(found[name], 0)
        root = sound.get(found["current"], "Thread.ROOT")
        yield z3.BitVec("initial_ttbr0_el1", 64) == root
        yield z3.Extract(63, 32, z3.BitVec("initial_esr_el1", 64)) == 0
        following = ("partner", "Thread.NEXT") if is_call else None
        servers = sound.get(found["endpoint"], "Endpoint.SERVERS", 2 * case.core)
        link = sound.get(found["partner"], "Thread.NEXT") if following else servers
        yield (link != 0) == case.has_neighbor
        if not is_call:
            yield from self._reply_condition()

    def _reply_condition(self) -> Iterator[z3.BoolRef]:
        case, sound, found = self.scene.case, self.sound, self.numbers
        link = sound.get(found["current"], "Thread.LINK")
        is_reply = sound.get(found["partner"], "Thread.WAIT") == link
        yield is_reply == (case.route == "Reply")
        yield (sound.get(found["current"], "Thread.BOUND") != 0) == case.is_bound
        if case.route == "Fault":
            yield z3.Extract(15, 0, z3.BitVec("initial_x16", 64)) == case.method

    def _meanings(self) -> list[tuple[z3.ExprRef, z3.ExprRef]]:
        """What each symbol of the scene is in the state."""
        sound, found = self.sound, self.numbers
        tag = z3.BitVec("initial_x16", 64)
        pairs = [
            (z3.BitVec("rights", 8), z3.Extract(63, 56, self.slot[1])),
            (z3.BitVec("handle", 8), z3.Extract(7, 0, z3.BitVec("initial_x17", 64))),
            (z3.BitVec("tag", 32), z3.Extract(31, 0, tag)),
            (z3.BitVec("tag", 16), z3.Extract(31, 16, tag)),
        ]
        owner = number_of(sound.get(found["core"], "Core.FLOATING_OWNER"))
        pairs.append((z3.BitVec("floating_owner", owner.size()), owner))
        mark = sound.facts.constants["EXTRA_MARK"]
        for name in ("current", "partner"):
            floats = sound.get(found[name], "Thread.LINK") & mark != 0
            pairs.append((z3.Bool(f"{name}_floats"), floats))
        pairs += [(z3.BitVec(name, number.size()), number) for name, number in found.items()]
        return pairs

    def _meaning(self, term: z3.ExprRef) -> z3.ExprRef:
        """A term of the scene, of the state."""
        words = [(symbol, self._word(symbol)) for symbol in _symbols(term) if "." in str(symbol)]
        return z3.substitute(term, *self.meanings, *words)

    def _word(self, symbol: z3.BitVecRef) -> z3.BitVecRef:
        place: Place = (str(symbol).split(".")[0], int(str(symbol).split(".")[1]))
        return WORD(address_of(self.numbers[place[0]], place[1]))


def _symbols(term: z3.ExprRef) -> Iterator[z3.ExprRef]:
    for part in parts_of([term]):
        if z3.is_const(part) and part.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            yield part


assert OBJECTS.bits == 46
