"""Paths to elements of a CIB: what they select, and that no path is much work."""

from __future__ import annotations

import time

import pytest

from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError
from qmfagent.objects.paths import MAX_PATH, select
from tests.replication.conftest import SOURCE

CIB = Snapshot.parse(SOURCE)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("configuration", ["configuration"]),
        ("/cib/configuration/", ["configuration"]),
        ("configuration/resources/primitive[@id='vip']", ["vip"]),
        ('configuration/resources/primitive[@id="vip"]', ["vip"]),
        ("configuration/resources/*[@class='ocf'][@type='Dummy']", ["local-a"]),
        ("configuration/resources/primitive[@provider]", ["vip", "web", "local-a"]),
        ("configuration/*/rsc_ticket[@ticket='T']", ["ticket-vip", "ticket-web"]),
        ("configuration//nvpair[@name='ip']", ["vip-ip"]),
        ("configuration/resources//nvpair", ["vip-ip"]),
        ("status/tickets/ticket_state", ["T"]),
        ("configuration/resources/primitive[@id='absent']", []),
        ("configuration/resources/primitive[@id='a/b]']", []),
    ],
)
def test_what_a_path_selects(path: str, found: list[str]) -> None:
    assert [element.get("id", element.tag) for element in select(CIB, path)] == found


def test_without_a_status_there_is_none() -> None:
    assert select(Snapshot.parse(b"<cib><configuration/></cib>"), "status/tickets") == []


@pytest.mark.parametrize(
    "path",
    [
        "elsewhere",
        "cib",
        "configurations",
        "configuration/[[[",
        "configuration/..",
        "configuration/.",
        "configuration/primitive[1]",
        "configuration/primitive[last()]",
        "configuration/primitive[nvpair]",
        "configuration/primitive[.='x']",
        "configuration/primitive[@id='x' or @id='y']",
        "configuration/@id",
        "configuration/text()",
        "configuration/{ns}a",
        "configuration///a",
        "configuration//a//b",
        "configuration/primitive[@id='x]",
        "configuration/a b",
        "configuration/" + "a" * MAX_PATH,
    ],
)
def test_anything_else_is_named_as_wrong(path: str) -> None:
    with pytest.raises(CibError, match=r"path|leads nowhere|twice"):
        select(CIB, path)


def test_no_path_is_much_work() -> None:
    """Full XPath would take years for this on any CIB; with one '//' it is a walk."""
    inner = b"<g>" * 60 + b"</g>" * 60
    cib = Snapshot.parse(b"<cib><configuration>" + inner * 50 + b"</configuration></cib>")
    begin = time.process_time()
    with pytest.raises(CibError):
        select(cib, "configuration" + "//*" * 100)
    select(cib, "configuration//*" + "/*" * 200)
    select(cib, "configuration//g" + "[@id]" * 80)
    assert time.process_time() - begin < 1
