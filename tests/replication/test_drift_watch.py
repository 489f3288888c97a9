"""Watching one site for drift: whose edit it is, what is told once, and what is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from lxml import etree

from qmfagent.cib.change import CibChange
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import Disconnected
from qmfagent.policy.modes import TicketPolicy
from qmfagent.policy.secrets import Secrets
from qmfagent.replication.applying.applier import Applier
from qmfagent.replication.following import drift_watch as module
from qmfagent.replication.following import healer as healer_module
from qmfagent.replication.following.drift_watch import DriftWatch
from qmfagent.replication.following.healer import Healer
from qmfagent.replication.following.replica import FROM, Replicas
from tests.replication.conftest import SOURCE, TARGET
from tests.replication.fakes import ACCEPTANCE, FakeRemotes, MemoryLedger, MemoryStore, publication, unmangled
from tests.sites.pair import until


class Site:
    """Site b, where publications of T by a are applied. `drift` is what becomes of edits."""

    def __init__(self, drift: str = "keep") -> None:
        self.ledger = MemoryLedger()
        self.store = MemoryStore(TARGET)
        self.remotes = FakeRemotes(published={"a": publication()})
        self.remotes.hold("a")
        self.now = 0.0
        self.policy = TicketPolicy(drift=drift)
        self.replicas = Replicas()
        self.replicas.set("T", "a", direction=FROM)
        self.applier = Applier("b", self.store, self.remotes, unmangled, self.ledger, ACCEPTANCE)
        self.restart()

    def restart(self) -> None:
        """The agent begins anew, with the same journal."""
        self.healer = Healer(self.applier, lambda ticket: self.policy, lambda: self.now)
        self.watch = DriftWatch(
            "b",
            "qmfagent",
            self.store,
            self.applier,
            self.ledger,
            self.replicas,
            Secrets(),
            self.healer.wake,
        )

    async def deliver(self, **options: int) -> None:
        self.remotes.published["a"] = publication(**options)
        await self.applier.carry_out(await self.applier.plan("T", keep_drift=True), "x")
        self.watch.changed(CibChange(self.store.current, client="qmfagent"))

    def edit(self, edit: Callable[[etree._Element], object], client: str = "crmsh", told: bool = True) -> None:
        """Somebody edits the configuration; the watch is told, unless it is not there."""
        cib = self.store.current.to_element()
        edit(cib)
        cib.attrib.update(self.store.current.version.after_configuration_change().attributes())
        cib.attrib.update({"update-client": client, "update-user": "root", "update-origin": "n1"})
        self.store.current = Snapshot.of(cib)
        if told:
            self.watch.changed(CibChange(self.store.current, b"<diff/>", client, "root", "n1"))

    def found(self) -> list[tuple[int, str]]:
        """What was told of drift: how many fields, and who; 0 where it was cleared."""
        told = [(name, values) for name, values in self.ledger.all if name.startswith(("drift_found", "drift_cleared"))]
        return [(values.get("count", 0), values.get("client", "")) for _, values in told]


def address(value: str) -> Callable[[etree._Element], object]:
    return lambda cib: cib.find(".//nvpair[@id='vip-ip']").set("value", value)


def loss_policy(value: str) -> Callable[[etree._Element], object]:
    return lambda cib: cib.find(".//rsc_ticket[@id='ticket-web']").set("loss-policy", value)


def grant(cib: etree._Element) -> None:
    state = '<tickets><ticket_state id="T" granted="true" last-granted="1800000000"/></tickets>'
    cib.find("status").append(etree.fromstring(state))


async def quiet(site: Site) -> None:
    """Wait until everything that was woken was looked at."""
    workers = site.watch._worker, site.healer._worker
    await until(lambda: not any(worker.woken or any(worker._under_way) for worker in workers), "the watch")


@pytest.fixture
async def running() -> AsyncIterator[Callable[[Site], None]]:
    """Runs the workers of sites."""
    tasks: list[asyncio.Task[None]] = []

    def run(site: Site) -> None:
        tasks.extend(asyncio.create_task(work()) for work in (site.watch.run, site.healer.run))

    yield run
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def site(running: Callable[[Site], None]) -> Site:
    site = Site()
    running(site)
    await site.deliver()
    return site


async def test_own_applies_are_no_drift_whenever_they_are_seen(site: Site) -> None:
    before = site.store.current
    site.watch.changed(CibChange(before, client="qmfagent"))
    await site.deliver(version=6, cib=SOURCE.replace(b"10.1.0.10", b"10.1.0.11"))  # type: ignore[arg-type]
    await quiet(site)
    assert site.found() == []


async def test_nothing_is_compared_while_something_is_written(site: Site) -> None:
    async with site.applier.quiet:
        site.edit(address("9"))
        await asyncio.sleep(0.02)
        assert site.found() == []
    await quiet(site)
    assert site.found() == [(1, "crmsh")]


async def test_each_state_is_told_once_and_that_it_is_gone(site: Site) -> None:
    site.edit(address("9"))
    await quiet(site)
    site.edit(lambda cib: cib.find(".//primitive[@id='local-b']").set("description", "mine"), "pcs")
    site.watch.wake("T")
    await quiet(site)
    assert site.found() == [(1, "crmsh")]
    assert site.replicas.get("T", "a").drift == 1
    site.edit(loss_policy("fence"), "pcs")
    await quiet(site)
    site.edit(address("10.1.0.10"), "crmsh")
    site.edit(loss_policy("stop"), "crmsh")
    await quiet(site)
    assert site.found() == [(1, "crmsh"), (2, "pcs"), (0, "")]
    assert site.replicas.get("T", "a").drift == 0


async def test_an_apply_around_an_edit_does_not_become_its_author(site: Site) -> None:
    site.edit(address("9"))
    await site.deliver(version=6, cib=SOURCE.replace(b"apache", b"nginx"))  # type: ignore[arg-type]
    await quiet(site)
    assert site.found() == [(1, "crmsh")]


async def test_the_holder_has_no_drift_nor_had_it_until_the_next_delivery(site: Site) -> None:
    site.edit(address("9"))
    await quiet(site)
    site.edit(grant)
    await quiet(site)
    site.edit(address("10"))
    site.edit(lambda cib: cib.find("status/tickets/ticket_state").set("granted", "false"))
    await quiet(site)
    assert site.found() == [(1, "crmsh"), (0, "")]


@pytest.mark.parametrize(
    ("edits", "client"),
    [
        ([(address("9"), "crmsh")], "crmsh"),
        ([(address("9"), "crmsh"), (loss_policy("fence"), "pcs")], ""),
        ([(address("9"), "qmfagent")], ""),
    ],
)
async def test_what_was_missed_has_an_author_where_the_last_write_explains_it(
    edits: list[tuple[Callable[[etree._Element], object], str]], client: str, site: Site
) -> None:
    for edit, author in edits:
        site.edit(edit, author, told=False)
    site.watch.changed(CibChange(site.store.current, resync=True))
    await quiet(site)
    assert site.found() == [(len(edits), client)]


async def test_what_was_told_before_a_restart_is_not_told_again(site: Site, running: Callable[[Site], None]) -> None:
    site.edit(address("9"))
    await quiet(site)
    site.restart()
    running(site)
    site.watch.changed(CibChange(site.store.current))
    await quiet(site)
    assert site.found() == [(1, "crmsh")]
    site.edit(address("10.1.0.10"), told=False)
    site.restart()
    running(site)
    site.watch.changed(CibChange(site.store.current))
    await quiet(site)
    assert site.found() == [(1, "crmsh"), (0, "")]


async def test_a_cib_that_cannot_be_seen_is_looked_at_later(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY", 0.01)
    await quiet(site)
    site.store.unseen = Disconnected("gone")
    site.edit(address("9"))
    await asyncio.sleep(0.03)
    assert site.found() == []
    site.store.unseen = None
    await until(lambda: site.found() == [(1, "crmsh")], "the drift")


class TestHealing:
    @pytest.fixture
    async def site(self, running: Callable[[Site], None], monkeypatch: pytest.MonkeyPatch) -> Site:
        """A site that heals, and tries again at once what failed."""
        monkeypatch.setattr(healer_module, "RETRY_FIRST", 0.01)
        monkeypatch.setattr(healer_module, "RETRY_MOST", 0.02)
        site = Site("heal")
        running(site)
        await site.deliver()
        return site

    def healings(self, site: Site) -> int:
        return len(site.ledger.named("drift_healed"))

    async def healed(self, site: Site, times: int) -> None:
        await until(lambda: self.healings(site) == times, "the healing")
        site.watch.changed(CibChange(site.store.current, client="qmfagent"))
        await quiet(site)

    async def test_it_heals_and_tells_who_did(self, site: Site) -> None:
        site.edit(address("9"))
        await self.healed(site, 1)
        assert site.ledger.named("drift_healed")[0]["by"] == "automatic"
        assert site.found() == [(1, "crmsh"), (0, "")]

    async def test_a_pause_leaves_it(self, site: Site) -> None:
        site.applier.hold("T", "x", paused=True)
        site.edit(address("9"))
        await quiet(site)
        assert self.healings(site) == 0
        site.applier.hold("T", "x", paused=False)
        site.healer.wake("T")
        await self.healed(site, 1)

    async def test_what_comes_back_again_and_again_is_healed_ever_more_rarely_and_told(self, site: Site) -> None:
        for times in range(1, 4):
            site.edit(address("9"))
            await self.healed(site, times)
        site.edit(address("9"))
        await until(lambda: bool(site.ledger.named("apply_failed")), "that it is contested")
        await quiet(site)
        site.edit(address("8"))
        await quiet(site)
        assert [(e["reason"], e["by"]) for e in site.ledger.named("apply_failed")] == [("contested", "automatic")]
        assert self.healings(site) == 3
        site.now = 61.0
        site.healer.wake("T")
        await self.healed(site, 4)

    async def test_what_failed_is_told_once_and_tried_again(self, site: Site) -> None:
        site.store.problem = Disconnected("gone")
        site.edit(address("9"))
        await until(lambda: bool(site.ledger.named("apply_failed")), "the failure")
        asked = site.remotes.asked
        await until(lambda: site.remotes.asked > asked + 4, "more attempts")
        site.store.problem = None
        await self.healed(site, 1)
        assert {event["reason"] for event in site.ledger.named("apply_failed")} == {"disconnected"}

    async def test_the_holder_is_not_healed(self, site: Site) -> None:
        site.remotes.claimed = {}
        site.edit(grant)
        site.edit(address("9"))
        site.healer.wake("T")
        await quiet(site)
        assert self.healings(site) == 0
        assert site.ledger.named("apply_failed") == []
