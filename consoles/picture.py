"""All sites and tickets at one moment, as the agents told of them.

Rules of this file: pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from consoles.tickets import TicketStatus, ticket_statuses
from consoles.values import Object

CLASSES = ("Site", "Ticket", "Replica")
"""The classes that a picture is made of."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """How many publications a site lacks: `count` of them, or more where `least`."""

    count: int
    least: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """What is known at one moment; each one has a higher `number` than those before.

    `sites` are the Site objects of those that can be reached, by name; `lacking` is by ticket and site, for sites that are
    behind; `unreachable` are the URLs where nobody answers, and why.
    """

    number: int = 0
    sites: tuple[Object, ...] = ()
    tickets: tuple[TicketStatus, ...] = ()
    lacking: Mapping[tuple[str, str], Lacking] = field(default_factory=dict, hash=False)
    unreachable: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def names(self) -> tuple[str, ...]:
        """All sites that anybody knows of, by name."""
        peers = {str(peer["site"]) for site in self.sites for peer in site.values["peers"]}
        told = {at.site for ticket in self.tickets for at in ticket.sites}
        return tuple(sorted({site.site for site in self.sites} | peers | told))


class Objects:
    """The objects of all sites, as they were told last."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], dict[str, Object]] = {}

    @property
    def sites(self) -> set[str]:
        """The sites that have told of something."""
        return {site for site, _ in self._known}

    def put(self, item: Object) -> None:
        """Take one object that is new, or another than before."""
        self._known.setdefault((item.site, item.class_name), {})[item.name] = item

    def replace(self, site: str, class_name: str, items: Iterable[Object]) -> None:
        """Take all objects that a site has of a class."""
        self._known[site, class_name] = {item.name: item for item in items}

    def of(self, class_name: str, sites: Collection[str]) -> list[Object]:
        """The objects of a class at these sites, by site and name."""
        found = [
            item
            for (site, name), items in self._known.items()
            if name == class_name and site in sites
            for item in items.values()
        ]
        return sorted(found, key=lambda item: (item.site, item.name))

    def statuses(self, sites: Collection[str]) -> tuple[TicketStatus, ...]:
        """The status of every ticket, from what these sites say."""
        return tuple(ticket_statuses(self.of("Ticket", sites), self.of("Replica", sites)))


def count_lacking(history: Iterable[Mapping[str, Any]], applied: str) -> Lacking:
    """How many publications came after the one of digest `applied`, by their publisher's history, newest first."""
    count = 0
    for change in history:
        if change["name"] != "published":
            continue
        if change["digest"] == applied:
            return Lacking(count)
        count += 1
    return Lacking(count, least=True)
