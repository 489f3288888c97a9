"""What a real console says to an agent, as frames that can be cut up and said again.

Rules of this file: a frame is the bytes between two frame boundaries of AMQP 1.0; a protocol header is one too. `parse` and
`join` are each other's inverse.
Source: AMQP 1.0 part 2.2 (protocol headers), 2.3 (framing), 5.3 (SASL).
"""

from __future__ import annotations

import asyncio
from contextlib import closing, suppress

from qmfagent.bus.console.session import ConsoleSession
from tests.fuzz.target import NAME, SITE

AMQP, SASL = b"AMQP\x00\x01\x00\x00", b"AMQP\x03\x01\x00\x00"
ANONYMOUS = bytes.fromhex("0000001b 02010000 005341c0 0e01a309") + b"ANONYMOUS"
ANSWER = bytes.fromhex("00000014 02010000 005343 c0 07 01 a0 04") + b"more"
"""The two protocol headers, the beginning of a log-in, and an answer to what the agent has asked."""
HEADER_SIZE = 8
OPENING = 5
BEGIN = b"\x00S\x11"


class Recording:
    """The frames of one side of a conversation, which are too many to be shown; the first OPENING of them end in a `begin`."""

    def __init__(self, frames: list[bytes]) -> None:
        self.frames = frames


async def record(port: int) -> Recording:
    """What a console says that connects, finds the agent, queries, calls a method and disconnects."""
    said = bytearray()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, copy: bytearray) -> None:
        with closing(writer), suppress(ConnectionError):  # the console may be gone before what was said to it last
            while data := await reader.read(65536):
                copy += data
                writer.write(data)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pass_on(reader, onward[1], said), pass_on(onward[0], writer, bytearray()))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as proxy:
        url = f"amqp://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        async with ConsoleSession(url) as session:
            await session.wait_agent(lambda agent: agent.name == NAME, 30.0)
            await session.query(NAME, object_name=f"Site:{SITE}")
            await session.call(NAME, f"Site:{SITE}", "query", {"path": "/cib/configuration/constraints"})
    return Recording(parse(bytes(said)))


def parse(data: bytes) -> list[bytes]:
    """Cut what was said into frames."""
    frames = []
    while data:
        size = HEADER_SIZE if data.startswith(b"AMQP") else int.from_bytes(data[:4], "big")
        frames.append(data[:size])
        data = data[size:]
    return frames


def join(frames: list[bytes]) -> bytes:
    """Say frames again, each with the size that it has."""
    return b"".join(frame if frame.startswith(b"AMQP") else sized(frame) for frame in frames)


def sized(frame: bytes) -> bytes:
    """A frame with its size put right."""
    return len(frame).to_bytes(4, "big") + frame[4:]
