"""The console's half: agents that come and go, answers, and what it makes of nonsense."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qmfagent.errors import ProtocolError
from qmfagent.qmf import console_agents, console_answers
from qmfagent.qmf.classes import SchemaId
from qmfagent.qmf.console import Console
from qmfagent.qmf.console_events import (
    AgentAdded,
    AgentLost,
    AgentRestarted,
    AgentUpdated,
    DataReceived,
    EventReceived,
    MessageRejected,
    MethodAnswer,
    QueryAnswer,
    RequestFailed,
)
from qmfagent.qmf.data import ObjectId
from qmfagent.qmf.message import Address, Message

NAME = "v:p:i"
TOPIC_SUBJECT = "direct-agent.route.1"


def heartbeat(name: str = NAME, sender: str | None = None, **attributes: Any) -> Message:
    values = {"_name": name, "_epoch": 1, "_heartbeat_interval": 10, "_timestamp": 1, **attributes}
    to = Address("qmf.default.topic", "agent.ind.heartbeat.v.p.i")
    sender = name if sender is None else sender
    return Message(to, "_agent_heartbeat_indication", "indication", {"_values": values}, agent=sender)


def response(cid: str | None, opcode: str, body: Any, **changes: Any) -> Message:
    to = Address("qmf.default.topic", "direct-console.1")
    return replace(Message(to, opcode, "response", body, agent=NAME, correlation_id=cid), **changes)


# -- agents


def test_addresses(console: Console) -> None:
    own = Address("qmf.default.topic", "direct-console.39808027-86c2-4bad-97f8-fe2612efe2d7")
    kinds = ("heartbeat", "event")
    heartbeats, events = (Address("qmf.default.topic", f"agent.ind.{kind}.#") for kind in kinds)
    assert console.addresses() == [own, heartbeats, events]
    assert Console(data_classes=["Replica"]).addresses()[3:] == [
        Address("qmf.default.topic", "agent.ind.data.*.Replica.#")
    ]
    assert console.reply_to == own
    assert Console().reply_to != Console().reply_to


def test_an_agent_is_added_updated_restarted_and_lost(console: Console) -> None:
    (added,) = console.receive(heartbeat(site="north"), 0.0)
    assert isinstance(added, AgentAdded)
    assert (added.agent.name, added.agent.epoch, added.agent.attributes["site"]) == (NAME, 1, "north")
    assert console.receive(heartbeat(site="north", _timestamp=2), 10.0) == []
    (updated,) = console.receive(heartbeat(site="south"), 20.0)
    assert isinstance(updated, AgentUpdated)
    (restarted,) = console.receive(heartbeat(site="south", _epoch=2), 30.0)
    assert isinstance(restarted, AgentRestarted)
    assert console.age(60.0) == []
    (lost,) = console.age(60.1)
    assert isinstance(lost, AgentLost)
    assert (lost.agent.name, dict(console.agents)) == (NAME, {})
    assert console.age(61.0) == []
    assert isinstance(console.receive(heartbeat(), 70.0)[0], AgentAdded)


def test_any_message_of_an_agent_is_a_sign_of_life(console: Console) -> None:
    console.receive(heartbeat(), 0.0)
    console.receive(response("99", "_query_response", []), 29.0)
    assert console.age(59.0) == []


@pytest.mark.parametrize(("interval", "patience"), [(0, 300), (-1, 300), (10, 30), (3600, 300)])
def test_patience_follows_the_heartbeat_but_has_an_end(console: Console, interval: int, patience: int) -> None:
    console.receive(heartbeat(_heartbeat_interval=interval), 0.0)
    assert console.age(patience) == []
    assert len(console.age(patience + 1)) == 1


def test_attributes_of_old_agents_are_read_without_underscore(console: Console) -> None:
    message = replace(heartbeat(), body={"_values": {"_name": NAME, "epoch": 3, "heartbeat_interval": 7}})
    console.receive(message, 0.0)
    assert (console.agents[NAME].epoch, console.agents[NAME].heartbeat_interval) == (3, 7)


@pytest.mark.parametrize(
    "message",
    [
        heartbeat(sender="v:p:other"),
        replace(heartbeat(), body=[]),
        replace(heartbeat(), body=None),
        replace(heartbeat(), body={}),
        heartbeat(_epoch="1"),
        heartbeat(_heartbeat_interval=None, _name=1),
        Message(Address("t"), "_data_indication", "indication", {}, "_event", NAME),
        Message(Address("t"), "_data_indication", "indication", [1], "_event", NAME),
        Message(Address("t"), "_data_indication", "indication", [{}], "_event", NAME),
        Message(Address("t"), "_data_indication", "indication", [{}], "_data", NAME),
        Message(Address("t"), "_data_indication", "indication", [], "_cake", NAME),
        Message(
            Address("t"),
            "_data_indication",
            "indication",
            [{"_schema_id": {"_class_name": "Node"}, "_values": {}}],
            "_event",
            NAME,
        ),
    ],
)
def test_an_indication_that_breaks_the_protocol_is_rejected(console: Console, message: Message) -> None:
    (event,) = console.receive(message, 0.0)
    assert isinstance(event, MessageRejected)
    assert event.agent == message.agent
    assert not console.agents


def test_a_message_without_agent_is_ignored(console: Console) -> None:
    assert console.receive(replace(heartbeat(), agent=""), 0.0) == []


def test_agents_without_number_are_not_remembered(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_agents, "MAX_AGENTS", 2)
    events = [event for number in range(4) for event in console.receive(heartbeat(f"v:p:{number}"), 0.0)]
    assert [type(event) for event in events] == [AgentAdded, AgentAdded, MessageRejected, MessageRejected]
    assert len(console.agents) == 2


# -- requests


def test_locate(console: Console) -> None:
    message = console.locate(["exists", "site"])
    assert message == Message(
        Address("qmf.default.topic", "console.request.agent_locate"),
        "_agent_locate_request",
        "request",
        ["exists", "site"],
        correlation_id="agent-locate",
        reply_to=console.reply_to,
    )
    assert console.locate().body == []


def test_requests_go_where_the_agent_wants_them(console: Console) -> None:
    assert console.query_schema_ids(NAME)[1].to == Address("qmf.default.direct", NAME)
    console.receive(heartbeat(), 0.0)
    assert console.query_schema_ids(NAME)[1].to == Address("qmf.default.direct", NAME)
    console.receive(heartbeat(_direct_subject=TOPIC_SUBJECT), 0.0)
    assert console.query_schema_ids(NAME)[1].to == Address("qmf.default.topic", TOPIC_SUBJECT)
    console.receive(heartbeat(_direct_subject=5), 0.0)
    assert console.query_schema_ids(NAME)[1].to == Address("qmf.default.direct", NAME)


def test_bodies_of_requests(console: Console) -> None:
    where = ["eq", "site", ["quote", "north"]]
    target = ObjectId("a", "w:q:j", 4)
    made = [
        console.query_objects(NAME, "Node", where=where),
        console.query_objects(NAME, "Node", package="org.example"),
        console.query_objects(NAME, object_name="Node:n1"),
        console.query_schema_ids(NAME),
        console.query_schema(NAME, SchemaId("org.example", "Node")),
        console.call(NAME, "Site:a", "plan", {"ticket": "db"}),
        console.call(NAME, target, "plan", {}),
    ]
    node = {"_class_name": "Node", "_type": "_data"}
    assert [message.body for _, message in made] == [
        {"_what": "OBJECT", "_schema_id": node, "_where": where},
        {"_what": "OBJECT", "_schema_id": {**node, "_package_name": "org.example"}},
        {"_what": "OBJECT", "_object_id": {"_object_name": "Node:n1", "_agent_name": NAME}},
        {"_what": "SCHEMA_ID"},
        {"_what": "SCHEMA", "_schema_id": {**node, "_package_name": "org.example"}},
        {
            "_method_name": "plan",
            "_object_id": {"_object_name": "Site:a", "_agent_name": NAME},
            "_arguments": {"ticket": "db"},
        },
        {"_method_name": "plan", "_object_id": target.to_map(), "_arguments": {}},
    ]
    assert [cid for cid, _ in made] == [str(number) for number in range(1, 8)]
    for cid, message in made:
        assert (message.method, message.correlation_id, message.reply_to) == ("request", cid, console.reply_to)


def test_ids_of_objects(console: Console) -> None:
    cid, message = console.query_object_ids(NAME, "Node", ["exists", "id"])
    assert message.body == {
        "_what": "OBJECT_ID",
        "_schema_id": {"_class_name": "Node", "_type": "_data"},
        "_where": ["exists", "id"],
    }
    body = [{"_object_name": "a", "_agent_name": NAME, "_agent_epoch": 3}]
    answer = response(cid, "_query_response", body, content="_object_id")
    assert console.receive(answer, 0.0) == [QueryAnswer(cid, (ObjectId("a", NAME, 3),))]


def test_objects_with_subtypes_are_read(console: Console) -> None:
    """What `_subtypes` says stands in the schema already."""
    cid, _ = console.query_objects(NAME, "Node")
    item = {**object_map("a"), "_subtypes": {"name": "reference"}}
    (answer,) = console.receive(response(cid, "_query_response", [item], content="_data"), 0.0)
    assert isinstance(answer, QueryAnswer)
    assert answer.items[0].values == {"name": "a"}  # type: ignore[union-attr]


def test_a_query_of_everything_is_not_sent(console: Console) -> None:
    with pytest.raises(ProtocolError, match="neither a class nor an object"):
        console.query_objects(NAME)


# -- answers


def object_map(name: str) -> dict[str, Any]:
    return {"_object_id": {"_object_name": name}, "_schema_id": {"_class_name": "Node"}, "_values": {"name": name}}


def test_parts_of_an_answer_are_put_together(console: Console) -> None:
    cid, _ = console.query_objects(NAME, "Node")
    other, _ = console.query_objects(NAME, "Node")
    part = response(cid, "_query_response", [object_map("a")], content="_data", partial=True)
    assert console.receive(part, 0.0) == []
    assert console.receive(replace(part, body=[object_map("b")]), 0.0) == []
    (answer,) = console.receive(response(cid, "_query_response", [], content="_data"), 0.0)
    assert isinstance(answer, QueryAnswer)
    assert (answer.cid, [item.values["name"] for item in answer.items]) == (cid, ["a", "b"])  # type: ignore[union-attr]
    assert console.receive(response(cid, "_query_response", [], content="_data"), 0.0) == []
    (empty,) = console.receive(response(other, "_query_response", [], content="_data"), 0.0)
    assert empty == QueryAnswer(other, ())


def test_answers_of_others_late_ones_and_forgotten_ones_are_ignored(console: Console) -> None:
    cid, _ = console.call(NAME, "a", "m", {})
    good = response(cid, "_method_response", {"_arguments": {"x": 1}})
    assert console.receive(replace(good, agent="v:p:other"), 0.0) == []
    assert console.receive(replace(good, correlation_id=None), 0.0) == []
    assert console.receive(replace(good, correlation_id="agent-locate"), 0.0) == []
    assert console.receive(good, 0.0) == [MethodAnswer(cid, {"x": 1})]
    assert console.receive(good, 0.0) == []
    cid, _ = console.call(NAME, "a", "m", {})
    console.forget(cid)
    console.forget(cid)
    assert console.receive(replace(good, correlation_id=cid), 0.0) == []


@pytest.mark.parametrize(
    ("values", "failed"),
    [
        (
            {"error_text": "no", "error_code": 6, "reason": "not-an-operator"},
            RequestFailed("1", 6, "no", "not-an-operator"),
        ),
        ({"error_text": "boom"}, RequestFailed("1", 7, "boom")),
        ({"whatHappened": "It Failed", "howBad": 75}, RequestFailed("1", 7, "whatHappened: It Failed, howBad: 75")),
    ],
)
def test_an_exception_ends_the_request(console: Console, values: dict[str, Any], failed: RequestFailed) -> None:
    cid, _ = console.call(NAME, "a", "m", {})
    message = response(cid, "_exception", {"_values": values}, content="_data")
    assert console.receive(message, 0.0) == [failed]
    assert console.receive(message, 0.0) == []


@pytest.mark.parametrize(
    "message",
    [
        response("1", "_query_response", {}, content="_data"),
        response("1", "_query_response", [1], content="_data"),
        response("1", "_query_response", [{}], content="_data"),
        response("1", "_query_response", [{}], content="_schema"),
        response("1", "_query_response", [], content="_cake"),
        response("1", "_method_response", {}),
        response("1", "_exception", []),
        response("1", "_exception", {"_values": 1}),
        response("1", "_exception", {"_values": {"error_text": 1}}),
    ],
)
def test_what_is_no_answer_ends_the_request_too(console: Console, message: Message) -> None:
    console.query_objects(NAME, "Node")
    (event,) = console.receive(message, 0.0)
    assert isinstance(event, RequestFailed)
    assert (event.cid, event.code) == ("1", 7)
    assert "v:p:i sent no valid answer" in event.text
    assert console.receive(response("1", "_query_response", [], content="_data"), 0.0) == []


def test_an_answer_without_end_is_given_up(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_answers, "MAX_ITEMS", 3)
    cid, _ = console.query_objects(NAME, "Node")
    part = response(cid, "_query_response", [object_map("a"), object_map("b")], content="_data", partial=True)
    assert console.receive(part, 0.0) == []
    (event,) = console.receive(part, 0.0)
    assert isinstance(event, RequestFailed)


# -- indications


def test_events_are_counted_and_come_even_from_agents_not_announced(console: Console) -> None:
    item = {
        "_schema_id": {"_class_name": "applied", "_type": "_event"},
        "_values": {"site": "north"},
        "_severity": 5,
        "_timestamp": 9,
    }
    message = Message(Address("t"), "_data_indication", "indication", [item, item], "_event", NAME)
    assert console.receive(message, 0.0) == [
        EventReceived(NAME, "applied", {"site": "north"}, 5, 9, 1),
        EventReceived(NAME, "applied", {"site": "north"}, 5, 9, 2),
    ]


def test_changed_objects_are_given(console: Console) -> None:
    body = [{**object_map("a"), "_delete_ts": 5}, object_map("b")]
    (event,) = console.receive(Message(Address("t"), "_data_indication", "indication", body, "_data", NAME), 0.0)
    assert isinstance(event, DataReceived)
    assert [(item.object_id.object_name, item.delete_ts) for item in event.objects] == [("a", 5), ("b", 0)]
