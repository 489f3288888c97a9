"""How the sites of a test meet: each at the other's own listener, or all at one broker.

Rules of this file: which it is makes no difference to anything else in the tests.
"""

from __future__ import annotations

from typing import Any, Protocol

from qmfagent.bus.console.session import ConsoleSession
from qmfagent.bus.security.credentials import Credentials
from qmfagent.config import BrokerConfig, Listen
from tests.ports import free_port
from tests.rabbitmq.server import RabbitMq

EMBEDDED, RABBITMQ = SITE_BUSES = ("embedded", "rabbitmq")
CONSOLE = "console"
"""The user that consoles log in with at a broker; a site's own user is called like the site."""
SITES = ("sitea", "siteb", "sitec")
ANYBODY = "anybody"
"""A user whom the broker forbids nothing."""


class SiteBus(Protocol):
    """What the sites of a group have in common. `callers` are who consoles and other sites are to an agent there."""

    callers: tuple[str, ...]

    def url(self, site: str) -> str:
        """Where the other sites, and consoles, reach a site."""

    def config(self, site: str) -> dict[str, Any]:
        """What the configuration of a site's agent has of the bus: the arguments of Config."""

    def console(self, site: str, **options: Any) -> ConsoleSession:
        """A console session with a site, or more; not connected yet."""


class Embedded:
    """Every agent listens itself."""

    callers: tuple[str, ...] = ("anonymous",)

    def __init__(self) -> None:
        self._ports: dict[str, int] = {}

    def url(self, site: str) -> str:
        """A port of its own."""
        return f"amqp://127.0.0.1:{self._ports.setdefault(site, free_port())}"

    def config(self, site: str) -> dict[str, Any]:
        """It listens there."""
        return {"listen": Listen(self.url(site), heartbeat=1)}

    def console(self, site: str, **options: Any) -> ConsoleSession:
        """A session at the site's port."""
        return ConsoleSession(self.url(site), **options)


class AtRabbitMq:
    """All are at a real RabbitMQ."""

    callers: tuple[str, ...] = (CONSOLE, *SITES)

    def __init__(self, broker: RabbitMq) -> None:
        self.broker = broker

    def url(self, site: str) -> str:
        """The broker's, for all."""
        return self.broker.url

    def config(self, site: str) -> dict[str, Any]:
        """Its user there."""
        return {"broker": BrokerConfig(self.broker.url, credentials=credentials(site), heartbeat=2)}

    def console(self, site: str, **options: Any) -> ConsoleSession:
        """A session of a console's user."""
        return ConsoleSession(self.broker.url, credentials=credentials(CONSOLE), **options)


def credentials(user: str) -> Credentials:
    """What a user logs in with."""
    return Credentials(user, f"password of {user}")


def add_users(broker: RabbitMq) -> None:
    """The users that AtRabbitMq needs, with the permissions that docs/howto/rabbitmq.md gives them."""
    for site in SITES:
        broker.add_user(site, credentials(site).password, agent_permissions(site), AGENT_TOPICS)
    broker.add_user(ANYBODY, credentials(ANYBODY).password)
    broker.add_user(CONSOLE, credentials(CONSOLE).password, console_permissions(CONSOLE), CONSOLE_TOPICS)


EXCHANGES = r"qmf\.default\.(topic|direct)$"
ANSWERS = r"direct-console\.[0-9a-f-]{36}$"
TOLD = r"agent\.ind\."
CONSOLE_TOPICS = (r"^(console\.request\.|direct-agent\.)", rf"^({TOLD}|{ANSWERS})")
AGENT_TOPICS = (".*", rf"^({TOLD}|{ANSWERS}|console\.|direct-agent\.)")


def agent_permissions(user: str) -> tuple[str, str, str]:
    """What an agent's user may configure, write and read."""
    everything = rf"^(qmf\.{user}\.|{EXCHANGES})"
    return everything, everything, everything


def console_permissions(user: str) -> tuple[str, str, str]:
    """What a console's user may: it declares no exchange, and receives from the topic exchange alone."""
    return rf"^qmf\.{user}\.", rf"^(qmf\.{user}\.|{EXCHANGES})", rf"^(qmf\.{user}\.|qmf\.default\.topic$)"
