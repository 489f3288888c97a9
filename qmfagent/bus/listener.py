"""The agent's own AMQP 1.0 node: consoles and other agents connect to it, no broker is needed.

Rules of this file: there are three nodes - qmf.default.topic, qmf.default.direct, amq.direct (the last because C++
consoles refuse to open without it) - and dynamic ones for replies. A message goes to every link whose filter matches,
to the agent's own addresses too, whoever sent it, so that foreign consoles and agents reach each other here. It is
encoded once, and the same bytes go out on every link. Without TLS only loopback is listened on. The number of
connections is bounded: one too many is told so and closed, and dropped at once where even those are too many.
Source: the behaviour of qpidd's management exchanges, as QMF v2 peers expect it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable, Iterable
from typing import cast
from uuid import uuid4

import proton
from proton import Condition

from qmfagent.bus import wire
from qmfagent.bus.engine import Engine
from qmfagent.bus.identity import Identity
from qmfagent.bus.limits import Limits
from qmfagent.bus.outlet import Outlet
from qmfagent.bus.peer import Peer
from qmfagent.bus.router import NodeKind, Router
from qmfagent.bus.tls import TlsConfig
from qmfagent.bus.url import BusUrl
from qmfagent.errors import BusError, ConfigError, InputError, UnknownObject
from qmfagent.qmf.message import DIRECT, TOPIC, Address, Message

log = logging.getLogger(__name__)

AMQ_DIRECT = "amq.direct"
BACKLOG = 1024
REFUSALS = 32
"""How many connections above the limit may wait to be told that they are too many."""
LOCAL = None

OnMessage = Callable[[Message, Identity], None]


class Listener:
    """An embedded AMQP 1.0 listener for QMF v2."""

    def __init__(
        self,
        url: str,
        *,
        tls: TlsConfig | None = None,
        addresses: Iterable[Address] = (),
        on_message: OnMessage,
        agent: str = "",
        limits: Limits | None = None,
    ) -> None:
        """Prepare to listen at `url` (amqp://HOST:PORT or amqps://HOST:PORT; port 0 takes a free one).

        `addresses` are the agent's own: node and subject pattern. `on_message` gets each QMF message that arrives for
        them, with the identity of the connection it came from; it must not block. Its user_id is that identity's user.
        `agent` is the agent's name: no peer may speak in it.
        Raises ConfigError for a URL or certificates that can't be used.
        """
        self.limits = limits or Limits()
        self.router: Router[Outlet | None] = Router()
        self.router.declare(TOPIC, NodeKind.TOPIC)
        self.router.declare(DIRECT, NodeKind.DIRECT)
        self.router.declare(AMQ_DIRECT, NodeKind.DIRECT)
        for address in addresses:
            self.router.subscribe(LOCAL, address.node, address.subject)
        self._url = BusUrl.parse(url)
        self._domain = server_domain(self._url, tls)
        self._on_message = on_message
        self._agent = agent
        self._container = f"qmfagent-{uuid4()}"
        self._peers: set[Peer] = set()
        self._server: asyncio.Server | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self) -> int:
        """Listen; the port. Raises ConfigError where the address is unsafe, BusError where it can't be had."""
        loop = asyncio.get_running_loop()
        host, port = self._url.host, self._url.port
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            if self._domain is None:
                require_loopback(self._url, [str(info[4][0]) for info in found])
            self._server = await loop.create_server(self._accept, host, port, backlog=BACKLOG)
        except OSError as error:
            raise BusError(
                f"can't listen at {self._url}: {error.strerror or error}", hint="is another agent running there?"
            ) from error
        port = self._server.sockets[0].getsockname()[1]
        log.info("listening at %s (port %d)", self._url, port)
        return int(port)

    def send(self, message: Message) -> None:
        """Send a message of the agent to every peer that subscribed to it.

        It does not come back to the agent's own addresses. Raises CodecError for a body that has no form, and
        UnknownObject where its node does not exist, or exists no more.
        """
        targets = self.router.route(message.to.node, message.to.subject)
        if any(target is not LOCAL for target in targets):
            self._deliver(targets, wire.encode(message))

    async def stop(self) -> None:
        """Stop listening, and close every connection in AMQP's way, in two seconds at most."""
        if self._server is not None:
            self._server.close()
        for peer in list(self._peers):
            peer.engine.close(Condition("amqp:connection:forced", "the agent stops"))
        await self._idle.wait()

    def publish(self, node: str | None, data: bytes, identity: Identity) -> Condition | None:
        """Route a message from a peer: None where it was accepted, else the condition it is rejected with."""
        try:
            envelope = wire.Envelope.open(data)
            to = Address(node, envelope.subject) if node else _destination(envelope, self.router)
            targets = self.router.route(to.node, to.subject)
        except InputError as error:
            log.warning("rejected a message from %s: %s", identity, error)
            name = "amqp:not-found" if isinstance(error, UnknownObject) else "amqp:decode-error"
            return Condition(name, str(error))
        if self._agent and envelope.agent == self._agent:
            log.warning("rejected a message from %s that claims to be from this agent", identity)
            return Condition("amqp:unauthorized-access", f"messages of {self._agent} come from itself alone")
        if envelope.user_id and envelope.user_id != identity.user:
            data = envelope.stamped(identity.user)
        self._deliver(targets, data)
        return self._receive(envelope, to, identity, relayed=len(targets) > 1) if LOCAL in targets else None

    def forget(self, peer: Peer) -> None:
        """Drop a peer whose connection is over."""
        self._peers.discard(peer)
        if not self._peers:
            self._idle.set()

    def _accept(self) -> asyncio.Protocol:
        surplus = len(self._peers) - self.limits.max_connections
        if surplus >= REFUSALS:
            return _Dropped()
        if surplus == 0:
            log.warning("%d connections are open; no more are served", len(self._peers))
        peer = Peer(self, welcome=surplus < 0)
        peer.engine = Engine(peer, server=True, container=self._container, limits=self.limits, tls=self._domain)
        self._peers.add(peer)
        self._idle.clear()
        return peer.engine

    def _deliver(self, targets: list[Outlet | None], data: bytes) -> None:
        for outlet in targets:
            if outlet is not None:
                outlet.offer(data)

    def _receive(self, envelope: wire.Envelope, to: Address, identity: Identity, *, relayed: bool) -> Condition | None:
        """Give a message to the agent."""
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


class _Dropped(asyncio.Protocol):
    """A connection that is closed without a word."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        cast(asyncio.Transport, transport).abort()


def _destination(envelope: wire.Envelope, router: Router[Outlet | None]) -> Address:
    """Where a message on the anonymous relay goes: its `to`, or that one's `<exchange>/<key>` form."""
    if envelope.to in router:
        return Address(envelope.to, envelope.subject)
    address = Address.parse(envelope.to)
    return Address(address.node, address.subject or envelope.subject)


def server_domain(url: BusUrl, tls: TlsConfig | None) -> proton.SSLDomain | None:
    """The TLS domain a listener needs, None without TLS. Raises ConfigError where URL and TLS do not fit together."""
    if url.secure and tls is None:
        raise ConfigError(f"{url} needs TLS, and none is configured", hint="give certificate, key and CA")
    if tls is not None and not url.secure:
        raise ConfigError(f"TLS is configured, but {url} does not use it", hint="write amqps://")
    return tls.server_domain() if tls is not None else None


def require_loopback(url: BusUrl, addresses: Iterable[str]) -> None:
    """Raise ConfigError where one of the addresses of a listener without TLS can be reached from outside."""
    for address in addresses:
        if not ipaddress.ip_address(address.partition("%")[0]).is_loopback:
            raise ConfigError(
                f"{url} would offer this cluster to the whole network without TLS",
                hint="configure certificates and write amqps://, or listen on 127.0.0.1",
            )
