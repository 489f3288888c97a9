from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from lxml import etree
from watchfiles._rust_notify import WatchfilesRustInternalError

from qmfagent.cib.change import CibChange, CibLost
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version
from qmfagent.errors import ClusterError, ConfigurationChanged, Disconnected, WriteRejected
from qmfagent.pacemaker import atomic
from qmfagent.pacemaker.file import FileCib


@pytest.fixture
def path(tmp_path: Path, cib: Callable[..., bytes]) -> Path:
    made = tmp_path / "cib.xml"
    made.write_bytes(cib())
    return made


@pytest_asyncio.fixture
async def store(path: Path) -> AsyncIterator[FileCib]:
    made = FileCib(path, "test")
    await made.start()
    yield made
    await made.stop()


def creation(identifier: str) -> bytes:
    return (
        '<diff format="2"><change operation="create" path="/cib/configuration/resources" position="0">'
        f'<primitive id="{identifier}" class="ocf" provider="pacemaker" type="Dummy"/></change></diff>'
    ).encode()


async def following(changes: AsyncIterator[CibChange | CibLost]) -> CibChange:
    async with asyncio.timeout(10):
        change = await anext(changes)
    assert isinstance(change, CibChange)
    return change


async def test_apply_writes_who_and_when(store: FileCib, path: Path) -> None:
    changes = store.changes()
    version = await store.apply(creation("web"), (await store.snapshot()).config_digest)
    assert version == Version(0, 2, 0)
    written = Snapshot.parse(path.read_bytes())
    assert (written.head["update-client"], written.head["update-origin"]) == ("test", os.uname().nodename)
    assert abs(time.mktime(time.strptime(written.head["cib-last-written"])) - time.time()) < 60
    change = await following(changes)
    assert (change.client, change.origin, change.resync) == ("test", os.uname().nodename, False)
    assert (await store.snapshot()).head == written.head


async def test_a_file_that_can_not_be_watched_is_looked_at_all_the_same(
    path: Path, cib: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As watchfiles ends where the user has no inotify instance left."""

    async def refused(*_: object, **__: object) -> AsyncIterator[set[object]]:
        raise WatchfilesRustInternalError("Error creating recommended watcher: Too many open files (os error 24)")
        yield set()

    monkeypatch.setattr("qmfagent.pacemaker.file.awatch", refused)
    store = FileCib(path)
    await store.start()
    try:
        changes = store.changes()
        path.write_bytes(cib(epoch=7))
        assert (await following(changes)).snapshot.version.epoch == 7
    finally:
        await store.stop()
    assert "looked at once a second instead" in caplog.text


async def test_the_patchset_told_leads_from_the_old_snapshot_to_the_new(store: FileCib) -> None:
    before = await store.snapshot()
    changes = store.changes()
    await store.apply(creation("web"), before.config_digest)
    await store.ticket("T", "grant")
    for _ in range(2):
        change = await following(changes)
        assert change.patchset is not None
        before = before.advance(etree.fromstring(change.patchset))
        assert before.head == change.snapshot.head
        assert before.config_digest == change.snapshot.config_digest
        assert before.tickets == change.snapshot.tickets


async def test_an_edit_that_leaves_the_version_alone_is_seen(store: FileCib, path: Path) -> None:
    changes = store.changes()
    path.write_bytes(path.read_bytes().replace(b'id="db"', b'id="sql"'))
    change = await following(changes)
    assert set(change.snapshot.members) == {"sql"}
    assert (change.snapshot.version, change.client) == (Version(0, 1, 0), "")


async def test_a_rewrite_that_changes_nothing_is_no_change(store: FileCib, path: Path) -> None:
    changes = store.changes()
    path.write_bytes(path.read_bytes().replace(b"  ", b"    "))
    async with asyncio.timeout(10):
        while store._signature != atomic.signature(path):
            await asyncio.sleep(0.01)
    path.with_name("next").write_bytes(path.read_bytes().replace(b'id="db"', b'id="sql"'))
    path.with_name("next").rename(path)
    assert set((await following(changes)).snapshot.members) == {"sql"}


async def test_another_agent_on_the_same_file_is_named(store: FileCib, path: Path) -> None:
    other = FileCib(path, "other")
    await other.start()
    changes = store.changes()
    try:
        await other.apply(creation("web"), (await other.snapshot()).config_digest)
        assert (await following(changes)).client == "other"
    finally:
        await other.stop()


async def test_agents_on_the_same_file_do_not_lose_each_others_writes(store: FileCib, path: Path) -> None:
    others = [FileCib(path, f"other{number}") for number in range(3)]
    for other in others:
        await other.start()

    async def write(writer: FileCib, number: int) -> None:
        changes = writer.changes()
        while True:
            digest = (await writer.snapshot()).config_digest
            try:
                await writer.apply(creation(f"{writer.client}-{number}"), digest)
                return
            except ConfigurationChanged:
                # It may have been seen already, before the write had its turn: no other need come then.
                while (await writer.snapshot()).config_digest == digest:
                    await following(changes)

    async with asyncio.timeout(60):
        for number in range(5):
            await asyncio.gather(*(write(writer, number) for writer in [store, *others]))
    for other in others:
        await other.stop()
    written = Snapshot.parse(path.read_bytes())
    assert len(written.members) == 21
    assert written.version == Version(0, 21, 0)


@pytest.mark.parametrize("torn", [b"", b"<cib><configuration>", b"<!DOCTYPE cib [<!ENTITY a 'b'>]><cib/>", b"\xff\xfe"])
async def test_a_malformed_file_is_logged_and_passed_over(
    store: FileCib, path: Path, torn: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    good = path.read_bytes()
    before = await store.snapshot()
    changes = store.changes()
    with caplog.at_level(logging.ERROR):
        path.write_bytes(torn)
        async with asyncio.timeout(10):
            while str(path) not in caplog.text:
                await asyncio.sleep(0.01)
    assert store.connected
    assert await store.snapshot() is before
    with pytest.raises(ClusterError, match="can't be changed"):
        await store.apply(creation("web"), before.config_digest)
    assert path.read_bytes() == torn
    path.write_bytes(good.replace(b'id="db"', b'id="sql"'))
    assert set((await following(changes)).snapshot.members) == {"sql"}


async def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path: Path, cib: Callable[..., bytes]) -> None:
    store = FileCib(tmp_path / "cib.xml")
    changes = store.changes()
    await store.start()
    try:
        with pytest.raises(Disconnected, match="No such file"):
            await store.snapshot()
        with pytest.raises(Disconnected):
            await store.apply(creation("web"), "")
        (tmp_path / "cib.xml").write_bytes(cib())
        assert (await following(changes)).resync
    finally:
        await store.stop()


async def test_a_file_that_is_malformed_from_the_start_is_waited_for(path: Path, cib: Callable[..., bytes]) -> None:
    path.write_text("<cib")
    store = FileCib(path)
    changes = store.changes()
    await store.start()
    try:
        assert not store.connected
        with pytest.raises(Disconnected, match="not well-formed"):
            await store.snapshot()
        path.write_bytes(cib())
        assert (await following(changes)).resync
    finally:
        await store.stop()


async def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="no directory"):
        await FileCib(tmp_path / "absent" / "cib.xml").start()


async def test_a_symbolic_link_stays_one(tmp_path: Path, path: Path) -> None:
    link = tmp_path / "link.xml"
    link.symlink_to(path)
    store = FileCib(link)
    await store.start()
    await store.apply(creation("web"), (await store.snapshot()).config_digest)
    await store.stop()
    assert link.is_symlink()
    assert "web" in Snapshot.parse(path.read_bytes()).members


async def test_the_cib_of_a_cluster_is_read_and_never_written(store: FileCib, path: Path) -> None:
    before = path.read_bytes()
    path.with_name("cib.xml.sig").write_text("digest")
    with pytest.raises(WriteRejected, match=r"cib\.xml of a cluster"):
        await store.apply(creation("web"), (await store.snapshot()).config_digest)
    with pytest.raises(WriteRejected, match=r"cib\.xml of a cluster"):
        await store.ticket("T", "grant")
    assert path.read_bytes() == before


async def test_stopping_ends_the_readers(path: Path) -> None:
    store = FileCib(path)
    await store.start()
    changes = store.changes()
    await store.stop()
    assert [item async for item in changes] == [CibLost("stopped")]


async def test_a_write_whose_caller_was_cancelled_is_not_lost(store: FileCib, path: Path) -> None:
    digest = (await store.snapshot()).config_digest
    changes = store.changes()
    cancelled = asyncio.create_task(store.apply(creation("first"), digest))
    await asyncio.sleep(0)
    cancelled.cancel()
    async with asyncio.timeout(10):
        await asyncio.wait([cancelled])
        while True:
            try:
                await store.apply(creation("second"), (await store.snapshot()).config_digest)
                break
            except ConfigurationChanged:
                await following(changes)
    written = Snapshot.parse(path.read_bytes())
    assert {"second"} < set(written.members)
    assert written.version.epoch == 1 + len(set(written.members) - {"db"})
