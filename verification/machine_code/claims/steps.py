"""Steps that many claims about threads and endpoints share."""

from __future__ import annotations

import z3

from .. import invariants
from ..call import Call
from ..kernel_state import number_of
from ..telling import Object, Word, word
from ..walk import Walk, choose

# Registers of a message: its words, the tag, a handle, and where a window is.
MESSAGE_WORDS = 16
TAG, HANDLE, WINDOW = 16, 17, 18
# Endpoints have a queue for each band, and a list for each core: arrays of so many.
PLACES = 8


def constant(it: Walk, name: str) -> Word:
    """A number of the kernel's."""
    return word(it.layout.constants[name])


def error_of(it: Walk, name: str) -> Word:
    """The number of an error."""
    return word(it.layout.errors[name])


def reason_of(it: Walk, waits: Word) -> Word:
    """Why a thread waits."""
    return waits & it.layout.constants["wait.REASON"]


def core_index(it: Walk) -> Word:
    """Which core runs."""
    return z3.Extract(2, 0, it.core["INDEX"])


def chosen(it: Walk, item: Object, field: str, index: Word, step: int = 1) -> Word:
    """The word of an array of an endpoint that an index names; each is there when it is named."""
    words = []
    for at in range(PLACES):
        with it.when(index == at):
            words.append(item.at(field, step * at))
    return choose(index, words)


def put_chosen(
    it: Walk, item: Object, field: str, index: Word, value: Word, step: int = 1
) -> None:
    """Writes the word of an array of an endpoint that an index names."""
    for at in range(PLACES):
        with it.when(index == at):
            item.put(field, step * at, value)


def first_server(it: Walk, endpoint: Object, core: Word) -> Word:
    """The first that receives at an endpoint on a core."""
    return chosen(it, endpoint, "SERVERS", core, 2)


def note_taken(it: Walk, server: Object, endpoint: Object) -> None:
    """A server took the last call at an endpoint on this core."""
    put_chosen(it, endpoint, "TAKEN", core_index(it), it.link(server), 2)


def unlink(it: Walk, owner: Object, head: str, item: Object, links: tuple[str, str]) -> None:
    """An item goes out of a list whose first its owner knows, by the fields of next and previous."""
    following, previous = (it.follow(item, field) for field in links)
    is_first = previous.number == 0
    with it.when(is_first):
        owner[head] = it.link(following)
    with it.when(z3.Not(is_first)):
        previous[links[0]] = it.link(following)
    with it.when(following.number != 0):
        following[links[1]] = it.link(previous)
    for field in links:
        item[field] = 0


def tell(it: Walk, receiver: Object, tag: Word | int, badge: Word | int = 0) -> None:
    """The registers of a delivery that are not the message."""
    receiver.put("X", TAG, tag)
    receiver.put("X", HANDLE, badge)
    receiver.put("X", WINDOW, 0)
    receiver["PSTATE"] = 0


def live_gate(it: Call, thread: Object, handle: Word) -> tuple[Object, Object, Word]:
    """Gate, endpoint and capability of a handle with the right to send; an error if either died."""
    slot = it.capability(thread, handle)
    it.check(slot, it.kind("Gate"), it.rights("SEND"))
    gate = it.object("Gate", slot.number())
    it.assume(*invariants.gate_is_sound(it.before, gate.number))
    endpoint = it.object("Endpoint", number_of(gate["ENDPOINT"]))
    it.refuse("Died", endpoint["ID"] == 0)
    return gate, endpoint, slot.word
