"""One ticket at all sites, and at which of them its closure is looked at.

Rules of this file: pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from consoles.overview import Cell, Overview
from consoles.values import Object
from qmfagent.errors import UnknownTicket


@dataclass(frozen=True, slots=True)
class TicketThere:
    """A ticket at one site: its state, and the properties of its Ticket object, None where the site has none."""

    cell: Cell
    values: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket. `shown` is the site whose closure is looked at, empty where none has one; `closures` are the sites to choose
    from."""

    name: str
    holders: tuple[str, ...]
    sites: tuple[TicketThere, ...]
    shown: str
    closures: tuple[str, ...]


def ticket_view(name: str, overview: Overview, tickets: Iterable[Object], asked: str) -> TicketView:
    """The view of a ticket; `asked` is the site whose closure is asked for: else it is a holder's.

    Raises UnknownTicket where no site knows the ticket.
    """
    row = next((row for row in overview.rows if row.ticket == name), None)
    if row is None:
        known = ", ".join(row.ticket for row in overview.rows) or "none"
        raise UnknownTicket(f"no site knows ticket {name!r}", hint=f"tickets are: {known}")
    own = {ticket.site: ticket.values for ticket in tickets if ticket.values["name"] == name}
    closures = tuple(sorted(site for site, values in own.items() if values["digest"]))
    held = [site for site in row.holders if site in closures]
    shown = asked if asked in closures else next(iter([*held, *closures]), "")
    return TicketView(
        name, row.holders, tuple(TicketThere(cell, own.get(cell.site)) for cell in row.cells), shown, closures
    )
