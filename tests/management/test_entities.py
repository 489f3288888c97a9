"""READ, CREATE, UPDATE, DELETE and the operations of a type."""

from __future__ import annotations

from typing import Any

import pytest

from qmfagent.management.message import Status
from tests.management.conftest import NODE, PLAN, SITE, TICKET, Client

DB = {"type": TICKET, "name": "db"}


# -- which entity


@pytest.mark.parametrize(
    "named",
    [
        {"type": TICKET, "name": "db"},
        {"identity": "Ticket:db"},
        {"name": "db"},
        {"type": TICKET, "identity": "Ticket:db"},
        {"type": TICKET, "name": "db", "identity": "Ticket:db"},
    ],
)
def test_an_entity_is_read_by_name_or_identity(client: Client, named: dict[str, str]) -> None:
    response = client.ask("READ", {}, **named)
    assert response.status is Status.OK
    assert isinstance(response.body, dict)
    assert response.body.items() >= {"identity": "Ticket:db", "name": "db", "type": TICKET, "granted": True}.items()


@pytest.mark.parametrize(
    ("named", "status", "words"),
    [
        ({"type": TICKET, "name": "no"}, Status.NOT_FOUND, "there is no Ticket 'no' here; QUERY lists"),
        ({"type": NODE, "identity": "Ticket:db"}, Status.NOT_FOUND, "there is no Node 'Ticket:db' here"),
        ({"identity": "Nonsense:db"}, Status.NOT_FOUND, "there is no entity 'Nonsense:db' here"),
        ({"type": "a.Nonsense", "name": "db"}, Status.NOT_FOUND, f"known are: {SITE}, {TICKET}"),
        ({"name": "web"}, Status.BAD_REQUEST, "could be Ticket:web or Node:web; give the type too"),
        ({"type": TICKET}, Status.BAD_REQUEST, "the request names no entity; give its name or its identity"),
        ({"name": "web", "identity": "Ticket:db"}, Status.BAD_REQUEST, "'Ticket:db' is not called 'web'"),
        ({"type": TICKET, "name": 5}, Status.BAD_REQUEST, "name: expected a string, got an integer"),
        ({"type": TICKET, "name": "x" * 5000}, Status.NOT_FOUND, "..."),
    ],
)
def test_what_names_no_one_entity_is_refused_in_words(
    client: Client, named: dict[str, Any], status: Status, words: str
) -> None:
    for operation in ("READ", "UPDATE", "DELETE", "GRANT"):
        response = client.ask(operation, {}, **named)
        assert response.status is status
        assert words in response.description
        assert len(response.description) < 700
    assert client.calls == []


# -- operations of a type


def test_a_method_is_an_operation(client: Client) -> None:
    client.results["plan"] = {"token": "t1", "plan": {"ticket": "db"}}
    response = client.ask("PLAN", {}, type=SITE, name="paris", ticket="db", adopt="true", traceparent="00-ab-cd-01")
    assert (response.status, response.body) == (Status.OK, client.results["plan"])
    (call,) = client.calls
    assert (call.object_id.object_name, call.class_name, call.method) == ("Site:paris", "Site", "plan")
    assert (call.arguments, call.identity, call.traceparent) == (
        {"ticket": "db", "adopt": True},
        "CN=admin",
        "00-ab-cd-01",
    )


def test_an_operation_is_known_in_whatever_case(client: Client) -> None:
    for operation in ("GRANT", "grant", "Grant"):
        assert client.ask(operation, None, **DB).status is Status.OK
    assert client.called == [("Ticket:db", "grant")] * 3


def test_arguments_come_from_the_body_too(client: Client) -> None:
    client.ask("PLAN", {"ticket": "db"}, type=SITE, name="paris", adopt=True)
    assert client.calls[0].arguments == {"ticket": "db", "adopt": True}


def test_a_method_that_is_called_as_an_operation_of_the_node_is_one_of_its_type(client: Client) -> None:
    assert client.ask("QUERY", {}, type=SITE, name="paris", path="configuration").status is Status.OK
    assert client.called == [("Site:paris", "query")]


@pytest.mark.parametrize(
    ("body", "properties", "words"),
    [
        (None, {}, "Site.plan: argument ticket is missing"),
        (None, {"ticket": "db", "surprise": 1}, "Site.plan has no argument 'surprise'; known are: ticket, adopt"),
        (None, {"ticket": "db", "adopt": "perhaps"}, "adopt: 'perhaps' is not a boolean"),
        (None, {"ticket": "db", "adopt": 1}, "argument adopt: expected a boolean, got the integer 1"),
        ({"ticket": 1}, {}, "argument ticket: expected a string"),
        ({"ticket": "db"}, {"ticket": "db"}, "argument 'ticket' is in the body and in the application properties"),
        ("text", {}, "body: expected a map, got a string"),
        (["db"], {}, "body: expected a map, got a list"),
    ],
)
def test_wrong_arguments_are_a_bad_request(client: Client, body: Any, properties: dict[str, Any], words: str) -> None:
    response = client.ask("PLAN", body, type=SITE, name="paris", **properties)
    assert response.status is Status.BAD_REQUEST
    assert words in response.description
    assert client.calls == []


def test_what_a_type_can_not_do_is_answered_with_what_it_can(client: Client) -> None:
    response = client.ask("FOO", None, **DB)
    assert response.status is Status.NOT_IMPLEMENTED
    assert response.description.endswith(
        "possible are: READ, UPDATE, GRANT, REVOKE, STANDBY, ACTIVATE, PAUSE, RESUME, PIN, UNPIN"
    )


# -- UPDATE


def test_an_update_calls_the_method_of_each_attribute_that_changes(client: Client) -> None:
    response = client.ask("UPDATE", {"granted": "false", "standby": True, "name": "db", "type": TICKET}, **DB)
    assert client.called == [("Ticket:db", "revoke"), ("Ticket:db", "standby")]
    assert response.status is Status.OK
    assert isinstance(response.body, dict)
    assert (response.body["granted"], response.body["standby"], response.body["identity"]) == (False, True, "Ticket:db")


def test_an_update_to_what_is_there_already_calls_nothing(client: Client) -> None:
    whole = client.ask("READ", None, **DB).body
    response = client.ask("UPDATE", whole, **DB)
    assert (response.status, response.body) == (Status.OK, whole)
    assert client.calls == []


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"mode": "automatic"}, Status.FORBIDDEN, "attribute mode of"),
        ({"granted": False, "name": "other"}, Status.FORBIDDEN, "attribute name of"),
        ({"identity": ["Ticket:web"]}, Status.FORBIDDEN, "only these can: granted, standby"),
        ({"resources": ["r1"]}, Status.FORBIDDEN, "attribute resources of"),
        ({"colour": "red"}, Status.BAD_REQUEST, "has no attribute 'colour'; known are: booth, digest, drill_failures"),
        ({"granted": "perhaps"}, Status.BAD_REQUEST, "granted: 'perhaps' is not a boolean"),
        ({"granted": None}, Status.BAD_REQUEST, "attribute granted: expected a boolean, got void"),
        ({"resources": "[1"}, Status.BAD_REQUEST, "resources: '[1' is not a list, as JSON"),
        ("granted", Status.BAD_REQUEST, "body: expected a map"),
    ],
)
def test_what_can_not_be_updated_is_refused_by_name_and_nothing_is_done(
    client: Client, body: Any, status: Status, words: str
) -> None:
    response = client.ask("UPDATE", body, **DB)
    assert response.status is status
    assert words in response.description
    assert client.calls == []


def test_a_type_without_changeable_attributes_says_so(client: Client) -> None:
    response = client.ask("UPDATE", {"standby": True}, type=NODE, name="n1")
    assert (response.status, "none of its attributes can" in response.description) == (Status.FORBIDDEN, True)


# -- CREATE and DELETE


def test_a_plan_is_created_by_planning(client: Client) -> None:
    client.results["plan"] = {"token": "t1", "plan": {}}
    client.objects.add("Plan:t1", token="t1", ticket="db", changes=4)
    response = client.ask("CREATE", {"type": PLAN, "ticket": "db", "adopt": "true", "name": None}, type=PLAN)
    assert (response.status, response.description) == (Status.CREATED, "Created")
    assert isinstance(response.body, dict)
    assert response.body.items() >= {"identity": "Plan:t1", "name": "t1", "type": PLAN, "changes": 4}.items()
    (call,) = client.calls
    assert (call.object_id.object_name, call.method) == ("Site:paris", "plan")
    assert call.arguments == {"ticket": "db", "adopt": True}


def test_where_there_is_nothing_to_plan_nothing_is_created(client: Client) -> None:
    client.results["plan"] = {"token": "", "plan": {}}
    response = client.ask("CREATE", {"ticket": "db"}, type=PLAN)
    assert (response.status, response.description) == (Status.CONFLICT, "Conflict: nothing to plan")


@pytest.mark.parametrize(
    ("body", "properties", "status", "words"),
    [
        ({"ticket": "db"}, {"type": PLAN, "name": "mine"}, Status.BAD_REQUEST, "a Plan is given its name by the agent"),
        ({"ticket": "db", "identity": "Plan:x"}, {"type": PLAN}, Status.BAD_REQUEST, "leave name and identity out"),
        ({}, {"type": PLAN}, Status.BAD_REQUEST, "argument ticket is missing"),
        ({"name": "n3"}, {"type": NODE, "name": "n3"}, Status.NOT_IMPLEMENTED, "can't be created; possible are: READ"),
        ({}, {"type": "a.b"}, Status.NOT_FOUND, "there is no entity type 'a.b' here"),
        ({}, {"name": "n3"}, Status.NOT_FOUND, "there is no entity type '' here"),
    ],
)
def test_what_can_not_be_created_is_refused(
    client: Client, body: Any, properties: dict[str, Any], status: Status, words: str
) -> None:
    response = client.ask("CREATE", body, **properties)
    assert response.status is status
    assert words in response.description
    assert client.calls == []


def test_a_plan_is_deleted_by_discarding_it(client: Client) -> None:
    client.objects.add("Plan:t1", token="t1")
    response = client.ask("DELETE", None, type=PLAN, name="t1")
    assert (response.status, response.description, response.body) == (Status.NO_CONTENT, "No Content", {})
    assert client.called == [("Plan:t1", "discard")]


def test_nothing_else_can_be_deleted(client: Client) -> None:
    response = client.ask("DELETE", None, **DB)
    assert response.status is Status.NOT_IMPLEMENTED
    assert "can't be deleted; possible are: READ, UPDATE, GRANT" in response.description
