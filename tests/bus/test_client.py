"""The client's connection: outcomes of messages, and life after the listener went away."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import proton
import pytest

from qmfagent.bus.client.connection import Connection
from qmfagent.bus.limits.admission import Admission
from qmfagent.bus.limits.limits import Limits
from qmfagent.errors import BusError, CodecError, ConfigError, ConnectionLost
from qmfagent.qmf.message import DIRECT, TOPIC, Address, Message

ALL = (Address(TOPIC, "#"),)


async def test_it_comes_back_when_the_listener_does(bus: Any, inbox: Any, message: Any) -> None:
    first = await bus.listen()
    ups, downs, received = inbox(), inbox(), inbox()
    client = await bus.connect(ALL, received, on_up=lambda: ups("up"), on_down=downs)
    await ups.get()
    for _ in range(2):
        await first.stop()
        assert "the agent stops" in await downs.get()
        assert not client.connected
        with pytest.raises(ConnectionLost, match="no connection with amqp://127"):
            await client.send(message("agent.x"))
        first = await bus.listen(url=bus.url)
        await ups.get()
        first.send(message("agent.x"))
        assert (await received.get()).to.subject == "agent.x"


async def test_it_waits_for_a_listener_that_is_not_there_yet(bus: Any, inbox: Any) -> None:
    listener = await bus.listen()
    await listener.stop()
    client = Connection(bus.url, addresses=ALL, on_message=inbox())
    client.start()
    try:
        reason = r"can't reach amqp://127\.0\.0\.1.*(Connect call failed|refused)"
        with pytest.raises(ConnectionLost, match=reason):
            await client.wait_up(30, patient=False)
        with pytest.raises(ConnectionLost, match=reason):
            await client.wait_up(0.3)
        await bus.listen(url=bus.url)
        await client.wait_up(30)
    finally:
        await client.stop()


async def test_what_was_not_accepted_is_reported_lost(bus: Any, message: Any) -> None:
    """The message has left us, and its outcome is still open, when the listener vanishes."""
    listener = await bus.listen()
    client = await bus.connect()
    for peer in listener._peers:
        peer.engine._socket.pause_reading()
    sending = asyncio.create_task(client.send(message("agent.x")))
    await asyncio.sleep(0)
    assert not sending.done()
    for peer in listener._peers:
        peer.engine.abort()
    with pytest.raises(ConnectionLost, match="lost the connection with 127"):
        await sending


async def test_a_message_right_after_the_loss_is_reported_lost(bus: Any, message: Any) -> None:
    """The connection has ended, and its owner has not had a turn of the loop to take note."""
    await bus.listen()
    client = await bus.connect()
    client._uplink.engine.connection_lost(OSError("cable gone"))
    assert not client.connected
    with pytest.raises(ConnectionLost, match=r"lost the connection with 127.*cable gone"):
        await client.send(message("agent.x"))


async def test_a_refused_attempt_is_reported_at_once_to_the_impatient(bus: Any, inbox: Any) -> None:
    listener = await bus.listen()
    await listener.stop()
    client = Connection(bus.url, addresses=ALL, on_message=inbox())
    client.start()
    try:
        async with asyncio.timeout(30):
            with pytest.raises(ConnectionLost, match=r"can't reach amqp://127\.0\.0\.1.*(Connect call failed|refused)"):
                await client.wait_up(30, patient=False)
        await bus.listen(url=bus.url)
        await client.wait_up(30)
        await client.wait_up(0, patient=False)
    finally:
        await client.stop()


async def test_a_message_without_form_is_refused_before_it_is_sent(bus: Any, message: Any) -> None:
    await bus.listen()
    client = await bus.connect()
    with pytest.raises(CodecError):
        await client.send(message("agent.x", body={"a": object()}))
    with pytest.raises(BusError, match="no node 'elsewhere'"):
        await client.send(message("x", node="elsewhere"))
    await client.send(message("agent.x"))


async def test_messages_wait_for_credit_in_bounded_number(bus: Any, message: Any) -> None:
    listener = await bus.listen(limits=replace(Limits(), credit=4))
    client = await bus.connect(limits=replace(Limits(), queue_messages=10))
    for peer in listener._peers:
        peer.engine._socket.pause_reading()
    sends = [asyncio.create_task(client.send(message("agent.x"))) for _ in range(20)]
    await asyncio.sleep(0)
    failed = [task for task in sends if task.done()]
    assert len(failed) == 6
    assert all(isinstance(task.exception(), BusError) for task in failed)
    for peer in listener._peers:
        peer.engine._socket.resume_reading()
    await asyncio.gather(*(task for task in sends if task not in failed))


async def test_a_cancelled_message_does_not_go_out(bus: Any, inbox: Any, message: Any) -> None:
    got = inbox()
    listener = await bus.listen((Address(DIRECT, "agent"),), got, limits=replace(Limits(), credit=2))
    client = await bus.connect()
    for peer in listener._peers:
        peer.engine._socket.pause_reading()
    sends = [asyncio.create_task(client.send(message("agent", node=DIRECT, body={"n": n}))) for n in range(4)]
    await asyncio.sleep(0)
    sends[2].cancel()
    for peer in listener._peers:
        peer.engine._socket.resume_reading()
    await asyncio.gather(*sends, return_exceptions=True)
    assert [(await got.get())[0].body["n"] for _ in range(3)] == [0, 1, 3]


async def test_an_unreadable_message_is_rejected_and_the_connection_goes_on(
    bus: Any, inbox: Any, message: Any, caplog: pytest.LogCaptureFixture
) -> None:
    received = inbox()
    listener = await bus.listen()
    client = await bus.connect(ALL, received)
    bad = bytes(proton.Message(body="text", subject="x", properties={"qmf.opcode": "_x"}).encode())
    listener.publish(TOPIC, bad, next(iter(listener._peers)).engine.identity, Admission(Limits()))
    listener.send(message("agent.x"))
    assert (await received.get()).to.subject == "agent.x"
    assert client.connected
    assert "whose body is a str" in caplog.text


async def test_a_callback_that_fails_costs_nothing(bus: Any, inbox: Any, message: Any) -> None:
    received = inbox()

    def fail(*args: Any) -> None:
        received(*args)
        raise ZeroDivisionError

    listener = await bus.listen()
    client = await bus.connect(ALL, fail, on_up=fail, on_down=fail)
    for subject in ("a", "b"):
        listener.send(message(subject))
        assert isinstance(await received.get(), (Message, tuple))
    assert client.connected


async def test_stop_while_connecting_ends_at_once(inbox: Any, quick: Limits) -> None:
    ended = asyncio.Event()

    async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()
            writer.close()
            await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(stay_silent, "127.0.0.1", 0)
    url = f"amqp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    client = Connection(url, addresses=ALL, on_message=inbox())
    client.start()
    with pytest.raises(ConnectionLost, match="connecting"):
        await client.wait_up(0.1)
    async with asyncio.timeout(30):
        await client.stop()
        await ended.wait()
    server.close()


def test_url_and_tls_must_fit_together(ca: Any, inbox: Any) -> None:
    with pytest.raises(ConfigError, match="needs TLS"):
        Connection("amqps://localhost", addresses=ALL, on_message=inbox())
    with pytest.raises(ConfigError, match="write amqps"):
        Connection("amqp://localhost", tls=ca.issue("x"), addresses=ALL, on_message=inbox())
