"""The file of a journal: made, locked, and opened as a database.

Rules of this file: the file is its owner's alone (0600), and one agent's at a time: a lock on a file of its own beside it,
since closing a second handle of the database itself would drop SQLite's locks. Nothing is repaired, and nothing that is no
journal is touched.
Source: SQLite, "How To Corrupt An SQLite Database File" (2.2); flock(2).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path

from qmfagent.errors import JournalError

APPLICATION = 0x716D6661
"""`application_id` of a journal: "qmfa"."""
VERSION = 1
PATIENCE = 1.0
"""Seconds that an append waits for somebody else who is writing: at most for a checkpoint."""

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    content TEXT NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL
);
"""


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
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise damaged(path, str(error)) from None
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path | None) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
        connection.executescript(
            f"PRAGMA journal_mode=WAL; BEGIN; {_SCHEMA} PRAGMA application_id={APPLICATION};"
            f"PRAGMA user_version={VERSION}; COMMIT"
        )
    elif application != APPLICATION:
        raise JournalError(f"{path} is a database of another program", hint="name another [journal] file")
    elif version != VERSION:
        raise JournalError(
            f"{path} is a journal of version {version}, this agent writes version {VERSION}",
            hint="move it away, or run the agent that wrote it",
        )
    else:
        connection.execute("PRAGMA journal_mode=WAL")
        if (found := connection.execute("PRAGMA quick_check(1)").fetchone()) != ("ok",):
            raise damaged(path, " ".join(found[0].split()))
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")


def unusable(path: Path, reason: str) -> JournalError:
    """The error that a file can't be opened or written."""
    return JournalError(f"{path}: {reason}", hint="check the [journal] file's folder, permissions and free space")


def damaged(path: Path | None, reason: str) -> JournalError:
    """The error that a file is there and is wrong."""
    return JournalError(
        f"{path}: the journal is damaged: {reason}",
        hint=f"move it away with {path}-wal and {path}-shm: the agent begins a new one, and consoles read everything afresh",
    )
