"""The user-id of a message that is passed on: what its sender has proved, never what he claims.

Rules of this file: bytes in, bytes out; nothing but the user-id changes. proton is not asked to write again what it has read:
it ends the process over some values that it has read without complaint. A message whose sections are not in AMQP's order, or
that has one twice, is refused: two readers could take it for two different messages.
Source: AMQP 1.0 part 1.2 (type encodings), 3.2 (sections of a message), 3.2.4 (properties).
"""

from __future__ import annotations

from qmfagent.bus.messages.values import reading
from qmfagent.errors import ProtocolError

_DESCRIBED, _SMALL_ULONG, _ULONG = 0x00, 0x53, 0x80
_PROPERTIES = 0x73
_REPEATED = (0x75, 0x76)
"""Sections that a message may have several of: data and sequence."""
_NULL, _LIST8, _LIST32 = 0x40, 0xC0, 0xD0
_BINARY8, _BINARY32 = 0xA0, 0xB0
_WIDTHS = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}
_SIZE_WIDTHS = {0xA: 1, 0xB: 4, 0xC: 1, 0xD: 4, 0xE: 1, 0xF: 4}


def stamped(data: bytes, user: str) -> bytes:
    """A message's bytes with the user-id `user` where they claim one. Raises ProtocolError where they are no message."""
    with reading("a message to be passed on"):
        properties = _properties(data)
        if properties is None:
            return data
        start, end = properties
        claimed = _user_id(data, start)
        if claimed is None or data[claimed[0] : claimed[1]] == _binary(user):
            return data
        fields = _binary(user).join((data[_fields(data, start) : claimed[0]], data[claimed[1] : end]))
        head = bytes((_LIST32,)) + (len(fields) + 4).to_bytes(4) + _count(data, start).to_bytes(4)
        return data[:start] + head + fields + data[end:]


def _properties(data: bytes) -> tuple[int, int] | None:
    """Where the list of the properties section begins and ends; None where there is no such section."""
    found, last, position = None, 0, 0
    while position < len(data):
        code, start = _section(data, position)
        if code < last or (code == last and code not in _REPEATED):
            raise ProtocolError("a message whose sections are out of order")
        last, position = code, _end(data, start)
        if code == _PROPERTIES:
            found = start, position
    if position != len(data):
        raise ProtocolError("a message that is cut short")
    return found


def _section(data: bytes, position: int) -> tuple[int, int]:
    """The code of a section, and where its value begins."""
    if data[position] == _DESCRIBED and data[position + 1] == _SMALL_ULONG:
        return data[position + 2], position + 3
    if data[position] == _DESCRIBED and data[position + 1] == _ULONG:
        return int.from_bytes(data[position + 2 : position + 10]), position + 10
    raise ProtocolError(f"no section of a message begins at byte {position}")


def _end(data: bytes, position: int) -> int:
    """Where a value ends that begins at `position`."""
    while data[position] == _DESCRIBED:
        position = _end(data, position + 1)
    kind = data[position] >> 4
    if kind in _WIDTHS:
        return position + 1 + _WIDTHS[kind]
    if kind not in _SIZE_WIDTHS:
        raise ProtocolError(f"no value begins at byte {position}")
    start = position + 1 + _SIZE_WIDTHS[kind]
    return start + int.from_bytes(data[position + 1 : start])


def _user_id(data: bytes, start: int) -> tuple[int, int] | None:
    """Where the user-id in a list of properties begins and ends; None where there is none."""
    if _count(data, start) < 2:
        return None
    begins = _end(data, _fields(data, start))
    return None if data[begins] == _NULL else (begins, _end(data, begins))


def _count(data: bytes, start: int) -> int:
    """How many elements a list has."""
    match data[start]:
        case 0x45:  # list0
            return 0
        case 0xC0:  # list8
            return data[start + 2]
        case 0xD0:  # list32
            return int.from_bytes(data[start + 5 : start + 9])
    raise ProtocolError("properties that are no list")


def _fields(data: bytes, start: int) -> int:
    """Where the elements of a list begin."""
    return start + (3 if data[start] == _LIST8 else 9)


def _binary(user: str) -> bytes:
    value = user.encode()
    short = len(value) < 256
    return bytes((_BINARY8 if short else _BINARY32,)) + len(value).to_bytes(1 if short else 4) + value
