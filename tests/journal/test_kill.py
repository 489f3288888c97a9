"""A journal whose agent is killed in the middle of its appends opens again and is whole; one of an earlier version goes on."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from qmfagent.errors import JournalError
from qmfagent.journal import file
from qmfagent.journal.entry import Anchor, seal
from qmfagent.journal.signature import JournalSigner
from qmfagent.journal.store import Journal

Opened = Callable[..., Journal]

KILLED = """
import os, signal, sys
from hashlib import sha256
from pathlib import Path
from random import Random
from threading import Timer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from qmfagent.journal.signature import JournalSigner
from qmfagent.journal.store import Journal, Retention
signer = JournalSigner(Ed25519PrivateKey.from_private_bytes(bytes(32)))
journal = Journal(Path(sys.argv[1]), Retention(max_entries=40), signer=signer)
Timer(float(sys.argv[2]), os.kill, (os.getpid(), signal.SIGKILL)).start()
while True:
    document = Random(journal.last).randbytes(30_000)
    digest = sha256(document).hexdigest()
    entry = journal.append("event", "applied", 7, {"ticket": "T", "delivered": digest}, documents=[document],
                           state=(f"T{journal.last % 3}", {"delivered": digest}))
    os.write(1, b"%d\\n" % entry.seq)
"""


@pytest.mark.parametrize("seconds", [0.05, 0.11, 0.17, 0.23, 0.31])
def test_a_kill_in_the_middle_of_appends(opened: Opened, tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "journal.db"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path), str(seconds)], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    told = [int(line) for line in killed.stdout.splitlines(keepends=True) if line.endswith(b"\n")]
    journal = opened(path, JournalSigner(Ed25519PrivateKey.from_private_bytes(bytes(32))), max_entries=40)
    verified = journal.verify()
    assert verified.last >= max(told, default=0)
    assert verified.states == min(3, verified.last)
    for carrier in journal.states().values():
        assert journal.document(carrier.state_values["delivered"]) is not None


# -- version 1


def write_version_1(path: Path, count: int) -> None:
    """A journal as the first version wrote it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
        connection.execute(
            "CREATE TABLE entries (seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,"
            " content TEXT NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL)"
        )
        connection.execute(f"PRAGMA application_id={file.APPLICATION}")
        connection.execute("PRAGMA user_version=1")
        connection.execute("INSERT INTO meta VALUES ('id', 'the-first')")
        after = Anchor()
        for n in range(count):
            entry = seal(after, "event", "published", n, {"ticket": "T", "n": n})
            row = (entry.seq, n, entry.kind, entry.name, entry.content, entry.prev, entry.hash)
            connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            after = entry.anchor


def test_a_journal_of_version_1_goes_on(opened: Opened, tmp_path: Path, signer: JournalSigner, fill: Any) -> None:
    path = tmp_path / "journal.db"
    write_version_1(path, 20)
    journal = opened(path, signer)
    assert (journal.id, journal.last) == ("the-first", 20)
    assert [entry.seq for entry in journal.newest("T", ["published"], 2)] == [20, 19]
    fill(journal, 5)
    assert (journal.verify().last, journal.verify().signed_from) == (25, 21)


def test_it_becomes_one_of_this_version_at_once_or_not_at_all(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"
    write_version_1(path, 3)
    with monkeypatch.context() as patched:
        patched.setattr(file, "_SINCE_VERSION_2", (*file._SINCE_VERSION_2[:5], "CREATE TABLE of no kind"))
        with pytest.raises(JournalError, match="the journal is damaged"):
            Journal(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert {name for (name,) in connection.execute("SELECT name FROM sqlite_master")} == {"meta", "entries"}
    assert opened(path).verify().last == 3
