"""The agent's composition: what it begins with, and that it shows that it is alive."""

from __future__ import annotations

import asyncio
from pathlib import Path

from qmfagent.agent import QmfAgent
from qmfagent.bus.client.connection import Connection
from qmfagent.cib.change import CibChange
from qmfagent.cib.snapshot import Snapshot
from qmfagent.pacemaker.feed import Changes, Feed
from qmfagent.qmf.message import TOPIC, Address, Message
from qmfagent.site_store import first_snapshot
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.pair import WAIT, SiteGroup


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


async def test_it_begins_with_the_cib_as_it_is_by_then(tmp_path: Path) -> None:
    """A change between the first snapshot and the start is no event, but it must not be missed."""
    site = SiteGroup(tmp_path, {"a": SOURCE})["a"]
    await site.store.start()
    old = await site.store.snapshot()
    agent = QmfAgent(site.config, site.store, "a", old)
    await site.set_value("vip-ip", "10.1.0.99")
    await site.store._look()
    ready = asyncio.Event()
    running = asyncio.create_task(agent.run(ready))
    try:
        await asyncio.wait_for(ready.wait(), WAIT)
        assert agent.inventory.seen().snapshot.ids["vip-ip"].get("value") == "10.1.0.99"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await site.store.stop()


async def test_it_shows_that_it_is_alive(tmp_path: Path) -> None:
    async with SiteGroup(tmp_path, {"a": SOURCE}) as sites:
        beats: asyncio.Queue[Message] = asyncio.Queue()
        address = Address(TOPIC, "agent.ind.heartbeat.#")
        connection = Connection(sites["a"].config.listen.url, addresses=[address], on_message=beats.put_nowait)
        connection.start()
        try:
            async with asyncio.timeout(WAIT):
                first, second = await beats.get(), await beats.get()
        finally:
            await connection.stop()
    values = [beat.body["_values"] for beat in (first, second)]  # type: ignore[index, call-overload]
    assert [each["_heartbeat_interval"] for each in values] == [1, 1]
    assert 0.5e9 < values[1]["_timestamp"] - values[0]["_timestamp"] < WAIT * 1e9
    assert first.agent == "clusterlabs.org:qmfagent:a"
