"""An AMQP 1.0 client that does as it is told: proton's engine on an asyncio socket, with nothing of ours between.

Rules of this file: it keeps no rule that its caller wants broken; what the peer does is only written down. Waiting is bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Self

import proton
from proton import Delivery, Described, Endpoint, Event, symbol, ulong

WAIT = 30.0
STATES = {Delivery.ACCEPTED: "accepted", Delivery.REJECTED: "rejected", Delivery.RELEASED: "released"}
TOPIC_BINDING = ulong(0x0000468C00000001)


@dataclass(frozen=True)
class Outcome:
    """What became of a message: `state` is accepted, rejected, or another of AMQP's outcomes; `condition` names why, and
    `description` says it in the peer's words."""

    state: str
    condition: str = ""
    description: str = field(default="", compare=False)


class RawClient:
    """One connection with one session, until more are asked for."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """`received` holds the encoded messages of every receiving link by its name, `ends` why what ended did."""
        self.received: dict[str, list[bytes]] = {}
        self.ends: list[str] = []
        self.over = False
        self._outcomes: dict[str, Outcome] = {}
        self._changed = asyncio.Event()
        self._numbers = count(1)
        self._reader, self._writer = reader, writer
        self._collector = proton.Collector()
        self.connection = proton.Connection()
        self.connection.collect(self._collector)
        self.connection.container = "raw"
        self._transport = proton.Transport(proton.Transport.CLIENT)
        self._transport.sasl().allowed_mechs("ANONYMOUS")
        self._transport.bind(self.connection)
        self.connection.open()
        self.session = self.connection.session()
        self.session.open()
        self._reading = asyncio.create_task(self._read())
        self.flush()

    @classmethod
    async def connect(cls, port: int) -> Self:
        """Connect to a listener on loopback, and wait until it has opened connection and session."""
        client = cls(*await asyncio.open_connection("127.0.0.1", port))
        await client.until(lambda: client.session.state & Endpoint.REMOTE_ACTIVE)
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def receiver(
        self, address: str | None, *, pattern: str = "", credit: int = 1000, name: str = "", session: Any = None
    ) -> proton.Receiver:
        """Attach to a source; without address to one that the peer makes up."""
        link = (session or self.session).receiver(name or f"in-{next(self._numbers)}")
        if address is None:
            link.source.dynamic = True
        else:
            link.source.address = address
        if pattern:
            link.source.filter.put_dict({symbol("subject-filter"): Described(TOPIC_BINDING, pattern)})
        link.open()
        link.flow(credit)
        self.received.setdefault(link.name, [])
        self.flush()
        return link

    def sender(self, address: str | None, *, name: str = "", session: Any = None) -> proton.Sender:
        """Attach to a target; without address to the anonymous relay."""
        link = (session or self.session).sender(name or f"out-{next(self._numbers)}")
        link.target.address = address
        link.open()
        self.flush()
        return link

    async def attached(self, link: proton.Link) -> bool:
        """Wait for the answer to an attach; whether the link is there."""
        await self.until(lambda: not link.state & Endpoint.REMOTE_UNINIT)
        return bool(link.state & Endpoint.REMOTE_ACTIVE)

    def transfer(self, link: proton.Sender, data: bytes) -> str:
        """Send a message; its tag."""
        tag = f"{link.name}-{next(self._numbers)}"
        link.delivery(tag)
        link.stream(data)
        link.advance()
        self.flush()
        return tag

    async def send(self, link: proton.Sender, data: bytes) -> Outcome:
        """Send a message; what became of it. The end of link or connection is an outcome too: `closed`."""
        await self.until(lambda: link.credit > 0 or self.gone(link))
        if self.gone(link):
            return self._closed(link)
        tag = self.transfer(link, data)
        await self.until(lambda: tag in self._outcomes or self.gone(link))
        return self._outcomes.pop(tag, None) or self._closed(link)

    def gone(self, link: proton.Link) -> bool:
        """Whether the peer has ended a link, its session or its connection."""
        return self.over or bool(link.state & Endpoint.REMOTE_CLOSED or link.session.state & Endpoint.REMOTE_CLOSED)

    def _closed(self, link: proton.Link) -> Outcome:
        condition = None if self.over else link.remote_condition
        return _outcome("closed", condition) if condition else Outcome("closed", "; ".join(self.ends))

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until something holds of this client, or its connection is over."""
        async with asyncio.timeout(WAIT):
            while not (condition() or self.over):
                self._changed.clear()
                await self._changed.wait()

    def flush(self) -> None:
        """Put what the engine has to say on the socket."""
        while (pending := self._transport.pending()) > 0:
            self._writer.write(bytes(self._transport.peek(pending)))
            self._transport.pop(pending)

    def write(self, data: bytes) -> None:
        """Put bytes on the socket that the engine knows nothing of."""
        self._writer.write(data)

    def write_eof(self) -> None:
        """Say nothing more."""
        self._writer.write_eof()

    def stop_reading(self) -> None:
        """Leave what comes from now on in the socket, and say nothing by itself any more."""
        self._writer.transport.pause_reading()

    async def close(self) -> None:
        """Close in AMQP's way, then drop the socket."""
        if not self.over:
            self.connection.close()
            self.flush()
            await self.until(lambda: self.connection.state & Endpoint.REMOTE_CLOSED)
        await self.drop()

    async def drop(self) -> None:
        """Drop the socket without a word."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._writer.transport.abort()
        self.over = True

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(65536):
                view = memoryview(data)
                while view and (capacity := self._transport.capacity()) > 0:
                    self._transport.push(view[:capacity])
                    view = view[capacity:]
                    self._take_events()
                self.flush()
                self._changed.set()
        except ConnectionError as error:
            self.ends.append(str(error))
        finally:
            self.over = True
            self._writer.transport.abort()
            self._changed.set()

    def _take_events(self) -> None:
        while (event := self._collector.peek()) is not None:
            if event.type == Event.DELIVERY:
                self._on_delivery(event.delivery)
            elif event.type in (Event.CONNECTION_REMOTE_CLOSE, Event.LINK_REMOTE_CLOSE, Event.SESSION_REMOTE_CLOSE):
                condition = event.context.remote_condition
                self.ends.append(condition.name if condition else "closed")
            elif event.type == Event.TRANSPORT_ERROR:
                self.ends.append(str(self._transport.condition))
            self._collector.pop()

    def _on_delivery(self, delivery: Delivery) -> None:
        link = delivery.link
        if link.is_sender:
            if delivery.updated:
                condition = delivery.remote.condition
                state = STATES.get(delivery.remote_state, str(delivery.remote_state))
                self._outcomes[delivery.tag] = _outcome(state, condition)
                delivery.settle()
        elif delivery.readable and not delivery.partial:
            data = link.recv(delivery.pending) or b""
            link.advance()
            delivery.settle()
            self.received[link.name].append(data)


def _outcome(state: str, condition: proton.Condition | None) -> Outcome:
    return Outcome(state, condition.name, condition.description or "") if condition else Outcome(state)
