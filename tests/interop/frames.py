"""Messages in the bytes of a recorded AMQP 1.0 connection.

Rules of this file: one direction of one connection, as it comes off the wire. SASL frames, and whatever transfers no message,
are passed over. Source: OASIS AMQP 1.0, part 2, sections 2.3 (frames) and 2.7.5 (transfer).
"""

from __future__ import annotations

from collections.abc import Iterator

import proton

_HEADER, _AMQP = 8, 0
_TRANSFER = 0x14
_HANDLE, _MORE = 0, 5


class Frames:
    """Reads one direction of a connection."""

    def __init__(self) -> None:
        self._buffer = b""
        self._begun: dict[tuple[int, int], bytes] = {}

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages, as they are encoded, that are whole with this data."""
        self._buffer += data
        while len(self._buffer) >= _HEADER:
            if self._buffer.startswith(b"AMQP"):
                self._buffer = self._buffer[_HEADER:]
                continue
            size = int.from_bytes(self._buffer[:4])
            if len(self._buffer) < size:
                return
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            yield from self._message(frame)

    def _message(self, frame: bytes) -> Iterator[bytes]:
        offset, kind, channel = frame[4] * 4, frame[5], int.from_bytes(frame[6:8])
        body = frame[offset:]
        if kind != _AMQP or not body:
            return
        performative = proton.Data()
        consumed = performative.decode(body)
        performative.next()
        described = performative.get_py_described()
        if described.descriptor != _TRANSFER:
            return
        fields = described.value
        link = channel, int(fields[_HANDLE])
        whole = self._begun.pop(link, b"") + body[consumed:]
        if len(fields) > _MORE and fields[_MORE]:
            self._begun[link] = whole
        else:
            yield whole
