"""Answers to queries: what a `_query_request` asks for, found in the schema and in the agent's objects.

Rules of this file: a query for what is not there has an empty answer, since consoles ask many agents at once; only a
query that is wrong in itself is a ProtocolError. The predicate `_where` is read before any object is looked at.
Source: qpid-cpp src/qmf/Query.cpp, src/qmf/AgentSession.cpp (handleQueryRequest, handleSchemaRequest).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from qmfagent.errors import ProtocolError
from qmfagent.qmf.classes import DATA, SchemaId
from qmfagent.qmf.data import Data, ObjectId
from qmfagent.qmf.fields import optional, required, shown
from qmfagent.qmf.opcodes import CONTENT_DATA, CONTENT_OBJECT_ID, CONTENT_SCHEMA, CONTENT_SCHEMA_ID
from qmfagent.qmf.predicate import compile_predicate
from qmfagent.qmf.schema import Schema

_WHERE = "query"


class ObjectSource(Protocol):
    """Where an agent finds its objects. Both methods may raise QmfAgentError: the request is answered with it."""

    def objects(self, class_name: str) -> Iterable[Data]:
        """All objects of a class of the agent's schema, in the order they are to be answered in."""

    def find(self, object_name: str) -> Data | None:
        """The object of that name, or None."""


def answer_query(
    query: Mapping[str, Any], schema: Schema, source: ObjectSource, agent_name: str
) -> tuple[str, list[dict[str, Any]]]:
    """Answer one query: the content of the response (the qmf.content property) and its items as maps.

    Raises ProtocolError for a query that is wrong, and whatever QmfAgentError the source raises.
    """
    what = required(query, "_what", str, _WHERE)
    if what == "SCHEMA_ID":
        return CONTENT_SCHEMA_ID, [item.id.to_map() for item in schema.classes + schema.events]
    if what == "SCHEMA":
        found = schema.find(SchemaId.from_map(required(query, "_schema_id", dict, _WHERE)))
        return CONTENT_SCHEMA, [] if found is None else [found.to_map()]
    if what not in ("OBJECT", "OBJECT_ID"):
        raise ProtocolError(
            f"query: _what {shown(what)} is unknown", hint="known are OBJECT, OBJECT_ID, SCHEMA and SCHEMA_ID"
        )
    holds = compile_predicate(optional(query, "_where", list, _WHERE, []))
    found_objects = (item for item in _candidates(query, schema, source, agent_name) if holds(item.values))
    if what == "OBJECT":
        return CONTENT_DATA, [item.to_map(agent_name) for item in found_objects]
    return CONTENT_OBJECT_ID, [item.to_map(agent_name)["_object_id"] for item in found_objects]


def find_object(object_id: ObjectId, source: ObjectSource, agent_name: str) -> Data | None:
    """The object that an id names, None where it names none of this agent.

    An id without agent name is taken as ours, as qpidd does. Its epoch is not compared: our objects are persistent.
    """
    return source.find(object_id.object_name) if object_id.agent_name in ("", agent_name) else None


def _candidates(query: Mapping[str, Any], schema: Schema, source: ObjectSource, agent_name: str) -> Iterator[Data]:
    """The objects that a query names by id or by class, before its predicate."""
    if query.get("_object_id") is not None:
        object_id = ObjectId.from_map(required(query, "_object_id", dict, _WHERE))
        found = find_object(object_id, source, agent_name)
        return iter(() if found is None else (found,))
    if query.get("_schema_id") is None:
        raise ProtocolError("the query names neither a class nor an object", hint="give _schema_id or _object_id")
    schema_class = schema.find(SchemaId.from_map(required(query, "_schema_id", dict, _WHERE)))
    if schema_class is None or schema_class.id.kind != DATA:
        return iter(())
    return iter(source.objects(schema_class.name))
