"""What a client wrote, as the schema wants it.

Rules of this file: text becomes what the type asks for, since tools send what was typed on a command line; everything else is
taken as it is, and a value that does not fit is a SchemaError, as in QMF. Argument values are never printed in full.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from qmfagent.errors import SchemaError
from qmfagent.management.message import Request
from qmfagent.qmf.classes import Argument, Property
from qmfagent.qmf.fields import expect, kind_of, shown
from qmfagent.qmf.value_type import ValueType

RESERVED = frozenset({"operation", "type", "name", "identity", "locales", "traceparent", "tracestate"})
"""Application properties that are never arguments of a method."""
_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def body_map(request: Request) -> Mapping[str, Any]:
    """The body as a map, empty where there is none. Raises ProtocolError for a body of another type."""
    return {} if request.body is None else expect(request.body, dict, "body")


def text_property(request: Request, name: str) -> str:
    """An application property that is text, empty where it is absent. Raises ProtocolError for another type."""
    value = request.properties.get(name)
    return "" if value is None else expect(value, str, name)


def arguments_of(request: Request, declared: Iterable[Argument]) -> dict[str, Any]:
    """The arguments of an operation, from the application properties and the body, text converted by the declared types.

    Raises ProtocolError for a body that is no map, SchemaError for a text that can't be converted and for an argument that
    stands in both places.
    """
    properties = {key: value for key, value in request.properties.items() if key not in RESERVED}
    body = body_map(request)
    twice = sorted(properties.keys() & body.keys())
    if twice:
        raise SchemaError(f"argument {shown(twice[0])} is in the body and in the application properties")
    types = {item.name: item.type for item in declared}
    given = {**properties, **body}
    return {key: converted(key, value, types[key]) if key in types else value for key, value in given.items()}


def attribute_value(item: Property, value: Any) -> Any:
    """The value of an attribute, text converted by its type. Raises SchemaError where it is not of that type."""
    result = converted(item.name, value, item.type)
    if not item.type.accepts(result):
        raise SchemaError(f"attribute {item.name}: expected {item.type}, got {kind_of(value)}")
    return result


def converted(name: str, value: Any, value_type: ValueType) -> Any:
    """A value as its type wants it where it is text: a boolean, a number, a list or map from JSON. Raises SchemaError."""
    if not isinstance(value, str) or value_type.name == "TYPE_STRING":
        return value
    try:
        if value_type.name == "TYPE_BOOL":
            return _BOOLEANS[value.strip().lower()]
        if value_type.name == "TYPE_INT":
            return int(value)
        if value_type.name == "TYPE_FLOAT":
            return float(value)
        if value_type.name in ("TYPE_LIST", "TYPE_MAP"):
            return json.loads(value)
    except (ValueError, KeyError, RecursionError) as error:
        form = ", as JSON" if value_type.name in ("TYPE_LIST", "TYPE_MAP") else ""
        raise SchemaError(f"{name}: {shown(value)} is not {value_type}{form}") from error
    return value
