"""Everything that a console is told, kept for others to look through.

Rules of this file: one thread reads, anybody looks; a mark is a length of the log, so "since" is never a matter of clocks.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from consoles.client import Announcement, Console, Event, SiteFound


class EventLog:
    """Everything that a console is told, read by a thread, for others to look through."""

    def __init__(self, console: Console, site: str) -> None:
        """Everything that `console` is told, and of the events of `site` those too that it has had before."""
        self._stream = console.subscribe(since={site: 0})
        self._items: list[Announcement] = []
        self._grown = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="events", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._items)

    def close(self) -> None:
        """End the subscription."""
        self._stream.close()
        self._thread.join()

    def find(self, name: str, since: int, values: Mapping[str, Any]) -> list[Event]:
        """The events since a mark that match."""
        return list(self._matching(name, since, values))

    def wait(self, name: str, since: int, values: Mapping[str, Any], seconds: float) -> Event | None:
        """The first event since a mark that matches, None where there is none after `seconds`."""
        with self._grown:
            self._grown.wait_for(lambda: any(self._matching(name, since, values)), seconds)
        return next(self._matching(name, since, values), None)

    def wait_number(self, journal: str, number: int, seconds: float) -> bool:
        """Whether the event of that number in a journal, or a later one, has come, or does within `seconds`."""
        with self._grown:
            return number == 0 or self._grown.wait_for(lambda: self._has(journal, number), seconds)

    def wait_found(self, since: int, seconds: float) -> bool:
        """Whether a site was found since a mark, or is within `seconds`."""
        with self._grown:
            return self._grown.wait_for(lambda: any(isinstance(i, SiteFound) for i in self._items[since:]), seconds)

    def names(self, since: int) -> list[str]:
        """What came since a mark, in short."""
        return [item.name if isinstance(item, Event) else type(item).__name__ for item in self._items[since:]]

    def _has(self, journal: str, number: int) -> bool:
        events = (item for item in reversed(self._items) if isinstance(item, Event))
        return any(event.journal == journal and event.seq >= number for event in events)

    def _matching(self, name: str, since: int, values: Mapping[str, Any]) -> Iterator[Event]:
        for item in self._items[since:]:
            if isinstance(item, Event) and item.name == name and values.items() <= item.values.items():
                yield item

    def _read(self) -> None:
        for item in self._stream:
            with self._grown:
                self._items.append(item)
                self._grown.notify_all()
