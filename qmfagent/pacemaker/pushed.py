"""The live CIB, pushed by libcib: one connection, each change as the patchset the daemon sends.

Rules of this file: notifications are handled in the event loop, in order, and bring the snapshot forward; while a full
snapshot is on its way they wait, and those it already contains are dropped. One that does not fit (a version gap: some
were missed) leads to a full snapshot, as does every new connection. Those that may wait (inbox.py) are handled with the
next that may not, and before anybody gets a snapshot. Own writes come back as notifications like all others, with `client`
being our own name.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

from lxml import etree
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from qmfagent.cib.change import CibChange
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.transient import TransientUpdates
from qmfagent.cib.version import Version
from qmfagent.errors import CibError, ClusterError, PatchError
from qmfagent.pacemaker import libcib, notification, write
from qmfagent.pacemaker.booth_config import NO_BOOTH, BoothConfigs
from qmfagent.pacemaker.connection import CibConnection
from qmfagent.pacemaker.feed import FedStore
from qmfagent.pacemaker.inbox import Item
from qmfagent.pacemaker.tools import TicketAction

_LOG = logging.getLogger(__name__)
_OUTCOMES = {
    0: write.Outcome.APPLIED,
    libcib.OLD_DATA: write.Outcome.MISFIT,
    libcib.DIFF_FAILED: write.Outcome.MISFIT,
    libcib.SCHEMA_VALIDATION: write.Outcome.REJECTED,
    libcib.ACCESS_DENIED: write.Outcome.REJECTED,
}


class PushedCib(FedStore):
    """Store of the live CIB through libcib. See the package's docstring for the shape of a store."""

    source = "libcib"

    def __init__(self, library: libcib.Libcib, client: str, booth: BoothConfigs = NO_BOOTH) -> None:
        """`client` is the name Pacemaker gives our writes (update-client), `booth` what booth manages here."""
        super().__init__(client, booth)
        self._connection = CibConnection(library, client, self._take, self._lost)
        self._gone = asyncio.Event()
        self._refreshing = asyncio.Lock()
        self._awaiting_snapshot = True
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading_again: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect; where the cluster is not there yet, return nonetheless and go on trying."""
        self._connection.start()
        with contextlib.suppress(ClusterError, CibError):
            await self._sign_on()
        self._spawn(self._stay_connected())

    async def stop(self) -> None:
        """Sign off and end all readers."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._connection.stop()
        self._feed.end()

    @property
    def version(self) -> Version | None:
        """The version that was seen last, what waits included; None where nothing was seen yet."""
        seen, waiting = super().version, self._connection.inbox.version
        return max(seen, waiting) if seen and waiting else seen

    async def snapshot(self) -> Snapshot:
        """The newest good snapshot. Raises Disconnected."""
        self._take()
        if self._reading_again is not None:
            await asyncio.shield(self._reading_again)
        return await super().snapshot()

    async def apply(self, patchset: bytes, expected_config_digest: str) -> Version:
        """Apply a format-2 patchset as one write; see write.apply for its errors."""
        return await write.apply(self._feed, self._submit, self._refresh_for_write, patchset, expected_config_digest)

    async def ticket(self, name: str, action: TicketAction) -> None:
        """Change a ticket and return once the snapshot shows it; see Tickets.change for its errors."""
        await self._tickets.change(self._feed.current(), name, action, self._feed.until)

    async def _submit(self, patchset: bytes) -> tuple[write.Outcome, str]:
        code = await self._connection.patch(patchset)
        words = self._connection.words(code)
        if code not in _OUTCOMES:
            raise ClusterError(f"the CIB daemon did not apply the patch: {words}")
        return _OUTCOMES[code], words

    async def _refresh_for_write(self) -> None:
        # Shielded: a cancelled writer must not leave the notifications waiting for a snapshot that never comes.
        await asyncio.shield(self._spawn(self._resync()))

    async def _stay_connected(self) -> None:
        while True:
            await self._gone.wait()
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type((ClusterError, CibError)), wait=wait_random_exponential(0.1, max=2.0)
            ):
                with attempt:
                    await self._sign_on()

    async def _sign_on(self) -> None:
        self._gone.clear()
        try:
            await self._connection.signon()
            await self._refresh()
        except (ClusterError, CibError) as error:
            self._lost(error.message)
            raise
        _LOG.info("signed on to the CIB daemon as %s, CIB version %s", self.client, self._feed.current().version)

    async def _refresh(self) -> None:
        async with self._refreshing:
            # Set before the query: what the daemon sends from now on is newer than, or part of, its answer.
            self._awaiting_snapshot = True
            snapshot = Snapshot.parse(await self._connection.query())
            self._feed.publish(CibChange(snapshot, resync=True))
            self._awaiting_snapshot = False
            self._take()

    async def _resync(self) -> None:
        try:
            await self._refresh()
        except (ClusterError, CibError) as error:
            self._lost(error.message)

    def _lost(self, reason: str = "the CIB daemon went away") -> None:
        self._awaiting_snapshot = True
        self._connection.inbox.clear()
        self._feed.lose(reason)
        self._gone.set()

    def _take(self) -> None:
        """Bring the snapshot forward by everything that is in the inbox."""
        while not self._awaiting_snapshot and (item := self._connection.inbox.take()) is not None:
            try:
                change = self._read(item)
            except (CibError, PatchError) as error:
                _LOG.warning("reading the whole CIB again: %s", error)
                self._awaiting_snapshot = True
                self._reading_again = self._spawn(self._resync())
            else:
                if change:
                    self._feed.publish(change)

    def _read(self, item: Item) -> CibChange | None:
        snapshot = self._feed.current()
        if isinstance(item, TransientUpdates):
            if item.target <= snapshot.version:
                return None
            patchset = item.patchset(snapshot.version)
            return CibChange(snapshot.advance(patchset), patchset=etree.tostring(patchset))
        read = notification.read(item, snapshot.version)
        if read is None or (read.source < snapshot.version and read.target <= snapshot.version):
            return None
        return CibChange(
            snapshot.advance(read.patchset),
            patchset=etree.tostring(read.patchset),
            client=read.client,
            user=read.user,
            origin=read.origin,
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
