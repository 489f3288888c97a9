"""One connection of a client, from socket to end.

Rules of this file: an uplink is ready when the peer has accepted every link; a link that the peer refuses or closes
ends the whole uplink, because a client with half its subscriptions misses messages without knowing. Uplinks are not
reused: client.py makes a new one to reconnect.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from proton import Condition, Delivery, Link

from qmfagent.bus.engine import Engine
from qmfagent.bus.filters import write_subject
from qmfagent.bus.limits import Limits
from qmfagent.bus.outlet import Outlet
from qmfagent.bus.wire import Envelope
from qmfagent.errors import BusError, ConnectionLost, InputError
from qmfagent.qmf.message import Address, Message

log = logging.getLogger(__name__)


class Uplink:
    """Handler of one outgoing connection; a ConnectionHandler.

    `ready` completes when every link is attached, `over` when the connection has ended, with the reason in words.
    """

    def __init__(
        self,
        *,
        receive_from: Iterable[Address],
        send_to: Iterable[str],
        on_message: Callable[[Message], None],
        limits: Limits,
    ) -> None:
        self.engine: Engine
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.ready.add_done_callback(lambda ready: ready.cancelled() or ready.exception())  # may have nobody waiting
        self.over: asyncio.Future[str] = loop.create_future()
        self._receive_from = list(receive_from)
        self._send_to = list(send_to)
        self._on_message = on_message
        self._limits = limits
        self._sources: dict[Link, str] = {}
        self._outlets: dict[Link, Outlet] = {}
        self._pending: set[Link] = set()

    def send(self, node: str, data: bytes) -> asyncio.Future[None]:
        """Send to a node; completes when the peer has accepted the message.

        Raises ConnectionLost where the connection is over already, BusError where we have no link to the node, or more is
        waiting for the peer than the limits allow. The future fails with RemoteError where the peer rejects the message,
        with ConnectionLost where it is gone first.
        """
        if self.over.done():
            raise ConnectionLost(self._lost(self.over.result()))
        for link, outlet in self._outlets.items():
            if link.target.address == node:
                outcome = asyncio.get_running_loop().create_future()
                if not outlet.offer(data, outcome):
                    raise BusError(f"too many messages are waiting for {self.engine.identity.address}")
                return outcome
        raise BusError(f"there is no link to node {node!r}, only to {', '.join(self._send_to)}")

    def on_open(self) -> None:
        """Attach everything. Names are given, because the default is the same for two links to one node."""
        connection = self.engine.connection
        session = connection.session()
        session.open()
        for index, address in enumerate(self._receive_from):
            receiver = session.receiver(f"{address.node}.receive.{index}.{connection.container}")
            receiver.source.address = address.node
            receiver.target.address = address.node
            write_subject(receiver.source, address.subject)
            receiver.max_message_size = self._limits.max_message_size
            receiver.open()
            self.engine.links.replenish(receiver)
            self._sources[receiver] = address.node
        for node in self._send_to:
            sender = session.sender(f"{node}.send.{connection.container}")
            sender.source.address = node
            sender.target.address = node
            sender.open()
            self._outlets[sender] = Outlet(self.engine, sender, self._limits)
        self._pending = {*self._sources, *self._outlets}

    def on_closed(self, reason: str) -> None:
        """Fail everything that is waited for."""
        lost = self._lost(reason)
        for outlet in self._outlets.values():
            outlet.close(lost)
        self._outlets.clear()
        if not self.ready.done():
            self.ready.set_exception(ConnectionLost(lost))
        if not self.over.done():
            self.over.set_result(reason)

    def on_attach(self, link: Link) -> None:
        """Count the links that the peer has accepted; a null terminus announces a refusal."""
        terminus = link.remote_target if link.is_sender else link.remote_source
        if terminus.address is not None:
            self._pending.discard(link)
            if not self._pending and not self.ready.done():
                self.ready.set_result(None)

    def on_detach(self, link: Link, condition: Condition | None) -> None:
        """A link is gone: end the connection, to start afresh."""
        node = link.target.address if link.is_sender else link.source.address
        why = f"{condition.name} {condition.description or ''}".rstrip() if condition else "no reason given"
        self.engine.close(Condition("amqp:connection:forced", f"the link for {node} was closed: {why}"))

    def on_credit(self, link: Link) -> None:
        """Send what has been waiting for credit."""
        if link in self._outlets:
            self._outlets[link].flush()

    def on_message(self, link: Link, data: bytes) -> Condition | None:
        """Hand over a message; one that can't be read is rejected, and the connection goes on."""
        try:
            envelope = Envelope.open(data)
            message = envelope.message(Address(self._sources[link], envelope.subject), envelope.user_id)
        except InputError as error:
            log.warning("rejected a message from %s: %s", self.engine.identity.address, error)
            return Condition("amqp:decode-error", str(error))
        try:
            self._on_message(message)
        except Exception:
            log.exception("failed on a message from %s", self.engine.identity.address)
        return None

    def on_outcome(self, link: Link, delivery: Delivery) -> None:
        """Take the outcome of a message we sent."""
        if link in self._outlets:
            self._outlets[link].settled(delivery)

    def on_writable(self) -> None:
        """Send what has been waiting for the socket."""
        for outlet in self._outlets.values():
            outlet.flush()

    def _lost(self, reason: str) -> str:
        return f"lost the connection with {self.engine.identity.address}: {reason}"
