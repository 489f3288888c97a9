"""Damaged messages of real peers are a value or a typed error, at a price in proportion to their size."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmfagent.bus.messages import management as management_wire
from qmfagent.bus.messages import wire
from qmfagent.bus.messages.stamp import stamped
from qmfagent.bus.security.identity import Identity
from qmfagent.errors import CodecError, InputError
from qmfagent.qmf.codec import decode_list, decode_map
from qmfagent.qmf.message import Address
from qmfagent.qmf.v1 import SchemaRequest
from tests.fuzz.originals import BODIES, MESSAGES

LONGEST_REFUSAL = 1000
SPARE = 64 * 1024
"""Bytes that reading may cost whatever the size: caches, errors."""
PER_BYTE = 64
"""What a byte may cost: the dearest real value is an 8-bit integer, 2 bytes that become an object and a place in a list."""


@st.composite
def damaged(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """One of the originals, up to six places of which are changed, left out or repeated."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 6))):
        at, size = draw(st.integers(0, max(len(data) - 1, 0))), draw(st.integers(1, 8))
        piece = data[at : at + size]
        match draw(st.sampled_from(["bytes", "grow", "cut", "repeat"])):
            case "bytes":
                piece = draw(st.binary(min_size=size, max_size=size))
            case "grow":
                piece += draw(st.binary(max_size=8))
            case "cut":
                piece = b""
            case _:
                piece *= draw(st.integers(2, 30))
        data[at : at + size] = piece
    return bytes(data)


def price(read: Callable[[], object], *refusals: type[Exception]) -> int:
    """The memory that reading takes at its peak, in bytes; it may refuse with one of these errors."""
    told = ""
    tracemalloc.start()
    try:
        read()
    except refusals as error:
        told = str(error)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert len(told) < LONGEST_REFUSAL
    return peak


@pytest.mark.parametrize("decode", [decode_map, decode_list])
@settings(deadline=None, max_examples=400)
@given(data=st.binary(max_size=200) | damaged(BODIES))
def test_a_body(decode: Callable[[bytes], object], data: bytes) -> None:
    assert price(lambda: decode(data), CodecError) < SPARE + PER_BYTE * len(data)


@settings(deadline=None, max_examples=400)
@given(data=damaged(MESSAGES))
def test_a_message(data: bytes) -> None:
    def read() -> Any:
        envelope = wire.Envelope.open(data)
        SchemaRequest.read(data)
        management_wire.read_request(envelope.amqp, Identity())
        return envelope.message(Address(envelope.to, envelope.subject), "")

    assert price(read, InputError) < SPARE + 16 * PER_BYTE * len(data)


@pytest.mark.parametrize(
    "element", [b"\xf0", b"\x01\x80", b"\x80\x00", b"\x80\x02ab", b"\xa9\x00\x00\x00\x04\x00\x00\x00\x00"]
)
def test_the_dearest_lists(element: bytes) -> None:
    count = 1_000_000 // len(element)
    body = (count * len(element) + 4).to_bytes(4, "big") + count.to_bytes(4, "big") + element * count
    assert price(lambda: decode_list(body)) < SPARE + PER_BYTE * len(body)


@settings(deadline=None, max_examples=400)
@given(data=damaged(MESSAGES), user=st.text(max_size=300))
def test_a_message_that_is_passed_on(data: bytes, user: str) -> None:
    try:
        read = wire.Envelope.open(data)
        passed = stamped(data, user)
    except InputError:
        return
    again = wire.Envelope.open(passed)
    assert (again.to, again.subject, again.agent) == (read.to, read.subject, read.agent)
    assert again.user_id == (user if read.user_id else "")
