"""What of telemetry there is, by the configuration and by what is installed."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from qmfagent.config.http import HttpConfig
from qmfagent.errors import BusError, ConfigError
from qmfagent.policy.access import Access
from qmfagent.telemetry.monitor import LIBRARY, Unwatched, make_monitor
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.pair import SitePair
from tests.telemetry.conftest import watched


@pytest.fixture
def without_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """prometheus-client is not installed."""
    for name in [name for name in sys.modules if name.startswith((LIBRARY, "qmfagent.telemetry."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, LIBRARY, None)


@pytest.mark.usefixtures("without_library")
def test_a_missing_library_is_named_with_what_to_do() -> None:
    with pytest.raises(ConfigError, match="prometheus-client") as caught:
        make_monitor(HttpConfig(port=0), Access(), "paris")
    assert "pip install 'qmfagent[metrics]'" in caught.value.hint


@pytest.mark.usefixtures("without_library")
def test_without_the_section_nothing_is_needed() -> None:
    assert isinstance(make_monitor(None, Access(), "paris"), Unwatched)


async def test_an_agent_without_the_section_listens_nowhere_else(tmp_path: Path) -> None:
    async with SitePair(tmp_path, SOURCE, TARGET) as sites:
        await sites.b.event("applied")
        assert sites.a.agent is not None
        assert sites.a.agent.http_port == 0


async def test_a_port_that_is_taken_ends_the_start(watched_pair: SitePair, tmp_path: Path) -> None:
    assert watched_pair.a.agent is not None
    folder = tmp_path / "other"
    folder.mkdir()
    other = watched(folder, "automatic").a
    other.config = replace(other.config, http=HttpConfig(port=watched_pair.a.agent.http_port))
    with pytest.raises(BusError, match="can't listen at http://"):
        await other.start()
    await other.stop()
