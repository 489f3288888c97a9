"""History, rollback, healing and the verification of journals, as their user sees them, at real agents on CIB files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qmfagent.config.journal import JournalConfig
from tests.consoles.conftest import settled
from tests.consoles.test_two_agents import SOURCE, TARGET
from tests.sites.pair import SitePair


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[SitePair]:
    """Both agents running in manual mode, each with a journal file; nothing more happens by itself."""
    sites = SitePair(tmp_path, SOURCE, TARGET, mode="manual")
    for site in sites.sites.values():
        site.config = replace(site.config, journal=JournalConfig(tmp_path / f"{site.name}.journal"))
    async with sites:
        await settled(sites)
        yield sites


async def test_a_change_is_shown_and_rolled_back(pair: SitePair, at_both: Any) -> None:
    applied = (await at_both("replicate", "db", "--to", "siteb", "--yes", "--json")).json["applied"]
    found = (await at_both("history", "db", "--site", "siteb", "--json")).json["changes"]
    assert [each["number"] for each in found if each["name"] == "applied"] == [applied["change"]]
    table = await at_both("history")
    assert table.status == 0
    assert {"sitea", "siteb"} <= {word for line in table.out.splitlines()[1:] for word in line.split()}

    number = str(applied["change"])
    shown = await at_both("show", number, "--site", "siteb")
    assert shown.status == 0
    assert "+ create primitive vip" in shown.out
    assert (await at_both("show", number)).status == 1

    before = await at_both("rollback", number, "--at", "siteb", "--plan")
    assert before.status == 2
    assert "vip" in pair.b.snapshot.members
    assert (await at_both("rollback", number, "--at", "siteb", "--yes")).status == 0
    assert "vip" not in pair.b.snapshot.members
    assert "local-b" in pair.b.snapshot.members
    ticket = await pair.b.object("Ticket:db")
    assert ticket["pinned"] == applied["change"]
    assert (await at_both("ticket", "unpin", "db", "--site", "siteb")).out == "ticket db is pinned no more at siteb\n"
    assert (await pair.b.object("Ticket:db"))["pinned"] == 0


async def test_what_is_no_change(pair: SitePair, at_both: Any) -> None:
    for arguments in (["show", "999", "--site", "siteb"], ["rollback", "999", "--at", "siteb", "--yes"]):
        outcome = await at_both(*arguments)
        assert outcome.status == 3
        assert "(unknown-change)" in outcome.err
    assert (await at_both("show", "7", "vip", "--site", "siteb")).status == 64
    assert (await at_both("show", "nothing")).status == 64
    assert (await at_both("show", "1" * 5000)).status == 64


async def test_drift_is_healed(pair: SitePair, at_both: Any) -> None:
    assert (await at_both("replicate", "db", "--to", "siteb", "--yes")).status == 0
    await pair.b.set_value("vip-ip", "10.9.9.9")
    await pair.b.event("drift_found", ticket="db")
    shown = await at_both("heal", "db", "--at", "siteb", "--plan")
    assert shown.status == 2
    assert "10.9.9.9" in shown.out
    assert (await at_both("heal", "db", "--at", "siteb", "--yes")).status == 0
    assert pair.b.snapshot.ids["vip-ip"].get("value") == "10.1.0.10"
    assert (await at_both("heal", "db", "--at", "siteb", "--plan")).status == 0


async def test_journals_are_verified(pair: SitePair, at_both: Any) -> None:
    good = await at_both("journal", "verify")
    assert good.status == 0
    assert good.out.count("as recorded") == 2
    document = (await at_both("journal", "verify", "--site", "siteb", "--json")).json
    (found,) = document["journals"]
    assert (found["site"], found["problem"], found["signed"]) == ("siteb", "", True)
