"""Every example in Python does what it says, to real agents."""

from __future__ import annotations

import email
import json
from dataclasses import replace
from email import policy
from pathlib import Path
from typing import Any

import pytest

from qmfagent.config.journal import JournalConfig
from tests.examples.conftest import WAIT
from tests.sites.pair import SitePair, until

NOWHERE = "amqp://127.0.0.1:1"


async def finished(python: Any, name: str, *arguments: str, answer: str = "", **options: str) -> Any:
    async with python(name, *arguments, **options) as running:
        return await running.end(answer)


async def replicate(pair: SitePair) -> None:
    """Bring ticket db to siteb."""
    planned = await pair.b.call("Site:siteb", "plan", ticket="db")
    await pair.b.call("Site:siteb", "apply", token=planned["token"])


async def test_tickets_are_listed(pair: SitePair, python: Any) -> None:
    ended = await finished(python, "list_tickets")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.splitlines() == ["db: held by sitea", "  siteb: behind, waits (manual)"]


async def test_every_example_says_why_it_can_not_work(python: Any, tmp_path: Path) -> None:
    for name, arguments, status in (
        ("list_tickets", (), 1),
        ("follow_events", (str(tmp_path / "place.json"),), 1),
        ("replicate_with_approval", ("db", "siteb"), 1),
        ("alert_on_lag", (), 1),
    ):
        ended = await finished(python, name, *arguments, url=NOWHERE)
        assert (ended.status, ended.out) == (status, ""), ended
        assert "127.0.0.1" in ended.err
        assert "Traceback" not in ended.err
    drill = await finished(python, "nightly_drill", url=NOWHERE)
    assert (drill.status, drill.err) == (2, "")
    assert "127.0.0.1" in drill.out


async def test_replication_after_a_yes(pair: SitePair, python: Any) -> None:
    refused = await finished(python, "replicate_with_approval", "db", "siteb", answer="n\n")
    assert refused.status == 2
    assert "+ create primitive vip" in refused.out
    assert "vip" not in pair.b.snapshot.members
    assert (await finished(python, "replicate_with_approval", "db", "siteb")).status == 2  # nobody to ask
    applied = await finished(python, "replicate_with_approval", "db", "siteb", answer="y\n")
    assert (applied.status, applied.err) == (0, "")
    assert "vip" in pair.b.snapshot.members
    change = (await pair.b.event("applied")).values["seq"]
    assert applied.out.splitlines()[-1] == f"to go back: qmfconsole rollback {change} --at siteb"
    again = await finished(python, "replicate_with_approval", "db", "siteb")
    assert again.status == 0
    assert "nothing to do at siteb" in again.out


async def test_a_refusal_is_told_by_its_name(pair: SitePair, python: Any) -> None:
    ended = await finished(python, "replicate_with_approval", "db", "sitea")
    assert ended.status == 1
    assert ended.err.startswith("refused (holder): ")


async def test_a_plan_that_is_stale_by_the_time_of_the_yes(pair: SitePair, python: Any) -> None:
    async with python("replicate_with_approval", "db", "siteb") as running:
        assert "at siteb" in await running.line()
        await pair.b.create("resources", "<primitive id='vip' class='ocf' provider='pacemaker' type='Dummy'/>")
        ended = await running.end("y\n")
    assert ended.status == 1
    assert ended.err.startswith("refused (configuration-changed): ")


def known(pair: SitePair, tmp_path: Path) -> None:
    """Give the agents journals that outlive them; before they are started."""
    for site in (pair.a, pair.b):
        site.config = replace(site.config, journal=JournalConfig(tmp_path / f"{site.name}.journal"))


async def test_events_are_followed_over_restarts_of_both(pair: SitePair, python: Any, tmp_path: Path) -> None:
    await pair.stop()
    known(pair, tmp_path)
    await pair.start()
    place = tmp_path / "place.json"
    seen: list[Any] = []

    async def told(running: Any, **wanted: Any) -> None:
        while not seen or not wanted.items() <= seen[-1].items():
            seen.append(json.loads(await running.line()))

    async def stopped(running: Any) -> None:
        running.stop()
        seen.extend(map(json.loads, (await running.end()).out.splitlines()))

    async with python("follow_events", str(place)) as running:
        await pair.a.ticket("db", "standby")
        await told(running, event="ticket_changed", standby=True)
        await until(place.exists, "a place")
        await stopped(running)
    assert json.loads(place.read_text()).keys() == {"sitea", "siteb"}
    await pair.a.ticket("db", "activate")  # while it is down
    async with python("follow_events", str(place)) as running:
        await told(running, event="ticket_changed", standby=False)
        await pair.a.stop()
        await pair.a.start()
        await pair.a.ticket("db", "standby")
        await told(running, event="ticket_changed", standby=True)
        await stopped(running)
    for site in {each["site"] for each in seen}:
        numbers = [each["seq"] for each in seen if each["site"] == site]
        assert sorted(set(numbers)) == list(range(1, max(numbers) + 1))
        assert numbers == sorted(numbers)
        assert len(numbers) - len(set(numbers)) <= 1  # the one that it was killed after


async def test_what_can_not_be_had_any_more_is_a_gap(pair: SitePair, python: Any, tmp_path: Path) -> None:
    place = tmp_path / "place.json"
    async with python("follow_events", str(place), "--event", "ticket_changed") as running:
        await pair.a.ticket("db", "standby")
        assert json.loads(await running.line())["standby"] is True
        await pair.a.stop()
        await pair.a.start()  # its journal was in memory
        gap = json.loads(await running.line())
        assert (gap["site"], gap["gap"]) == ("sitea", "the site has begun a new journal")
        await pair.a.ticket("db", "activate")
        assert json.loads(await running.line())["standby"] is False


@pytest.mark.pacemaker
async def test_a_nightly_drill(pair: SitePair, python: Any, pacemaker_tools: None) -> None:
    early = await finished(python, "nightly_drill")
    assert early.status == 1
    assert "nothing that depends on ticket 'db' is replicated to siteb" in early.out
    await replicate(pair)
    good = await finished(python, "nightly_drill")
    assert (good.status, good.out, good.err) == (0, "db at siteb: all would run (1 resources)\n", "")
    mail = await finished(python, "nightly_drill", "--mail", "ops@example.org")
    message = email.message_from_string(mail.out, policy=policy.default)
    assert (message["To"], message["Subject"]) == ("ops@example.org", "Nightly drill: all would run")
    assert message.get_content().strip() == good.out.strip()


async def test_lag_is_measured_and_told_of(pair: SitePair, python: Any) -> None:
    async with python("alert_on_lag", "--limit", "0.3") as running:
        assert await running.line() == "following sitea, siteb"
        await pair.a.set_value("vip-fake", "two")
        assert await running.line() == "late db siteb"  # it is in manual mode
        await pair.b.replica("db", "sitea", state="behind")
        await replicate(pair)
        name, ticket, site, seconds = (await running.line()).split()
        assert (name, ticket, site) == ("lag", "db", "siteb")
        assert 0.3 <= float(seconds) < WAIT
