"""Peers that take their time: whoever does not get on is let go, whatever it is that he does instead."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from qmfagent.bus.client.connection import Connection
from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.listener.listener import Listener
from qmfagent.bus.messages import wire
from qmfagent.qmf.message import TOPIC, Address, Message
from tests.certificates import CertificateAuthority
from tests.fuzz.raw_client import RawClient
from tests.fuzz.recording import AMQP, ANONYMOUS, ANSWER, SASL
from tests.fuzz.target import Target
from tests.sites.pair import until

OPEN_TIMEOUT, IDLE_TIMEOUT, SPARE = 0.3, 0.5, 30.0
WELL_SAID = SASL + ANONYMOUS + AMQP
EMPTY_FRAME = bytes.fromhex("00000008 02000000")
Writer = asyncio.StreamWriter


@pytest.fixture
def quick(target: Target, monkeypatch: pytest.MonkeyPatch) -> Target:
    """The agent with little patience."""
    limits = replace(target.listener.limits, open_timeout=OPEN_TIMEOUT, idle_timeout=IDLE_TIMEOUT)
    monkeypatch.setattr(target.listener, "limits", limits)
    return target


async def say_nothing(writer: Writer) -> None:
    await asyncio.Event().wait()


async def log_in_again_and_again(writer: Writer) -> None:
    writer.write(SASL)
    while True:
        writer.write(ANONYMOUS)
        await asyncio.sleep(0.02)


async def answer_what_was_not_asked(writer: Writer) -> None:
    writer.write(SASL)
    while True:
        writer.write(ANSWER)
        await asyncio.sleep(0.02)


async def say_little_at_a_time(writer: Writer) -> None:
    for byte in WELL_SAID * 100:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.02)


async def send_empty_frames(writer: Writer) -> None:
    writer.write(WELL_SAID)
    while True:
        writer.write(EMPTY_FRAME)
        await asyncio.sleep(0.02)


async def ended(port: int, behave: Callable[[Writer], Awaitable[None]]) -> None:
    """Connect, behave, and wait until the listener has closed the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    behaving = asyncio.ensure_future(behave(writer))
    try:
        async with asyncio.timeout(OPEN_TIMEOUT + SPARE):
            while await reader.read(4096):
                pass
    except ConnectionError:
        pass
    finally:
        behaving.cancel()
        await asyncio.gather(behaving, return_exceptions=True)
        writer.transport.abort()


@pytest.mark.parametrize(
    "behave",
    [say_nothing, log_in_again_and_again, answer_what_was_not_asked, say_little_at_a_time, send_empty_frames],
    ids=lambda behave: behave.__name__,
)
def test_who_does_not_open(quick: Target, behave: Callable[[Writer], Awaitable[None]]) -> None:
    quick.run(ended(quick.port, behave))
    quick.run(quick.at_rest())


@pytest.mark.parametrize("closes", [False, True], ids=["silent", "half closed"])
def test_who_neither_reads_nor_writes(target: Target, closes: bool) -> None:
    async def be_deaf() -> None:
        deaf = await RawClient.connect(target.port)
        assert await deaf.attached(deaf.receiver(TOPIC, pattern="large.#", credit=10_000))
        deaf.stop_reading()
        async with await RawClient.connect(target.port) as other:
            to = other.sender(TOPIC)
            large = wire.encode(Message(Address(TOPIC, "large.x"), "_x", "indication", {"x": "x" * 500_000}))
            while not (full := [peer.engine for peer in target.listener._peers if peer.engine.paused]):
                await other.send(to, large)
        if closes:
            deaf.write_eof()
        else:
            # Not before, since to fill its socket may take longer; it counts from the next that the peer says, its last.
            full[0]._transport.idle_timeout = IDLE_TIMEOUT
            deaf.write(EMPTY_FRAME)
        await target.at_rest()
        await deaf.drop()

    target.run(be_deaf())


HELLO = bytes.fromhex("16 0301 0200 01 0001fc 0303")


@pytest.mark.parametrize("start", [b"", HELLO, HELLO + bytes(32), b"\x16\x03\x01\xff\xff" + bytes(100)], ids=len)
async def test_who_does_not_get_through_tls(tmp_path: Path, start: bytes) -> None:
    tls = CertificateAuthority(tmp_path, "ca").issue("localhost")
    limits = replace(Limits(), open_timeout=1.0)  # long enough for who does get through
    listener = Listener("amqps://localhost:0", tls=tls, on_message=lambda message, identity: None, limits=limits)
    port = await listener.start()
    try:

        async def begin(writer: Writer) -> None:
            writer.write(start)

        await asyncio.gather(*(ended(port, begin) for _ in range(20)))
        connection = Connection(f"amqps://localhost:{port}", tls=tls, addresses=(), on_message=lambda message: None)
        connection.start()
        await connection.wait_up(SPARE)
        await connection.stop()
        await until(lambda: not listener._peers, "no peers")
    finally:
        await listener.stop()


async def test_who_shows_no_certificate(tmp_path: Path) -> None:
    tls = CertificateAuthority(tmp_path, "ca").issue("localhost")
    listener = Listener("amqps://localhost:0", tls=tls, on_message=lambda message, identity: None)
    port = await listener.start()
    context = ssl.create_default_context(cafile=str(tls.ca))
    try:
        reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
        writer.write(WELL_SAID)
        with pytest.raises(ssl.SSLError):
            await asyncio.wait_for(reader.read(), SPARE)
        writer.transport.abort()
        await until(lambda: not listener._peers, "no peers")
    finally:
        await listener.stop()
