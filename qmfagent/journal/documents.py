"""The documents that entries of a journal name: kept once each, compressed, for as long as an entry names them.

Rules of this file: a document is found by its SHA-256 (hexadecimal), and noted with it is the newest entry that names it: when
that one goes, the document does. What an entry names are the documents that are recorded with it and, of those that are here
already, the ones that its values or its state refer to as `before` or `delivered`. Each method is part of its caller's
transaction.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from qmfagent.errors import JournalError

REFERRING = ("before", "delivered")
"""Names of values that refer to a document."""
MAX_DOCUMENT = 64 * 1024 * 1024
OVERHEAD = 200
"""Bytes that a document takes besides its content, about."""
_LEVEL = 1


def digest_of(document: bytes) -> str:
    """What a document is found by."""
    return sha256(document).hexdigest()


def unpacked(digest: str, data: bytes) -> bytes:
    """A document as it was recorded. Raises JournalError where it is not the one of that SHA-256."""
    inflating = zlib.decompressobj()
    try:
        document = inflating.decompress(data, MAX_DOCUMENT)
    except zlib.error:
        document = b""
    if not inflating.eof or inflating.unused_data or digest_of(document) != digest:
        raise JournalError(f"document {digest} is not what was recorded")
    return document


def referred(values: Mapping[str, Any]) -> list[str]:
    """What values refer to, be it a document that is here or not."""
    return [value for name in REFERRING if isinstance(value := values.get(name), str)]


class Documents:
    """The documents in a journal's database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def __iter__(self) -> Iterator[tuple[str, int, bytes]]:
        """Every document: its SHA-256, the number of the newest entry that names it, and its compressed form."""
        return iter(self._execute("SELECT digest, carrier, data FROM documents ORDER BY carrier, digest"))

    def get(self, digest: str) -> bytes | None:
        """A document; None where it is not here. Raises JournalError where it is not what was recorded."""
        found = self._execute("SELECT data FROM documents WHERE digest = ?", (digest,)).fetchone()
        return None if found is None else unpacked(digest, found[0])

    def named(self, given: Iterable[str], *values: Mapping[str, Any]) -> list[str]:
        """What an entry names that is recorded with the documents `given` and with those values, in order."""
        return sorted({*given, *self._held({digest for each in values for digest in referred(each)})})

    def keep(self, seq: int, named: Iterable[str], given: Mapping[str, bytes]) -> int:
        """Note that entry `seq` names some documents, of which those that are not here yet are `given`. Gives the bytes
        that this took."""
        taken = 0
        for digest in named:
            if self._execute("UPDATE documents SET carrier = ? WHERE digest = ?", (seq, digest)).rowcount == 0:
                data = zlib.compress(given[digest], _LEVEL)
                self._execute("INSERT INTO documents (digest, carrier, data) VALUES (?, ?, ?)", (digest, seq, data))
                taken += len(data) + OVERHEAD
        return taken

    def forget(self, upto: int) -> int:
        """Delete what no entry after number `upto` names. Gives the bytes that this freed."""
        freed = self._size("carrier <= ?", (upto,))
        self._execute("DELETE FROM documents WHERE carrier <= ?", (upto,))
        return freed

    def carried(self, seq: int) -> int:
        """The bytes that documents take which entry `seq` is the newest to name."""
        return self._size("carrier = ?", (seq,))

    def size(self, digests: Collection[str] | None = None) -> int:
        """The bytes that some documents take, or all."""
        if digests is None:
            return self._size("true", ())
        return sum(self._size("digest = ?", (digest,)) for digest in digests)

    def _held(self, digests: Iterable[str]) -> Iterator[str]:
        for digest in digests:
            if self._execute("SELECT 1 FROM documents WHERE digest = ?", (digest,)).fetchone():
                yield digest

    def _size(self, which: str, parameters: tuple[Any, ...]) -> int:
        query = f"SELECT count(*) * {OVERHEAD} + total(length(data)) FROM documents WHERE {which}"  # noqa: S608
        return int(self._execute(query, parameters).fetchone()[0])
