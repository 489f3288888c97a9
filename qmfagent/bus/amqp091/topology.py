"""What must be there before an AMQP 1.0 client can attach: exchanges, queues and bindings.

Rules of this file: exchanges are looked for first, and declared only where they are missing, since declaring takes the
permission to configure them, which consoles need not have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from qmfagent.bus.amqp091.channel import Channel
from qmfagent.bus.dialects import Queue
from qmfagent.bus.messages.wire import Envelope
from qmfagent.bus.security.credentials import Credentials
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.bus.url import BusUrl


class Topology:
    """The declared queues of one client, and the channel that its exclusive queue lives with, if it has one."""

    def __init__(self, channel: Channel | None, exclusive: Queue | None) -> None:
        """Use `declare` to make one."""
        self._channel = channel
        self._exclusive = exclusive

    @classmethod
    async def declare(
        cls, url: BusUrl, tls: TlsConfig | None, credentials: Credentials | None, queues: Iterable[Queue]
    ) -> Topology:
        """Declare these queues, and what they are bound to. Raises BusError where the broker refuses or is not there."""
        channel = await _with_exchanges(url, tls, credentials)
        exclusive = None
        with _closed_on_failure(channel):
            for queue in queues:
                await channel.declare(queue)
                exclusive = queue if queue.exclusive else exclusive
        if exclusive is None:
            channel.close()
            return cls(None, None)
        return cls(channel, exclusive)

    @property
    def over(self) -> asyncio.Future[str] | None:
        """Completes with the reason when the exclusive queue is gone; None where there is none."""
        return self._channel.over if self._channel else None

    async def consume(self, on_message: Callable[[Envelope, int], None], max_size: int) -> None:
        """Hand over what arrives in the exclusive queue, if there is one. Raises BusError where the broker refuses."""
        if self._channel is not None and self._exclusive is not None:
            await self._channel.consume(self._exclusive.name, on_message, max_size)

    def close(self) -> None:
        """Let go of the exclusive queue."""
        if self._channel is not None:
            self._channel.close()


async def _with_exchanges(url: BusUrl, tls: TlsConfig | None, credentials: Credentials | None) -> Channel:
    channel = await _open(url, tls, credentials)
    with _closed_on_failure(channel):
        if await channel.exchanges_exist():
            return channel
    channel = await _open(url, tls, credentials)
    with _closed_on_failure(channel):
        await channel.declare_exchanges()
    return channel


async def _open(url: BusUrl, tls: TlsConfig | None, credentials: Credentials | None) -> Channel:
    channel = Channel(url, tls, credentials)
    with _closed_on_failure(channel):
        await channel.open()
    return channel


@contextmanager
def _closed_on_failure(channel: Channel) -> Iterator[None]:
    """Close the channel where what is done inside fails or is cancelled."""
    try:
        yield
    except BaseException:
        channel.close()
        raise
