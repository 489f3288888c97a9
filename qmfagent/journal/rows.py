"""Entries of a journal as rows of its database.

Rules of this file: what stands in a row is what was sealed, and beside it the signature, empty where there is none.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import astuple, fields
from heapq import nlargest
from pathlib import Path

from qmfagent.errors import JournalError
from qmfagent.journal.entry import Anchor, Entry, check_entry
from qmfagent.journal.file import OF_ANY_TICKET, OF_TICKET, damaged

OVERHEAD = 500
"""Bytes that an entry takes besides what is of any length in it, about."""
_MAX_SEQ = 2**63 - 1
"""The greatest integer of SQLite."""
_RENAMED = {"time_ns": "time"}
COLUMNS = ", ".join(_RENAMED.get(field.name, field.name) for field in fields(Entry))
_INSERT = f"INSERT INTO entries ({COLUMNS}, signature) VALUES ({'?, ' * len(fields(Entry))}?)"  # noqa: S608


def size_of(entry: Entry) -> int:
    """The bytes that an entry takes, about."""
    return len(entry.content) + len(entry.named) + len(entry.state) + OVERHEAD


def insert(connection: sqlite3.Connection, entry: Entry, signature: bytes) -> None:
    """Write an entry."""
    connection.execute(_INSERT, (*astuple(entry), signature))


def entries(connection: sqlite3.Connection, after: int, limit: int) -> Iterator[Entry]:
    """At most `limit` entries after number `after`, in order; all where `limit` is negative."""
    query = f"SELECT {COLUMNS} FROM entries WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
    return (Entry(*row) for row in connection.execute(query, (after, limit)))


def signed_entries(connection: sqlite3.Connection, after: int) -> Iterator[tuple[Entry, bytes]]:
    """Every entry after number `after`, in order, with its signature."""
    query = f"SELECT {COLUMNS}, signature FROM entries WHERE seq > ? ORDER BY seq"  # noqa: S608
    return ((Entry(*row[:-1]), row[-1]) for row in connection.execute(query, (after,)))


def carriers(connection: sqlite3.Connection) -> Iterator[Entry]:
    """The newest entry of each key, in order."""
    newest = "SELECT max(seq) FROM entries WHERE key <> '' GROUP BY key"
    query = f"SELECT {COLUMNS} FROM entries WHERE seq IN ({newest}) ORDER BY seq"  # noqa: S608
    return (Entry(*row) for row in connection.execute(query))


def find_end(connection: sqlite3.Connection, anchor: Anchor, path: Path | None) -> tuple[Anchor, int]:
    """The newest entry, or the anchor where there is none, and the bytes that all entries take.

    Raises JournalError where it is not what was sealed, or there are not as many as there should be.
    """
    count, last, size = connection.execute(
        "SELECT count(*), max(seq), total(length(content) + length(named) + length(state)) FROM entries"
    ).fetchone()
    if not count:
        return anchor, 0
    if last - anchor.seq != count:
        raise damaged(path, f"{last - anchor.seq - count} entries are missing")
    (entry,) = entries(connection, last - 1, 1)
    try:
        return check_entry(Anchor(last - 1, entry.prev), entry), int(size) + count * OVERHEAD
    except JournalError as error:
        raise damaged(path, error.message) from None


def newest(
    connection: sqlite3.Connection, ticket: str, names: Collection[str], limit: int, before: int = 0
) -> list[Entry]:
    """The newest entries whose values name that ticket, or any where it is empty, with one of these names; newest first; with
    `before`, of those with a lower number."""
    below = min(before, _MAX_SEQ) if before else _MAX_SEQ
    which, about = (OF_TICKET, (ticket,)) if ticket else (OF_ANY_TICKET, ())
    query = f"SELECT seq FROM entries WHERE {which} AND seq < ? ORDER BY seq DESC LIMIT ?"  # noqa: S608
    numbers = nlargest(
        limit, (seq for name in set(names) for (seq,) in connection.execute(query, (*about, name, below, limit)))
    )
    return [entry for seq in numbers for entry in entries(connection, seq - 1, 1)]
