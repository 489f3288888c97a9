"""Every command of qmfconsole against sites on real connections: output, JSON keys, exit statuses."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from consoles.cli.show import CLASSES
from consoles.cli.watch import EVENTS
from consoles.subscription import MISSED
from qmfagent.agent import load_schema
from qmfagent.errors import Refused
from tests.consoles.conftest import TIMEOUT, TOKEN

DEAD = "amqp://127.0.0.1:1"


async def test_sites(sites: Any, qmfconsole: Any) -> None:
    table = await qmfconsole("sites", at=sites)
    assert (table.status, table.err) == (0, "")
    assert [line.split() for line in table.out.splitlines()] == [
        ["site", "node", "CIB", "version", "tickets", "held", "connected", "with"],
        ["sitea", "sitea-node1", "0.7.0", "db", "siteb", "(lost)"],
        ["siteb", "siteb-node1", "0.7.0", "sitea", "(lost)"],
    ]
    document = (await qmfconsole("sites", "--json", at=sites)).json
    assert document["unreachable"] == []
    assert document["sites"][0] == {
        "site": "sitea",
        "node": "sitea-node1",
        "cib_version": "0.7.0",
        "cib_connected": True,
        "source": "file",
        "tickets": ["db"],
        "peers": [{"site": "siteb", "url": "amqps://peer:5671", "connected": False}],
    }


async def test_urls_come_from_the_environment_too(sites: Any, qmfconsole: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for separator in (",", " ", ", "):
        monkeypatch.setenv("QMFCONSOLE_URL", separator.join(site.url for site in sites))
        assert [site["site"] for site in (await qmfconsole("sites", "--json")).json["sites"]] == ["sitea", "siteb"]


async def test_a_site_that_is_down_is_told_and_not_fatal(siteb: Any, qmfconsole: Any) -> None:
    outcome = await qmfconsole("--url", DEAD, "sites", "--json", at=[siteb])
    assert outcome.status == 0
    assert outcome.err.startswith("qmfconsole: warning: ")
    assert outcome.err.count("\n") == 1
    assert [entry["url"] for entry in outcome.json["unreachable"]] == [DEAD]
    assert [site["site"] for site in outcome.json["sites"]] == ["siteb"]


async def test_nobody_there_is_unreachable(qmfconsole: Any) -> None:
    for arguments in (["sites"], ["diff", "db", "--to", "b"], ["watch", "--count", "1"]):
        outcome = await qmfconsole("--url", DEAD, *arguments, timeout=0.2)
        assert (outcome.status, outcome.out) == (4, "")
        assert outcome.err.count("\n") == 1
        assert DEAD in outcome.err
        assert "is an agent running there?" in outcome.err


async def test_show_tables_and_one_object(sites: Any, qmfconsole: Any) -> None:
    table = await qmfconsole("show", "ticket", at=sites)
    assert table.status == 0
    header, *rows = table.out.splitlines()
    assert header.split()[:3] == ["site", "name", "granted"]
    assert [row.split()[:3] for row in rows] == [["sitea", "db", "yes"], ["siteb", "db", "no"]]
    one = await qmfconsole("show", "Ticket", "db", "--site", "sitea", at=sites)
    assert one.out.splitlines()[:2] == ["Ticket:db at sitea", "  name: db"]
    assert f"  digest: {'0123456789abcdef' * 4}" in one.out.splitlines()
    assert "2023-11-1" in one.out
    assert "  last_granted: never" in (await qmfconsole("show", "Ticket", "Ticket:db", "--site", "siteb", at=sites)).out
    everything = await qmfconsole("show", at=sites)
    assert [line for line in everything.out.splitlines() if line in ("Site", "Ticket", "Node", "Replica", "none")] == [
        *("Site", "Ticket", "none", "Node", "none", "none", "Replica")
    ]


async def test_show_json(sites: Any, qmfconsole: Any) -> None:
    document = (await qmfconsole("show", "Replica", "db:sitea", "--json", at=sites)).json
    assert list(document) == ["objects", "unreachable"]
    (found,) = document["objects"]
    assert (found["site"], found["class"], found["name"]) == ("siteb", "Replica", "Replica:db:sitea")
    assert found["values"]["reason"] == "clash"


async def test_show_of_what_is_not_there(siteb: Any, qmfconsole: Any) -> None:
    outcome = await qmfconsole("show", "Ticket", "web", at=[siteb])
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "qmfconsole: no Ticket is named 'web'; there are: db\n"
    outcome = await qmfconsole("show", "--site", "sitec", at=[siteb])
    assert outcome.status == 1
    assert "sites that answer: siteb" in outcome.err


async def test_what_agents_send_can_not_steer_the_terminal(siteb: Any, qmfconsole: Any) -> None:
    siteb.refusal = Refused("busy", "later\x1b]0;evil\x07\nor never")
    for arguments in (
        ["show"],
        ["show", "Ticket", "db"],
        ["show", "--json"],
        ["ticket", "grant", "db", "--site", "siteb"],
    ):
        outcome = await qmfconsole(*arguments, at=[siteb])
        assert "evil" in outcome.out + outcome.err
        assert not set("\x1b\x07") & set(outcome.out + outcome.err)
    assert outcome.err == r"qmfconsole: the agent says no (busy): later\x1b]0;evil\x07\nor never" + "\n"


async def test_tickets(sites: Any, qmfconsole: Any) -> None:
    table = await qmfconsole("tickets", at=sites)
    assert [line.split() for line in table.out.splitlines()] == [
        ["ticket", "sitea", "siteb"],
        ["db", "holder", "blocked:", "clash,", "manual"],
    ]
    document = (await qmfconsole("tickets", "--json", at=sites)).json
    assert document["unreachable"] == []
    (ticket,) = document["tickets"]
    assert (ticket["ticket"], ticket["holders"]) == ("db", ["sitea"])
    assert ticket["sites"][1] == {
        "site": "siteb",
        "state": "blocked",
        "standby": False,
        "mode": "manual",
        "reason": "clash",
        "message": "primitive 'vip' is here already",
        "hold": "",
        "drift": 0,
        "paused": False,
        "pinned": False,
    }


@pytest.mark.parametrize(("plan", "status"), [("changes", 2), ("nothing", 0), ("clash", 1)])
async def test_diff_and_plan_tell_by_their_status(
    siteb: Any, qmfconsole: Any, plans: Any, plan: str, status: int
) -> None:
    siteb.plan = plans[plan]
    for arguments in (["diff", "db", "--to", "siteb"], ["replicate", "db", "--to", "siteb", "--plan"]):
        text = await qmfconsole(*arguments, at=[siteb])
        assert text.status == status
        assert ("nothing to do at siteb" in text.out) == (plan == "nothing")
        assert ("+   value='10.2.0.10'" in text.out) == (plan != "nothing")
        assert ("error: primitive 'vip' is here already" in text.err) == (plan == "clash")
        document = await qmfconsole(*arguments, "--json", at=[siteb])
        assert document.status == status
        extra = {"applied": None} if arguments[0] == "replicate" else {}
        assert document.json == {
            "site": "siteb",
            "ticket": "db",
            "token": plans[plan]["token"],
            "plan": plans[plan],
            **extra,
        }
    assert "apply" not in [method for _, method, _ in siteb.calls]


async def test_replicate_applies_the_plan_it_shows(siteb: Any, qmfconsole: Any, plans: Any) -> None:
    text = await qmfconsole("replicate", "db", "--to", "siteb", "--yes", "--adopt", at=[siteb])
    assert text.status == 0
    assert text.out.splitlines()[0] == "ticket db: 1 change at siteb (CIB 0.7.0)"
    assert text.out.splitlines()[-1] == "applied 1 change at siteb as change 17; its CIB is at version 0.8.0"
    assert siteb.calls == [
        ("Site:siteb", "plan", {"ticket": "db", "adopt": True}),
        ("Site:siteb", "apply", {"token": TOKEN}),
    ]
    document = (await qmfconsole("replicate", "db", "--to", "siteb", "--yes", "--json", at=[siteb])).json
    assert document["applied"] == {"changes": 1, "version": "0.8.0", "change": 17}
    siteb.plan = plans["clash"]
    siteb.calls.clear()
    assert (await qmfconsole("replicate", "db", "--to", "siteb", "--yes", at=[siteb])).status == 1
    siteb.plan = plans["nothing"]
    assert (await qmfconsole("replicate", "db", "--to", "siteb", "--yes", at=[siteb])).status == 0
    assert "apply" not in [method for _, method, _ in siteb.calls]


async def test_replicate_asks_nobody_where_there_is_nobody(siteb: Any, qmfconsole: Any) -> None:
    outcome = await qmfconsole("replicate", "db", "--to", "siteb", at=[siteb])
    assert outcome.status == 64
    assert "--yes" in outcome.err
    assert siteb.calls == []


async def test_refusals_have_a_status_and_name_their_reason(siteb: Any, qmfconsole: Any) -> None:
    siteb.refusal = Refused("configuration-changed", "the configuration is another one now", hint="plan again")
    outcome = await qmfconsole("replicate", "db", "--to", "siteb", "--yes", at=[siteb])
    assert outcome.status == 3
    assert outcome.err == (
        "qmfconsole: the agent says no (configuration-changed): the configuration is another one now; plan again\n"
    )
    siteb.refusal = Refused("forbidden", "'anonymous' may not call Ticket.grant here")
    outcome = await qmfconsole("ticket", "grant", "db", "--site", "siteb", "--json", at=[siteb])
    assert (outcome.status, outcome.out) == (3, "")
    human, machine = outcome.err.splitlines()
    assert human == "qmfconsole: the agent says no (forbidden): 'anonymous' may not call Ticket.grant here"
    assert json.loads(machine) == {
        "error": {
            "status": 3,
            "reason": "forbidden",
            "message": "'anonymous' may not call Ticket.grant here",
            "hint": "",
        }
    }


async def test_an_agent_that_goes_in_the_middle_of_an_apply(siteb: Any, qmfconsole: Any) -> None:
    siteb.silent = True
    running = asyncio.create_task(qmfconsole("ticket", "grant", "db", "--site", "siteb", at=[siteb]))
    async with asyncio.timeout(TIMEOUT):
        await siteb.called.wait()
    await siteb.stop()
    outcome = await running
    assert outcome.status == 4
    assert "look before you repeat it" in outcome.err


async def test_an_agent_that_does_not_answer(siteb: Any, qmfconsole: Any) -> None:
    siteb.silent = True
    outcome = await qmfconsole("diff", "db", "--to", "siteb", at=[siteb], timeout=3)  # for the connection too
    assert outcome.status == 4
    assert "did not answer within 3 s" in outcome.err


@pytest.mark.parametrize("action", ["grant", "revoke", "standby", "activate"])
async def test_ticket(siteb: Any, qmfconsole: Any, action: str) -> None:
    text = await qmfconsole("ticket", action, "db", "--site", "siteb", at=[siteb])
    assert text.status == 0
    assert text.out.startswith("ticket db is ")
    assert siteb.calls == [("Ticket:db", action, {})]
    document = await qmfconsole("ticket", action, "db", "--site", "siteb", "--json", at=[siteb])
    assert document.json == {"site": "siteb", "ticket": "db", "action": action}


async def test_ticket_that_nobody_knows(siteb: Any, qmfconsole: Any) -> None:
    outcome = await qmfconsole("ticket", "grant", "web", "--site", "siteb", at=[siteb])
    assert outcome.status == 1
    assert "no object 'Ticket:web'" in outcome.err


async def test_cib_prints_what_is_at_a_path(siteb: Any, qmfconsole: Any) -> None:
    text = await qmfconsole("cib", "configuration/nodes", "--site", "siteb", at=[siteb])
    assert (text.status, text.out) == (0, '<nodes>\n  <node id="1\\u202e"/>\n</nodes>\n')
    document = (await qmfconsole("cib", "--at", "siteb", "--json", at=[siteb])).json
    assert (document["site"], document["path"], document["version"]) == ("siteb", "", "0.7.0")
    assert siteb.calls == [
        ("Site:siteb", "query", {"path": "configuration/nodes"}),
        ("Site:siteb", "query", {"path": ""}),
    ]


async def test_replicate_now_asks_the_holder(sites: Any, qmfconsole: Any) -> None:
    sitea, siteb = sites
    assert (await qmfconsole("replicate-now", "db", "--to", "siteb", at=sites)).status == 64
    outcome = await qmfconsole("replicate-now", "db", "--to", "siteb", "--yes", at=sites)
    assert (outcome.status, outcome.out) == (
        0,
        "applied 1 change at siteb as change 17; its CIB is at version 0.8.0\n",
    )
    assert (sitea.calls, siteb.calls) == ([("Replica:db:siteb", "replicate_now", {})], [])
    wrong = await qmfconsole("replicate-now", "dbb", "--to", "siteb", "--yes", at=sites)
    assert (wrong.status, "did you mean 'db'?" in wrong.err) == (3, True)


async def test_a_plan_is_applied_and_discarded_by_its_token(siteb: Any, qmfconsole: Any) -> None:
    applied = await qmfconsole("apply", TOKEN, "--at", "siteb", at=[siteb])
    assert (applied.status, applied.out.startswith("applied 1 change at siteb")) == (0, True)
    assert (await qmfconsole("discard", TOKEN, "--at", "siteb", at=[siteb])).status == 0
    assert siteb.calls == [("Site:siteb", "apply", {"token": TOKEN}), (f"Plan:{TOKEN}", "discard", {})]
    unknown = await qmfconsole("discard", "77", "--at", "siteb", at=[siteb])
    assert (unknown.status, "qmfconsole show Plan --site siteb" in unknown.err) == (1, True)


async def test_permissions(siteb: Any, qmfconsole: Any) -> None:
    outcome = await qmfconsole("permissions", at=[siteb])
    assert outcome.out.splitlines()[0] == "siteb: you are anonymous"
    assert [line.split(maxsplit=1) for line in map(str.rstrip, outcome.out.splitlines()[2:])] == [
        ["Site.plan", "everything"],
        ["Replica.replicate_now", "tickets db, with siteb"],
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["ticket", "grant", "dbb", "--at", "siteb"], 1, "did you mean 'db'? tickets are: db"),
        (["show", "Ticket", "dbb"], 1, "did you mean 'db'?"),
        (["show", "Tickt"], 64, "did you mean 'Ticket'?"),
        (["diff", "db", "--to", "sietb"], 1, "did you mean 'siteb'?"),
        (["journal", "verify", "--site", "sietb"], 1, "did you mean 'siteb'?"),
        (["call", "siteb", "Tickt:db", "grant"], 1, "did you mean 'Ticket'?"),
        (["call", "siteb", "Ticket:db", "grnt"], 1, "did you mean 'grant'?"),
        (["call", "siteb", "Ticket:web", "grant"], 1, "qmfconsole show Ticket --site siteb"),
    ],
)
async def test_a_wrong_name_gets_the_right_ones(
    siteb: Any, qmfconsole: Any, arguments: list[str], status: int, says: str
) -> None:
    outcome = await qmfconsole(*arguments, at=[siteb])
    assert outcome.status == status
    assert says in outcome.err


async def test_call_reads_arguments_by_the_schema(siteb: Any, qmfconsole: Any) -> None:
    outcome = await qmfconsole("call", "siteb", "Site:siteb", "plan", "ticket=true", "adopt=true", "--json", at=[siteb])
    assert outcome.status == 0
    assert siteb.calls == [("Site:siteb", "plan", {"ticket": "true", "adopt": True})]
    assert list(outcome.json) == ["site", "object", "method", "result"]
    assert outcome.json["result"]["token"] == TOKEN
    text = await qmfconsole("call", "siteb", "Site:siteb", "query", at=[siteb])
    assert text.out == 'xml: <nodes><node id="1\\u202e"/></nodes>\nversion: 0.7.0\n'
    text = await qmfconsole("call", "siteb", "Ticket:db", "grant", at=[siteb])
    assert text.out == "grant of Ticket:db at siteb: done\n"


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["Site:siteb", "plan", "ticket=db", "adopt=maybe"], 64, "'maybe' is not a boolean"),
        (["Site:siteb", "plan", "ticket"], 64, "NAME=VALUE"),
        (["Site:siteb", "plan", "ticket=db", "ticket=db"], 64, "given twice"),
        (["Site:siteb", "plan", "token=t1"], 64, "no argument 'token'; known are: ticket, adopt"),
        (["Site:siteb", "plan"], 1, "argument ticket is missing"),
        (["Site:siteb", "explode"], 1, "no method 'explode'; known are: apply, change"),
        (["Bomb:siteb", "explode"], 1, "no class 'Bomb'"),
    ],
)
async def test_call_that_does_not_fit(
    siteb: Any, qmfconsole: Any, arguments: list[str], status: int, says: str
) -> None:
    outcome = await qmfconsole("call", "siteb", *arguments, at=[siteb])
    assert outcome.status == status
    assert says in " ".join(outcome.err.split())
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["explode"],
        ["sites", "--what"],
        ["diff", "db"],
        ["replicate", "db", "--to", "b", "--plan", "--yes"],
        ["watch", "--event", "explosion"],
        ["ticket", "burn", "db", "--site", "b"],
        ["--certificate", "cert.pem", "sites"],
        ["--timeout", "0", "sites"],
    ],
)
async def test_wrong_usage(qmfconsole: Any, arguments: list[str]) -> None:
    assert (await qmfconsole(*arguments)).status == 64


async def test_configuration_that_can_not_be_used(qmfconsole: Any, tmp_path: Path) -> None:
    missing = str(tmp_path / "none.pem")
    certificates = ["--certificate", missing, "--key", missing, "--ca", missing]
    for arguments, says in (
        (["--url", "http://here"], "not an AMQP URL"),
        (["--url", "amqps://here"], "give certificate, key and CA"),
        (["--url", "amqps://here", *certificates], "can't read the certificate"),
        (["--url", "amqp://here", *certificates], "no URL uses them"),
    ):
        outcome = await qmfconsole(*arguments, "sites")
        assert outcome.status == 1
        assert says in outcome.err
        assert outcome.err.count("\n") == 1


async def test_help_tells_the_exit_statuses(qmfconsole: Any) -> None:
    outcome = await qmfconsole("--help")
    assert outcome.status == 0
    assert "3 refused" in outcome.out


def test_watch_knows_the_events_of_the_schema() -> None:
    assert {*EVENTS, MISSED} == {event.name for event in load_schema().events}


def test_every_object_class_can_be_shown() -> None:
    assert set(CLASSES) == {each.name for each in load_schema().classes}


async def raise_until_done(running: asyncio.Task[Any], *sites: Any) -> Any:
    """Raise events until the command has seen enough of them: it subscribes at a time of its own."""
    async with asyncio.timeout(2 * TIMEOUT):
        while not running.done():
            for site in sites:
                site.event("applied", ticket="db", count=3, publisher="sitea")
                site.event("apply_failed", ticket="db", reason="split", message="\x1b[2J")
            await asyncio.wait([running], timeout=0.02)
        return await running


async def test_watch_prints_events_one_a_line(sites: Any, qmfconsole: Any) -> None:
    # Of each site for itself: which of two is faster, and by how many events, is not known.
    for each in sites:
        running = asyncio.create_task(qmfconsole("watch", "--site", each.name, "--count", "4", at=sites))
        outcome = await raise_until_done(running, *sites)
        assert outcome.status == 0
        lines = outcome.out.splitlines()
        assert len(lines) == 4
        assert all(f" {each.name} " in line for line in lines)
        assert sum(" applied db 3 changes from sitea" in line for line in lines) == 2
        assert sum(r" apply_failed db split: \x1b[2J" in line for line in lines) == 2


async def test_watch_filters(sites: Any, qmfconsole: Any) -> None:
    running = asyncio.create_task(
        qmfconsole("watch", "--event", "applied", "--site", "siteb", "--count", "2", "--json", at=sites)
    )
    outcome = await raise_until_done(running, *sites)
    documents = [json.loads(line) for line in outcome.out.splitlines()]
    assert [(each["type"], each["site"], each["event"]) for each in documents] == [("event", "siteb", "applied")] * 2
    assert list(documents[0]) == ["type", "site", "event", "seq", "journal", "severity", "timestamp", "values"]
    assert (documents[0]["severity"], documents[0]["values"]["count"]) == ("note", 3)


async def test_watch_begins_where_it_is_told_to(sites: Any, qmfconsole: Any) -> None:
    sitea, siteb = sites
    for number in range(3):
        sitea.event("applied", count=number)
        siteb.event("applied", count=number)

    async def seen(*since: str, count: int) -> list[tuple[str, int]]:
        options = [part for each in since for part in ("--since", each)]
        outcome = await qmfconsole("watch", *options, "--count", str(count), "--json", at=sites)
        assert outcome.status == 0, outcome.err
        return sorted((e["site"], e["seq"]) for e in map(json.loads, outcome.out.splitlines()) if e["type"] == "event")

    assert await seen("0", count=6) == [(site, n) for site in ("sitea", "siteb") for n in (1, 2, 3)]
    journal = sitea.log.attributes()["journal"]
    assert await seen("siteb=2", f"sitea={journal}:1", count=3) == [("sitea", 2), ("sitea", 3), ("siteb", 3)]
    assert await seen("2", "siteb=1", count=3) == [("sitea", 3), ("siteb", 2), ("siteb", 3)]
    assert (await qmfconsole("watch", "--since", "yesterday", at=sites)).status == 1


async def test_watch_goes_on_where_its_file_says(siteb: Any, qmfconsole: Any, tmp_path: Path) -> None:
    file = tmp_path / "places.json"
    siteb.event("applied", count=1)
    first = ("watch", "--resume", str(file), "--since", "0", "--json", "--count")
    assert (await qmfconsole(*first, "1", at=[siteb])).json["seq"] == 1
    for number in (2, 3):
        siteb.event("applied", count=number)
    again = (await qmfconsole(*first, "2", at=[siteb])).out.splitlines()
    assert [json.loads(line)["seq"] for line in again] == [2, 3]
    assert json.loads(file.read_text()) == {"siteb": f"{siteb.log.attributes()['journal']}:3"}
    file.write_text("[]")
    assert "delete it to begin with" in (await qmfconsole(*first, "1", at=[siteb])).err


async def test_watch_ends_in_time(siteb: Any, qmfconsole: Any) -> None:
    assert (await qmfconsole("watch", "--for", "0.1", at=[siteb])).status == 0
    outcome = await qmfconsole("watch", "--for", "0.1", "--count", "1", "--site", "sitec", at=[siteb])
    assert outcome.status == 4
    assert "site 'sitec' does not answer yet" in outcome.err
