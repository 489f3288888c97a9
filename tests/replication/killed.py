"""One site's applier on a CIB file and a journal file, in a process of its own that kills itself: `killed.py POINT FOLDER`.

Rules of this file: POINT is `before` or `after` the write of the CIB, or the name of an event: right after that was recorded.
The process ends by SIGKILL, as a node that is fenced does.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from qmfagent.agent import load_schema
from qmfagent.cib.version import Version
from qmfagent.journal.entry import State
from qmfagent.journal.store import Journal, Retention
from qmfagent.objects.event_log import EventLog
from qmfagent.objects.ledger import SiteLedger, told_anew
from qmfagent.pacemaker.file import FileCib
from qmfagent.replication.applying.applier import Applier
from tests.replication.fakes import ACCEPTANCE, FakeRemotes, publication, unmangled


class Site:
    """Site b, where site a's publication of ticket T arrives."""

    def __init__(self, folder: Path, point: str = "") -> None:
        self._point = point
        self.events = EventLog(load_schema(), Journal(folder / "journal", Retention(), retell=told_anew))
        self.ledger = SiteLedger(lambda: self.events.journal, self._record)
        self.store = FileCib(folder / "cib.xml")
        remotes = FakeRemotes(published={"a": publication()})
        remotes.hold("a")
        self.applier = Applier("b", self.store, remotes, unmangled, self.ledger, ACCEPTANCE)

    def _record(self, name: str, values: Mapping[str, Any], *, documents: Any = (), state: State | None = None) -> int:
        number = self.events.record(name, values, time.time_ns(), documents=documents, state=state)["seq"]
        self.killed_at(name)
        return int(number)

    def killed_at(self, point: str) -> None:
        """End here, if that is the point."""
        if point == self._point:
            os.kill(os.getpid(), signal.SIGKILL)

    async def replicate(self) -> None:
        """Take the publication."""
        write = self.store.apply

        async def apply(patchset: bytes, digest: str) -> Version:
            self.killed_at("before")
            version = await write(patchset, digest)
            self.killed_at("after")
            return version

        self.store.apply = apply  # type: ignore[method-assign]
        prepared = await self.applier.plan("T")
        await self.applier.carry_out(prepared, "x")


@asynccontextmanager
async def running(folder: Path, point: str = "") -> AsyncIterator[Site]:
    """The site, with its agent's parts started as an agent starts them."""
    site = Site(folder, point)
    await site.store.start()
    try:
        await site.applier.recover(await site.store.snapshot())
        yield site
    finally:
        await site.store.stop()
        site.events.close()


async def _main(point: str, folder: Path) -> None:
    async with running(folder, point) as site:
        await site.replicate()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2])))
