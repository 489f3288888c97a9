"""The sessions and links of one connection, and what arrives on them.

Rules of this file: sessions are opened as the peer opens them; links and messages go to the handler. A message is
handed over whole; one that grows too large closes its link, too many unfinished ones close the connection. A message
is settled as soon as the handler has said whether it is accepted, and its credit given back.
Source: AMQP 1.0 part 2.6 (links), 2.6.7 (flow control), 2.8.16 (amqp:link:message-size-exceeded).
"""

from __future__ import annotations

from collections.abc import Callable

import proton
from proton import Condition, Delivery, Endpoint, Event, EventType, Link

from qmfagent.bus.connection.handler import ConnectionHandler
from qmfagent.bus.limits.limits import Limits
from qmfagent.errors import ProtocolError
from qmfagent.qmf.fields import shown


class Links:
    """Sessions and links of one connection."""

    def __init__(
        self,
        handler: ConnectionHandler,
        limits: Limits,
        *,
        close: Callable[[Condition], None],
        changed: Callable[[], None],
    ) -> None:
        """`close` ends the connection with a condition, `changed` says that there is something to write."""
        self._handler = handler
        self._limits = limits
        self._close = close
        self._changed = changed
        self._attached: dict[Link, None] = {}
        self._unfinished: dict[Link, int] = {}
        self.actions: dict[EventType, Callable[[Event], None]] = {
            Event.SESSION_REMOTE_OPEN: self._on_session_open,
            Event.SESSION_REMOTE_CLOSE: self._on_session_close,
            Event.LINK_REMOTE_OPEN: self._on_attach,
            Event.LINK_REMOTE_CLOSE: self._on_detach,
            Event.LINK_REMOTE_DETACH: self._on_detach,
            Event.LINK_FLOW: self._on_flow,
            Event.DELIVERY: self._on_delivery,
        }

    def clear(self) -> None:
        """Forget everything: the connection is over."""
        self._attached.clear()
        self._unfinished.clear()
        self.actions = {}

    def refuse(self, link: Link, condition: Condition) -> None:
        """Answer an attach with a link that has no terminus, and close it with the condition."""
        link.open()
        self.detach(link, condition)

    def detach(self, link: Link, condition: Condition | None = None) -> None:
        """Close a link; it is forgotten when the peer has closed it too."""
        if not link.state & Endpoint.LOCAL_CLOSED:
            link.condition = condition
            link.close()
        self._changed()

    def replenish(self, link: proton.Receiver) -> None:
        """Give a sender its credit back once half of it is used up."""
        if link.credit <= self._limits.credit // 2 and not link.state & Endpoint.LOCAL_CLOSED:
            link.flow(self._limits.credit - link.credit)

    def _on_session_open(self, event: Event) -> None:
        if event.session.state & Endpoint.LOCAL_UNINIT:
            event.session.open()

    def _on_session_close(self, event: Event) -> None:
        condition = event.session.remote_condition
        for link in [link for link in self._attached if link.session == event.session]:
            self._forget(link, condition)
        for link in _unanswered(event.session):
            self._handler.on_detach(link, condition)
        event.session.close()
        event.session.free()

    def _on_attach(self, event: Event) -> None:
        # A refused link counts until the peer has closed it too: until then proton keeps it.
        self._attached[event.link] = None
        if len(self._attached) > self._limits.max_links:
            self._close(Condition("amqp:resource-limit-exceeded", f"{self._limits.max_links} links are allowed"))
            return
        try:
            self._handler.on_attach(event.link)
        except (UnicodeDecodeError, ProtocolError) as error:
            self.refuse(event.link, Condition("amqp:decode-error", shown(str(error), 200)))

    def _on_detach(self, event: Event) -> None:
        link = event.link
        self._forget(link, link.remote_condition)
        link.close()
        link.free()

    def _forget(self, link: Link, condition: Condition | None) -> None:
        self._unfinished.pop(link, None)
        if link in self._attached:
            del self._attached[link]
            self._handler.on_detach(link, condition)

    def _on_flow(self, event: Event) -> None:
        if event.link.is_sender and event.link in self._attached:
            self._handler.on_credit(event.link)

    def _on_delivery(self, event: Event) -> None:
        delivery, link = event.delivery, event.link
        if link.is_sender:
            if delivery.updated and link in self._attached:
                self._handler.on_outcome(link, delivery)
        elif not link.state & Endpoint.LOCAL_ACTIVE:
            link.recv(delivery.pending)
        elif delivery.aborted:
            self._unfinished.pop(link, None)
            delivery.settle()
            self.replenish(link)
        elif delivery.pending > self._limits.max_message_size:
            self._too_large(link, delivery)
        elif delivery.partial:
            self._wait_for_more(link, delivery)
        elif delivery.readable:
            self._unfinished.pop(link, None)
            self._receive(link, delivery)

    def _too_large(self, link: proton.Receiver, delivery: Delivery) -> None:
        link.recv(delivery.pending)
        self._unfinished.pop(link, None)
        limit = f"{self._limits.max_message_size} bytes are allowed"
        self.detach(link, Condition("amqp:link:message-size-exceeded", limit))

    def _wait_for_more(self, link: proton.Receiver, delivery: Delivery) -> None:
        self._unfinished[link] = delivery.pending
        if sum(self._unfinished.values()) > 2 * self._limits.max_message_size:
            self._close(Condition("amqp:resource-limit-exceeded", "too many unfinished messages"))

    def _receive(self, link: proton.Receiver, delivery: Delivery) -> None:
        data = link.recv(delivery.pending) or b""
        link.advance()
        condition = self._handler.on_message(link, data)
        if not delivery.settled:
            if condition is not None:
                delivery.local.condition = condition
            delivery.update(Delivery.ACCEPTED if condition is None else Delivery.REJECTED)
        delivery.settle()
        self.replenish(link)


def _unanswered(session: proton.Session) -> list[Link]:
    """The links of a session that we have attached and the peer has not: some brokers refuse with the session's end."""
    links = []
    link = session.connection.link_head(Endpoint.LOCAL_ACTIVE | Endpoint.REMOTE_UNINIT)
    while link is not None:
        if link.session == session:
            links.append(link)
        link = link.next(Endpoint.LOCAL_ACTIVE | Endpoint.REMOTE_UNINIT)
    return links
