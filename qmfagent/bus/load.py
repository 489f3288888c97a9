"""What a bus has to do at a moment, for who watches the agent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BusLoad:
    """Whether messages can be sent and arrive (`problem` says why not, in words), and how many connections there are.

    `waiting` messages are on their way to receivers that have not taken them yet; `dropped` were not sent since the start,
    because a receiver was too slow or gone.
    """

    problem: str = ""
    connections: int = 0
    waiting: int = 0
    dropped: int = 0
