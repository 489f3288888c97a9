"""The agent's bus: its own listener, or a broker.

Rules of this file: one of the two, by the configuration; the agent can't tell which.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from qmfagent.bus.broker.broker import Broker
from qmfagent.bus.listener.endpoint import Endpoint
from qmfagent.bus.listener.listener import Listener, Management
from qmfagent.bus.load import BusLoad
from qmfagent.bus.security.identity import Identity
from qmfagent.config import Config
from qmfagent.errors import Refused
from qmfagent.management.message import Response
from qmfagent.qmf.agent import Agent
from qmfagent.qmf.message import Address, Message


class AgentBus(Protocol):
    """What carries an agent's messages."""

    async def start(self) -> int:
        """Open it; the port it is reached at. Raises ConfigError and BusError where it can't be opened."""

    def send(self, message: Message, sequence: int | None = None) -> None:
        """Send a message, without waiting; one with a `sequence` may be left out for a slow receiver. Raises QmfAgentError."""

    def taken(self, address: Address) -> bool:
        """Whether anybody may receive what is sent to an address."""

    @property
    def load(self) -> BusLoad:
        """What it has to do now."""

    def manage(self, management: Management) -> None:
        """Offer AMQP Management, where this bus has a management node of the agent's own."""

    def respond(self, response: Response) -> None:
        """Send the response to a management request. Raises UnknownObject where its address is not (or no more) there."""

    async def stop(self) -> None:
        """Close it, in two seconds at most."""


def make_bus(
    config: Config,
    agent: Agent,
    *,
    on_message: Callable[[Message, Identity], None],
    on_up: Callable[[], None],
    on_missed: Callable[[int, int], Message],
    on_refused: Callable[[Message, Refused], None],
) -> AgentBus:
    """The bus that is configured. `on_up` is called whenever a broker can be reached (again); the others are as Listener's.

    Raises ConfigError for what can't be used.
    """

    def admit(identity: Identity) -> bool:
        return config.access.admits(identity.user)

    if config.broker is not None:
        return Broker(
            config.broker.url,
            tls=config.broker.tls,
            credentials=config.broker.credentials,
            user=config.broker.user,
            dialect=config.broker.dialect,
            verified_user_ids=config.broker.verified_user_ids,
            addresses=agent.addresses(),
            on_message=on_message,
            on_up=on_up,
            on_refused=on_refused,
            admit=admit,
            agent=agent.name,
            limits=config.limits,
        )
    return Listener(
        config.listen.url,
        tls=config.tls,
        more=_password_endpoints(config),
        addresses=agent.addresses(),
        on_message=on_message,
        agent=agent.name,
        admit=admit,
        limits=config.limits,
        on_missed=on_missed,
        on_refused=on_refused,
    )


def _password_endpoints(config: Config) -> list[Endpoint]:
    """The port where peers log in with passwords, if there is to be one."""
    listen = config.listen
    return [Endpoint(listen.password_url, config.tls, listen.users)] if listen.password_url else []
