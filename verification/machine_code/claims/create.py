"""Making objects: a place in a region, and an empty slot for the capability."""

from __future__ import annotations

from dataclasses import dataclass

import z3

from .. import invariants, tables
from ..call import Call, Frame, Object, Word, word
from ..kernel_state import Slot, link_of, number_of

HOLDER = "READ|WRITE|DESTROY"
RECEIVER = f"{HOLDER}|MAKE_GATE"
SENDER = "SEND|GRANT|GRANT_REPLY|DESTROY"
SIGNALLER = "SIGNAL|DESTROY"


@dataclass(frozen=True)
class Vacancy:
    """A free place for an object, and the slot for its capability."""

    region: Object
    item: Object
    slot: Slot


def check_own(it: Call, region: Object, number: Word) -> None:
    """The frame is in the region's own part."""
    it.refuse("OutOfRange", z3.UGE(number - region["BASE"], region["FRAMES"]))
    it.refuse("NotWhole", z3.UGE(number, region["LIMIT"]))


def check_whole(it: Call, region: Object, number: Word, *, is_memory: bool = False) -> Frame:
    """The same, and the frame is memory, which may be known of the region, and free."""
    frame = it.region_frame(region, number)
    check_own(it, region, number)
    if is_memory:
        it.note_field(region, "DEVICE")
    else:
        it.refuse("OutOfRange", region["DEVICE"] != 0)
    it.refuse("NotFree", z3.Not(frame.is_kind("Free")))
    return frame


def check_place(it: Call, region: Object, place: Word, kind: Word, units: Word) -> None:
    """A place in a free frame, or an unused one in a pool of the same kind."""
    it.refuse("Misaligned", place & (units - 1) != 0)
    number = z3.LShR(place, 6)
    frame = it.region_frame(region, number)
    check_own(it, region, number)
    it.refuse("OutOfRange", region["DEVICE"] != 0)
    is_free, is_pool = frame.is_kind("Free"), frame.kind == kind
    with it.when(z3.And(z3.Not(is_free), is_pool)):
        used = z3.LShR(frame["ID"], place & 63) & 1
    it.refuse("NotFree", z3.Not(z3.Or(is_free, z3.And(is_pool, used == 0))))


def find_vacancy(it: Call, handles: tuple[Word, Word, Word], kind: str) -> Vacancy:
    """Region, place and destination of a new object."""
    handle, place, destination = handles
    units = word(it.layout.objects[kind].units)
    region = it.find(handle, "Region", "WRITE")
    with it.elsewhere():
        check_place(it, region, place, it.kind(kind), units)
        slot = it.find_empty_slot(destination)
    return Vacancy(region, it.object(kind, number_of(place)), slot)


def raise_high(it: Call, region: Object, frame: Frame) -> None:
    """A frame of the region's own part is free no longer."""
    number = z3.ZeroExt(30, frame.number)
    with it.when(z3.UGE(number, region["HIGH"])):
        region["HIGH"] = number + 1


def finish(it: Call, vacancy: Vacancy, kind: str, rights: str) -> None:
    """The object, all zero but for its identity, and the capability to it."""
    place = vacancy.item.number
    frame = it.frame(z3.Extract(39, 6, place))
    with it.when(frame.is_kind("Free")):
        frame.set_kind(kind)
        frame.zero()
        raise_high(it, vacancy.region, frame)
    frame["ID"] = frame["ID"] | word(1) << (link_of(place) & 63)
    identity = it.new_id()
    vacancy.item["ID"] = identity
    fill(it, vacancy.slot, identity, place, (kind, rights))


def fill(it: Call, slot: Slot, identity: Word, number: Word, what: tuple[str, str]) -> None:
    """A capability to an object."""
    kind, rights = what
    zero = z3.BitVecVal(0, 2), z3.BitVecVal(0, 6)
    parts = (it.rights(rights), it.kind(kind), zero[0], number, zero[1])
    it.fill(slot, identity, z3.simplify(z3.Concat(*parts)))


def create_endpoint(it: Call, region: Word, place: Word, destination: Word) -> None:
    """A new endpoint."""
    vacancy = find_vacancy(it, (region, place, destination), "Endpoint")
    finish(it, vacancy, "Endpoint", RECEIVER)
    it.done()


def create_notification(it: Call, region: Word, place: Word, destination: Word) -> None:
    """A new notification."""
    vacancy = find_vacancy(it, (region, place, destination), "Notification")
    finish(it, vacancy, "Notification", RECEIVER)
    it.done()


def create_reply(it: Call, region: Word, place: Word, destination: Word) -> None:
    """A new reply object."""
    vacancy = find_vacancy(it, (region, place, destination), "Reply")
    finish(it, vacancy, "Reply", HOLDER)
    it.done()


def create_table(
    it: Call, region: Word, place: Word, destination: Word, slots: Word
) -> None:
    """A new capability table with 256 slots."""
    it.rules = (invariants.vacancies("CapTable"),)
    vacancy = find_vacancy(it, (region, place, destination), "CapTable")
    frame = check_whole(it, vacancy.region, slots, is_memory=True)
    it.refuse("NotFree", slots == z3.LShR(place, 6))
    table = vacancy.item
    it.assume(*invariants.vacant_is_zero(it.before, table.number, "CapTable"))
    finish(it, vacancy, "CapTable", HOLDER)
    take_whole(it, vacancy.region, frame, "Slots", table)
    chunks = table["CHUNKS"]
    it.add_chunk(table, chunks, frame)
    table["CHUNKS"] = chunks + 1
    it.done()


def create_gate(
    it: Call, region: Word, place: Word, destination: Word, target: Word, badge: Word
) -> None:
    """A new gate to an endpoint, or to a notification."""
    it.rules = (invariants.NUMBER_ZERO,)
    it.assume(*invariants.nothing_has_number_zero(it.before))
    vacancy = find_vacancy(it, (region, place, destination), "Gate")
    gate = vacancy.item
    slot = it.find_either(target, ("Endpoint", "Notification"), "MAKE_GATE")
    is_endpoint = slot.kind() == it.layout.kinds["Endpoint"]
    links = ("NEXT", "PREV")
    with it.when(is_endpoint):
        endpoint = it.object("Endpoint", slot.number())
        finish(it, vacancy, "Gate", SENDER)
        gate["ENDPOINT"] = it.link(endpoint)
        it.push(endpoint, "GATES", gate, links)
    with it.when(z3.Not(is_endpoint)):
        notification = it.object("Notification", slot.number())
        finish(it, vacancy, "Gate", SIGNALLER)
        gate["ENDPOINT"] = it.machine["NULL_ENDPOINT"]
        gate["NOTIFICATION"] = it.link(notification)
        it.push(notification, "GATES", gate, links)
    gate["BADGE"] = badge
    it.done()


def create_thread(
    it: Call, region: Word, place: Word, destination: Word, tables: Word, spaces: Word
) -> None:
    """A new thread with a table and a space."""
    vacancy = find_vacancy(it, (region, place, destination), "Thread")
    table = it.find(tables, "CapTable", "WRITE")
    space = it.find(spaces, "AddressSpace", "WRITE")
    it.has_first_chunk(table)
    finish(it, vacancy, "Thread", HOLDER)
    thread = vacancy.item
    thread["LINK"] = it.link(thread) | it.layout.constants["REPLY_MARK"]
    thread["STATE"] = it.layout.constants["state.NEW"]
    thread["TABLE"] = it.link(table)
    it.push(table, "THREADS", thread, ("TABLE_NEXT", "TABLE_PREV"))
    thread["SLOTS"] = table["CHUNK"]
    thread["MASK"] = it.layout.constants["CHUNK_SLOTS"] - 1
    thread["SPACE"] = it.link(space)
    it.push(space, "THREADS", thread, ("SPACE_NEXT", "SPACE_PREV"))
    thread["ROOT"] = space["ASID"] << 48 | space["ROOT"] << 6
    it.done()


def create_context(
    it: Call, region: Word, place: Word, destination: Word, allowances: Word, priority: Word
) -> None:
    """A new scheduling context without a budget."""
    vacancy = find_vacancy(it, (region, place, destination), "SchedulingContext")
    allowance = it.find(allowances, "Allowance", "WRITE")
    it.refuse("BadArgument", allowance["SORT"] != it.layout.constants["sort.TIME"])
    it.refuse("OutOfRange", z3.UGT(priority, allowance["UNLIMITED"]))
    finish(it, vacancy, "SchedulingContext", HOLDER)
    context = vacancy.item
    context["PRIORITY"] = priority
    context["CORE"] = allowance["FIRST"]
    context["ALLOWANCE"] = it.link(allowance)
    it.push(allowance, "CONTEXTS", context, ("ALLOWANCE_NEXT", "ALLOWANCE_PREV"))
    it.done()


def create_frame(it: Call, handle: Word, place: Word, destination: Word) -> None:
    """A free frame becomes user memory, zeroed on the way out, or a device."""
    user = it.layout.constants
    region = it.find(handle, "Region", "WRITE")
    it.refuse("Misaligned", place & 63 != 0)
    number = z3.LShR(place, 6)
    frame = it.region_frame(region, number)
    check_own(it, region, number)
    it.refuse("NotFree", z3.Not(frame.is_kind("Free")))
    slot = it.find_empty_slot(destination)
    raise_high(it, region, frame)
    is_device = region["DEVICE"] != 0
    with it.when(z3.Not(is_device)):
        it.leave("ZeroFrame", number)
    identity = it.new_id()
    frame.set_kind("User")
    frame["ID"] = identity
    frame["SPACE"] = z3.If(is_device, word(user["user.DEVICE"]), word(0))
    fill(it, slot, identity, number_of(place), ("Frame", HOLDER))
    it.done()


def create_large_frame(it: Call, handle: Word, place: Word, destination: Word) -> None:
    """One frame more of a large one; the last makes it user memory."""
    names = it.layout.constants
    large = names["LARGE_FRAMES"]
    it.rules = (invariants.LARGE_HEADS,)
    region = it.find(handle, "Region", "WRITE")
    it.refuse("Misaligned", place & (64 * large - 1) != 0)
    number = z3.LShR(place, 6)
    head = it.region_frame(region, number)
    check_own(it, region, number)
    it.refuse("OutOfRange", region["DEVICE"] != 0)
    check_own(it, region, number + (large - 1))
    slot = it.find_empty_slot(destination)
    is_begun = head.is_kind("LargeHead")
    it.assume(*invariants.large_head_is_sound(it.before, head.number))
    with it.when(is_begun):
        taken = head["ADDRESS"]
    taken = z3.If(is_begun, taken, word(0))
    part = it.new_frame(region, number + taken)
    it.refuse("NotFree", z3.Not(part.is_kind("Free")))
    part.set_kind("LargeTail")
    it.leave("ZeroFrame", number + taken)
    raise_high(it, region, part)
    taken = taken + 1
    is_more = z3.ULT(taken, large)
    with it.when(is_more):
        head.set_kind("LargeHead")
        head["ADDRESS"] = taken
    it.refuse("Again", is_more)
    head["ADDRESS"] = 0
    identity = it.new_id()
    head.set_kind("User")
    head["ID"] = identity
    head["SPACE"] = names["user.LARGE"]
    fill(it, slot, identity, number_of(place), ("Frame", HOLDER))
    it.done()


def table_extend(it: Call, tables: Word, regions: Word, number: Word) -> None:
    """256 more slots for a table."""
    table = it.find(tables, "CapTable", "WRITE")
    region = it.find(regions, "Region", "WRITE")
    frame = check_whole(it, region, number)
    most = it.layout.constants["CHUNKS_MAX"]
    it.refuse("Exhausted", z3.UGE(table["CHUNKS"], most))
    take_whole(it, region, frame, "Slots", table)
    chunks = table["CHUNKS"]
    it.add_chunk(table, chunks, frame)
    table["CHUNKS"] = chunks + 1
    it.done()


def take_whole(it: Call, region: Object, frame: Frame, kind: str, owner: Object) -> None:
    """A free frame becomes part of an object."""
    frame.set_kind(kind)
    frame.zero()
    frame["SPACE"] = it.link(owner)
    raise_high(it, region, frame)


def space_donate(it: Call, spaces: Word, regions: Word, number: Word) -> None:
    """A frame for the page tables and records of a space."""
    space = it.find(spaces, "AddressSpace", "WRITE")
    region = it.find(regions, "Region", "WRITE")
    frame = check_whole(it, region, number)
    take_whole(it, region, frame, "Pool", space)
    frame["RECORDS"] = space["POOL"]
    space["POOL"] = number
    space["POOL_COUNT"] = space["POOL_COUNT"] + 1
    it.done()


def space_withdraw(it: Call, spaces: Word) -> None:
    """Takes an unused frame back from a space."""
    it.rules = tuple(tables.rules())
    space = it.find(spaces, "AddressSpace", "WRITE")
    it.refuse("NeedMemory", space["POOL_COUNT"] == 0)
    frame = it.pool_frame(space)
    it.assume(*tables.pool_is_apart(it.before, frame.number))
    it.assume(*tables.pools_are_counted(it.before, space.number))
    space["POOL"] = frame["RECORDS"]
    space["POOL_COUNT"] = space["POOL_COUNT"] - 1
    for field in ("ID", "SPACE", "ADDRESS", "RECORDS"):
        frame[field] = 0
    frame.set_kind("Free")
    it.done(z3.ZeroExt(30, frame.number))


CALLS = (
    create_endpoint,
    create_notification,
    create_reply,
    create_thread,
    create_context,
    create_frame,
    create_table,
    table_extend,
    space_donate,
    space_withdraw,
    create_large_frame,
    create_gate,
)
