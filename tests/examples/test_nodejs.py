"""Every example in Node.js does what it says, to real agents: plain AMQP 1.0 is all that another language needs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.examples.conftest import EXAMPLES, SOURCE, Start, started
from tests.examples.secure_agent import USER, secure_agent
from tests.lab import requirements
from tests.sites.pair import SitePair, until

NODEJS = EXAMPLES / "nodejs"


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The examples, and what `npm ci` installs for them, in a folder of their own."""
    requirements.require(["node", "npm"], root=False, packages="nodejs npm")
    folder = tmp_path_factory.mktemp("nodejs")
    for file in NODEJS.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    subprocess.run(["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def node(installed: Path) -> Start:
    """Starts an example at a URL, or several."""
    return lambda url, name, *arguments, **environment: started(
        "node", installed / f"{name}.js", *arguments, QMFCONSOLE_URL=url, **environment
    )


async def finished(node: Any, url: str, name: str, *arguments: str, answer: str = "", **environment: str) -> Any:
    async with node(url, name, *arguments, **environment) as running:
        return await running.end(answer)


def test_the_lock_file_names_no_registry() -> None:
    assert "resolved" not in (NODEJS / "package-lock.json").read_text()


async def test_tickets_are_listed(pair: SitePair, node: Start, urls: str) -> None:
    ended = await finished(node, urls, "tickets")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "db: held by sitea since 2023-11-14T22:13:20.000Z",
        "db: at siteb behind manual",
    ]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("tickets", ()), ("plan-and-apply", ("db",)), ("management", ("read", "Ticket:db"))],
)
async def test_where_nobody_listens(node: Start, name: str, arguments: tuple[str, ...]) -> None:
    ended = await finished(node, "amqp://127.0.0.1:1", name, *arguments)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err == "no connection with amqp://127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1\n"


async def test_a_plan_is_applied_after_a_yes(pair: SitePair, node: Start) -> None:
    url = pair.b.config.listen.url
    for answer in ("n\n", ""):
        assert (await finished(node, url, "plan-and-apply", "db", answer=answer)).status == 2
    assert "vip" not in pair.b.snapshot.members
    applied = await finished(node, url, "plan-and-apply", "db", answer="y\n")
    assert (applied.status, applied.err) == (0, "")
    assert applied.out.startswith("create primitive vip\n")
    change = (await pair.b.event("applied")).values["seq"]
    assert f"applied as change {change}: " in applied.out
    assert "vip" in pair.b.snapshot.members
    refused = await finished(node, pair.a.config.listen.url, "plan-and-apply", "db")
    assert refused.status == 1
    assert refused.err.startswith("refused (holder): ")


async def test_events_are_followed_over_restarts_of_both(pair: SitePair, node: Start, tmp_path: Path) -> None:
    url, place = pair.a.config.listen.url, tmp_path / "place.json"
    seen: list[Any] = []

    async def told(running: Any, **wanted: Any) -> None:
        while not seen or not wanted.items() <= seen[-1].items():
            seen.append(json.loads(await running.line()))

    async with node(url, "events", place) as running:
        await pair.a.ticket("db", "standby")
        await told(running, event="ticket_changed", standby=True)
        await until(place.exists, "a place")
        running.stop()
        seen.extend(map(json.loads, (await running.end()).out.splitlines()))
    await pair.a.ticket("db", "activate")  # while it is down
    async with node(url, "events", place) as running:
        await told(running, event="ticket_changed", standby=False)
        await pair.a.set_value("vip-fake", "two")  # live
        await told(running, event="published")
        numbers = [each["seq"] for each in seen]
        assert sorted(set(numbers)) == list(range(1, max(numbers) + 1))
        assert numbers == sorted(numbers)
        await pair.a.stop()
        await pair.a.start()  # its journal was in memory
        await told(running, event="published", seq=1)
        assert seen[-2] == {"gap": "the site does not have them any more"}


async def test_amqp_management(pair: SitePair, node: Start) -> None:
    url = pair.b.config.listen.url
    found = await finished(node, url, "management", "query", "Ticket", "name", "granted", "mode")
    assert json.loads(found.out) == [{"name": "db", "granted": False, "mode": "manual"}]
    assert (await finished(node, url, "management", "call", "Ticket:db", "pause")).status == 0
    read = json.loads((await finished(node, url, "management", "read", "Ticket:db")).out)
    assert (read["type"], read["paused"]) == ("org.clusterlabs.qmfagent.Ticket", True)
    explained = await finished(
        node, pair.a.config.listen.url, "management", "call", "Site:sitea", "explain", "id=vip-fake"
    )
    assert json.loads(explained.out)["steps"][-1]["value"] == "one"
    unknown = await finished(node, url, "management", "read", "Ticket:none")
    assert (unknown.status, unknown.out) == (1, "")
    assert unknown.err.startswith("404 ")
    assert (await finished(node, url, "management")).err.startswith("usage: ")


async def test_certificates_and_passwords(node: Start, tmp_path: Path) -> None:
    async with secure_agent(tmp_path, SOURCE) as agent:
        ca = {"QMFCONSOLE_CA": str(agent.console.ca)}
        certificate = {
            "QMFCONSOLE_CERTIFICATE": str(agent.console.certificate),
            "QMFCONSOLE_KEY": str(agent.console.key),
        }
        password = {"QMFCONSOLE_USER": USER, "QMFCONSOLE_PASSWORD_FILE": str(agent.password_file)}
        for url, identity in ((agent.url, certificate), (agent.password_url, password)):
            ended = await finished(node, url, "tickets", **ca, **identity)
            assert (ended.status, ended.err) == (0, "")
            assert ended.out.startswith("db: held by paris ")
            forbidden = await finished(node, url, "management", "call", "Ticket:db", "pause", **ca, **identity)
            assert forbidden.err.startswith("403 ")
        strangers = await finished(node, agent.url, "tickets", **certificate)
        assert strangers.status == 1
        assert "certificate" in strangers.err
        agent.password_file.write_text("open barley\n")
        wrong = await finished(node, agent.password_url, "tickets", **ca, **password)
        assert wrong.status == 1
        assert wrong.err.startswith(f"{agent.password_url} refuses: ")
