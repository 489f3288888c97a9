"""The file of a journal: made, locked, and opened as a database.

Rules of this file: the file is its owner's alone (0600), and one agent's at a time: a lock on a file of its own beside it,
since closing a second handle of the database itself would drop SQLite's locks. Nothing is repaired, and nothing that is no
journal is touched. One of an earlier version becomes one of this version, at once or not at all.
Source: SQLite, "How To Corrupt An SQLite Database File" (2.2); flock(2).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from qmfagent.errors import JournalError

APPLICATION = 0x716D6661
"""`application_id` of a journal: "qmfa"."""
VERSION = 2
PATIENCE = 1.0
"""Seconds that an append waits for somebody else who is writing: at most for a checkpoint."""

_TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE entries (seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,"
    " content TEXT NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL)",
)
_TICKET = "json_extract(content, '$.ticket')"
"""What an entry is about, as far as it is asked for by that."""
_SINCE_VERSION_2 = (
    "ALTER TABLE entries ADD COLUMN named TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE entries ADD COLUMN key TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE entries ADD COLUMN state TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE entries ADD COLUMN signature BLOB NOT NULL DEFAULT x''",
    "CREATE TABLE documents (digest TEXT PRIMARY KEY, carrier INTEGER NOT NULL, data BLOB NOT NULL)",
    "CREATE INDEX documents_carrier ON documents (carrier)",
    "CREATE INDEX entries_key ON entries (key) WHERE key <> ''",
    f"CREATE INDEX entries_ticket ON entries ({_TICKET}, name) WHERE {_TICKET} IS NOT NULL",
    f"CREATE INDEX entries_name ON entries (name) WHERE {_TICKET} IS NOT NULL",
)
"""Entries of version 1 are entries of version 2 that name no document and carry no state."""
OF_TICKET = f"{_TICKET} = ? AND name = ?"
OF_ANY_TICKET = f"{_TICKET} IS NOT NULL AND name = ?"
"""Conditions on entries that an index serves."""


class Lock:
    """The right to use a journal, from construction to release()."""

    def __init__(self, path: Path) -> None:
        """Raises JournalError where another agent has it, or the folder can't be written."""
        try:
            self._handle = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise unusable(path, error.strerror or str(error)) from None
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._handle)
            raise JournalError(
                f"{path}: another agent is using this journal",
                hint="stop it, or give each agent a [journal] file of its own",
            ) from None

    def release(self) -> None:
        """Let others use the journal."""
        os.close(self._handle)


def connect(path: Path | None) -> sqlite3.Connection:
    """A connection to the journal in a file, made where there is none yet; None is one in memory.

    Raises JournalError for a file that can't be used, is damaged, or is no journal.
    """
    if path is not None:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.fchmod(handle, 0o600)
            finally:
                os.close(handle)
        except OSError as error:
            raise unusable(path, error.strerror or str(error)) from None
    connection = sqlite3.connect(path or ":memory:", isolation_level=None, timeout=PATIENCE)
    with _closed_on_failure(connection, path):
        _prepare(connection, path)
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, to a journal that an agent may be using meanwhile.

    Raises JournalError for a file that can't be read, or is no journal.
    """
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro",
            uri=True,
            isolation_level=None,
            timeout=PATIENCE,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise unusable(path, str(error)) from None
    with _closed_on_failure(connection, path):
        if (version := _version(connection, path)) != VERSION:
            raise _other_version(path, version)
    return connection


@contextmanager
def _closed_on_failure(connection: sqlite3.Connection, path: Path | None) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error):
            raise damaged(path, str(error)) from None
        raise


def _prepare(connection: sqlite3.Connection, path: Path | None) -> None:
    version = _version(connection, path)
    connection.execute("PRAGMA journal_mode=WAL")
    if version == 0:
        _create(connection, *_TABLES, f"PRAGMA application_id={APPLICATION}", *_SINCE_VERSION_2)
    elif version == 1:
        _create(connection, *_SINCE_VERSION_2)
    elif version != VERSION:
        raise _other_version(path, version)
    if version != 0 and (found := connection.execute("PRAGMA quick_check(1)").fetchone()) != ("ok",):
        raise damaged(path, " ".join(found[0].split()))
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")


def _version(connection: sqlite3.Connection, path: Path | None) -> int:
    """The version of the journal; 0 where there is nothing yet. Raises JournalError for what is no journal."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
        return 0
    if application != APPLICATION:
        raise JournalError(f"{path} is a database of another program", hint="name another [journal] file")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _create(connection: sqlite3.Connection, *statements: str) -> None:
    """Make of it what this version has, all at once."""
    connection.execute("BEGIN IMMEDIATE")
    for statement in (*statements, f"PRAGMA user_version={VERSION}"):
        connection.execute(statement)
    connection.execute("COMMIT")


def _other_version(path: Path | None, version: int) -> JournalError:
    return JournalError(
        f"{path} is a journal of version {version}, this agent writes version {VERSION}",
        hint="move it away, or use the agent that wrote it",
    )


def unusable(path: Path, reason: str) -> JournalError:
    """The error that a file can't be opened or written."""
    return JournalError(f"{path}: {reason}", hint="check the [journal] file's folder, permissions and free space")


def damaged(path: Path | None, reason: str) -> JournalError:
    """The error that a file is there and is wrong."""
    return JournalError(
        f"{path}: the journal is damaged: {reason}",
        hint=f"move it away with {path}-wal and {path}-shm: the agent begins a new one, and consoles read everything afresh",
    )
