"""Much at once: big closures, bursts of changes, many calls, odd names, callers that go away."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from qmfagent.bus.console.session import ConsoleSession
from qmfagent.calls.calls import MAX_CALLS
from qmfagent.cib.closure.closure import closure
from qmfagent.cib.ownership import owned_ids
from qmfagent.errors import RemoteError
from qmfagent.peers.link import agent_name
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.pair import SitePair, until

ODD_NAMES = ["a:b", "a/b", "50%", "two words", "größe", "dot.dash-_x41_", "*", "#", "x" * 300]


def many(number: int, attributes: int = 0) -> bytes:
    """Primitives, with so many parameters of 60 characters each."""
    pairs = "".join(f'<nvpair id="p%d-{n}" name="parameter{n}" value="{"v" * 60}"/>' for n in range(attributes))
    parameters = f'<instance_attributes id="p%d-ia">{pairs}</instance_attributes>'
    text = (
        f'<primitive id="p%d" class="ocf" provider="pacemaker" type="Dummy">{parameters if pairs else ""}</primitive>'
    )
    return "".join(text.replace("%d", str(n)) for n in range(number)).encode()


async def test_a_publication_of_megabytes_arrives(tmp_path: Path) -> None:
    members = ' <rsc_ticket id="ticket-all" ticket="T"><resource_set id="all">'
    members += "".join(f'<resource_ref id="p{n}"/>' for n in range(1100)) + "</resource_set></rsc_ticket></constraints>"
    source = SOURCE.replace(b"</resources>", many(1100, 30) + b"</resources>")
    source = source.replace(b"</constraints>", members.encode())
    async with SitePair(tmp_path, source, TARGET) as sites:
        await sites.b.event("applied", ticket="T")
        there = sites.b.snapshot
        assert len(closure(there, "T").canonical) > 3_800_000
        assert closure(there, "T").digest == closure(sites.a.snapshot, "T").digest
        await sites.a.set_value("p500-7", "changed")
        # Not by reading the megabytes again and again, which would take the agents' time.
        await sites.b.event("applied", ticket="T", count=1)
        assert sites.b.snapshot.ids["p500-7"].get("value") == "changed"


async def test_a_burst_of_changes_costs_nobody_the_connection(pair: SitePair) -> None:
    await pair.b.event("applied")
    assert pair.a.session is not None
    lost: list[Any] = []
    watcher = ConsoleSession(pair.a.config.listen.url, on_lost=lost.append)
    async with watcher:
        await watcher.wait_agent()
        path = pair.a.config.cib_file
        assert path is not None
        path.write_bytes(path.read_bytes().replace(b"</resources>", many(5000) + b"</resources>"))
        await until(lambda: bool(pair.a.seen("config_changed", truncated=4800)), "the event of the burst")
        await pair.a.set_value("vip-ip", "10.1.0.99")
        await until(lambda: pair.b.snapshot.ids["vip-ip"].get("value") == "10.1.0.99", "what came after")
        assert lost == []


def named(ticket: str) -> bytes:
    """The source with another name of its ticket."""
    written = ticket.replace("&", "&amp;").encode()
    source = SOURCE.replace(b'ticket="T"', b'ticket="' + written + b'"')
    return source.replace(b'ticket_state id="T"', b'ticket_state id="' + written + b'"')


@pytest.mark.parametrize("ticket", ODD_NAMES)
async def test_a_ticket_may_have_any_name(tmp_path: Path, ticket: str) -> None:
    async with SitePair(tmp_path, named(ticket), TARGET) as sites:
        await sites.b.event("applied", ticket=ticket)
        assert len(owned_ids(sites.b.snapshot, ticket)) == 5
        await sites.a.replica(ticket, "siteb", state="in-sync")
        assert (await sites.b.object(f"Replica:{ticket}:sitea"))["ticket"] == ticket
        await sites.a.ticket(ticket, "standby")
        assert (await sites.a.object(f"Ticket:{ticket}"))["standby"] is True
        await sites.b.call(f"Replica:{ticket}:sitea", "replicate_now")
        await sites.a.call(f"Replica:{ticket}:siteb", "replicate_now")
        await sites.a.ticket(ticket, "revoke")
        await sites.b.ticket(ticket, "grant")
        await sites.a.replica(ticket, "siteb", direction="from", state="in-sync")


@pytest.mark.parametrize("ticket", ["quote's", "a&b"])
async def test_a_ticket_that_no_path_can_name_is_replicated_and_cannot_be_changed(tmp_path: Path, ticket: str) -> None:
    """Pacemaker's own paths have no way to write these characters."""
    async with SitePair(tmp_path, named(ticket), TARGET) as sites:
        await sites.b.event("applied", ticket=ticket)
        with pytest.raises(RemoteError) as refused:
            await sites.a.ticket(ticket, "standby")
        assert refused.value.reason == "rejected"
        assert (await sites.a.object(f"Ticket:{ticket}"))["standby"] is False


async def test_too_many_calls_at_once_are_refused_as_busy(
    manual_pair: SitePair, caplog: pytest.LogCaptureFixture
) -> None:
    """Reading and writing ones alike; each gets its answer."""
    b = manual_pair.b
    assert b.agent is not None
    gate, few = asyncio.Event(), asyncio.Semaphore(MAX_CALLS // 4)
    claims = b.agent.peers.claims

    async def slow(ticket: str) -> Any:
        await gate.wait()
        async with few:  # what b asks for itself comes on top, and all of it would be one call too many for a
            return await claims(ticket)

    b.agent.peers.claims = slow  # type: ignore[method-assign]
    calls = [asyncio.create_task(b.call("Site:siteb", "plan", ticket="T")) for _ in range(MAX_CALLS)]
    await until(lambda: len(b.agent._calls._tasks) == MAX_CALLS, "that all are under way")  # type: ignore[union-attr]
    for object_name, method, arguments in (("Site:siteb", "query", {}), ("Ticket:T", "grant", {})):
        with caplog.at_level(logging.INFO, "qmfagent.audit"), pytest.raises(RemoteError, match="64 calls") as refused:
            await b.call(object_name, method, **arguments)
        assert refused.value.reason == "busy"
    assert [json.loads(r.getMessage())["result"] for r in caplog.records if r.name == "qmfagent.audit"] == ["busy"]
    gate.set()
    assert len({answer["token"] for answer in await asyncio.gather(*calls)}) == 1
    assert (await b.call("Site:siteb", "query"))["xml"]


async def test_a_caller_that_goes_away_costs_nothing(manual_pair: SitePair, caplog: pytest.LogCaptureFixture) -> None:
    """What it asked for is carried out all the same, and audited."""
    b = manual_pair.b
    assert b.agent is not None
    caplog.set_level(logging.INFO, "qmfagent.audit")
    gate = asyncio.Event()
    ticket = b.store.ticket

    async def slow(name: str, action: Any) -> None:
        await gate.wait()
        await ticket(name, action)

    b.store.ticket = slow  # type: ignore[method-assign]
    caller = ConsoleSession(b.config.listen.url)
    async with caller:
        await caller.wait_agent()
        calling = asyncio.create_task(caller.call(agent_name("siteb"), "Ticket:T", "standby", {}))
        await until(lambda: bool(b.agent._calls._tasks), "the call")  # type: ignore[union-attr]
    await asyncio.gather(calling, return_exceptions=True)
    gate.set()
    await b.event("ticket_changed", standby=True)
    await until(lambda: not b.agent._calls._tasks, "the end of the call")  # type: ignore[union-attr]
    assert "Ticket.standby" in caplog.text
    assert (await b.object("Ticket:T"))["standby"] is True
    assert "Traceback" not in caplog.text
