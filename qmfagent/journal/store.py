"""A journal that lasts: entries in SQLite.

Rules of this file: appending is one write into the operating system's cache, never a wait for the disk (see checkpoint.py):
what a killed agent had appended is there, what a node without power had, perhaps not. A file that another boot of a node has
left open may therefore lack its last entries, and their numbers would be given again: it gets a new id, which tells consoles
that they can't resume by number. The oldest entries go, a few at a time, as soon as there are too many or they are too large;
the chain goes on from an anchor. One thread alone uses a Journal.
Source: SQLite, "Write-Ahead Logging", PRAGMA synchronous (NORMAL may lose the last transactions at a power loss).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from qmfagent.errors import JournalError
from qmfagent.journal.checkpoint import Checkpointer
from qmfagent.journal.entry import Anchor, Entry, check_chain, seal
from qmfagent.journal.file import Lock, connect, damaged, unusable

log = logging.getLogger(__name__)

MIB = 1024 * 1024
OVERHEAD = 300
"""Bytes that an entry takes besides its content, about."""
BATCH = 100
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_COLUMNS = "seq, time, kind, name, content, prev, hash"


@dataclass(frozen=True, slots=True)
class Retention:
    """How much a journal keeps: so many entries and so many bytes, whichever is less. The newest entry stays in any case."""

    max_entries: int = 100_000
    max_bytes: int = 64 * MIB


class Journal:
    """One journal. `id` (a UUID) names its numbering: entries of the same id and number are the same."""

    def __init__(self, path: Path | None = None, retention: Retention | None = None) -> None:
        """Open the journal in a file, made where there is none yet; None keeps it in memory.

        Raises JournalError where that is not possible.
        """
        self._path = path
        self._retention = retention or Retention()
        self._lock = Lock(path) if path is not None else None
        self._checkpointer: Checkpointer | None = None
        self._anchor = self._end = Anchor()
        self._bytes = 0
        try:
            self._connection = connect(path)
            try:
                with self._reading():
                    self._load()
            except BaseException:
                self._connection.close()
                raise
        except BaseException:
            if self._lock is not None:
                self._lock.release()
            raise
        if path is not None:
            self._checkpointer = Checkpointer(path)

    @property
    def last(self) -> int:
        """The number of the newest entry; 0 where there was never one."""
        return self._end.seq

    @property
    def first(self) -> int:
        """The number of the oldest entry that is kept; one above the last where there is none."""
        return self._anchor.seq + 1

    def append(self, kind: str, name: str, time_ns: int, values: Mapping[str, Any]) -> Entry:
        """Record something: the entry. Raises SchemaError for values without JSON form, JournalError where it can't be kept."""
        entry = seal(self._end, kind, name, time_ns, values)
        row = (entry.seq, time_ns, kind, name, entry.content, entry.prev, entry.hash)
        with self._writing():
            self._connection.execute(f"INSERT INTO entries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608
        self._end = entry.anchor
        self._bytes += _size(entry)
        if self._checkpointer is not None:
            self._checkpointer.appended()
        while self.first < self.last and self._too_much():
            self._forget_oldest()
        return entry

    def since(self, seq: int, limit: int, max_bytes: int = MIB) -> list[Entry]:
        """The entries after number `seq`, in order: `limit` at most, and one, or as many as `max_bytes` of content allow.

        Raises JournalError where they can't be read.
        """
        found: list[Entry] = []
        with self._reading():
            for entry in self._entries(seq, limit):
                max_bytes -= len(entry.content)
                if found and max_bytes < 0:
                    break
                found.append(entry)
        return found

    def verify(self) -> None:
        """Check every entry that is kept against the chain. Raises JournalError at the first that is wrong or missing."""
        with self._reading():
            try:
                end = check_chain(self._anchor, self._entries(self._anchor.seq, -1))
            except JournalError as error:
                raise damaged(self._path, error.message) from None
        if end != self._end:
            raise damaged(self._path, f"it ends at entry {end.seq}, not {self.last}")

    def close(self) -> None:
        """Put everything on the disk, and let others use the journal. Raises nothing: what could not be put there is logged."""
        if self._checkpointer is not None:
            self._checkpointer.stop()
            self._checkpointer = None
            try:
                self._connection.execute("DELETE FROM meta WHERE key = 'open'")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                log.warning("%s: could not be closed well: %s", self._path, error)
        self._connection.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    # -- inside

    def _load(self) -> None:
        meta = dict(self._connection.execute("SELECT key, value FROM meta"))
        self._anchor = Anchor(int(meta.get("anchor_seq", 0)), meta.get("anchor_hash", Anchor().hash))
        count, newest, content = self._connection.execute(
            "SELECT count(*), max(seq), total(length(content)) FROM entries"
        ).fetchone()
        self._bytes = int(content) + count * OVERHEAD
        self._end = self._anchor
        if count:
            (last,) = self._entries(newest - 1, 1)
            if newest - self._anchor.seq != count:
                raise damaged(self._path, f"{newest - self._anchor.seq - count} entries are missing")
            try:
                self._end = check_chain(Anchor(last.seq - 1, last.prev), [last])
            except JournalError as error:
                raise damaged(self._path, error.message) from None
        boot = _boot_id()
        self.id = meta.get("id", "")
        if not self.id or meta.get("open", boot) != boot:
            if self.id:
                log.warning("%s was not closed, and the node has restarted: its last entries may be lost", self._path)
            self.id = str(uuid4())
        self._connection.executemany("REPLACE INTO meta VALUES (?, ?)", [("id", self.id), ("open", boot)])
        # On the disk before anything is appended, or a loss of power could undo it.
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _entries(self, after: int, limit: int) -> Iterator[Entry]:
        query = f"SELECT {_COLUMNS} FROM entries WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
        return (Entry(*row) for row in self._connection.execute(query, (after, limit)))

    def _too_much(self) -> bool:
        kept = self.last - self.first + 1
        return kept > self._retention.max_entries or self._bytes > self._retention.max_bytes

    def _forget_oldest(self) -> None:
        """Delete a few entries, and let the anchor stand for them."""
        upto = min(self.first + max(1, min(BATCH, self._retention.max_entries // 100)), self.last) - 1
        with self._writing():
            execute = self._connection.execute
            gone = list(self._entries(self._anchor.seq, upto - self._anchor.seq))
            anchor = gone[-1].anchor
            execute("BEGIN IMMEDIATE")
            execute("DELETE FROM entries WHERE seq <= ?", (anchor.seq,))
            execute("REPLACE INTO meta VALUES ('anchor_seq', ?), ('anchor_hash', ?)", (str(anchor.seq), anchor.hash))
            execute("COMMIT")
        self._anchor = anchor
        self._bytes -= sum(map(_size, gone))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self._connection.rollback()
            raise unusable(self._path or Path(":memory:"), str(error)) from None

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise damaged(self._path, str(error)) from None


def _size(entry: Entry) -> int:
    return len(entry.content) + OVERHEAD


def _boot_id() -> str:
    """What names this start of the node; another text every time where the kernel does not tell."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return str(uuid4())
