"""Server-sent events: rendered fragments on their way to a page.

Rules of this file: a stream ends with its session, and when the web console ends. A line of comment now and then tells proxies
that it lives, and us that the browser does not. A page whose stream has ended comes back at once, and finds out why.
Source: HTML, section 9.2 (server-sent events).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from starlette.responses import StreamingResponse

from consoles.web.sessions import Session
from consoles.web.visiting import Visit
from qmfagent.errors import Refused

HEARTBEAT = 15.0
"""Seconds of silence at most."""
RETRY = 500
"""Milliseconds after which a page whose stream has ended comes back."""
MOST = 24
"""Streams of one session at a time."""


def message(event: str, html: str, identifier: str = "") -> bytes:
    """One event: its name, a fragment as its data, and the `identifier` that a page which comes back tells as Last-Event-ID."""
    head = f"id: {identifier}\n" if identifier else ""
    data = "".join(f"data: {line}\n" for line in html.splitlines() or [""])
    return f"{head}event: {event}\n{data}\n".encode()


def stream(visit: Visit, source: AsyncIterator[bytes]) -> StreamingResponse:
    """The messages of `source`, for as long as it and the session last. Raises Refused (too-many) where a session has many."""
    session = visit.session
    if session.streams >= MOST:
        raise Refused("too-many", f"this session has {MOST} pages open already", hint="close one of them")
    return StreamingResponse(
        _lasting(session, source), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _lasting(session: Session, source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    ended = asyncio.ensure_future(session.ended.wait())
    following: asyncio.Future[bytes] | None = None
    session.streams += 1
    try:
        yield f"retry: {RETRY}\n\n".encode()
        while True:
            following = following or asyncio.ensure_future(anext(source))
            await asyncio.wait((following, ended), timeout=HEARTBEAT, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return
            if not following.done():
                yield b": still here\n\n"
                continue
            try:
                item = following.result()
            except StopAsyncIteration:
                return
            following = None
            yield item
    finally:
        session.streams -= 1
        tasks = [task for task in (ended, following) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if isinstance(source, AsyncGenerator):
            await source.aclose()
