"""The audit between two agents: a line for every write, whoever asked for it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qmfagent.cib.closure.closure import closure
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.pair import SitePair, until

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """The lines of both agents so far."""
    caplog.set_level(logging.INFO, "qmfagent.audit")
    return lambda: [json.loads(record.getMessage()) for record in caplog.records if record.name == "qmfagent.audit"]


async def test_an_automatic_apply_is_audited(lines: Lines, tmp_path: Path) -> None:
    async with SitePair(tmp_path, SOURCE, TARGET) as sites:
        event = await sites.b.event("applied")
        digest = closure(sites.a.snapshot, "T").digest
    assert lines() == [
        {
            "who": "automatic",
            "what": "Site.apply",
            "on": "Ticket:T",
            "ticket": "T",
            "site": "siteb",
            "arguments": {"publisher": "sitea", "digest": digest},
            "result": "done",
            "trace": event.values["trace"],
        }
    ]


async def test_one_that_is_refused_is_too_and_once(lines: Lines, tmp_path: Path) -> None:
    async with SitePair(tmp_path, SOURCE, TARGET.replace(b"local-b", b"vip")) as sites:
        await sites.b.event("apply_failed", reason="clash")
        await sites.b.ticket("T", "standby")
    assert [(line["who"], line["what"], line["result"]) for line in lines()] == [
        ("automatic", "Site.apply", "clash"),
        ("anonymous", "Ticket.standby", "done"),
    ]


async def test_who_asks_another_site_through_this_one_is_audited_at_both(lines: Lines, manual_pair: SitePair) -> None:
    await manual_pair.a.replica("T", "siteb", direction="to", state="behind")
    await manual_pair.a.call("Replica:T:siteb", "replicate_now")
    applied = await manual_pair.b.event("applied")
    await until(lambda: len(lines()) == 2, "both lines")
    assert [(line["what"], line["on"], line["result"]) for line in lines()] == [
        ("Site.apply", "Site:siteb", "done"),
        ("Replica.replicate_now", "Replica:T:siteb", "done"),
    ]
    assert len(lines()[0]["arguments"]["token"]) == 32
    assert lines()[0]["trace"] == lines()[1]["trace"] == applied.values["trace"]
