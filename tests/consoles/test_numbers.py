"""Numbers in texts from outside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consoles.numbers import LARGEST, whole_number


@given(st.integers(0, LARGEST))
def test_a_number_is_read(number: int) -> None:
    assert whole_number(str(number)) == number


@pytest.mark.parametrize("text", ["", " 1", "-1", "1.0", "1_0", "٣", "²", "x", str(LARGEST + 1), "1" * 5000])
def test_what_is_none_is_told_from_it(text: str) -> None:
    assert whole_number(text) is None
