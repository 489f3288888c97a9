"""The console session against a small agent behind the listener."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from qmfagent.bus.console.event_stream import EventGap, EventStream
from qmfagent.bus.console.session import ConsoleSession
from qmfagent.bus.listener.listener import Listener
from qmfagent.bus.security.identity import Identity
from qmfagent.errors import ConnectionLost, RemoteError, RequestTimeout, UnknownObject
from qmfagent.qmf import opcodes
from qmfagent.qmf.classes import SchemaClass, SchemaId
from qmfagent.qmf.console_events import EventReceived
from qmfagent.qmf.data import Data, ObjectId
from qmfagent.qmf.message import DIRECT, INDICATION, RESPONSE, TOPIC, Address, Message

NAME = "clusterlabs.org:qmfagent:a"
PACKAGE = "org.clusterlabs.qmfagent"


class ToyAgent:
    """Answers as the opcodes ask; silent for the method `sleep`."""

    def __init__(self) -> None:
        self.listener: Listener
        self.epoch = 1

    def receive(self, message: Message, identity: Identity) -> None:
        match message.opcode, message.body:
            case opcodes.AGENT_LOCATE_REQUEST, _:
                self.announce(message)
            case opcodes.QUERY_REQUEST, {"_what": "OBJECT"}:
                for name, partial in (("a", True), ("b", False)):
                    data = Data(ObjectId(name, NAME), SchemaId(PACKAGE, "Site"), {"name": name}).to_map(NAME)
                    self.reply(message, opcodes.QUERY_RESPONSE, [data], content="_data", partial=partial)
            case opcodes.QUERY_REQUEST, {"_what": "SCHEMA", "_schema_id": {"_class_name": name}}:
                found = [SchemaClass(SchemaId(PACKAGE, name)).to_map()] if name == "Site" else []
                self.reply(message, opcodes.QUERY_RESPONSE, found, content="_schema")
            case opcodes.METHOD_REQUEST, {"_method_name": "echo", "_arguments": arguments}:
                self.reply(message, opcodes.METHOD_RESPONSE, {"_arguments": arguments})
            case opcodes.METHOD_REQUEST, {"_method_name": "refuse"}:
                values = {"error_text": "no such ticket", "error_code": 6, "reason": "unknown-ticket"}
                self.reply(message, opcodes.EXCEPTION, {"_values": values})

    def reply(self, request: Message, opcode: str, body: Any, **fields: Any) -> None:
        assert request.reply_to is not None
        cid = request.correlation_id
        self.listener.send(Message(request.reply_to, opcode, RESPONSE, body, agent=NAME, correlation_id=cid, **fields))

    def announce(self, request: Message | None = None) -> None:
        to = request.reply_to if request else Address(TOPIC, "agent.ind.heartbeat.clusterlabs_org.qmfagent.a")
        values = {"_name": NAME, "_epoch": self.epoch, "_heartbeat_interval": 60, "site": "a"}
        self.listener.send(
            Message(to, opcodes.AGENT_HEARTBEAT_INDICATION, INDICATION, {"_values": values}, agent=NAME)  # type: ignore[arg-type]
        )

    def raise_event(self, number: int) -> None:
        event = {"_schema_id": SchemaId(PACKAGE, "applied", "_event").to_map(), "_values": {"n": number}}
        to = Address(TOPIC, "agent.ind.event.org_clusterlabs_qmfagent.applied")
        self.listener.send(Message(to, opcodes.DATA_INDICATION, INDICATION, [event], content="_event", agent=NAME))


@pytest.fixture
async def agent(bus: Any) -> ToyAgent:
    toy = ToyAgent()
    await start(bus, toy, "amqp://127.0.0.1:0")
    return toy


async def start(bus: Any, toy: ToyAgent, url: str) -> None:
    addresses = (Address(TOPIC, "console.#"), Address(DIRECT, NAME))
    toy.listener = await bus.listen(addresses, toy.receive, url=url)


async def test_agents_are_located_queried_and_called(bus: Any, agent: ToyAgent) -> None:
    async with ConsoleSession(bus.url) as session:
        assert (await session.wait_agent(lambda found: found.attributes["site"] == "a")).name == NAME
        assert [found.name for found in await session.agents()] == [NAME]
        objects = await session.query(NAME, "Site")
        assert [data.object_id.object_name for data in objects] == ["a", "b"]
        assert (await session.schema(NAME, "Site")).id.name == "Site"
        assert await session.call(NAME, "a", "echo", {"xml": "<cib/>", "n": 3}) == {"xml": "<cib/>", "n": 3}


async def test_failures_are_typed(bus: Any, agent: ToyAgent) -> None:
    async with ConsoleSession(bus.url) as session:
        with pytest.raises(RemoteError, match="no such ticket") as refused:
            await session.call(NAME, "a", "refuse", {})
        assert (refused.value.code, refused.value.reason) == (6, "unknown-ticket")
        with pytest.raises(RequestTimeout, match="did not answer within"):
            await session.call(NAME, "a", "sleep", {}, timeout=0.1)
        with pytest.raises(UnknownObject, match="no class 'Nothing'"):
            await session.schema(NAME, "Nothing")
        with pytest.raises(RequestTimeout, match=f"known agents: {NAME}"):
            await session.wait_agent(lambda found: False, timeout=0.1)


async def test_no_listener_is_a_lost_connection(bus: Any, agent: ToyAgent) -> None:
    await agent.listener.stop()
    with pytest.raises(ConnectionLost, match="can't reach"):
        async with ConsoleSession(bus.url, connect_timeout=0.2):
            pass


async def test_a_lost_connection_fails_requests_at_once_and_locates_again(
    bus: Any, agent: ToyAgent, inbox: Any
) -> None:
    found, lost = inbox(), inbox()
    async with ConsoleSession(bus.url, on_agent=found, on_lost=lost) as session:
        assert (await found.get()).name == NAME
        waiting = asyncio.create_task(session.call(NAME, "a", "sleep", {}, timeout=60))
        await session.call(NAME, "a", "echo", {})
        with session.events() as events:
            await agent.listener.stop()
            with pytest.raises(ConnectionLost, match="the agent stops"):
                await waiting
            assert (await lost.get()).name == NAME
            assert session.known_agents == []
            await start(bus, agent, bus.url)
            assert (await found.get()).name == NAME
            assert await session.call(NAME, "a", "echo", {"n": 1}) == {"n": 1}
            agent.raise_event(1)
            gap, event = await anext(events), await anext(events)
            assert isinstance(gap, EventGap)
            assert gap.missed is None
            assert "connection was lost" in gap.reason
            assert isinstance(event, EventReceived)
            assert event.values == {"n": 1}


async def test_a_restarted_agent_answers_no_old_requests(bus: Any, agent: ToyAgent, inbox: Any) -> None:
    found = inbox()
    async with ConsoleSession(bus.url, on_agent=found) as session:
        await found.get()
        waiting = asyncio.create_task(session.call(NAME, "a", "sleep", {}, timeout=60))
        await session.call(NAME, "a", "echo", {})
        agent.epoch = 2
        agent.announce()
        with pytest.raises(ConnectionLost, match="restarted"):
            await waiting
        assert (await found.get()).epoch == 2


async def test_requests_may_overlap(bus: Any, agent: ToyAgent) -> None:
    async with ConsoleSession(bus.url) as session:
        calls = [session.call(NAME, "a", "echo", {"n": n}, timeout=60) for n in range(300)]
        assert await asyncio.gather(*calls) == [{"n": n} for n in range(300)]


async def test_events_of_a_slow_reader_leave_a_gap_of_known_size(bus: Any, agent: ToyAgent, inbox: Any) -> None:
    async with ConsoleSession(bus.url) as session:
        with session.events(limit=3) as slow, session.events() as brisk:
            for number in range(6):
                agent.raise_event(number)
                assert isinstance(await anext(brisk), EventReceived)
            seen = [numbered(await anext(slow)) for _ in range(4)]
            assert seen == [0, 1, 2, EventGap(3, "the reader was too slow")]
            agent.raise_event(6)
            assert numbered(await anext(slow)) == 6


def numbered(event: EventReceived | EventGap) -> Any:
    return event.values["n"] if isinstance(event, EventReceived) else event


async def test_the_gap_comes_before_what_follows_it() -> None:
    streams: set[EventStream] = set()
    stream = EventStream(streams, 2)
    make: Callable[[int], EventReceived] = lambda n: EventReceived(NAME, "applied", {"n": n}, 5, 0, n)  # noqa: E731
    for number in range(4):
        stream.put(make(number))
    assert numbered(await anext(stream)) == 0
    stream.put(make(4))
    stream.close()
    assert [numbered(event) async for event in stream] == [1, EventGap(2, "the reader was too slow"), 4]
    assert streams == set()
