"""Answers to queries: what a `_query_request` asks for, found in the schema and in the agent's objects.

Rules of this file: a query for what is not there has an empty answer, since consoles ask many agents at once; only a
query that is wrong in itself is a ProtocolError. The predicate `_where` is read before any object is looked at.
Source: qpid-cpp src/qmf/Query.cpp, src/qmf/AgentSession.cpp (handleQueryRequest, handleSchemaRequest).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from qmfagent.errors import ProtocolError
from qmfagent.qmf.classes import DATA, SchemaId
from qmfagent.qmf.data import Data, ObjectId
from qmfagent.qmf.fields import optional, required, shown
from qmfagent.qmf.opcodes import CONTENT_DATA, CONTENT_OBJECT_ID, CONTENT_SCHEMA, CONTENT_SCHEMA_ID
from qmfagent.qmf.predicate import Predicate, compile_predicate
from qmfagent.qmf.schema import Schema

_WHERE = "query"


class ObjectSource(Protocol):
    """Where an agent finds its objects. Both methods may raise QmfAgentError: the request is answered with it."""

    def objects(self, class_name: str) -> Iterable[Data]:
        """All objects of a class of the agent's schema, in the order they are to be answered in."""

    def find(self, object_name: str) -> Data | None:
        """The object of that name, or None."""


@dataclass(frozen=True, slots=True)
class ObjectQuery:
    """Which objects of an agent a query selects: one by its name, or those of a class, that a predicate holds for.

    Both names are empty where it names what this agent does not have: then it selects nothing.
    """

    object_name: str
    class_name: str
    where: list[Any] = field(hash=False)

    @classmethod
    def read(cls, query: Mapping[str, Any], schema: Schema, agent_name: str) -> ObjectQuery:
        """Read a query. Raises ProtocolError where it is wrong, its predicate included."""
        where = optional(query, "_where", list, _WHERE, [])
        compile_predicate(where)
        if query.get("_object_id") is not None:
            object_id = ObjectId.from_map(required(query, "_object_id", dict, _WHERE))
            return cls(object_id.object_name if is_ours(object_id, agent_name) else "", "", where)
        if query.get("_schema_id") is None:
            raise ProtocolError("the query names neither a class nor an object", hint="give _schema_id or _object_id")
        schema_class = schema.find(SchemaId.from_map(required(query, "_schema_id", dict, _WHERE)))
        known = schema_class is not None and schema_class.id.kind == DATA
        return cls("", schema_class.name if schema_class and known else "", where)

    def predicate(self) -> Predicate:
        """The predicate, compiled afresh: re_match has a budget of work, which is for one look at all objects."""
        return compile_predicate(self.where)

    def names(self, data: Data) -> bool:
        """Whether it names this object, whatever its predicate says of the values."""
        if self.object_name:
            return data.object_id.object_name == self.object_name
        return data.class_name == self.class_name

    def objects(self, source: ObjectSource) -> Iterator[Data]:
        """The objects that it selects. Raises what the source raises, and ProtocolError where re_match is too much work."""
        holds = self.predicate()
        return (item for item in self._candidates(source) if holds(item.values))

    def _candidates(self, source: ObjectSource) -> Iterable[Data]:
        if self.object_name:
            found = source.find(self.object_name)
            return () if found is None else (found,)
        return source.objects(self.class_name) if self.class_name else ()


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
    objects = ObjectQuery.read(query, schema, agent_name).objects(source)
    if what == "OBJECT":
        return CONTENT_DATA, [item.to_map(agent_name) for item in objects]
    return CONTENT_OBJECT_ID, [item.to_map(agent_name)["_object_id"] for item in objects]


def is_ours(object_id: ObjectId, agent_name: str) -> bool:
    """Whether an id can name an object of this agent.

    An id without agent name is taken as ours, as qpidd does. Its epoch is not compared: our objects are persistent.
    """
    return object_id.agent_name in ("", agent_name)
