"""The agent's composition: what it does with its store."""

from __future__ import annotations

import asyncio

from qmfagent.agent import first_snapshot
from qmfagent.cib.change import CibChange
from qmfagent.cib.snapshot import Snapshot
from qmfagent.pacemaker.feed import Changes, Feed
from tests.replication.conftest import SOURCE, TARGET


class FeedStore:
    """A store that shows what the test publishes."""

    source = "file"

    def __init__(self) -> None:
        self.feed = Feed()

    async def snapshot(self) -> Snapshot:
        return self.feed.current()

    def changes(self) -> Changes:
        return self.feed.changes()


async def test_the_first_snapshot_is_the_newest_there_is() -> None:
    """Two changes come before the waiting agent has its turn; the first of them is old by then."""
    store = FeedStore()
    waiting = asyncio.create_task(first_snapshot(store))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    older, newer = Snapshot.parse(SOURCE), Snapshot.parse(TARGET)
    store.feed.publish(CibChange(older, resync=True))
    store.feed.publish(CibChange(newer))
    assert await waiting is newer
