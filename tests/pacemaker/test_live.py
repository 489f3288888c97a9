from __future__ import annotations

import logging

import pytest

from qmfagent.errors import ClusterError
from qmfagent.pacemaker import libcib
from qmfagent.pacemaker.live import open_live
from qmfagent.pacemaker.polled import PolledCib


@pytest.fixture
def unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libcib, "_KNOWN", {"libcib.so.999": "libcrmcommon.so.999"})


async def test_an_unknown_libcib_is_polled_around(unknown: None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        store = open_live()
    assert isinstance(store, PolledCib)
    assert "unknown libcib: none of libcib.so.999" in caplog.text


async def test_an_unknown_libcib_is_refused_by_name_where_it_was_asked_for(unknown: None) -> None:
    with pytest.raises(ClusterError, match=r"unknown libcib: none of libcib\.so\.999"):
        open_live(source="libcib")


async def test_the_tools_can_be_asked_for() -> None:
    assert open_live(source="tools").source == "tools"


@pytest.mark.pacemaker
def test_a_libcib_linked_with_something_else_is_refused(pacemaker_tools: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libcib, "_KNOWN", dict.fromkeys(libcib._KNOWN, "libcrmcommon.so.1"))
    with pytest.raises(ClusterError, match=r"is not linked with libcrmcommon\.so\.1"):
        libcib.Libcib()


@pytest.mark.pacemaker
def test_the_installed_libcib_is_known(pacemaker_tools: None) -> None:
    assert libcib.Libcib().words(libcib.OLD_DATA) == "Update was older than existing configuration"
