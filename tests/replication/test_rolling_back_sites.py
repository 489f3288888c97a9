"""Rollback and healing between real agents, as consoles ask for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qmfagent.cib.ownership import owned_ids
from qmfagent.config.journal import JournalConfig
from qmfagent.errors import RemoteError
from qmfagent.replication.applying.intent import APPLIED
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.pair import SitePair, until


def address(pair: SitePair) -> str | None:
    return pair.b.snapshot.ids["vip-ip"].get("value")


async def changed(pair: SitePair, value: str) -> int:
    """Another address at the holder, applied at siteb: the number of the change."""
    await pair.a.set_value("vip-ip", value)
    await until(lambda: address(pair) == value, "the new address at siteb")
    digest = (await pair.a.object("Ticket:T"))["digest"]
    return int((await pair.b.event(APPLIED, digest=digest)).values["seq"])


async def test_a_change_is_rolled_back_and_stays_so(pair: SitePair) -> None:
    await pair.b.event(APPLIED)
    lines = pair.b.snapshot.lines
    change = await changed(pair, "10.1.0.99")
    planned = await pair.b.call("Site:siteb", "plan_rollback", change=change)
    assert planned["plan"]["cause"] == "rollback"
    assert [(c["operation"], c["id"]) for c in planned["plan"]["changes"]] == [("modify", "vip-ip")]
    assert (await pair.b.object(f"Plan:{planned['token']}"))["cause"] == "rollback"
    applied = await pair.b.call("Site:siteb", "apply", token=planned["token"])
    event = await pair.b.event("rolled_back", undone=change)
    assert applied["change"] == event.values["seq"]
    assert pair.b.snapshot.lines == lines
    await pair.a.set_value("vip-ip", "10.1.0.100")
    await pair.b.replica("T", "sitea", hold="pinned")
    assert address(pair) == "10.1.0.10"
    await pair.b.call("Ticket:T", "unpin")
    await until(lambda: address(pair) == "10.1.0.100", "the newest address at siteb")


async def test_drift_is_healed_on_request(manual_pair: SitePair) -> None:
    await manual_pair.b.replica("T", "sitea", direction="from")
    await manual_pair.b.call("Replica:T:sitea", "replicate_now")
    lines = manual_pair.b.snapshot.lines
    await manual_pair.b.set_value("vip-ip", "6.6.6.6")
    await manual_pair.b.event("drift_found", ticket="T")
    planned = await manual_pair.b.call("Site:siteb", "plan_heal", ticket="T")
    assert [problem["code"] for problem in planned["plan"]["problems"]] == ["drift"]
    await manual_pair.b.call("Site:siteb", "apply", token=planned["token"])
    await manual_pair.b.event("drift_healed", ticket="T")
    assert manual_pair.b.snapshot.lines == lines


async def test_what_a_site_applies_is_not_published_by_it(pair: SitePair) -> None:
    """Neither an apply, nor a rollback, nor the record of what is owned."""
    change = int((await pair.b.event(APPLIED)).values["seq"])
    await changed(pair, "10.1.0.99")
    planned = await pair.b.call("Site:siteb", "plan_rollback", change=change)
    await pair.b.call("Site:siteb", "apply", token=planned["token"])
    await pair.b.event("rolled_back")
    await pair.b.event("config_changed", version=str(pair.b.snapshot.version))
    assert pair.b.seen("published") == []
    with pytest.raises(RemoteError) as refused:
        await pair.b.call("Site:siteb", "publication", ticket="T")
    assert refused.value.reason == "not-holder"


async def test_the_holder_refuses_to_roll_back(pair: SitePair) -> None:
    change = int((await pair.b.event(APPLIED)).values["seq"])
    await pair.a.ticket("T", "revoke")
    await pair.b.ticket("T", "grant")
    await pair.b.event("ticket_changed", granted=True)
    with pytest.raises(RemoteError) as refused:
        await pair.b.call("Site:siteb", "plan_rollback", change=change)
    assert refused.value.reason == "holder"


async def test_changes_can_be_rolled_back_after_a_restart(tmp_path: Path) -> None:
    pair = SitePair(tmp_path, SOURCE, TARGET)
    pair.b.config = replace(pair.b.config, journal=JournalConfig(tmp_path / "journal"))
    async with pair:
        change = int((await pair.b.event(APPLIED)).values["seq"])
        await pair.b.stop()
        await pair.b.start()
        await pair.b.sees_peers()
        planned = await pair.b.call("Site:siteb", "plan_rollback", change=change)
        await pair.b.call("Site:siteb", "apply", token=planned["token"])
        assert owned_ids(pair.b.snapshot, "T") == frozenset()
        await pair.b.stop()
        await pair.b.start()
        await pair.b.sees_peers()
        await pair.b.replica("T", "sitea", hold="pinned")
        assert owned_ids(pair.b.snapshot, "T") == frozenset()
