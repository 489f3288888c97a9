"""The events of several links, in one stream.

Rules of this file: nothing is lost in silence: what was missed is asked for, and where it can't be had there is a Gap in its
place. A SiteLost or SiteFound never comes before an event that had arrived before it. Reading may be cancelled at any moment
(by a timeout, say) without losing an event.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import TracebackType

from consoles.resumption import Resumption
from consoles.values import Announcement, Event, Gap, SiteFound, SiteLost
from qmfagent.bus.console.event_stream import EventGap, EventStream
from qmfagent.qmf.console_events import EventReceived

MISSED = "events_missed"
"""The event by which an agent tells a receiver that it left out some."""

Item = EventReceived | EventGap
Reader = Callable[[str, EventReceived], Event | None]


@dataclass(frozen=True, slots=True)
class _Heard:
    """The site has announced itself, by way of a URL."""

    site: str
    url: str


class Subscription:
    """An asynchronous iterator over events and announcements; a context manager that ends the subscription."""

    def __init__(
        self,
        streams: Mapping[str, EventStream],
        read: Reader,
        resumption: Resumption,
        names: Collection[str] | None,
        sites: Collection[str] | None,
        on_close: Callable[[Subscription], None],
    ) -> None:
        """Read `streams`, which are by URL; `read` makes an event of what came by way of a URL, None to drop it;
        `resumption` gets what was missed.

        `names` and `sites` say which events are wanted, None for all. `on_close` is called once, at the end.
        """
        self._streams = streams
        self._read = read
        self._resumption = resumption
        self._names = names
        self._sites = sites
        self._on_close = on_close
        self._announced: deque[SiteLost | SiteFound | _Heard] = deque()
        self._changed = asyncio.Event()
        self._next: dict[str, asyncio.Task[Item]] = {}
        self._closed = False
        resumption.start(self._changed.set)
        for url in streams:
            self._fetch(url)

    def announce(self, what: SiteLost | SiteFound) -> None:
        """Tell the reader, after everything that has arrived until now."""
        if self._sites is None or what.site in self._sites:
            self._put(what)

    def heard(self, site: str, url: str) -> None:
        """Look whether something is missing, now that the site has announced itself by way of a URL."""
        if (what := _Heard(site, url)) not in self._announced:
            self._put(what)

    def close(self) -> None:
        """End the subscription; the reader gets nothing more."""
        if self._closed:
            return
        self._closed = True
        self._resumption.close()
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
            while self._resumption.ready:
                item = self._resumption.ready.popleft()
                if self._names is None or isinstance(item, Gap) or item.name in self._names:
                    return item
            if self._resumption.collect() or self._take():
                continue
            await asyncio.sleep(0)  # what a stream still holds comes with the next turn of the loop
            if any(task.done() for task in self._next.values()):
                continue
            if self._announced:
                announced = self._announced.popleft()
                if isinstance(announced, _Heard):
                    self._resumption.heard(announced.site, announced.url)
                    continue
                if isinstance(announced, SiteLost):
                    self._resumption.lost(announced.site)
                return announced
            if not self._next:
                break
            self._changed.clear()
            await self._changed.wait()
        raise StopAsyncIteration

    def _put(self, what: SiteLost | SiteFound | _Heard) -> None:
        self._announced.append(what)
        self._changed.set()

    def _fetch(self, url: str) -> None:
        task = asyncio.ensure_future(anext(self._streams[url]))
        task.add_done_callback(lambda done: self._changed.set())
        self._next[url] = task

    def _take(self) -> bool:
        """Take what has come, one item by way of each URL, and fetch the next; whether there was anything."""
        come = [url for url, task in self._next.items() if task.done()]
        for url in come:
            task = self._next.pop(url)
            if task.cancelled() or isinstance(task.exception(), StopAsyncIteration):
                continue
            item = task.result()
            self._fetch(url)
            if isinstance(item, EventGap):
                self._resumption.gap(Gap(url, item.missed, item.reason))
            elif (event := self._read(url, item)) is not None:
                self._resumption.event(event, url, missed=event.name == MISSED)
        return bool(come)
