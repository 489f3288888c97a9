"""Consoles of this version at sites of an earlier one: what those do not tell or know is missing, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import AsyncClient

from consoles import asynchronous
from consoles.client import AsyncConsole
from consoles.main import run
from qmfagent.errors import RemoteError
from qmfagent.qmf.opcodes import ErrorCode
from tests.interop.recorded import Recording
from tests.interop.recorded_agent import RecordedAgent
from tests.web.served import Served, WholeConsole, connect_to

pytestmark = pytest.mark.usefixtures("no_profiles")

Sites = tuple[RecordedAgent, RecordedAgent]
WAIT = 60.0


@pytest.fixture
async def sites(recording: Recording) -> AsyncIterator[Sites]:
    """Both sites of the recording, once the first publication was delivered."""
    async with RecordedAgent(recording, "sitea") as a, RecordedAgent(recording, "siteb") as b:
        a.step("delivered")
        b.step("delivered")
        yield a, b
        assert not a.unknown
        assert not b.unknown


@pytest.fixture
async def console(sites: Sites) -> AsyncIterator[AsyncConsole]:
    async with WholeConsole([site.url for site in sites], timeout=WAIT) as console:
        yield console


async def test_what_there_is_is_shown(console: AsyncConsole, recording: Recording) -> None:
    assert await console.sites() == ["sitea", "siteb"]
    (ticket,) = await console.tickets()
    assert (ticket.name, ticket.holders) == ("T", ("sitea",))
    assert [(at.site, at.state) for at in ticket.sites] == [("sitea", "holder"), ("siteb", "in-sync")]
    site = await console.site("sitea")
    assert site.values["peers"][0]["site"] == "siteb"
    for name in ("Resource", "Constraint", "Node", "Replica", "Plan"):
        known = {each.name for each in recording.schema[name].properties}
        assert all(each.values.keys() <= known for each in await console.query(name))


async def test_replication_is_the_same(console: AsyncConsole) -> None:
    plan = await console.plan("siteb", "T")
    assert plan.token
    assert (await console.apply("siteb", plan.token)).changes == len(plan.changes)
    (*_, applied) = await console.history("siteb", "T")
    assert (await console.change("siteb", 3))["number"] == 3
    assert applied["ticket"] == "T"
    assert (await console.verify_journal("siteb"))["signed"]
    assert await console.explain("siteb", "vip-ip")


PAGES = {
    "/": "in sync",
    "/sites": "sitea",
    "/sites/sitea": "vip",
    "/tickets/T/plan?to=siteb": "siteb",
    "/history": "applied",
    "/history/siteb/3": "siteb",
    "/events": "applied",
    "/schema/sitea": "Ticket",
    "/schema/sitea/Ticket": "granted",
    "/drill": "siteb",
    "/journal": "Verify",
}
"""Pages of the web console that ask for nothing but what was recorded."""


@pytest.mark.parametrize(("page", "text"), PAGES.items())
async def test_a_page_of_the_web_console(sites: Sites, page: str, text: str) -> None:
    async with (
        Served(connect_to(site.url for site in sites)) as web,
        AsyncClient(base_url=web.url, timeout=WAIT, follow_redirects=True) as browser,
    ):
        await browser.get(web.link())
        answer = await browser.get(page)
    assert answer.status_code == 200
    assert text in answer.text


async def test_what_it_does_not_know_is_an_error_by_name(console: AsyncConsole) -> None:
    with pytest.raises(RemoteError, match=r"has no method .*; known are: query, events") as unknown:
        await console.call("sitea", "Site:sitea", "from_the_future")
    assert unknown.value.code == ErrorCode.UNKNOWN_METHOD
    with pytest.raises(RemoteError, match="has no argument") as wrong:
        await console.call("sitea", "Site:sitea", "claim", ticket="T", from_the_future=True)
    assert wrong.value.code == ErrorCode.INVALID_PARAMETER


async def test_an_agent_before_0_2_0_does_not_tell_what_is_permitted(
    console: AsyncConsole, recording: Recording
) -> None:
    permissions = await console.permissions("sitea")
    assert (permissions.permitted is None) == (recording.schema["Site"].method("permissions") is None)
    assert permissions.may("Site.apply", "T")


async def test_events_come_and_are_told_again(console: AsyncConsole, sites: Sites) -> None:
    with console.subscribe(events=["published"], sites=["sitea"], since={"sitea": 0}) as events:
        told = await asyncio.wait_for(anext(events), WAIT)
        sites[0].step("changed")
        told_again = await asyncio.wait_for(anext(events), WAIT)
    assert told_again.values["digest"] != told.values["digest"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["sites"], 0),
        (["tickets"], 0),
        (["history", "T", "--site", "siteb"], 0),
        (["show", "3", "--site", "siteb"], 0),
        (["explain", "vip-ip", "--at", "siteb"], 0),
        (["diff", "T", "--to", "siteb"], 2),
        (["journal", "verify"], 0),
        (["permissions"], 0),
        (["call", "sitea", "Site:sitea", "claim", "ticket=T"], 0),
    ],
)
async def test_the_command_line(
    sites: Sites, capsys: Any, monkeypatch: pytest.MonkeyPatch, arguments: list[str], status: int
) -> None:
    # It may be that one site is connected long before the other, as both and the command share a process.
    for patience in ("PATIENCE", "CONNECT_TIMEOUT"):
        monkeypatch.setattr(asynchronous, patience, WAIT)
    options = [*(part for site in sites for part in ("--url", site.url)), "--timeout", str(WAIT)]
    assert await asyncio.to_thread(run, [*options, *arguments]) == status
    assert capsys.readouterr().out
    assert await asyncio.to_thread(run, [*options, *arguments, "--json"]) == status
    assert json.loads(capsys.readouterr().out)
