"""AMQP 1.0 values of a peer as plain Python values, and back.

Rules of this file: in comes what proton makes of foreign bytes, and becomes None, bool, int, float, str, bytes, UUID, list
and dict; binary is text wherever it is UTF-8: C++ peers send text as binary. Out go AMQP's own types, never a described one.
Source: AMQP 1.0 part 1.6 (primitive types).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import proton
from proton import Described

from qmfagent.errors import CodecError, InputError, ProtocolError
from qmfagent.qmf.fields import shown

MAX_LONG = (1 << 63) - 1
_DECIMALS = (proton.decimal32, proton.decimal64, proton.decimal128)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn whatever proton's conversions of foreign bytes raise, RecursionError included, into ProtocolError about `what`."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise ProtocolError(f"{what} that can't be read: {type(error).__name__} {shown(str(error), 200)}") from error


def plain(value: Any) -> Any:
    """An AMQP 1.0 value as plain Python: no wrappers for sizes and symbols, no descriptors, binary as text where it is UTF-8.

    Raises CodecError for a type that neither QMF nor AMQP Management has a use for (a decimal).
    """
    if isinstance(value, _DECIMALS):
        # proton gives the bits of one, as an integer or as binary.
        raise CodecError(f"an AMQP value of type {type(value).__name__} has no place here")
    if isinstance(value, dict):
        return {text(key): plain(item) for key, item in value.items()}
    if isinstance(value, Described):
        return plain(value.value)
    if isinstance(value, proton.Array):
        return [plain(item) for item in value.elements]
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (bytes, bytearray, memoryview)):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            return bytes(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool) or value is None or isinstance(value, UUID):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    raise CodecError(f"an AMQP value of type {type(value).__name__} has no place here")


def text(value: Any) -> str:
    """A name, subject or the like: nothing is empty, binary is UTF-8 whose faults are replaced."""
    if value is None:
        return ""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode(errors="replace")
    return str(value)


def native(value: Any) -> Any:
    """A plain value as proton encodes it: integers are long, or ulong above that."""
    if isinstance(value, dict):
        return {key: native(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [native(item) for item in value]
    if isinstance(value, bool) or value is None or isinstance(value, UUID):
        return value
    if isinstance(value, int):
        return proton.ulong(value) if value > MAX_LONG else int(value)
    return value
