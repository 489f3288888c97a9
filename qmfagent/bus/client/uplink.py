"""One connection of a client, from socket to end.

Rules of this file: an uplink is ready when the peer has accepted every link; a link that the peer refuses or closes
ends the whole uplink, because a client with half its subscriptions misses messages without knowing. The one exception is a
link that was opened for a single message's sake: it is refused alone. Uplinks are not reused: connection.py makes a new one
to reconnect.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from proton import Condition, Data, Link, Session, Terminus, symbol

from qmfagent.bus.amqp091.topology import Topology
from qmfagent.bus.connection.engine import Engine
from qmfagent.bus.connection.filters import write_subject
from qmfagent.bus.connection.outlet import Outlet
from qmfagent.bus.connection.sending_handler import SendingHandler
from qmfagent.bus.dialects import Dialect, Source
from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.messages import wire
from qmfagent.bus.messages.wire import Envelope
from qmfagent.bus.router import NodeKind, Router
from qmfagent.errors import BusError, ConnectionLost, InputError
from qmfagent.qmf.message import DIRECT, TOPIC, Address, Message

log = logging.getLogger(__name__)

OnEnvelope = Callable[[Envelope, Address, int], None]
"""Takes a received message, the address it was sent to, and its size in bytes."""


class Uplink(SendingHandler):
    """Handler of one outgoing connection; a ConnectionHandler.

    `opened` completes with the properties of the peer's open, `ready` when every link is attached, `over` when the
    connection has ended, with the reason in words. `dialect` is what the peer speaks, once something is attached;
    `topology` are the queues that were declared for it, where the dialect has some.
    """

    def __init__(self, *, on_envelope: OnEnvelope, limits: Limits) -> None:
        """`on_envelope` gets what arrives; it raises InputError for a message that is to be rejected."""
        super().__init__()
        self.engine: Engine
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[Mapping[str, str]] = loop.create_future()
        self.ready: asyncio.Future[None] = loop.create_future()
        for milestone in (self.opened, self.ready):  # may have nobody waiting
            milestone.add_done_callback(lambda done: done.cancelled() or done.exception())
        self.over: asyncio.Future[str] = loop.create_future()
        self.dialect: Dialect
        self.topology: Topology | None = None
        self._session: Session | None = None
        self._on_envelope = on_envelope
        self._limits = limits
        self._sources: dict[Link, Source] = {}
        self._wanted: dict[Link, Router[None]] = {}
        self._by_target: dict[str | None, Outlet] = {}
        self._late: set[Link] = set()
        self._pending: set[Link] = set()

    def attach(self, dialect: Dialect, sources: Iterable[Source]) -> None:
        """Attach everything. Raises ConnectionLost where the connection is over already."""
        self._require_up()
        self.dialect = dialect
        for index, source in enumerate(sources):
            self._sources[self._attach_receiver(index, source)] = source
        for target in dialect.targets:
            self._attach_sender(target)
        self._pending = {*self._sources, *self._outlets}
        self.engine.schedule_flush()

    def send(self, message: Message, *, durable: bool = False) -> asyncio.Future[None]:
        """Send a message; the future completes when the peer has accepted it.

        A `durable` one is to survive the broker's restart. Raises ConnectionLost where the connection is over already,
        UnknownObject where the message's address can't be reached, ProtocolError where this message can't go there,
        CodecError for a body that has no form, BusError where
        more is waiting for the peer than the limits allow. The future fails with RemoteError where the peer rejects the
        message, with ConnectionLost where it is gone first.
        """
        self._require_up()
        route = self.dialect.route(message)
        data = wire.encode(message, to=route.to, durable=durable)
        outlet = self._by_target.get(route.target)
        if outlet is None:
            outlet = self._attach_sender(route.target, late=True)
        outcome = asyncio.get_running_loop().create_future()
        if not outlet.offer(data, outcome):
            raise BusError(f"too many messages are waiting for {self.engine.identity.address}")
        return outcome

    def receive(self, envelope: Envelope, size: int, source: Source | None = None) -> None:
        """Hand over a message of `size` bytes. Raises ProtocolError and CodecError where it can't be read."""
        to = self.dialect.origin(source or Source(""), envelope.to, envelope.subject)
        try:
            self._on_envelope(envelope, to, size)
        except InputError:
            raise
        except Exception:
            log.exception("failed on a message from %s", self.engine.identity.address)

    def on_open(self) -> None:
        """Tell who the peer is."""
        properties = self.engine.connection.remote_properties or {}
        if not self.opened.done():
            self.opened.set_result({str(key): str(value) for key, value in properties.items()})

    def on_closed(self, reason: str) -> None:
        """Fail everything that is waited for."""
        lost = self._lost(reason)
        for outlet in self._outlets.values():
            outlet.close(lost)
        self._outlets.clear()
        self._by_target.clear()
        for milestone in (self.opened, self.ready):
            if not milestone.done():
                milestone.set_exception(ConnectionLost(lost))
        if not self.over.done():
            self.over.set_result(reason)

    def on_attach(self, link: Link) -> None:
        """Count the links that the peer has accepted; a null terminus that we did not ask for announces a refusal."""
        asked = link.target.address if link.is_sender else link.source.address
        given = link.remote_target.address if link.is_sender else link.remote_source.address
        if given is not None or asked is None:
            self._pending.discard(link)
            if not self._pending and not self.ready.done():
                self.ready.set_result(None)

    def on_detach(self, link: Link, condition: Condition | None) -> None:
        """A link is gone: end the connection, to start afresh."""
        node = (link.target.address if link.is_sender else link.source.address) or "any address"
        why = f"{condition.name} {condition.description or ''}".rstrip() if condition else "no reason given"
        if link in self._late:
            outlet = self._outlets.pop(link)
            self._late.discard(link)
            self._by_target = {target: each for target, each in self._by_target.items() if each is not outlet}
            outlet.close(f"the link for {node} was closed: {why}")
            return
        self.engine.close(Condition("amqp:connection:forced", f"the link for {node} was closed: {why}"))

    def on_message(self, link: Link, data: bytes) -> Condition | None:
        """Hand over a message; one that can't be read is rejected, and the connection goes on."""
        source = self._sources[link]
        try:
            envelope = Envelope.open(data)
            if self._is_wanted(link, source, envelope):
                self.receive(envelope, len(data), source)
        except InputError as error:
            log.warning("rejected a message from %s: %s", self.engine.identity.address, error)
            return Condition("amqp:decode-error", str(error))
        return None

    def _attach_receiver(self, index: int, source: Source) -> Link:
        """Names are given, because the default is the same for two links to one node."""
        connection = self.engine.connection
        name = source.subscription or f"{source.address}.receive.{index}.{connection.container}"
        receiver = self._open_session().receiver(name)
        receiver.source.address = source.address
        receiver.target.address = source.address
        if source.subject is not None:
            write_subject(receiver.source, source.subject)
        if source.capabilities:
            _put_symbols(receiver.source.capabilities, source.capabilities)
        if source.subscription:
            receiver.source.durability = Terminus.DELIVERIES
            receiver.source.expiry_policy = Terminus.EXPIRE_NEVER
        if source.only:
            self._wanted[receiver] = _router(source)
        receiver.max_message_size = self._limits.max_message_size
        receiver.open()
        self.engine.links.replenish(receiver)
        return receiver

    def _attach_sender(self, target: str | None, *, late: bool = False) -> Outlet:
        sender = self._open_session().sender(f"{target or 'any'}.send.{self.engine.connection.container}")
        sender.source.address = target or "any"
        sender.target.address = target
        sender.open()
        outlet = self._outlets[sender] = self._by_target[target] = Outlet(self.engine, sender, self._limits)
        if late:
            self._late.add(sender)
            self.engine.schedule_flush()
        return outlet

    def _open_session(self) -> Session:
        if self._session is None:
            self._session = self.engine.connection.session()
            self._session.open()
        return self._session

    def _is_wanted(self, link: Link, source: Source, envelope: Envelope) -> bool:
        wanted = self._wanted.get(link)
        if wanted is None:
            return True
        to = self.dialect.origin(source, envelope.to, envelope.subject)
        return to.node in wanted and bool(wanted.route(to.node, to.subject))

    def _require_up(self) -> None:
        if self.over.done():
            raise ConnectionLost(self._lost(self.over.result()))

    def _lost(self, reason: str) -> str:
        return f"lost the connection with {self.engine.identity.address}: {reason}"


def _router(source: Source) -> Router[None]:
    router: Router[None] = Router()
    router.declare(TOPIC, NodeKind.TOPIC)
    router.declare(DIRECT, NodeKind.DIRECT)
    for address in source.only:
        router.subscribe(None, address.node, address.subject)
    return router


def _put_symbols(data: Data, names: Iterable[str]) -> None:
    data.put_array(False, Data.SYMBOL)
    data.enter()
    for name in names:
        data.put_symbol(symbol(name))
    data.exit()
