"""One module for each function of the kernel that is proved, one beside it with its states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..claim import Claim
from ..crosscheck import RandomState
from ..layout import Layout
from . import find_send_gate, find_send_gate_states


@dataclass(frozen=True)
class Subject:
    """A function that is proved: its claim, and states to run it in."""

    function: str
    claim: Callable[[Layout], Claim]
    random_state: RandomState


SUBJECTS = (
    Subject(
        find_send_gate.FUNCTION, find_send_gate.claim, find_send_gate_states.random_state
    ),
)
