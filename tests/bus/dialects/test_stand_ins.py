"""An agent's bus and a console at brokers that behave as qpidd, Artemis and routers are said to."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from qmfagent.bus.broker.broker import Broker
from qmfagent.bus.client.connection import Connection
from qmfagent.bus.dialects import Inbox, Role
from qmfagent.bus.load import BusLoad
from qmfagent.bus.security.credentials import Credentials
from qmfagent.bus.security.identity import ANONYMOUS
from qmfagent.errors import ConfigError, ConnectionLost
from qmfagent.qmf.message import DIRECT, TOPIC, Address, Message
from tests.bus.foreign import WAIT

REPLY = Address(TOPIC, "direct-console.1")
EVENTS = Address(TOPIC, "agent.ind.event.#")
HEARTBEATS = Address(TOPIC, "agent.ind.heartbeat.#")
ROUTE = Address(TOPIC, "direct-agent.route.1")
OWN = (Address(TOPIC, "console.#"), ROUTE, Address(DIRECT, "a:b:c"))


class Pair:
    """An agent that answers, and a console, both at one broker."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self.url = url
        self._stack = stack
        self.requests: asyncio.Queue[Any] = asyncio.Queue()
        self.answers: asyncio.Queue[Message] = asyncio.Queue()

    async def start(self, *, lasting: Inbox | None = None, user: str = "", **options: Any) -> None:
        self.agent = Broker(self.url, addresses=OWN, on_message=self._answer, **options)
        await self.agent.start()
        self._stack.push_async_callback(self.agent.stop)
        self.console = await self.connect(lasting, user)

    async def connect(self, lasting: Inbox | None = None, user: str = "") -> Connection:
        console = Connection(
            self.url, user=user, addresses=(REPLY, HEARTBEATS), lasting=lasting, on_message=self.answers.put_nowait
        )
        console.start()
        self._stack.push_async_callback(console.stop)
        await console.wait_up(WAIT)
        return console

    async def ask(self, to: Address, reply_to: Address = REPLY) -> Message:
        await self.console.send(Message(to, "_x", "request", {"n": 1}, correlation_id="7", reply_to=reply_to))
        return await self.next()

    async def next(self) -> Message:
        async with asyncio.timeout(WAIT):
            return await self.answers.get()

    def _answer(self, message: Message, identity: Any) -> None:
        self.requests.put_nowait((message, identity))
        assert message.reply_to is not None
        self.agent.send(
            Message(message.reply_to, "_y", "response", message.body, correlation_id=message.correlation_id)
        )


def event(number: int) -> Message:
    return Message(Address(TOPIC, "agent.ind.event.p.c"), "_data_indication", "indication", [{"n": number}], "_event")


async def test_qpidd(qpidd: str, stack: AsyncExitStack) -> None:
    pair = Pair(qpidd, stack)
    await pair.start(lasting=Inbox(Role.EVENTS, "site", (EVENTS,)), user="bob")
    assert pair.console.dialect is not None
    assert pair.console.dialect.name == "qpidd"
    for to in (ROUTE, Address(DIRECT, "a:b:c"), Address(TOPIC, "console.request.x")):
        answer = await pair.ask(to)
        assert (answer.to, answer.body, answer.correlation_id) == (REPLY, {"n": 1}, "7")
    pair.agent.send(event(3))
    assert (await pair.next()).body == [{"n": 3}]


@pytest.mark.parametrize("node", ["amq.direct", "no-such-node"])
async def test_answers_to_other_nodes_go_by_the_anonymous_terminus(
    qpidd: str, stack: AsyncExitStack, node: str
) -> None:
    pair = Pair(qpidd, stack)
    await pair.start()
    await pair.console.send(Message(ROUTE, "_x", "request", {}, correlation_id="8", reply_to=Address(node, "k")))
    assert (await pair.ask(ROUTE)).correlation_id == "7"
    assert pair.agent._connection.connected


@pytest.mark.parametrize(("verified", "identity"), [(False, ANONYMOUS), (True, "bob")])
async def test_a_user_id_counts_where_the_broker_is_said_to_verify_it(
    stack: AsyncExitStack, qpidd: str, verified: bool, identity: str
) -> None:
    pair = Pair(qpidd, stack)
    await pair.start(user="bob", verified_user_ids=verified)
    await pair.ask(ROUTE)
    message, found = await pair.requests.get()
    assert (found.user, found.authenticated, message.user_id) == (identity, verified, identity)


async def test_multicast(multicast: Any, stack: AsyncExitStack) -> None:
    pair = Pair(multicast.url, stack)
    await pair.start(lasting=Inbox(Role.EVENTS, "site", (EVENTS,)), user="bob", verified_user_ids=True)
    for to in (ROUTE, Address(DIRECT, "a:b:c"), Address(TOPIC, "console.request.x")):
        answer = await pair.ask(to)
        assert (answer.to, answer.body, answer.correlation_id) == (REPLY, {"n": 1}, "7")
        message, identity = pair.requests.get_nowait()
        assert (message.to, identity.user) == (to, ANONYMOUS)
    pair.agent.send(event(3))
    pair.agent.send(Message(Address(TOPIC, "agent.ind.data.p.c"), "_data_indication", "indication", []))
    pair.agent.send(Message(Address(TOPIC, "agent.ind.heartbeat.p.c"), "_z", "indication", {}))
    assert [(await pair.next()).to.subject for _ in range(2)] == ["agent.ind.event.p.c", "agent.ind.heartbeat.p.c"]
    assert pair.answers.empty()


async def test_a_durable_subscriber_where_there_are_some(multicast: Any, stack: AsyncExitStack) -> None:
    lasting = Inbox(Role.EVENTS, "site", (EVENTS,))
    pair = Pair(multicast.url, stack)
    await pair.start(lasting=lasting)
    await pair.console.stop()
    async with asyncio.timeout(WAIT):
        # The broker takes note of the end later than the console; until then the events go to the old connection.
        while len(multicast.connections) > 1:
            await asyncio.sleep(0.01)
        pair.agent.send(event(1))
        pair.agent.send(event(2))
        while len(pair.agent._events):
            await asyncio.sleep(0.01)
    pair.console = await pair.connect(lasting)
    kept = [(await pair.next()).body for _ in range(2)] if multicast.durable else []
    assert kept == ([[{"n": 1}], [{"n": 2}]] if multicast.durable else [])
    assert (await pair.ask(ROUTE)).correlation_id == "7"
    assert pair.console.dialect is not None
    assert pair.console.dialect.keeps is multicast.durable


async def test_a_dialect_that_is_given_is_not_recognised(qpidd: str, stack: AsyncExitStack) -> None:
    console = Connection(qpidd, dialect="router", addresses=(REPLY,))
    console.start()
    stack.push_async_callback(console.stop)
    with pytest.raises(ConnectionLost, match=r"no node 'qmf.default.topic.direct-console.1' here"):
        await console.wait_up(WAIT, patient=False)


async def test_what_waits_for_a_broker_is_told(qpidd: str, stack: AsyncExitStack) -> None:
    agent = Broker(qpidd, addresses=OWN, on_message=lambda message, identity: None)
    agent.send(event(1))
    assert agent.load == BusLoad(f"there is no connection with the broker at {qpidd}", 0, 1, 0)
    await agent.start()
    stack.push_async_callback(agent.stop)
    async with asyncio.timeout(WAIT):
        while agent.load.waiting:
            await asyncio.sleep(0.01)
    assert agent.load == BusLoad("", 1, 0, 0)


async def test_credentials_are_for_loopback_or_tls() -> None:
    with pytest.raises(ConfigError, match="unencrypted"):
        Broker(
            "amqp://192.0.2.1",
            credentials=Credentials("u", "p"),
            addresses=(),
            on_message=lambda message, identity: None,
        )
