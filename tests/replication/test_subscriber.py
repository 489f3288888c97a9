"""The worker of the other sites: what it does by itself, what it leaves to people, what it tries again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.ownership import owned_ids
from qmfagent.cib.plans.plan import Plan, Problem
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import (
    ConfigurationChanged,
    Disconnected,
    QmfAgentError,
    Refused,
    RemoteError,
    RequestTimeout,
    UnknownTicket,
    WriteRejected,
)
from qmfagent.policy.modes import TicketPolicy
from qmfagent.replication.applying.applier import Applier
from qmfagent.replication.authority import Claim
from qmfagent.replication.following import subscriber as module
from qmfagent.replication.following.replica import Replica, Replicas
from qmfagent.replication.following.subscriber import Subscriber, _may_pass
from qmfagent.replication.ports import Checks
from tests.replication.conftest import SOURCE, TARGET
from tests.replication.fakes import ACCEPTANCE, FakeRemotes, MemoryLedger, MemoryStore, publication, unmangled
from tests.sites.pair import until

CLASH = TARGET.replace(b"local-b", b"vip")
EMPTY = SOURCE.replace(b'ticket="T"', b'ticket="U"')


class Site:
    """Site b with its worker; site a holds T."""

    def __init__(self, cib: bytes = TARGET, mode: str = "automatic", checks: Checks | None = None) -> None:
        self.store = MemoryStore(cib)
        self.remotes = FakeRemotes(published={"a": publication()})
        self.remotes.hold("a")
        self.events = MemoryLedger()
        self.replicas = Replicas()
        self.replicas.found("a")
        applier = Applier("b", self.store, self.remotes, unmangled, self.events, ACCEPTANCE, checks=checks)
        self.applier = applier
        self.subscriber = Subscriber(applier, self.replicas, lambda ticket: TicketPolicy(mode), lambda: 7)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.subscriber.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def replica(self, remote: str = "a") -> Replica:
        return self.replicas.get("T", remote)

    async def wait(self, **values: object) -> None:
        """Wait until the replica with site a has these values."""
        await until(
            lambda: all(getattr(self.replica(), k) == v for k, v in values.items()), f"{values}: {self.replica()}"
        )


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trying again takes no time worth mentioning."""
    monkeypatch.setattr(module, "RETRY_FIRST", 0.01)
    monkeypatch.setattr(module, "RETRY_MOST", 0.05)


class Installed:
    """Checks by which the agent is missing the first few times that a plan is looked at."""

    def __init__(self, missing: int) -> None:
        self.missing = missing

    async def checked(self, plan: Plan, target: Snapshot, candidate: Snapshot, wanted: Closure, schema: str) -> Plan:
        assert schema == "pacemaker-3.9"
        self.missing -= 1
        return plan if self.missing < 0 else replace(plan, problems=(Problem("no-agent", "error", "it is not there"),))


async def test_what_the_checks_find_is_not_applied_and_an_agent_that_is_missing_is_looked_for_again() -> None:
    site = Site(checks=Installed(2))
    async with site.working():
        site.subscriber.wake("T", "a")
        await site.wait(state="in-sync")
    assert [values["reason"] for values in site.events.named("apply_failed")] == ["no-agent"]


async def test_automatic_mode_applies() -> None:
    site = Site()
    async with site.working():
        site.subscriber.wake("T", "a")
        await site.wait(state="in-sync", direction="from", mode="automatic", applied_at=7)
    digest = publication().digest
    assert (site.replica().published, site.replica().applied) == (digest, digest)
    assert site.events.named("applied")[0]["by"] == "automatic"


async def test_manual_mode_looks_and_leaves_it_to_people() -> None:
    site = Site(mode="manual")
    async with site.working():
        site.subscriber.wake("T", "a")
        await site.wait(state="behind", direction="from", mode="manual")
        assert site.store.applied == 0
        applied = await site.subscriber.replicate("T", "CN=admin")
    assert applied is not None
    assert site.replica().state == "in-sync"
    assert site.events.named("applied")[0]["by"] == "CN=admin"


async def test_being_in_sync_is_told_once() -> None:
    site = Site()
    await site.subscriber.replicate("T", "x")
    async with site.working():
        for _ in range(3):
            site.subscriber.wake("T", "a")
            await until(lambda: not site.subscriber._worker.woken, "the worker")
    assert site.store.applied == 1
    assert site.events.named("in_sync") == []
    site.replicas.lost("a")
    site.replicas.found("a")
    assert await site.subscriber.replicate("T", "x") is None
    assert len(site.events.named("in_sync")) == 1


async def test_a_clash_is_told_once_and_waits_for_a_change_here() -> None:
    site = Site(CLASH)
    async with site.working():
        site.subscriber.wake("T", "a")
        await site.wait(state="blocked", reason="clash", published=publication().digest)
        asked = site.remotes.asked
        await asyncio.sleep(0.1)
        assert site.remotes.asked == asked
        site.subscriber.wake("T", "a")
        await until(lambda: site.remotes.asked > asked and not site.subscriber._worker.woken, "another look")
        assert [event["reason"] for event in site.events.named("apply_failed")] == ["clash"]
        site.store.current = Snapshot.parse(TARGET)
        site.subscriber.wake_blocked()
        await site.wait(state="in-sync")


async def test_the_same_clash_with_another_publication_is_news() -> None:
    site = Site(CLASH)
    async with site.working():
        site.subscriber.wake("T", "a")
        await site.wait(state="blocked")
        site.remotes.published["a"] = publication(version=6, cib=SOURCE.replace(b"10.1.0.10", b"10.1.0.11"))
        site.subscriber.wake("T", "a")
        await until(lambda: len(site.events.named("apply_failed")) == 2, "the event of the second one")
        assert site.replica().published == site.remotes.published["a"].digest  # type: ignore[union-attr]


async def test_a_withdrawal_is_applied_by_hand_alone() -> None:
    site = Site()
    await site.subscriber.replicate("T", "x")
    site.remotes.published["a"] = publication(
        version=6, cib=EMPTY.replace(b"</configuration>", b'<tags><tag id="qmfagent-owned-T"/></tags></configuration>')
    )
    async with site.working():
        site.subscriber.wake("T", "a")
        await site.wait(state="blocked", reason="withdrawn")
        assert len(owned_ids(site.store.current, "T")) == 5
        await site.subscriber.replicate("T", "CN=admin")
    assert owned_ids(site.store.current, "T") == frozenset()
    assert "local-b" in site.store.current.members


async def test_what_would_run_without_the_ticket_is_applied_by_hand_alone() -> None:
    site = Site()
    parts = "".join(
        f'<primitive id="{part}" class="ocf" provider="pacemaker" type="Dummy"/>' for part in ("first", "web")
    )
    old = b'<primitive id="web" class="ocf" provider="heartbeat" type="apache"/>'
    assert old in SOURCE
    site.remotes.published["a"] = publication(
        version=6, cib=SOURCE.replace(old, f'<group id="g">{parts}</group>'.encode())
    )
    async with site.working():
        site.subscriber.wake("T", "a")
        await site.wait(state="blocked", reason="independent")
        assert "'first'" in site.replica().message
        assert owned_ids(site.store.current, "T") == frozenset()
        await site.subscriber.replicate("T", "CN=admin")
    assert "g" in owned_ids(site.store.current, "T")


@pytest.mark.parametrize(
    ("break_it", "mend", "state", "reason"),
    [
        (
            lambda site: site.remotes.published.update(a=RequestTimeout("no answer")),
            lambda site: site.remotes.published.update(a=publication()),
            "unreachable",
            "unreachable",
        ),
        (
            lambda site: site.remotes.claimed.update(c=RequestTimeout("c does not tell")),
            lambda site: site.remotes.claimed.pop("c"),
            "unreachable",
            "unreachable",
        ),
        (
            lambda site: site.remotes.published.update(a=RemoteError("busy", reason="busy")),
            lambda site: site.remotes.published.update(a=publication()),
            "blocked",
            "busy",
        ),
        (
            lambda site: setattr(site.store, "unseen", Disconnected("gone")),
            lambda site: setattr(site.store, "unseen", None),
            "blocked",
            "disconnected",
        ),
        (
            lambda site: site.remotes.claimed.clear(),
            lambda site: site.remotes.hold("a"),
            "idle",
            "no-holder",
        ),
    ],
)
async def test_what_may_pass_without_an_event_is_tried_again(
    break_it: Callable[[Site], object], mend: Callable[[Site], object], state: str, reason: str
) -> None:
    site = Site()
    site.replicas.set("T", "a", mode="automatic")
    break_it(site)
    async with site.working():
        site.subscriber.wake("T", "a")
        await site.wait(state=state, reason=reason)
        mend(site)
        await site.wait(state="in-sync", reason="")
    assert site.subscriber._delays == {}


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (RequestTimeout("x"), True),
        (Disconnected("x"), True),
        (ConfigurationChanged("x"), True),
        (RemoteError("x"), True),
        (RemoteError("x", reason="not-holder"), True),
        (RemoteError("x", reason="unknown-ticket"), False),
        (RemoteError("x", reason="forbidden"), False),
        (WriteRejected("x"), False),
        (Refused("clash", "x"), False),
        (UnknownTicket("x"), True),
    ],
)
def test_what_may_pass(error: QmfAgentError, again: bool) -> None:
    assert _may_pass(error) is again


async def test_trying_again_becomes_rarer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_FIRST", 1.0)
    monkeypatch.setattr(module, "RETRY_MOST", 30.0)
    site = Site()
    delays = []
    for _ in range(7):
        site.subscriber._retry("T", "a")
        delays.append(site.subscriber._delays["T"])
    assert delays == [1, 2, 4, 8, 16, 30, 30]
    site.subscriber._settled("T")
    assert site.subscriber._delays == {}


async def test_a_holder_that_is_asked_to_follow_changes_nothing() -> None:
    site = Site(SOURCE)
    site.remotes.claimed.clear()
    site.replicas.published("T", publication().digest, ["a"])
    async with site.working():
        site.subscriber.wake("T", "a")
        await until(lambda: bool(site.events.all), "a look")
    assert (site.replica().direction, site.replica().reason) == ("to", "")
    assert [name for name, _ in site.events.all] == ["standing"]
    assert site.store.applied == 0


async def test_an_edit_between_plan_and_write_is_planned_again() -> None:
    site = Site()
    apply = site.store.apply

    async def disturbed(patchset: bytes, digest: str) -> object:
        site.store.apply = apply  # type: ignore[method-assign]
        site.store.current = Snapshot.parse(TARGET.replace(b"local-b", b"local-c"))
        return await apply(patchset, digest)

    site.store.apply = disturbed  # type: ignore[method-assign, assignment]
    await site.subscriber.replicate("T", "x")
    assert "local-c" in site.store.current.members
    assert site.replica().state == "in-sync"
    assert site.events.named("apply_failed") == []


async def test_two_at_once_apply_once() -> None:
    site = Site()
    done = await asyncio.gather(site.subscriber.replicate("T", "x"), site.subscriber.replicate("T", "y"))
    assert [applied is None for applied in done] == [False, True]
    assert site.store.applied == 1


async def test_a_fault_of_our_own_with_one_ticket_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    site = Site()
    site.replicas.set("T", "a", mode="automatic")
    plan = site.applier.plan

    async def faulty(ticket: str, **options: bool) -> object:
        if ticket == "T":
            raise ZeroDivisionError
        return await plan(ticket, **options)

    site.applier.plan = faulty  # type: ignore[method-assign, assignment]
    async with site.working():
        site.subscriber.wake("T", "a")
        await site.wait(state="blocked", reason="internal")
        site.applier.plan = plan  # type: ignore[method-assign]
        await site.wait(state="in-sync", reason="")
    assert "ZeroDivisionError" in caplog.text


async def test_by_hand_every_failure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(CLASH)
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            await site.subscriber.replicate("T", "CN=admin")
        assert refused.value.reason == "clash"
    assert [event["by"] for event in site.events.named("apply_failed")] == ["CN=admin"] * 2
    assert site.replica().reason == "clash"


# -- what a person does while the worker is looking


@asynccontextmanager
async def in_the_middle_of_a_look(site: Site) -> AsyncIterator[None]:
    """What is done here is done while the worker has asked who holds the ticket, and has not heard yet."""
    asks, asked, answers = site.remotes.claims, asyncio.Event(), asyncio.Event()

    async def claims(ticket: str) -> list[Claim]:
        site.remotes.claims = asks  # type: ignore[method-assign]
        asked.set()
        await answers.wait()
        return await asks(ticket)

    site.remotes.claims = claims  # type: ignore[method-assign]
    site.subscriber.wake("T", "a")
    await asyncio.wait_for(asked.wait(), 10)
    yield
    answers.set()


@pytest.mark.parametrize("hold", ["paused", "pinned"])
async def test_what_is_held_in_the_middle_of_a_look_is_not_applied(hold: str) -> None:
    """Above all a rollback is not undone at once."""
    site = Site()
    await site.subscriber.replicate("T", "x")
    site.remotes.published["a"] = publication(version=6, cib=SOURCE.replace(b"10.1.0.10", b"10.1.0.11"))
    applied = await site.subscriber.replicate("T", "x")
    assert applied is not None
    if hold == "paused":
        site.remotes.published["a"] = publication(version=7)
    async with site.working():
        async with in_the_middle_of_a_look(site):
            if hold == "paused":
                site.applier.hold("T", "x", paused=True)
            else:
                prepared = await site.applier.plan_rollback(applied.change)
                site.subscriber.applied(await site.applier.carry_out(prepared, "x"))
            before = site.store.current
        await site.wait(state="behind", hold=hold)
    assert site.store.current is before


async def test_what_was_seen_before_somebody_applied_it_is_not_told_any_more() -> None:
    site = Site(mode="manual")
    plans, planned, goes_on = site.applier.plan, asyncio.Event(), asyncio.Event()

    async def plan(ticket: str, **options: bool) -> object:
        site.applier.plan = plans  # type: ignore[method-assign]
        prepared = await plans(ticket, **options)
        planned.set()
        await goes_on.wait()
        return prepared

    site.applier.plan = plan  # type: ignore[method-assign, assignment]
    told: list[str] = []
    site.replicas._on_change = lambda replica: told.append(replica.state)
    async with site.working():
        site.subscriber.wake("T", "a")
        await asyncio.wait_for(planned.wait(), 10)
        await site.subscriber.replicate("T", "CN=admin")
        asked = site.remotes.asked
        goes_on.set()
        await until(lambda: site.remotes.asked > asked and not site.subscriber._worker.woken, "another look")
    assert set(told) == {"in-sync"}
