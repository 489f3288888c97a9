"""What the node tells of itself: types, attributes, operations, annotations, other nodes."""

from __future__ import annotations

import pytest

from qmfagent.management.entities import KEYS
from qmfagent.management.message import Status
from qmfagent.qmf.schema import Schema
from tests.management.conftest import MANAGEMENT, PACKAGE, Client


def test_every_class_is_a_type_with_a_dotted_name_that_extends_nothing(client: Client, schema: Schema) -> None:
    response = client.ask("GET-TYPES", {}, **MANAGEMENT)
    assert (response.status, response.description) == (Status.OK, "OK")
    assert response.body == {f"{PACKAGE}.{item.name}": [] for item in schema.classes}
    assert client.ask("GET-ANNOTATIONS", {}, **MANAGEMENT).body == response.body


def test_attributes_are_the_properties_and_name_identity_and_type(client: Client, schema: Schema) -> None:
    body = client.ask("GET-ATTRIBUTES", {}, **MANAGEMENT).body
    for item in schema.classes:
        expected = {prop.name for prop in item.properties} | {"name", "identity", "type"}
        assert body[f"{PACKAGE}.{item.name}"] == sorted(expected)


def test_operations_are_what_is_possible_and_the_methods(client: Client) -> None:
    body = client.ask("GET-OPERATIONS", {}, **MANAGEMENT).body
    assert body[f"{PACKAGE}.Ticket"] == [
        "READ",
        "UPDATE",
        "GRANT",
        "REVOKE",
        "STANDBY",
        "ACTIVATE",
        "PAUSE",
        "RESUME",
        "PIN",
        "UNPIN",
    ]
    assert body[f"{PACKAGE}.Plan"] == ["CREATE", "READ", "DELETE", "APPLY", "DISCARD"]
    assert body[f"{PACKAGE}.Node"] == ["READ"]


def test_entity_type_restricts_the_answer(client: Client) -> None:
    for operation in ("GET-TYPES", "GET-ATTRIBUTES", "GET-OPERATIONS", "GET-ANNOTATIONS"):
        assert list(client.ask(operation, {}, entityType=f"{PACKAGE}.Ticket", **MANAGEMENT).body) == [
            f"{PACKAGE}.Ticket"
        ]
        unknown = client.ask(operation, {}, entityType="org.apache.qpid.dispatch.Ticket", **MANAGEMENT)
        assert unknown.status is Status.NOT_FOUND
        assert f"{PACKAGE}.Ticket" in unknown.description


def test_management_nodes_are_listed(client: Client) -> None:
    client.nodes = ["amqp://here/$management", "amqp://there/$management"]
    assert client.ask("GET-MGMT-NODES", None, **MANAGEMENT).body == client.nodes


@pytest.mark.parametrize("named", [{}, {"name": "self"}, {"identity": "self"}, {"type": "org.amqp.management"}])
def test_what_names_nothing_else_is_for_the_node(client: Client, named: dict[str, str]) -> None:
    assert client.ask("get-types", None, **named).status is Status.OK


def test_the_node_tells_what_it_can_do(client: Client) -> None:
    response = client.ask("GET-SCHEMA", {}, **MANAGEMENT)
    assert response.status is Status.NOT_IMPLEMENTED
    assert "QUERY, GET-TYPES, GET-ATTRIBUTES" in response.description


def test_no_property_or_method_of_the_schema_is_hidden(schema: Schema) -> None:
    for item in schema.classes:
        assert not {method.name.upper() for method in item.methods} & {"CREATE", "READ", "UPDATE", "DELETE"}
        assert {prop.name for prop in item.properties} & set(KEYS) <= {"name"}
