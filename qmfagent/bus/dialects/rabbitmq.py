"""RabbitMQ: exchanges like QMF's own, and a queue for each receiver.

Rules of this file: every receiver has a queue of its own, with the user's name in its name; AMQP 1.0 can declare neither
queue nor binding here, so both are declared over AMQP 0-9-1. What waits is bounded everywhere, the oldest goes first.
- agent: exclusive, consumed where it was declared: a request never waits for an agent that is gone. And there alone is the
  user-id sure to be the sender's. The broker compares a message's user-id property with the user that publishes it; but
  receivers of AMQP 1.0 are given what the header x-amqp-1.0-properties holds, which any client of AMQP 0-9-1 can write.
- console: goes with its console, or after a minute where that has never come to receive from it.
- events: survives its subscriber's absence for a week, and a restart of the broker.
An answer goes to QMF's exchanges alone. A link to anything else would end the session with all other links where it does
not exist or is not allowed, and what it is the asker chooses. So would a routing key or correlation id of more than 255 bytes.
Source: RabbitMQ 3.10 rabbitmq_amqp1_0 (addresses, message conversion), seen; RabbitMQ 4 documentation, "AMQP 1.0",
address v2.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from urllib.parse import quote, unquote

from qmfagent.bus.dialects.dialect import Inbox, Queue, Role, Route, Source, UserIds
from qmfagent.errors import ProtocolError, UnknownObject
from qmfagent.qmf.message import DIRECT, TOPIC, Address, Message

EXCHANGES = {TOPIC: "topic", DIRECT: "direct"}
"""QMF's exchanges here, and their types."""
SHORT_STRING = 255
"""Bytes of a short string of AMQP 0-9-1."""

MINUTE = 60 * 1000
WEEK = 7 * 24 * 60 * MINUTE
MIB = 1024 * 1024

_LIMITS: dict[Role, dict[str, int | str]] = {
    Role.AGENT: {"x-max-length": 1000, "x-max-length-bytes": 64 * MIB},
    Role.CONSOLE: {"x-max-length": 10_000, "x-max-length-bytes": 256 * MIB, "x-expires": MINUTE},
    Role.EVENTS: {"x-max-length": 10_000, "x-max-length-bytes": 64 * MIB, "x-expires": WEEK},
}


class RabbitMq(ABC):
    """What both series have in common."""

    name: str
    targets: tuple[str | None, ...]
    user_ids = UserIds.VERIFIED
    keeps = True

    def queues(self, inboxes: Iterable[Inbox], user: str) -> tuple[Queue, ...]:
        """One for each inbox."""
        return tuple(
            Queue(
                _queue_name(inbox, user),
                inbox.addresses,
                durable=inbox.role is Role.EVENTS,
                exclusive=inbox.role is Role.AGENT,
                auto_delete=inbox.role is Role.CONSOLE,
                arguments={**_LIMITS[inbox.role], "x-overflow": "drop-head"},
            )
            for inbox in inboxes
        )

    def sources(self, inboxes: Iterable[Inbox], user: str) -> tuple[Source, ...]:
        """The queues that are not consumed where they were declared."""
        return tuple(
            Source(self._queue_address(_queue_name(inbox, user))) for inbox in inboxes if inbox.role is not Role.AGENT
        )

    @abstractmethod
    def _queue_address(self, queue: str) -> str: ...


class RabbitMq3(RabbitMq):
    """RabbitMQ 3 with the plugin rabbitmq_amqp1_0: the subject is the routing key."""

    name = "rabbitmq-3"
    targets: tuple[str | None, ...] = tuple(f"/exchange/{exchange}" for exchange in EXCHANGES)

    def route(self, message: Message) -> Route:
        """The link to the exchange."""
        _check(message)
        return Route(f"/exchange/{message.to.node}", message.to.node)

    def origin(self, source: Source, to: str, subject: str) -> Address:
        """As the message says: `to` is what its sender wrote, and a queue may be bound to both exchanges."""
        return Address(to if to in EXCHANGES else TOPIC, subject)

    def _queue_address(self, queue: str) -> str:
        # /queue/NAME would declare it again, with other properties, and fail. A slash is all that the plugin unquotes.
        return f"/amq/queue/{queue.replace('/', '%2F')}"


class RabbitMq4(RabbitMq):
    """RabbitMQ 4: the routing key is part of the address, which every message bears itself."""

    name = "rabbitmq-4"
    targets: tuple[str | None, ...] = (None,)

    def route(self, message: Message) -> Route:
        """The anonymous terminus: a link for each routing key would be one for each answer."""
        _check(message)
        exchange, key = (quote(part, safe="") for part in (message.to.node, message.to.subject))
        return Route(None, f"/exchanges/{exchange}/{key}")

    def origin(self, source: Source, to: str, subject: str) -> Address:
        """Exchange and key of the address that the message bears."""
        parts = to.split("/")
        if len(parts) == 4 and parts[1] == "exchanges":
            return Address(unquote(parts[2]), unquote(parts[3]))
        return Address(to if to in EXCHANGES else TOPIC, subject)

    def _queue_address(self, queue: str) -> str:
        return f"/queues/{quote(queue, safe='')}"


def _queue_name(inbox: Inbox, user: str) -> str:
    return f"qmf.{user or 'anonymous'}.{inbox.role.value}.{inbox.name}"


def _check(message: Message) -> None:
    """Raise UnknownObject or ProtocolError for a message that would end the session."""
    if message.to.node not in EXCHANGES:
        raise UnknownObject(
            f"nothing is sent to {message.to.node!r:.80} at RabbitMQ",
            hint=f"give a reply-to on {TOPIC} or {DIRECT}, and bind a queue there",
        )
    for what, text in (("routing key", message.to.subject), ("correlation-id", message.correlation_id or "")):
        size = len(text.encode(errors="replace"))
        if size > SHORT_STRING:
            raise ProtocolError(f"a {what} of {size} bytes, {SHORT_STRING} are allowed at RabbitMQ")
