"""The version 1 schema request and its answer, read here as qpid's Python console reads it."""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmfagent.errors import CodecError, ProtocolError
from qmfagent.qmf.agent import Agent
from qmfagent.qmf.classes import EVENT, Argument, Method, Property, SchemaClass, SchemaId
from qmfagent.qmf.codec import decode_map
from qmfagent.qmf.message import Address, Message
from qmfagent.qmf.schema import Schema
from qmfagent.qmf.v1 import SchemaRequest, encode_schema
from qmfagent.qmf.value_type import ValueType

NOW = 1_795_487_610_000_000_000
REPLY_TO = Address("amq.direct", "reply-vm.25633.1")


def short(text: str) -> bytes:
    return bytes((len(text.encode()),)) + text.encode()


def request_bytes(schema_id: SchemaId, sequence: int = 1795487850) -> bytes:
    """A request as qpid's Python console writes it."""
    assert schema_id.hash is not None
    head = b"AM2S" + struct.pack(">I", sequence)
    return head + short(schema_id.package) + short(schema_id.name) + schema_id.hash.bytes


class Reader:
    """Reads an answer from its beginning to its end, as the Python console does."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        self._at += count
        part = self._data[self._at - count : self._at]
        assert len(part) == count
        return part

    def number(self, form: str) -> int:
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def text(self) -> str:
        return self.take(self.number(">B")).decode()

    def map(self) -> dict[str, Any]:
        size = struct.unpack_from(">I", self._data, self._at)[0]
        return decode_map(self.take(4 + size))

    def method(self) -> dict[str, Any]:
        method = self.map()
        return {**method, "arguments": [self.map() for _ in range(method["argCount"])]}

    def schema(self) -> dict[str, Any]:
        """The whole answer."""
        assert self.take(4) == b"AM2s"
        result: dict[str, Any] = {"sequence": self.number(">I"), "kind": self.number(">B")}
        result |= {"package": self.text(), "name": self.text(), "hash": UUID(bytes=self.take(16))}
        if result["kind"] == 1:
            properties, statistics, methods = (self.number(">H") for _ in range(3))
            assert statistics == 0
            result["properties"] = [self.map() for _ in range(properties)]
            result["methods"] = [self.method() for _ in range(methods)]
        else:
            result["arguments"] = [self.map() for _ in range(self.number(">H"))]
        assert self._at == len(self._data)
        return result


def ask(agent: Agent, body: bytes) -> list[Message]:
    message = Message(Address("qmf.default.direct", agent.name), "", "", body, reply_to=REPLY_TO)
    return agent.receive(message, "", NOW)  # type: ignore[return-value]


def test_every_class_is_answered_in_full(agent: Agent, schema: Schema) -> None:
    for item in schema.classes + schema.events:
        (answer,) = ask(agent, request_bytes(item.id))
        assert (answer.to, answer.opcode, answer.method, answer.agent) == (REPLY_TO, "", "", agent.name)
        assert answer.correlation_id is None
        assert isinstance(answer.body, bytes)
        read = Reader(answer.body).schema()
        identity = {"package": item.id.package, "name": item.name, "hash": item.id.hash}
        assert {**read, "sequence": 1795487850, **identity} == read
        assert read["kind"] == (2 if item.id.kind == EVENT else 1)
        elements = read["arguments"] if item.id.kind == EVENT else read["properties"]
        assert [each["name"] for each in elements] == [each.name for each in item.properties]
        methods = {m["name"]: [(a["name"], a["dir"]) for a in m["arguments"]] for m in read.get("methods", [])}
        assert methods == {m.name: [(a.name, a.dir) for a in m.arguments] for m in item.methods}


def test_types_access_and_flags_have_their_codes() -> None:
    every = {
        ("TYPE_STRING", ""): 7,
        ("TYPE_INT", "timestamp"): 8,
        ("TYPE_INT", "duration"): 9,
        ("TYPE_MAP", "reference"): 10,
        ("TYPE_BOOL", ""): 11,
        ("TYPE_FLOAT", ""): 13,
        ("TYPE_UUID", ""): 14,
        ("TYPE_MAP", ""): 15,
        ("TYPE_INT", ""): 19,
        ("TYPE_MAP", "data"): 20,
        ("TYPE_LIST", ""): 21,
        ("TYPE_VOID", ""): 1,
    }
    properties = tuple(Property(f"p{code}", ValueType(*names)) for names, code in every.items())
    marked = Property("marked", ValueType("TYPE_STRING"), "RC", True, True, "what", "metre")
    written = Property("written", ValueType("TYPE_INT"), "RW")
    method = Method("m", (Argument("a", ValueType("TYPE_INT"), "IO", unit="s", desc="how long"),), "does it")
    made = SchemaClass(SchemaId("org.example", "Disk"), (*properties, marked, written), (method,)).hashed()
    read = Reader(encode_schema(7, made)).schema()
    plain = {"access": 3, "index": 0, "optional": 0}
    assert read["properties"] == [
        *({"name": f"p{code}", "type": code, **plain} for code in every.values()),
        {"name": "marked", "type": 7, "access": 1, "index": 1, "optional": 1, "unit": "metre", "desc": "what"},
        {"name": "written", "type": 19, "access": 2, "index": 0, "optional": 0},
    ]
    argument = {"name": "a", "type": 19, "dir": "IO", "unit": "s", "desc": "how long"}
    assert read["methods"] == [{"name": "m", "argCount": 1, "desc": "does it", "arguments": [argument]}]


def test_a_class_that_is_not_ours_has_no_answer(agent: Agent, schema: Schema) -> None:
    known = schema.object_class("Node").id
    for other in (
        replace(known, hash=UUID(int=1)),
        replace(known, name="Disk"),
        replace(known, package="org.example"),
    ):
        assert ask(agent, request_bytes(other)) == []


@pytest.mark.parametrize("body", [b"AM2", b"AM2G\0\0\0\1", b"AM2B\0\0\0\1", b"AM2s\0\0\0\1\1", b"", b"AM2S\0\0"])
def test_nothing_else_of_version_1_is_answered(agent: Agent, body: bytes) -> None:
    assert ask(agent, body) == []


def test_without_reply_to_there_is_no_answer(agent: Agent, schema: Schema) -> None:
    message = Message(Address("qmf.default.direct", agent.name), "", "", request_bytes(schema.classes[0].id))
    assert agent.receive(message, "", NOW) == []


def test_a_request_cut_short_or_too_long_is_an_error(schema: Schema) -> None:
    whole = request_bytes(schema.classes[0].id)
    assert SchemaRequest.read(whole) is not None
    for length in range(4, len(whole)):
        with pytest.raises(ProtocolError):
            SchemaRequest.read(whole[:length])
    with pytest.raises(ProtocolError, match="17 bytes of hash"):
        SchemaRequest.read(whole + b"\0")


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_but_a_protocol_error(data: bytes) -> None:
    with suppress(ProtocolError):
        SchemaRequest.read(b"AM2S" + data)


def test_what_version_1_has_no_room_for_is_an_error() -> None:
    with pytest.raises(CodecError, match="at most 255"):
        encode_schema(1, SchemaClass(SchemaId("p" * 256, "c")).hashed())
    with pytest.raises(CodecError, match="no hash"):
        encode_schema(1, SchemaClass(SchemaId("p", "c")))
