"""A copy of a journal: whole while somebody writes, and never taken for the journal that went on without it."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from qmfagent.errors import JournalError
from qmfagent.journal.backup import back_up
from qmfagent.journal.store import Journal


def test_a_copy_of_a_journal_in_use_can_take_its_place(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    for n in range(3):
        journal.append("event", "published", n, {"ticket": "T"}, documents=[b"<cib/>"])
    verified = back_up(tmp_path / "journal.db", tmp_path / "copy.db")
    assert (verified.first, verified.last, verified.head, verified.documents) == (1, 3, journal.head, 1)
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy.db"]
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    # The journal goes on, and the copy of it gives the same number under another id.
    journal.append("event", "published", 4, {"ticket": "T"})
    restored = Journal(tmp_path / "copy.db")
    assert restored.append("event", "published", 5, {"ticket": "U"}).seq == journal.last
    assert restored.id != journal.id
    restored.verify()
    restored.close()
    journal.close()


def test_a_copy_of_a_closed_journal_has_another_id_too(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    journal.append("event", "published", 1, {"ticket": "T"})
    journal.close()
    back_up(tmp_path / "journal.db", tmp_path / "copy.db")
    for name, same in (("journal.db", True), ("copy.db", False)):
        opened = Journal(tmp_path / name)
        assert (opened.id == journal.id) == same
        opened.close()


def test_a_copy_that_is_made_while_somebody_writes_is_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    found: list[int] = []
    last = threading.Event()

    def copy() -> None:
        for number in range(10):
            found.append(back_up(tmp_path / "journal.db", tmp_path / f"{number}.db").last)
        last.set()

    copying = threading.Thread(target=copy)
    copying.start()
    while not last.is_set() and copying.is_alive():
        journal.append("event", "published", 1, {"ticket": "T"}, documents=[b"<cib/>"])
    copying.join()
    journal.close()
    assert len(found) == 10
    assert found == sorted(found)
    assert found[-1] > found[0]


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    Journal(tmp_path / "journal.db").close()
    (tmp_path / "copy.db").write_text("something")
    with pytest.raises(JournalError, match="is there already"):
        back_up(tmp_path / "journal.db", tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "something"


def test_nothing_is_left_of_a_copy_that_failed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    journal.append("event", "published", 1, {"ticket": "T"})
    journal.close()
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection, connection:
        connection.execute("UPDATE entries SET name = 'forged'")
    with pytest.raises(JournalError, match="damaged"):
        back_up(tmp_path / "journal.db", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
    with pytest.raises(JournalError, match="unable to open"):
        back_up(tmp_path / "gone.db", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
