"""The state of tickets, from the CIB's status section.

Source: Pacemaker Explained, "Multi-site clusters and tickets"; the attributes owner, expires and term are booth's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from lxml import etree

from qmfagent.cib.truth import is_true

_NUMBER = re.compile(r"[0-9]{1,18}")
# What is noted where nobody is the owner: for a ticket that is lost, and for one that was revoked.
_NOBODY = frozenset({"", "0", "-1"})


class Term(NamedTuple):
    """How recent a grant is, to order publications of different holders: booth's term, then last-granted (epoch seconds)."""

    booth: int
    granted: int

    @classmethod
    def parse(cls, text: str) -> Term:
        """Read "booth.granted"; anything else is the oldest term of all."""
        booth, _, granted = text.partition(".")
        return cls(int(booth), int(granted)) if _NUMBER.fullmatch(booth) and _NUMBER.fullmatch(granted) else cls(0, 0)

    def __str__(self) -> str:
        return f"{self.booth}.{self.granted}"


@dataclass(frozen=True, slots=True)
class TicketState:
    """What one cluster knows of one ticket. `last_granted` in seconds since the epoch, 0 where never.

    `owner`, `expires` and `booth` are what booth has noted with it, as it stands there: the number of the site that holds it,
    seconds since the epoch, and the name of booth's configuration. booth renews a ticket all the time, and what is written
    then makes no other state: two that differ in `owner` or `expires` alone are equal.
    """

    name: str
    granted: bool = False
    standby: bool = False
    last_granted: int = 0
    owner: str = field(default="", compare=False)
    expires: int = field(default=0, compare=False)
    booth: str = ""
    booth_term: int = 0

    @property
    def term(self) -> Term:
        """The term of the grant that is in force, or of the last one."""
        return Term(self.booth_term, self.last_granted)


@dataclass(frozen=True, slots=True)
class BoothView:
    """What booth says of one ticket, for people: the configuration that it is managed under, the site that holds it, and when
    that ends if it is not renewed, in seconds since the epoch. Empty, and 0, where there is nothing of the kind."""

    config: str
    owner: str
    expires: int


def noted(state: TicketState) -> BoothView:
    """What booth has noted with a ticket; without its configuration the owner is a number."""
    if state.owner in _NOBODY:
        return BoothView(state.booth, "", 0)
    return BoothView(state.booth, state.owner, state.expires)


def ticket_states(status: etree._Element | None) -> dict[str, TicketState]:
    """The tickets in a status section, by name."""
    if status is None:
        return {}
    return {
        name: TicketState(
            name=name,
            granted=is_true(element.get("granted", "")),
            standby=is_true(element.get("standby", "")),
            last_granted=_number(element.get("last-granted")),
            owner=element.get("owner", ""),
            expires=_number(element.get("expires")),
            booth=element.get("booth-cfg-name", ""),
            booth_term=_number(element.get("term")),
        )
        for element in status.iterfind("tickets/ticket_state")
        if (name := element.get("id"))
    }


def _number(text: str | None) -> int:
    return int(text) if text and _NUMBER.fullmatch(text) else 0
