"""The journal in its file: that it lasts, stays within its bounds, and says no to what is wrong."""

from __future__ import annotations

import signal
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qmfagent.errors import JournalError, SchemaError
from qmfagent.journal import checkpoint, store
from qmfagent.journal.store import Journal

Opened = Callable[..., Journal]


@pytest.fixture(params=["file", "memory"])
def journal(request: Any, opened: Opened, tmp_path: Path) -> Journal:
    return opened(tmp_path / "journal.db" if request.param == "file" else None)


def test_a_new_journal_is_empty(journal: Journal) -> None:
    assert (journal.first, journal.last, journal.since(0, 10)) == (1, 0, [])
    assert len(journal.id) == 36
    journal.verify()


def test_entries_are_numbered_from_one_without_holes(journal: Journal, fill: Any) -> None:
    fill(journal, 25)
    assert (journal.first, journal.last) == (1, 25)
    assert [entry.seq for entry in journal.since(0, 100)] == list(range(1, 26))
    assert [entry.values["n"] for entry in journal.since(20, 3)] == [21, 22, 23]
    assert journal.since(25, 3) == []
    journal.verify()


def test_an_entry_comes_back_as_it_was_appended(journal: Journal) -> None:
    values = {"site": "a", "changes": [{"id": "\N{SNOWMAN}", "attributes": {"x": "1"}}], "granted": True, "n": 2**63}
    entry = journal.append("event", "config_changed", 1_700_000_000_000_000_000, values)
    assert journal.since(0, 1) == [entry]
    assert entry.values == values


def test_a_page_is_bounded_in_bytes_but_never_empty(journal: Journal, fill: Any) -> None:
    fill(journal, 5, filler="x" * 1000)
    assert len(journal.since(0, 100, max_bytes=2500)) == 2
    assert len(journal.since(0, 100, max_bytes=1)) == 1


def test_what_can_not_be_recorded_leaves_no_hole(journal: Journal, fill: Any) -> None:
    fill(journal, 1)
    with pytest.raises(SchemaError):
        journal.append("event", "applied", 7, {"v": b"x"})
    fill(journal, 1)
    assert [entry.seq for entry in journal.since(0, 10)] == [1, 2]


# -- retention


@pytest.mark.parametrize("place", ["file", "memory"])
def test_the_number_of_entries_is_bounded_and_the_chain_goes_on(
    opened: Opened, tmp_path: Path, fill: Any, place: str
) -> None:
    path = tmp_path / "journal.db" if place == "file" else None
    journal = opened(path, max_entries=500)
    fill(journal, 2000)
    assert journal.last == 2000
    assert 490 <= journal.last - journal.first + 1 <= 500
    assert journal.since(0, 1)[0].seq == journal.first
    journal.verify()
    if path:
        journal.close()
        again = opened(path, max_entries=500)
        assert (again.first, again.last) == (journal.first, 2000)
        again.verify()


def test_the_bytes_are_bounded_and_so_is_the_file(opened: Opened, tmp_path: Path, fill: Any) -> None:
    path = tmp_path / "journal.db"
    journal = opened(path, max_bytes=200_000)
    sizes = []
    for _ in range(5):
        fill(journal, 400, filler="x" * 1000)
        assert sum(len(entry.content) for entry in journal.since(0, 1000, max_bytes=10**9)) <= 200_000
        # Busy while another one is under way.
        while journal._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            time.sleep(0.01)
        sizes.append(path.stat().st_size)
    assert max(sizes) < 1_000_000
    assert sizes[-1] <= sizes[1] * 1.2


def test_the_newest_entry_stays_however_large(opened: Opened, fill: Any) -> None:
    journal = opened(max_bytes=1000)
    fill(journal, 3, filler="x" * 5000)
    assert [entry.seq for entry in journal.since(0, 10)] == [3]
    journal.verify()


# -- the file


def test_it_goes_on_after_a_restart(opened: Opened, tmp_path: Path, fill: Any) -> None:
    journal = opened(tmp_path / "journal.db")
    fill(journal, 3)
    journal.close()
    again = opened(tmp_path / "journal.db")
    assert (again.id, again.last) == (journal.id, 3)
    fill(again, 1)
    assert [entry.seq for entry in again.since(0, 10)] == [1, 2, 3, 4]
    again.verify()


def test_one_in_memory_is_another_one_every_time(opened: Opened) -> None:
    assert opened().id != opened().id


KILLED = """
import os, signal, sys
from pathlib import Path
from qmfagent.journal.store import Journal
journal = Journal(Path(sys.argv[1]))
for n in range(300):
    journal.append("event", "applied", 7, {"n": n})
print(journal.id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_agent_has_lost_nothing(opened: Opened, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    journal = opened(path)
    assert (journal.id, journal.last) == (killed.stdout.strip(), 300)
    journal.verify()


def test_after_a_loss_of_power_its_numbers_have_another_name(
    opened: Opened, tmp_path: Path, fill: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"
    subprocess.run([sys.executable, "-c", KILLED, str(path)], capture_output=True, check=False)
    before = opened(path)
    before.close()
    subprocess.run([sys.executable, "-c", KILLED, str(path)], capture_output=True, check=False)
    monkeypatch.setattr(store, "_boot_id", lambda: "another boot")
    journal = opened(path)
    assert journal.id != before.id
    assert journal.last == 600
    journal.verify()
    journal.close()
    monkeypatch.setattr(store, "_boot_id", lambda: "one more")
    assert opened(path).id == journal.id


def test_it_is_its_owners_alone(opened: Opened, tmp_path: Path, fill: Any) -> None:
    path = tmp_path / "journal.db"
    path.touch(0o644)
    path.chmod(0o644)
    fill(opened(path), 1)
    assert {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == dict.fromkeys(
        ("journal.db", "journal.db-wal", "journal.db-shm", "journal.db.lock"), 0o600
    )


def test_two_agents_on_one_file_are_one_too_many(opened: Opened, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    first = opened(path)
    with pytest.raises(JournalError, match=r"journal\.db: another agent is using this journal.*file of its own"):
        Journal(path)
    first.close()
    opened(path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"none/journal\.db: No such file or directory.*check the \[journal\]"):
        Journal(tmp_path / "none" / "journal.db")


def test_a_file_that_is_no_database_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_text("site = 'a'\n" * 100)
    with pytest.raises(
        JournalError, match=r"journal\.db: the journal is damaged: file is not a database; move it away"
    ):
        Journal(path)
    assert path.read_text().startswith("site = 'a'")
    path.unlink()
    Journal(path).close()


def test_another_programs_database_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    with pytest.raises(JournalError, match="another program"):
        Journal(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("mine",)]


def test_a_journal_of_a_later_version_is_refused(opened: Opened, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    opened(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=3")
    with pytest.raises(JournalError, match="version 3, this agent writes version 2"):
        Journal(path)


def test_a_file_with_a_hole_in_it_is_damaged(opened: Opened, tmp_path: Path, fill: Any) -> None:
    path = tmp_path / "journal.db"
    journal = opened(path)
    fill(journal, 2000)
    journal.close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 8192)
    with pytest.raises(JournalError, match=r"journal\.db: the journal is damaged: .*begins a new one"):
        Journal(path)


@pytest.mark.parametrize(
    ("statement", "at_once"),
    [
        ("DELETE FROM entries WHERE seq = 4", True),
        ("UPDATE entries SET content = '{}' WHERE seq = 10", True),
        ("UPDATE entries SET content = '{}' WHERE seq = 4", False),
        ("UPDATE entries SET time = 8 WHERE seq = 1", False),
    ],
)
def test_tampering_is_found(opened: Opened, tmp_path: Path, fill: Any, statement: str, at_once: bool) -> None:
    path = tmp_path / "journal.db"
    journal = opened(path)
    fill(journal, 10)
    journal.close()
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    with pytest.raises(JournalError, match=r"journal\.db: the journal is damaged"):
        opened(path).verify()
    if at_once:
        with pytest.raises(JournalError):
            Journal(path)


def test_a_disk_that_is_full_is_an_error_that_names_the_file(opened: Opened, tmp_path: Path, fill: Any) -> None:
    journal = opened(tmp_path / "journal.db")
    fill(journal, 1)
    journal._connection.execute("PRAGMA max_page_count=6")
    with pytest.raises(JournalError, match=r"journal\.db: database or disk is full; check"):
        fill(journal, 100, filler="x" * 10_000)
    last = journal.last
    journal._connection.execute("PRAGMA max_page_count=100000")
    fill(journal, 1)
    assert journal.last == last + 1
    journal.verify()


# -- it does not keep the agent waiting


def test_an_append_costs_no_wait_for_the_disk(opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it takes but for its own work is below 100 us, in the median, while the checkpoints that go on beside it take as
    long as they take."""
    monkeypatch.setattr(checkpoint, "MANY", 500)
    journal = opened(tmp_path / "journal.db")
    values = {"site": "a", "id": "vip", "change": "state", "role": "Started", "nodes": ["n1"], "truncated": 0}
    waited = []
    for _ in range(3000):
        start, worked = time.perf_counter(), time.thread_time()
        journal.append("event", "resource_changed", 7, values)
        worked = time.thread_time() - worked
        waited.append(time.perf_counter() - start - worked)
    assert statistics.median(waited) < 100e-6
    journal.close()
    assert not (tmp_path / "journal.db-wal").exists()


def test_the_log_is_carried_over_meanwhile_and_stays_small(
    opened: Opened, tmp_path: Path, fill: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "MANY", 50)
    monkeypatch.setattr(checkpoint, "LONG", 200)
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.01)
    carry_over, carrying = checkpoint.Checkpointer._carry_over, threading.Lock()

    def watched(checkpointer: checkpoint.Checkpointer) -> None:
        with carrying:
            carry_over(checkpointer)

    monkeypatch.setattr(checkpoint.Checkpointer, "_carry_over", watched)
    path = tmp_path / "journal.db"
    journal = opened(path, max_entries=1000)
    checkpointer = journal._checkpointer
    assert checkpointer is not None
    for _ in range(40):
        fill(journal, 250, filler="x" * 500)
        # The disk may take longer for it than the appends took.
        deadline = time.monotonic() + 30
        while checkpointer._wanted.is_set():
            assert time.monotonic() < deadline, "it is never carried over"
            time.sleep(0.002)
        with carrying:
            pass
    assert Path(f"{path}-wal").stat().st_size < 40 * 250 * 500 / 2
    journal.verify()
