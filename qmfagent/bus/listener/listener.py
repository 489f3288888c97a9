"""The agent's own AMQP 1.0 node: consoles and other agents connect to it, no broker is needed.

Rules of this file: there are three nodes - qmf.default.topic, qmf.default.direct, amq.direct (the last because C++ consoles
refuse to open without it) - and dynamic ones for replies; where there is AMQP Management, its node $management too. A message
goes to every link whose filter matches, to the agent's own addresses too, whoever sent it, so that foreign consoles and agents
reach each other here. It is encoded once, and the same bytes go out on every link; the agent's own once more where a receiver
asks for bodies in AMQP 1.0's own types. All its ports share the nodes. The number of connections is bounded: one too many is
told so and closed, and dropped at once where even those are too many. So is one that is not admitted. Those that have not
opened yet keep nobody out: they make room.
Source: the behaviour of qpidd's management exchanges, as QMF v2 peers expect it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol, cast
from uuid import uuid4

from proton import Condition

from qmfagent.bus.connection.engine import Engine
from qmfagent.bus.connection.outlet import Missed, Outlet
from qmfagent.bus.limits.admission import Admission
from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.listener.endpoint import Endpoint
from qmfagent.bus.listener.peer import Peer
from qmfagent.bus.listener.seats import Seats
from qmfagent.bus.load import BusLoad
from qmfagent.bus.messages import management as management_wire
from qmfagent.bus.messages import wire
from qmfagent.bus.messages.stamp import stamped
from qmfagent.bus.router import NodeKind, Router
from qmfagent.bus.security.identity import Identity
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.errors import InputError, Refused, UnknownObject
from qmfagent.management.message import NODE as MANAGEMENT
from qmfagent.management.message import Request, Response
from qmfagent.qmf.message import DIRECT, TOPIC, Address, Message

log = logging.getLogger(__name__)

AMQ_DIRECT = "amq.direct"
REFUSALS = 32
"""How many connections above the limit may wait to be told that they are too many."""
LOCAL = None

OnMessage = Callable[[Message, Identity], None]


class Management(Protocol):
    """What answers the requests to $management. Neither method may block."""

    def take(self, request: Request) -> None:
        """Answer a request, by `Listener.respond`."""

    def refuse(self, request: Request, refusal: Refused) -> None:
        """Answer a request that exceeds the limits, with the refusal."""


class Listener:
    """An embedded AMQP 1.0 listener for QMF v2."""

    def __init__(
        self,
        url: str,
        *,
        tls: TlsConfig | None = None,
        more: Iterable[Endpoint] = (),
        addresses: Iterable[Address] = (),
        on_message: OnMessage,
        agent: str = "",
        limits: Limits | None = None,
        on_missed: Callable[[int, int], Message] | None = None,
        on_refused: Callable[[Message, Refused], None] = lambda message, refusal: None,
        admit: Callable[[Identity], bool] = lambda identity: True,
    ) -> None:
        """Prepare to listen at `url` (amqp://HOST:PORT or amqps://HOST:PORT; port 0 takes a free one), and at `more`.

        `addresses` are the agent's own: node and subject pattern. `on_message` gets each QMF message that arrives for
        them, with the identity of the connection it came from; it must not block. Its user_id is that identity's user.
        `agent` is the agent's name: no peer may speak in it. `admit` decides who may connect at all.
        `on_missed` makes the message that tells a receiver what it missed: the sequence of the first message that was
        left out, and how many were; without it nothing is left out, and a link is closed instead. `on_refused` gets each
        request to the agent that exceeds the limits, without its body, to be answered with the refusal.
        Raises ConfigError for a URL or certificates that can't be used.
        """
        self.limits = limits or Limits()
        self.router: Router[Outlet | None] = Router()
        self.router.declare(TOPIC, NodeKind.TOPIC)
        self.router.declare(DIRECT, NodeKind.DIRECT)
        self.router.declare(AMQ_DIRECT, NodeKind.DIRECT)
        for address in addresses:
            self.router.subscribe(LOCAL, address.node, address.subject)
        self._endpoints = [Endpoint(url, tls), *more]
        self._on_message = on_message
        self._agent = agent
        self._container = f"qmfagent-{uuid4()}"
        self._served: Seats[Peer] = Seats(self.limits.max_connections)
        self._refused: Seats[Peer] = Seats(REFUSALS)
        self._servers: list[asyncio.Server] = []
        self._admit = admit
        self._on_refused = on_refused
        self._management: Management | None = None
        self._on_missed = on_missed
        self._dropped = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self) -> int:
        """Listen; the port of the first endpoint.

        Raises ConfigError where an address is unsafe, BusError where it can't be had; then it listens nowhere.
        """
        try:
            for endpoint in self._endpoints:
                self._servers.append(await endpoint.open(partial(self._accept, endpoint)))
        except BaseException:
            self._close_servers()
            raise
        for endpoint, port in zip(self._endpoints, self.ports, strict=True):
            log.info("listening at %s (port %d)", endpoint.url, port)
        return self.ports[0]

    @property
    def ports(self) -> list[int]:
        """The port of each endpoint, in their order, while it listens."""
        return [int(server.sockets[0].getsockname()[1]) for server in self._servers]

    def send(self, message: Message, sequence: int | None = None) -> None:
        """Send a message of the agent to every peer that subscribed to it.

        `sequence` marks one that may be left out where a receiver is too slow: the number of the last event before it.
        It does not come back to the agent's own addresses. Raises CodecError for a body that has no form, and
        UnknownObject where its node does not exist, or exists no more.
        """
        targets = self.router.route(message.to.node, message.to.subject)
        for as_value in (False, True):
            wanting = [target for target in targets if target is not LOCAL and target.as_value == as_value]
            if wanting:
                self._deliver(wanting, _encode(message, as_value), sequence)

    def taken(self, address: Address) -> bool:
        """Whether any peer receives what is sent to an address."""
        if address.node not in self.router:
            return False
        return any(target is not LOCAL for target in self.router.route(address.node, address.subject))

    @property
    def load(self) -> BusLoad:
        """What it has to do now."""
        problem = "" if self._servers else "the agent does not listen"
        waiting = sum(peer.waiting for peer in self._served)
        return BusLoad(problem, len(self._served), waiting, self._dropped)

    def manage(self, management: Management) -> None:
        """Offer AMQP Management: requests to $management are answered by `management`."""
        self._management = management
        self.router.declare(MANAGEMENT, NodeKind.QUEUE)
        self.router.subscribe(LOCAL, MANAGEMENT)

    def respond(self, response: Response) -> None:
        """Send a response to where its request wants it.

        Raises UnknownObject where that is nowhere (any more), CodecError for a body that has no form.
        """
        to = _address(response.to, self.router)
        targets = self.router.route(to.node, to.subject)
        if any(target is not LOCAL for target in targets):
            self._deliver(targets, management_wire.encode_response(response))

    async def stop(self) -> None:
        """Stop listening, and close every connection in AMQP's way, in two seconds at most."""
        self._close_servers()
        for peer in self._peers:
            peer.engine.close(Condition("amqp:connection:forced", "the agent stops"))
        await self._idle.wait()

    def publish(self, node: str | None, data: bytes, identity: Identity, admission: Admission) -> Condition | None:
        """Route a message from a peer: None where it was accepted, else the condition it is rejected with."""
        try:
            envelope = wire.Envelope.open(data)
            to = Address(node, envelope.subject) if node else _destination(envelope, self.router)
            targets = self.router.route(to.node, to.subject)
            data = stamped(data, identity.user)
        except InputError as error:
            log.warning("rejected a message from %s: %s", identity, error)
            name = "amqp:not-found" if isinstance(error, UnknownObject) else "amqp:decode-error"
            return Condition(name, str(error))
        if self._agent and envelope.agent == self._agent:
            log.warning("rejected a message from %s that claims to be from this agent", identity)
            return Condition("amqp:unauthorized-access", f"messages of {self._agent} come from itself alone")
        self._deliver(targets, data)
        if LOCAL not in targets:
            return None
        try:
            admission.check(len(data))
        except Refused as refusal:
            return self._refuse(envelope, to, identity, admission, refusal)
        return self._receive(envelope, to, identity, relayed=len(targets) > 1)

    def forget(self, peer: Peer) -> None:
        """Drop a peer whose connection is over."""
        self._served.leave(peer)
        self._refused.leave(peer)
        if not self._served and not self._refused:
            self._idle.set()

    def missed(self, *, as_value: bool) -> Missed | None:
        """What makes the messages that tell a receiver what it missed; None where nothing is left out."""
        on_missed = self._on_missed
        if on_missed is None:
            return None
        return lambda sequence, count: _encode(on_missed(sequence, count), as_value)

    def dropped(self, count: int) -> None:
        """Take note that so many messages to peers are never sent."""
        self._dropped += count

    def opened(self, peer: Peer) -> None:
        """Take note that a peer has opened its connection."""
        self._served.speaks(peer)
        self._refused.speaks(peer)

    def admits(self, identity: Identity) -> bool:
        """Whether a peer may stay, now that it is known who it is."""
        return self._admit(identity)

    @property
    def _peers(self) -> list[Peer]:
        return [*self._served, *self._refused]

    def _close_servers(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()

    def _accept(self, endpoint: Endpoint) -> asyncio.Protocol:
        welcome = self._served.to_be_had
        seats = self._served if welcome else self._refused
        if not seats.to_be_had:
            return _Dropped()
        if not welcome and not self._refused:
            log.warning("%d connections are open; no more are served", len(self._served))
        peer = Peer(self, welcome=welcome)
        peer.engine = Engine(
            peer,
            server=True,
            container=self._container,
            limits=self.limits,
            tls=endpoint.domain,
            passwords=endpoint.passwords,
        )
        silent = seats.take(peer)
        if silent is not None:
            silent.engine.abort("it had said nothing yet, and made room for another")
        self._idle.clear()
        return peer.engine

    def _deliver(self, targets: Iterable[Outlet | None], data: bytes, sequence: int | None = None) -> None:
        for outlet in targets:
            if outlet is not None:
                outlet.offer(data, sequence=sequence)

    def _refuse(
        self, envelope: wire.Envelope, to: Address, identity: Identity, admission: Admission, refusal: Refused
    ) -> Condition | None:
        """Have a request answered with a refusal, or where there were too many of those, reject it."""
        if not admission.may_answer():
            return Condition("amqp:resource-limit-exceeded", str(refusal))
        log.info("refused a request of %s: %s", identity, refusal)
        if to.node == MANAGEMENT:
            return self._manage(envelope, identity, refusal)
        try:
            self._on_refused(envelope.head(to, identity.user), refusal)
        except InputError:
            return Condition("amqp:resource-limit-exceeded", str(refusal))
        return None

    def _receive(self, envelope: wire.Envelope, to: Address, identity: Identity, *, relayed: bool) -> Condition | None:
        """Give a message to the agent."""
        if to.node == MANAGEMENT:
            return self._manage(envelope, identity)
        try:
            message = envelope.message(to, identity.user)
        except InputError as error:
            log.warning("a message from %s is nothing for the agent: %s", identity, error)
            return None if relayed else Condition("amqp:decode-error", str(error))
        try:
            self._on_message(message, identity)
        except Exception:
            log.exception("the agent failed on a message from %s", identity)
            return Condition("amqp:internal-error", "the agent failed on this message")
        return None

    def _manage(self, envelope: wire.Envelope, identity: Identity, refusal: Refused | None = None) -> Condition | None:
        """Give a management request to who answers it; one that names nobody to answer is dropped."""
        assert self._management is not None
        try:
            request = management_wire.read_request(envelope.amqp, identity)
            if request is not None and refusal is not None:
                self._management.refuse(request, refusal)
            elif request is not None:
                self._management.take(request)
        except InputError as error:
            log.warning("a management request from %s: %s", identity, error)
            return Condition("amqp:decode-error", str(error))
        except Exception:
            log.exception("the agent failed on a management request from %s", identity)
            return Condition("amqp:internal-error", "the agent failed on this request")
        return None


class _Dropped(asyncio.Protocol):
    """A connection that is closed without a word."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        cast(asyncio.Transport, transport).abort()


def _encode(message: Message, as_value: bool) -> bytes:
    return wire.encode_as_value(message) if as_value else wire.encode(message)


def _destination(envelope: wire.Envelope, router: Router[Outlet | None]) -> Address:
    """Where a message on the anonymous relay goes: its `to`, or that one's `<exchange>/<key>` form."""
    address = _address(envelope.to, router)
    return Address(address.node, address.subject or envelope.subject)


def _address(text: str, router: Router[Outlet | None]) -> Address:
    """A node as it stands, or `<exchange>/<key>`."""
    return Address(text) if text in router else Address.parse(text)
