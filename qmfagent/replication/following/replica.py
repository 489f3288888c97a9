"""The state of replication between this site and each other one, by ticket.

Rules of this file: it only keeps what it is told. A Replica is a value; every change gives a new one. A digest belongs to
one direction: it is forgotten when the direction turns round.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

TO, FROM, NONE = "to", "from", "none"
IN_SYNC, BEHIND, BLOCKED, UNREACHABLE, IDLE = "in-sync", "behind", "blocked", "unreachable", "idle"
SPLIT = "split"


@dataclass(frozen=True, slots=True)
class Replica:
    """One ticket between this site and `remote`, with the properties of the QMF class of that name.

    `hold` is why a publication that is known waits at the receiving site (policy's HOLDS), empty where it does not; `drift`
    counts the fields there that differ from what was delivered. `applied_at` is in seconds since the epoch, 0 where never.
    """

    ticket: str
    remote: str
    direction: str = NONE
    mode: str = ""
    state: str = IDLE
    hold: str = ""
    reason: str = ""
    message: str = ""
    published: str = ""
    applied: str = ""
    applied_at: int = 0
    drift: int = 0

    @property
    def name(self) -> str:
        """The name of its QMF object, without the class. No site has a colon in its name."""
        return f"{self.ticket}:{self.remote}"


class Replicas:
    """All replicas of this site; `on_change` is called with each one that changes."""

    def __init__(self, on_change: Callable[[Replica], None] = lambda replica: None) -> None:
        self._replicas: dict[tuple[str, str], Replica] = {}
        self._drift: dict[str, int] = {}
        self._reachable: set[str] = set()
        self._said: dict[tuple[str, str], dict[str, Any]] = {}
        self._on_change = on_change

    def __iter__(self) -> Iterator[Replica]:
        return iter([self._replicas[key] for key in sorted(self._replicas)])

    def find(self, ticket: str, remote: str) -> Replica | None:
        """The replica of `ticket` with `remote`, if it is known."""
        return self._replicas.get((ticket, remote))

    def get(self, ticket: str, remote: str) -> Replica:
        """The replica of `ticket` with `remote`; an idle one where nothing is known."""
        return self._replicas.get((ticket, remote)) or Replica(ticket, remote)

    def of_ticket(self, ticket: str) -> list[Replica]:
        """The replicas of one ticket."""
        return [replica for replica in self if replica.ticket == ticket]

    def set(self, ticket: str, remote: str, **values: Any) -> None:
        """Change values of one replica; `hold`, `reason` and `message` are cleared with every new state."""
        self._keep(_renewed(self.get(ticket, remote), values))

    def _keep(self, renewed: Replica) -> None:
        if renewed.direction == FROM:
            renewed = replace(renewed, drift=self._drift.get(renewed.ticket, 0))
        key = renewed.ticket, renewed.remote
        if self._replicas.get(key) != renewed:
            self._replicas[key] = renewed
            self._on_change(renewed)

    # -- where this site holds the ticket

    def published(self, ticket: str, digest: str, remotes: Collection[str]) -> None:
        """This site has announced a publication: what follows it is behind until it says otherwise, if it has not yet. It may
        have asked for the publication before, or know it already, and does not say the same again."""
        for remote in remotes:
            renewed = _renewed(self.get(ticket, remote), {"direction": TO, "published": digest})
            said = self._said.get((ticket, remote), {})
            self._keep(_renewed(renewed, said) if said.get("published") == digest else self._standing(renewed))

    def unpublished(self, held: Collection[str]) -> None:
        """This site holds just these tickets: nobody follows it in any other."""
        self._said = {key: said for key, said in self._said.items() if key[0] in held}
        for replica in self:
            if replica.direction == TO and replica.ticket not in held:
                self.set(replica.ticket, replica.remote, direction=NONE, state=IDLE)

    def followed(self, ticket: str, remote: str, values: Mapping[str, Any]) -> None:
        """A remote site tells, by the values of its own Replica object, where it stands with what this site publishes.

        What it says of an older publication than the newest one counts for nothing but what it has applied.
        """
        told = ("mode", "state", "hold", "reason", "message", "applied", "applied_at", "drift")
        said = {name: values[name] for name in told}
        self._said[ticket, remote] = {**said, "published": values["published"]}
        renewed = _renewed(self.get(ticket, remote), {"direction": TO, **said})
        up_to_date = values["published"] == renewed.published or not renewed.published
        self._keep(renewed if up_to_date else self._standing(renewed))

    def agreed(self, ticket: str) -> None:
        """This site alone holds the ticket: if two claimed it, that is over."""
        for replica in self.of_ticket(ticket):
            if replica.direction == TO and replica.reason == SPLIT:
                self._keep(self._standing(replica))
        self.release(ticket)

    def _standing(self, replica: Replica) -> Replica:
        state = IN_SYNC if replica.applied == replica.published else BEHIND
        return _renewed(replica, {"state": state if replica.remote in self._reachable else UNREACHABLE})

    # -- where another site holds it, or none

    def release(self, ticket: str, holder: str = "", reason: str = "", message: str = "") -> None:
        """Nothing of the ticket is had from other sites than `holder`, for that reason.

        Where none holds it, a site that can't be reached may: what was had from there stays as it is.
        """
        for replica in self.of_ticket(ticket):
            waits = not holder and (replica.direction, replica.state) == (FROM, UNREACHABLE)
            if replica.remote != holder and replica.direction != TO and not waits:
                values = {"direction": NONE, "state": IDLE, "reason": reason, "message": message}
                self.set(ticket, replica.remote, **values)

    def drifted(self, ticket: str, fields: int) -> None:
        """So many fields here differ from what was delivered for the ticket, whoever it is had from."""
        self._drift[ticket] = fields
        for replica in self.of_ticket(ticket):
            self._keep(replica)

    # -- whether the other sites can be reached

    def found(self, remote: str) -> None:
        """A remote site can be reached now."""
        self._reachable.add(remote)
        for replica in self:
            if replica.remote == remote and replica.state == UNREACHABLE:
                self._keep(self._standing(replica) if replica.direction == TO else _renewed(replica, {"state": IDLE}))

    def lost(self, remote: str) -> None:
        """A remote site can't be reached any more."""
        self._reachable.discard(remote)
        self._said = {key: said for key, said in self._said.items() if key[1] != remote}
        for replica in self:
            if replica.remote == remote and replica.direction != NONE:
                self.set(replica.ticket, remote, state=UNREACHABLE)


def _renewed(known: Replica, values: Mapping[str, Any]) -> Replica:
    """The replica with other values, and without what does not survive the change."""
    cleared: dict[str, Any] = {}
    if "state" in values:
        cleared |= {"hold": "", "reason": "", "message": ""}
    if values.get("direction", known.direction) != known.direction:
        cleared |= {"published": "", "applied": "", "applied_at": 0, "drift": 0}
    return replace(known, **{**cleared, **values})
