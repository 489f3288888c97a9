"""The command and the API against two real agents on CIB files: the main job, as its user sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from consoles.client import AsyncConsole, Event
from tests.consoles.conftest import TIMEOUT, settled
from tests.sites.pair import SitePair

SOURCE = b"""
<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="5" num_updates="0"><configuration>
<crm_config/><nodes/>
<resources>
  <primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2">
    <instance_attributes id="vip-ia"><nvpair id="vip-ip" name="ip" value="10.1.0.10"/></instance_attributes></primitive>
</resources>
<constraints><rsc_ticket id="db-vip" rsc="vip" ticket="db" loss-policy="stop"/></constraints>
</configuration><status><tickets>
  <ticket_state id="db" granted="true" last-granted="1700000000"/></tickets></status></cib>
"""

TARGET = b"""
<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="9" num_updates="0"><configuration>
<crm_config/><nodes/>
<resources><primitive id="local-b" class="ocf" provider="pacemaker" type="Dummy"/></resources>
<constraints/>
</configuration><status/></cib>
"""


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[SitePair]:
    """Both agents running, in manual mode; nothing more happens by itself."""
    async with SitePair(tmp_path, SOURCE, TARGET, mode="manual") as sites:
        await settled(sites)
        yield sites


async def test_the_main_job(pair: SitePair, at_both: Any) -> None:
    found = (await at_both("sites", "--json")).json["sites"]
    assert [(each["site"], each["tickets"], each["peers"][0]["connected"]) for each in found] == [
        ("sitea", ["db"], True),
        ("siteb", [], True),
    ]
    before = (await at_both("tickets", "--json")).json["tickets"][0]["sites"]
    assert [(each["site"], each["state"]) for each in before] == [("sitea", "holder"), ("siteb", "behind")]
    shown = await at_both("diff", "db", "--to", "siteb")
    assert shown.status == 2
    assert "+ create primitive vip" in shown.out
    assert "vip" not in pair.b.snapshot.members
    applied = await at_both("replicate", "db", "--to", "siteb", "--yes")
    assert applied.status == 0
    assert applied.out.splitlines()[-1].startswith("applied ")
    assert {"vip", "local-b"} <= pair.b.snapshot.members.keys()
    assert (await at_both("diff", "db", "--to", "siteb")).status == 0
    assert (await at_both("replicate", "db", "--to", "siteb", "--plan")).status == 0
    row = (await at_both("tickets")).out.splitlines()[1].split()
    assert row[:3] == ["db", "holder", "in-sync,"]
    assert (await at_both("show", "resource", "vip", "--site", "siteb")).out.count("owned: yes") == 1
    assert (await at_both("call", "siteb", "Site:siteb", "query", "path=configuration/resources")).status == 0


async def test_what_the_agent_refuses(pair: SitePair, at_both: Any) -> None:
    outcome = await at_both("replicate", "db", "--to", "sitea", "--yes")
    assert outcome.status == 3
    assert "the agent says no (holder)" in outcome.err
    assert (await at_both("diff", "unknown", "--to", "siteb")).status == 3


async def test_a_ticket_moves(pair: SitePair, at_both: Any) -> None:
    assert (await at_both("replicate", "db", "--to", "siteb", "--yes")).status == 0
    async with AsyncConsole([pair.a.config.listen.url, pair.b.config.listen.url], timeout=TIMEOUT) as console:
        with console.subscribe(events=["ticket_changed"]) as events:
            for action, site, granted in (("revoke", "sitea", False), ("grant", "siteb", True)):
                assert (await at_both("ticket", action, "db", "--site", site)).status == 0
                async with asyncio.timeout(TIMEOUT):
                    changed = await anext(events)
                assert isinstance(changed, Event)
                assert (changed.site, changed.values["granted"]) == (site, granted)
    outcome = await at_both("diff", "db", "--to", "siteb")
    assert (outcome.status, "(holder)" in outcome.err) == (3, True)


@pytest.mark.pacemaker
async def test_a_drill_tells_what_would_run(pair: SitePair, at_both: Any) -> None:
    assert (await at_both("replicate", "db", "--to", "siteb", "--yes")).status == 0
    outcome = await at_both("drill", "db", "--at", "siteb")
    assert outcome.status == 1
    assert "ticket db granted to siteb" in outcome.out
    assert "vip would not run" in outcome.err
    document = (await at_both("drill", "db", "--at", "siteb", "--json")).json
    assert (document["site"], document["ok"]) == ("siteb", False)
    assert [each["resource"] for each in document["blocked"]] == ["vip"]


async def test_values_are_explained(pair: SitePair, at_both: Any) -> None:
    assert (await at_both("replicate", "db", "--to", "siteb", "--yes")).status == 0
    outcome = await at_both("explain", "vip-ip", "--at", "siteb")
    assert outcome.status == 0
    assert any(line.split()[:3] == ["value", "10.1.0.10", "published"] for line in outcome.out.splitlines())
    document = (await at_both("explain", "vip-ip", "--at", "siteb", "--json")).json
    assert (document["site"], document["id"]) == ("siteb", "vip-ip")
    local = await at_both("explain", "local-b", "--at", "siteb")
    assert "local" in local.out
