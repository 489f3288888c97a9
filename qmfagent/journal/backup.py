"""A copy of a journal's file, made while an agent may be using it.

Rules of this file: the copy is one moment of the journal, whole and verified, or there is none. Whoever goes on with a copy
would give numbers that were given already, so it says of itself that it was left open: the agent that opens it numbers under a
new id, by which consoles and other sites tell.
Source: SQLite, "Online Backup API".
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from qmfagent.errors import JournalError
from qmfagent.journal.file import connect_to_read, damaged, unusable
from qmfagent.journal.meta import write_opened
from qmfagent.journal.verify import Verified, verify

_COPY = "a copy"
"""What stands in a copy in place of the boot that has left it open."""


def back_up(path: Path, copy: Path, *, signer: str = "") -> Verified:
    """Copy the journal in `path` to a file `copy` that is not there yet, its owner's alone, and verify it: what is in the copy.

    `signer` is the public key (hexadecimal) that has to have signed it, else it is as the journal says. Raises JournalError
    where the journal can't be read, is damaged, or the copy can't be written; nothing is left of it then.
    """
    with closing(connect_to_read(path)) as source:
        try:
            os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            raise JournalError(f"{copy} is there already", hint="give each copy a name of its own") from None
        except OSError as error:
            raise unusable(copy, error.strerror or str(error)) from None
        try:
            with closing(sqlite3.connect(copy, isolation_level=None)) as target:
                source.backup(target)
                # One file, without a write-ahead log beside it.
                target.execute("PRAGMA journal_mode=DELETE")
                write_opened(target, _COPY)
                return verify(target, path, signer=signer)
        except BaseException as error:
            copy.unlink()
            if isinstance(error, sqlite3.Error):
                raise damaged(path, str(error)) from None
            raise
