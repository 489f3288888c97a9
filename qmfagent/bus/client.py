"""A connection to a listener or broker that keeps itself up.

Rules of this file: from start() to stop() there is either a ready uplink or an attempt to get one, with random
exponential back-off, for ever. A message is sent on the uplink of the moment or not at all: what was not accepted
fails with ConnectionLost, nothing is sent twice, nothing is lost in silence. After on_up everything may have been
missed; it is for the owner to ask again.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from uuid import uuid4

import proton
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from qmfagent.bus import wire
from qmfagent.bus.engine import Engine
from qmfagent.bus.limits import Limits
from qmfagent.bus.tls import TlsConfig
from qmfagent.bus.uplink import Uplink
from qmfagent.bus.url import BusUrl
from qmfagent.errors import ConfigError, ConnectionLost
from qmfagent.qmf.message import DIRECT, TOPIC, Address, Message

log = logging.getLogger(__name__)

BACK_OFF = wait_random_exponential(multiplier=0.2, max=5)
PAUSE_AFTER_LOSS = 0.3


class Connection:
    """A self-healing AMQP 1.0 connection for QMF v2."""

    def __init__(
        self,
        url: str,
        *,
        tls: TlsConfig | None = None,
        addresses: Iterable[Address],
        on_message: Callable[[Message], None],
        on_up: Callable[[], None] = lambda: None,
        on_down: Callable[[str], None] = lambda reason: None,
        limits: Limits | None = None,
    ) -> None:
        """Prepare a connection to `url`.

        `addresses` are what to receive: node and subject pattern. `on_message` gets every QMF message that arrives
        there; `on_up` is called when all links are attached, `on_down` with the reason when they are gone. None of
        them may block. Raises ConfigError for a URL or certificates that can't be used.
        """
        self._url = BusUrl.parse(url)
        if self._url.secure and tls is None:
            raise ConfigError(f"{url} needs TLS, and none is configured", hint="give certificate, key and CA")
        if tls is not None and not self._url.secure:
            raise ConfigError(f"TLS is configured, but {url} does not use it", hint="write amqps://")
        self._domain: proton.SSLDomain | None = tls.client_domain() if tls is not None else None
        self._host = (tls.peer_name if tls is not None else "") or self._url.host
        self._addresses = list(addresses)
        self._on_message = on_message
        self._on_up = on_up
        self._on_down = on_down
        self._limits = limits or Limits()
        self._container = f"qmfagent-{uuid4()}"
        self._uplink: Uplink | None = None
        self._up = asyncio.Event()
        self._failed = asyncio.Event()
        self._problem = "not started"
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether messages can be sent now."""
        return self._uplink is not None

    def start(self) -> None:
        """Begin to connect, in the background."""
        if self._task is None:
            self._problem = "connecting"
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"bus connection to {self._url}")

    async def wait_up(self, timeout: float, *, patient: bool = True) -> None:  # noqa: ASYNC109
        """Wait until connected. Raises ConnectionLost, with the last reason, where that takes more than `timeout` s.

        Without patience it raises as soon as an attempt has failed; the connection goes on trying all the same.
        """
        events = [self._up] if patient else [self._up, self._failed]
        waiting = [asyncio.ensure_future(event.wait()) for event in events]
        try:
            await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()
        if not self._up.is_set():
            raise ConnectionLost(f"can't reach {self._url}: {self._problem}")

    async def stop(self) -> None:
        """Close the connection in AMQP's way, in two seconds at most, and connect no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def send(self, message: Message) -> None:
        """Send a message, and wait until the peer has accepted it.

        Raises ConnectionLost where there is no connection, or it ends before the peer has answered (whether the peer
        has got the message is then unknown), RemoteError where the peer rejects it, CodecError for a body that has no
        form, BusError where too many messages are waiting already.
        """
        if self._uplink is None:
            raise ConnectionLost(f"no connection with {self._url}: {self._problem}")
        await self._uplink.send(message.to.node, wire.encode(message))

    async def _run(self) -> None:
        while True:
            uplink = await self._connect()
            self._uplink = uplink
            self._failed.clear()
            self._up.set()
            log.info("connected to %s", self._url)
            self._call(self._on_up)
            try:
                self._problem = await asyncio.shield(uplink.over)
            finally:
                self._uplink = None
                self._up.clear()
                if not uplink.over.done():
                    uplink.engine.close()
                    self._problem = await uplink.over
                self._call(self._on_down, self._problem)
            log.warning("lost the connection with %s: %s", self._url, self._problem)
            # Many clients lose one listener together, and should not all come back in the same instant.
            await asyncio.sleep(random.uniform(0, PAUSE_AFTER_LOSS))  # noqa: S311

    async def _connect(self) -> Uplink:
        """A ready uplink, however long it takes."""
        async for attempt in AsyncRetrying(retry=retry_if_exception_type(Exception), wait=BACK_OFF):
            with attempt:
                try:
                    return await self._attempt()
                except Exception as error:
                    self._problem = _words(error) or f"no answer within {self._limits.open_timeout:g} s"
                    self._failed.set()
                    log.debug("no connection with %s: %s", self._url, self._problem)
                    raise
        raise AssertionError("unreachable: the retries never end")

    async def _attempt(self) -> Uplink:
        uplink = Uplink(
            receive_from=self._addresses, send_to=(TOPIC, DIRECT), on_message=self._on_message, limits=self._limits
        )
        uplink.engine = Engine(
            uplink, server=False, container=self._container, limits=self._limits, tls=self._domain, host=self._host
        )
        with ExitStack() as undo:
            undo.callback(uplink.engine.abort)
            async with asyncio.timeout(self._limits.open_timeout):
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: uplink.engine, self._url.host, self._url.port)
                await uplink.ready
            undo.pop_all()
        return uplink

    def _call(self, callback: Callable[..., None], *args: str) -> None:
        try:
            callback(*args)
        except Exception:
            log.exception("a callback of the connection with %s failed", self._url)


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or str(error)
