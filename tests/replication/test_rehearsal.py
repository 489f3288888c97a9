"""Two sites over the bus: what a plan shows of the cluster, and drills, by crm_simulate on the CIB file of site B."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from lxml import etree

from qmfagent.errors import RemoteError
from qmfagent.policy.access import Access, Rule
from qmfagent.policy.roles import Role
from qmfagent.policy.schedule import Schedule
from tests.pacemaker.clusters import STANDBY, cluster, dummy
from tests.replication.conftest import SOURCE
from tests.sites.buses import SiteBus
from tests.sites.pair import SitePair

pytestmark = [pytest.mark.pacemaker, pytest.mark.usefixtures("pacemaker_tools")]

PLAN = Draft202012Validator(json.loads((files("qmfagent.schemas") / "plan.schema.json").read_text()))
TARGET = etree.tostring(cluster(dummy("local-b"), node2=STANDBY).to_element())
VIP_OFF_N1 = '<rsc_location id="elsewhere" rsc="vip" node="n1" score="-INFINITY"/>'


@pytest.fixture
async def sites(tmp_path: Path, site_bus: SiteBus) -> AsyncIterator[SitePair]:
    """A, which holds T, and B, a cluster of two nodes of which one is in standby, in manual mode."""
    async with SitePair(tmp_path, SOURCE, TARGET, mode="manual", bus=site_bus) as pair:
        yield pair  # type: ignore[misc]


async def replicate(sites: SitePair) -> None:
    """Bring B up to date."""
    await sites.b.replica("T", "sitea", direction="from")
    await sites.b.call("Replica:T:sitea", "replicate_now")


async def constrain(sites: SitePair, constraint: str) -> None:
    """Put a constraint into B's CIB, and wait until its agent has seen it."""
    await sites.b.create("constraints", constraint)
    await sites.b.event("config_changed", version=str(sites.b.snapshot.version))


async def drill(sites: SitePair) -> dict[str, Any]:
    """A drill of T at B."""
    result: dict[str, Any] = (await sites.b.call("Site:siteb", "drill", ticket="T"))["result"]
    return result


async def test_a_plan_shows_what_the_cluster_would_do(sites: SitePair) -> None:
    await constrain(sites, '<rsc_location id="l" rsc="local-b" node="n1" score="10"/>')
    shown = (await sites.b.call("Site:siteb", "plan", ticket="T", adopt=False))["plan"]
    PLAN.validate(shown)
    assert shown["preview"]["reason"] == ""
    assert shown["preview"]["actions"] == shown["preview"]["blocked"] == []
    assert [(action["action"], action["resource"]) for action in shown["preview"]["anyway"]] == [("start", "local-b")]


async def test_a_drill_and_what_it_leaves(sites: SitePair) -> None:
    await replicate(sites)
    before = sites.b.snapshot
    result = await drill(sites)
    assert result["ok"]
    assert result["running"] == [{"resource": n, "role": "Started", "nodes": ["n1"]} for n in ("vip", "web")]
    assert {action["resource"] for action in result["actions"]} == {"vip", "web"}
    event = await sites.b.event("drill_done", ticket="T", ok=True, failures=0)
    assert event.values["running"] == result["running"]
    values = await sites.b.object("Ticket:T")
    assert (values["drilled_at"] > 0, values["drill_failures"]) == (True, 0)
    after = sites.b.snapshot
    assert (after.version, after.config_digest, after.tickets) == (before.version, before.config_digest, before.tickets)


async def test_a_drill_of_what_can_not_run(sites: SitePair) -> None:
    await replicate(sites)
    await constrain(sites, VIP_OFF_N1)
    result = await drill(sites)
    assert not result["ok"]
    assert result["blocked"] == [
        {
            "resource": "vip",
            "role": "Started",
            "reason": "location",
            "message": "location elsewhere keeps it off n1; n2 is in standby",
        },
        {
            "resource": "web",
            "role": "Started",
            "reason": "colocation",
            "message": "colocation web-with-vip wants it where vip runs, which is nowhere"
            " (vip: location elsewhere keeps it off n1)",
        },
    ]
    assert (await sites.b.object("Ticket:T"))["drill_failures"] == 2
    assert (await sites.b.event("drill_done", ticket="T", ok=False)).values["blocked"] == result["blocked"]


async def test_the_last_drill_is_known_after_a_restart(sites: SitePair, tmp_path: Path) -> None:
    file = replace(sites.b.config.journal, file=tmp_path / "b.db")
    sites.b.config = replace(sites.b.config, journal=file)
    await sites.b.stop()
    await sites.b.start()
    await sites.b.sees_peers()
    await replicate(sites)
    await constrain(sites, VIP_OFF_N1)
    await drill(sites)
    values = await sites.b.object("Ticket:T")
    await sites.b.stop()
    await sites.b.start()
    again = await sites.b.object("Ticket:T")
    assert again["drill_failures"] == values["drill_failures"] == 2
    # One is of the moment of the record, the other of that of the answer.
    assert abs(again["drilled_at"] - values["drilled_at"]) <= 60 * 1_000_000_000


async def test_the_holder_is_not_drilled(sites: SitePair) -> None:
    with pytest.raises(RemoteError) as refused:
        await sites.a.call("Site:sitea", "drill", ticket="T")
    assert refused.value.reason == "granted"
    assert not sites.a.seen("drill_done")


async def test_a_ticket_that_is_not_replicated_here_and_one_that_nobody_knows(sites: SitePair) -> None:
    result = await drill(sites)
    assert [problem["code"] for problem in result["problems"]] == ["not-replicated"]
    assert not result["ok"]
    with pytest.raises(RemoteError) as refused:
        await sites.b.call("Site:siteb", "drill", ticket="nowhere")
    assert refused.value.reason == "unknown-ticket"


async def test_a_publication_that_is_not_applied_here_yet_is_told(sites: SitePair) -> None:
    await replicate(sites)
    await sites.a.set_value("vip-ip", "10.1.0.99")
    await sites.b.replica("T", "sitea", state="behind")
    result = await drill(sites)
    assert [problem["code"] for problem in result["problems"]] == ["behind"]
    assert result["ok"]


async def test_a_viewer_drills_nothing(tmp_path: Path, site_bus: SiteBus) -> None:
    pair = SitePair(tmp_path, SOURCE, TARGET, mode="manual", bus=site_bus)
    pair.b.config = replace(pair.b.config, access=Access((Rule(site_bus.callers, Role.VIEWER),)))
    await pair.b.start()
    try:
        with pytest.raises(RemoteError) as refused:
            await pair.b.call("Site:siteb", "drill", ticket="T")
        assert refused.value.reason == "forbidden"
    finally:
        await pair.b.stop()


async def test_a_drill_by_the_clock(tmp_path: Path, site_bus: SiteBus) -> None:
    pair = SitePair(tmp_path, SOURCE, TARGET, mode="automatic", bus=site_bus)
    pair.b.config = replace(pair.b.config, drills={"T": _Soon("* * * * *")})
    async with pair:
        await pair.b.replica("T", "sitea", state="in-sync")
        event = await pair.b.event("drill_done", ticket="T", by="schedule", ok=True)
        assert event.values["failures"] == 0


class _Soon(Schedule):
    """A schedule that is due each half a second."""

    def after(self, moment: float) -> float:
        return moment + 0.5
