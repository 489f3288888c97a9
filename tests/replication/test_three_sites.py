"""Three sites: two that follow, a ticket that goes round, claims that contradict each other or cannot be asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from qmfagent.agent import QmfAgent
from qmfagent.errors import RemoteError
from qmfagent.peers import link as peer_link
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.pair import Site, SiteGroup, deaf_to_queries, until


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[SiteGroup]:
    """Sites a, which holds ticket T, b and c; everything is delivered."""
    cibs = {"a": SOURCE, "b": TARGET, "c": TARGET.replace(b"local-b", b"local-c")}
    async with SiteGroup(tmp_path, cibs) as sites:
        for name in ("b", "c"):
            await sites[name].event("applied", publisher="a")
        yield sites


def connected(agent: QmfAgent) -> set[str]:
    """The sites that an agent reaches."""
    return {peer["site"] for peer in agent.peers.describe() if peer["connected"]}


async def value(site: Site, address: str) -> None:
    await until(lambda: site.snapshot.ids["vip-ip"].get("value") == address, f"{address} at {site.name}")


async def test_every_other_site_follows(three: SiteGroup) -> None:
    await three["a"].set_value("vip-ip", "10.1.0.99")
    for name in ("b", "c"):
        await value(three[name], "10.1.0.99")
        await three["a"].replica("T", name, direction="to", state="in-sync", mode="automatic")
        await three[name].replica("T", "a", direction="from", state="in-sync")


async def test_a_ticket_that_moves_takes_everybody_along(three: SiteGroup) -> None:
    a, b, c = three["a"], three["b"], three["c"]
    await a.ticket("T", "revoke")
    for site in (b, c):
        await site.replica("T", "a", direction="none", state="idle", reason="no-holder")
    for other in ("b", "c"):
        await a.replica("T", other, direction="none", state="idle")
    await b.ticket("T", "grant")
    await b.set_value("vip-ip", "10.2.0.1")
    for site in (a, c):
        await value(site, "10.2.0.1")
        await site.replica("T", "b", direction="from", state="in-sync")
        await b.replica("T", site.name, direction="to", state="in-sync")
    await c.replica("T", "a", direction="none", state="idle")
    await a.replica("T", "c", direction="none", state="idle")


async def test_a_site_that_is_down_has_no_say(three: SiteGroup) -> None:
    await three["c"].stop()
    agent = three["b"].agent
    assert agent is not None
    await until(lambda: connected(agent) == {"a"}, "the loss of c at b")
    assert agent.replicas.get("T", "c").direction == "none"
    await three["a"].set_value("vip-ip", "10.1.0.99")
    await value(three["b"], "10.1.0.99")
    await three["a"].replica("T", "c", direction="to", state="unreachable")


async def test_a_site_that_is_there_and_does_not_tell_stops_everything(
    three: SiteGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may hold the ticket; nobody knows. Once it tells, replication goes on by itself."""
    a, b, c = three["a"], three["b"], three["c"]
    assert c.agent is not None
    with monkeypatch.context() as mute:
        # Long enough for site a, which does tell.
        mute.setattr(peer_link, "QUERY_TIMEOUT", 3.0)
        mute.setattr(c.agent._agent, "receive", deaf_to_queries(c.agent._agent))
        await a.set_value("vip-ip", "10.1.0.99")
        found = await b.replica("T", "a", state="unreachable", reason="unreachable")
        assert "site c does not tell whether it holds ticket 'T'" in found["message"]
        assert b.snapshot.ids["vip-ip"].get("value") == "10.1.0.10"
    await value(b, "10.1.0.99")
    await b.replica("T", "a", state="in-sync", reason="")


async def test_two_claims_stop_the_third_site_too(three: SiteGroup) -> None:
    a, b, c = three["a"], three["b"], three["c"]
    await c.ticket("T", "grant")
    for site, other in ((a, "c"), (c, "a"), (b, "a"), (b, "c")):
        found = await site.replica("T", other, state="blocked", reason="split")
        assert "a and c" in found["message"]
    published = len(a.seen("published"))
    await a.set_value("vip-ip", "10.1.0.99")
    await until(lambda: len(a.seen("published")) > published, "the event of a")
    for site in (b, c):
        with pytest.raises(RemoteError) as refused:
            await site.call("Replica:T:a", "replicate_now")
        assert refused.value.reason == "split"
        assert site.snapshot.ids["vip-ip"].get("value") == "10.1.0.10"
    await c.ticket("T", "revoke")
    for site in (b, c):
        await value(site, "10.1.0.99")
        await site.replica("T", "a", state="in-sync", reason="")
        await a.replica("T", site.name, direction="to", state="in-sync", reason="")
    await b.replica("T", "c", direction="none", state="idle", reason="")
    assert len(b.seen("apply_failed", reason="split", by="automatic")) == 1
