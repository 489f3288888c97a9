"""Peers that send garbage, nothing, or too much: each costs its own connection or link, and nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import proton
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proton import Described, symbol, ulong
from proton.reactor import Filter
from proton.utils import BlockingConnection, LinkDetached

from qmfagent.bus.client.connection import Connection
from qmfagent.bus.connection.engine import Engine
from qmfagent.bus.limits.limits import Limits
from qmfagent.errors import ConnectionLost
from qmfagent.qmf.message import DIRECT, TOPIC, Address
from tests.bus.foreign import WAIT

ALL = (Address(TOPIC, "#"),)


def opening(attach: Callable[[proton.Session], None] = lambda session: None) -> bytes:
    """The bytes of a well-behaved client without SASL layer, up to the links that `attach` makes."""
    connection, transport = proton.Connection(), proton.Transport()
    connection.container = "client"
    transport.bind(connection)
    connection.open()
    session = connection.session()
    session.open()
    attach(session)
    data = b""
    while (pending := transport.pending()) > 0:
        data += bytes(transport.peek(pending))
        transport.pop(pending)
    return data


def attach_and_send(session: proton.Session) -> None:
    receiver = session.receiver("in")
    receiver.source.address = TOPIC
    receiver.source.filter.put_dict({symbol("subject-filter"): Described(ulong(0x0000468C00000001), "agent.#")})
    receiver.open()
    receiver.flow(10)
    sender = session.sender("out")
    sender.target.address = DIRECT
    sender.open()


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    """What the peer sends until it closes."""
    received = b""
    async with asyncio.timeout(WAIT):
        try:
            while data := await reader.read(65536):
                received += data
        except ConnectionError:
            pass
    return received


def port(bus: Any) -> int:
    return int(bus.url.rpartition(":")[2])


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\xff" * 5000,
        b"AMQP\x00\x01\x00\x00" + b"\x7f" * 100,
        b"AMQP\x03\x01\x00\x00" + b"\x00" * 100,
        b"AMQP\x00\x00\x09\x01",
        opening()[:-5] + b"\xde\xad\xbe\xef\x00",
    ],
    ids=["http", "noise", "bad frame", "bad SASL frame", "AMQP 0-9-1", "damaged begin"],
)
async def test_garbage_costs_its_own_connection(bus: Any, echo: Any, inbox: Any, message: Any, data: bytes) -> None:
    await echo()
    answers = inbox()
    client = await bus.connect(ALL, answers)
    reader, writer = await asyncio.open_connection("127.0.0.1", port(bus))
    writer.write(data)
    writer.write_eof()
    await until_closed(reader)
    writer.close()
    await client.send(message("echo", node=DIRECT, method="request", reply_to=Address(TOPIC, "x")))
    assert (await answers.get()).body == {"n": 1}


@pytest.mark.parametrize("first", [b"", b"AMQP\x00\x01\x00\x00", b"AMQP\x03\x01\x00\x00"], ids=["", "AMQP", "SASL"])
async def test_a_silent_connection_is_closed(bus: Any, quick: Limits, first: bytes) -> None:
    await bus.listen(limits=quick)
    reader, writer = await asyncio.open_connection("127.0.0.1", port(bus))
    writer.write(first)
    await until_closed(reader)
    writer.close()


async def test_a_peer_that_falls_silent_is_forgotten(
    bus: Any, quick: Limits, inbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = await bus.listen(limits=replace(quick, open_timeout=10.0))
    subscribed, subscribe = inbox(), listener.router.subscribe

    def noted(*args: Any) -> None:
        subscribe(*args)
        # Now, and not when somebody has time to look: then it may be forgotten already.
        subscribed(listener.router.route(TOPIC, "agent.x"))

    monkeypatch.setattr(listener.router, "subscribe", noted)
    reader, writer = await asyncio.open_connection("127.0.0.1", port(bus))
    writer.write(opening(attach_and_send))
    assert len(await subscribed.get()) == 1
    await until_closed(reader)
    assert listener.router.route(TOPIC, "agent.x") == []
    writer.close()


async def test_heartbeats_keep_an_idle_connection(bus: Any, inbox: Any) -> None:
    # A heartbeat comes four times in this time: the process may stand still for as long as two of them, and more.
    limits = replace(Limits(), idle_timeout=3.0)
    await bus.listen(limits=limits)
    lost = inbox()
    client = await bus.connect(ALL, on_down=lost, limits=limits)
    await asyncio.sleep(1.5 * limits.idle_timeout)
    assert client.connected
    assert lost.empty


async def test_an_oversized_message_closes_its_link_alone(bus: Any, inbox: Any, message: Any) -> None:
    got, heard = inbox(), inbox()
    listener = await bus.listen((Address(DIRECT, "agent"),), got, limits=replace(Limits(), max_message_size=100_000))
    await bus.connect(ALL, heard)

    def client() -> None:
        connection = BlockingConnection(bus.url, timeout=WAIT)
        large = connection.create_sender(DIRECT, name="large")
        small = connection.create_sender(DIRECT, name="small")
        with pytest.raises(LinkDetached, match="message-size-exceeded"):
            large.send(proton.Message(body=b"x" * 5_000_000, subject="agent"))
        small.send(proton.Message(body={}, subject="agent", properties={"qmf.opcode": "_x", "method": "request"}))
        connection.close()

    await asyncio.to_thread(client)
    assert (await got.get())[0].opcode == "_x"
    listener.send(message("agent.x"))
    await heard.get()


async def test_unfinished_messages_on_many_links_do_not_add_up(bus: Any) -> None:
    await bus.listen(limits=replace(Limits(), max_message_size=100_000))

    def many(session: proton.Session) -> None:
        for index in range(20):
            sender = session.sender(f"out-{index}.")
            sender.target.address = DIRECT
            sender.open()

    reader, writer = await asyncio.open_connection("127.0.0.1", port(bus))
    writer.write(opening(many))
    await reader.readuntil(b"out-19.")
    for handle in range(20):
        writer.write(transfer(handle, b"x" * 50_000))
    assert b"too many unfinished messages" in await until_closed(reader)
    writer.close()


def transfer(handle: int, payload: bytes) -> bytes:
    """A transfer frame of a message that is not complete (`more` is true)."""
    fields = (
        b"\x52"
        + bytes([handle])
        + b"\x52"
        + bytes([handle])
        + b"\xa0\x01"
        + bytes([handle])
        + b"\x43"
        + b"\x42"
        + b"\x41"
    )
    performative = b"\x00\x53\x14\xc0" + bytes([len(fields) + 1, 6]) + fields
    return (len(performative) + len(payload) + 8).to_bytes(4, "big") + b"\x02\x00\x00\x00" + performative + payload


async def test_too_many_links_close_the_connection(bus: Any) -> None:
    await bus.listen(limits=replace(Limits(), max_links=10))

    def client() -> None:
        connection = BlockingConnection(bus.url, timeout=WAIT)
        for index in range(11):
            connection.create_sender(DIRECT, name=f"{index}")

    with pytest.raises(proton.ProtonException, match="resource-limit-exceeded"):
        await asyncio.to_thread(client)


async def test_too_many_connections_are_told_so(bus: Any, inbox: Any, message: Any) -> None:
    listener = await bus.listen(limits=replace(Limits(), max_connections=2))
    received = inbox()
    first = await bus.connect(ALL, received)
    await bus.connect()
    third = Connection(bus.url, addresses=ALL)
    third.start()
    with pytest.raises(ConnectionLost, match="2 connections are served here, and as many are open"):
        await third.wait_up(WAIT, patient=False)
    await third.stop()  # else it takes the seat that becomes free
    listener.send(message("agent.x"))
    assert (await received.get()).to.subject == "agent.x"
    await first.stop()
    await bus.connect()


async def test_those_who_say_nothing_make_room(bus: Any) -> None:
    listener = await bus.listen(limits=replace(Limits(), max_connections=2))
    first = await bus.connect()
    silent = [await asyncio.open_connection("127.0.0.1", port(bus)) for _ in range(5)]
    await bus.connect()
    async with asyncio.timeout(WAIT):
        assert [await reader.read(1) for reader, _ in silent] == [b""] * 5
    assert first.connected
    assert len(listener._peers) == 2
    for _, writer in silent:
        writer.close()


async def test_one_that_is_even_too_many_to_be_told_is_dropped(bus: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmfagent.bus.listener.listener.REFUSALS", 0)
    await bus.listen(limits=replace(Limits(), max_connections=1))
    served = await bus.connect()
    reader, writer = await asyncio.open_connection("127.0.0.1", port(bus))
    writer.write(opening())
    assert await until_closed(reader) == b""
    writer.close()
    assert served.connected


@pytest.mark.parametrize(
    "filters",
    [
        {"subject-filter": Described(ulong(0x0000468C00000001), 5)},
        {"subject-filter": Described(ulong(0x0000468C00000001), ["a"])},
        {"subject-filter": Described(ulong(0x0000468C00000001), b"\xff\xfe")},
        {"subject-filter": Described(ulong(0x0000468C00000001), "a." * 500)},
        {"subject-filter": "agent.#"},
    ],
    ids=["number", "list", "no UTF-8", "too long", "not described"],
)
async def test_odd_filters_cost_no_more_than_the_connection(
    bus: Any, inbox: Any, message: Any, filters: dict[str, Any]
) -> None:
    listener = await bus.listen()
    heard = inbox()
    await bus.connect(ALL, heard)

    def client() -> None:
        connection = BlockingConnection(bus.url, timeout=WAIT)
        connection.create_receiver(TOPIC, name="odd", options=Filter({symbol(k): v for k, v in filters.items()}))
        connection.close()

    with suppress(proton.ProtonException):
        await asyncio.to_thread(client)
    listener.send(message("agent.x"))
    await heard.get()


async def test_a_receiver_without_credit_overflows_alone(bus: Any, inbox: Any, message: Any) -> None:
    listener = await bus.listen(limits=replace(Limits(), queue_messages=20))
    brisk = inbox()
    await bus.connect(ALL, brisk)
    attached, overflow = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def client() -> None:
        connection = BlockingConnection(bus.url, timeout=WAIT)
        slow = connection.create_receiver(TOPIC, name="slow", credit=0)
        other = connection.create_receiver(TOPIC, name="other", credit=100)
        slow.link.flow(3)
        loop.call_soon_threadsafe(attached.set)
        with pytest.raises(LinkDetached, match="resource-limit-exceeded"):
            read_for_ever(other)
        loop.call_soon_threadsafe(overflow.set)
        connection.close()

    running = asyncio.create_task(asyncio.to_thread(client))
    async with asyncio.timeout(WAIT):
        await attached.wait()
        for index in range(40):
            listener.send(message(f"agent.{index}"))
            assert (await brisk.get()).to.subject == f"agent.{index}"
        await overflow.wait()
        await running


def read_for_ever(receiver: Any) -> None:
    while True:
        receiver.receive(timeout=WAIT)


class Deaf:
    """A handler that counts ends."""

    def __init__(self) -> None:
        self.ends: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args: None

    def on_closed(self, reason: str) -> None:
        self.ends.append(reason)


class Wire(asyncio.Transport):
    """A socket that takes everything and goes nowhere."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})

    def write(self, data: Any) -> None:
        pass

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


GOOD = opening(attach_and_send)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_no_byte_sequence_escapes_an_engine(data: st.DataObject) -> None:
    sent = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 6))):
        sent[data.draw(st.integers(0, len(sent) - 1))] = data.draw(st.integers(0, 255))
    sent[data.draw(st.integers(8, len(sent))) :] = data.draw(st.binary(max_size=50))
    handler = Deaf()

    async def feed() -> None:
        engine = Engine(handler, server=True, container="test", limits=Limits())
        engine.connection_made(Wire())
        while sent:
            engine.data_received(bytes(sent[:100]))
            del sent[:100]
        engine.eof_received()
        engine.connection_lost(None)
        engine.connection_lost(None)

    logging.disable(logging.CRITICAL)
    try:
        asyncio.run(feed())
    finally:
        logging.disable(logging.NOTSET)
    assert len(handler.ends) == 1


async def test_a_listener_that_is_none_is_a_lost_connection(bus: Any, inbox: Any) -> None:
    async def talk_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(talk_nonsense, "127.0.0.1", 0)
    bus.url = f"amqp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with pytest.raises(ConnectionLost, match="can't reach"):
        await bus.connect(ALL, timeout=1.0)
    server.close()
