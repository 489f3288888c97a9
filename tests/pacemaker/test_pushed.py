"""PushedCib over a library that is made up."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable
from typing import cast

import pytest

from qmfagent.cib.change import CibChange, CibLost
from qmfagent.errors import ClusterError, Disconnected
from qmfagent.pacemaker.libcib import Libcib
from qmfagent.pacemaker.pushed import PushedCib
from tests.pacemaker.made_up import MadeUpLibcib, following

CREATE = '<change operation="create" path="/cib/configuration/resources" position="0"><primitive id="{}"/></change>'


async def test_notifications_bring_the_snapshot_forward(
    store: PushedCib, library: MadeUpLibcib, notification: Callable[..., bytes]
) -> None:
    changes = store.changes()
    library.send(notification((1, 0), (2, 0), CREATE.format("web")), notification((2, 0), (2, 1)))
    first, second = await following(changes), await following(changes)
    assert isinstance(first, CibChange)
    assert isinstance(second, CibChange)
    assert (first.client, first.user, first.origin, first.resync) == ("cibadmin", "root", "n1", False)
    assert first.patchset is not None
    assert b'id="web"' in first.patchset
    assert set(first.snapshot.members) == {"db", "web"}
    assert (str(second.snapshot.version), second.client) == ("0.2.1", "")
    assert await store.snapshot() is second.snapshot
    assert library.queries == 1


async def test_a_version_gap_leads_to_a_fresh_snapshot(
    store: PushedCib, library: MadeUpLibcib, cib: Callable[..., bytes], notification: Callable[..., bytes]
) -> None:
    changes = store.changes()
    library.document = cib(5, 2)
    library.send(notification((5, 1), (5, 2)), notification((5, 2), (5, 3)))
    first, second = await following(changes), await following(changes)
    assert isinstance(first, CibChange)
    assert isinstance(second, CibChange)
    assert (str(first.snapshot.version), first.resync, first.patchset) == ("0.5.2", True, None)
    assert (str(second.snapshot.version), second.resync) == ("0.5.3", False)
    assert library.queries == 2


@pytest.mark.parametrize(
    "message",
    [
        b"no XML",
        b'<notify cib_rc="0"/>',
        b'<notify cib_rc="0"><cib_update_result><diff format="1"/></cib_update_result></notify>',
    ],
)
async def test_a_notification_that_can_not_be_used_leads_to_a_fresh_snapshot(
    store: PushedCib, library: MadeUpLibcib, cib: Callable[..., bytes], message: bytes
) -> None:
    changes = store.changes()
    library.document = cib(2, 0)
    library.send(message)
    change = await following(changes)
    assert isinstance(change, CibChange)
    assert (str(change.snapshot.version), change.resync) == ("0.2.0", True)


async def test_what_the_snapshot_already_contains_and_what_was_refused_is_passed_over(
    store: PushedCib, library: MadeUpLibcib, notification: Callable[..., bytes]
) -> None:
    changes = store.changes()
    library.send(notification((0, 7), (1, 0)), notification((1, 0), (1, 1), code=-203), notification((1, 0), (1, 1)))
    change = await following(changes)
    assert isinstance(change, CibChange)
    assert (str(change.snapshot.version), change.resync) == ("0.1.1", False)


async def test_the_daemon_goes_away_and_comes_back(
    store: PushedCib, library: MadeUpLibcib, cib: Callable[..., bytes], notification: Callable[..., bytes]
) -> None:
    changes = store.changes()
    library.refuse_signon = True
    library.go_away()
    assert await following(changes) == CibLost("the CIB daemon went away")
    assert not store.connected
    with pytest.raises(Disconnected):
        await store.snapshot()
    library.document = cib(9, 0)
    library.refuse_signon = False
    change = await following(changes)
    assert isinstance(change, CibChange)
    assert (str(change.snapshot.version), change.resync, store.connected) == ("0.9.0", True, True)
    library.send(notification((9, 0), (9, 1)))
    assert isinstance(await following(changes), CibChange)


async def test_a_write_names_the_configuration_and_not_the_status(
    store: PushedCib, library: MadeUpLibcib, notification: Callable[..., bytes]
) -> None:
    library.send(notification((1, 0), (1, 7)))
    changes = store.changes()
    await following(changes)
    digest = (await store.snapshot()).config_digest
    writing = asyncio.create_task(store.apply(f'<diff format="2">{CREATE.format("web")}</diff>'.encode(), digest))
    async with asyncio.timeout(10):
        while not library.patches:
            await asyncio.sleep(0)
    assert b'<source admin_epoch="0" epoch="1"/>' in library.patches[0]
    library.send(notification((1, 7), (2, 0), CREATE.format("web")))
    assert str(await writing) == "0.2.0"


async def test_a_daemon_that_goes_away_in_the_middle_of_a_write_fails_it(
    store: PushedCib, library: MadeUpLibcib
) -> None:
    digest = (await store.snapshot()).config_digest
    library.on_reply = lambda *_: library.go_away()  # type: ignore[method-assign]
    with pytest.raises(Disconnected, match="before it answered"):
        await store.apply(f'<diff format="2">{CREATE.format("web")}</diff>'.encode(), digest)


async def test_an_error_that_is_no_refusal_is_told_in_pacemakers_words(store: PushedCib, library: MadeUpLibcib) -> None:
    digest = (await store.snapshot()).config_digest
    library.answer = -errno.ETIME
    with pytest.raises(ClusterError, match=f"code -{errno.ETIME}"):
        await store.apply(f'<diff format="2">{CREATE.format("web")}</diff>'.encode(), digest)


async def test_a_process_has_one_connection(store: PushedCib, library: MadeUpLibcib) -> None:
    with pytest.raises(ClusterError, match="already"):
        await PushedCib(cast(Libcib, library), "second").start()


async def test_a_cluster_that_is_not_there_yet_is_waited_for(library: MadeUpLibcib) -> None:
    library.refuse_signon = True
    store = PushedCib(cast(Libcib, library), "test")
    changes = store.changes()
    await store.start()
    try:
        with pytest.raises(Disconnected, match="sign on"):
            await store.snapshot()
        library.refuse_signon = False
        assert isinstance(await following(changes), CibChange)
    finally:
        await store.stop()


async def test_reading_again_is_logged(
    store: PushedCib, library: MadeUpLibcib, caplog: pytest.LogCaptureFixture
) -> None:
    changes = store.changes()
    with caplog.at_level(logging.WARNING):
        library.send(b"no XML")
        await following(changes)
    assert "reading the whole CIB again" in caplog.text
