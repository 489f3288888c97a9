"""Two sites: what somebody edits where it was delivered is found, told, and kept or healed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from qmfagent.config.journal import JournalConfig
from qmfagent.errors import RemoteError
from qmfagent.policy.modes import TicketPolicy
from qmfagent.replication.ports import Ledger
from tests.replication.conftest import SOURCE, TARGET
from tests.replication.test_modes import follow, ip
from tests.sites.buses import SiteBus
from tests.sites.pair import Site, SitePair, until

SECRET = SOURCE.replace(
    b'<nvpair id="vip-ip"', b'<nvpair id="vip-pw" name="password" value="old-secret"/><nvpair id="vip-ip"'
)


@pytest.fixture
async def healing(tmp_path: Path, site_bus: SiteBus) -> AsyncIterator[SitePair]:
    """Both agents in step; the other site heals."""
    sites = SitePair(tmp_path, SOURCE, TARGET, bus=site_bus)
    follow(sites.b, TicketPolicy("automatic", drift="heal"))
    async with sites:
        await sites.a.replica("T", "siteb", state="in-sync")
        yield sites


async def test_an_edit_is_told_with_its_author_and_both_values_and_kept(pair: SitePair) -> None:
    await pair.a.replica("T", "siteb", state="in-sync", drift=0)
    await pair.b.set_value("vip-ip", "10.9.0.9")
    found = await pair.b.event("drift_found", ticket="T")
    (change,) = found.values["changes"]
    assert (change["operation"], change["id"]) == ("modify", "vip-ip")
    assert (change["attributes"], change["old"]) == ({"value": "10.9.0.9"}, {"value": "10.1.0.10"})
    assert (found.values["count"], found.values["client"]) == (1, "administrator")
    assert found.values["user"]
    await pair.b.replica("T", "sitea", state="in-sync", drift=1)
    await pair.a.replica("T", "siteb", state="in-sync", drift=1)
    await pair.b.set_value("vip-ip", "10.1.0.10")
    await pair.b.event("drift_cleared", ticket="T")
    await pair.a.replica("T", "siteb", drift=0)
    assert len(pair.b.seen("drift_found")) == 1


async def test_what_is_published_besides_goes_past_what_is_kept(pair: SitePair) -> None:
    await pair.a.replica("T", "siteb", state="in-sync")
    await pair.b.set_value("vip-ip", "10.9.0.9")
    await pair.b.event("drift_found", ticket="T")
    await pair.a.create("constraints", '<rsc_location id="web-where" rsc="web" node="n1" score="1"/>')
    await pair.b.event("applied", ticket="T", count=2)
    await pair.a.replica("T", "siteb", state="in-sync", drift=1)
    assert ip(pair.b) == "10.9.0.9"
    assert "web-where" in pair.b.snapshot.members
    assert len(pair.b.seen("drift_found")) == 1


async def test_what_both_sides_have_changed_waits_for_a_person(pair: SitePair) -> None:
    await pair.a.replica("T", "siteb", state="in-sync")
    await pair.b.set_value("vip-ip", "10.9.0.9")
    await pair.b.event("drift_found", ticket="T")
    await pair.a.set_value("vip-ip", "10.1.0.99")
    await pair.a.replica("T", "siteb", state="blocked", reason="drifted", drift=1)
    for site, other in ((pair.b, "sitea"), (pair.a, "siteb")):
        with pytest.raises(RemoteError) as error:
            await site.call(f"Replica:T:{other}", "replicate_now")
        assert error.value.reason == "drifted"
    assert ip(pair.b) == "10.9.0.9"
    planned = await pair.b.call("Site:siteb", "plan", ticket="T")
    assert "drifted" in [problem["code"] for problem in planned["plan"]["problems"]]
    await pair.b.call("Site:siteb", "apply", token=planned["token"])
    assert ip(pair.b) == "10.1.0.99"
    await pair.a.replica("T", "siteb", state="in-sync", drift=0)
    await pair.b.event("drift_cleared", ticket="T")


async def test_an_edit_is_healed(healing: SitePair) -> None:
    await healing.b.set_value("vip-ip", "10.9.0.9")
    await healing.b.event("drift_found", ticket="T", count=1)
    await healing.b.event("drift_healed", ticket="T", by="automatic")
    await healing.b.event("drift_cleared", ticket="T")
    assert ip(healing.b) == "10.1.0.10"
    await healing.b.delete("web-with-vip")
    await until(lambda: len(healing.b.seen("drift_cleared")) == 2, "the second healing")
    await healing.a.replica("T", "siteb", state="in-sync", drift=0)
    assert "web-with-vip" in healing.b.snapshot.members


async def test_an_edit_is_healed_while_newer_publications_are_held_and_not_while_all_is_paused(
    healing: SitePair,
) -> None:
    a, b = healing.a, healing.b
    await b.call("Ticket:T", "pin")
    await a.set_value("vip-ip", "10.1.0.99")
    await b.replica("T", "sitea", state="behind", hold="pinned")
    await b.set_value("vip-ip", "10.9.0.9")
    await b.event("drift_cleared", ticket="T")
    assert ip(b) == "10.1.0.10"
    await b.replica("T", "sitea", state="behind", hold="pinned", drift=0)
    await b.call("Ticket:T", "pause")
    await b.set_value("vip-ip", "10.9.0.10")
    await b.replica("T", "sitea", drift=1)
    assert ip(b) == "10.9.0.10"
    await b.call("Ticket:T", "resume")
    await b.replica("T", "sitea", state="behind", hold="pinned", drift=0)
    assert ip(b) == "10.1.0.10"


async def test_what_was_edited_while_the_agent_was_down_is_found(tmp_path: Path, site_bus: SiteBus) -> None:
    sites = SitePair(tmp_path, SOURCE, TARGET, bus=site_bus)
    b = sites.b
    b.config = replace(b.config, journal=replace(b.config.journal, file=tmp_path / "b.journal"))
    async with sites:
        await sites.a.replica("T", "siteb", state="in-sync")
        await b.stop()
        await b.set_value("vip-ip", "10.9.0.9")
        await b.start()
        await sites.a.replica("T", "siteb", state="in-sync", drift=1)
        journal = (await b.call("Site:siteb", "events", since=0))["events"]
        (found,) = [event["values"] for event in journal if event["name"] == "drift_found"]
        assert (found["client"], found["count"]) == ("administrator", 1)
        await b.stop()
        await b.start()
        await sites.a.replica("T", "siteb", state="in-sync", drift=1)
        journal = (await b.call("Site:siteb", "events", since=0))["events"]
        assert len([event for event in journal if event["name"] == "drift_found"]) == 1


def ledger(site: Site) -> Ledger:
    """The journal of a site, as its agent has it."""
    assert site.agent is not None
    return site.agent._ledger


async def test_an_old_journal_takes_nothing_back(tmp_path: Path) -> None:
    """As of an agent that comes back to a node whose journal has not seen what was delivered by another node's agent."""
    pair = SitePair(tmp_path, SOURCE, TARGET)
    follow(pair.b, TicketPolicy("automatic", drift="heal"))

    async def run_with(journal: str) -> None:
        pair.b.config = replace(pair.b.config, journal=JournalConfig(tmp_path / journal))
        await pair.b.start()

    await pair.a.start()
    await run_with("node1")
    await pair.b.event("applied", ticket="T")
    await pair.b.stop()
    await pair.a.set_value("vip-ip", "10.1.0.99")
    await run_with("node2")
    await pair.b.event("applied", ticket="T")
    await pair.b.stop()
    await pair.a.stop()
    try:
        await run_with("node1")
        await until(lambda: bool(ledger(pair.b).of_ticket("T", ["drift_found"], 1)), "drift_found at siteb")
        with pytest.raises(AssertionError, match="never came"):
            await until(lambda: ip(pair.b) != "10.1.0.99", "a healing while nobody knows better", 1.0)
        await pair.a.start()
        await pair.b.replica("T", "sitea", state="in-sync", drift=0)
        assert ip(pair.b) == "10.1.0.99"
        assert not pair.b.seen("drift_healed")
    finally:
        await pair.stop()


async def test_the_new_holder_changes_what_it_likes(pair: SitePair) -> None:
    await pair.a.replica("T", "siteb", state="in-sync")
    await pair.b.set_value("vip-ip", "10.9.0.9")
    await pair.b.event("drift_found", ticket="T")
    await pair.a.ticket("T", "revoke")
    await pair.b.ticket("T", "grant")
    await pair.b.event("drift_cleared", ticket="T")
    await pair.b.set_value("vip-ip", "10.9.0.10")
    await until(lambda: ip(pair.a) == "10.9.0.10", "the new holder's edit at the other site")
    await pair.b.replica("T", "sitea", direction="to", state="in-sync", drift=0)
    await pair.b.ticket("T", "revoke")
    await pair.b.set_value("vip-ip", "10.9.0.11")
    await pair.b.event("config_changed", client="administrator")
    assert len(pair.b.seen("drift_found")) == 1


async def test_no_secret_is_told(tmp_path: Path, site_bus: SiteBus) -> None:
    async with SitePair(tmp_path, SECRET, TARGET, bus=site_bus) as sites:
        await sites.a.replica("T", "siteb", state="in-sync")
        await sites.b.set_value("vip-pw", "new-secret")
        found = await sites.b.event("drift_found", ticket="T", count=1)
        assert "secret" not in str(found.values)


async def test_local_resources_are_nobodys_business(pair: SitePair) -> None:
    await pair.a.replica("T", "siteb", state="in-sync")
    await pair.b.delete("local-b")
    await pair.b.event("config_changed", client="administrator")
    await pair.b.set_value("vip-ip", "10.9.0.9")
    found = await pair.b.event("drift_found", ticket="T")
    assert found.values["count"] == 1
