"""A real agent's events: numbered in its journal, told again to whoever missed them, across restarts of the agent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consoles.client import AsyncConsole, Event, Gap
from qmfagent.cib.ownership import all_owned_ids
from qmfagent.config.journal import JournalConfig
from qmfagent.errors import JournalError, RemoteError
from qmfagent.journal.store import Journal
from tests.replication.conftest import SOURCE
from tests.sites.pair import Site, SiteGroup, until


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A site whose journal is a file."""
    group = SiteGroup(tmp_path, {"sitea": SOURCE})
    site = group["sitea"]
    site.config = replace(site.config, journal=JournalConfig(tmp_path / "journal.db"))
    async with group:
        yield site


async def renumber(site: Site, value: str) -> int:
    """Change the CIB; the number of the event that tells of it."""
    await until(lambda: bool(all_owned_ids(site.snapshot)), "the record of what the agent publishes")
    await site.set_value("vip-ip", value)
    await site.event("config_changed", version=str(site.snapshot.version))
    return int(site.seen("config_changed")[-1].values["seq"])


async def events_since(site: Site, since: int) -> list[dict[str, Any]]:
    found, more = [], True
    while more:
        page = await site.call("Site:sitea", "events", since=found[-1]["seq"] if found else since, limit=2)
        found += page["events"]
        more = page["more"]
    return found


async def test_what_is_replayed_is_what_was_told(site: Site) -> None:
    await renumber(site, "10.1.0.77")
    assert site.events is not None
    replayed = await events_since(site, 0)
    assert [event["seq"] for event in replayed] == list(range(1, len(replayed) + 1))
    told = {event.values["seq"]: event for event in site.events}
    assert told
    for event in replayed:
        if event["seq"] in told:
            live = told[event["seq"]]
            assert (event["name"], event["values"]) == (live.class_name, dict(live.values))
            assert (event["severity"], event["timestamp"]) == (live.severity, live.timestamp)


async def test_the_site_and_its_heartbeats_tell_the_number(site: Site) -> None:
    number = await renumber(site, "10.1.0.77")
    assert site.session is not None
    agent = await site.session.wait_agent(lambda agent: agent.attributes["seq"] >= number)
    values = await site.object("Site:sitea")
    assert values["journal"] == agent.attributes["journal"]
    assert (values["first_event"], values["last_event"] >= number) == (1, True)


async def test_numbers_go_on_after_a_restart_and_so_do_consoles(site: Site) -> None:
    await renumber(site, "10.1.0.77")
    async with AsyncConsole([site.config.listen.url], timeout=30) as console:
        with console.subscribe(events=["config_changed"], since={"sitea": 0}) as events:
            first = await anext(events)
            journal = (await site.object("Site:sitea"))["journal"]
            await site.stop()
            await site.start()
            assert (await site.object("Site:sitea"))["journal"] == journal
            number = await renumber(site, "10.1.0.78")
            seen = [first]
            while not (isinstance(seen[-1], Event) and seen[-1].seq == number):
                seen.append(await anext(events))
            assert not [item for item in seen if isinstance(item, Gap)]
    with pytest.raises(RemoteError, match="resume from") as old:
        await site.call("Site:sitea", "events", since=number + 1000)
    assert old.value.reason == "too-old"


async def test_a_journal_in_memory_ends_with_its_agent(tmp_path: Path) -> None:
    async with SiteGroup(tmp_path, {"sitea": SOURCE}) as group:
        site = group["sitea"]
        await renumber(site, "10.1.0.77")
        async with AsyncConsole([site.config.listen.url], timeout=30) as console:
            with console.subscribe(since={"sitea": 0}) as events:
                await anext(events)
                await site.stop()
                await site.start()
                await renumber(site, "10.1.0.78")
                seen: list[Any] = []
                while not (seen and isinstance(seen[-1], Gap)):
                    seen.append(await anext(events))
                assert (seen[-1].resume, seen[-1].site) == (0, "sitea")
                assert "new journal" in seen[-1].reason
                following = await anext(events)
                assert isinstance(following, Event)
                assert following.seq == 1


async def test_an_agent_does_not_start_on_a_journal_that_is_in_use(tmp_path: Path) -> None:
    group = SiteGroup(tmp_path, {"sitea": SOURCE})
    site = group["sitea"]
    site.config = replace(site.config, journal=JournalConfig(tmp_path / "journal.db"))
    journal = Journal(tmp_path / "journal.db")
    with pytest.raises(JournalError, match="another agent is using this journal"):
        await site.start()
    journal.close()
    await site.start()
    await site.stop()
