"""Values as text that is safe on a terminal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consoles.words import elided, moment, safe, words

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_words_are_one_printable_line(value: Any) -> None:
    assert words(value).isprintable()


@given(st.text())
def test_printable_text_is_left_alone(text: str) -> None:
    assert (safe(text) == text) == text.isprintable()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (None, ""),
        (["a", "b"], "a, b"),
        ([{"site": "b", "connected": False}], "site=b connected=no"),
        ("a\u202eb", r"a\u202eb"),
        ("grün", "grün"),
    ],
)
def test_words(value: Any, text: str) -> None:
    assert words(value) == text


def test_moments() -> None:
    assert moment(0) == "never"
    assert moment(1_700_000_000_000_000_000).startswith("2023-11-1")
    assert moment(2**64 - 1).startswith("2554-07-2")
    assert moment(10**30) == str(10**30)


def test_elided() -> None:
    assert elided("abcdef", 6) == "abcdef"
    assert elided("abcdefg", 6) == "abcde…"
