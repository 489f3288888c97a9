"""One attempt to connect a client: from URL to an uplink that is ready.

Rules of this file: the peer is asked who it is before anything is attached, unless the dialect is given; what its dialect
needs is declared first. An attempt succeeds whole or leaves nothing behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import ExitStack

from proton import Condition

from qmfagent.bus.amqp091.topology import Topology
from qmfagent.bus.client.uplink import OnEnvelope, Uplink
from qmfagent.bus.connection.engine import Engine
from qmfagent.bus.dialects import Dialect, Inbox, named, recognise
from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.security.credentials import Credentials
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.bus.url import BusUrl


class Connector:
    """Makes uplinks, one after the other, all alike."""

    def __init__(
        self,
        url: BusUrl,
        *,
        tls: TlsConfig | None,
        credentials: Credentials | None,
        user: str,
        dialect: str,
        inboxes: Iterable[Inbox],
        container: str,
        on_envelope: OnEnvelope,
        limits: Limits,
    ) -> None:
        """`user` is who we are to a broker that names queues by it. Raises ConfigError for what can't be used."""
        self._url = url
        self._tls = tls
        self._domain = tls.client_domain() if tls is not None else None
        self._credentials = credentials
        self._user = user
        self._dialect = named(dialect) if dialect else None
        self._inboxes = tuple(inboxes)
        self._container = container
        self._on_envelope = on_envelope
        self._limits = limits
        self._host = (tls.peer_name if tls is not None else "") or url.host

    async def connect(self) -> Uplink:
        """A ready uplink. Raises OSError, TimeoutError and BusError where there is none to be had."""
        uplink = Uplink(on_envelope=self._on_envelope, limits=self._limits)
        uplink.engine = Engine(
            uplink,
            server=False,
            container=self._container,
            limits=self._limits,
            tls=self._domain,
            host=self._host,
            credentials=self._credentials,
        )
        with ExitStack() as undo:
            undo.callback(uplink.engine.abort)
            async with asyncio.timeout(self._limits.open_timeout):
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: uplink.engine, self._url.host, self._url.port)
                dialect = recognise(await uplink.opened) if self._dialect is None else self._dialect
                await self._declare(uplink, dialect, undo)
                uplink.attach(dialect, dialect.sources(self._inboxes, self._user))
                await uplink.ready
            undo.pop_all()
        return uplink

    async def consume(self, uplink: Uplink) -> None:
        """Begin to take from the queue that lives with the uplink, if there is one. Raises BusError."""
        if uplink.topology is not None:
            async with asyncio.timeout(self._limits.open_timeout):
                await uplink.topology.consume(uplink.receive, self._limits.max_message_size)

    async def _declare(self, uplink: Uplink, dialect: Dialect, undo: ExitStack) -> None:
        queues = dialect.queues(self._inboxes, self._user)
        if not queues:
            return
        topology = await Topology.declare(self._url, self._tls, self._credentials, queues)
        undo.callback(topology.close)
        uplink.topology = topology
        uplink.over.add_done_callback(lambda over: topology.close())
        if topology.over is not None:
            topology.over.add_done_callback(lambda over: uplink.engine.close(_gone(over.result())))


def _gone(reason: str) -> Condition:
    return Condition("amqp:connection:forced", f"the queue is gone: {reason}")
