"""What other sites have seen of a journal, held against what it says itself."""

from __future__ import annotations

from typing import Any

import pytest

from consoles.journals import judge
from consoles.values import Object
from qmfagent.errors import ConnectionLost

FOUND = {"journal": "j", "last": 7, "head": "ab"}


def witness(**told: Any) -> Object:
    peers = [{"site": "sitea", "journal": "j", "seq": 7, "head": "ab", **told}]
    return Object("siteb", "Site", "Site:siteb", {"peers": peers})


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({}, ""),
        ({"seq": 6, "head": "cd"}, ""),
        ({"journal": "another", "seq": 9}, ""),
        ({"seq": 9}, "siteb has seen entry 9, and the journal ends at 7"),
        ({"head": "cd"}, "siteb has seen another entry 7"),
    ],
)
def test_what_a_witness_says(told: dict[str, Any], problem: str) -> None:
    judged = judge("sitea", FOUND, [witness(**told)])
    assert judged == {"site": "sitea", **FOUND, "problem": problem, "witnesses": ["siteb"]}


def test_who_has_seen_nothing_is_no_witness() -> None:
    own = Object("sitea", "Site", "Site:sitea", {"peers": [{"site": "sitea", "journal": "j", "seq": 9, "head": ""}]})
    assert judge("sitea", FOUND, [own, witness(journal=""), witness(site="sitec")])["witnesses"] == []


def test_an_error_is_told() -> None:
    lost = ConnectionLost("gone", hint="look")
    assert judge("sitea", lost, [witness()]) == {"site": "sitea", "problem": "gone; look", "witnesses": ["siteb"]}
