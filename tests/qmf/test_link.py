"""Agent and console against each other; every body travels encoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from qmfagent.errors import Refused
from qmfagent.qmf.agent import MethodCall
from qmfagent.qmf.classes import SchemaClass, SchemaId
from qmfagent.qmf.console_events import (
    AgentAdded,
    DataReceived,
    EventReceived,
    MethodAnswer,
    QueryAnswer,
    RequestFailed,
)
from qmfagent.qmf.data import Data
from qmfagent.qmf.message import Message
from qmfagent.qmf.opcodes import ErrorCode
from qmfagent.qmf.schema import Schema

NOW = 1_795_487_610_000_000_000


@pytest.fixture
def known(link: Any) -> str:
    """The name of the agent, once the console has located it."""
    (added,) = link.ask(link.console.locate())
    assert isinstance(added, AgentAdded)
    return added.agent.name


def test_locate_with_a_predicate(link: Any) -> None:
    assert link.ask(link.console.locate(["eq", "site", ["quote", "south"]])) == []
    assert len(link.ask(link.console.locate(["eq", "site", ["quote", "north"]]))) == 1


def test_heartbeats_keep_an_agent_known(link: Any, known: str) -> None:
    assert link.tell(link.agent.heartbeat(NOW)) == []
    assert link.console.agents[known].heartbeat_interval == 10


def test_the_console_sees_the_objects_as_they_are(link: Any, known: str, objects: Any) -> None:
    for class_name in ("Site", "Node", "Ticket"):
        cid, message = link.console.query_objects(known, class_name)
        (answer,) = link.ask(message)
        expected = [Data.from_map(item.to_map(known)) for item in objects.items if item.class_name == class_name]
        assert answer == QueryAnswer(cid, tuple(expected))


def test_one_object_and_a_predicate(link: Any, known: str) -> None:
    _, message = link.console.query_objects(known, object_name="Node:n2")
    (answer,) = link.ask(message)
    assert [item.values["name"] for item in answer.items] == ["n2"]
    _, message = link.console.query_objects(known, "Node", where=["not", ["eq", "online", True]])
    (answer,) = link.ask(message)
    assert [item.values["name"] for item in answer.items] == ["n2"]


def test_the_console_learns_the_whole_schema(link: Any, known: str, schema: Schema) -> None:
    _, message = link.console.query_schema_ids(known)
    (answer,) = link.ask(message)
    assert answer.items == tuple(item.id for item in schema.classes + schema.events)
    for schema_id in answer.items:
        assert isinstance(schema_id, SchemaId)
        _, message = link.console.query_schema(known, schema_id)
        (one,) = link.ask(message)
        (found,) = one.items
        assert isinstance(found, SchemaClass)
        original = schema.find(schema_id)
        assert original is not None
        assert found.to_map() == original.to_map()


def test_a_method_call_and_its_answer(link: Any, known: str) -> None:
    calls: list[MethodCall] = []
    results = {"token": "t1", "plan": {"changes": [{"id": "vip"}], "blocked": False}}

    def run(call: MethodCall) -> Message:
        calls.append(call)
        reply: Message = link.agent.succeed(call, results)
        return reply

    link.run = run
    cid, message = link.console.call(known, "Site:north", "plan", {"ticket": "db"})
    assert link.ask(message) == [MethodAnswer(cid, results)]
    assert [(call.identity, dict(call.arguments)) for call in calls] == [("operator", {"ticket": "db", "adopt": False})]


def test_a_refusal_keeps_its_name(link: Any, known: str) -> None:
    error = Refused("holder", "north holds ticket db itself")
    link.run = lambda call: link.agent.fail(call, ErrorCode.EXCEPTION, str(error), error.reason)
    cid, message = link.console.call(known, "Site:north", "apply", {"token": "t1"})
    assert link.ask(message) == [RequestFailed(cid, 7, "north holds ticket db itself", "holder")]


@pytest.mark.parametrize(
    ("object_name", "method", "arguments", "code"),
    [
        ("Site:south", "plan", {"ticket": "db"}, 1),
        ("Site:north", "explode", {}, 2),
        ("Site:north", "plan", {"ticket": 5}, 4),
    ],
)
def test_mistakes_of_the_caller_come_back_with_their_code(
    link: Any, known: str, object_name: str, method: str, arguments: dict[str, Any], code: int
) -> None:
    cid, message = link.console.call(known, object_name, method, arguments)
    (event,) = link.ask(message)
    assert isinstance(event, RequestFailed)
    assert (event.cid, event.code) == (cid, code)


def test_a_configuration_too_large_for_short_strings_arrives_whole(link: Any, known: str) -> None:
    xml = "<cib>" + "<nvpair value='ä'/>" * 100_000 + "</cib>"
    link.run = lambda call: link.agent.succeed(call, {"xml": xml, "version": "0.1.2"})
    cid, message = link.console.call(known, "Site:north", "query", {})
    assert link.ask(message) == [MethodAnswer(cid, {"xml": xml, "version": "0.1.2"})]


def test_events_and_changed_objects_reach_the_console(link: Any, known: str, node: Callable[..., Data]) -> None:
    values = {"site": "north", "ticket": "db", "term": "3", "version": "0.7.1", "digest": "00"}
    assert link.tell(link.agent.event("published", values, NOW)) == [
        EventReceived(known, "published", values, 5, NOW, 1)
    ]
    (message,) = link.agent.data_indication([node("n1", update_ts=NOW), node("n2").deleted(NOW)])
    (event,) = link.tell(message)
    assert isinstance(event, DataReceived)
    assert [(item.object_id.object_name, item.update_ts, item.delete_ts) for item in event.objects] == [
        ("Node:n1", NOW, 0),
        ("Node:n2", 0, NOW),
    ]
