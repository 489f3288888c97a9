"""Subscriptions, each half by itself: as Java's console asks the agent, and as a console takes what other agents send."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qmfagent.qmf.agent import Agent
from qmfagent.qmf.codec import UInt32
from qmfagent.qmf.console import Console
from qmfagent.qmf.console_events import DataReceived, RequestFailed, SubscriptionData
from qmfagent.qmf.message import Address, Message
from qmfagent.qmf.subscriptions import MAX_SUBSCRIPTIONS
from tests.qmf.conftest import NOW, over_the_link

SECOND = 1_000_000_000
NAME = "clusterlabs.org:qmfagent:north"
REPLY_TO = Address("qmf.default.direct", "console-1.async")


def everybody(address: Address) -> bool:
    return True


# -- as the Java console does it


def request(opcode: str, body: Any, **changes: Any) -> Message:
    message = Message(
        Address("qmf.default.direct", NAME), opcode, "request", body, correlation_id="h", reply_to=REPLY_TO
    )
    return replace(message, **changes)


def java(agent: Agent, opcode: str, body: Any, identity: str = "", now: int = NOW, **changes: Any) -> list[Message]:
    return agent.receive(over_the_link(request(opcode, body, **changes)), identity, now)  # type: ignore[return-value]


NODES = {"_what": "OBJECT", "_schema_id": {"_class_name": "Node", "_package_name": "org.clusterlabs.qmfagent"}}


def test_answers_and_data_go_where_java_waits_for_them(agent: Agent) -> None:
    (answer,) = java(agent, "_subscribe_request", {"_query": NODES, "_interval": 10_000, "_duration": 300})
    assert (answer.to, answer.opcode, answer.method) == (REPLY_TO, "_subscribe_response", "response")
    assert (answer.correlation_id, answer.agent) == ("h", NAME)
    assert isinstance(answer.body, dict)
    identifier = answer.body.pop("_subscription_id")
    assert answer.body == {"_interval": 10_000, "_duration": 300}
    data = list(agent.due(NOW, everybody))
    told = [message for message in data if message.to == REPLY_TO]
    assert {(m.opcode, m.method, m.content, m.correlation_id) for m in told} == {
        ("_data_indication", "indication", "_data", "h")
    }
    # The synchronous refresh has no correlation id, and its own address.
    sync = Address("qmf.default.direct", "console-1")
    refresh = {"_subscription_id": identifier, "_duration": 20}
    (again,) = java(agent, "_subscribe_refresh_indication", refresh, reply_to=sync, correlation_id=None)
    assert (again.to, again.opcode, again.correlation_id) == (sync, "_subscribe_response", None)
    assert again.body == {"_subscription_id": identifier, "_interval": 10_000, "_duration": 20}
    assert java(agent, "_subscribe_cancel_indication", {"_subscription_id": identifier}, reply_to=None) == []
    (gone,) = java(agent, "_subscribe_refresh_indication", refresh)
    assert gone.opcode == "_exception"
    assert gone.body["_values"]["error_code"] == 1  # type: ignore[index, call-overload]


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ({}, (30_000, 300)),
        ({"_interval": 0, "_duration": 0}, (30_000, 300)),
        ({"_interval": None, "_duration": None}, (30_000, 300)),
        ({"_interval": 1, "_duration": 1}, (1_000, 10)),
        ({"_interval": -5, "_duration": -5}, (1_000, 10)),
        ({"_interval": 2**62, "_duration": 2**62}, (3_600_000, 3_600)),
        ({"_interval": UInt32(2_000), "_duration": UInt32(20)}, (2_000, 20)),
    ],
)
def test_times_are_brought_within_limits(agent: Agent, asked: dict[str, Any], granted: tuple[int, int]) -> None:
    (answer,) = java(agent, "_subscribe_request", {"_query": NODES, **asked})
    assert isinstance(answer.body, dict)
    assert (answer.body["_interval"], answer.body["_duration"]) == granted


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ([], "subscribe request: expected a map, got a list"),
        ({}, "_query is missing"),
        ({"_query": {"_what": "OBJECT"}}, "neither a class nor an object"),
        ({"_query": {"_what": "SCHEMA_ID"}}, "_what 'SCHEMA_ID' can't be subscribed to"),
        ({"_query": {**NODES, "_where": ["xor"]}}, "unknown operator 'xor'"),
        ({"_query": NODES, "_interval": "1"}, "_interval: expected an integer, got a string"),
        ({"_query": NODES, "_duration": 1.5}, "_duration: expected an integer, got a floating-point number"),
    ],
)
def test_a_wrong_request_is_an_exception(agent: Agent, body: Any, text: str) -> None:
    (answer,) = java(agent, "_subscribe_request", body)
    values = answer.body["_values"]  # type: ignore[index, call-overload]
    assert (answer.opcode, values["error_code"]) == ("_exception", 4)
    assert text in values["error_text"]
    assert not agent.listened_to((), lambda address: False)


def test_one_too_many_is_an_exception(agent: Agent) -> None:
    for _ in range(MAX_SUBSCRIPTIONS):
        java(agent, "_subscribe_request", {"_query": NODES})
    (answer,) = java(agent, "_subscribe_request", {"_query": NODES})
    values = answer.body["_values"]  # type: ignore[index, call-overload]
    assert (answer.opcode, values["error_code"], values["reason"]) == ("_exception", 7, "busy")
    assert not any(message.to == REPLY_TO for message in agent.due(NOW + 300 * SECOND, everybody))
    (answer,) = java(agent, "_subscribe_request", {"_query": NODES}, now=NOW + 300 * SECOND)
    assert answer.opcode == "_subscribe_response"


def test_only_who_subscribed_can_refresh_and_cancel(agent: Agent) -> None:
    (answer,) = java(agent, "_subscribe_request", {"_query": NODES}, identity="alice")
    mine = {"_subscription_id": answer.body["_subscription_id"]}  # type: ignore[index, call-overload]
    (refused,) = java(agent, "_subscribe_refresh_indication", mine, identity="mallory")
    assert refused.opcode == "_exception"
    java(agent, "_subscribe_cancel_indication", mine, identity="mallory")
    (refreshed,) = java(agent, "_subscribe_refresh_indication", mine, identity="alice")
    assert refreshed.opcode == "_subscribe_response"


@pytest.mark.parametrize("body", [None, [], {}, {"_subscription_id": 5}])
def test_a_wrong_cancel_has_an_answer_only_where_one_can_be_given(agent: Agent, body: Any) -> None:
    assert java(agent, "_subscribe_cancel_indication", body, reply_to=None) == []
    (answer,) = java(agent, "_subscribe_cancel_indication", body)
    assert answer.opcode == "_exception"
    assert java(agent, "_subscribe_cancel_indication", {"_subscription_id": "x"}) == []


def test_the_next_time_is_the_earliest(agent: Agent) -> None:
    list(agent.due(NOW, everybody))
    assert agent.next_due(NOW) == NOW + 10 * SECOND
    java(agent, "_subscribe_request", {"_query": NODES, "_interval": 3_000, "_duration": 10})
    assert agent.next_due(NOW) == NOW
    list(agent.due(NOW, everybody))
    assert agent.next_due(NOW) == NOW + 3 * SECOND


# -- what a console makes of other agents


def indication(cid: str | None, agent: str = NAME) -> Message:
    body = [{"_object_id": {"_object_name": "a"}, "_schema_id": {"_class_name": "Node"}, "_values": {}}]
    to = Address("qmf.default.topic", "direct-console.1")
    return Message(to, "_data_indication", "indication", body, "_data", agent, correlation_id=cid)


def test_data_may_come_before_the_answer(console: Console) -> None:
    cid, _ = console.subscribe(NAME, "Node")
    (event,) = console.receive(indication(cid), 0.0)
    assert isinstance(event, SubscriptionData)
    assert console.receive(indication(cid, "v:p:other"), 0.0) == []


def test_data_of_no_subscription_is_ignored(console: Console) -> None:
    cid, _ = console.query_objects(NAME, "Node")
    assert console.receive(indication(cid), 0.0) == []
    assert console.receive(indication("99"), 0.0) == []
    assert isinstance(console.receive(indication(None), 0.0)[0], DataReceived)


@pytest.mark.parametrize(
    "body", [[], {}, {"_subscription_id": "x"}, {"_subscription_id": 1, "_interval": 1, "_duration": 1}]
)
def test_what_is_no_answer_ends_the_request(console: Console, body: Any) -> None:
    cid, _ = console.subscribe(NAME, "Node")
    answer = Message(console.reply_to, "_subscribe_response", "response", body, agent=NAME, correlation_id=cid)
    (event,) = console.receive(answer, 0.0)
    assert isinstance(event, RequestFailed)
