"""Fixtures that more than one module of the lab's tests uses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import requirements
from tests.lab.booth import COMMANDS, PACKAGES, Booth
from tests.lab.configurations import TICKET
from tests.lab.lab import Lab

_TICKETS = f"""\
ticket = "{TICKET}"
  expire = 12
  timeout = 1
  retries = 3
  renewal-freq = 5
ticket = "by-hand"
  mode = manual
"""


@pytest.fixture(scope="module")
def booth(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booth]:
    """booth at both sites and an arbitrator, with leases of 12 s that are renewed every 5 s."""
    requirements.require(COMMANDS, root=True, packages=PACKAGES)
    with Booth(lab, tmp_path_factory.mktemp("booth"), _TICKETS) as running:
        yield running
