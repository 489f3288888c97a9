"""What a subscription tells of, at the reader's pace; and requests that say how long they are worth something."""

from __future__ import annotations

import asyncio

import pytest

from qmfagent.bus.console.data_stream import DataStream
from qmfagent.bus.console.requests import Requests
from qmfagent.errors import ConnectionLost, RequestTimeout
from qmfagent.qmf.classes import SchemaId
from qmfagent.qmf.console_events import MethodAnswer
from qmfagent.qmf.data import Data, ObjectId
from qmfagent.qmf.message import DIRECT, Address, Message


def data(name: str, value: int) -> Data:
    return Data(ObjectId(name), SchemaId("p", "C"), {"n": value})


async def test_the_newest_state_of_each_object_waits_for_the_reader() -> None:
    stream = DataStream("1")
    stream.put([data("a", 1), data("b", 1)])
    stream.put([data("a", 2)])
    stream.end()
    assert [(item.object_id.object_name, item.values["n"]) async for item in stream] == [("a", 2), ("b", 1)]


async def test_a_reader_that_waits_gets_the_next() -> None:
    stream = DataStream("1")
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    stream.put([data("a", 1)])
    assert (await reading).values == {"n": 1}


async def test_an_end_that_nobody_wanted_is_an_error_after_what_was_told() -> None:
    stream = DataStream("1")
    stream.put([data("a", 1)])
    stream.end("the agent restarted")
    stream.end("again")
    assert stream.ended
    await anext(stream)
    with pytest.raises(ConnectionLost, match="the agent restarted"):
        await anext(stream)


async def test_a_request_is_worth_as_much_as_its_caller_s_patience() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    requests = Requests(send)
    asking = asyncio.create_task(requests.ask("a", "7", Message(Address(DIRECT, "a"), "_x", "request"), 7.5))
    await asyncio.sleep(0)
    assert [message.ttl for message in sent] == [7.5]
    requests.settle("7", MethodAnswer("7", {}))
    assert await asking == MethodAnswer("7", {})


async def test_a_patience_that_rounds_to_nothing_is_the_shortest_time_to_live() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    with pytest.raises(RequestTimeout):
        await Requests(send).ask("a", "7", Message(Address(DIRECT, "a"), "_x", "request"), 0.0001)
    assert [message.ttl for message in sent] == [0.001]


async def test_requests_end_with_their_agent_and_their_patience() -> None:
    async def send(message: Message) -> None: ...

    requests = Requests(send)
    message = Message(Address(DIRECT, "a"), "_x", "request")
    patience = {"a": 60.0, "b": 0.05}
    asking = [asyncio.create_task(requests.ask(agent, agent, message, patience[agent])) for agent in patience]
    await asyncio.sleep(0)
    requests.fail_all("agent a restarted", "a")
    with pytest.raises(ConnectionLost, match="restarted"):
        await asking[0]
    with pytest.raises(RequestTimeout, match="agent b did not answer"):
        await asking[1]
