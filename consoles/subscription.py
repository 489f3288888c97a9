"""The events of several links, in one stream.

Rules of this file: nothing is lost in silence: where events are missing there is a Gap in their place. A SiteLost or
SiteFound never comes before an event that had arrived before it. Reading may be cancelled at any moment (by a timeout,
say) without losing an event.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping
from types import TracebackType

from consoles.values import Announcement, Event, Gap, SiteFound, SiteLost
from qmfagent.bus.event_stream import EventGap, EventStream
from qmfagent.qmf.console_events import EventReceived

Item = EventReceived | EventGap
Reader = Callable[[str, EventReceived], Event | None]


class Subscription:
    """An asynchronous iterator over events and announcements; a context manager that ends the subscription."""

    def __init__(
        self,
        streams: Mapping[str, EventStream],
        read: Reader,
        names: Collection[str] | None,
        sites: Collection[str] | None,
        on_close: Callable[[Subscription], None],
    ) -> None:
        """Read `streams`, which are by URL; `read` makes an event of what came by way of a URL, None to drop it.

        `names` and `sites` say which events are wanted, None for all. `on_close` is called once, at the end.
        """
        self._streams = streams
        self._read = read
        self._names = names
        self._sites = sites
        self._on_close = on_close
        self._announced: deque[SiteLost | SiteFound] = deque()
        self._changed = asyncio.Event()
        self._next: dict[str, asyncio.Task[Item]] = {}
        self._closed = False
        for url in streams:
            self._fetch(url)

    def announce(self, what: SiteLost | SiteFound) -> None:
        """Tell the reader, after everything that has arrived until now."""
        if self._sites is None or what.site in self._sites:
            self._announced.append(what)
            self._changed.set()

    def close(self) -> None:
        """End the subscription; the reader gets nothing more."""
        if self._closed:
            return
        self._closed = True
        for stream in self._streams.values():
            stream.close()
        for task in self._next.values():
            task.cancel()
        self._on_close(self)
        self._changed.set()

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Announcement:
        while not self._closed:
            for url in [url for url, task in self._next.items() if task.done()]:
                item = self._take(url)
                if item is not None:
                    return item
            await asyncio.sleep(0)  # what a stream still holds comes with the next turn of the loop
            if any(task.done() for task in self._next.values()):
                continue
            if self._announced:
                return self._announced.popleft()
            if not self._next:
                break
            self._changed.clear()
            await self._changed.wait()
        raise StopAsyncIteration

    def _fetch(self, url: str) -> None:
        task = asyncio.ensure_future(anext(self._streams[url]))
        task.add_done_callback(lambda done: self._changed.set())
        self._next[url] = task

    def _take(self, url: str) -> Announcement | None:
        """What has come by way of a URL, None where it is not wanted; fetch the next."""
        task = self._next.pop(url)
        if task.cancelled() or isinstance(task.exception(), StopAsyncIteration):
            return None
        item = task.result()
        self._fetch(url)
        if isinstance(item, EventGap):
            return Gap(url, item.missed, item.reason)
        event = self._read(url, item)
        if event is None or (self._names is not None and event.name not in self._names):
            return None
        return event if self._sites is None or event.site in self._sites else None
