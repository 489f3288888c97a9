"""`qmfagent journal`: what it prints, and how it ends."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from qmfagent.__main__ import main
from qmfagent.journal.store import Journal
from qmfagent.keys.signing import read_journal_signer
from tests.certificates import write_signing_keys

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs 'qmfagent journal verify', or another command of it, in this process: its exit status, and what it wrote."""

    def command(*arguments: object, name: str = "verify") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["qmfagent", "journal", name, *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        return int(ended.value.code or 0), written.out, written.err

    return command


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A journal that sitea has signed."""
    private, _ = write_signing_keys(tmp_path, "sitea")
    journal = Journal(tmp_path / "journal.db", signer=read_journal_signer(private))
    for n in range(3):
        journal.append("event", "published", n, {"ticket": "T"})
    journal.close()
    return tmp_path / "journal.db"


def test_a_journal_with_the_sites_key(signed: Path, run: Run) -> None:
    status, out, _ = run(signed, "--key", signed.parent / "sitea.sign.pub")
    assert status == 0
    assert "entries 1 to 3, 0 documents, 0 standings; nothing is wrong" in out
    assert "signed from entry 1 on" in out
    assert "not looked at" not in out


def test_without_a_key_it_says_so(signed: Path, run: Run) -> None:
    status, out, _ = run(signed)
    assert (status, "whose key that is was not looked at" in out) == (0, True)


def test_one_that_is_not_signed(tmp_path: Path, run: Run) -> None:
    Journal(tmp_path / "journal.db").close()
    status, out, _ = run(tmp_path / "journal.db")
    assert (status, "no entries" in out, "not signed" in out) == (0, True, True)
    _, key = write_signing_keys(tmp_path, "sitea")
    status, _, err = run(tmp_path / "journal.db", "--key", key)
    assert (status, "it is not signed" in err) == (1, True)


def test_what_is_wrong_is_named(signed: Path, run: Run) -> None:
    with closing(sqlite3.connect(signed)) as connection, connection:
        connection.execute("UPDATE entries SET name = 'applied' WHERE seq = 2")
    status, _, err = run(signed, "--key", signed.parent / "sitea.sign.pub")
    assert status == 1
    assert "entry 2 is not what was recorded: its hash does not fit" in err


def test_what_is_no_journal(tmp_path: Path, run: Run) -> None:
    (tmp_path / "x").write_text("no journal")
    assert run(tmp_path / "x")[0] == run(tmp_path / "none")[0] == 1


def test_a_copy_is_made_and_verified(signed: Path, run: Run) -> None:
    copy, key = signed.with_name("copy.db"), signed.parent / "sitea.sign.pub"
    status, out, _ = run(signed, copy, "--key", key, name="backup")
    assert status == 0
    assert "entries 1 to 3, 0 documents, 0 standings; nothing is wrong" in out
    assert run(copy, "--key", key)[1] == out
    status, _, err = run(signed, copy, name="backup")
    assert status == 1
    assert "copy.db is there already; give each copy a name of its own" in err
