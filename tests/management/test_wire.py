"""Requests and responses as AMQP 1.0 messages."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import proton
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmfagent.bus.messages.management import encode_response, read_request
from qmfagent.bus.security.identity import Identity
from qmfagent.errors import CodecError
from qmfagent.management.message import Request, Response, Status

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
    | st.uuids(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=5), inner, max_size=4),
    max_leaves=10,
)


def decoded(data: bytes) -> proton.Message:
    message = proton.Message()
    message.decode(data)
    return message


def read(message: proton.Message, identity: Identity | None = None) -> Request | None:
    return read_request(decoded(message.encode()), identity or Identity())


@given(body=st.dictionaries(st.text("abc", max_size=5), values) | st.lists(values))
def test_a_body_arrives_as_it_was_sent(body: Any) -> None:
    sent = encode_response(Response("reply", "1", Status.OK, "OK", body))
    request = read(proton.Message(inferred=False, reply_to="r", body=decoded(sent).body))
    assert request is not None
    assert request.body == body


def test_a_response_has_an_amqp_value_and_an_int_for_its_status() -> None:
    message = decoded(
        encode_response(Response("reply", "1", Status.NOT_FOUND, "Not Found: x", {"n": 1 << 63, "m": -1}))
    )
    assert (message.address, message.inferred) == ("reply", False)
    assert message.properties == {"statusCode": 404, "statusDescription": "Not Found: x"}
    assert type(message.properties["statusCode"]) is proton.int32
    assert type(message.body["n"]) is proton.ulong
    assert type(message.body["m"]) is int


@pytest.mark.parametrize("correlation_id", ["1", proton.ulong(7), UUID(int=5), b"\xff\x00"])
def test_the_correlation_id_keeps_its_type(correlation_id: Any) -> None:
    request = read(proton.Message(reply_to="reply", correlation_id=correlation_id))
    assert request is not None
    response = decoded(encode_response(Response("reply", request.correlation_id, Status.OK, "OK")))
    assert response.correlation_id == correlation_id
    assert request.correlation_id == correlation_id


def test_the_message_id_takes_the_place_of_a_correlation_id() -> None:
    for message, expected in (
        (proton.Message(reply_to="reply", id="m"), "m"),
        (proton.Message(reply_to="reply", id="m", correlation_id=proton.ulong(0)), 0),
        (proton.Message(reply_to="reply"), None),
    ):
        request = read(message)
        assert request is not None
        assert request.correlation_id == expected


def test_who_asks_is_who_the_connection_is() -> None:
    message = proton.Message(
        reply_to="reply", user_id=b"CN=forged", properties={"operation": "READ", "n": proton.int32(1)}
    )
    request = read(message, Identity("CN=admin", authenticated=True))
    assert request == Request({"operation": "READ", "n": 1}, None, "reply", None, "CN=admin", authenticated=True)


def test_binary_that_is_text_is_text() -> None:
    request = read(
        proton.Message(reply_to="reply", properties={"operation": b"READ"}, body={b"key".decode(): b"value"})
    )
    assert request is not None
    assert (request.properties, request.body) == ({"operation": "READ"}, {"key": "value"})


def test_a_request_that_names_nobody_to_answer_is_none() -> None:
    assert read(proton.Message(properties={"operation": "READ"})) is None


def test_what_has_no_place_is_a_typed_error() -> None:
    with pytest.raises(CodecError):
        read(proton.Message(inferred=False, reply_to="reply", body={"d": proton.decimal64(1)}))
    with pytest.raises(CodecError):
        encode_response(Response("reply", "1", Status.OK, "OK", {"n": 1 << 64}))
