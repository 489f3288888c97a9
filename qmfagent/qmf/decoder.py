"""Bytes to values: the reading half of the AMQP 0-10 codec. The rules are in codec.py.

Each reader takes (data, position, end of the container it is in, depth left) and gives (value, next position). The
position never goes back: so one check at the end of a container finds every element in it that ran past that end, and
the readers of scalars need none. A read past the end of the input is found by struct or by indexing.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from uuid import UUID

from qmfagent.errors import CodecError

MAX_DEPTH = 64
"""Deepest nesting of containers, read and written."""

MAX_BODY = 64 * 1024 * 1024
"""Largest body that is decoded, in bytes."""


def decode_map(data: bytes) -> dict[str, Any]:
    """Decode the bytes of one map. Raises CodecError for anything else, trailing bytes included."""
    value: dict[str, Any] = _decode(_get_map, data, "map")
    return value


def decode_list(data: bytes) -> list[Any]:
    """Decode the bytes of one list. Raises CodecError for anything else, trailing bytes included."""
    value: list[Any] = _decode(_get_list, data, "list")
    return value


_Reader = Callable[[bytes, int, int, int], tuple[Any, int]]

_unpack_u16 = struct.Struct(">H").unpack_from
_unpack_u32 = struct.Struct(">I").unpack_from
_unpack_sizes = struct.Struct(">II").unpack_from


def _decode(reader: _Reader, data: bytes, what: str) -> Any:
    if len(data) > MAX_BODY:
        raise CodecError(f"the {what} has {len(data)} bytes", hint=f"at most {MAX_BODY} are decoded")
    data = bytes(data)
    try:
        value, position = reader(data, 0, len(data), MAX_DEPTH)
    except (struct.error, IndexError) as error:
        raise CodecError(f"the {what} of {len(data)} bytes is cut short, or a size in it is wrong") from error
    except UnicodeDecodeError as error:
        raise CodecError(f"a key or text in the {what} is not UTF-8: {error.reason}") from error
    if position != len(data):
        raise CodecError(f"the {what} ends after {position} of {len(data)} bytes")
    return value


@lru_cache(maxsize=4096)
def _key_text(data: bytes) -> str:
    """Decode a key; the cache makes equal keys of many objects one string in memory."""
    return data.decode()


@lru_cache(maxsize=256)
def _uuid(data: bytes) -> UUID:
    return UUID(bytes=data)


def _open(data: bytes, position: int, end: int, depth: int) -> tuple[int, int]:
    """Read the sizes of a container: (its end, its count)."""
    if not depth:
        raise CodecError(f"containers are nested deeper than {MAX_DEPTH} levels")
    size, count = _unpack_sizes(data, position)
    own_end = position + 4 + size
    if size < 4 or own_end > end:
        raise CodecError(f"a container at byte {position} claims {size} bytes, more or less than there can be")
    return own_end, count


def _get_map(data: bytes, position: int, end: int, depth: int) -> tuple[dict[str, Any], int]:
    end, count = _open(data, position, end, depth)
    position += 8
    depth -= 1
    result: dict[str, Any] = {}
    for _ in range(count):
        start = position + 1
        position = start + data[position]
        key = _key_text(data[start:position])
        result[key], position = _READERS[data[position]](data, position + 1, end, depth)
    if position != end:
        raise CodecError(f"a map of {count} entries ends at byte {position}, its size says {end}")
    if len(result) != count:
        raise CodecError(f"a map of {count} entries has a key more than once")
    return result, position


def _get_list(data: bytes, position: int, end: int, depth: int) -> tuple[list[Any], int]:
    end, count = _open(data, position, end, depth)
    position += 8
    depth -= 1
    result: list[Any] = []
    for _ in range(count):
        value, position = _READERS[data[position]](data, position + 1, end, depth)
        result.append(value)
    if position != end:
        raise CodecError(f"a list of {count} elements ends at byte {position}, its size says {end}")
    return result, position


def _get_array(data: bytes, position: int, end: int, depth: int) -> tuple[list[Any], int]:
    """Read an array: u32 size, u8 type of all elements, u32 count, elements without type."""
    if not depth:
        raise CodecError(f"containers are nested deeper than {MAX_DEPTH} levels")
    (size,) = _unpack_u32(data, position)
    own_end = position + 4 + size
    if own_end > end:
        raise CodecError(f"an array at byte {position} claims {size} bytes, more than there are")
    reader = _READERS[data[position + 4]]
    (count,) = _unpack_u32(data, position + 5)
    position += 9
    # An array of void has elements of no bytes at all: without this check, 10 bytes could ask for gigabytes.
    if count > own_end - position:
        raise CodecError(f"an array of {count} elements in {size} bytes")
    result: list[Any] = []
    for _ in range(count):
        value, position = reader(data, position, own_end, depth - 1)
        result.append(value)
    if position != own_end:
        raise CodecError(f"an array of {count} elements ends at byte {position}, its size says {own_end}")
    return result, position


def _binary(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _latin1(data: bytes) -> str:
    return data.decode("latin-1")


def _utf8(data: bytes) -> str:
    return data.decode()


def _sized_reader(form: str, convert: Callable[[bytes], str | bytes]) -> _Reader:
    """Make the reader of a type whose length comes first, in the struct format `form`."""
    head = struct.Struct(form)
    unpack, width = head.unpack_from, head.size

    def get(data: bytes, position: int, end: int, depth: int) -> tuple[str | bytes, int]:
        start = position + width
        stop = start + unpack(data, position)[0]
        return convert(data[start:stop]), stop

    return get


def _fixed_reader(form: str) -> _Reader:
    """Make the reader of a type of fixed width, in the struct format `form`."""
    head = struct.Struct(form)
    unpack, width = head.unpack_from, head.size

    def get(data: bytes, position: int, end: int, depth: int) -> tuple[Any, int]:
        return unpack(data, position)[0], position + width

    return get


def _get_uuid(data: bytes, position: int, end: int, depth: int) -> tuple[UUID, int]:
    if position + 16 > end:
        raise CodecError(f"a UUID at byte {position} runs past the end of its container")
    return _uuid(data[position : position + 16]), position + 16


def _get_none(data: bytes, position: int, end: int, depth: int) -> tuple[None, int]:
    return None, position


def _get_unknown(data: bytes, position: int, end: int, depth: int) -> tuple[None, int]:
    raise CodecError(f"unknown type code before byte {position}")


_KNOWN_READERS: dict[int, _Reader] = {
    0x01: _fixed_reader(">b"),
    0x02: _fixed_reader(">B"),
    0x08: _fixed_reader(">?"),
    0x11: _fixed_reader(">h"),
    0x12: _fixed_reader(">H"),
    0x21: _fixed_reader(">i"),
    0x22: _fixed_reader(">I"),
    0x23: _fixed_reader(">f"),
    0x31: _fixed_reader(">q"),
    0x32: _fixed_reader(">Q"),
    0x33: _fixed_reader(">d"),
    0x38: _fixed_reader(">Q"),
    0x48: _get_uuid,
    0x80: _sized_reader(">B", _binary),
    0x84: _sized_reader(">B", _latin1),
    0x85: _sized_reader(">B", _utf8),
    0x90: _sized_reader(">H", _binary),
    0x94: _sized_reader(">H", _latin1),
    0x95: _sized_reader(">H", _utf8),
    0xA0: _sized_reader(">I", _binary),
    0xA8: _get_map,
    0xA9: _get_list,
    0xAA: _get_array,
    0xF0: _get_none,
}
_READERS: list[_Reader] = [_KNOWN_READERS.get(code, _get_unknown) for code in range(256)]
