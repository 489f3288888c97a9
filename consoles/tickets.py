"""All sites' views of the tickets, put together: who holds each, and where its replicas stand.

Rules of this file: pure. A site's own word on itself counts before what another site says of it; where a site can't be
asked, the holder's view of the replica there is taken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from consoles.values import Object

BY_THE_CLOCK = frozenset({"schedule", "window"})
"""What holds a publication until a time that the Ticket object tells."""
HOLDER = "holder"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TicketAt:
    """One ticket at one site.

    `state` is `holder`, the state of its replica (in-sync, behind, blocked, unreachable, idle), or `unknown`; `reason`
    and `message` say why it is blocked, `hold` why a newer publication waits; `drift` fields there differ from what was
    delivered. `published` is the digest of the newest publication known, `applied` of the one that is there. `standby`,
    `mode`, `paused`, `pinned` and `next_run`, when the clock has publications applied next (nanoseconds since the epoch, 0
    where it does not), are the site's own; `mode` is empty where it can't be asked.
    """

    site: str
    state: str
    standby: bool = False
    mode: str = ""
    reason: str = ""
    message: str = ""
    hold: str = ""
    drift: int = 0
    paused: bool = False
    pinned: bool = False
    published: str = ""
    applied: str = ""
    next_run: int = 0


@dataclass(frozen=True, slots=True)
class TicketStatus:
    """One ticket at all sites, which are in the order of their names. More than one holder is a split."""

    name: str
    sites: tuple[TicketAt, ...]

    @property
    def holders(self) -> tuple[str, ...]:
        """The sites where the ticket is granted."""
        return tuple(at.site for at in self.sites if at.state == HOLDER)


def ticket_statuses(tickets: Iterable[Object], replicas: Iterable[Object]) -> list[TicketStatus]:
    """The status of each ticket, by name, from the Ticket and Replica objects of all sites that answered."""
    views: dict[str, dict[str, Object]] = defaultdict(dict)
    for ticket in tickets:
        views[ticket.values["name"]][ticket.site] = ticket
    by_ticket: dict[str, list[Object]] = defaultdict(list)
    for replica in replicas:
        by_ticket[replica.values["ticket"]].append(replica)
    return [_status(name, views[name], by_ticket[name]) for name in sorted({*views, *by_ticket})]


def _status(name: str, views: Mapping[str, Object], replicas: list[Object]) -> TicketStatus:
    holders = {site for site, ticket in views.items() if ticket.values["granted"]}
    told: dict[str, Mapping[str, Any]] = {}
    for replica in sorted(replicas, key=lambda each: _weight(each, holders)):
        told[_subject(replica)] = replica.values
    sites = sorted({*views, *told, *(str(replica.values["remote"]) for replica in replicas)})
    return TicketStatus(name, tuple(_ticket_at(site, views.get(site), told.get(site, {})) for site in sites))


def _subject(replica: Object) -> str:
    """The site whose state a Replica object tells: the remote one where it receives, else its own."""
    return str(replica.values["remote"]) if replica.values["direction"] == "to" else replica.site


def _weight(replica: Object, holders: set[str]) -> int:
    """How much a Replica object counts; what it says of a site that holds the ticket no more is stale."""
    direction, remote = replica.values["direction"], replica.values["remote"]
    if direction == "from":
        return 3 if remote in holders else 1
    if direction == "to":
        return 2 if replica.site in holders else 0
    return 0


def _ticket_at(site: str, ticket: Object | None, replica: Mapping[str, Any]) -> TicketAt:
    own = ticket.values if ticket is not None else {}
    standby, mode = own.get("standby", False), own.get("mode", "")
    if own.get("granted"):
        return TicketAt(site, HOLDER, standby, mode)
    return TicketAt(
        site,
        replica.get("state", UNKNOWN),
        standby,
        mode,
        reason=replica.get("reason", ""),
        message=replica.get("message", ""),
        hold=replica.get("hold", ""),
        drift=replica.get("drift", 0),
        paused=own.get("paused", False),
        pinned=bool(own.get("pinned", 0)),
        published=replica.get("published", ""),
        applied=replica.get("applied", ""),
        next_run=own.get("next_run", 0),
    )
