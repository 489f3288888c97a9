"""A site that could not follow for a while follows by itself as soon as it can."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from qmfagent.bus.console.event_stream import EventGap
from qmfagent.errors import RemoteError
from qmfagent.peers import link as peer_link
from qmfagent.replication.authority import Claim
from qmfagent.replication.following import subscriber
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.pair import SitePair, deaf_to_queries, until


async def test_a_cib_that_comes_back_unchanged_is_brought_up_to_date(pair: SitePair) -> None:
    await pair.b.event("applied")
    path = pair.b.config.cib_file
    assert path is not None
    path.rename(aside := path.with_suffix(".aside"))
    await pair.a.set_value("vip-ip", "10.1.0.99")
    await pair.b.replica("T", "sitea", state="blocked", reason="disconnected")
    aside.rename(path)
    await until(lambda: pair.b.snapshot.ids["vip-ip"].get("value") == "10.1.0.99", "the new address at siteb")


async def test_what_failed_is_tried_again_without_another_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber, "RETRY_MOST", 0.1)
    pair = SitePair(tmp_path, SOURCE, TARGET)
    await pair.start()
    try:
        await pair.b.event("applied")
        assert pair.b.agent is not None

        async def no_answers(ticket: str) -> list[Claim]:
            return []

        with monkeypatch.context() as deaf:
            deaf.setattr(pair.b.agent.peers, "claims", no_answers)
            await pair.a.set_value("vip-ip", "10.1.0.99")
            await pair.b.replica("T", "sitea", state="idle", reason="no-holder")
        await until(lambda: pair.b.snapshot.ids["vip-ip"].get("value") == "10.1.0.99", "the new address at siteb")
    finally:
        await pair.stop()


async def test_an_event_that_cannot_be_worked_through_ends_nothing(
    pair: SitePair, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pair.b.event("applied")
    assert pair.b.agent is not None
    came = []

    def unreadable(site: str, name: str, values: Mapping[str, Any]) -> None:
        came.append(name)
        raise KeyError("digest")

    with monkeypatch.context() as faulty:
        faulty.setattr(pair.b.agent, "peer_event", unreadable)
        await pair.a.set_value("vip-ip", "10.1.0.98")
        await until(lambda: "published" in came, "the event of sitea")
    await pair.a.set_value("vip-ip", "10.1.0.99")
    await until(lambda: pair.b.snapshot.ids["vip-ip"].get("value") == "10.1.0.99", "the new address at siteb")


async def test_a_peer_that_does_not_answer_at_first_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its agent is heard, and what it holds cannot be learnt: that is no reason to give up until it restarts."""
    pair = SitePair(tmp_path, SOURCE, TARGET)
    await pair.a.start()
    assert pair.a.agent is not None
    agent = pair.a.agent._agent
    asked = []
    try:
        with monkeypatch.context() as mute:
            mute.setattr(peer_link, "QUERY_TIMEOUT", 0.2)
            mute.setattr(agent, "receive", deaf_to_queries(agent, asked.append))
            await pair.b.start()
            await until(lambda: len(asked) > 1, "that siteb asks, and asks again")
        await pair.b.event("applied")
    finally:
        await pair.stop()


async def test_events_that_were_missed_are_made_good(pair: SitePair, monkeypatch: pytest.MonkeyPatch) -> None:
    await pair.b.event("applied")
    assert pair.b.agent is not None
    await pair.a.replica("T", "siteb", state="in-sync")
    link = pair.b.agent.peers._links["sitea"]
    missed = []
    with monkeypatch.context() as deaf:
        deaf.setattr(pair.b.agent, "peer_event", lambda site, name, values: missed.append(name))
        await pair.a.set_value("vip-ip", "10.1.0.99")
        await pair.a.replica("T", "siteb", state="behind")
        await until(lambda: "published" in missed, "the event of sitea")
    link.take(EventGap(1000, "the reader was too slow"))
    await until(lambda: pair.b.snapshot.ids["vip-ip"].get("value") == "10.1.0.99", "the new address at siteb")


async def test_a_holder_whose_cib_is_not_seen_claims_nothing(pair: SitePair) -> None:
    """Its ticket may be granted elsewhere by now; once it sees its CIB again, the others follow again by themselves."""
    await pair.b.event("applied")
    path = pair.a.config.cib_file
    assert path is not None
    path.rename(aside := path.with_suffix(".aside"))
    await until(lambda: not pair.a.agent.inventory.connected, "the loss of the CIB at sitea")  # type: ignore[union-attr]
    with pytest.raises(RemoteError) as refused:
        await pair.b.call("Site:siteb", "plan", ticket="T")
    assert refused.value.reason == "no-holder"
    with pytest.raises(RemoteError, match="No such file") as unseen:
        await pair.a.call("Site:sitea", "query", path="configuration")
    assert unseen.value.reason == "disconnected"
    assert (await pair.a.object("Site:sitea"))["connected"] is False
    assert (await pair.a.object("Site:sitea"))["cib_version"]
    pair.b.agent._subscriber.wake("T", "sitea")  # type: ignore[union-attr]
    await pair.b.replica("T", "sitea", state="idle", reason="no-holder")
    aside.rename(path)
    await pair.b.replica("T", "sitea", state="in-sync")


async def test_a_stop_in_the_middle_of_an_apply_leaves_the_old_or_the_new(pair: SitePair) -> None:
    await pair.b.event("applied")
    before = pair.b.snapshot.config_digest
    assert pair.b.agent is not None
    started = asyncio.Event()
    apply = pair.b.store.apply

    async def watched(patchset: bytes, digest: str) -> Any:
        started.set()
        return await apply(patchset, digest)

    pair.b.store.apply = watched  # type: ignore[method-assign]
    await pair.a.set_value("vip-ip", "10.1.0.99")
    await asyncio.wait_for(started.wait(), 10)
    await pair.b.stop()
    here = pair.b.snapshot
    assert here.config_digest == before or here.ids["vip-ip"].get("value") == "10.1.0.99"
    await pair.b.start()
    await until(lambda: pair.b.snapshot.ids["vip-ip"].get("value") == "10.1.0.99", "the new address at siteb")
