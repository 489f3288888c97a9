"""The scripting API of qmfagent: query, follow and steer the sites of a geo cluster.

    with Console(["amqp://127.0.0.1:5672"]) as console:
        for ticket in console.tickets():
            print(ticket.name, ticket.holders)
        plan = console.plan("siteb", "ticket-db")
        if plan.token:
            console.apply("siteb", plan.token)

    async with AsyncConsole(["amqp://127.0.0.1:5672"]) as console:
        with console.subscribe(events=["applied"]) as events:
            async for event in events:
                print(event)

Rules of this file: it holds the public names and nothing else; other modules of this package may change. Errors are
those of qmfagent.errors.
"""

from __future__ import annotations

from consoles.asynchronous import AsyncConsole
from consoles.subscription import Subscription
from consoles.synchronous import Console, Events
from consoles.tickets import TicketAt, TicketStatus
from consoles.values import Announcement, Applied, Event, Gap, Object, Plan, Position, SiteFound, SiteLost

__all__ = [
    "Announcement",
    "Applied",
    "AsyncConsole",
    "Console",
    "Event",
    "Events",
    "Gap",
    "Object",
    "Plan",
    "Position",
    "SiteFound",
    "SiteLost",
    "Subscription",
    "TicketAt",
    "TicketStatus",
]
