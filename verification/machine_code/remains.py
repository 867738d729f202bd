"""The rules of `dying` in states that the kernel reaches, and ways to break them.

The states hold no dying space and no large frame: what is broken is made first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from .memory import ENTRY_ARRAY, FRAME_BITS, KINDS_ARRAY, NUMBER_BITS, UNIT_WORDS

if TYPE_CHECKING:
    from .reachable import Instance, Snapshot

UNITS_PER_FRAME = 1 << (NUMBER_BITS - FRAME_BITS)
TABLE_ENTRIES = UNITS_PER_FRAME * UNIT_WORDS
# Rules of single descriptors.
OF_DESCRIPTORS = ("descriptors of the dying", "blocks of large frames")

Change = Callable[["Snapshot"], None]


def instances(snapshot: Snapshot) -> Iterator[Instance]:
    """All that the rules say of a state."""
    for space in snapshot._objects("AddressSpace"):
        name = f"first table of {space:#x}, which is dying"
        yield name, "first tables of the dying", {"any_object": space}
    for frame in snapshot._frames("PageTable"):
        name = f"shadow of {frame:#x}, which is dying"
        yield name, "shadows of the dying", {"any_frame": frame}
    for frame, index in snapshot._descriptors():
        for rule in OF_DESCRIPTORS:
            symbols = {"any_frame": frame, "any_index": index}
            yield f"{rule}: {index} of {frame:#x}", rule, symbols
    for frame in with_shadows(snapshot):
        for index in range(TABLE_ENTRIES):
            symbols = {"any_frame": frame, "any_index": index}
            yield f"record {index} beside {frame:#x}", "records in shadows", symbols
    for frame in snapshot._frames("Records"):
        for place in range(UNITS_PER_FRAME):
            symbols = {"any_frame": frame, "any_index": place}
            yield f"record {place} of {frame:#x}", "records in use", symbols
    for frame in _large_frames(snapshot):
        for index in range(snapshot.layout.constants["LARGE_FRAMES"]):
            symbols = {"any_frame": frame, "any_index": index}
            yield f"tail {index} of {frame:#x}", "tails of large frames", symbols


def with_shadows(snapshot: Snapshot) -> list[int]:
    """The tables that have shadows."""
    shadows = _entries(snapshot, "RECORDS")
    return [frame for frame in snapshot._frames("PageTable") if shadows.get(frame)]


def _large_frames(snapshot: Snapshot) -> list[int]:
    """The first of each large frame."""
    bits, large = _entries(snapshot, "SPACE"), snapshot.layout.constants["user.LARGE"]
    return [frame for frame in snapshot._frames("User") if bits.get(frame, 0) & large]


def _entries(snapshot: Snapshot, field: str) -> dict[int, int]:
    """A field of all entries of frames, by frame."""
    return snapshot.concrete.rows[ENTRY_ARRAY + snapshot.layout.word(f"Entry.{field}")]


def _count_all_records(snapshot: Snapshot) -> None:
    """A frame of records counts all as in use."""
    frame = snapshot._frames("Records")[0]
    _entries(snapshot, "ID")[frame] = (1 << UNITS_PER_FRAME) - 1


def _fill_shadow(snapshot: Snapshot) -> None:
    """A shadow holds what is no record."""
    shadow = _entries(snapshot, "RECORDS")[with_shadows(snapshot)[0]]
    snapshot.concrete.rows[0][shadow * UNITS_PER_FRAME] = 1


def _dying(change: Callable[[Snapshot, int], None]) -> Change:
    """A space with tables is dying, and something is wrong with them."""

    def spoil(snapshot: Snapshot) -> None:
        set_field, word = snapshot.concrete.set_field, snapshot.layout.word
        for thread in snapshot._objects("Thread"):
            set_field(thread, word("Thread.SPACE"), 0)
        space = next(iter(snapshot._objects("AddressSpace")))
        set_field(space, word("AddressSpace.OLD_ROOT"), snapshot._field(space, "AddressSpace.ROOT"))
        for field in ("ROOT", "ID"):
            set_field(space, word(f"AddressSpace.{field}"), 0)
        change(snapshot, space)

    return spoil


def _move_root(snapshot: Snapshot, space: int) -> None:
    snapshot.concrete.set_field(space, snapshot.layout.word("AddressSpace.OLD_ROOT"), 0x1_0000)


def _change_entry(level: int, bits: int) -> Callable[[Snapshot, int], None]:
    """Other bits in a descriptor of a level."""

    def change(snapshot: Snapshot, space: int) -> None:
        owner = level << 60 | space
        for frame, index in snapshot._descriptors():
            rows = snapshot.concrete.rows[index % UNIT_WORDS]
            unit = frame * UNITS_PER_FRAME + index // UNIT_WORDS
            if _entries(snapshot, "SPACE")[frame] == owner and rows.get(unit):
                rows[unit] ^= bits
                return

    return change


def _lose_shadow(snapshot: Snapshot, _space: int) -> None:
    _entries(snapshot, "RECORDS")[with_shadows(snapshot)[0]] = 1


def _large(state: str, tails: int) -> Change:
    """Behind all memory there is a large frame with so many tails."""

    def spoil(snapshot: Snapshot) -> None:
        kinds, names = snapshot.layout.frame_kinds, snapshot.layout.constants
        count, described = names["LARGE_FRAMES"], snapshot.concrete.described or frozenset()
        head = (max(described) // count + 1) * count
        snapshot.concrete.described = described | set(range(head, head + count))
        for frame in range(head, head + count):
            kind = "LargeTail" if frame <= head + tails else "Free"
            snapshot.concrete.rows[KINDS_ARRAY][frame] = kinds[kind]
        snapshot.concrete.rows[KINDS_ARRAY][head] = kinds["User"]
        _entries(snapshot, "SPACE")[head] = names["user.LARGE"] | names.get(state, 0)
        _entries(snapshot, "ADDRESS")[head] = 64

    return spoil


SPOILINGS: dict[str, Change] = {
    "a record in use without a space": _count_all_records,
    "a shadow of what is no record": _fill_shadow,
    "a dying space whose first table is nowhere": _dying(_move_root),
    "a dying space whose table leads to what is none": _dying(_change_entry(1, 1 << 20)),
    "a dying space whose page is nowhere": _dying(_change_entry(3, 1 << 44)),
    "a dying space with a shadow that is none": _dying(_lose_shadow),
    "a large frame without its last tails": _large("", 447),
    "a dying large frame without its first tails": _large("user.DYING", 446),
}
