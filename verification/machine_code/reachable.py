"""The invariants that the proofs assume, held against states that the kernel reaches.

The states come from the kernel's own code on the host (`cargo run -p pecan-core --example states`).
What is evaluated are the very terms that the proofs assume, with numbers for symbols.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path

from . import belonging, invariants, naming, queue_rules, queues, tables
from .concrete import ConcreteState
from .dying import rules as dying_rules
from .kernel_state import CORE, MACHINE, NULL_ENDPOINT, NULL_SLOTS, KernelState
from .layout import Layout
from .memory import ENTRY_ARRAY, FRAME_BITS, KINDS_ARRAY, NUMBER_BITS, RANK_ARRAY, UNIT_WORDS
from .program import Program
from .remains import SPOILINGS as SPOILINGS_OF_REMAINS
from .remains import instances as instances_of_remains

UNITS_PER_FRAME = 1 << (NUMBER_BITS - FRAME_BITS)
SLOTS_PER_CHUNK = 256
OWN = {"core": CORE, "machine": MACHINE, "null_slots": NULL_SLOTS, "null_endpoint": NULL_ENDPOINT}

# Rules of single frames, and of which kind.
FRAME_RULES = (
    ("frames of records", "Records"),
    ("records of frames", "User"),
    *((rule.name, "User") for rule in belonging.TESTED),
)

# An instance of a rule: its name, the rule, and the values of its symbols.
Instance = tuple[str, str, dict[str, int]]


class Snapshot:
    """One state that the kernel reached."""

    def __init__(self, layout: Layout, raw: dict) -> None:
        kinds = dict(raw["kinds"])
        self.layout = layout
        self.concrete = ConcreteState(described=frozenset(kinds))
        self.concrete.rows[KINDS_ARRAY].update(kinds)
        for unit, word, value in raw["words"]:
            self.concrete.rows[word][unit] = value
        for frame, word, value in raw["entries"]:
            self.concrete.rows[ENTRY_ARRAY + word][frame] = value
        self.concrete.symbols |= {symbol.decl().name(): raw[name] for name, symbol in OWN.items()}
        self.null_slots: int = raw["null_slots"]
        for space in self._objects("AddressSpace"):
            self._rank_pool(space)

    def _rank_pool(self, space: int) -> None:
        """Notes of each frame in a pool how many are in the list from it on."""
        first, ranks = self._field(space, "AddressSpace.POOL"), []
        records = self.concrete.rows[ENTRY_ARRAY + self.layout.word("Entry.RECORDS")]
        while first and first not in ranks:
            ranks.append(first)
            first = records.get(first, 0)
        for place, frame in enumerate(ranks):
            self.concrete.rows[RANK_ARRAY][frame] = len(ranks) - place

    def _field(self, number: int, name: str) -> int:
        at = self.layout.word(name)
        return self.concrete.rows[at % UNIT_WORDS].get(number + at // UNIT_WORDS, 0)

    def violations(self, rules: dict[str, Program]) -> tuple[int, list[str]]:
        """How many instances of invariants were evaluated, and which do not hold."""
        count, bad = 0, []
        for name, rule, symbols in self._instances():
            state = ConcreteState(
                self.concrete.rows, self.concrete.symbols | symbols, self.concrete.described
            )
            values = state.evaluate(rules[rule])
            count += len(values)
            bad += [name] if not all(values) else []
        return count, bad

    def _instances(self) -> Iterator[Instance]:
        yield "the kernel's own objects", "the kernel's own objects", {}
        if self.concrete.rows[0].get(self.concrete.symbols["core"]):
            yield "the current thread", "the current thread", {}
        for thread in self._objects("Thread"):
            for rule in ("threads", "message buffers"):
                yield f"{rule}: {thread:#x}", rule, {"any_object": thread}
        for table in self._objects("CapTable"):
            for chunk in range(self.layout.constants["CHUNKS_MAX"]):
                name = f"chunk {chunk} of table {table:#x}"
                yield name, "tables", {"any_object": table, "any_index": chunk}
        for chunk in [*self._objects("Slots"), self.null_slots]:
            for index in range(SLOTS_PER_CHUNK):
                symbols = {"any_object": chunk, "any_index": index}
                yield f"slot {index} of {chunk:#x}", "slots", symbols
        for gate in self._objects("Gate"):
            yield f"gate {gate:#x}", "gates", {"any_object": gate}
        known = self.concrete.described or frozenset({0})
        for region in self._objects("Region"):
            for frame in (*known, max(known) + 1):
                symbols = {"any_object": region, "any_frame": frame}
                yield f"frame {frame:#x} of region {region:#x}", "regions", symbols
                yield f"top of region {region:#x}: {frame:#x}", "tops of regions", symbols
            for other in self._objects("Region"):
                symbols = {"any_object": region, "any_object_too": other}
                yield f"regions {region:#x} and {other:#x}", "regions apart", symbols
            yield f"place of region {region:#x}", "places of regions", {"any_object": region}
        yield from self._seldom()
        for owner in invariants.LINKS:
            for number in self._objects(owner):
                name = f"links of {owner}"
                yield f"{name} {number:#x}", name, {"any_object": number}
        yield from self._page_tables()
        yield from instances_of_remains(self)
        yield from self._queues()

    def _queues(self) -> Iterator[Instance]:
        """The rules of queues, wheels, and who runs."""
        for rule in queue_rules.SINGLE:
            yield rule, rule, {}
        for rule, (owners, places) in queue_rules.OF_OBJECTS.items():
            for number in (number for owner in owners for number in self._objects(owner)):
                for place in range(places):
                    symbols = {"any_object": number, "any_place_3": place}
                    yield f"{rule}: {number:#x}", rule, symbols
        yield "what is dying", "what is dying", {}
        for rule, owner in naming.OF_OBJECTS.items():
            for number in self._objects(owner):
                yield f"{rule}: {number:#x}", rule, {"any_object": number}
        for rule in naming.OF_FRAMES:
            for frame in self.concrete.rows[KINDS_ARRAY]:
                yield f"{rule}: {frame:#x}", rule, {"any_frame": frame}
        for rule, length in queue_rules.OF_PLACES.items():
            for place in range(length):
                yield f"{rule}: {place}", rule, {queue_rules.place_of(length): place}

    def _seldom(self) -> Iterator[Instance]:
        """The rules that only some calls keep."""
        yield "number 0", "number 0", {}
        for kind in invariants.VACANT:
            for number in self._objects(kind):
                symbols = {"any_object": number}
                yield f"place {number:#x} for {kind}", f"places for {kind}", symbols
        for number in self._objects("Allowance"):
            yield f"allowance {number:#x}", "allowances", {"any_object": number}
        for frame in self._frames("LargeHead"):
            yield f"large frame {frame:#x}", "large frames", {"any_frame": frame}

    def _page_tables(self) -> Iterator[Instance]:
        """Every descriptor that is not zero, every pair of those, and some that are."""
        for space in self._objects("AddressSpace"):
            for rule in ("first tables", "pools of spaces", "records of spaces"):
                yield f"{rule}: {space:#x}", rule, {"any_object": space}
        for frame in self._frames("PageTable"):
            for other in self._frames("PageTable"):
                symbols = {"any_frame": frame, "any_other": other, "any_index": other % 512}
                yield f"shadows: {frame:#x}, {other:#x}", "shadows", symbols
        for thread in self._objects("Thread"):
            yield f"space of thread {thread:#x}", "spaces of threads", {"any_object": thread}
        for record in self._objects("Records"):
            yield f"record {record:#x}", "records of mappings", {"any_object": record}
        for rule, kind in FRAME_RULES:
            for frame in self._frames(kind):
                yield f"{rule}: {frame:#x}", rule, {"any_frame": frame}
        for frame in self._frames("Pool"):
            for other in self._frames("Pool"):
                symbols = {"any_frame": frame, "any_other": other, "any_index": other % 512}
                yield f"frames in pools: {frame:#x}, {other:#x}", "frames in pools", symbols
        entries = list(self._descriptors())
        for frame, index in entries:
            symbols = {"any_frame": frame, "any_index": index}
            for rule in ("descriptors", "modes of pages", "shadows"):
                yield f"{rule}: {index} of {frame:#x}", rule, symbols
            for other, second in entries:
                more = symbols | {"any_other": other, "any_second": second}
                name = f"{index} of {frame:#x} and {second} of {other:#x}"
                yield name, "tables of tables", more
                if frame == other:
                    yield f"{name}: counts", "counts of tables", more

    def _descriptors(self) -> Iterator[tuple[int, int]]:
        """The descriptors that are not zero: frame of the table and index, and each table's first."""
        for frame in self._frames("PageTable"):
            yield frame, 0
            for index in range(1, UNITS_PER_FRAME * UNIT_WORDS):
                unit = frame * UNITS_PER_FRAME + index // UNIT_WORDS
                if self.concrete.rows[index % UNIT_WORDS].get(unit):
                    yield frame, index

    def _frames(self, name: str) -> list[int]:
        """The frames of a kind."""
        kind = self.layout.frame_kinds[name]
        return [f for f, found in self.concrete.rows[KINDS_ARRAY].items() if found == kind]

    def _objects(self, name: str) -> Iterator[int]:
        """The places of a kind that are not all zero."""
        item = self.layout.objects[name]
        used = {unit for rows in self.concrete.rows[:KINDS_ARRAY] for unit in rows}
        for frame, kind in self.concrete.rows[KINDS_ARRAY].items():
            if kind != self.layout.frame_kinds[name]:
                continue
            first = frame * UNITS_PER_FRAME
            for number in range(first, first + UNITS_PER_FRAME, item.units):
                if used.intersection(range(number, number + item.units)):
                    yield number


def check(path: Path, layout: Layout) -> list[tuple[int, list[str]]]:
    """Counts instances and names violations in each state that the kernel printed, one a line."""
    states = [json.loads(line) for line in path.read_text().splitlines()]
    with multiprocessing.Pool(None, _begin, (layout,)) as pool:
        return pool.map(_check_state, states, chunksize=1)


def check_broken(path: Path, layout: Layout) -> dict[str, int]:
    """Spoils the first state in several ways, one at a time: how many rules notice each."""
    raw = json.loads(path.read_text().splitlines()[0])
    with multiprocessing.Pool(None, _begin, (layout,)) as pool:
        tasks = [(raw, spoiling) for spoiling in SPOILINGS]
        return dict(zip(SPOILINGS, pool.starmap(_check_spoiled, tasks, chunksize=1), strict=True))


# What a process that evaluates rules has: made once.
_ready: tuple[Layout, dict[str, Program]]


def _begin(layout: Layout) -> None:
    global _ready
    _ready = (layout, _programs(layout))


def _programs(layout: Layout) -> dict[str, Program]:
    """The rules, ready to be evaluated; those that functions keep also of what is in use."""
    state = KernelState.symbolic(layout)
    kept = {rule.name for rule in queue_rules.rules(state)}
    used = naming.in_use(state)
    every = (
        *invariants.rules(state),
        *invariants.SELDOM,
        *tables.rules(),
        *tables.tested(),
        *dying_rules(),
        *queue_rules.KEPT,
        *queue_rules.TESTED,
        *naming.TESTED,
        *belonging.TESTED,
    )
    return {
        rule.name: Program([*rule.holds(state), *(rule.holds(used) if rule.name in kept else ())])
        for rule in every
    }


def _check_state(raw: dict) -> tuple[int, list[str]]:
    layout, programs = _ready
    return Snapshot(layout, raw).violations(programs)


def _check_spoiled(raw: dict, spoiling: str) -> int:
    layout, programs = _ready
    snapshot = Snapshot(layout, raw)
    SPOILINGS[spoiling](snapshot)
    _, bad = snapshot.violations(programs)
    return len(bad)


def _spoil_field(name: str, value: int) -> Callable[[Snapshot], None]:
    owner = name.split(".")[0].replace("Timed", "Thread")
    return lambda s: s.concrete.set_field(_first(s, owner), s.layout.word(name), value)


def _first(snapshot: Snapshot, owner: str) -> int:
    """The first object of a kind that was not destroyed."""
    identity = snapshot.concrete.rows[0]
    return next(number for number in snapshot._objects(owner) if identity.get(number))


def _spoil_link(name: str) -> Callable[[Snapshot], None]:
    """A link of an object leads to a thread."""

    def spoil(snapshot: Snapshot) -> None:
        owner, thread = _first(snapshot, name.split(".")[0]), _first(snapshot, "Thread")
        snapshot.concrete.set_field(owner, snapshot.layout.word(name), thread)

    return spoil


def _spoil_holder(field: str, constant: str) -> Callable[[Snapshot], None]:
    """A thread that does not run holds itself in place of a context."""

    def spoil(snapshot: Snapshot) -> None:
        _spoil_field(f"Thread.{field}", snapshot.layout.constants[constant])(snapshot)
        _spoil_link("Thread.CONTEXT")(snapshot)

    return spoil


def _spoil_core(field: str, place: int, value: int) -> Callable[[Snapshot], None]:
    def spoil(snapshot: Snapshot) -> None:
        core = snapshot.concrete.symbols["core"]
        snapshot.concrete.set_field(core, snapshot.layout.word(f"Core.{field}") + place, value)

    return spoil


def _spoil_slot(snapshot: Snapshot) -> None:
    """A capability of a kind that does not exist."""
    chunks = set(snapshot._objects("Slots"))
    for rows in snapshot.concrete.rows[1:KINDS_ARRAY:2]:
        for unit in rows:
            if unit // UNITS_PER_FRAME * UNITS_PER_FRAME in chunks:
                rows[unit] |= 0xE0 << 48
                return


def _entries(snapshot: Snapshot, level: int) -> list[tuple[dict[int, int], int, int]]:
    """The descriptors of tables of a level: rows of the array, unit, and frame of the table."""
    at = ENTRY_ARRAY + snapshot.layout.word("Entry.SPACE")
    levels = snapshot.concrete.rows[at]
    return [
        (snapshot.concrete.rows[index % UNIT_WORDS], unit, frame)
        for frame, index in snapshot._descriptors()
        for unit in [frame * UNITS_PER_FRAME + index // UNIT_WORDS]
        if levels[frame] >> 60 == level and snapshot.concrete.rows[index % UNIT_WORDS].get(unit)
    ]


def _spoil_entry(level: int, change: Callable[[int], int]) -> Callable[[Snapshot], None]:
    def spoil(snapshot: Snapshot) -> None:
        rows, unit, _ = _entries(snapshot, level)[0]
        rows[unit] = change(rows[unit])

    return spoil


def _spoil_leaf(change: Callable[[int], int]) -> Callable[[Snapshot], None]:
    return _spoil_entry(3, change)


def _spoil_frame(kind: str, field: str, value: int) -> Callable[[Snapshot], None]:
    def spoil(snapshot: Snapshot) -> None:
        at = ENTRY_ARRAY + snapshot.layout.word(f"Entry.{field}")
        snapshot.concrete.rows[at][snapshot._frames(kind)[0]] = value

    return spoil


def _spoil_record(snapshot: Snapshot) -> None:
    """A record that is in use is one of frame 0."""
    at = snapshot.layout.word("Records.FRAME")
    record = next(r for r in snapshot._objects("Records") if snapshot._field(r, "Records.SPACE"))
    snapshot.concrete.set_field(record, at, 0)


def _spoil_pool(snapshot: Snapshot) -> None:
    frame = snapshot._frames("Pool")[0]
    snapshot.concrete.rows[frame % 512 % UNIT_WORDS][
        frame * UNITS_PER_FRAME + frame % 512 // UNIT_WORDS
    ] = 1


def _spoil_table_of_itself(snapshot: Snapshot) -> None:
    rows, unit, frame = _entries(snapshot, 1)[0]
    rows[unit] = frame << 12 | 0b11


def _spoil_second_parent(snapshot: Snapshot) -> None:
    """A table of the second level leads twice to the same table."""
    rows, unit, _ = _entries(snapshot, 2)[0]
    free = next(index for index in range(UNIT_WORDS) if not snapshot.concrete.rows[index].get(unit))
    snapshot.concrete.rows[free][unit] = rows[unit]


def _spoil_running(snapshot: Snapshot) -> None:
    """The thread that runs sleeps."""
    running = snapshot.concrete.rows[0][snapshot.concrete.symbols["core"]]
    at, asleep = snapshot.layout.word("Thread.WAIT"), snapshot.layout.constants["wait.SLEEP"]
    snapshot.concrete.set_field(running, at, asleep)


def _spoil_buffer(snapshot: Snapshot) -> None:
    """A thread has a page table for its message buffer."""
    thread, at = _first(snapshot, "Thread"), snapshot.layout.word("Thread.BUFFER")
    snapshot.concrete.set_field(thread, at, snapshot._frames("PageTable")[0])


def _spoil_quarantine(snapshot: Snapshot) -> None:
    """A free frame is in quarantine, from a device that is nowhere."""
    frame = snapshot._frames("Free")[0]
    snapshot.concrete.rows[KINDS_ARRAY][frame] = snapshot.layout.frame_kinds["Quarantined"]
    address = ENTRY_ARRAY + snapshot.layout.word("Entry.ADDRESS")
    snapshot.concrete.rows[address][frame] = 1 << 63


def _spoil_dying_endpoint(snapshot: Snapshot) -> None:
    """An endpoint dies, and whom it has set apart does not wait there."""
    endpoint = _first(snapshot, "Endpoint")
    _spoil_link("Endpoint.DYING_SERVERS")(snapshot)
    snapshot.concrete.set_field(endpoint, snapshot.layout.word("Endpoint.ID"), 0)


def _spoil_child(snapshot: Snapshot) -> None:
    """An allowance has a child where none is."""
    number, at = _first(snapshot, "Allowance"), snapshot.layout.word("Allowance.CHILDREN")
    last = number | UNITS_PER_FRAME - snapshot.layout.objects["Allowance"].units
    snapshot.concrete.set_field(number, at, last)


def _spoil_given(snapshot: Snapshot) -> None:
    """A frame was given to a device far beyond all memory."""
    _spoil_frame("User", "SPACE", snapshot.layout.constants["user.GIVEN"])(snapshot)
    _spoil_frame("User", "ADDRESS", 1 << 63)(snapshot)


def _spoil_number_zero(snapshot: Snapshot) -> None:
    """The frame table describes frame 0."""
    snapshot.concrete.described |= {0}


# Ways to break an invariant. A free frame's number is that of nothing.
SPOILINGS: dict[str, Callable[[Snapshot], None]] = {
    "a thread whose slots are nowhere": _spoil_field("Thread.SLOTS", 0x1_0000),
    "a thread with a wide mask": _spoil_field("Thread.MASK", 511),
    "a thread whose table is nowhere": _spoil_field("Thread.TABLE", 0x1_0000),
    "a table with too many chunks": _spoil_field("CapTable.CHUNKS", 65),
    "a table without its first chunk": _spoil_field("CapTable.CHUNK", 0),
    "a thread with a buffer nowhere": _spoil_field("Thread.BUFFER", 1 << 34),
    "a region whose end is before its limit": _spoil_field("Region.LIMIT", 1 << 33),
    "a region that covers what is not described": _spoil_field("Region.FRAMES", 1 << 32),
    "a region that uses what is above its mark": _spoil_field("Region.HIGH", 0),
    "a region that lies elsewhere": _spoil_field("Region.BASE", 0),
    "an allowance of nothing that is known": _spoil_field("Allowance.SORT", 9),
    "a list of threads that leads to a table": _spoil_field("CapTable.THREADS", 0x1_0000),
    "a gate without an endpoint": _spoil_field("Gate.ENDPOINT", 0),
    "a slot with an unknown kind": _spoil_slot,
    "a space whose first table is nowhere": _spoil_field("AddressSpace.ROOT", 0x1_0000),
    "a page that the kernel may execute": _spoil_leaf(lambda leaf: leaf & ~(1 << 53)),
    "a page that user code may not reach": _spoil_leaf(lambda leaf: leaf & ~(1 << 6)),
    "a page that is writable and code": _spoil_leaf(lambda leaf: leaf & ~(1 << 7 | 1 << 54)),
    "a page of what is no user frame": _spoil_leaf(lambda leaf: leaf ^ 1 << 20),
    "a table that forbids writing": _spoil_entry(1, lambda entry: entry | 1 << 62),
    "a table that leads to itself": _spoil_table_of_itself,
    "a table with two parents": _spoil_second_parent,
    "a pool with another count": _spoil_field("AddressSpace.POOL_COUNT", 7),
    "a frame in a pool that is not zero": _spoil_pool,
    "a table that counts one less": _spoil_frame("PageTable", "ID", 1),
    "a shadow that is none": _spoil_frame("PageTable", "RECORDS", 1),
    "a record that is none": _spoil_frame("User", "RECORDS", 64),
    "a record of what is no frame": _spoil_record,
    **SPOILINGS_OF_REMAINS,
    "a thread in a space without tables": _spoil_field("AddressSpace.ROOT", 0),
    "memory of number 0": _spoil_number_zero,
    "a context that a gate runs": _spoil_field("SchedulingContext.RUNNING", 0x1_0000),
    "a sleeper that holds a thread": _spoil_holder("WAIT", "wait.SLEEP"),
    "a stopped thread that holds a thread": _spoil_holder("STATE", "state.STOPPED"),
    "a sender that sends nothing": _spoil_link("Endpoint.BAND_HEAD"),
    "a waiter that does not wait": _spoil_link("Notification.WAITER"),
    "a caller that is no thread": _spoil_field("Thread.CALLER", 0x1_0000),
    "a timer in no slot": _spoil_field("Timed.SLOT", 200),
    "a gate of what is not described": _spoil_field("Thread.SENT_THROUGH", 1 << 45),
    "a queue of what is no context": _spoil_core("QUEUE_TAIL", 3, 0x1_0000),
    "a queue that is ready and empty": _spoil_core("READY", 0, 1),
    "a wheel of what has no deadline": _spoil_core("WHEEL", 100, 0x1_0000),
    "a wheel at its end": _spoil_core("WHEEL_BASE", 5, queues.LAST_GRANULE),
    "a caller without time": _spoil_core("CONTEXT", 0, 0),
    "a gate in two lists": _spoil_link("Notification.GATES"),
    "a runner that waits": _spoil_running,
    "a server that does not receive": _spoil_link("Endpoint.SERVERS"),
    "a server that is nowhere": _spoil_field("Endpoint.TAKEN", 1 << 39),
    "a last sender that is no thread": _spoil_field("Endpoint.BAND_TAIL", 0x1_0000),
    "a thread with the link of another": _spoil_field("Thread.LINK", 0),
    "a thread with signals of nothing": _spoil_field("Thread.SPECIAL", 1),
    "a message buffer that is a table": _spoil_buffer,
    "half an object that is in use": _spoil_frame("Thread", "ID", 3),
    "slots of no table": _spoil_frame("Slots", "SPACE", 64),
    "a frame in quarantine of no device": _spoil_quarantine,
    "a gate whose caller does not wait": _spoil_link("Gate.CALLERS"),
    "a dying endpoint whose server does not wait": _spoil_dying_endpoint,
    "a child that is no allowance": _spoil_child,
    "a frame in a space that is nowhere": _spoil_frame("User", "SPACE", 0x1_0000),
    "a buffer of what is no thread": _spoil_frame("User", "ADDRESS", 1 << 28),
    "a frame of a device that is nowhere": _spoil_given,
    "a dying object that is nowhere": _spoil_core("DRAIN_TAIL", 0, 1),
}
