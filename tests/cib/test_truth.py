"""What counts as true in a CIB."""

from __future__ import annotations

import pytest

from qmfagent.cib.truth import is_true


@pytest.mark.parametrize("text", ["true", "TRUE", "on", "Yes", "y", "1"])
def test_words_of_truth(text: str) -> None:
    assert is_true(text)


@pytest.mark.parametrize("text", ["", "false", "0", "no", "2", " true", "truth"])
def test_everything_else_is_false(text: str) -> None:
    assert not is_true(text)
