"""The one exchange of QMF version 1 that consoles of version 2 still need: asking for the schema of a class.

Rules of this file: a request is `AM2S`, u32 sequence, str8 package, str8 class, 16 bytes of hash; the answer is `AM2s`, the
sequence, u8 kind and the same three, then the class in maps of AMQP 0-10. Numbers are big endian. There is no answer that
says no: a class that is not known has none. Bytes that come in are a request or a ProtocolError.
qpid's Python console and qpid-tool ask in this form alone, and show no object before they have its answer.
Source: qpid-cpp src/qmf/Schema.cpp (asV1Content), src/qmf/SchemaProperty.cpp (encodeV1), src/qmf/AgentSession.cpp
(handleV1SchemaRequest); qpid's qmf/console.py (SchemaClass).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from qmfagent.errors import CodecError, ProtocolError
from qmfagent.qmf.classes import DATA, EVENT, Argument, Method, Property, SchemaClass, SchemaId
from qmfagent.qmf.codec import UInt8, UInt32, encode_map
from qmfagent.qmf.schema import Schema
from qmfagent.qmf.value_type import ValueType

MAGIC = b"AM2"
"""What every message of version 1 begins with."""

_REQUEST, _ANSWER = b"AM2S", b"AM2s"
_HASH_BYTES = 16
_KINDS = {DATA: 1, EVENT: 2}

_TYPES = {
    "TYPE_VOID": 1,
    "TYPE_STRING": 7,
    "TYPE_BOOL": 11,
    "TYPE_FLOAT": 13,
    "TYPE_UUID": 14,
    "TYPE_MAP": 15,
    "TYPE_INT": 19,
    "TYPE_LIST": 21,
}
_SUBTYPES = {"timestamp": 8, "duration": 9, "reference": 10, "data": 20}
_ACCESS = {"RC": 1, "RW": 2, "RO": 3}


@dataclass(frozen=True, slots=True)
class SchemaRequest:
    """A request for one class. `sequence` ties the answer to it."""

    sequence: int
    package: str
    name: str
    hash: UUID

    @classmethod
    def read(cls, data: bytes) -> SchemaRequest | None:
        """Read a message of version 1: None where it asks for something else. Raises ProtocolError where it is cut short."""
        if not data.startswith(_REQUEST):
            return None
        try:
            (sequence,) = struct.unpack_from(">I", data, len(_REQUEST))
            package, position = _read_short(data, len(_REQUEST) + 4)
            name, position = _read_short(data, position)
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            raise ProtocolError(f"a version 1 schema request that can't be read: {error}") from error
        digest = data[position:]
        if len(digest) != _HASH_BYTES:
            raise ProtocolError(
                f"a version 1 schema request with {len(digest)} bytes of hash, {_HASH_BYTES} are needed"
            )
        return cls(sequence, package, name, UUID(bytes=digest))

    def find(self, schema: Schema) -> SchemaClass | None:
        """The class asked for, of objects or of events: version 1 does not tell them apart. None where there is none."""
        wanted = self.package, self.name, self.hash
        every = schema.classes + schema.events
        return next((item for item in every if (item.id.package, item.name, item.id.hash) == wanted), None)


def encode_schema(sequence: int, schema_class: SchemaClass) -> bytes:
    """The answer to a request: the class in version 1's form.

    Statistics are not told apart from properties. Raises CodecError for a name of more than 255 bytes, or where the class
    has no hash.
    """
    parts = [_ANSWER, struct.pack(">I", sequence), _identity(schema_class.id)]
    if schema_class.id.kind == DATA:
        parts.append(struct.pack(">HHH", len(schema_class.properties), 0, len(schema_class.methods)))
        parts += [encode_map(_property(item)) for item in schema_class.properties]
        for method in schema_class.methods:
            parts.append(encode_map(_method(method)))
            parts += [encode_map({**_element(item), "dir": item.dir}) for item in method.arguments]
    else:
        parts.append(struct.pack(">H", len(schema_class.properties)))
        parts += [encode_map(_element(item)) for item in schema_class.properties]
    return b"".join(parts)


def _identity(schema_id: SchemaId) -> bytes:
    if schema_id.hash is None:
        raise CodecError(f"class {schema_id.name} has no hash")
    kind = bytes((_KINDS[schema_id.kind],))
    return kind + _short(schema_id.package) + _short(schema_id.name) + schema_id.hash.bytes


def _property(item: Property) -> dict[str, Any]:
    flags = {"access": UInt8(_ACCESS[item.access]), "index": UInt8(item.index), "optional": UInt8(item.optional)}
    return {**_element(item), **flags}


def _method(method: Method) -> dict[str, Any]:
    described = {"desc": method.desc} if method.desc else {}
    return {"name": method.name, "argCount": UInt32(len(method.arguments)), **described}


def _element(item: Property | Argument) -> dict[str, Any]:
    result: dict[str, Any] = {"name": item.name, "type": UInt8(_type_code(item.type))}
    if item.unit:
        result["unit"] = item.unit
    if item.desc:
        result["desc"] = item.desc
    return result


def _type_code(value_type: ValueType) -> int:
    return _SUBTYPES.get(value_type.subtype) or _TYPES[value_type.name]


def _short(text: str) -> bytes:
    data = text.encode()
    if len(data) > 255:
        raise CodecError(f"{text[:40]!r}... takes {len(data)} bytes", hint="at most 255 can be encoded")
    return bytes((len(data),)) + data


def _read_short(data: bytes, position: int) -> tuple[str, int]:
    """A str8 and where it ends. A text that is cut short leaves nothing for the hash behind it, which is looked at last."""
    end = position + 1 + data[position]
    return data[position + 1 : end].decode(), end
