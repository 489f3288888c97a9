"""Notifications that may wait: who asks gets everything, nothing is overtaken, and nobody is told twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qmfagent.cib import document
from qmfagent.cib.change import CibChange
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version
from qmfagent.pacemaker import connection
from qmfagent.pacemaker.inbox import Inbox
from qmfagent.pacemaker.libcib import Libcib
from qmfagent.pacemaker.pushed import PushedCib
from tests.pacemaker.made_up import MadeUpLibcib, following

STATUS = (
    '<node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member"><transient_attributes id="1">'
    '<instance_attributes id="s"><nvpair id="s-ping" name="ping" value="0"/><nvpair id="s-load" name="load" value="0"/>'
    '</instance_attributes></transient_attributes></node_state><tickets><ticket_state id="T" granted="false"/></tickets>'
)
SET = "/cib/status/node_state[@id='1']/transient_attributes[@id='1']/instance_attributes[@id='s']"
CREATE = '<change operation="create" path="/cib/configuration/resources" position="0"><primitive id="{}"/></change>'

Make = Callable[..., bytes]


def value(name: str, new: int) -> str:
    """A transient attribute has another value: this may wait."""
    return (
        f'<change operation="modify" path="{SET}/nvpair[@id=\'s-{name}\']"><change-list>'
        f'<change-attr name="value" operation="set" value="{new}"/></change-list>'
        f'<change-result><nvpair id="s-{name}" name="{name}" value="{new}"/></change-result></change>'
    )


def granted(new: bool) -> str:
    """The ticket is granted or revoked: this may not."""
    return (
        '<change operation="modify" path="/cib/status/tickets/ticket_state[@id=\'T\']"><change-list>'
        f'<change-attr name="granted" operation="set" value="{new}"/></change-list>'
        f'<change-result><ticket_state id="T" granted="{str(new).lower()}"/></change-result></change>'
    )


class Daemon:
    """The CIB daemon behind a library that is made up: makes changes, and knows the CIB after each of them."""

    def __init__(self, library: MadeUpLibcib, notification: Make) -> None:
        self.truth = Snapshot.parse(library.document)
        self._library = library
        self._notification = notification

    def change(self, changes: str, *, code: int = 0) -> None:
        """Make a change and tell of it; one with another code than 0 is refused, and told of all the same."""
        before = self.truth.version
        configuration = "/cib/configuration" in changes
        after = before.after_configuration_change() if configuration else before.after_status_change()
        message = self._notification(
            (before.epoch, before.num_updates), (after.epoch, after.num_updates), changes, code=code
        )
        self._library.send(message)
        if code == 0:
            root = document.parse_element(message)
            patchset = root.find("cib_update_result/diff")
            assert patchset is not None
            self.truth = self.truth.advance(patchset)


@pytest.fixture
def library(cib: Make) -> MadeUpLibcib:
    return MadeUpLibcib(cib(1, 0, STATUS))


@pytest.fixture
def daemon(library: MadeUpLibcib, notification: Make) -> Daemon:
    return Daemon(library, notification)


def text(snapshot: Snapshot) -> tuple[Version, bytes, bytes]:
    assert snapshot.status is not None
    return snapshot.version, document.canonical(snapshot.configuration), document.canonical(snapshot.status)


async def heard(store: PushedCib, daemon: Daemon) -> None:
    """Wait until the store's thread has heard of everything."""
    async with asyncio.timeout(10):
        while store.version != daemon.truth.version:
            await asyncio.sleep(0)


async def test_what_may_wait_wakes_nobody_and_is_there_for_who_asks(store: PushedCib, daemon: Daemon) -> None:
    changes = store.changes()
    for number in range(1, 6):
        daemon.change(value("ping", number))
    await heard(store, daemon)
    told = asyncio.ensure_future(following(changes))
    await asyncio.sleep(0.05)
    assert not told.done()
    assert text(await store.snapshot()) == text(daemon.truth)
    change = await told
    assert isinstance(change, CibChange)
    assert change.snapshot is await store.snapshot()
    assert change.patchset is not None
    assert change.patchset.count(b"<change ") == 1
    assert not change.resync


async def test_a_ticket_is_told_of_at_once_and_after_what_was_before_it(store: PushedCib, daemon: Daemon) -> None:
    changes = store.changes()
    daemon.change(value("ping", 1))
    daemon.change(granted(True))
    daemon.change(value("ping", 2))
    first, second = await following(changes), await following(changes)
    assert isinstance(first, CibChange)
    assert isinstance(second, CibChange)
    assert [str(first.snapshot.version), str(second.snapshot.version)] == ["0.1.1", "0.1.2"]
    assert [each.snapshot.tickets["T"].granted for each in (first, second)] == [False, True]
    await heard(store, daemon)
    assert text(await store.snapshot()) == text(daemon.truth)


async def test_a_refused_operation_does_not_count(store: PushedCib, daemon: Daemon) -> None:
    daemon.change(value("ping", 1))
    daemon.change(value("ping", 2), code=-203)
    daemon.change(value("load", 3))
    await heard(store, daemon)
    assert text(await store.snapshot()) == text(daemon.truth)


async def test_who_asks_gets_over_a_gap_in_what_may_wait(
    store: PushedCib, library: MadeUpLibcib, daemon: Daemon, cib: Make
) -> None:
    daemon.change(value("ping", 1))
    daemon.truth = daemon.truth.advance(_status_patchset(daemon.truth.version))
    daemon.change(value("ping", 2))
    library.document = cib(1, 3, STATUS)
    await heard(store, daemon)
    assert (str((await store.snapshot()).version), library.queries) == ("0.1.3", 2)


def _status_patchset(version: Version) -> Any:
    target = version.after_status_change()
    return document.parse_element(
        f'<diff format="2"><version><source num_updates="{version.num_updates}"/><target admin_epoch="0" '
        f'epoch="{target.epoch}" num_updates="{target.num_updates}"/></version></diff>'.encode()
    )


async def test_a_daemon_that_went_away_leaves_nothing_behind(
    store: PushedCib, library: MadeUpLibcib, daemon: Daemon, cib: Make
) -> None:
    """Its status is gone with it, and its version may be lower than before."""
    for number in range(5):
        daemon.change(value("ping", number))
    await heard(store, daemon)
    changes = store.changes()
    library.document = cib(1, 1, STATUS)
    library.go_away()
    await following(changes)
    back = await following(changes)
    assert isinstance(back, CibChange)
    assert (str(back.snapshot.version), back.resync, store.version) == ("0.1.1", True, back.snapshot.version)


@asynccontextmanager
async def started(library: MadeUpLibcib) -> AsyncIterator[PushedCib]:
    store = PushedCib(cast(Libcib, library), "test")
    await store.start()
    yield store
    await store.stop()


STEPS = st.one_of(
    st.tuples(st.just("value"), st.sampled_from(["ping", "load"]), st.integers(0, 3)),
    st.tuples(st.just("ticket"), st.booleans()),
    st.tuples(st.just("create"), st.just("")),
    st.tuples(st.just("refused"), st.just("")),
    st.tuples(st.just("ask"), st.just("")),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=12))
def test_whoever_asks_whenever_sees_what_the_daemon_has(cib: Make, notification: Make, steps: list[Any]) -> None:
    tickets: dict[Version, bool] = {}

    async def play() -> None:
        library = MadeUpLibcib(cib(1, 0, STATUS))
        daemon = Daemon(library, notification)
        async with started(library) as store:
            changes = store.changes()
            for number, (kind, *arguments) in enumerate(steps):
                if kind == "value":
                    daemon.change(value(*arguments))
                elif kind == "ticket":
                    daemon.change(granted(arguments[0]))
                    tickets[daemon.truth.version] = arguments[0]
                elif kind == "create":
                    daemon.change(CREATE.format(f"r{number}"))
                elif kind == "refused":
                    daemon.change(value("ping", 9), code=-203)
                else:
                    await heard(store, daemon)
                    assert text(await store.snapshot()) == text(daemon.truth)
            await heard(store, daemon)
            assert text(await store.snapshot()) == text(daemon.truth)
        told = [each.snapshot async for each in changes if isinstance(each, CibChange)]
        assert [each.version for each in told] == sorted({each.version for each in told})
        assert {each.version: each.tickets["T"].granted for each in told if each.version in tickets} == tickets

    asyncio.run(play())


def test_an_inbox_calls_once_until_it_is_empty_again() -> None:
    inbox = Inbox()
    assert inbox.put(b"1")
    assert not inbox.put(b"2")
    assert inbox.take() == b"1"
    assert not inbox.put(b"3")
    assert [inbox.take() for _ in range(3)] == [b"2", b"3", None]
    assert inbox.put(b"4")
    inbox.clear()
    assert inbox.put(b"5")
    assert inbox.version is None


async def test_who_writes_does_not_wait_for_the_thread_to_have_rested(
    store: PushedCib, library: MadeUpLibcib, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PAUSE", 60)
    daemon.change(value("ping", 1))
    await heard(store, daemon)
    digest = (await store.snapshot()).config_digest
    writing = asyncio.create_task(store.apply(f'<diff format="2">{CREATE.format("web")}</diff>'.encode(), digest))
    async with asyncio.timeout(10):
        while not library.patches:
            await asyncio.sleep(0)
        daemon.change(CREATE.format("web"))
        assert await writing == daemon.truth.version
