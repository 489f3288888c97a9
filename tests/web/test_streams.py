"""Server-sent events: their form, and how streams end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from consoles.web import streams
from consoles.web.sessions import Session
from consoles.web.streams import message, stream
from consoles.web.visiting import Visit
from qmfagent.errors import Refused

WAIT = 30.0


@pytest.fixture
def visit() -> Visit:
    nothing: Any = None
    return Visit(Session("bob", nothing, nothing, 0.0, 0.0, nothing))


async def some(*messages: bytes, closed: list[bool] | None = None) -> AsyncIterator[bytes]:
    """These messages, and then nothing more, ever."""
    try:
        for each in messages:
            yield each
        await asyncio.Event().wait()
    finally:
        if closed is not None:
            closed.append(True)


def test_every_line_of_a_fragment_is_data() -> None:
    assert message("overview", "<p>\n one\n</p>") == b"event: overview\ndata: <p>\ndata:  one\ndata: </p>\n\n"
    assert message("x", "", "7") == b"id: 7\nevent: x\ndata: \n\n"
    # Nothing that comes from elsewhere begins a line of the protocol.
    assert message("x", "a\r\nevent: forged\rdata: b").count(b"\nevent:") == 0


async def test_a_stream_ends_with_its_session(visit: Visit) -> None:
    closed: list[bool] = []
    body = stream(visit, some(b"one", b"two", closed=closed)).body_iterator
    async with asyncio.timeout(WAIT):
        assert [await anext(body) for _ in range(3)] == [b"retry: 500\n\n", b"one", b"two"]
        assert visit.session.streams == 1
        visit.session.ended.set()
        with pytest.raises(StopAsyncIteration):
            await anext(body)
    assert visit.session.streams == 0
    assert closed == [True]


async def test_a_stream_ends_with_its_source(visit: Visit) -> None:
    async def two() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async with asyncio.timeout(WAIT):
        assert [each async for each in stream(visit, two()).body_iterator][1:] == [b"one", b"two"]
    assert visit.session.streams == 0


async def test_a_silent_stream_tells_that_it_lives(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.01)
    body = stream(visit, some()).body_iterator
    async with asyncio.timeout(WAIT):
        await anext(body)
        assert await anext(body) == b": still here\n\n"
        assert await anext(body) == b": still here\n\n"
    await body.aclose()  # type: ignore[attr-defined]
    assert visit.session.streams == 0


async def test_a_reader_that_goes_away_leaves_nothing_behind(visit: Visit) -> None:
    closed: list[bool] = []
    body = stream(visit, some(b"one", closed=closed)).body_iterator
    async with asyncio.timeout(WAIT):
        await anext(body)
        await anext(body)
        await body.aclose()  # type: ignore[attr-defined]
    assert (visit.session.streams, closed) == (0, [True])


def test_a_session_has_a_bounded_number_of_streams(visit: Visit) -> None:
    visit.session.streams = streams.MOST
    with pytest.raises(Refused, match="24 pages open"):
        stream(visit, some())
