"""Carries a journal's write-ahead log over into its file, in a thread of its own.

Rules of this file: only here is waited for the disk, so that the thread which appends never is. A checkpoint stays out of that
thread's way (PASSIVE), unless the log has grown too long. What was appended is on the disk INTERVAL seconds later, or after
MANY entries.
Source: SQLite, "Write-Ahead Logging"; PRAGMA wal_checkpoint.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

INTERVAL = 5.0
MANY = 1000
LONG = 8192
"""Pages in the log from which on appending has to wait until they are carried over: 32 MiB."""

log = logging.getLogger(__name__)


class Checkpointer:
    """The thread of one journal, from construction to stop()."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._appended = 0
        self._wanted, self._urgent = threading.Event(), threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def appended(self) -> None:
        """There is one more entry in the log."""
        self._appended += 1
        if not self._wanted.is_set():
            self._wanted.set()
        if self._appended % MANY == 0:
            self._urgent.set()

    def stop(self) -> None:
        """End the thread."""
        self._stopping = True
        self._urgent.set()
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._urgent.wait(INTERVAL)
            if self._stopping:
                return
            self._wanted.clear()
            self._urgent.clear()
            try:
                self._carry_over()
            except sqlite3.Error as error:
                log.warning("%s: what was appended is not on the disk yet: %s", self._path, error)
                self._wanted.set()

    def _carry_over(self) -> None:
        with closing(sqlite3.connect(self._path)) as connection:
            _, pages, carried = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if carried < pages:
                self._wanted.set()
            if pages > LONG:
                connection.execute("PRAGMA wal_checkpoint(RESTART)")
