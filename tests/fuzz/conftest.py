"""One agent for all fuzz tests of a module: whatever one test did to it, the next one finds it well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz.target import Target


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A running agent with a healthy console."""
    with Target(tmp_path_factory.mktemp("fuzz")) as running:
        yield running
