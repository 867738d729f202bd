"""Interrupts, and the platform."""

from __future__ import annotations

import z3

from ..call import Call, Word


def irq_bind(it: Call, handle: Word, target: Word, bits: Word) -> None:
    """The line signals the notification from now on."""
    irq = it.find(handle, "Irq", "WRITE")
    notification = it.find(target, "Notification", "MAKE_GATE")
    it.refuse("BadArgument", bits == 0)
    it.refuse("InUse", irq["NOTIFICATION"] != 0)
    irq["NOTIFICATION"] = it.link(notification)
    irq["BITS"] = bits
    irq["PENDING"] = 0
    it.push(notification, "IRQS", irq, ("NEXT", "PREV"))
    it.leave("UnmaskLine", irq["LINE"])
    it.done()


def irq_acknowledge(it: Call, handle: Word) -> None:
    """The line may come again."""
    irq = it.find(handle, "Irq", "WRITE")
    with it.when(irq["PENDING"] != 0):
        irq["PENDING"] = 0
        it.leave("EndLine", irq["LINE"])
    it.done()


def platform_inspect(it: Call, handle: Word, count: Word) -> None:
    """A number that the kernel counts."""
    it.find(handle, "Platform", "READ")
    it.refuse("BadArgument", count != it.layout.constants["PlatformCount.Unhelped"])
    it.done(it.core["UNHELPED"])


def platform_control(it: Call, handle: Word, operation: Word) -> None:
    """Switches the machine off, or restarts it."""
    names = it.layout.constants
    it.find(handle, "Platform", "WRITE")
    is_off = operation == names["PlatformOperation.PowerOff"]
    is_reset = operation == names["PlatformOperation.Reset"]
    it.refuse("BadArgument", z3.Not(z3.Or(is_off, is_reset)))
    it.leave_word(z3.If(is_off, it.effect("PowerOff"), it.effect("Reset")))
    it.done()


CALLS = (irq_bind, irq_acknowledge, platform_inspect, platform_control)
