"""The events of a console session, for one reader at its own pace.

Rules of this file: a stream holds a bounded number of events. Events are never dropped in silence: where some were,
because the reader was too slow or the connection was down, the reader finds an EventGap in their place.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from types import TracebackType

from qmfagent.qmf.console_events import EventReceived


@dataclass(frozen=True, slots=True)
class EventGap:
    """Events are missing here: `missed` is how many, or None where nobody can know; `reason` says why."""

    missed: int | None
    reason: str


class EventStream:
    """An asynchronous iterator over events and gaps; a context manager that ends the subscription."""

    def __init__(self, streams: set[EventStream], limit: int) -> None:
        """Join `streams`, from which close() takes it out; `limit` bounds the events that wait for the reader."""
        self._streams = streams
        self._limit = limit
        self._queue: deque[EventReceived | EventGap] = deque()
        self._overflowed = 0
        self._changed = asyncio.Event()
        self._closed = False
        streams.add(self)

    def put(self, event: EventReceived | EventGap) -> None:
        """Give the reader one more event or gap."""
        if len(self._queue) >= self._limit:
            self._overflowed += 1
        else:
            self._announce_overflow()
            self._queue.append(event)
        self._changed.set()

    def close(self) -> None:
        """Take no more events; the reader gets what is there, then the end."""
        self._closed = True
        self._streams.discard(self)
        self._changed.set()

    def __enter__(self) -> EventStream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> EventReceived | EventGap:
        while True:
            if not self._queue:
                self._announce_overflow()
            if self._queue:
                return self._queue.popleft()
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()

    def _announce_overflow(self) -> None:
        if self._overflowed:
            self._queue.append(EventGap(self._overflowed, "the reader was too slow"))
            self._overflowed = 0
