"""One ticket to all sites or to none, at real agents on CIB files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from consoles.client import AsyncConsole
from consoles.everywhere import apply_everywhere, plan_everywhere, succeeded
from qmfagent.errors import Refused
from tests.consoles.conftest import TIMEOUT
from tests.consoles.test_two_agents import SOURCE, TARGET
from tests.sites.pair import Site, SiteGroup

CLASH = TARGET.replace(b"local-b", b"vip")


@pytest.fixture
async def group(tmp_path: Path) -> AsyncIterator[SiteGroup]:
    """Four agents in manual mode; sitea holds the ticket."""
    cibs = {"sitea": SOURCE, "siteb": TARGET, "sitec": TARGET, "sited": TARGET}
    async with SiteGroup(tmp_path, cibs, mode="manual") as sites:
        yield sites


def urls(group: SiteGroup, *names: str) -> list[str]:
    return [site.config.listen.url for site in group.sites.values() if not names or site.name in names]


def has_it(site: Site) -> bool:
    return "vip" in site.snapshot.members


async def run(qmfconsole: Any, group: SiteGroup, *arguments: str) -> Any:
    given = [part for url in urls(group) for part in ("--url", url)]
    return await qmfconsole(*given, *arguments)


async def test_all_sites_have_it_in_the_end(group: SiteGroup, qmfconsole: Any) -> None:
    shown = await run(qmfconsole, group, "replicate", "db", "--to", "all", "--plan")
    assert shown.status == 2
    assert not any(has_it(group[name]) for name in ("siteb", "sitec", "sited"))
    rows = [line.split()[:2] for line in shown.out.splitlines() if line.startswith("site")]
    assert [row[0] for row in rows if row[1:] != ["plan"]] == ["siteb", "sitec", "sited"]
    done = await run(qmfconsole, group, "replicate", "db", "--to", "all", "--yes", "--json")
    assert (done.status, [each["state"] for each in done.json["sites"]]) == (0, ["applied"] * 3)
    assert all(has_it(group[name]) for name in ("siteb", "sitec", "sited"))
    again = await run(qmfconsole, group, "replicate", "db", "--to", "all", "--yes")
    assert again.status == 0
    assert again.out.count("nothing to do") == 3


async def test_where_one_plan_is_bad_nothing_is_applied(tmp_path: Path, qmfconsole: Any) -> None:
    cibs = {"sitea": SOURCE, "siteb": TARGET, "sitec": CLASH}
    async with SiteGroup(tmp_path, cibs, mode="manual") as group:
        refused = await run(qmfconsole, group, "replicate", "db", "--to", "all", "--yes")
        assert refused.status == 1
        assert "--partial" in refused.err
        assert not has_it(group["siteb"])
        partly = await run(qmfconsole, group, "replicate", "db", "--to", "all", "--yes", "--partial")
        assert partly.status == 1
        assert has_it(group["siteb"])


async def test_the_others_are_rolled_back_when_one_fails(group: SiteGroup) -> None:
    async with AsyncConsole(urls(group), timeout=TIMEOUT) as console:
        plans = await plan_everywhere(console, "db")
        assert all(each.good for each in plans)
        await group["sitec"].create("resources", '<primitive id="edit" class="ocf" provider="pacemaker" type="Dummy"/>')
        await group["sitec"].event("config_changed")
        outcomes = await apply_everywhere(console, plans)
    assert [(each.site, each.state) for each in outcomes] == [
        ("siteb", "rolled-back"),
        ("sitec", "failed"),
        ("sited", "not-tried"),
    ]
    assert not succeeded(outcomes)
    assert not any(has_it(group[name]) for name in ("siteb", "sitec", "sited"))
    assert {"local-b"} <= group["siteb"].snapshot.members.keys()


async def test_a_site_that_the_console_can_not_reach_has_no_good_plan(group: SiteGroup) -> None:
    async with AsyncConsole(urls(group, "sitea", "siteb", "sitec"), timeout=TIMEOUT) as console:
        plans = await plan_everywhere(console, "db")
    assert [(each.site, each.good) for each in plans] == [("siteb", True), ("sitec", True), ("sited", False)]


async def test_without_one_holder_there_is_nothing_to_plan(group: SiteGroup) -> None:
    async with AsyncConsole(urls(group), timeout=TIMEOUT) as console:
        with pytest.raises(Refused) as refusal:
            await plan_everywhere(console, "unknown")
        assert refusal.value.reason == "no-holder"
        await group["siteb"].ticket("db", "grant")
        await group["siteb"].event("ticket_changed", granted=True)
        with pytest.raises(Refused) as refusal:
            await plan_everywhere(console, "db")
        assert refusal.value.reason == "split"
