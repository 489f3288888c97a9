"""One connection that the listener has accepted.

Rules of this file: what may be attached is decided here - a source is a node of the router (with a subject filter on
a topic or direct node) or dynamic, a target is such a node or null (the anonymous relay). Anything else is refused:
an unknown node with amqp:not-found, the rest with amqp:not-implemented. What one receiver has alone, nobody else may
receive: answers may hold what their reader alone may see. Everything the peer had is given back when its
link, session, connection or socket ends.
Source: AMQP 1.0 part 3.5 (sources and targets); qpid-cpp's ConsoleSession and AgentSession for what QMF peers attach.
"""

from __future__ import annotations

import logging
from typing import Protocol
from uuid import uuid4

from proton import Condition, Link, Terminus

from qmfagent.bus.connection.engine import Engine
from qmfagent.bus.connection.filters import read_subject, write_subject
from qmfagent.bus.connection.outlet import Missed, Outlet
from qmfagent.bus.connection.sending_handler import SendingHandler
from qmfagent.bus.limits.admission import Admission
from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.listener.capabilities import answer, wants_values
from qmfagent.bus.router import NodeKind, Router
from qmfagent.bus.security.identity import Identity
from qmfagent.errors import InputError
from qmfagent.management.message import NODE as MANAGEMENT
from qmfagent.qmf.fields import shown

log = logging.getLogger(__name__)

ANY_SUBJECT = "#"


class Exchange(Protocol):
    """The side of the listener that a peer sees."""

    router: Router[Outlet | None]
    limits: Limits

    def missed(self, *, as_value: bool) -> Missed | None:
        """What makes the messages that tell a receiver what it missed; None where nothing is left out."""

    def publish(self, node: str | None, data: bytes, identity: Identity, admission: Admission) -> Condition | None:
        """Route a message from a peer. `node` is None where the message names its node itself (`to`); `admission` is what
        its connection has asked for lately."""

    def admits(self, identity: Identity) -> bool:
        """Whether a peer may stay, now that it is known who it is."""

    def dropped(self, count: int) -> None:
        """Take note that so many messages to peers are never sent."""

    def opened(self, peer: Peer) -> None:
        """Take note that a peer has opened its connection."""

    def forget(self, peer: Peer) -> None:
        """Drop a peer whose connection is over."""


class Peer(SendingHandler):
    """Handler of one accepted connection; a ConnectionHandler."""

    def __init__(self, exchange: Exchange, *, welcome: bool = True) -> None:
        """`exchange` is where its messages go; one that is not `welcome` is closed as soon as it can be told why."""
        super().__init__()
        self.engine: Engine
        self._welcome = welcome
        self._exchange = exchange
        self._admission = Admission(exchange.limits)
        self._targets: dict[Link, str | None] = {}
        self._dynamic: dict[Link, str] = {}

    def on_open(self) -> None:
        """Note who it is, and close a connection that is not to be."""
        self._exchange.opened(self)
        if not self._welcome:
            allowed = f"{self._exchange.limits.max_connections} connections are served here, and as many are open"
            self.engine.close(Condition("amqp:resource-limit-exceeded", allowed))
        elif self._exchange.admits(self.engine.identity):
            log.info("connected: %s", self.engine.identity)
        else:
            self._welcome = False
            log.warning("not admitted: %s", self.engine.identity)
            user = self.engine.identity.user
            hint = "if it is to, give it a role under [[access]] in this agent's configuration"
            self.engine.close(Condition("amqp:unauthorized-access", f"{user} may not connect here; {hint}"))

    def on_closed(self, reason: str) -> None:
        """Give back everything."""
        log.info("connection with %s over: %s", self.engine.identity.address, reason)
        for link in list(self._outlets):
            self._drop(link, reason)
        self._targets.clear()
        self._exchange.forget(self)

    def on_attach(self, link: Link) -> None:
        """Accept or refuse a link."""
        if not self._welcome:
            return
        if link.is_sender:
            self._attach_source(link)
        else:
            self._attach_target(link)

    def on_detach(self, link: Link, condition: Condition | None) -> None:
        """Give back one link."""
        self._drop(link, "the peer closed the link")

    def on_message(self, link: Link, data: bytes) -> Condition | None:
        """Route a message."""
        return self._exchange.publish(self._targets[link], data, self.engine.identity, self._admission)

    def overflowed(self, outlet: Outlet) -> None:
        """Close the link of a receiver that is too slow for what can't be left out: it finds out and attaches again."""
        for link in [link for link, mine in self._outlets.items() if mine is outlet]:
            log.warning("%s reads %s too slowly", self.engine.identity.address, link.source.address)
            self._drop(link, "too slow")
            waiting = f"more than {self._exchange.limits.queue_messages} messages or "
            waiting += f"{self._exchange.limits.queue_bytes} bytes were waiting"
            self.engine.links.detach(link, Condition("amqp:resource-limit-exceeded", waiting))

    def _attach_source(self, link: Link) -> None:
        remote = link.remote_source
        subject, as_value = read_subject(remote), wants_values(remote)
        node = f"reply-{uuid4().hex}" if remote.dynamic else remote.address
        if node == MANAGEMENT:
            # Whoever received from it would see what others ask.
            self.engine.links.refuse(link, Condition("amqp:not-allowed", f"{node} takes requests, and has no messages"))
            return
        if remote.dynamic:
            self._exchange.router.declare(node, NodeKind.QUEUE)
            self._dynamic[link] = node
        if not node or node not in self._exchange.router:
            self.engine.links.refuse(link, Condition("amqp:not-found", f"there is no node {shown(node)} here"))
            return
        pattern = ANY_SUBJECT if subject is None else subject
        if not self._may_receive(node, pattern):
            held = f"what is sent to {shown(pattern)} at {shown(node)} is for another"
            log.warning("%s may not receive: %s", self.engine.identity, held)
            self.engine.links.refuse(link, Condition("amqp:not-allowed", held))
            return
        outlet = Outlet(
            self.engine,
            link,
            self._exchange.limits,
            on_overflow=self.overflowed,
            missed=self._exchange.missed(as_value=as_value),
            as_value=as_value,
            on_dropped=self._exchange.dropped,
        )
        try:
            self._exchange.router.subscribe(outlet, node, pattern)
        except InputError as error:
            self._drop(link, str(error))
            self.engine.links.refuse(link, Condition("amqp:invalid-field", str(error)))
            return
        self._outlets[link] = outlet
        link.source.copy(remote)
        link.source.address = node
        link.source.filter.clear()
        answer(link.source, as_value)
        if subject is not None:
            write_subject(link.source, subject)
        link.target.copy(link.remote_target)
        link.snd_settle_mode = link.remote_snd_settle_mode
        link.open()

    def _may_receive(self, node: str, pattern: str) -> bool:
        """Whether nobody else has what is meant for one receiver alone: answers, and the agent's own requests."""
        holders = self._exchange.router.holders(node, pattern)
        user = self.engine.identity.user
        return all(holder is not None and holder.identity.user == user for holder in holders)

    def _attach_target(self, link: Link) -> None:
        remote = link.remote_target
        if remote.type == Terminus.COORDINATOR or remote.dynamic:
            self.engine.links.refuse(
                link, Condition("amqp:not-implemented", "neither transactions nor dynamic targets")
            )
            return
        if remote.address and remote.address not in self._exchange.router:
            self.engine.links.refuse(
                link, Condition("amqp:not-found", f"there is no node {shown(remote.address)} here")
            )
            return
        self._targets[link] = remote.address or None
        link.source.copy(link.remote_source)
        link.target.copy(remote)
        link.max_message_size = self._exchange.limits.max_message_size
        link.snd_settle_mode = link.remote_snd_settle_mode
        link.open()
        self.engine.links.replenish(link)

    def _drop(self, link: Link, reason: str) -> None:
        self._targets.pop(link, None)
        outlet = self._outlets.pop(link, None)
        if outlet is not None:
            self._exchange.router.unsubscribe(outlet)
            outlet.close(reason)
        node = self._dynamic.pop(link, None)
        if node is not None:
            self._exchange.router.delete(node)
