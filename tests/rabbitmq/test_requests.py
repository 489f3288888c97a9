"""Requests, answers and addresses at RabbitMQ."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from qmfagent.bus.dialects import Inbox, Role
from qmfagent.errors import ProtocolError, RequestTimeout, UnknownObject
from qmfagent.qmf.message import DIRECT, INDICATION, TOPIC, Address, Message
from tests.rabbitmq.conftest import REPLY_TO, WAIT
from tests.rabbitmq.server import RabbitMq
from tests.sites.buses import ANYBODY, AtRabbitMq
from tests.sites.pair import until


async def test_answers_come_back_on_both_exchanges(at: Any, request_of: Any, answer_to: Any) -> None:
    bus, requests = await at.agent()
    addresses = [REPLY_TO, Address(DIRECT, "host.7")]
    console, answers = await at.connect(ANYBODY, addresses=addresses)
    for address in addresses:
        await console.send(request_of(reply_to=address))
        bus.send(answer_to((await requests.next())[0]))
        answer = await answers.next()
        assert (answer.to, answer.correlation_id, answer.body) == (address, "7", {"n": 1})


@pytest.mark.parametrize("size", [100, 40_000, 5_000_000])
async def test_bodies_of_any_size_come_through(at: Any, answer_to: Any, request_of: Any, size: int) -> None:
    """RabbitMQ's frames are 32 KiB."""
    bus, _ = await at.agent()
    _, answers = await at.connect(addresses=[REPLY_TO])
    bus.send(answer_to(request_of(body=[{"xml": "x" * size}])))
    assert len((await answers.next()).body[0]["xml"]) == size


async def test_subjects_are_matched_as_topics_are(at: Any) -> None:
    bus, _ = await at.agent()
    _, narrow = await at.connect(ANYBODY, addresses=[Address(TOPIC, "agent.ind.event.*.applied.#")])
    _, wide = await at.connect(ANYBODY, addresses=[Address(TOPIC, "agent.#")])
    subjects = ["agent.ind.event.p.applied.notice", "agent.ind.event.p.q.applied", "agent"]
    for subject in (*subjects, "agents.x"):
        bus.send(Message(Address(TOPIC, subject), "_x", INDICATION, []))
    assert [(await wide.next()).to.subject for _ in subjects] == subjects
    assert (await narrow.next()).to.subject == subjects[0]
    assert narrow.empty()
    assert wide.empty()


@pytest.mark.parametrize(
    "address",
    [
        Address("amq.direct", "x"),
        Address("no-such-queue"),
        Address("", "queue/x"),
        Address(TOPIC, "direct-console." + "x" * 250),
        Address(TOPIC, "ü" * 130),
    ],
)
async def test_an_answer_to_a_bogus_address_costs_nothing(
    at: Any, answer_to: Any, request_of: Any, address: Address
) -> None:
    """Attached or published, any of them would end the agent's session with the broker."""
    bus, requests = await at.agent()
    with pytest.raises((UnknownObject, ProtocolError)):
        bus.send(answer_to(request_of(reply_to=address)))
    console, _ = await at.connect()
    await console.send(request_of())
    await requests.next()
    assert bus._connection.connected


async def test_an_overlong_correlation_id_costs_nothing(at: Any, answer_to: Any, request_of: Any) -> None:
    bus, _ = await at.agent()
    _, answers = await at.connect(addresses=[REPLY_TO])
    with pytest.raises(ProtocolError, match="correlation-id"):
        bus.send(answer_to(request_of(correlation_id="x" * 256)))
    bus.send(answer_to(request_of(correlation_id="x" * 255)))
    assert (await answers.next()).correlation_id == "x" * 255
    assert bus._connection.connected


async def test_a_request_never_waits_for_an_agent_that_is_gone(at: Any, request_of: Any) -> None:
    first, _ = await at.agent()
    console, _ = await at.connect()
    await first.stop()
    await console.send(request_of())
    _, requests = await at.agent()
    await console.send(request_of(correlation_id="8"))
    assert (await requests.next())[0].correlation_id == "8"
    assert requests.empty()


async def test_a_request_that_nobody_takes_in_time_is_gone(rabbitmq: RabbitMq, channel_of: Any) -> None:
    """Its time-to-live is the caller's patience."""
    agent = "clusterlabs.org:qmfagent:nobody"
    channel = channel_of("siteb")
    queue = channel.queue_declare("qmf.siteb.test", exclusive=True).method.queue
    channel.queue_bind(queue, DIRECT, agent)
    async with AtRabbitMq(rabbitmq).console("sitea", connect_timeout=WAIT) as session:
        with pytest.raises(RequestTimeout):
            await session.call(agent, "Site:x", "plan", {}, timeout=0.3)
    await until(lambda: channel.queue_declare(queue, passive=True).method.message_count == 0, "its end in the queue")


async def test_queues_are_bounded_expire_and_are_as_durable_as_their_use(at: Any, rabbitmq: RabbitMq) -> None:
    await at.agent()
    await at.connect(
        addresses=[REPLY_TO], lasting=Inbox(Role.EVENTS, "console", (Address(TOPIC, "agent.ind.event.#"),))
    )
    columns = ("name", "durable", "exclusive", "auto_delete", "arguments")
    listed = await asyncio.to_thread(rabbitmq.control, "list_queues", *columns, "--formatter", "json")
    bounded = {"x-max-length", "x-max-length-bytes", "x-overflow"}
    expected = {
        "qmf.sitea.agent.": (False, True, False, bounded),
        "qmf.console.console.": (False, False, True, bounded | {"x-expires"}),
        "qmf.console.events.console": (True, False, False, bounded | {"x-expires"}),
    }
    for queue in json.loads(listed):
        found = [properties for name, properties in expected.items() if queue["name"].startswith(name)]
        if found:
            arguments = {name for name, _, _ in queue["arguments"]}
            assert (queue["durable"], queue["exclusive"], queue["auto_delete"], arguments) == found[0]
