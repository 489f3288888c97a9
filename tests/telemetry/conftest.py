"""A pair of sites whose agents tell over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from qmfagent.config.http import HttpConfig
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.pair import SitePair


def watched(folder: Path, mode: str) -> SitePair:
    """Such a pair, not started yet."""
    sites = SitePair(folder, SOURCE, TARGET, mode=mode)
    for site in (sites.a, sites.b):
        site.config = replace(site.config, http=HttpConfig(port=0))
    return sites


@pytest.fixture
async def watched_pair(tmp_path: Path) -> AsyncIterator[SitePair]:
    """Both agents running, in automatic mode."""
    async with watched(tmp_path, "automatic") as sites:
        yield sites


@pytest.fixture
async def manual_watched_pair(tmp_path: Path) -> AsyncIterator[SitePair]:
    """Both agents running, in manual mode."""
    async with watched(tmp_path, "manual") as sites:
        yield sites
