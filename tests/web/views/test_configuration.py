"""The configuration element by element: paths lead where they say, and what is long is bounded."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from lxml import etree

from consoles.web.views.configuration import A_PAGE, children, crumbs, element_view, path_of, search, uses
from qmfagent.cib import document
from qmfagent.cib.snapshot import Snapshot
from qmfagent.objects.paths import select
from tests.cib.strategies import cibs

PARIS = Snapshot.parse((Path(__file__).parents[2] / "demo" / "paris.xml").read_bytes())
WEB_FS = "configuration/resources/group[@id='web']/primitive[@id='web-fs']"


def test_crumbs_lead_to_every_step() -> None:
    assert crumbs(f"/cib/{WEB_FS}") == [
        ("configuration", "configuration"),
        ("resources", "configuration/resources"),
        ("web", "configuration/resources/group[@id='web']"),
        ("web-fs", WEB_FS),
    ]
    assert crumbs("configuration//nvpair") == [("configuration//nvpair", "configuration//nvpair")]


def test_an_element() -> None:
    (element,) = select(PARIS, WEB_FS)
    view = element_view(element, WEB_FS)
    assert (view.tag, view.id, view.explained) == ("primitive", "web-fs", "web-fs")
    assert (view.section, view.member) == ("resources", "web")
    assert [(child.id, child.inside) for child in view.children.rows] == [("web-fs-params", 3)]
    assert view.xml.startswith('<primitive id="web-fs" class="ocf"')


@pytest.mark.parametrize(
    ("path", "refers"),
    [
        ("configuration/resources/primitive[@id='db-ip']", {"template": "small-ip"}),
        ("configuration/constraints/rsc_colocation[@id='db-ip-with-db']", {"rsc": "db-ip", "with-rsc": "db-clone"}),
        ("configuration/tags/tag[@id='shop']/obj_ref[@id='web']", {"id": "web"}),
        ("configuration/nodes/node[@id='1']", {}),
    ],
)
def test_whom_an_element_refers_to(path: str, refers: dict[str, str]) -> None:
    (element,) = select(PARIS, path)
    view = element_view(element, path)
    assert {attribute.name: attribute.refers for attribute in view.attributes if attribute.refers} == refers


def test_tickets_are_named() -> None:
    path = "configuration/constraints/rsc_ticket[@id='db-needs-ticket']"
    view = element_view(select(PARIS, path)[0], path)
    assert {attribute.name: attribute.ticket for attribute in view.attributes if attribute.ticket} == {
        "ticket": "db-ticket"
    }


def test_who_refers_to_an_element() -> None:
    assert [(row.path.rpartition("/")[2], row.summary) for row in uses(PARIS.configuration, "shop-mailer").rows] == [
        ("resource_ref[@id='shop-mailer']", 'id="shop-mailer"'),
        ("resource_ref[@id='shop-mailer']", 'id="shop-mailer"'),
        ("obj_ref[@id='shop-mailer']", 'id="shop-mailer"'),
    ]
    assert uses(PARIS.configuration, "web-fs").rows == ()


def test_search_finds_ids_values_and_tags() -> None:
    assert [row.summary for row in search(PARIS.configuration, "APACHE2.CONF").rows] == [
        'value="/etc/apache2/apache2.conf"'
    ]
    assert [row.id for row in search(PARIS.configuration, "rsc_colocation").rows] == ["db-ip-with-db"]
    assert search(PARIS.configuration, "no such text").total == 0


def test_what_is_long_is_paged_and_counted() -> None:
    resources = etree.Element("resources")
    for number in range(10_000):
        etree.SubElement(resources, "primitive", id=f"r{number}")
    view = element_view(resources, "configuration/resources", 50)
    assert (view.children.total, view.children.pages, view.children.page) == (10_000, 50, 50)
    assert len(view.children.rows) == A_PAGE
    assert view.children.rows[-1].path == "configuration/resources/primitive[@id='r9999']"
    assert view.xml == ""
    found = search(resources, "r")
    assert (len(found.rows), found.total) == (A_PAGE, 10_000)


@settings(max_examples=30, deadline=None)
@given(cibs())
def test_the_agent_takes_every_path_and_finds_the_element(cib: etree._Element) -> None:
    snapshot = Snapshot.of(cib)
    for element in document.named(snapshot.configuration):
        path = path_of(snapshot.configuration, str(element.get("id")))
        assert element in select(snapshot, path)
        parts = list(element.iterchildren("*"))
        for part, child in zip(parts, children(parts, path).rows, strict=True):
            assert part in select(snapshot, child.path)
