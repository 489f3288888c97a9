"""Fixtures of the tests on RabbitMQ: an agent's bus, connections and raw clients, closed afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import pika
import pytest

from qmfagent.bus.broker.broker import Broker
from qmfagent.bus.client.connection import Connection
from qmfagent.qmf.message import DIRECT, RESPONSE, TOPIC, Address, Message
from tests.rabbitmq.server import RabbitMq
from tests.sites.buses import credentials

WAIT = 60.0
REPLY_TO = Address(TOPIC, f"direct-console.{UUID(int=1)}")
AGENT = "clusterlabs.org:qmfagent:sitea"
ADDRESSES = (Address(TOPIC, "console.#"), Address(TOPIC, "direct-agent.route.1"), Address(DIRECT, AGENT))


class Received(asyncio.Queue[Any]):
    """What has arrived; `next` waits for one more."""

    def take(self, *args: Any) -> None:
        self.put_nowait(args[0] if len(args) == 1 else args)

    async def next(self) -> Any:
        async with asyncio.timeout(WAIT):
            return await self.get()


class Clients:
    """Starts buses and connections at one broker for one test."""

    def __init__(self, broker: RabbitMq, stack: AsyncExitStack) -> None:
        self.broker = broker
        self._stack = stack

    async def agent(self, user: str = "sitea", /, **options: Any) -> tuple[Broker, Received]:
        """An agent's bus, and the requests with the identities that it gets."""
        received = Received()
        bus = Broker(
            options.pop("url", self.broker.url),
            **{"credentials": credentials(user), "addresses": ADDRESSES, "agent": AGENT, "on_message": received.take}
            | options,
        )
        await bus.start()
        self._stack.push_async_callback(bus.stop)
        # It begins without a broker that lets it wait.
        await bus._connection.wait_up(WAIT)
        return bus, received

    async def connect(self, user: str = "console", /, **options: Any) -> tuple[Connection, Received]:
        """A console's connection that is up, and the messages that it gets."""
        received = Received()
        connection = Connection(
            options.pop("url", self.broker.url),
            **{"credentials": credentials(user), "addresses": (), "on_message": received.take} | options,
        )
        connection.start()
        self._stack.push_async_callback(connection.stop)
        await connection.wait_up(WAIT)
        return connection, received


@pytest.fixture
async def at(rabbitmq: RabbitMq) -> AsyncIterator[Clients]:
    rabbitmq.forget()
    async with AsyncExitStack() as stack:
        yield Clients(rabbitmq, stack)


@pytest.fixture
def channel_of(rabbitmq: RabbitMq) -> Iterator[Any]:
    """Opens a channel of AMQP 0-9-1 for a user."""
    opened = []

    def open_channel(user: str) -> Any:
        login = credentials(user)
        parameters = pika.ConnectionParameters(
            "127.0.0.1", rabbitmq.port, credentials=pika.PlainCredentials(login.user, login.password)
        )
        opened.append(pika.BlockingConnection(parameters))
        return opened[-1].channel()

    yield open_channel
    for connection in opened:
        if connection.is_open:
            connection.close()


def request(**fields: Any) -> Message:
    """A request to the agent, by default to its route on the topic exchange."""
    return Message(
        **{
            "to": Address(TOPIC, "direct-agent.route.1"),
            "opcode": "_method_request",
            "method": "request",
            "body": {"n": 1},
            "correlation_id": "7",
            "reply_to": REPLY_TO,
        }
        | fields
    )


@pytest.fixture(name="request_of")
def request_fixture() -> Any:
    return request


def answer(to: Message, **fields: Any) -> Message:
    """The agent's answer to a request."""
    assert to.reply_to is not None
    return Message(
        to.reply_to, "_method_response", RESPONSE, to.body, agent=AGENT, correlation_id=to.correlation_id, **fields
    )


@pytest.fixture(name="answer_to")
def answer_fixture() -> Any:
    return answer
