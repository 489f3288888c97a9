"""Two sites: what is applied by itself and what waits, as consoles see it and change it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qmfagent.errors import RemoteError
from qmfagent.policy.modes import TicketPolicy
from qmfagent.policy.schedule import Schedule, Window
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.buses import SiteBus
from tests.sites.pair import Site, SitePair

NEVER = Schedule("0 0 29 2 *")
IP = "primitive[@id='vip']//nvpair[@name='ip']"


def follow(site: Site, policy: TicketPolicy) -> None:
    """Have a site follow all tickets like that; before it is started."""
    site.config = replace(site.config, replication=replace(site.config.replication, policy=policy))


def ip(site: Site) -> str:
    return str(site.snapshot.configuration.find(f"resources/{IP}").get("value"))


@pytest.fixture
async def followed(pair: SitePair) -> SitePair:
    """Both agents in automatic mode, in step."""
    await pair.a.replica("T", "siteb", state="in-sync")
    return pair


async def shown(site: Site, **expected: Any) -> None:
    """Check properties of the Ticket object."""
    values = await site.object("Ticket:T")
    assert {name: values[name] for name in expected} == expected


async def test_a_pause_holds_what_is_published_until_it_is_resumed(followed: SitePair) -> None:
    a, b = followed.a, followed.b
    await b.call("Ticket:T", "pause")
    await b.event("hold_changed", ticket="T", paused=True, pinned=0)
    await shown(b, paused=True, pinned=0, mode="automatic", on_drift="keep", next_run=0)
    await a.set_value("vip-ip", "10.1.0.99")
    await b.replica("T", "sitea", state="behind", hold="paused")
    await a.replica("T", "siteb", state="behind", hold="paused")
    assert ip(b) == "10.1.0.10"
    await b.call("Ticket:T", "resume")
    await a.replica("T", "siteb", state="in-sync", hold="")
    assert ip(b) == "10.1.0.99"
    await shown(b, paused=False)


async def test_what_a_person_asks_for_is_done_and_leaves_the_pause(followed: SitePair) -> None:
    a, b = followed.a, followed.b
    await b.call("Ticket:T", "pause")
    await a.set_value("vip-ip", "10.1.0.99")
    await b.replica("T", "sitea", state="behind", hold="paused")
    planned = await b.call("Site:siteb", "plan", ticket="T")
    assert [p["severity"] for p in planned["plan"]["problems"] if p["code"] == "paused"] == ["note"]
    await b.call("Replica:T:sitea", "replicate_now")
    assert ip(b) == "10.1.0.99"
    await b.replica("T", "sitea", state="in-sync", hold="")
    await shown(b, paused=True)


async def test_a_pin_by_hand_keeps_what_is_here_also_over_a_restart(tmp_path: Path, site_bus: SiteBus) -> None:
    sites = SitePair(tmp_path, SOURCE, TARGET, bus=site_bus)
    journal = replace(sites.b.config.journal, file=tmp_path / "b.journal")
    sites.b.config = replace(sites.b.config, journal=journal)
    async with sites:
        a, b = sites.a, sites.b
        await a.replica("T", "siteb", state="in-sync")
        applied = await b.event("applied", ticket="T")
        await b.call("Ticket:T", "pin")
        await shown(b, pinned=applied.values["seq"])
        await a.set_value("vip-ip", "10.1.0.99")
        await a.replica("T", "siteb", state="behind", hold="pinned")
        await b.stop()
        await b.start()
        await a.replica("T", "siteb", state="behind", hold="pinned")
        await shown(b, pinned=applied.values["seq"])
        assert ip(b) == "10.1.0.10"
        await b.call("Ticket:T", "unpin")
        await a.replica("T", "siteb", state="in-sync")
        assert ip(b) == "10.1.0.99"


async def test_after_a_rollback_what_was_rolled_back_does_not_come_again_by_itself(followed: SitePair) -> None:
    a, b = followed.a, followed.b
    await a.set_value("vip-ip", "10.1.0.99")
    change = await b.event("applied", ticket="T", count=1)
    plan = await b.call("Site:siteb", "plan_rollback", change=change.values["seq"])
    await b.call("Site:siteb", "apply", token=plan["token"])
    await a.replica("T", "siteb", state="behind", hold="pinned")
    await shown(b, pinned=change.values["seq"])
    assert ip(b) == "10.1.0.10"
    await b.call("Ticket:T", "unpin")
    await a.replica("T", "siteb", state="in-sync")
    assert ip(b) == "10.1.0.99"


@pytest.mark.parametrize(
    ("policy", "hold"),
    [
        (TicketPolicy("automatic", windows=(Window(NEVER, 1),)), "window"),
        (TicketPolicy("periodic", NEVER), "schedule"),
        (TicketPolicy("manual"), "manual"),
    ],
)
async def test_why_it_waits_and_until_when_is_told_at_both_sites(
    policy: TicketPolicy, hold: str, tmp_path: Path, site_bus: SiteBus
) -> None:
    sites = SitePair(tmp_path, SOURCE, TARGET, bus=site_bus)
    follow(sites.b, policy)
    async with sites:
        await sites.b.replica("T", "sitea", state="behind", hold=hold)
        await sites.a.replica("T", "siteb", state="behind", hold=hold, mode=policy.mode)
        next_run = (await sites.b.object("Ticket:T"))["next_run"]
        assert (next_run > 0) == (hold != "manual")
        await shown(sites.a, next_run=0)
        await sites.a.call("Replica:T:siteb", "replicate_now")
        await sites.a.replica("T", "siteb", state="in-sync", hold="")


async def test_a_schedule_that_comes_is_kept(tmp_path: Path, site_bus: SiteBus) -> None:
    sites = SitePair(tmp_path, SOURCE, TARGET, bus=site_bus)
    follow(sites.b, TicketPolicy("periodic", NEVER))
    async with sites:
        await sites.b.replica("T", "sitea", state="behind", hold="schedule")
        runs = sites.b.agent._subscriber.runs  # type: ignore[union-attr]
        due, runs._now = runs._due["T"], lambda: due + 1
        sites.b.agent._subscriber.wake("T")  # type: ignore[union-attr]
        await sites.a.replica("T", "siteb", state="in-sync")
        await sites.b.event("applied", by="automatic")


async def test_nothing_is_paused_that_is_not_there(followed: SitePair) -> None:
    with pytest.raises(RemoteError) as error:
        await followed.b.call("Ticket:unknown", "pause")
    assert error.value.code == 1
