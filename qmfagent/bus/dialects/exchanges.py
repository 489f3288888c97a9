"""Our own listener, and qpidd: each exchange is a node, and what is received is chosen by a subject filter.

Rules of this file: a source on an exchange always has a filter, since qpidd binds one without filter to the empty key; `#`
is everything. Nothing is created: qpidd brings QMF's exchanges, the listener has its own. What is neither of them is reached
by the anonymous terminus, and is where a console receives its answers: its own queue, or amq.direct.
Source: qpid-cpp src/qpid/broker/amqp/Filter.cpp (bind), Incoming.cpp (UserId::verify), Relay.
"""

from __future__ import annotations

from collections.abc import Iterable

from qmfagent.bus.dialects.dialect import Inbox, Queue, Route, Source, UserIds
from qmfagent.qmf.message import DIRECT, TOPIC, Address, Message


class Exchanges:
    """The dialect of nodes with subject filters."""

    targets: tuple[str | None, ...] = (TOPIC, DIRECT)
    keeps = False

    def __init__(self, name: str, user_ids: UserIds) -> None:
        self.name = name
        self.user_ids = user_ids

    def queues(self, inboxes: Iterable[Inbox], user: str) -> tuple[Queue, ...]:
        """None: the exchanges are there, and subscriptions make their own queues."""
        return ()

    def sources(self, inboxes: Iterable[Inbox], user: str) -> tuple[Source, ...]:
        """One for each address."""
        return tuple(
            Source(address.node, subject=address.subject, node=address.node)
            for inbox in inboxes
            for address in inbox.addresses
        )

    def route(self, message: Message) -> Route:
        """The exchange, or the anonymous terminus."""
        node = message.to.node
        return Route(node if node in self.targets else None, node)

    def origin(self, source: Source, to: str, subject: str) -> Address:
        """The node of the link: what `to` says is the sender's word."""
        return Address(source.node, subject)
