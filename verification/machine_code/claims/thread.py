"""Threads, and who hears of their faults."""

from __future__ import annotations

import z3

from ..call import Call, Object, Word, word


def thread_set_handler(it: Call, handle: Word, gate: Word) -> None:
    """Faults of the thread go through this gate."""
    thread = it.find(handle, "Thread", "WRITE")
    handler = it.find(gate, "Gate", "SEND")
    thread["HANDLER"] = it.link(handler)
    thread["HANDLER_ID"] = handler["ID"]
    it.done()


def thread_inspect(it: Call, handle: Word) -> None:
    """What the thread does."""
    thread = it.find(handle, "Thread", "READ")
    names = it.layout.constants
    state = thread["STATE"]
    it.done(names["ThreadState.New"], state == names["state.NEW"])
    it.done(names["ThreadState.Stopped"], state == names["state.STOPPED"])
    is_fault = thread["SENDING"] == names["sending.FAULT"]
    reason = thread["WAIT"] & names["wait.REASON"]
    answers = [
        (reason == 0, "Ready"),
        (z3.And(reason == names["wait.SEND"], z3.Not(is_fault)), "Sending"),
        (z3.Or(reason == names["wait.REPLY"], reason == names["wait.SAVED"]), "Calling"),
        (reason == names["wait.RECEIVE"], "Receiving"),
        (
            z3.Or(reason == names["wait.NOTIFICATION"], reason == names["wait.SLEEP"]),
            "Waiting",
        ),
    ]
    value = word(names["ThreadState.Faulted"])
    for condition, name in reversed(answers):
        value = z3.If(condition, word(names[f"ThreadState.{name}"]), value)
    it.done(value)


def thread_configure(it: Call, handle: Word, flags: Word) -> None:
    """Floating-point registers, and calls that are faults."""
    names = it.layout.constants
    thread = it.find(handle, "Thread", "WRITE")
    known = names["thread_flag.ALL"]
    it.refuse("BadArgument", flags & ~word(known) != 0)
    it.refuse("NotStopped", thread["STATE"] == names["state.LIVE"])
    old = thread["FLAGS"]
    with it.when((old ^ flags) & names["flag.FLOATING"] != 0):
        clear_floating(it, thread)
    set_flags(it, thread, (old & names["flag.DEBUG"]) | flags)
    it.done()


def clear_floating(it: Call, thread: Object) -> None:
    """The floating-point registers of a thread become zero."""
    with it.when(it.core["FLOATING_OWNER"] == it.link(thread)):
        it.core["FLOATING_OWNER"] = 0
    for index in range(72):
        thread.put("VECTOR", index, 0)


def set_flags(it: Call, thread: Object, flags: Word) -> None:
    """The flags of a thread, and what follows from them."""
    names = it.layout.constants
    is_debug = flags & names["flag.DEBUG"] != 0
    is_foreign = flags & names["flag.FOREIGN"] != 0
    has_extra = z3.Or(is_debug, flags & names["flag.FLOATING"] != 0)
    zero = word(0)
    thread["FLAGS"] = flags
    extra = z3.If(has_extra, word(names["EXTRA_MARK"]), zero)
    debug = z3.If(is_debug, word(names["DEBUG_MARK"]), zero)
    thread["LINK"] = it.link(thread) | names["REPLY_MARK"] | extra | debug
    special = z3.If(is_foreign, word(names["special.FOREIGN"]), zero)
    special = special | z3.If(is_debug, word(names["special.DEBUG"]), zero)
    kept = ~word(names["special.FOREIGN"] | names["special.DEBUG"])
    thread["SPECIAL"] = (thread["SPECIAL"] & kept) | special
    is_usual = z3.And(special == 0, thread["TABLE"] != 0)
    first = it.layout.constants["CHUNK_SLOTS"] - 1
    thread["MASK"] = z3.If(is_usual, word(first), zero)


CALLS = (thread_set_handler, thread_inspect, thread_configure)
