"""Artemis, and routers (skupper-router, qpid-dispatch): addresses without exchanges, each of which is multicast.

Rules of this file: there is no exchange and key; a message goes to an address, and every receiver there has a copy. Routers
have no wildcards in what a receiver attaches to, Artemis does; what both can do is used. An exchange is the beginning of its
addresses, the rest is
- of a direct exchange, the key: `qmf.default.direct.KEY`;
- of the topic exchange, the whole subject where it belongs to one receiver (`direct-...`), else its first word:
  `qmf.default.topic.direct-console.UUID`, `qmf.default.topic.agent`. Receivers leave out what does not match their pattern.
So an answer reaches the console that asked alone, and what agents tell everybody reaches every console whole.
The broker must make addresses that begin with `qmf.default.` multicast (see docs/howto/brokers.md), and knows no user-id.
Source: skupper-router's and qpid-dispatch's `address` entity (prefix, distribution), anonymous terminus; Artemis' manual,
"AMQP" (topic and queue capabilities, durable subscriptions) and "Address Settings" (default-address-routing-type).
"""

from __future__ import annotations

from collections.abc import Iterable

from qmfagent.bus.dialects.dialect import Inbox, Queue, Role, Route, Source, UserIds
from qmfagent.bus.router import ONE_RECEIVER
from qmfagent.qmf.message import DIRECT, TOPIC, Address, Message

CAPABILITIES = ("topic",)


class Multicast:
    """The dialect of multicast addresses."""

    targets: tuple[str | None, ...] = (None,)
    user_ids = UserIds.UNVERIFIED

    def __init__(self, name: str, *, keeps: bool) -> None:
        """`keeps` says whether the broker has durable subscriptions."""
        self.name = name
        self.keeps = keeps

    def queues(self, inboxes: Iterable[Inbox], user: str) -> tuple[Queue, ...]:
        """None: addresses are there as soon as they are used."""
        return ()

    def sources(self, inboxes: Iterable[Inbox], user: str) -> tuple[Source, ...]:
        """One for each multicast address; several patterns may lie on one."""
        sources = []
        for inbox in inboxes:
            places: dict[str, list[Address]] = {}
            for address in inbox.addresses:
                places.setdefault(_place(address), []).append(address)
            lasting = self.keeps and inbox.role is Role.EVENTS
            sources += [
                Source(
                    place,
                    capabilities=CAPABILITIES,
                    subscription=f"{inbox.name}.{place}" if lasting else "",
                    only=tuple(addresses),
                )
                for place, addresses in places.items()
            ]
        return tuple(sources)

    def route(self, message: Message) -> Route:
        """The anonymous terminus, with the multicast address; what is on no exchange of QMF's has its own address."""
        to = message.to
        return Route(None, _place(to) if to.node in (TOPIC, DIRECT) else str(to))

    def origin(self, source: Source, to: str, subject: str) -> Address:
        """The exchange that the address begins with, and the message's subject."""
        return Address(DIRECT if source.address.startswith(f"{DIRECT}.") else TOPIC, subject)


def _place(address: Address) -> str:
    subject = address.subject
    if address.node == TOPIC and not subject.startswith(ONE_RECEIVER):
        subject = subject.partition(".")[0]
    return f"{address.node}.{subject}"
