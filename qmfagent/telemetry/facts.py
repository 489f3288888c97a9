"""What the agent is like at a moment, as it is told to who watches it.

Rules of this file: frozen values. They are read on the event loop, where what they are read from lives, and may then be worked
on in any thread.
"""

from __future__ import annotations

from dataclasses import dataclass

from qmfagent.bus.load import BusLoad
from qmfagent.cib.version import Version
from qmfagent.replication.following.replica import Replica
from qmfagent.telemetry.lag import Lag


@dataclass(frozen=True, slots=True)
class TicketFacts:
    """One ticket at this site. `granted` and `standby` are None while the CIB can't be seen. `drilled_at` is in seconds since
    the epoch, 0 where it never was; then the other two say nothing."""

    name: str
    granted: bool | None
    standby: bool | None
    paused: bool
    pinned: bool
    drilled_at: int
    drill_ok: bool
    drill_failures: int


@dataclass(frozen=True, slots=True)
class ReplicaFacts:
    """One replica; `lag` is None where this site does not publish, and so does not know it."""

    replica: Replica
    lag: Lag | None


@dataclass(frozen=True, slots=True)
class JournalFacts:
    """The journal: bytes and entries that it keeps, about, and the number of the newest. `failed`: it is to be in a file, and
    had to go on in memory."""

    size: int
    entries: int
    last: int
    failed: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """The agent of `site`.

    `version` is that of the CIB, as far as it was seen. `peers` are the other sites, and whether each can be reached.
    `left_out` tickets are not among `tickets`, nor their replicas among `replicas`.
    """

    site: str
    connected: bool
    version: Version | None
    resources: int
    config_changes: int
    tickets: tuple[TicketFacts, ...]
    left_out: int
    replicas: tuple[ReplicaFacts, ...]
    peers: tuple[tuple[str, bool], ...]
    bus: BusLoad
    journal: JournalFacts
