"""Reading fields of maps that a peer wrote.

Rules of this file: a field is there with the expected type, or it is absent and has a default, or ProtocolError says
which field of what is wrong. Values of peers are never printed in full: an error message stays short.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from qmfagent.errors import ProtocolError

T = TypeVar("T")

_KINDS: dict[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a floating-point number",
    dict: "a map",
    list: "a list",
    tuple: "a list",
    bytes: "binary that is no UTF-8",
    UUID: "a UUID",
    type(None): "void",
}


def kind_of(value: Any) -> str:
    """Name the type of a value in QMF's words, for error messages."""
    for base in type(value).__mro__:
        if base in _KINDS:
            return _KINDS[base]
    return type(value).__name__


def shown(value: Any, most: int = 60) -> str:
    """Show a name or other small value of a peer in an error message, cut to `most` characters; of others the type."""
    if not isinstance(value, str):
        return kind_of(value)
    return repr(str(value)) if len(value) <= most else repr(value[:most]) + "..."


def expect(value: Any, kind: type[T], where: str) -> T:
    """Return `value` if it is of the type `kind`, else raise ProtocolError. A boolean is no integer."""
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise ProtocolError(f"{where}: expected {_KINDS[kind]}, got {kind_of(value)}")


def required(source: Mapping[str, Any], key: str, kind: type[T], where: str) -> T:
    """Return the field `key`; raises ProtocolError if it is absent or of another type."""
    if key not in source:
        raise ProtocolError(f"{where}: {key} is missing")
    return expect(source[key], kind, f"{where}: {key}")


def optional(source: Mapping[str, Any], key: str, kind: type[T], where: str, default: T) -> T:
    """Return the field `key`, or the default where it is absent or void; raises ProtocolError for another type."""
    value = source.get(key)
    return default if value is None else expect(value, kind, f"{where}: {key}")
