"""Whatever bytes a peer sends, they cost its connection at most: the agent closes it, and keeps nothing of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.recording import AMQP, ANONYMOUS, BEGIN, HEADER_SIZE, OPENING, SASL, Recording, join, parse, record
from tests.fuzz.target import Target

WAIT, PAUSE = 30.0, 0.02
FUZZ = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def session(target: Target) -> Recording:
    """What is said by a real console."""
    return target.run(record(target.port))


async def say(port: int, *parts: bytes, pause: float = WAIT) -> bytes:
    """Say something, and nothing more; what the agent answers until it closes, which it does.

    After each part but the last the agent's `begin` is waited for: before that nobody may send messages. Where the part is
    damaged it may never come, and `pause` is how long it is waited for.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    try:
        for part in parts[:-1]:
            writer.write(part)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    while BEGIN not in answer and (more := await reader.read(65536)):
                        answer += more
        writer.write(parts[-1])
        writer.write_eof()
        async with asyncio.timeout(WAIT):
            while more := await reader.read(65536):
                answer += more
    except OSError:
        pass
    finally:
        writer.transport.abort()
    return answer


async def attempt(target: Target, *parts: bytes) -> None:
    await say(target.port, *parts, pause=PAUSE)
    await target.at_rest()


def said(frames: list[bytes]) -> tuple[bytes, bytes]:
    """The two parts in which a conversation is said."""
    return join(frames[:OPENING]), join(frames[OPENING:])


def test_the_recording_can_be_said_again(target: Target, session: Recording) -> None:
    assert parse(join(session.frames)) == session.frames
    assert b"_query_response" in target.run(say(target.port, *said(session.frames)))
    target.run(target.at_rest())


@settings(FUZZ, max_examples=150)
@given(header=st.sampled_from([b"", AMQP, SASL, SASL + ANONYMOUS + AMQP, AMQP[:5]]), noise=st.binary(max_size=300))
def test_noise(target: Target, header: bytes, noise: bytes) -> None:
    target.run(attempt(target, header + noise))


@st.composite
def damaged(draw: st.DrawFn, session: Recording) -> tuple[bytes, bytes]:
    """A conversation with up to three things wrong: bytes, sizes, channels, handles, frames left out, doubled, out of turn."""
    frames = list(session.frames)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(frames) - 1))
        frame = bytearray(frames[at])
        where = draw(st.integers(0, max(len(frame) - 1, 0)))
        match draw(st.sampled_from(["byte", "cut", "grow", "drop", "double", "move", "channel", "number"])):
            case "byte":
                frame[where : where + 1] = bytes([draw(st.integers(0, 255))])
            case "cut":
                del frame[where:]
            case "grow":
                frame[where:where] = draw(st.binary(min_size=1, max_size=20))
            case "drop":
                frame.clear()
            case "double":
                frames[at : at + 1] = [frames[at]] * 2
                continue
            case "move":
                frames.insert(draw(st.integers(0, len(frames))), bytes(frame))
            case "channel":
                frame[6:8] = draw(st.sampled_from([b"\x00\x01", b"\x00\x0f", b"\x00\x10", b"\xff\xff"]))
            case _:
                number(draw, frame)
        frames[at] = bytes(frame)
    if draw(st.booleans()):
        return said([frame for frame in frames if len(frame) >= HEADER_SIZE])
    return b"".join(frames[:OPENING]), b"".join(frames[OPENING:])


def number(draw: st.DrawFn, frame: bytearray) -> None:
    """Put another number in the place of one: handles, credit and delivery numbers are of one byte (0x52) or none (0x43)."""
    places = [at for at, code in enumerate(frame[:-1]) if code in (0x43, 0x52)]
    if places:
        place = draw(st.sampled_from(places))
        value = draw(st.sampled_from([0, 1, 255, 256, 2**31, 2**32 - 1]))
        frame[place : place + (2 if frame[place] == 0x52 else 1)] = b"\x70" + value.to_bytes(4, "big")


@settings(FUZZ, max_examples=400)
@given(data=st.data())
def test_a_damaged_conversation(target: Target, session: Recording, data: st.DataObject) -> None:
    target.run(attempt(target, *data.draw(damaged(session))))


def test_a_conversation_cut_short_anywhere(target: Target, session: Recording) -> None:
    opening, rest = said(session.frames)

    async def cut() -> None:
        for end in range(0, len(opening), 3):
            await say(target.port, opening[:end])
        for end in range(0, len(rest), 7):
            await say(target.port, opening, rest[:end])
        await target.at_rest()

    target.run(cut())
