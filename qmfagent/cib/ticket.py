"""The state of tickets, from the CIB's status section.

Source: Pacemaker Explained, "Multi-site clusters and tickets"; the attributes owner, expires and term are booth's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from lxml import etree

from qmfagent.cib.truth import is_true

_NUMBER = re.compile(r"[0-9]{1,18}")


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
    """What one cluster knows of one ticket. `last_granted` in seconds since the epoch, 0 where never."""

    name: str
    granted: bool = False
    standby: bool = False
    last_granted: int = 0
    owner: str = ""
    booth_term: int = 0

    @property
    def term(self) -> Term:
        """The term of the grant that is in force, or of the last one."""
        return Term(self.booth_term, self.last_granted)


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
            booth_term=_number(element.get("term")),
        )
        for element in status.iterfind("tickets/ticket_state")
        if (name := element.get("id"))
    }


def _number(text: str | None) -> int:
    return int(text) if text and _NUMBER.fullmatch(text) else 0
