"""The newest snapshot of a store, and everybody who waits for the next one.

Rules of this file: it belongs to one event loop; publishing never blocks and never waits for a reader. A reader that
falls behind by `BACKLOG` changes gets the newest snapshot, marked `resync`, instead of what it missed.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from qmfagent.cib.change import CibChange, CibLost
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.ticket import BoothView, TicketState
from qmfagent.cib.version import Version
from qmfagent.errors import Disconnected
from qmfagent.pacemaker.booth import Tickets
from qmfagent.pacemaker.booth_config import NO_BOOTH, BoothConfigs
from qmfagent.pacemaker.tools import Tools

BACKLOG = 1000


class Changes(AsyncIterator[CibChange | CibLost]):
    """The changes of one store for one reader; ends when the store stops."""

    def __init__(self) -> None:
        self._items: deque[CibChange | CibLost] = deque()
        self._ended = False
        self._filled = asyncio.Event()

    def put(self, item: CibChange | CibLost) -> None:
        """Add what happened last."""
        if len(self._items) >= BACKLOG:
            self._items.clear()
            if isinstance(item, CibChange):
                item = replace(item, patchset=None, resync=True)
        self._items.append(item)
        self._filled.set()

    def end(self) -> None:
        """Let the reader finish after what is still there."""
        self._ended = True
        self._filled.set()

    async def __anext__(self) -> CibChange | CibLost:
        while not self._items:
            if self._ended:
                raise StopAsyncIteration
            self._filled.clear()
            await self._filled.wait()
        return self._items.popleft()


class Feed:
    """The newest snapshot and its readers. `snapshot` is None before the first one; it stays when sight is lost."""

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None
        self.connected = False
        self.reason = "not started"
        self._readers: weakref.WeakSet[Changes] = weakref.WeakSet()
        self._moved = asyncio.Event()

    def current(self) -> Snapshot:
        """The newest snapshot. Raises Disconnected where the CIB can't be seen now."""
        if not self.connected or self.snapshot is None:
            raise Disconnected(f"the CIB can't be seen: {self.reason}")
        return self.snapshot

    def changes(self) -> Changes:
        """Everything that is published after this call; drop the iterator to unsubscribe."""
        reader = Changes()
        self._readers.add(reader)
        return reader

    def publish(self, change: CibChange) -> None:
        """Make `change.snapshot` the newest and tell all readers."""
        self.snapshot = change.snapshot
        self.connected = True
        self._tell(change)

    def lose(self, reason: str) -> None:
        """Tell all readers, once, that the CIB can't be seen; `reason` is kept up to date for later callers."""
        self.reason = reason
        if self.connected:
            self.connected = False
            self._tell(CibLost(reason))

    def end(self) -> None:
        """End all readers: the store stops."""
        self.lose("stopped")
        for reader in list(self._readers):
            reader.end()

    async def until(self, condition: Callable[[Snapshot], bool], seconds: float) -> bool:
        """Wait at most `seconds` for a snapshot that meets `condition`. Raises Disconnected when sight is lost."""
        try:
            async with asyncio.timeout(seconds):
                while not condition(self.current()):
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    def _tell(self, item: CibChange | CibLost) -> None:
        for reader in list(self._readers):
            reader.put(item)
        self._moved.set()
        self._moved = asyncio.Event()


class FedStore:
    """What every store of the CIB does alike: one Feed tells its readers of the newest snapshot and of each change."""

    def __init__(self, client: str, booth: BoothConfigs = NO_BOOTH) -> None:
        """`client` is the name under which our own writes are told, `booth` what booth manages here."""
        self.client = client
        self._feed = Feed()
        self._tools = Tools()
        self._tickets = Tickets(self._tools, booth)

    @property
    def connected(self) -> bool:
        """Whether the CIB can be seen now."""
        return self._feed.connected

    @property
    def version(self) -> Version | None:
        """The version of the CIB that was seen last; None where none was seen yet."""
        return self._feed.snapshot.version if self._feed.snapshot else None

    async def snapshot(self) -> Snapshot:
        """The newest good snapshot. Raises Disconnected."""
        return self._feed.current()

    def booth(self, state: TicketState) -> BoothView:
        """What booth says of a ticket that is in this state here."""
        return self._tickets.view(state)

    def changes(self) -> Changes:
        """Every change after this call, as far as the store sees each."""
        return self._feed.changes()
