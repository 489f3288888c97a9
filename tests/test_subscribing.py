"""A console subscribes to objects of a real agent, at its listener and at a broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from qmfagent.errors import ConnectionLost, RemoteError
from qmfagent.peers.link import agent_name
from tests.replication.conftest import SOURCE
from tests.sites.buses import SITE_BUSES, SiteBus
from tests.sites.pair import Site, SiteGroup

pytestmark = pytest.mark.parametrize("site_bus", SITE_BUSES, indirect=True)
AGENT = agent_name("sitea")


@pytest.fixture
async def site(tmp_path: Path, site_bus: SiteBus) -> AsyncIterator[Site]:
    async with SiteGroup(tmp_path, {"sitea": SOURCE}, bus=site_bus) as group:
        yield group["sitea"]


async def test_all_objects_come_and_then_those_that_change(site: Site) -> None:
    assert site.session is not None
    stream = await site.session.subscribe(AGENT, "Ticket", interval=1)
    async with asyncio.timeout(30):
        first = await anext(stream)
        assert (first.values["name"], first.values["standby"]) == ("T", False)
        await site.ticket("T", "standby")
        assert (await anext(stream)).values["standby"] is True
    await site.session.unsubscribe(stream)
    await site.session.unsubscribe(stream)
    assert [item async for item in stream] == []


async def test_a_subscription_ends_with_the_agent(site: Site) -> None:
    assert site.session is not None
    session = site.bus.console("sitea")
    async with session:
        await session.wait_agent(lambda agent: agent.name == AGENT)
        stream = await session.subscribe(AGENT, "Ticket")
        await anext(stream)
        await site.stop()
        async with asyncio.timeout(60):
            with pytest.raises(ConnectionLost, match="the subscription has ended"):
                await anext(stream)


async def test_what_can_not_be_subscribed_to_is_an_error(site: Site) -> None:
    assert site.session is not None
    with pytest.raises(RemoteError):
        await site.session.subscribe(AGENT, "Ticket", where=["nonsense"])
    assert site.session._audience.data_streams == {}
