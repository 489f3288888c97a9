"""Documents and state beside the entries: there as long as an entry names them, bounded, and found again."""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest

from qmfagent.errors import SchemaError
from qmfagent.journal import documents as documents_module
from qmfagent.journal import store
from qmfagent.journal.store import Journal

Opened = Callable[..., Journal]


def digest(document: bytes) -> str:
    return sha256(document).hexdigest()


@pytest.fixture(params=["file", "memory"])
def journal(request: Any, opened: Opened, tmp_path: Path) -> Journal:
    return opened(tmp_path / "journal.db" if request.param == "file" else None, max_entries=100)


def apply(journal: Journal, before: bytes, delivered: bytes, **more: Any) -> None:
    values = {"ticket": "T", "before": digest(before), "delivered": digest(delivered)}
    journal.append("event", "applied", 7, values, documents=[before, delivered], **more)


def test_a_document_is_found_by_its_digest(journal: Journal) -> None:
    apply(journal, b"", b"<cib>\xc3\xa9</cib>" * 1000)
    assert journal.document(digest(b"<cib>\xc3\xa9</cib>" * 1000)) == b"<cib>\xc3\xa9</cib>" * 1000
    assert journal.document(digest(b"")) == b""
    assert journal.document(digest(b"other")) is None
    assert journal.verify().documents == 2


def test_the_same_document_is_kept_once(journal: Journal) -> None:
    for _ in range(20):
        apply(journal, b"a", b"b")
    assert journal.verify().documents == 2


def test_it_goes_with_the_last_entry_that_names_it(journal: Journal, fill: Any) -> None:
    apply(journal, b"a", b"b")
    fill(journal, 50)
    apply(journal, b"b", b"c")
    fill(journal, 60)
    assert journal.first > 1
    assert [journal.document(digest(each)) for each in (b"a", b"b", b"c")] == [None, b"b", b"c"]
    fill(journal, 60)
    assert [journal.document(digest(each)) for each in (b"a", b"b", b"c")] == [None, None, None]
    assert journal.verify().documents == 0


def test_an_entry_names_what_is_here_without_giving_it_again(journal: Journal, fill: Any) -> None:
    journal.append("event", "applying", 7, {"delivered": digest(b"d")}, documents=[b"d"])
    fill(journal, 50)
    entry = journal.append("event", "applied", 7, {"delivered": digest(b"d"), "before": digest(b"unknown")})
    assert entry.documents == [digest(b"d")]
    fill(journal, 80)
    assert journal.document(digest(b"d")) == b"d"
    journal.verify()


def test_documents_count_as_bytes(opened: Opened) -> None:
    journal = opened(max_bytes=200_000)
    for n in range(100):
        apply(journal, b"", Random(n).randbytes(20_000))
    kept = journal.last - journal.first + 1
    assert 2 <= kept < 100
    assert journal.verify().documents == kept + 1


def test_what_is_too_large_is_not_recorded(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MAX_DOCUMENT", 10)
    with pytest.raises(SchemaError, match="event applied can't be recorded: a document of it is larger than 10 bytes"):
        apply(journal, b"", b"x" * 11)
    assert (journal.last, journal.verify().documents) == (0, 0)


def test_a_document_that_grows_without_end_is_not_taken_for_one(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(journal, b"", b"x" * 1000)
    monkeypatch.setattr(documents_module, "MAX_DOCUMENT", 999)
    with pytest.raises(Exception, match="is not what was recorded"):
        journal.document(digest(b"x" * 1000))


# -- state


def test_a_state_holds_until_the_next_of_its_key(journal: Journal) -> None:
    apply(journal, b"", b"a", state=("T", {"n": 1}))
    apply(journal, b"", b"a", state=("U", {"n": 2}))
    apply(journal, b"", b"a", state=("T", {"n": 3}))
    assert {key: (e.seq, e.state_values) for key, e in journal.states().items()} == {
        "T": (3, {"n": 3}),
        "U": (2, {"n": 2}),
    }


def test_a_state_outlives_the_entry_that_told_it(journal: Journal, fill: Any) -> None:
    apply(journal, b"", b"a", state=("T", {"delivered": digest(b"a")}))
    fill(journal, 350)
    (carrier,) = journal.states().values()
    assert (carrier.name, carrier.state_values) == ("standing", {"delivered": digest(b"a")})
    assert carrier.seq >= journal.first > 200
    assert journal.document(digest(b"a")) == b"a"
    assert journal.document(digest(b"")) is None
    assert [entry.seq for entry in journal.since(0, 1000)] == list(range(journal.first, journal.last + 1))
    assert journal.last - journal.first + 1 <= 100
    journal.verify()


def test_states_that_alone_are_too_much_stay_and_leave_room_for_history(opened: Opened, fill: Any) -> None:
    journal = opened(max_bytes=60_000)
    large = Random(7).randbytes(100_000)
    for n in range(3):
        document = large + bytes([n])
        apply(journal, b"", document, state=(f"T{n}", {"delivered": digest(document)}))
    fill(journal, 300)
    assert len(journal.states()) == 3
    assert 20 < journal.last - journal.first < 300
    assert journal.verify().documents == 3


def test_more_states_than_entries_end_all_the_same(opened: Opened) -> None:
    journal = opened(max_entries=10)
    for n in range(50):
        apply(journal, b"", b"a", state=(f"T{n}", {"n": n}))
    assert {key: carrier.state_values["n"] for key, carrier in journal.states().items()} == {
        f"T{n}": n for n in range(50)
    }
    journal.verify()


# -- what is asked for


def test_the_newest_of_a_ticket(journal: Journal) -> None:
    for n in range(60):
        name = ("published", "applied", "in_sync")[n % 3]
        journal.append("event", name, n, {"ticket": ("T", "U")[n % 2]} if n < 50 else {})
    found = journal.newest("T", {"published", "applied"}, 3)
    assert [(e.seq, e.name) for e in found] == [(49, "published"), (47, "applied"), (43, "published")]
    assert [e.seq for e in journal.newest("", ["applied"], 2)] == [50, 47]
    assert [e.seq for e in journal.newest("", ["applied"], 2, 50)] == [47, 44]
    assert (
        journal.newest("V", ["applied"], 2) == journal.newest("T", [], 2) == journal.newest("T", ["applied"], 0) == []
    )


def test_the_newest_of_a_ticket_are_found_at_once(opened: Opened, tmp_path: Path) -> None:
    """Fifty lines in less than 20 ms, whatever else a full journal holds."""
    journal = opened(tmp_path / "journal.db")
    journal._connection.execute("BEGIN")
    for n in range(20_000):
        name, ticket = ("applied", "T") if n % 5000 == 0 else ("in_sync", "T") if n % 2 else ("applied", "U")
        journal.append("event", name, 7, {"ticket": ticket})
    journal._connection.execute("COMMIT")
    taken = []
    for _ in range(10):
        start = time.perf_counter()
        found = journal.newest("T", ["applied", "published", "rolled_back"], 50)
        taken.append(time.perf_counter() - start)
    # Some of the times others may have had the processor.
    assert min(taken) < 0.02
    assert [entry.seq for entry in found] == [15001, 10001, 5001, 1]


def test_one_entry(journal: Journal, fill: Any) -> None:
    fill(journal, 150)
    assert journal.entry(0) is journal.entry(journal.first - 1) is journal.entry(151) is journal.entry(2**70) is None
    for seq in (journal.first, 150):
        entry = journal.entry(seq)
        assert entry is not None
        assert entry.seq == seq
