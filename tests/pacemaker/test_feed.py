from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

import pytest

from qmfagent.cib.change import CibChange, CibLost
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import Disconnected
from qmfagent.pacemaker.feed import BACKLOG, Feed


async def test_without_a_snapshot_there_is_none(cib: Callable[..., bytes]) -> None:
    feed = Feed()
    with pytest.raises(Disconnected, match="not started"):
        feed.current()
    feed.lose("no such file")
    with pytest.raises(Disconnected, match="no such file"):
        feed.current()


async def test_every_reader_gets_what_comes_after_it_subscribed(cib: Callable[..., bytes]) -> None:
    feed, first, second = Feed(), CibChange(Snapshot.parse(cib(1))), CibChange(Snapshot.parse(cib(2)))
    early = feed.changes()
    feed.publish(first)
    late = feed.changes()
    feed.publish(second)
    feed.end()
    assert [item async for item in early] == [first, second, CibLost("stopped")]
    assert [item async for item in late] == [second, CibLost("stopped")]


async def test_a_loss_is_told_once_and_its_reason_kept_up_to_date(cib: Callable[..., bytes]) -> None:
    feed = Feed()
    reader = feed.changes()
    feed.publish(CibChange(Snapshot.parse(cib())))
    feed.lose("gone")
    feed.lose("still gone")
    feed.end()
    assert [item async for item in reader][1:] == [CibLost("gone")]


async def test_a_reader_that_falls_behind_gets_the_newest_as_a_resync(cib: Callable[..., bytes]) -> None:
    feed, snapshot = Feed(), Snapshot.parse(cib())
    reader = feed.changes()
    for _ in range(BACKLOG):
        feed.publish(CibChange(snapshot, patchset=b"<diff/>"))
    feed.publish(newest := CibChange(Snapshot.parse(cib(2)), patchset=b"<diff/>"))
    feed.end()
    items = [item async for item in reader]
    assert items[0] == CibChange(newest.snapshot, resync=True)
    assert len(items) == 2


async def test_until_waits_for_the_snapshot_asked_for(cib: Callable[..., bytes]) -> None:
    feed = Feed()
    feed.publish(CibChange(Snapshot.parse(cib(1))))
    waiting = asyncio.create_task(feed.until(lambda snapshot: snapshot.version.epoch == 3, 5))
    for epoch in (2, 3):
        await asyncio.sleep(0)
        feed.publish(CibChange(Snapshot.parse(cib(epoch))))
    assert await waiting
    assert not await feed.until(lambda snapshot: snapshot.version.epoch == 4, 0.01)


async def test_until_ends_when_sight_is_lost(cib: Callable[..., bytes]) -> None:
    feed = Feed()
    feed.publish(CibChange(Snapshot.parse(cib(1))))
    waiting = asyncio.create_task(feed.until(lambda _: False, 5))
    await asyncio.sleep(0)
    feed.lose("gone")
    with pytest.raises(Disconnected, match="gone"):
        await waiting


async def test_a_dropped_reader_is_forgotten() -> None:
    feed = Feed()
    reader = feed.changes()
    assert len(feed._readers) == 1
    del reader
    gc.collect()
    assert len(feed._readers) == 0
