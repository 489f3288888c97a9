"""The agent's half: what it answers, what it does not, and what it tells everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from qmfagent.errors import ConfigError, Disconnected, Refused, SchemaError
from qmfagent.qmf.agent import Agent, MethodCall
from qmfagent.qmf.data import Data
from qmfagent.qmf.message import Address, Message
from qmfagent.qmf.opcodes import ErrorCode
from qmfagent.qmf.schema import Schema

NOW = 1_795_487_610_000_000_000
NAME = "clusterlabs.org:qmfagent:north"
REPLY_TO = Address("qmf.default.direct", "console-1.async")


def request(opcode: str, body: Any, **changes: Any) -> Message:
    message = Message(
        Address("qmf.default.direct", NAME), opcode, "request", body, correlation_id="7", reply_to=REPLY_TO
    )
    return replace(message, **changes)


def answers(agent: Agent, message: Message) -> list[Message]:
    result = agent.receive(message, "operator", NOW)
    assert all(isinstance(item, Message) for item in result)
    for item in result:
        assert (item.to, item.correlation_id, item.agent) == (REPLY_TO, message.correlation_id, NAME)
    return result  # type: ignore[return-value]


def failure(agent: Agent, message: Message) -> tuple[int, str]:
    """The code and text of the one exception that a message is answered with."""
    (answer,) = answers(agent, message)
    assert (answer.opcode, answer.method, answer.content) == ("_exception", "response", "_data")
    assert isinstance(answer.body, dict)
    return answer.body["_values"]["error_code"], answer.body["_values"]["error_text"]


def query(agent: Agent, body: Any) -> list[Message]:
    """The parts of the answer to a query; all but the last are marked as partial."""
    parts = answers(agent, request("_query_request", body))
    for part in parts:
        assert (part.opcode, part.method) == ("_query_response", "response")
        assert part.content == parts[0].content
    assert [part.partial for part in parts] == [True] * (len(parts) - 1) + [False]
    return parts


def names(parts: list[Message]) -> list[str]:
    return [item["_object_id"]["_object_name"] for part in parts for item in part.body or ()]


def call_body(method: str = "plan", arguments: Any = None, name: str = "Site:north") -> dict[str, Any]:
    body = {"_method_name": method, "_object_id": {"_object_name": name, "_agent_name": NAME}}
    return body if arguments is None else {**body, "_arguments": arguments}


# -- who it is


@pytest.mark.parametrize("name", [("", "p", "i"), ("v", "", "i"), ("v", "p", ""), ("v:w", "p", "i"), ("v", "p:q", "i")])
def test_a_name_that_consoles_could_not_take_apart_is_refused(
    schema: Schema, objects: Any, name: tuple[str, str, str]
) -> None:
    with pytest.raises(ConfigError, match="can't name an agent"):
        Agent(*name, schema=schema, source=objects)


def test_addresses(agent: Agent, schema: Schema, objects: Any) -> None:
    route = "direct-agent.route.9b679a98-0d12-4d85-ba69-137bdbc4c8a6"
    assert agent.addresses() == [
        Address("qmf.default.topic", "console.#"),
        Address("qmf.default.topic", route),
        Address("qmf.default.direct", NAME),
    ]
    alone = Agent("v", "p", "i", schema=schema, source=objects, answer_broker=True)
    assert Address("qmf.default.direct", "broker") in alone.addresses()
    assert alone.addresses()[1] != agent.addresses()[1]


# -- locate


@pytest.mark.parametrize("predicate", [[], None, ["eq", "site", ["quote", "north"]], ["exists", "_epoch"]])
def test_locate_is_answered_with_all_attributes(agent: Agent, predicate: Any) -> None:
    (answer,) = answers(agent, request("_agent_locate_request", predicate, correlation_id="agent-locate"))
    assert (answer.opcode, answer.method) == ("_agent_locate_response", "indication")
    assert answer.body == {
        "_values": {
            "site": "north",
            "_vendor": "clusterlabs.org",
            "_product": "qmfagent",
            "_instance": "north",
            "_name": NAME,
            "_epoch": 1,
            "_heartbeat_interval": 10,
            "_timestamp": NOW,
            "_direct_subject": "direct-agent.route.9b679a98-0d12-4d85-ba69-137bdbc4c8a6",
            "_schema_updated": NOW,
            "qmf.agent_capability": 1,
        }
    }


def test_locate_of_others_is_not_answered(agent: Agent) -> None:
    assert answers(agent, request("_agent_locate_request", ["eq", "site", ["quote", "south"]])) == []


def test_locate_by_the_name_broker_echoes_its_correlation_id(agent: Agent) -> None:
    broker = Address("qmf.default.direct", "broker")
    (answer,) = answers(agent, request("_agent_locate_request", None, to=broker, correlation_id="broker-locate"))
    assert answer.opcode == "_agent_locate_response"


def test_own_attributes_can_not_hide_those_of_qmf(schema: Schema, objects: Any) -> None:
    agent = Agent("v", "p", "i", schema=schema, source=objects, attributes={"_name": "w:q:j"})
    body = agent.heartbeat(NOW).body
    assert isinstance(body, dict)
    assert body["_values"]["_name"] == "v:p:i"


# -- queries


def test_objects_of_a_class_come_in_parts(agent: Agent) -> None:
    parts = query(agent, {"_what": "OBJECT", "_schema_id": {"_class_name": "Node"}})
    assert [len(part.body or ()) for part in parts] == [2, 1]
    assert parts[0].content == "_data"
    assert names(parts) == ["Node:n1", "Node:n2", "Node:n10"]
    assert isinstance(parts[0].body, list)
    first = parts[0].body[0]
    assert first["_values"] == {"name": "n1", "site": "north", "id": "1", "online": True, "standby": False}
    assert first["_object_id"] == {"_object_name": "Node:n1", "_agent_name": NAME}
    assert first["_schema_id"] == agent.schema.object_class("Node").id.to_map()


def test_exactly_one_full_part_is_not_followed_by_an_empty_one(agent: Agent) -> None:
    where = ["re_match", "name", ["quote", "^n[12]$"]]
    parts = query(agent, {"_what": "OBJECT", "_schema_id": {"_class_name": "Node"}, "_where": where})
    assert [len(part.body or ()) for part in parts] == [2]


def test_a_wrong_query_is_answered_with_what_is_wrong(agent: Agent) -> None:
    code, text = failure(agent, request("_query_request", {"_what": "CAKE"}))
    assert code == ErrorCode.INVALID_PARAMETER
    assert "_what 'CAKE' is unknown" in text
    assert failure(agent, request("_query_request", None)) == (4, "query: expected a map, got void")


def test_a_predicate_that_gets_too_much_work_is_one_exception_and_no_part_of_an_answer(
    schema: Schema, node: Callable[..., Data]
) -> None:
    class Many:
        def objects(self, class_name: str) -> Iterator[Data]:
            return (node("n" * 500) for _ in range(10_000))

        def find(self, object_name: str) -> Data | None:
            return None

    agent = Agent("clusterlabs.org", "qmfagent", "north", schema=schema, source=Many(), chunk=2)
    where = ["re_match", "name", ["quote", ".*.*="]]
    body = {"_what": "OBJECT", "_schema_id": {"_class_name": "Node"}, "_where": where}
    code, text = failure(agent, request("_query_request", body))
    assert code == ErrorCode.INVALID_PARAMETER
    assert "too much work" in text


@pytest.mark.parametrize(
    ("error", "reason"),
    [(Disconnected("the CIB daemon is gone", hint="start pacemaker"), ""), (Refused("not-yours", "no"), "not-yours")],
)
def test_a_source_that_fails_is_an_exception_too(schema: Schema, error: Exception, reason: str) -> None:
    class Broken:
        def objects(self, class_name: str) -> Iterator[Data]:
            raise error

        def find(self, object_name: str) -> Data | None:
            raise error

    agent = Agent("clusterlabs.org", "qmfagent", "north", schema=schema, source=Broken())
    for message in (
        request("_query_request", {"_what": "OBJECT", "_schema_id": {"_class_name": "Node"}}),
        request("_method_request", call_body()),
    ):
        (answer,) = answers(agent, message)
        assert isinstance(answer.body, dict)
        values = answer.body["_values"]
        assert (values["error_code"], values["error_text"]) == (ErrorCode.EXCEPTION, str(error))
        assert values.get("reason", "") == reason


# -- methods


def call(agent: Agent, body: Any) -> MethodCall:
    (result,) = agent.receive(request("_method_request", body), "operator", NOW)
    assert isinstance(result, MethodCall)
    return result


def test_a_method_request_becomes_a_call_with_defaults(agent: Agent) -> None:
    result = call(agent, call_body("plan", {"ticket": "db"}))
    assert (result.class_name, result.method, result.identity) == ("Site", "plan", "operator")
    assert result.object_id.object_name == "Site:north"
    assert result.arguments == {"ticket": "db", "adopt": False}


def test_arguments_may_be_left_out_altogether(agent: Agent) -> None:
    query = agent.schema.object_class("Site").method("query")
    assert query is not None
    defaults = {argument.name: argument.default for argument in query.arguments if argument.dir == "I"}
    assert call(agent, call_body("query")).arguments == defaults
    assert defaults


def test_success_is_answered_with_checked_results(agent: Agent) -> None:
    pending = call(agent, call_body("query", {}))
    answer = agent.succeed(pending, {"xml": "<cib/>", "version": "0.1.2"})
    assert answer == Message(
        REPLY_TO,
        "_method_response",
        "response",
        {"_arguments": {"xml": "<cib/>", "version": "0.1.2"}},
        agent=NAME,
        correlation_id="7",
    )
    with pytest.raises(SchemaError, match=r"Site\.query: argument version is missing"):
        agent.succeed(pending, {"xml": "<cib/>"})
    with pytest.raises(SchemaError, match=r"Site\.query: argument xml: expected a string, got the integer 1"):
        agent.succeed(pending, {"xml": 1, "version": ""})


def test_failure_is_answered_with_code_text_and_reason(agent: Agent) -> None:
    answer = agent.fail(call(agent, call_body("query", {})), ErrorCode.FORBIDDEN, "no", "not-an-operator")
    assert (answer.to, answer.opcode, answer.correlation_id) == (REPLY_TO, "_exception", "7")
    assert answer.body == {"_values": {"error_text": "no", "error_code": 6, "reason": "not-an-operator"}}
    plain = agent.fail(call(agent, call_body("query", {})), ErrorCode.EXCEPTION, "broken")
    assert plain.body == {"_values": {"error_text": "broken", "error_code": 7}}


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        ([], ErrorCode.INVALID_PARAMETER, "method request: expected a map, got a list"),
        ({"_method_name": "plan"}, ErrorCode.INVALID_PARAMETER, "_object_id is missing"),
        ({"_object_id": {"_object_name": "Site:north"}}, ErrorCode.INVALID_PARAMETER, "_method_name is missing"),
        (call_body(name="Site:south"), ErrorCode.UNKNOWN_OBJECT, f"agent {NAME} has no object 'Site:south'"),
        (
            {"_method_name": "plan", "_object_id": {"_object_name": "Site:north", "_agent_name": "v:p:i"}},
            ErrorCode.UNKNOWN_OBJECT,
            "has no object",
        ),
        (
            call_body("explode"),
            ErrorCode.UNKNOWN_METHOD,
            "class Site has no method 'explode'; known are: query, publication, plan, apply",
        ),
        (call_body("explode", name="Node:n1"), ErrorCode.UNKNOWN_METHOD, "known are: none"),
        (call_body("plan", {}), ErrorCode.INVALID_PARAMETER, "Site.plan: argument ticket is missing"),
        (call_body("plan", []), ErrorCode.INVALID_PARAMETER, "_arguments: expected a map, got a list"),
        (
            call_body("plan", {"ticket": 1}),
            ErrorCode.INVALID_PARAMETER,
            "Site.plan: argument ticket: expected a string, got the integer 1",
        ),
        (call_body("plan", {"ticket": "db", "nosuch": 1}), ErrorCode.INVALID_PARAMETER, "no argument 'nosuch'"),
        (call_body("plan", {"ticket": "db", "token": ""}), ErrorCode.INVALID_PARAMETER, "no argument 'token'"),
    ],
)
def test_a_wrong_method_request_is_answered_with_what_is_wrong(
    agent: Agent, body: Any, code: ErrorCode, text: str
) -> None:
    got_code, got_text = failure(agent, request("_method_request", body))
    assert got_code == code
    assert text in got_text


def test_subtypes_of_arguments_are_no_trouble(agent: Agent) -> None:
    body = {**call_body("plan", {"ticket": "db"}), "_subtypes": {"ticket": "reference"}}
    assert call(agent, body).arguments == {"ticket": "db", "adopt": False}


# -- whatever else comes


def test_a_request_that_is_not_looked_at_is_refused_where_it_is_one(agent: Agent) -> None:
    refusal = Refused("busy", "too many requests", hint="try again later")
    for method in ("request", ""):
        (answer,) = agent.refuse(request("_query_request", None, method=method), refusal)
        assert (answer.to, answer.correlation_id, answer.opcode) == (REPLY_TO, "7", "_exception")
        assert answer.body["_values"]["reason"] == "busy"  # type: ignore[index, call-overload]
    for message in (
        request("_query_request", None, reply_to=None),
        request("_query_response", None, method="response"),
        request("", None, method=""),
    ):
        assert agent.refuse(message, refusal) == []


def test_qpids_python_console_leaves_the_method_out(agent: Agent) -> None:
    code, _ = failure(agent, request("_shiny_request", {}, method=""))
    assert code == ErrorCode.NOT_IMPLEMENTED


def test_an_unknown_request_is_answered_once(agent: Agent) -> None:
    code, text = failure(agent, request("_shiny_request", {}))
    assert (code, text) == (ErrorCode.NOT_IMPLEMENTED, "opcode '_shiny_request' is not implemented")


@pytest.mark.parametrize(
    "message",
    [
        request("_query_request", {"_what": "SCHEMA_ID"}, reply_to=None),
        request("_method_request", call_body("query"), reply_to=None),
        request("_exception", {"_values": {}}, method="response"),
        request("_data_indication", [], method="indication"),
        request("_agent_locate_response", {"_values": {}}, method="indication"),
        request("_shiny_request", [], to=Address("qmf.default.topic", "console.request.shiny")),
        request("", None, method=""),
        request("", b"AM2S", method="request"),
    ],
)
def test_what_is_no_request_to_us_is_not_answered(agent: Agent, message: Message) -> None:
    assert agent.receive(message, "operator", NOW) == []


def test_an_absent_correlation_id_stays_absent(agent: Agent) -> None:
    message = request("_query_request", {"_what": "SCHEMA_ID"}, correlation_id=None)
    assert {item.correlation_id for item in answers(agent, message)} == {None}


# -- indications


def test_heartbeat(agent: Agent) -> None:
    heartbeat = agent.heartbeat(NOW)
    assert heartbeat.to == Address("qmf.default.topic", "agent.ind.heartbeat.clusterlabs_org.qmfagent.north")
    assert (heartbeat.opcode, heartbeat.method) == ("_agent_heartbeat_indication", "indication")
    assert (heartbeat.agent, heartbeat.correlation_id, heartbeat.ttl) == (NAME, None, 20.0)
    assert isinstance(heartbeat.body, dict)
    assert heartbeat.body["_values"]["_timestamp"] == NOW


EVENT_VALUES = {
    "site": "north",
    "ticket": "db",
    "publisher": "south",
    "digest": "00",
    "reason": "holder",
    "message": "the ticket is held here",
    "by": "automatic",
}


def test_event(agent: Agent, schema: Schema) -> None:
    event = agent.event("apply_failed", EVENT_VALUES, NOW)
    assert event.to == Address(
        "qmf.default.topic",
        "agent.ind.event.org_clusterlabs_qmfagent.apply_failed.error.clusterlabs_org.qmfagent.north",
    )
    assert (event.opcode, event.method, event.content) == ("_data_indication", "indication", "_event")
    assert (event.correlation_id, event.agent) == (None, NAME)
    assert event.body == [
        {
            "_schema_id": schema.event_class("apply_failed").id.to_map(),
            "_values": EVENT_VALUES,
            "_severity": 3,
            "_timestamp": NOW,
        }
    ]


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("exploded", {}, "has no event 'exploded'"),
        ("apply_failed", {**EVENT_VALUES, "by": 1}, "apply_failed.by: expected a string"),
        ("apply_failed", {"site": "north"}, "apply_failed.ticket is missing"),
        ("apply_failed", {**EVENT_VALUES, "colour": ""}, "apply_failed has no property 'colour'"),
    ],
)
def test_an_event_that_does_not_fit_the_schema_is_not_sent(
    agent: Agent, name: str, values: dict[str, Any], text: str
) -> None:
    with pytest.raises(SchemaError) as caught:
        agent.event(name, values, NOW)
    assert text in str(caught.value)


def test_changed_and_deleted_objects_are_told_by_class_in_parts(
    agent: Agent, objects: Any, node: Callable[..., Data]
) -> None:
    gone = node("n3").deleted(NOW)
    messages = agent.data_indication([gone, *objects.items])
    prefix = "agent.ind.data.org_clusterlabs_qmfagent"
    assert [message.to.subject for message in messages] == [
        f"{prefix}.Node.clusterlabs_org.qmfagent.north",
        f"{prefix}.Node.clusterlabs_org.qmfagent.north",
        f"{prefix}.Site.clusterlabs_org.qmfagent.north",
    ]
    assert names(messages) == ["Node:n3", "Node:n1", "Node:n2", "Node:n10", "Site:north"]
    assert isinstance(messages[0].body, list)
    assert messages[0].body[0]["_delete_ts"] == NOW
    for message in messages:
        assert (message.opcode, message.method, message.content) == ("_data_indication", "indication", "_data")
        assert (message.correlation_id, message.partial, message.agent) == (None, False, NAME)
    assert agent.data_indication([]) == []


# -- what the caller adds


def test_announced_attributes_change_but_not_who_it_is(agent: Agent) -> None:
    agent.announce({"seq": 7})
    (located,) = answers(agent, request("_agent_locate_request", []))
    for body in (located.body, agent.heartbeat(NOW).body):
        assert isinstance(body, dict)
        assert (body["_values"]["seq"], body["_values"]["_name"]) == (7, NAME)


def test_a_request_is_refused_unread(agent: Agent) -> None:
    (answer,) = agent.refuse(request("_query_request", None), Refused("too-large", "too much", hint="ask for less"))
    assert (answer.to, answer.correlation_id, answer.opcode) == (REPLY_TO, "7", "_exception")
    assert isinstance(answer.body, dict)
    assert answer.body["_values"]["error_text"] == "too much; ask for less"
    assert answer.body["_values"]["reason"] == "too-large"


@pytest.mark.parametrize("changes", [{"reply_to": None}, {"method": "indication"}, {"opcode": "", "method": ""}])
def test_only_a_request_with_an_address_is_refused(agent: Agent, changes: dict[str, Any]) -> None:
    assert agent.refuse(replace(request("_query_request", None), **changes), Refused("x", "x")) == []
