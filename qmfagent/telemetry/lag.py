"""How far a site is behind what a ticket's holder publishes.

Rules of this file: pure. What was published when is the holder's to know, from its journal: so a lag outlives the agent, and is
the same for whoever works it out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MAX_PUBLICATIONS = 100
"""How many of the newest publications are looked at: who is further behind is told to be that many behind."""
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Lag:
    """So many publications are not applied yet, the oldest of them published so many seconds ago."""

    publications: int = 0
    seconds: float = 0.0


def lag(published: Iterable[tuple[str, int]], applied: str, now_ns: int) -> Lag:
    """The lag of a site that has applied the publication of digest `applied`, at the time `now_ns`.

    `published` are digests and times of publication (nanoseconds since the epoch), newest first; what was announced again
    counts once. One that is not among them is older than all.
    """
    behind, oldest, later = 0, now_ns, ""
    for digest, time_ns in published:
        if digest == applied:
            break
        behind += digest != later
        oldest, later = time_ns, digest
    return Lag(behind, max(0, now_ns - oldest) / _NANOSECONDS)
