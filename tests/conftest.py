"""Fixtures that more than one room of the tests uses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import requirements
from tests.lab.lab import Lab


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Two real Pacemaker sites, "sitea" and "siteb", started once for the whole run. Mark such tests `lab`.

    A test that changes a site calls `lab.reset(site)` first and leaves the cable in and the cluster running.
    """
    requirements.require(requirements.CLUSTER, root=True)
    with Lab(["sitea", "siteb"]) as running:
        yield running


@pytest.fixture(scope="session")
def pacemaker_tools() -> None:
    """Pacemaker's command-line tools, for use on CIB files. Mark such tests `pacemaker`."""
    requirements.require(requirements.TOOLS, root=False)
