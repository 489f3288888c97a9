"""What a site was told of another's journal: kept, and held against what it is told later."""

from __future__ import annotations

from typing import Any

import pytest

from qmfagent.peers.witness import Witness, Witnessed

HASHES = ["a" * 64, "b" * 64, "c" * 64]


def told(seq: Any, head: Any = HASHES[0], journal: Any = "j") -> dict[str, Any]:
    return {"journal": journal, "seq": seq, "head": head, "site": "b"}


def test_the_newest_entry_is_remembered() -> None:
    witness = Witness("b")
    assert witness.newest == Witnessed()
    for seq in (3, 3, 7):
        witness.take(told(seq))
    assert witness.newest == Witnessed("j", 7, HASHES[0])


@pytest.mark.parametrize("later", [told(6), told(7, HASHES[1])])
def test_what_contradicts_it_is_logged_and_does_not_replace_it(later: Any, caplog: pytest.LogCaptureFixture) -> None:
    witness = Witness("b")
    witness.take(told(7))
    witness.take(later)
    assert "site b tells of entry" in caplog.text
    caplog.clear()
    witness.take(told(9, HASHES[2]))
    assert witness.newest == Witnessed("j", 7, HASHES[0])
    assert not caplog.text


def test_another_journal_begins_anew(caplog: pytest.LogCaptureFixture) -> None:
    witness = Witness("b")
    witness.take(told(7))
    witness.take(told(6))
    witness.take(told(2, journal="k"))
    witness.take(told(3, journal="k"))
    assert witness.newest == Witnessed("k", 3, HASHES[0])
    assert "site b has begun another journal: entry 7 was the newest known of j" in caplog.text


@pytest.mark.parametrize(
    "attributes",
    [{}, {"journal": "j", "seq": 7}, told("7"), told(7, "head"), told(7, "A" * 64), told(7, None), told(7, journal=5)],
)
def test_what_is_no_journal_is_passed_over(attributes: Any) -> None:
    witness = Witness("b")
    witness.take(attributes)
    assert witness.newest == Witnessed()
