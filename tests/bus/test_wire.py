"""QMF messages as AMQP 1.0 bytes: what goes out is what real peers understand, what they send is understood."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

import proton
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proton import Array, Data, Described, symbol, ulong

from qmfagent.bus.messages.wire import Envelope, encode
from qmfagent.errors import CodecError, InputError, ProtocolError
from qmfagent.qmf import codec
from qmfagent.qmf.message import TOPIC, Address, Message

TO = Address(TOPIC, "direct-console.1")

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT | st.floats(allow_nan=False) | st.uuids(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def decoded(data: bytes) -> proton.Message:
    amqp = proton.Message()
    amqp.decode(data)
    return amqp


def received(amqp: proton.Message) -> Message:
    return Envelope.open(bytes(amqp.encode())).message(TO, "anonymous")


def request(body: Any, **fields: Any) -> proton.Message:
    properties = {"qmf.opcode": "_query_response", "method": "response"} | fields.pop("properties", {})
    return proton.Message(body=body, properties=properties, **fields)


@given(st.dictionaries(TEXT, VALUE, max_size=4) | st.lists(VALUE, max_size=4))
def test_a_message_comes_back_as_it_was_sent(body: Any) -> None:
    sent = Message(
        to=TO,
        opcode="_query_response",
        method="response",
        body=body,
        content="_data",
        agent="clusterlabs.org:qmfagent:a",
        correlation_id="7",
        reply_to=Address("amq.direct", "some/key"),
        partial=True,
        ttl=2.5,
        user_id="anonymous",
    )
    assert Envelope.open(encode(sent)).message(TO, "anonymous") == sent


def test_a_message_has_the_form_that_libqmf2_reads() -> None:
    sent = Message(to=TO, opcode="_agent_heartbeat_indication", method="indication", body={"a": 1}, agent="x")
    amqp = decoded(encode(sent))
    assert encode(sent)[-len(codec.encode_map({"a": 1})) - 5 :][:3] == b"\x00\x53\x75"  # a data section, at the end
    assert bytes(amqp.body) == codec.encode_map({"a": 1})
    assert (amqp.content_type, amqp.address, amqp.subject) == ("amqp/map", TOPIC, "direct-console.1")
    assert amqp.correlation_id is None
    assert amqp.reply_to is None
    assert amqp.properties == {
        "x-amqp-0-10.app-id": "qmf2",
        "method": "indication",
        "qmf.opcode": "_agent_heartbeat_indication",
        "qmf.agent": "x",
    }


def test_partial_is_a_null_property() -> None:
    sent = Message(to=TO, opcode="_query_response", method="response", body=[], partial=True)
    properties = decoded(encode(sent)).properties
    assert "partial" in properties
    assert properties["partial"] is None


def test_an_amqp_value_with_binary_text_is_read_as_qpidd_translates_it() -> None:
    body = {"_values": {"_name": b"apache.org:qpidd:1", "_epoch": proton.ushort(1), "hash": b"\xff\xfe"}}
    message = received(request(body, properties={"qmf.agent": b"apache.org:qpidd:1", "method": b"indication"}))
    assert message.body == {"_values": {"_name": "apache.org:qpidd:1", "_epoch": 1, "hash": b"\xff\xfe"}}
    assert (message.agent, message.method) == ("apache.org:qpidd:1", "indication")
    assert type(message.body["_values"]["_epoch"]) is int


def test_amqp_types_become_plain_values() -> None:
    identity = UUID(int=7)
    body = [
        symbol("s"),
        ulong(3),
        Described(symbol("d"), {"k": b"v"}),
        Array(None, Data.INT, 1, 2),
        identity,
        1.5,
        None,
    ]
    assert received(request(body)).body == ["s", 3, {"k": "v"}, [1, 2], identity, 1.5, None]


def test_the_broker_locate_of_cpp_consoles_has_no_body() -> None:
    message = received(
        request(None, properties={"qmf.opcode": "_agent_locate_request"}, correlation_id="broker-locate")
    )
    assert message.body is None
    assert message.correlation_id == "broker-locate"


@pytest.mark.parametrize("cid", [UUID(int=5), 7, b"abc", "abc"])
def test_any_correlation_id_is_text(cid: Any) -> None:
    expected = cid.decode() if isinstance(cid, bytes) else str(cid)
    assert received(request([], correlation_id=cid)).correlation_id == expected


def test_the_claimed_user_is_not_believed() -> None:
    envelope = Envelope.open(bytes(request([], user_id=b"root").encode()))
    assert envelope.user_id == "root"
    assert envelope.message(TO, "CN=site-b").user_id == "CN=site-b"


@pytest.mark.parametrize(
    ("amqp", "what"),
    [
        (request("text"), "whose body is a str"),
        (request(3), "whose body is a"),
        (request(b"AM2S", inferred=True, content_type="x-application/qmf"), "content-type 'x-application/qmf'"),
        (request(b"\0\0\0\x10\0\0\0\x01", inferred=True, content_type="amqp/map"), "16 bytes"),
        (proton.Message(body={}, properties={"method": "request"}), "without qmf.opcode"),
    ],
    ids=["text", "number", "QMF v1", "cut short", "no opcode"],
)
def test_what_is_no_qmf_message_is_a_typed_error(amqp: proton.Message, what: str) -> None:
    with pytest.raises((ProtocolError, CodecError), match=what):
        received(amqp)


def test_a_version_1_message_has_no_properties_but_the_agent() -> None:
    answer = Message(Address("amq.direct", "reply-vm.25633.1"), "", "", b"AM2s\0\0\0\1", agent="x")
    amqp = decoded(encode(answer))
    assert (amqp.address, amqp.subject, amqp.content_type) == ("amq.direct", "reply-vm.25633.1", "x-application/qmf")
    assert amqp.properties == {"qmf.agent": "x"}
    assert encode(answer).endswith(b"\x00\x53\x75\xa0\x08AM2s\0\0\0\1")
    assert Envelope.open(encode(answer)).message(answer.to, "") == answer


@pytest.mark.parametrize("content_type", ["x-application/qmf", None])
def test_a_version_1_request_is_read_as_qpidd_passes_it_on(content_type: str | None) -> None:
    body = b"AM2S\0\0\0\1\xff"
    amqp = proton.Message(inferred=True, body=body, reply_to="amq.direct/reply-vm.25633.1", user_id=b"")
    amqp.content_type = content_type
    message = Envelope.open(bytes(amqp.encode())).message(TO, "anonymous")
    assert message == Message(TO, "", "", body, reply_to=Address("amq.direct", "reply-vm.25633.1"), user_id="anonymous")


@pytest.mark.parametrize("body", [b"", b"AM1S", b"AM", "AM2S", {"a": 1}, None])
def test_without_opcode_nothing_else_is_a_message(body: Any) -> None:
    amqp = proton.Message(inferred=isinstance(body, bytes), body=body, content_type="x-application/qmf")
    with pytest.raises(ProtocolError, match="is no QMF v2 message"):
        received(amqp)


def test_a_body_without_form_is_a_codec_error() -> None:
    with pytest.raises(CodecError):
        encode(Message(to=TO, opcode="_x", method="request", body={"a": object()}))


def test_a_body_nested_too_deeply_is_a_typed_error() -> None:
    value = b"\x45"  # the empty list
    for _ in range(5000):
        value = b"\xd0" + (len(value) + 4).to_bytes(4, "big") + b"\0\0\0\x01" + value
    with pytest.raises(ProtocolError, match="RecursionError"):
        Envelope.open(b"\x00\x53\x77" + value)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_typed_errors(data: bytes) -> None:
    with suppress(InputError):
        Envelope.open(data).message(TO, "")


@given(st.data())
def test_damaged_messages_raise_nothing_but_typed_errors(data: st.DataObject) -> None:
    good = bytearray(encode(Message(to=TO, opcode="_x", method="request", body={"a": [1, "b"]}, reply_to=TO)))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    with suppress(InputError):
        Envelope.open(bytes(good)).message(TO, "")
