"""A site that could not follow for a while follows by itself as soon as it can."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from qmfagent.replication import subscriber
from qmfagent.replication.authority import Claim
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.pair import SitePair, until


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
