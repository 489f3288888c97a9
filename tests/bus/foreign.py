"""A small agent on a real listener, and what consoles of others need to talk to it: for the tests that replay them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import proton
from proton import Described, symbol, ulong
from proton.reactor import Filter
from proton.utils import BlockingConnection

from qmfagent.bus.listener.listener import Listener
from qmfagent.bus.security.identity import Identity
from qmfagent.qmf import schema as schema_module
from qmfagent.qmf.agent import Agent, MethodCall
from qmfagent.qmf.codec import decode_list, decode_map
from qmfagent.qmf.data import Data
from qmfagent.qmf.message import Message
from qmfagent.qmf.opcodes import ErrorCode
from qmfagent.qmf.schema import Schema

WAIT = 30.0
ROUTE = UUID("9b679a98-0d12-4d85-ba69-137bdbc4c8a6")


@dataclass
class Objects:
    """An ObjectSource over a list."""

    items: list[Data] = field(default_factory=list)

    def objects(self, class_name: str) -> list[Data]:
        return [item for item in self.items if item.class_name == class_name]

    def find(self, object_name: str) -> Data | None:
        return next((item for item in self.items if item.object_id.object_name == object_name), None)


Results = dict[str, Any]
Methods = dict[str, Callable[[Objects, Results], Results]]
"""What each method does: from the objects and the arguments to its results, or QmfAgentError."""


@dataclass
class OnBus:
    """An agent on a listener."""

    agent: Agent
    listener: Listener
    objects: Objects


async def put_on_bus(
    bus: Any,
    name: str,
    xml: bytes,
    objects: Callable[[Schema], Objects],
    methods: Methods,
    *,
    broker: bool = False,
    **options: Any,
) -> OnBus:
    """Start an agent of that name."""
    schema = schema_module.load(xml)
    source = objects(schema)
    agent = Agent(
        *name.split(":", 2),
        schema=schema,
        source=source,
        route=ROUTE,
        schema_updated=time.time_ns(),
        attributes={"attr1": 2000},
        answer_broker=broker,
        **options,
    )

    def carry_out(call: MethodCall) -> Message:
        try:
            return agent.succeed(call, methods[call.method](source, dict(call.arguments)))
        except ValueError as error:
            return agent.fail(call, ErrorCode.EXCEPTION, str(error))

    def receive(message: Message, identity: Identity) -> None:
        for answer in agent.receive(message, identity.user, time.time_ns()):
            listener.send(answer if isinstance(answer, Message) else carry_out(answer))

    listener = await bus.listen(tuple(agent.addresses()), receive, agent=agent.name)
    return OnBus(agent, listener, source)


def subject(text: str) -> Filter:
    """A filter as the C++ library writes it."""
    wildcard = not {"#", "*"}.isdisjoint(text.split("."))
    return Filter({symbol("subject-filter"): Described(ulong(0x0000468C00000000 + wildcard), text)})


@contextmanager
def connected(url: str) -> Iterator[BlockingConnection]:
    """A connection that waits for everything it does."""
    connection = BlockingConnection(url, timeout=WAIT)
    try:
        yield connection
    finally:
        connection.close()


def content(amqp: proton.Message) -> Any:
    """The body of an answer: a data section, decoded as its content-type says."""
    data = bytes(amqp.body)
    return {"amqp/map": decode_map, "amqp/list": decode_list}.get(amqp.content_type, bytes)(data)


def shape(value: Any) -> Any:
    """A body without what differs from agent to agent: its keys and the kinds of its values."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else type(value)
