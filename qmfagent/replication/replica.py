"""The state of replication between this site and each other one, by ticket.

Rules of this file: it only keeps what it is told. A Replica is a value; every change gives a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

TO, FROM, NONE = "to", "from", "none"
IN_SYNC, BEHIND, BLOCKED, UNREACHABLE, IDLE = "in-sync", "behind", "blocked", "unreachable", "idle"


@dataclass(frozen=True, slots=True)
class Replica:
    """One ticket between this site and `remote`, with the properties of the QMF class of that name.

    `applied_at` is in seconds since the epoch, 0 where never.
    """

    ticket: str
    remote: str
    direction: str = NONE
    mode: str = ""
    state: str = IDLE
    reason: str = ""
    message: str = ""
    published: str = ""
    applied: str = ""
    applied_at: int = 0


class Replicas:
    """All replicas of this site; `on_change` is called with each one that changes."""

    def __init__(self, on_change: Callable[[Replica], None] = lambda replica: None) -> None:
        self._replicas: dict[tuple[str, str], Replica] = {}
        self._on_change = on_change

    def __iter__(self) -> Iterator[Replica]:
        return iter([self._replicas[key] for key in sorted(self._replicas)])

    def get(self, ticket: str, remote: str) -> Replica:
        """The replica of `ticket` with `remote`; an idle one where nothing is known."""
        return self._replicas.get((ticket, remote)) or Replica(ticket, remote)

    def of_ticket(self, ticket: str) -> list[Replica]:
        """The replicas of one ticket."""
        return [replica for replica in self if replica.ticket == ticket]

    def set(self, ticket: str, remote: str, **values: Any) -> Replica:
        """Change values of one replica; `reason` and `message` are cleared with every new state."""
        if "state" in values:
            values = {"reason": "", "message": "", **values}
        known = self._replicas.get((ticket, remote))
        renewed = replace(known or Replica(ticket, remote), **values)
        if renewed != known:
            self._replicas[ticket, remote] = renewed
            self._on_change(renewed)
        return renewed

    def published(self, ticket: str, digest: str, remotes: list[str]) -> None:
        """This site has announced a publication: what follows it is behind until it says otherwise."""
        for remote in remotes:
            known = self.get(ticket, remote)
            state = IN_SYNC if known.applied == digest else BEHIND
            if known.state == UNREACHABLE:
                state = UNREACHABLE
            self.set(ticket, remote, direction=TO, published=digest, state=state)

    def followed(self, ticket: str, remote: str, digest: str, at: int) -> None:
        """A remote site has applied a publication of this one."""
        known = self.get(ticket, remote)
        state = IN_SYNC if not known.published or known.published == digest else BEHIND
        self.set(ticket, remote, direction=TO, state=state, applied=digest, applied_at=at)

    def lost(self, remote: str) -> None:
        """A remote site can't be reached any more."""
        for replica in self:
            if replica.remote == remote and replica.direction != NONE:
                self.set(replica.ticket, remote, state=UNREACHABLE)
