"""Schema classes of QMF v2: what an object or event of a class is made of, and their map forms.

Rules of this file: every class is a frozen value with `to_map` (the form that goes over the bus) and `from_map` (the
same from a peer; raises ProtocolError). The hash of a class is a UUID made from its canonical content: peers take it
as opaque, but key their caches on it, so it changes whenever anything in the class does.
Source: qpid-cpp src/qmf/Schema.cpp, SchemaId.cpp, SchemaProperty.cpp, SchemaMethod.cpp.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid5

from qmfagent.errors import ProtocolError
from qmfagent.qmf.codec import UInt32
from qmfagent.qmf.fields import expect, optional, required, shown
from qmfagent.qmf.value_type import TYPE_NAMES, ValueType

DATA = "_data"
EVENT = "_event"

_HASH_NAMESPACE = UUID("5b2a4c0e-7d3f-5c61-9a58-3f0e6c1b7d94")


@dataclass(frozen=True, slots=True)
class SchemaId:
    """Names a class: package, class, kind (`_data` or `_event`), and the hash of its content where that is known."""

    package: str
    name: str
    kind: str = DATA
    hash: UUID | None = None

    def matches(self, other: SchemaId) -> bool:
        """Whether this id, as a pattern of a query, names the class `other`: an empty package or no hash match any."""
        return (
            self.name == other.name
            and self.kind == other.kind
            and self.package in ("", other.package)
            and self.hash in (None, other.hash)
        )

    def to_map(self) -> dict[str, Any]:
        """The map form; an empty package and an unknown hash are left out."""
        result: dict[str, Any] = {"_class_name": self.name, "_type": self.kind}
        if self.package:
            result["_package_name"] = self.package
        if self.hash:
            result["_hash"] = self.hash
        return result

    @classmethod
    def from_map(cls, source: Mapping[str, Any]) -> SchemaId:
        """Read the map form; `_type` may be missing, as in requests of qpid's Python console. Raises ProtocolError."""
        where = "schema id"
        kind = optional(source, "_type", str, where, DATA)
        if kind not in (DATA, EVENT):
            raise ProtocolError(f"{where}: _type {shown(kind)} is neither _data nor _event")
        given = source.get("_hash")
        return cls(
            package=optional(source, "_package_name", str, where, ""),
            name=required(source, "_class_name", str, where),
            kind=kind,
            hash=None if given is None else expect(given, UUID, f"{where}: _hash"),
        )


@dataclass(frozen=True, slots=True)
class Property:
    """A property (or statistic) of an object class, or an argument of an event.

    `access` is RO, RC or RW; `index` marks the properties that name an object; an `optional` one may be absent.
    """

    name: str
    type: ValueType
    access: str = "RO"
    index: bool = False
    optional: bool = False
    desc: str = ""
    unit: str = ""

    def to_map(self) -> dict[str, Any]:
        """The map form. `_dir` means nothing here, but libqmf2 writes it for properties too."""
        result = _element_map(self.name, self.type, self.access, "I", self.desc, self.unit, self.optional)
        if self.index:
            result["_index"] = True
        return result

    @classmethod
    def from_map(cls, source: Mapping[str, Any]) -> Property:
        """Read the map form; raises ProtocolError."""
        where = f"property {shown(source.get('_name'))}"
        return cls(
            name=required(source, "_name", str, where),
            type=_type_from_map(source, where),
            access=_one_of(source, "_access", ("RO", "RC", "RW"), where, "RO"),
            index=optional(source, "_index", bool, where, False),
            optional=optional(source, "_optional", bool, where, False),
            desc=optional(source, "_desc", str, where, ""),
            unit=optional(source, "_unit", str, where, ""),
        )


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a method. `dir` is I, O or IO; an `optional` one left out by the caller takes `default`."""

    name: str
    type: ValueType
    dir: str = "I"
    optional: bool = False
    default: Any = None
    desc: str = ""
    unit: str = ""

    def to_map(self) -> dict[str, Any]:
        """The map form. `_access` means nothing here, but libqmf2 writes it for arguments too."""
        return _element_map(self.name, self.type, "RO", self.dir, self.desc, self.unit, self.optional)

    @classmethod
    def from_map(cls, source: Mapping[str, Any]) -> Argument:
        """Read the map form, which carries no default; raises ProtocolError."""
        where = f"argument {shown(source.get('_name'))}"
        return cls(
            name=required(source, "_name", str, where),
            type=_type_from_map(source, where),
            dir=_one_of(source, "_dir", ("I", "O", "IO"), where, "I"),
            optional=optional(source, "_optional", bool, where, False),
            desc=optional(source, "_desc", str, where, ""),
            unit=optional(source, "_unit", str, where, ""),
        )


@dataclass(frozen=True, slots=True)
class Method:
    """A method of an object class."""

    name: str
    arguments: tuple[Argument, ...] = ()
    desc: str = ""

    def to_map(self) -> dict[str, Any]:
        """The map form."""
        result: dict[str, Any] = {"_name": self.name, "_arguments": [a.to_map() for a in self.arguments]}
        return {**result, "_desc": self.desc} if self.desc else result

    @classmethod
    def from_map(cls, source: Mapping[str, Any]) -> Method:
        """Read the map form; raises ProtocolError."""
        where = f"method {shown(source.get('_name'))}"
        return cls(
            name=required(source, "_name", str, where),
            arguments=tuple(Argument.from_map(item) for item in _maps(source, "_arguments", where)),
            desc=optional(source, "_desc", str, where, ""),
        )


@dataclass(frozen=True, slots=True)
class SchemaClass:
    """A class of objects or events. `severity` (0 to 7, as in syslog) is the default of an event, None for objects."""

    id: SchemaId
    properties: tuple[Property, ...] = ()
    methods: tuple[Method, ...] = ()
    severity: int | None = None
    desc: str = ""

    @property
    def name(self) -> str:
        """The name of the class, without its package."""
        return self.id.name

    def method(self, name: str) -> Method | None:
        """The method of that name, if there is one."""
        return next((method for method in self.methods if method.name == name), None)

    def hashed(self) -> SchemaClass:
        """The same class, its id carrying the hash of its content.

        The hash covers the map form and what that does not show: limits of integers and defaults of arguments.
        """
        hidden = [[p.type.minimum, p.type.maximum] for p in self.properties]
        hidden += [[a.type.minimum, a.type.maximum, a.default] for m in self.methods for a in m.arguments]
        bare = replace(self, id=replace(self.id, hash=None))
        canonical = json.dumps([bare.to_map(), hidden], sort_keys=True, separators=(",", ":"))
        return replace(self, id=replace(self.id, hash=uuid5(_HASH_NAMESPACE, canonical)))

    def to_map(self) -> dict[str, Any]:
        """The map form. Both lists are always there, since peers index them."""
        result: dict[str, Any] = {
            "_schema_id": self.id.to_map(),
            "_properties": [item.to_map() for item in self.properties],
            "_methods": [item.to_map() for item in self.methods],
        }
        if self.severity is not None:
            result["_default_severity"] = UInt32(self.severity)
        if self.desc:
            result["_desc"] = self.desc
        return result

    @classmethod
    def from_map(cls, source: Mapping[str, Any]) -> SchemaClass:
        """Read the map form; raises ProtocolError."""
        where = "schema"
        schema_id = SchemaId.from_map(required(source, "_schema_id", dict, where))
        return cls(
            id=schema_id,
            properties=tuple(Property.from_map(item) for item in _maps(source, "_properties", where)),
            methods=tuple(Method.from_map(item) for item in _maps(source, "_methods", where)),
            severity=optional(source, "_default_severity", int, where, 0) if schema_id.kind == EVENT else None,
            desc=optional(source, "_desc", str, where, ""),
        )


def _element_map(
    name: str, value_type: ValueType, access: str, direction: str, desc: str, unit: str, is_optional: bool
) -> dict[str, Any]:
    result: dict[str, Any] = {"_name": name, "_type": value_type.name, "_access": access, "_dir": direction}
    for key, value in (("_subtype", value_type.subtype), ("_desc", desc), ("_unit", unit), ("_optional", is_optional)):
        if value:
            result[key] = value
    return result


def _type_from_map(source: Mapping[str, Any], where: str) -> ValueType:
    name = _one_of(source, "_type", TYPE_NAMES, where, "")
    return ValueType(name, optional(source, "_subtype", str, where, ""))


def _one_of(
    source: Mapping[str, Any], key: str, allowed: tuple[str, ...] | frozenset[str], where: str, default: str
) -> str:
    value = optional(source, key, str, where, default)
    if value not in allowed:
        raise ProtocolError(f"{where}: {key} {shown(value)} is none of {', '.join(sorted(allowed))}")
    return value


def _maps(source: Mapping[str, Any], key: str, where: str) -> list[Mapping[str, Any]]:
    items = optional(source, key, list, where, [])
    return [expect(item, dict, f"{where}: element of {key}") for item in items]
