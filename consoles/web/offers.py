"""What a user is offered to do with a ticket: what would change something, and what the agents let him.

Rules of this file: it decides what is offered, never what is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from consoles.ticket_actions import ACTION_LABELS, possible
from consoles.tickets import HOLDER, TicketAt, TicketStatus
from consoles.web.visiting import Visit


@dataclass(frozen=True, slots=True)
class Offers:
    """What is offered at one site: actions, each with what a link to it says, and whether a drill is."""

    actions: tuple[tuple[str, str], ...] = ()
    drill: bool = False


async def ticket_offers(visit: Visit, status: TicketStatus) -> Mapping[str, Offers]:
    """What is offered of a ticket, by site, for every site of its status."""
    return {at.site: await _offers(visit, status.name, at) for at in status.sites}


async def _offers(visit: Visit, ticket: str, at: TicketAt) -> Offers:
    allowed = [each for each in possible(at) if await visit.may(at.site, f"Ticket.{each}", ticket)]
    runs = at.state == HOLDER and not at.standby
    drill = not runs and await visit.may(at.site, "Site.drill", ticket)
    return Offers(tuple((each, ACTION_LABELS[each]) for each in allowed), drill)
