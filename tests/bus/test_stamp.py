"""What a message that is passed on says of its sender, and that nothing else of it changes."""

from __future__ import annotations

from typing import Any

import proton
import pytest

from qmfagent.bus.messages.stamp import stamped
from qmfagent.bus.messages.wire import Envelope, encode
from qmfagent.errors import ProtocolError
from qmfagent.qmf.message import TOPIC, Address, Message

TO = Address(TOPIC, "x")
SENT = Message(to=TO, opcode="_method_request", method="request", body={"a": "b"}, user_id="root", partial=True)


def with_user(user: str) -> bytes:
    return encode(Message(to=TO, opcode="_x", method="request", body={"n": 1}, user_id=user))


@pytest.mark.parametrize("user", ["CN=b", "", "ü" * 200, "r" * 255, "r" * 256])
def test_the_user_changes_and_nothing_else(user: str) -> None:
    envelope = Envelope.open(stamped(encode(SENT), user))
    assert envelope.user_id == user
    assert envelope.message(TO, "root") == SENT
    assert bytes(envelope.amqp.body) == bytes(Envelope.open(encode(SENT)).amqp.body)


def test_a_message_that_claims_nobody_or_the_right_one_stays_as_it_is() -> None:
    for data in (
        with_user(""),
        with_user("CN=b"),
        proton.Message(body={}).encode(),
        b"\x00\x53\x73\x45\x00\x53\x77\x40",
    ):
        assert stamped(data, "CN=b") is data


@pytest.mark.parametrize("identifier", [None, "id", b"\x00\x53\x73", 5, proton.ulong(2**60)], ids=str)
def test_the_user_is_found_behind_any_message_id(identifier: Any) -> None:
    message = proton.Message(id=identifier, user_id=b"root", subject="x", body={"a": [1, 2]}, properties={"p": 1})
    envelope = Envelope.open(stamped(message.encode(), "me"))
    assert (envelope.user_id, envelope.subject, envelope.amqp.body) == ("me", "x", {"a": [1, 2]})
    assert (envelope.amqp.id, envelope.amqp.properties) == (identifier, {"p": 1})


def test_a_claim_that_is_no_binary_is_one_all_the_same() -> None:
    data = b"\x00\x53\x73\xc0\x08\x02\x40\xa1\x04root\x00\x53\x77\x40"
    assert stamped(data, "me") == b"\x00\x53\x73\xd0\x00\x00\x00\x09\x00\x00\x00\x02\x40\xa0\x02me\x00\x53\x77\x40"


PROPERTIES, VALUE = b"\x00\x53\x73\xc0\x04\x02\x40\xa0\x00", b"\x00\x53\x77\x40"


@pytest.mark.parametrize(
    "data",
    [
        PROPERTIES + PROPERTIES + VALUE,
        VALUE + PROPERTIES,
        VALUE + VALUE,
        PROPERTIES[:-1],
        PROPERTIES + b"\x00\x53",
        PROPERTIES + b"\x10",
        b"\x00\x53\x73\x40",
        b"\x00\x53\x73\x30",
        b"\x00\x53\x73\xc0\xff\x02\x40\xa0\x00",
        b"\x00" * 5000,
        b"\x00\x53\x77" + b"\x00" * 5000,
    ],
    ids=["twice", "late", "two values", "short", "cut", "no section", "null", "no type", "size", "nothing", "deep"],
)
def test_what_two_readers_could_read_differently_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        stamped(data, "me")


def test_an_array_that_proton_reads_and_cannot_write_is_passed_on_as_it_is() -> None:
    # Asked to write this again, proton 0.40 writes to address 0.
    array = b"\x00\x53\x75\xe0\x05\x04\x61\x00\x01\x00"
    assert stamped(proton.Message(user_id=b"root").encode() + array, "me").endswith(array)
