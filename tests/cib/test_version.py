"""Versions of a CIB."""

from __future__ import annotations

import pytest

from qmfagent.cib.version import Version
from qmfagent.errors import CibError


def test_versions_are_ordered_as_pacemaker_orders_them() -> None:
    texts = ["0.0.0", "0.0.7", "0.1.0", "0.10.2", "1.0.0"]
    assert [str(v) for v in sorted(map(Version.parse, reversed(texts)))] == texts


def test_missing_attributes_are_zero() -> None:
    assert Version.of({"epoch": "4"}) == Version(0, 4, 0)
    assert Version.of(Version(1, 2, 3).attributes()) == Version(1, 2, 3)


def test_what_comes_after() -> None:
    assert str(Version(1, 2, 3).after_configuration_change()) == "1.3.0"
    assert str(Version(1, 2, 3).after_status_change()) == "1.2.4"


@pytest.mark.parametrize(
    "text", ["", "1.2", "1.2.3.4", "1.2.x", "-1.2.3", "1.2.3\n", "1.2.\u0663", "1.2." + "9" * 5000]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(CibError, match="no CIB version"):
        Version.parse(text)
