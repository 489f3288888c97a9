"""Views: what a peer may not see is in no answer, has no methods, and is told of in no subscription."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from qmfagent.agent import load_schema
from qmfagent.qmf import opcodes
from qmfagent.qmf.agent import Agent, MethodCall
from qmfagent.qmf.classes import SchemaId
from qmfagent.qmf.data import Data, ObjectId
from qmfagent.qmf.message import DIRECT, REQUEST, Address, Message

SCHEMA = load_schema()
NODES = [
    Data.of(
        SCHEMA.object_class("Node"),
        f"Node:{name}",
        {"name": name, "site": "a", "id": name, "online": True, "standby": False, "maintenance": False},
    )
    for name in ("open", "hidden")
]
TICKETS = [Data(ObjectId("Ticket:hidden"), SCHEMA.object_class("Ticket").id, {"name": "hidden"})]


class Source:
    def objects(self, class_name: str) -> Iterable[Data]:
        return [data for data in NODES + TICKETS if data.class_name == class_name]

    def find(self, object_name: str) -> Data | None:
        return next((data for data in NODES + TICKETS if data.object_id.object_name == object_name), None)


def sees(identity: str) -> Callable[[Data], bool] | None:
    return None if identity == "CN=admin" else lambda data: data.values["name"] != "hidden"


@pytest.fixture
def agent() -> Agent:
    return Agent("v", "p", "i", schema=SCHEMA, source=Source(), sees=sees)


def request(opcode: str, body: Any) -> Message:
    return Message(Address(DIRECT, "v:p:i"), opcode, REQUEST, body, reply_to=Address("reply"), correlation_id="1")


def names(messages: Iterable[Message | MethodCall]) -> list[str]:
    """The names of the nodes in messages."""
    bodies = [message.body for message in messages if isinstance(message, Message) and isinstance(message.body, list)]
    return [item["_values"]["name"] for body in bodies for item in body]


@pytest.mark.parametrize(("identity", "seen"), [("CN=admin", ["open", "hidden"]), ("CN=eve", ["open"]), ("", ["open"])])
def test_a_query_finds_what_may_be_seen(agent: Agent, identity: str, seen: list[str]) -> None:
    of_class = {"_what": "OBJECT", "_schema_id": SchemaId("", "Node").to_map()}
    assert names(agent.receive(request(opcodes.QUERY_REQUEST, of_class), identity, 0)) == seen
    by_name = {"_what": "OBJECT", "_object_id": {"_object_name": "Node:hidden"}}
    found = names(agent.receive(request(opcodes.QUERY_REQUEST, by_name), identity, 0))
    assert found == (["hidden"] if "hidden" in seen else [])


def test_an_object_that_may_not_be_seen_is_as_one_that_is_not_there(agent: Agent) -> None:
    answers = []
    for name in ("hidden", "absent"):
        body = {"_object_id": {"_object_name": f"Ticket:{name}"}, "_method_name": "grant", "_arguments": {}}
        (answer,) = agent.receive(request(opcodes.METHOD_REQUEST, body), "CN=eve", 0)
        assert isinstance(answer, Message)
        answers.append(str(answer.body).replace(name, "NAME"))
        (call,) = agent.receive(request(opcodes.METHOD_REQUEST, body), "CN=admin", 0)
        assert isinstance(call, MethodCall) == (name == "hidden")
    assert answers[0] == answers[1]


@pytest.mark.parametrize(("identity", "seen"), [("CN=admin", ["open", "hidden"]), ("CN=eve", ["open"])])
def test_a_subscription_tells_of_what_may_be_seen(agent: Agent, identity: str, seen: list[str]) -> None:
    query = {"_what": "OBJECT", "_schema_id": SchemaId("", "Node").to_map()}
    agent.receive(request(opcodes.SUBSCRIBE_REQUEST, {"_query": query}), identity, 0)
    subscriptions = agent._subscriptions
    assert names(subscriptions.due(0, lambda address: True)) == seen
    subscriptions.changed(NODES)
    later = 60_000_000_000
    assert names(subscriptions.due(later, lambda address: True)) == seen
