"""The view of a ticket: which site's closure is looked at."""

from __future__ import annotations

import pytest

from consoles.overview import overview
from consoles.picture import Picture
from consoles.tickets import ticket_statuses
from consoles.values import Object
from consoles.web.views.ticket import TicketView, ticket_view
from qmfagent.errors import UnknownTicket


def ticket(site: str, *, granted: bool = False, digest: str = "d") -> Object:
    values = {"name": "db", "granted": granted, "standby": False, "mode": "manual", "digest": digest}
    return Object(site, "Ticket", "Ticket:db", values)


def view(*tickets: Object, asked: str = "") -> TicketView:
    picture = Picture(1, (), tuple(ticket_statuses(tickets, [])))
    return ticket_view("db", overview(picture, frozenset()), tickets, asked)


def test_the_closure_is_the_holders_unless_another_is_asked_for() -> None:
    both = (ticket("lyon"), ticket("paris", granted=True))
    assert (view(*both).holders, view(*both).shown) == (("paris",), "paris")
    assert view(*both, asked="lyon").shown == "lyon"
    assert view(*both, asked="nowhere").shown == "paris"
    assert view(ticket("lyon"), ticket("paris", granted=True, digest="")).shown == "lyon"
    assert view(ticket("lyon", digest="")).shown == ""


def test_a_ticket_that_nobody_knows() -> None:
    with pytest.raises(UnknownTicket, match="tickets are: none"):
        view()
