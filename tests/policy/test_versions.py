"""Which versions of agents replicate with each other."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmfagent import __version__
from qmfagent.errors import Refused
from qmfagent.policy.versions import UNTOLD, check_version, version_told

NUMBERS = st.integers(0, 12)
VERSIONS = st.builds("{}.{}.{}".format, NUMBERS, NUMBERS, NUMBERS)


def together(theirs: str, ours: str) -> bool:
    try:
        check_version("lyon", theirs, ours)
    except Refused as refused:
        return refused.reason != "version"
    return True


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [
        ("0.2.0", "0.2.0", True),
        ("0.2.7", "0.2.0", True),
        ("0.1.0", "0.2.0", True),
        ("0.3.0.dev1", "0.2.0", True),
        ("0.3.0rc1", "0.2.0", True),
        ("0.4.0", "0.2.0", False),
        ("0.1.9", "0.3.0", False),
        ("0.10.0", "0.9.0", True),
        ("1.0.0", "0.9.0", False),
        ("1.7.0", "1.0.0", True),
        ("2.0.0", "1.0.0", False),
    ],
)
def test_the_matrix(theirs: str, ours: str, expected: bool) -> None:
    assert together(theirs, ours) is expected
    assert together(ours, theirs) is expected


@given(VERSIONS, VERSIONS)
def test_either_takes_from_the_other_or_neither_does(one: str, other: str) -> None:
    assert together(one, other) == together(other, one)
    assert together(one, one)


@pytest.mark.parametrize("theirs", ["", "2", "v0.2", "0.x", "0.2" + "2" * 200, "\x1b[2J"])
def test_what_is_no_version_is_refused(theirs: str) -> None:
    with pytest.raises(Refused, match="can't be read") as refused:
        check_version("lyon", theirs, "0.2.0")
    assert refused.value.reason == "version"
    assert "\x1b" not in str(refused.value)


def test_the_refusal_says_which_is_to_be_updated() -> None:
    with pytest.raises(Refused, match=r"site lyon is of version 0\.4\.0, this one of 0\.2\.0.*update qmfagent here"):
        check_version("lyon", "0.4.0", "0.2.0")
    with pytest.raises(Refused, match="update qmfagent there"):
        check_version("lyon", "0.1.0", "0.3.0")


@pytest.mark.parametrize(
    ("attributes", "expected"), [({"version": "0.2.1"}, "0.2.1"), ({}, UNTOLD), ({"version": 2}, "")]
)
def test_the_version_that_is_told(attributes: dict[str, Any], expected: str) -> None:
    assert version_told(attributes) == expected


def test_packages_are_of_the_version_that_agents_tell() -> None:
    assert version("qmfagent") == __version__


def test_this_version_replicates_with_the_last_one_that_told_none() -> None:
    assert together(UNTOLD, __version__)
