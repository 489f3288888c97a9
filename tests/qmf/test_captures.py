"""Agent and console against the captured messages of real peers: libqmf2, qpidd, and qpid's Python console."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qmfagent.qmf.agent import Agent, MethodCall
from qmfagent.qmf.classes import SchemaClass, SchemaId
from qmfagent.qmf.codec import UInt32
from qmfagent.qmf.console import Console
from qmfagent.qmf.console_events import (
    AgentAdded,
    DataReceived,
    EventReceived,
    MessageRejected,
    MethodAnswer,
    QueryAnswer,
    RequestFailed,
)
from qmfagent.qmf.data import Data, ObjectId
from qmfagent.qmf.message import Address, Message

NOW = 1_795_487_610_000_000_000
GIZMO = "profitron.com:gizmo:6345a0e9-7199-45f7-a822-3f050747064e"
QPIDD = "apache.org:qpidd:7081881b-4312-45bb-9bb0-1d50896cafbd"
Loader = Callable[[str], list[Any]]
Types = Callable[[Any], Any]


def agree(ours: Any, theirs: Any) -> None:
    """Everything the peer writes, we write with the same key and type; what we add is our own affair."""
    assert type(ours) is type(theirs)
    if isinstance(theirs, dict):
        assert set(theirs) <= set(ours)
        for key, value in theirs.items():
            agree(ours[key], value)
    else:
        assert ours == theirs


# -- a console of ours, agents of others


@pytest.mark.parametrize(
    ("name", "agent", "epoch", "interval", "to"),
    [
        (
            "op_agent_heartbeat_indication.cpp.txt",
            GIZMO,
            1,
            3,
            Address("qmf.default.topic", "direct-agent.route.9b679a98-0d12-4d85-ba69-137bdbc4c8a6"),
        ),
        (
            "op_agent_locate_response.cpp.txt",
            GIZMO,
            1,
            3,
            Address("qmf.default.topic", "direct-agent.route.9b679a98-0d12-4d85-ba69-137bdbc4c8a6"),
        ),
        ("op_agent_heartbeat_indication.broker.txt", QPIDD, 1, 5, Address("qmf.default.direct", QPIDD)),
        ("op_agent_locate_response.broker.txt", QPIDD, 1, 5, Address("qmf.default.direct", QPIDD)),
    ],
)
def test_other_agents_become_known(
    console: Console, captures: Loader, name: str, agent: str, epoch: int, interval: int, to: Address
) -> None:
    events = [event for capture in captures(name) for event in console.receive(capture.message, 0.0)]
    assert [type(event) for event in events] == [AgentAdded]
    info = console.agents[agent]
    assert (info.epoch, info.heartbeat_interval, info.address) == (epoch, interval, to)


def ask_gizmo(console: Console, captures: Loader, name: str, number: int, request: Callable[[], Any]) -> list[Any]:
    """Ask as often as it takes to have the correlation id of a captured answer, then receive that answer."""
    message = captures(name)[number].message
    for _ in range(int(message.correlation_id)):
        cid, _ = request()
    assert cid == message.correlation_id
    return console.receive(message, 0.0)


def test_objects_of_libqmf2(console: Console, captures: Loader) -> None:
    (answer,) = ask_gizmo(
        console, captures, "op_query_response._data.cpp.txt", 1, lambda: console.query_objects(GIZMO, "control")
    )
    assert isinstance(answer, QueryAnswer)
    (data,) = answer.items
    assert isinstance(data, Data)
    assert data.object_id == ObjectId("singleton", GIZMO, 1)
    assert (data.class_name, data.schema_id.package) == ("control", "com.profitron.gizmo")
    assert data.values == {"methodCount": 0, "state": "OPERATIONAL"}


def test_an_empty_answer_of_libqmf2(console: Console, captures: Loader) -> None:
    name = "op_query_response._data.cpp.txt"
    (answer,) = ask_gizmo(console, captures, name, 0, lambda: console.query_objects(GIZMO, "child"))
    assert answer == QueryAnswer("3", ())


def test_schema_ids_of_libqmf2(console: Console, captures: Loader) -> None:
    name = "op_query_response._schema_id.cpp.txt"
    (answer,) = ask_gizmo(console, captures, name, 0, lambda: console.query_schema_ids(GIZMO))
    assert isinstance(answer, QueryAnswer)
    assert [(item.name, item.kind) for item in answer.items if isinstance(item, SchemaId)] == [
        ("child", "_data"),
        ("control", "_data"),
        ("event", "_event"),
        ("exception", "_data"),
    ]


def test_schemas_of_libqmf2(console: Console, captures: Loader) -> None:
    name = "op_query_response._schema.cpp.txt"
    wanted = SchemaId("com.profitron.gizmo", "control")
    (answer,) = ask_gizmo(console, captures, name, 1, lambda: console.query_schema(GIZMO, wanted))
    assert isinstance(answer, QueryAnswer)
    (control,) = answer.items
    assert isinstance(control, SchemaClass)
    assert [item.name for item in control.methods] == ["stop", "echo", "event", "fail", "create_child"]
    create_child = control.method("create_child")
    assert create_child is not None
    assert [(a.name, a.dir, a.type.name) for a in create_child.arguments] == [
        ("name", "I", "TYPE_STRING"),
        ("childAddr", "O", "TYPE_MAP"),
    ]


def test_every_captured_schema_is_written_again_as_it_was(captures: Loader) -> None:
    for capture in captures("op_query_response._schema.cpp.txt"):
        for item in capture.message.body:
            assert SchemaClass.from_map(item).to_map() == item


def test_method_answers_of_libqmf2(console: Console, captures: Loader) -> None:
    name = "op_method_response.cpp.txt"
    (answer,) = ask_gizmo(console, captures, name, 0, lambda: console.call(GIZMO, "singleton", "echo", {}))
    assert answer == MethodAnswer("6", {"map": {"k": "v", "n": 3}, "sequence": 7})


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "boom"),
        (1, "details: {'k': 'v', 'n': 3}, howBad: 75, whatHappened: It Failed"),
        (2, "Invalid argument: nosuch"),
    ],
)
def test_exceptions_of_libqmf2(console: Console, captures: Loader, number: int, text: str) -> None:
    name = "op_exception._data.cpp.txt"
    (event,) = ask_gizmo(console, captures, name, number, lambda: console.call(GIZMO, "singleton", "fail", {}))
    assert isinstance(event, RequestFailed)
    assert (event.code, event.text) == (7, text)


def test_events_of_libqmf2_and_qpidd(console: Console, captures: Loader) -> None:
    (capture,) = captures("op_data_indication._event.cpp.txt")
    assert console.receive(capture.message, 0.0) == [
        EventReceived(GIZMO, "event", {"text": "hello event"}, 4, 1795487610218745254, 1)
    ]
    broker = [
        event
        for capture in captures("op_data_indication._event.broker.txt")
        for event in console.receive(capture.message, 0.0)
    ]
    assert all(isinstance(event, EventReceived) and event.agent == QPIDD for event in broker)
    assert (broker[0].class_name, broker[0].severity) == ("clientConnect", 6)  # type: ignore[union-attr]


def test_objects_that_qpidd_pushes(console: Console, captures: Loader) -> None:
    for capture in captures("op_data_indication._data.broker.txt"):
        (event,) = console.receive(capture.message, 0.0)
        assert isinstance(event, DataReceived)
        assert len(event.objects) == len(capture.message.body)
        for data, item in zip(event.objects, capture.message.body, strict=True):
            assert data.object_id.to_map() == item["_object_id"]
            assert data.delete_ts == item.get("_delete_ts", 0)


# -- an agent of ours, consoles of others


def test_the_locate_of_libqmf2_is_answered(agent: Agent, captures: Loader) -> None:
    (capture,) = captures("op_agent_locate_request.cpp.txt")
    (answer,) = agent.receive(capture.message, "", NOW)
    assert isinstance(answer, Message)
    assert answer.to == Address("qmf.default.topic", "direct-console.39808027-86c2-4bad-97f8-fe2612efe2d7")
    assert (answer.opcode, answer.correlation_id) == ("_agent_locate_response", "agent-locate")


def test_queries_of_libqmf2_are_understood(agent: Agent, captures: Loader) -> None:
    contents = []
    for capture in captures("op_query_request.cpp.txt"):
        answers = [item for item in agent.receive(capture.message, "anonymous", NOW) if isinstance(item, Message)]
        assert {item.correlation_id for item in answers} == {capture.message.correlation_id}
        assert not answers[-1].partial
        contents.append(answers[-1].content)
    assert contents == ["_schema_id", "_schema", "_data", "_schema", "_data", "_data"]


def test_method_requests_of_libqmf2_are_read(agent: Agent, captures: Loader) -> None:
    """They are for another agent's object, and are answered by name."""
    for capture in captures("op_method_request.cpp.txt"):
        (answer,) = agent.receive(capture.message, "anonymous", NOW)
        assert isinstance(answer, Message)
        assert isinstance(answer.body, dict)
        assert answer.body["_values"]["error_code"] == 1
        assert "has no object 'singleton'" in answer.body["_values"]["error_text"]


def python_console_requests() -> list[Message]:
    """The requests of qpid's Python console, from the lines in which they were logged."""
    pattern = re.compile(r"REQ (\S+) appid None ct \S+ section \S+ cid (\S+) reply (\S+) user b'' subj (\S+) raw (.*)")
    text = (Path(__file__).parent / "captures" / "requests-from-0-10-consoles.txt").read_text()
    return [
        Message(
            Address("qmf.default.direct", subject),
            opcode,
            "request",
            eval(body, {"__builtins__": {}}),
            correlation_id=None if cid == "None" else cid,
            reply_to=Address.parse(reply_to),
        )
        for opcode, cid, reply_to, subject, body in pattern.findall(text)
    ]


def test_requests_of_the_python_console_are_understood(agent: Agent) -> None:
    requests = python_console_requests()
    assert [message.opcode for message in requests] == [
        "_agent_locate_request",
        "_query_request",
        "_query_request",
        "_method_request",
        "_method_request",
        "_query_request",
    ]
    for message in requests:
        answers = agent.receive(message, "", NOW)
        assert answers
        for answer in answers:
            assert not isinstance(answer, MethodCall)
            assert answer.to == Address("qmf.default.direct", "qmfc-v2-vm.25633.1")
            assert answer.correlation_id == message.correlation_id


# -- our bodies beside theirs


def test_our_announcements_have_the_keys_and_types_of_libqmf2(
    agent: Agent, captures: Loader, types_on_wire: Types
) -> None:
    theirs = types_on_wire(captures("op_agent_heartbeat_indication.cpp.txt")[0].raw)
    del theirs["_values"]["attr1"]
    agree(types_on_wire(agent.heartbeat(NOW).body), theirs)


def test_our_events_have_the_keys_and_types_of_libqmf2(agent: Agent, captures: Loader, types_on_wire: Types) -> None:
    (theirs,) = types_on_wire(captures("op_data_indication._event.cpp.txt")[0].raw)
    values = {"site": "n", "ticket": "t", "term": "1", "version": "0.1.1", "digest": ""}
    (ours,) = types_on_wire(agent.event("published", values, NOW).body)
    del theirs["_values"], ours["_values"]
    # libqmf2 writes the severity as it was given, here int32; qpidd writes uint8, and so do we.
    assert (theirs.pop("_severity"), ours.pop("_severity")) == (0x21, 0x02)
    assert ours == theirs


def words(subject: str) -> list[str]:
    """The words of a subject that say what it is about: all but those of the agent's own name."""
    return subject.split(".")[:-3]


def test_our_indications_have_the_subjects_and_properties_of_qpidd(
    agent: Agent, captures: Loader, node: Callable[..., Data]
) -> None:
    """The short subjects of libqmf2 are no use to consoles that choose by class."""
    values = {"site": "n", "ticket": "t", "term": "1", "version": "0.1.1", "digest": ""}
    ours = {
        "op_agent_heartbeat_indication.broker.txt": agent.heartbeat(NOW),
        "op_data_indication._event.broker.txt": agent.event("published", values, NOW),
        "op_data_indication._data.broker.txt": agent.data_indication([node("n1")])[0],
    }
    expected = {
        "op_agent_heartbeat_indication.broker.txt": "agent.ind.heartbeat",
        "op_data_indication._event.broker.txt": "agent.ind.event.org_clusterlabs_qmfagent.published.note",
        "op_data_indication._data.broker.txt": "agent.ind.data.org_clusterlabs_qmfagent.Node",
    }
    for name, message in ours.items():
        theirs = captures(name)[0].message
        assert (message.to.node, message.opcode, message.method, message.content) == (
            theirs.to.node,
            theirs.opcode,
            theirs.method,
            theirs.content,
        )
        assert (message.correlation_id, message.reply_to) == (theirs.correlation_id, theirs.reply_to) == (None, None)
        assert len(words(message.to.subject)) == len(words(theirs.to.subject))
        assert words(message.to.subject)[:3] == words(theirs.to.subject)[:3]
        assert ".".join(words(message.to.subject)) == expected[name]
        assert message.to.subject.endswith(".clusterlabs_org.qmfagent.north")
        assert theirs.to.subject.endswith(".apache_org.qpidd.7081881b-4312-45bb-9bb0-1d50896cafbd")


def test_our_pushed_objects_have_the_keys_of_qpidd(
    agent: Agent, captures: Loader, node: Callable[..., Data], types_on_wire: Types
) -> None:
    created = node("n1", create_ts=NOW, update_ts=NOW).deleted(NOW)
    (ours,) = agent.data_indication([created])[0].body or ()
    theirs = captures("op_data_indication._data.broker.txt")[0].message.body[0]
    assert ours.keys() == theirs.keys()
    assert ours["_schema_id"].keys() == theirs["_schema_id"].keys()
    (types,) = types_on_wire([ours])
    assert {types[key] for key in ("_create_ts", "_update_ts", "_delete_ts")} == {0x32}
    # Its ids have no agent name, ours no epoch: which agent it was stands in the message, objects outlive the agent.
    assert ours["_object_id"].keys() ^ theirs["_object_id"].keys() == {"_agent_name", "_agent_epoch"}


def test_our_locate_answers_have_the_keys_of_libqmf2_and_qpidd(agent: Agent, captures: Loader) -> None:
    (locate,) = captures("op_agent_locate_request.cpp.txt")
    (ours,) = agent.receive(locate.message, "", NOW)
    assert isinstance(ours, Message)
    assert isinstance(ours.body, dict)
    for name in ("op_agent_locate_response.cpp.txt", "op_agent_locate_response.broker.txt"):
        theirs = captures(name)[-1].message
        assert (ours.opcode, ours.method, ours.content) == (theirs.opcode, theirs.method, theirs.content)
        assert theirs.body["_values"].keys() - {"attr1"} <= ours.body["_values"].keys()
    assert ours.correlation_id == theirs.correlation_id == "agent-locate"


def answers_of(agent: Agent, opcode: str, body: dict[str, Any]) -> list[Any]:
    to = Address("qmf.default.direct", agent.name)
    message = Message(to, opcode, "request", body, correlation_id="1", reply_to=Address("qmf.default.topic", "c"))
    return agent.receive(message, "", NOW)


def test_our_objects_have_the_keys_and_types_of_libqmf2(agent: Agent, captures: Loader, types_on_wire: Types) -> None:
    (theirs,) = types_on_wire(captures("op_query_response._data.cpp.txt")[1].raw)
    query = {"_what": "OBJECT", "_schema_id": {"_class_name": "Site"}}
    (ours,) = types_on_wire(answers_of(agent, "_query_request", query)[0].body)
    del theirs["_values"]
    # Our objects are persistent: their names outlive the agent's process, so they have no epoch.
    assert theirs["_object_id"].pop("_agent_epoch") == 0x22
    agree(ours, theirs)
    assert "_agent_epoch" not in ours["_object_id"]


def test_an_epoch_is_echoed_with_the_type_of_libqmf2(captures: Loader, types_on_wire: Types) -> None:
    theirs = types_on_wire(captures("op_method_request.cpp.txt")[0].raw)["_object_id"]
    assert types_on_wire(ObjectId("singleton", GIZMO, 1).to_map()) == theirs
    assert theirs["_agent_epoch"] == 0x22


def test_our_schemas_have_the_keys_and_types_of_libqmf2(agent: Agent, captures: Loader, types_on_wire: Types) -> None:
    (ids,) = captures("op_query_response._schema_id.cpp.txt")
    for ours in types_on_wire([item.id.to_map() for item in agent.schema.classes]):
        assert ours == types_on_wire(ids.raw)[0]
    theirs = types_on_wire(captures("op_query_response._schema.cpp.txt")[1].raw)[0]
    ours = types_on_wire(agent.schema.object_class("Site").to_map())
    assert set(theirs) <= set(ours)
    agree(ours["_schema_id"], theirs["_schema_id"])
    agree(ours["_properties"][0], theirs["_properties"][0])
    agree(ours["_methods"][0], theirs["_methods"][0] | {"_arguments": ours["_methods"][0]["_arguments"]})
    agree(ours["_methods"][0]["_arguments"][0], theirs["_methods"][0]["_arguments"][0])
    event = types_on_wire(captures("op_query_response._schema.cpp.txt")[2].raw)[0]
    published = types_on_wire(agent.schema.event_class("published").to_map())
    assert published["_default_severity"] == event["_default_severity"]


def test_our_method_answers_have_the_keys_and_types_of_libqmf2(
    agent: Agent, captures: Loader, types_on_wire: Types
) -> None:
    body = {"_method_name": "query", "_object_id": {"_object_name": "Site:north"}}
    (call,) = answers_of(agent, "_method_request", body)
    theirs = types_on_wire(captures("op_method_response.cpp.txt")[1].raw)
    assert theirs == {"_arguments": {}}
    ours = types_on_wire(agent.succeed(call, {"xml": "<cib/>", "version": "0.1.1"}).body)
    assert ours == {"_arguments": {"xml": 0x90, "version": 0x90}}
    failed = types_on_wire(agent.fail(call, 7, "no").body)  # type: ignore[arg-type]
    agree(failed, types_on_wire(captures("op_exception._data.cpp.txt")[0].raw))
    assert failed["_values"]["error_code"] == types_on_wire({"a": UInt32(1)})["a"]


def test_our_requests_have_the_keys_and_types_of_libqmf2(
    console: Console, captures: Loader, types_on_wire: Types
) -> None:
    theirs = captures("op_query_request.cpp.txt")
    ours = [
        console.query_schema_ids(GIZMO),
        console.query_schema(GIZMO, SchemaId.from_map(theirs[1].message.body["_schema_id"])),
        console.query_objects(GIZMO, "child", package="com.profitron.gizmo"),
    ]
    for (_, message), capture in zip(ours, theirs, strict=False):
        assert message.body == capture.message.body
        assert types_on_wire(message.body) == types_on_wire(capture.raw)
    _, call = console.call(GIZMO, ObjectId("singleton", GIZMO, 1), "create_child", {"name": "kid-24890"})
    create_child = captures("op_method_request.cpp.txt")[4]
    assert call.body == create_child.message.body
    assert types_on_wire(call.body) == types_on_wire(create_child.raw)
    (locate,) = captures("op_agent_locate_request.cpp.txt")
    assert console.locate() == locate.message


def test_no_captured_message_is_rejected(agent: Agent, console: Console, capture: Any) -> None:
    agent.receive(capture.message, "", NOW)
    assert not any(isinstance(event, MessageRejected) for event in console.receive(capture.message, 0.0))
