"""One connection of AMQP 0-9-1, on the event loop.

Rules of this file: it declares, binds and consumes, and publishes nothing. Whatever the broker refuses ends the connection
(in AMQP 0-9-1 it ends the channel), and what was waited for fails with BusError. A delivery is acknowledged when it has been
handed over; at most PREFETCH are on the way.
Source: AMQP 0-9-1, 1.4 to 1.8 (connection to basic); pika's asyncio adapter.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any

import pika
from pika.adapters.asyncio_connection import AsyncioConnection

from qmfagent.bus.amqp091 import delivery
from qmfagent.bus.dialects import Queue
from qmfagent.bus.dialects.rabbitmq import EXCHANGES
from qmfagent.bus.messages.wire import Envelope
from qmfagent.bus.security.credentials import Credentials
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.bus.url import BusUrl
from qmfagent.errors import BusError, ConnectionLost, InputError

log = logging.getLogger(__name__)

HEARTBEAT = 10
"""Seconds; a broker that hears nothing for two of them drops the connection, and with it the agent's queue."""
PREFETCH = 200
NOT_FOUND = 404

# pika tells at level error, with traceback, of what reaches us as an exception anyway.
logging.getLogger("pika").setLevel(logging.CRITICAL)


class Channel:
    """A channel of its own connection. `over` completes when it has ended, with the reason in words."""

    def __init__(self, url: BusUrl, tls: TlsConfig | None, credentials: Credentials | None) -> None:
        """Prepare a connection to the broker at `url`, as that user or, without credentials, as the certificate says."""
        self._url = url
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[Any] = self._loop.create_future()
        self._opened.add_done_callback(lambda opened: opened.cancelled() or opened.exception())
        self._waiting: set[asyncio.Future[Any]] = set()
        self.over: asyncio.Future[str] = self._loop.create_future()
        self._channel: Any = None
        self._connection: Any = AsyncioConnection(
            _parameters(url, tls, credentials),
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._on_channel),
            on_open_error_callback=lambda connection, error: self._ended(error),
            on_close_callback=lambda connection, reason: self._ended(reason),
            custom_ioloop=self._loop,
        )

    async def open(self) -> None:
        """Wait until it is there. Raises ConnectionLost where it can't be."""
        self._channel = await self._opened
        self._channel.add_on_close_callback(lambda channel, reason: self._ended(reason))
        self._channel.add_on_cancel_callback(lambda frame: self._ended("the queue was deleted"))

    def close(self) -> None:
        """Close the connection, without waiting for the broker."""
        if not self._connection.is_closing and not self._connection.is_closed:
            self._connection.close()

    async def declare(self, queue: Queue) -> None:
        """Declare a queue, and bind it. Raises BusError where the broker refuses."""
        await self._call(
            self._channel.queue_declare,
            queue.name,
            durable=queue.durable,
            exclusive=queue.exclusive,
            auto_delete=queue.auto_delete,
            arguments=dict(queue.arguments),
        )
        for address in queue.bindings:
            await self._call(self._channel.queue_bind, queue.name, address.node, address.subject)

    async def declare_exchanges(self) -> None:
        """Declare QMF's exchanges. Raises BusError where they exist otherwise, or this user may not."""
        for name, kind in EXCHANGES.items():
            await self._call(self._channel.exchange_declare, name, kind, durable=True)

    async def exchanges_exist(self) -> bool:
        """Whether QMF's exchanges are there; where not, this channel is over. Raises BusError where it can't be known."""
        try:
            for name in EXCHANGES:
                await self._call(self._channel.exchange_declare, name, passive=True)
        except BusError as error:
            if isinstance(error.__cause__, pika.exceptions.ChannelClosed) and error.__cause__.reply_code == NOT_FOUND:
                return False
            raise
        return True

    async def consume(self, queue: str, on_message: Callable[[Envelope, int], None], max_size: int) -> None:
        """Hand over what arrives in a queue from now on; messages of more than `max_size` bytes are dropped.

        Raises BusError where the broker refuses. What `on_message` raises as InputError is logged.
        """

        def deliver(channel: Any, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
            try:
                if len(body) > max_size:
                    raise BusError(f"a message of {len(body)} bytes, {max_size} are allowed")
                on_message(delivery.envelope(method.exchange, method.routing_key, properties, body), len(body))
            except (BusError, InputError) as error:
                log.warning("dropped a message from %s: %s", self._url, error)
            except Exception:
                log.exception("failed on a message from %s", self._url)
            channel.basic_ack(method.delivery_tag)

        await self._call(self._channel.basic_qos, prefetch_count=PREFETCH)
        await self._call(self._channel.basic_consume, queue, deliver, exclusive=True)

    async def _call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a method of the channel, and wait for the broker's answer."""
        if self.over.done():
            raise ConnectionLost(f"no AMQP 0-9-1 connection with {self._url}: {self.over.result()}")
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.add(answer)

        def answered(frame: Any) -> None:
            if not answer.done():
                answer.set_result(frame)

        try:
            method(*args, **kwargs, callback=answered)
            return await answer
        finally:
            self._waiting.discard(answer)

    def _on_channel(self, channel: Any) -> None:
        if not self._opened.done():
            self._opened.set_result(channel)

    def _ended(self, error: Exception | str) -> None:
        """The broker has closed connection or channel, or there never was one."""
        if self.over.done():
            return
        reason = _words(error)
        self.over.set_result(reason)
        lost = ConnectionLost if isinstance(error, pika.exceptions.AMQPConnectionError) else BusError
        for waiting in [self._opened, *self._waiting]:
            if not waiting.done():
                failure = lost(f"{self._url} (AMQP 0-9-1): {reason}")
                failure.__cause__ = error if isinstance(error, Exception) else None
                waiting.set_exception(failure)
        self.close()


def _parameters(url: BusUrl, tls: TlsConfig | None, credentials: Credentials | None) -> pika.ConnectionParameters:
    how: dict[str, Any] = {}
    if credentials is not None:
        how["credentials"] = pika.PlainCredentials(credentials.user, credentials.password)
    elif tls is not None:
        how["credentials"] = pika.credentials.ExternalCredentials()
    if tls is not None:
        how["ssl_options"] = pika.SSLOptions(client_context(tls), tls.peer_name or url.host)
    return pika.ConnectionParameters(
        url.host, url.port, heartbeat=HEARTBEAT, connection_attempts=1, client_properties={"product": "qmfagent"}, **how
    )


def client_context(tls: TlsConfig) -> ssl.SSLContext:
    """The same certificates and rules that proton has, for Python's own TLS. Raises ConfigError as they do."""
    context = ssl.create_default_context(cafile=tls.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.certificate is not None and tls.key is not None:
        context.load_cert_chain(tls.certificate, tls.key)
    return context


def _words(error: Exception | str) -> str:
    if isinstance(error, pika.exceptions.ProbableAuthenticationError):
        return "not let in: the user is unknown, or the password is wrong"
    if isinstance(error, pika.exceptions.AMQPError) and hasattr(error, "reply_text"):
        return str(error.reply_text)
    return str(error) or repr(error)
