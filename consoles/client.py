"""The scripting API of qmfagent: query, follow and steer the sites of a geo cluster.

    with from_environment().console() as console:
        for ticket in console.tickets():
            print(ticket.name, ticket.holders)
        plan = console.plan("siteb", "ticket-db")
        print(plan.text)
        if plan.token:
            console.apply("siteb", plan.token)

    async with AsyncConsole(["amqp://127.0.0.1:5672", "amqp://127.0.0.1:5673"]) as console:
        with console.subscribe(events=["applied"]) as events:
            async for event in events:
                print(event)

Rules of this file: it holds the public names; other modules may change. What goes wrong is raised as QmfAgentError, or one of
its kinds.
"""

from __future__ import annotations

import logging

from consoles.asynchronous import AsyncConsole
from consoles.environment import from_environment
from consoles.everywhere import SiteOutcome, SitePlan
from consoles.permissions import Permission, Permissions
from consoles.settings import Settings
from consoles.subscription import Subscription
from consoles.synchronous import Console, Events
from consoles.tickets import TicketAt, TicketStatus
from consoles.values import (
    Announcement,
    Applied,
    Configuration,
    Event,
    Gap,
    Object,
    Plan,
    Position,
    SiteFound,
    SiteLost,
)
from qmfagent.bus.security.credentials import Credentials
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.errors import (
    BusError,
    ConfigError,
    ConnectionLost,
    QmfAgentError,
    Refused,
    RemoteError,
    RequestTimeout,
    UnknownObject,
)
from qmfagent.qmf.classes import SchemaClass

__all__ = [
    "Announcement",
    "Applied",
    "AsyncConsole",
    "BusError",
    "ConfigError",
    "Configuration",
    "ConnectionLost",
    "Console",
    "Credentials",
    "Event",
    "Events",
    "Gap",
    "Object",
    "Permission",
    "Permissions",
    "Plan",
    "Position",
    "QmfAgentError",
    "Refused",
    "RemoteError",
    "RequestTimeout",
    "SchemaClass",
    "Settings",
    "SiteFound",
    "SiteLost",
    "SiteOutcome",
    "SitePlan",
    "Subscription",
    "TicketAt",
    "TicketStatus",
    "TlsConfig",
    "UnknownObject",
    "from_environment",
]

# A script that has not asked for the log is told by errors and on_problem.
logging.getLogger("qmfagent").addHandler(logging.NullHandler())
