"""Answers to queries: what each selects, and what is wrong with the others."""

from __future__ import annotations

from typing import Any

import pytest

from qmfagent.errors import ProtocolError
from qmfagent.qmf.queries import answer_query
from qmfagent.qmf.schema import Schema

NAME = "clusterlabs.org:qmfagent:north"


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        ({"_schema_id": {"_class_name": "Node"}, "_where": ["eq", "online", True]}, ["Node:n1", "Node:n10"]),
        ({"_schema_id": {"_class_name": "Node", "_package_name": "org.clusterlabs.qmfagent"}, "_where": []}, 3),
        ({"_schema_id": {"_class_name": "Node", "_package_name": "org.example"}}, []),
        ({"_schema_id": {"_class_name": "Disk"}}, []),
        ({"_schema_id": {"_class_name": "applied", "_type": "_event"}}, []),
        ({"_schema_id": {"_class_name": "Ticket"}}, []),
        ({"_object_id": {"_object_name": "Node:n2"}}, ["Node:n2"]),
        ({"_object_id": {"_object_name": "Node:n2", "_agent_name": NAME, "_agent_epoch": 1}}, ["Node:n2"]),
        ({"_object_id": {"_object_name": "Node:n2", "_agent_name": "v:p:other"}}, []),
        ({"_object_id": {"_object_name": "Node:n3"}}, []),
        ({"_object_id": {"_object_name": "Node:n2"}, "_where": ["eq", "online", True]}, []),
    ],
)
def test_objects_are_selected(schema: Schema, objects: Any, selection: dict[str, Any], found: list[str] | int) -> None:
    content, items = answer_query({"_what": "OBJECT", **selection}, schema, objects, NAME)
    names = [item["_object_id"]["_object_name"] for item in items]
    assert content == "_data"
    assert (len(names) if isinstance(found, int) else names) == found


def test_an_object_is_answered_whole(schema: Schema, objects: Any) -> None:
    query = {"_what": "OBJECT", "_object_id": {"_object_name": "Node:n1"}}
    assert answer_query(query, schema, objects, NAME)[1] == [
        {
            "_object_id": {"_object_name": "Node:n1", "_agent_name": NAME},
            "_schema_id": schema.object_class("Node").id.to_map(),
            "_values": {"name": "n1", "site": "north", "id": "1", "online": True, "standby": False},
        }
    ]


def test_ids_of_objects(schema: Schema, objects: Any) -> None:
    query = {"_what": "OBJECT_ID", "_schema_id": {"_class_name": "Site"}}
    expected = [{"_object_name": "Site:north", "_agent_name": NAME}]
    assert answer_query(query, schema, objects, NAME) == ("_object_id", expected)


def test_schema_ids_are_those_of_all_classes_and_events(schema: Schema, objects: Any) -> None:
    expected = [item.id.to_map() for item in schema.classes + schema.events]
    assert answer_query({"_what": "SCHEMA_ID"}, schema, objects, NAME) == ("_schema_id", expected)


def test_one_schema(schema: Schema, objects: Any) -> None:
    site = schema.object_class("Site")
    query = {"_what": "SCHEMA", "_schema_id": site.id.to_map()}
    assert answer_query(query, schema, objects, NAME) == ("_schema", [site.to_map()])
    query = {"_what": "SCHEMA", "_schema_id": {"_class_name": "Disk"}}
    assert answer_query(query, schema, objects, NAME) == ("_schema", [])


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "query: _what is missing"),
        ({"_what": 1}, "query: _what: expected a string, got an integer"),
        ({"_what": "CAKE"}, "_what 'CAKE' is unknown"),
        ({"_what": "OBJECT"}, "neither a class nor an object"),
        ({"_what": "SCHEMA"}, "_schema_id is missing"),
        ({"_what": "OBJECT", "_schema_id": "Node"}, "_schema_id: expected a map, got a string"),
        ({"_what": "OBJECT", "_schema_id": {}}, "_class_name is missing"),
        ({"_what": "OBJECT", "_object_id": {}}, "_object_name is missing"),
        ({"_what": "OBJECT", "_schema_id": {"_class_name": "Node"}, "_where": "x"}, "_where: expected a list"),
        ({"_what": "OBJECT", "_schema_id": {"_class_name": "Node"}, "_where": ["xor"]}, "unknown operator 'xor'"),
    ],
)
def test_a_wrong_query_is_refused(schema: Schema, objects: Any, body: dict[str, Any], text: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        answer_query(body, schema, objects, NAME)
    assert text in str(caught.value)
