"""Values to bytes: the writing half of the AMQP 0-10 codec. The rules are in codec.py.

Each writer appends one value, with its type code, to a bytearray; containers leave room for their sizes and fill it
in when they are done, so that nothing is encoded twice.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from uuid import UUID

from qmfagent.errors import CodecError
from qmfagent.qmf.decoder import MAX_DEPTH


class UInt8(int):
    """An integer that is written as uint8, for fields that peers write with that width."""

    __slots__ = ()


class UInt32(int):
    """An integer that is written as uint32."""

    __slots__ = ()


class UInt64(int):
    """An integer that is written as uint64."""

    __slots__ = ()


def encode_map(value: dict[str, Any]) -> bytes:
    """Encode a map. Raises CodecError for keys or values that have no AMQP 0-10 form."""
    return _encode(_put_map, value, "map")


def encode_list(value: list[Any]) -> bytes:
    """Encode a list. Raises CodecError for values that have no AMQP 0-10 form."""
    return _encode(_put_list, value, "list")


_Writer = Callable[[bytearray, Any, int], None]

_pack_sizes = struct.Struct(">II").pack_into
_pack_vbin16 = struct.Struct(">BH").pack
_pack_vbin32 = struct.Struct(">BI").pack


def _encode(writer: _Writer, value: Any, what: str) -> bytes:
    out = bytearray()
    try:
        writer(out, value, MAX_DEPTH)
    except struct.error as error:
        raise CodecError(f"a number or size in the {what} is out of range for AMQP 0-10: {error}") from error
    except UnicodeEncodeError as error:
        raise CodecError(f"text in the {what} can't be written as UTF-8: {error.reason}") from error
    return bytes(out)


@lru_cache(maxsize=4096)
def _key_bytes(key: str) -> bytes:
    data = key.encode()
    if len(data) > 255:
        raise CodecError(f"map key {key[:40]!r}... takes {len(data)} bytes", hint="at most 255 can be encoded")
    return bytes((len(data),)) + data


def _put_map(out: bytearray, value: dict[str, Any], depth: int) -> None:
    if not depth:
        raise CodecError(f"a map is nested deeper than {MAX_DEPTH} levels")
    start = len(out)
    out += bytes(8)
    for key, item in value.items():
        if not isinstance(key, str):
            raise CodecError(f"map key {key!r:.40} is no string")
        out += _key_bytes(key)
        (_WRITERS.get(type(item)) or _writer_of(item, f"map key {key!r:.40}"))(out, item, depth - 1)
    _pack_sizes(out, start, len(out) - start - 4, len(value))


def _put_list(out: bytearray, value: list[Any] | tuple[Any, ...], depth: int) -> None:
    if not depth:
        raise CodecError(f"a list is nested deeper than {MAX_DEPTH} levels")
    start = len(out)
    out += bytes(8)
    for item in value:
        (_WRITERS.get(type(item)) or _writer_of(item, "list element"))(out, item, depth - 1)
    _pack_sizes(out, start, len(out) - start - 4, len(value))


def _put_nested_map(out: bytearray, value: dict[str, Any], depth: int) -> None:
    out.append(0xA8)
    _put_map(out, value, depth)


def _put_nested_list(out: bytearray, value: list[Any] | tuple[Any, ...], depth: int) -> None:
    out.append(0xA9)
    _put_list(out, value, depth)


def _put_str(out: bytearray, value: str, depth: int) -> None:
    _put_bytes(out, value.encode(), depth)


def _put_bytes(out: bytearray, value: bytes, depth: int) -> None:
    out += _pack_vbin16(0x90, len(value)) if len(value) <= 0xFFFF else _pack_vbin32(0xA0, len(value))
    out += value


def _put_int(out: bytearray, value: int, depth: int) -> None:
    out += _pack_i64(0x31, value) if value <= 0x7FFF_FFFF_FFFF_FFFF else _pack_u64(0x32, value)


def _put_uuid(out: bytearray, value: UUID, depth: int) -> None:
    out.append(0x48)
    out += value.bytes


def _put_none(out: bytearray, value: None, depth: int) -> None:
    out.append(0xF0)


def _fixed_writer(code: int, form: str) -> _Writer:
    pack = struct.Struct(">B" + form).pack

    def put(out: bytearray, value: Any, depth: int) -> None:
        out += pack(code, value)

    return put


_pack_i64 = struct.Struct(">Bq").pack
_pack_u64 = struct.Struct(">BQ").pack

_WRITERS: dict[type, _Writer] = {
    str: _put_str,
    int: _put_int,
    bool: _fixed_writer(0x08, "?"),
    dict: _put_nested_map,
    list: _put_nested_list,
    tuple: _put_nested_list,
    type(None): _put_none,
    float: _fixed_writer(0x33, "d"),
    UInt8: _fixed_writer(0x02, "B"),
    UInt32: _fixed_writer(0x22, "I"),
    UInt64: _fixed_writer(0x32, "Q"),
    UUID: _put_uuid,
    bytes: _put_bytes,
}


def _writer_of(value: Any, where: str) -> _Writer:
    """Find the writer of a subclass of a known type, such as an enum or lxml's strings."""
    for base in type(value).__mro__:
        if base in _WRITERS:
            return _WRITERS[base]
    raise CodecError(f"{where}: a value of type {type(value).__name__} has no AMQP 0-10 form")
