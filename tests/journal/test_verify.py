"""Tampering with a journal's file is found, whatever is changed; with a key, even where the chain was made anew."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from qmfagent.errors import JournalError
from qmfagent.journal.entry import Anchor, seal
from qmfagent.journal.file import connect_to_read
from qmfagent.journal.rows import entries
from qmfagent.journal.signature import JournalSigner
from qmfagent.journal.store import Journal
from qmfagent.journal.verify import Known, Verified, verify

Opened = Callable[..., Journal]
A, B = Random(1).randbytes(20_000), b"<cib/>"
DIGEST_A, DIGEST_B = sha256(A).hexdigest(), sha256(B).hexdigest()


@pytest.fixture
def path(opened: Opened, signer: JournalSigner, tmp_path: Path) -> Path:
    """A signed journal from which the oldest entries have gone: 30 entries, 3 documents, 2 states."""
    journal = opened(tmp_path / "journal.db", signer, max_entries=30)
    for n in range(40):
        journal.append("event", "published", n, {"ticket": "T", "n": n})
    journal.append(
        "event", "applied", 41, {"ticket": "T", "before": DIGEST_A}, documents=[A], state=("T", {"paused": False})
    )
    state = ("U", {"delivered": DIGEST_B})
    journal.append("event", "applied", 42, {"ticket": "U"}, documents=[B, A + B], state=state)
    journal.append("event", "published", 43, {"ticket": "T"})
    journal.close()
    return tmp_path / "journal.db"


def check(path: Path, signer: JournalSigner | None, known: Iterator[Known] | tuple[Known, ...] = ()) -> Verified:
    with closing(connect_to_read(path)) as connection:
        return verify(connection, path, signer=signer.name if signer else "", known=known)


def change(path: Path, *statements: str, parameters: tuple[Any, ...] = ()) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            assert connection.execute(statement, parameters).rowcount != 0, statement


def test_nothing_is_wrong_with_it(path: Path, signer: JournalSigner) -> None:
    verified = check(path, signer)
    assert (verified.first, verified.last, verified.documents, verified.states) == (14, 43, 3, 2)
    assert (verified.signer, verified.signed_from) == (signer.name, 14)
    assert check(path, None) == verified


ENTRIES = {
    "seq": "100",
    "time": "8",
    "kind": "'other'",
    "name": "'other'",
    "content": '\'{"ticket":"V"}\'',
    "prev": f"'{'f' * 64}'",
    "hash": f"'{'f' * 64}'",
    "named": f"'[\"{DIGEST_B}\"]'",
    "key": "'V'",
    "state": "'{\"paused\":true}'",
    "signature": "randomblob(64)",
}
META = {
    "chain": "'other'",
    "id": "'other'",
    "anchor_seq": "'12'",
    "anchor_hash": f"'{'f' * 64}'",
    "since_seq": "'20'",
    "since_hash": f"'{'f' * 64}'",
    "signer": f"'{'f' * 64}'",
    "signature": f"'{'f' * 128}'",
}
DOCUMENTS = {"digest": f"'{'f' * 64}'", "carrier": "40", "data": "randomblob(40)"}


def test_the_matrix_is_whole(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        columns = {name: {row[1] for row in connection.execute(f"PRAGMA table_info({name})")} for name in tables}
        keys = {key for (key,) in connection.execute("SELECT key FROM meta")}
    assert columns == {"entries": set(ENTRIES), "documents": set(DOCUMENTS), "meta": {"key", "value"}}
    assert keys == {*META, "open"}


@pytest.mark.parametrize("seq", [14, 30, 41, 42, 43])
@pytest.mark.parametrize("column", ENTRIES)
def test_a_column_of_an_entry(path: Path, signer: JournalSigner, column: str, seq: int) -> None:
    change(path, f"UPDATE entries SET {column} = {ENTRIES[column]} WHERE seq = {seq}")
    with pytest.raises(JournalError, match=r"journal\.db: the journal is damaged: "):
        check(path, signer)
    with pytest.raises(JournalError, match="is damaged"):
        check(path, None)


@pytest.mark.parametrize("column", DOCUMENTS)
def test_a_column_of_a_document(path: Path, signer: JournalSigner, column: str) -> None:
    change(path, f"UPDATE documents SET {column} = {DOCUMENTS[column]} WHERE digest = '{DIGEST_A}'")
    with pytest.raises(JournalError, match="is damaged: document"):
        check(path, signer)


@pytest.mark.parametrize("key", META)
def test_what_it_says_of_itself(path: Path, signer: JournalSigner, key: str) -> None:
    change(path, f"UPDATE meta SET value = {META[key]} WHERE key = '{key}'")
    with pytest.raises(JournalError, match="is damaged"):
        check(path, signer)


@pytest.mark.parametrize("value", ["'x'", "''", "x'ff'"])
@pytest.mark.parametrize("key", ["anchor_seq", "signature", "signer"])
def test_what_can_not_be_read(path: Path, signer: JournalSigner, key: str, value: str) -> None:
    change(path, f"UPDATE meta SET value = {value} WHERE key = '{key}'")
    with pytest.raises(JournalError, match="is damaged"):
        check(path, signer)


COLUMNS = "time, kind, name, content, prev, hash, named, key, state, signature"


@pytest.mark.parametrize(
    "statements",
    [
        ["DELETE FROM entries WHERE seq = 14"],
        ["DELETE FROM entries WHERE seq = 30"],
        ["DELETE FROM documents WHERE carrier = 41"],
        ["DELETE FROM meta WHERE key = 'signature'"],
        ["DELETE FROM meta WHERE key = 'anchor_seq'"],
        ["UPDATE entries SET seq = seq + 1000", "UPDATE entries SET seq = seq - 1001"],
        [
            "UPDATE entries SET seq = 99 WHERE seq = 20",
            "UPDATE entries SET seq = 20 WHERE seq = 21",
            "UPDATE entries SET seq = 21 WHERE seq = 99",
        ],
        [f"INSERT INTO entries SELECT 44, {COLUMNS} FROM entries WHERE seq = 43"],
        [f"INSERT INTO entries SELECT 13, {COLUMNS} FROM entries WHERE seq = 14"],
        ["INSERT INTO documents VALUES ('ab', 43, x'00')"],
        ["UPDATE entries SET content = content || ' ' WHERE seq = 20"],
    ],
)
def test_rows_that_are_gone_swapped_or_put_in(path: Path, signer: JournalSigner, statements: list[str]) -> None:
    change(path, *statements)
    with pytest.raises(JournalError, match="is damaged"):
        check(path, signer)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_file_that_was_cut_off(path: Path, signer: JournalSigner, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(JournalError, match=r"journal\.db"):
        check(path, signer)


@pytest.mark.parametrize("seed", range(20))
def test_any_page_that_was_overwritten(path: Path, signer: JournalSigner, seed: int) -> None:
    """A byte anywhere, but in what is free or a mere count: either it is found, or all is there as it was."""
    before, data, random = check(path, signer), bytearray(path.read_bytes()), Random(seed)
    for _ in range(50):
        data[random.randrange(100, len(data))] ^= 1 << random.randrange(8)
    path.write_bytes(data)
    with suppress(JournalError):
        assert check(path, signer) == before


# -- with the chain made anew


def rewrite(path: Path, first: int, forger: JournalSigner | None = None) -> None:
    """Forge entry `first`, and seal it and all that follow anew."""
    with closing(sqlite3.connect(path)) as connection, connection:
        (chain,) = connection.execute("SELECT value FROM meta WHERE key = 'chain'").fetchone()
        kept = list(entries(connection, first - 1, -1))
        after = Anchor(first - 1, kept[0].prev)
        for entry in kept:
            values = {"ticket": "T", "forged": True} if entry.seq == first else entry.values
            state = (entry.key, entry.state_values) if entry.key else None
            forged = seal(after, entry.kind, entry.name, entry.time_ns, values, entry.documents, state)
            connection.execute(
                "UPDATE entries SET content = ?, prev = ?, hash = ? WHERE seq = ?",
                (forged.content, forged.prev, forged.hash, forged.seq),
            )
            if forger:
                signature = forger.entry(chain, forged.anchor)
                connection.execute("UPDATE entries SET signature = ? WHERE seq = ?", (signature, forged.seq))
            after = forged.anchor


@pytest.mark.parametrize("seq", [14, 30, 43])
def test_a_chain_made_anew_is_not_signed(path: Path, signer: JournalSigner, seq: int) -> None:
    rewrite(path, seq)
    with pytest.raises(JournalError, match=f"entry {seq} is not signed by the key that signs this journal"):
        check(path, signer)


def test_nor_does_another_key_help(path: Path, signer: JournalSigner) -> None:
    rewrite(path, 20, JournalSigner(Ed25519PrivateKey.generate()))
    with pytest.raises(JournalError, match="entry 20 is not signed"):
        check(path, signer)


def test_the_oldest_can_not_be_cut_off(path: Path, signer: JournalSigner) -> None:
    with closing(sqlite3.connect(path)) as connection:
        (hashed,) = connection.execute("SELECT hash FROM entries WHERE seq = 30").fetchone()
    change(
        path,
        "DELETE FROM entries WHERE seq <= 30",
        "UPDATE meta SET value = '30' WHERE key = 'anchor_seq'",
        f"UPDATE meta SET value = '{hashed}' WHERE key = 'anchor_hash'",
    )
    with pytest.raises(JournalError, match="where it begins is not signed"):
        check(path, signer)


def test_nor_can_all_of_it_be_said_to_be_unsigned(path: Path, signer: JournalSigner) -> None:
    rewrite(path, 20)
    change(path, "UPDATE meta SET value = '' WHERE key IN ('signer', 'signature')")
    check(path, None)
    with pytest.raises(JournalError, match="it is not signed"):
        check(path, signer)


def test_nor_can_entries_of_another_journal_be_put_in(
    path: Path, opened: Opened, signer: JournalSigner, tmp_path: Path
) -> None:
    other = opened(tmp_path / "other.db", signer, max_entries=30)
    for n in range(43):
        other.append("event", "published", n, {"ticket": "T", "n": n})
    other.close()
    change(path, "DELETE FROM entries", "DELETE FROM documents")
    change(
        path,
        f"ATTACH '{other._path}' AS other",
        "INSERT INTO entries SELECT * FROM other.entries",
        "UPDATE meta SET value = (SELECT value FROM other.meta m WHERE m.key = meta.key) WHERE key LIKE 'anchor%'",
    )
    with pytest.raises(JournalError, match="is damaged"):
        check(path, signer)


def test_the_newest_can_be_cut_off_unless_somebody_knows_of_them(path: Path, signer: JournalSigner) -> None:
    before = check(path, signer)
    change(path, "DELETE FROM entries WHERE seq = 43")
    assert check(path, signer).last == 42
    known = ("site b", Anchor(before.last, before.head))
    with pytest.raises(JournalError, match="it ends at entry 42, but site b was told of entry 43"):
        check(path, signer, (known,))


def test_what_others_know_has_to_be_there(path: Path, signer: JournalSigner) -> None:
    with closing(sqlite3.connect(path)) as connection:
        known = [
            Anchor(*row)
            for row in connection.execute(
                "SELECT seq, hash FROM entries UNION ALL SELECT 13, prev FROM entries WHERE seq = 14"
            )
        ]
    check(path, signer, tuple(("site b", each) for each in [*known, Anchor(3, "f" * 64)]))
    for seq in (13, 14, 43):
        with pytest.raises(JournalError, match=f"entry {seq} is another one than site b was told of"):
            check(path, signer, (("site b", Anchor(seq, "e" * 64)),))


# -- who signs


def test_without_a_key_nothing_is_signed(opened: Opened, tmp_path: Path, signer: JournalSigner, fill: Any) -> None:
    journal = opened(tmp_path / "journal.db")
    fill(journal, 3)
    assert (journal.verify().signer, journal.verify().signed_from) == ("", 0)
    with pytest.raises(JournalError, match="it is not signed"):
        check(tmp_path / "journal.db", signer)


def test_a_key_signs_from_when_it_is_there(opened: Opened, tmp_path: Path, signer: JournalSigner, fill: Any) -> None:
    path = tmp_path / "journal.db"
    journal = opened(path)
    fill(journal, 5)
    journal.close()
    journal = opened(path, signer)
    assert journal.verify().signed_from == 6
    fill(journal, 5)
    assert journal.verify().signed_from == 6
    journal.close()
    rewrite(path, 3)
    with pytest.raises(JournalError, match="entry 5 is not the one that the signatures begin after"):
        check(path, signer)


def test_another_key_begins_anew(
    opened: Opened, tmp_path: Path, signer: JournalSigner, fill: Any, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "journal.db"
    other = JournalSigner(Ed25519PrivateKey.generate())
    for each in (signer, other):
        journal = opened(path, each)
        fill(journal, 5)
        journal.close()
    assert f"was signed by another key, {signer.name}, up to entry 5" in caplog.text
    assert check(path, other).signed_from == 6
    with pytest.raises(JournalError, match="it is signed by another key"):
        check(path, signer)


def test_an_agent_does_not_go_on_with_what_its_key_has_not_signed(
    path: Path, signer: JournalSigner, opened: Opened
) -> None:
    change(path, "UPDATE meta SET value = '20' WHERE key = 'since_seq'")
    with pytest.raises(JournalError, match="where it begins is not signed by this site's key; move it away"):
        opened(path, signer)


def test_after_a_loss_of_power_it_is_signed_still(path: Path, signer: JournalSigner, opened: Opened, fill: Any) -> None:
    change(path, "UPDATE meta SET value = 'another boot' WHERE key = 'open'")
    before = check(path, signer)
    journal = opened(path, signer, max_entries=30)
    fill(journal, 50)
    after = journal.verify()
    assert after.journal != before.journal
    assert after.signed_from == after.first


# -- beside an agent that uses it


def test_it_is_verified_while_an_agent_uses_it(path: Path, signer: JournalSigner, opened: Opened, fill: Any) -> None:
    journal = opened(path, signer, max_entries=30)
    fill(journal, 5)
    assert check(path, signer).last == journal.last == 48
    fill(journal, 5)
    journal.verify()


def test_reading_changes_nothing(path: Path, signer: JournalSigner, tmp_path: Path) -> None:
    before = path.read_bytes()
    check(path, signer)
    assert path.read_bytes() == before
    with pytest.raises(JournalError, match=r"none\.db"):
        check(tmp_path / "none.db", signer)
    assert not (tmp_path / "none.db").exists()


def test_a_running_agent_finds_out_that_its_file_was_changed(
    path: Path, signer: JournalSigner, opened: Opened, fill: Any
) -> None:
    journal = opened(path, signer, max_entries=30)
    fill(journal, 1)
    change(path, "DELETE FROM entries WHERE seq = 44")
    with pytest.raises(JournalError, match="it ends at entry 43, but this agent was told of entry 44"):
        journal.verify()


def test_a_copy_of_the_file_verifies_too(path: Path, signer: JournalSigner, tmp_path: Path) -> None:
    copy = tmp_path / "with % and ?.db"
    shutil.copy(path, copy)
    assert check(copy, signer) == check(path, signer)
