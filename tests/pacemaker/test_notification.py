from __future__ import annotations

from collections.abc import Callable

import pytest

from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version
from qmfagent.errors import CibError, PatchError
from qmfagent.pacemaker import notification as messages

NOW = Version(0, 1, 0)


def test_a_configuration_change_names_its_true_writer(notification: Callable[..., bytes]) -> None:
    read = messages.read(notification((1, 0), (2, 0)), NOW)
    assert read is not None
    assert (read.source, read.target) == (Version(0, 1, 0), Version(0, 2, 0))
    assert (read.client, read.user, read.origin) == ("cibadmin", "root", "n1")


def test_the_snapshot_gets_the_true_writer_too(cib: Callable[..., bytes], notification: Callable[..., bytes]) -> None:
    read = messages.read(notification((1, 0), (2, 0)), NOW)
    assert read is not None
    assert Snapshot.parse(cib()).advance(read.patchset).head["update-client"] == "cibadmin"


def test_a_status_change_names_nobody(notification: Callable[..., bytes]) -> None:
    read = messages.read(notification((1, 0), (1, 1)), NOW)
    assert read is not None
    assert (read.client, read.user, read.origin) == ("", "", "")


def test_a_refused_operation_is_no_change(notification: Callable[..., bytes]) -> None:
    assert messages.read(notification((1, 0), (1, 1), code=-203), NOW) is None


def test_what_has_no_patchset_or_is_no_xml_is_an_error() -> None:
    with pytest.raises(PatchError):
        messages.read(b'<notify cib_rc="0"/>', NOW)
    with pytest.raises(CibError):
        messages.read(b"<notify", NOW)
