"""The AMQP 0-10 codec: its law, what real peers wrote, and what nobody should write."""

from __future__ import annotations

import contextlib
import math
import struct
import tracemalloc
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmfagent.errors import CodecError
from qmfagent.qmf.codec import (
    MAX_DEPTH,
    UInt8,
    UInt32,
    UInt64,
    decode_list,
    decode_map,
    encode_list,
    encode_map,
)

KEYS = st.text(st.characters(codec="utf-8"), max_size=60)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=100)
    | st.binary(max_size=100)
    | st.uuids()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=30
)


def as_read(value: Any) -> Any:
    """What a value is after the way over the wire: binary that is UTF-8 can't be told from text."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    if isinstance(value, dict):
        return {key: as_read(item) for key, item in value.items()}
    return [as_read(item) for item in value] if isinstance(value, (list, tuple)) else value


def strict(value: Any) -> Any:
    """A form in which 1, True and 1.0 differ."""
    if isinstance(value, dict):
        return {key: strict(item) for key, item in value.items()}
    return [strict(item) for item in value] if isinstance(value, list) else (type(value), value)


@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_a_map_comes_back_as_it_was(value: dict[str, Any]) -> None:
    assert strict(decode_map(encode_map(value))) == strict(as_read(value))


@given(st.lists(VALUES, max_size=8))
def test_a_list_comes_back_as_it_was(value: list[Any]) -> None:
    assert strict(decode_list(encode_list(value))) == strict(as_read(value))


@given(st.binary(max_size=300))
def test_random_bytes_are_a_value_or_a_codec_error(data: bytes) -> None:
    for decode in (decode_map, decode_list):
        with contextlib.suppress(CodecError):
            decode(data)


@given(st.data(), st.dictionaries(KEYS, VALUES, min_size=1, max_size=4))
def test_damaged_bytes_are_a_value_or_a_codec_error(data: st.DataObject, value: dict[str, Any]) -> None:
    encoded = bytearray(encode_map(value))
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CodecError):
        decode_map(bytes(encoded))


def test_captured_bodies_decode_to_what_the_peer_meant(raw_capture: Any) -> None:
    decode = decode_map if isinstance(raw_capture.message.body, dict) else decode_list
    assert decode(raw_capture.raw) == raw_capture.message.body


def test_every_cut_of_a_captured_body_is_refused(raw_capture: Any) -> None:
    decode = decode_map if isinstance(raw_capture.message.body, dict) else decode_list
    for length in range(len(raw_capture.raw)):
        with pytest.raises(CodecError):
            decode(raw_capture.raw[:length])


def test_a_captured_body_without_widths_is_written_byte_for_byte_as_the_peer_did(captures: Any) -> None:
    for name in ("op_query_request.cpp.txt", "op_query_response._schema_id.cpp.txt"):
        for capture in captures(name):
            encode = encode_map if isinstance(capture.message.body, dict) else encode_list
            if "_where" not in capture.message.body:
                assert encode(capture.message.body) == capture.raw


def entry(code: int, data: bytes) -> bytes:
    """A map whose only entry is of that type."""
    body = b"\0\0\0\1" + b"\1k" + bytes([code]) + data
    return struct.pack(">I", len(body)) + body


@pytest.mark.parametrize(
    ("code", "data", "value"),
    [
        (0x01, b"\xff", -1),
        (0x02, b"\xff", 255),
        (0x08, b"\1", True),
        (0x08, b"\0", False),
        (0x11, b"\xff\xfe", -2),
        (0x12, b"\xff\xfe", 65534),
        (0x21, b"\xff\xff\xff\xfd", -3),
        (0x22, b"\xff\xff\xff\xfd", 4294967293),
        (0x23, struct.pack(">f", 1.5), 1.5),
        (0x31, b"\xff" * 8, -1),
        (0x32, b"\xff" * 8, 2**64 - 1),
        (0x33, struct.pack(">d", -0.25), -0.25),
        (0x38, b"\0\0\0\0\0\0\1\0", 256),
        (0x48, b"\1" * 16, UUID(bytes=b"\1" * 16)),
        (0x80, b"\3a\xc3\xa9", "aé"),
        (0x80, b"\2\xff\xfe", b"\xff\xfe"),
        (0x84, b"\2\xe9!", "é!"),
        (0x85, b"\2\xc3\xa9", "é"),
        (0x90, b"\0\2ab", "ab"),
        (0x94, b"\0\1\xe9", "é"),
        (0x95, b"\0\2\xc3\xa9", "é"),
        (0xA0, b"\0\0\0\2ab", "ab"),
        (0xA8, b"\0\0\0\4\0\0\0\0", {}),
        (0xA9, b"\0\0\0\7\0\0\0\1\x08\1", None),
        (0xAA, b"\0\0\0\7\x02\0\0\0\2\5\6", [5, 6]),
        (0xF0, b"", None),
    ],
)
def test_each_type_is_read(code: int, data: bytes, value: Any) -> None:
    if code == 0xA9:
        with pytest.raises(CodecError):  # its size counts one byte that belongs to nothing
            decode_map(entry(code, data))
        assert decode_map(entry(code, b"\0\0\0\6\0\0\0\1\x08\1")) == {"k": [True]}
        return
    assert strict(decode_map(entry(code, data))) == strict({"k": value})


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("a" * 65535, 0x90),
        ("a" * 65536, 0xA0),
        ("é" * 40000, 0xA0),
        (b"\xff" * 65536, 0xA0),
        (True, 0x08),
        (1, 0x31),
        (2**63 - 1, 0x31),
        (2**63, 0x32),
        (UInt8(1), 0x02),
        (UInt32(1), 0x22),
        (UInt64(1), 0x32),
        (1.0, 0x33),
        (UUID(int=1), 0x48),
        (None, 0xF0),
        ((1,), 0xA9),
    ],
)
def test_each_value_is_written_with_the_type_that_peers_expect(value: Any, code: int) -> None:
    encoded = encode_map({"k": value})
    assert encoded[10] == code
    assert decode_map(encoded) == {"k": as_read(value)}


def test_subclasses_of_known_types_are_written_as_their_base() -> None:
    class Text(str):
        pass

    assert encode_map({Text("k"): Text("v")}) == encode_map({"k": "v"})


def test_not_a_number_survives() -> None:
    assert math.isnan(decode_list(encode_list([math.nan]))[0])


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    "value",
    [
        {"k": {1, 2}},
        {"k": [object()]},
        {1: "v"},
        {"k" * 256: 1},
        {"é" * 128: 1},
        {"k": 2**64},
        {"k": -(2**63) - 1},
        {"k": UInt8(256)},
        {"k": UInt32(-1)},
        {"k": "\ud800"},
        {"\ud800": 1},
        {"k": CYCLE},
    ],
    ids=lambda value: repr(value)[:16],
)
def test_what_has_no_form_is_a_codec_error(value: Any) -> None:
    with pytest.raises(CodecError):
        encode_map(value)


def nested(levels: int) -> bytes:
    body = b"\0\0\0\4\0\0\0\0"
    for _ in range(levels - 1):
        inner = b"\0\0\0\1\xa9" + body
        body = struct.pack(">I", len(inner)) + inner
    return body


def test_depth_is_limited_exactly() -> None:
    value = decode_list(nested(MAX_DEPTH))
    assert encode_list(value) == nested(MAX_DEPTH)
    with pytest.raises(CodecError, match="nested deeper"):
        decode_list(nested(MAX_DEPTH + 1))
    with pytest.raises(CodecError, match="nested deeper"):
        encode_list([value])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\0\0",
        b"\0\0\0\4\0\0\0\0\0",
        b"\0\0\0\5\0\0\0\0\0",
        b"\0\0\0\4\xff\xff\xff\xff",
        b"\xff\xff\xff\xff\0\0\0\0",
        entry(0x77, b"\0"),
        entry(0x85, b"\1\xff"),
        entry(0x90, b"\xff\xffab"),
        entry(0xA0, b"\xff\xff\xff\xffab"),
        entry(0x48, b"short"),
        entry(0xA8, b"\0\0\0\xff\0\0\0\0"),
        entry(0xAA, b"\0\0\0\5\xf0\xff\xff\xff\xff"),
        entry(0xAA, b"\0\0\0\6\x02\0\0\0\2\5\6"),
        entry(0xA8, b"\0\0\0\x0a\0\0\0\1\1k\x90\0\2ab"),
        entry(0xA9, b"\0\0\0\6\0\0\0\1\x90\0\2ab"),
        entry(0xAA, b"\0\0\0\7\x90\0\0\0\1\0\2ab"),
        b"\0\0\0\x0c\0\0\0\2\1k\x02\1\1k\x02\2",
        b"\0\0\0\x08\0\0\0\1\1\xff\x02\1",
    ],
)
def test_malformed_bytes_are_a_codec_error(data: bytes) -> None:
    with pytest.raises(CodecError):
        decode_map(data)


def test_a_few_bytes_that_claim_gigabytes_cost_nothing() -> None:
    hostile = [b"\0\0\0\4\xff\xff\xff\xff", entry(0xAA, b"\0\0\0\5\xf0\xff\xff\xff\xff")]
    tracemalloc.start()
    try:
        for data in hostile:
            with pytest.raises(CodecError):
                decode_map(data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_an_oversized_body_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmfagent.qmf.decoder.MAX_BODY", 10)
    with pytest.raises(CodecError, match="11 bytes"):
        decode_map(bytes(11))


def test_a_memoryview_is_read_too() -> None:
    assert decode_map(memoryview(encode_map({"k": "v"}))) == {"k": "v"}  # type: ignore[arg-type]


def test_keys_of_many_objects_share_their_memory() -> None:
    first, second = decode_list(encode_list([{"_some_key": 1}, {"_some_key": 2}]))
    assert next(iter(first)) is next(iter(second))
