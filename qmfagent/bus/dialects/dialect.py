"""What a client asks of a dialect, as values.

Rules of this file: pure; nothing here knows proton. An Address is QMF's, exchange and routing key; a terminus is what an
AMQP 1.0 link is attached to. QMF's form stays inside the messages (reply-to, subject), each side translates it for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from qmfagent.qmf.message import Address, Message


class Role(Enum):
    """What an inbox is for: the requests to an agent, what a console is told, or the events of a durable subscriber."""

    AGENT = "agent"
    CONSOLE = "console"
    EVENTS = "events"


class UserIds(Enum):
    """Whether the user-id of a received message is who sent it."""

    VERIFIED = "verified"
    """Always: nothing with another user's id comes through."""
    IF_CONFIGURED = "if configured"
    """If the broker is set up to check it, which a client can't see."""
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class Inbox:
    """What one client receives. `name` tells it from the user's others of the same role; a subscriber keeps its own."""

    role: Role
    name: str
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """The source terminus of one receiving link.

    `subject` filters by subject, None asks for no filter. `node` is the exchange that everything comes from here, empty
    where each message tells it. `subscription` names a durable subscription, which outlives the link. `only` are the
    addresses to keep of what comes, because the source can't be made that fine; empty keeps everything.
    """

    address: str
    subject: str | None = None
    node: str = ""
    capabilities: tuple[str, ...] = ()
    subscription: str = ""
    only: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue to declare over AMQP 0-9-1, with its bindings.

    An `exclusive` one belongs to the connection that declares it, is consumed there and goes with it; an `auto_delete` one
    goes with its last consumer. `arguments` are the broker's x-arguments.
    """

    name: str
    bindings: tuple[Address, ...]
    durable: bool = False
    exclusive: bool = False
    auto_delete: bool = False
    arguments: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """How a message gets to an address: the target terminus of the link, None for the anonymous one, and the `to` it bears."""

    target: str | None
    to: str


class Dialect(Protocol):
    """One way to name things. Where there are queues to declare, `user` is part of their names, so that permissions can be."""

    name: str
    targets: tuple[str | None, ...]
    """What to attach senders to when the connection opens; a route may lead to others."""
    user_ids: UserIds
    keeps: bool
    """Whether an inbox of role EVENTS is kept while its owner is away."""

    def queues(self, inboxes: Iterable[Inbox], user: str) -> tuple[Queue, ...]:
        """What must be declared before anything is attached."""

    def sources(self, inboxes: Iterable[Inbox], user: str) -> tuple[Source, ...]:
        """What to attach receivers to."""

    def route(self, message: Message) -> Route:
        """How to send a message. Raises UnknownObject where none can get to its address, ProtocolError where this can't."""

    def origin(self, source: Source, to: str, subject: str) -> Address:
        """The address that a received message was sent to, from its `to` and subject."""
