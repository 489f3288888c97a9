"""Which step gave a value: one after the other, and for every kind of element."""

from __future__ import annotations

import pytest

from qmfagent.cib import document
from qmfagent.cib.closure.closure import closure
from qmfagent.cib.mangling.explain import Explained, Stage, explain, find_in, site_stages
from qmfagent.cib.mangling.mangle import SiteRules
from qmfagent.cib.mangling.overrides import Override, SiteFile
from qmfagent.cib.mangling.transform import Stylesheet, transform
from qmfagent.cib.ticket import TicketState
from tests.cib.helpers import cib, dummy, pairs, ticket
from tests.cib.ticket_rules import attributes, expression, rule

SOURCE = closure(
    cib(
        dummy("a", attributes("s", rule("r", expression("e", "eq", "granted", "U"))) + pairs("i", ip="1"))
        + dummy("b", '<operations><op id="o" name="start" interval="0s"/></operations>'),
        ticket("c", "all") + '<rsc_location id="l" rsc="a" node="n" score="1"/>',
        '<tag id="all"><obj_ref id="a"/><obj_ref id="b"/></tag>',
    ),
    "T",
)


def step(match: str, value: str) -> Stylesheet:
    """An XSLT step that sets an attribute."""
    name = match.rpartition("@")[2]
    return Stylesheet(
        f"{value}.xsl",
        f'<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="@*|node()">'
        f'<xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy></xsl:template><xsl:template match="{match}">'
        f'<xsl:attribute name="{name}">{value}</xsl:attribute></xsl:template></xsl:stylesheet>'.encode(),
    )


def stages(identifier: str, *overrides: Override, steps: tuple[Stylesheet, ...] = (), u: bool = False) -> list[Stage]:
    """The element as it is published, and after each of the site's own steps."""
    rules = SiteRules("site.toml", SiteFile(overrides), steps)
    own = site_stages(identifier, SOURCE, {"U": TicketState("U", granted=u)}, rules, transform)
    return [Stage("published", "by a", find_in(SOURCE.lines, identifier)), *own]


def told(steps: list[Explained]) -> list[tuple[str, str, str, str]]:
    """What each step gave, and its detail."""
    return [(each.field, each.value, each.step, each.detail) for each in steps]


def test_every_step_that_gave_another_value_is_named_in_their_order() -> None:
    first, second = Override("nvpair[@id='i-ip']", "2", 3), Override("nvpair[@name='ip']", "3", 7)
    again = Override("nvpair[@id='i-ip']", "3", 9)
    found = told(
        explain(stages("i-ip", first, second, again, steps=(step("nvpair/@value", "4"), step("op/@name", "x"))))
    )
    assert found == [
        ("", "nvpair", "published", "by a"),
        ("name", "ip", "published", "by a"),
        ("value", "1", "published", "by a"),
        ("value", "2", "override", "line 3 of site.toml: nvpair[@id='i-ip']"),
        ("value", "3", "override", "line 7 of site.toml: nvpair[@name='ip']"),
        ("value", "4", "xslt", "4.xsl"),
    ]


@pytest.mark.parametrize(
    ("identifier", "fields"),
    [
        ("o", {"name": "start", "interval": "0s"}),
        ("l", {"rsc": "a", "node": "n", "score": "1"}),
        ("c", {"rsc": "all", "ticket": "T"}),
        ("all", {"obj_ref[@id='a']/@id": "a", "obj_ref[@id='b']/@id": "b"}),
        ("i", {"nvpair[@id='i-ip']/@name": "ip", "nvpair[@id='i-ip']/@value": "1"}),
    ],
)
def test_any_element_has_its_fields(identifier: str, fields: dict[str, str]) -> None:
    assert {each.field: each.value for each in explain(stages(identifier)) if each.field} == fields


def test_the_path_is_pacemakers() -> None:
    found = next(each for each in explain(stages("b")) if each.field.endswith("/@interval"))
    assert found.field == "operations/op[@id='o']/@interval"
    assert found.path == "/cib/configuration/resources/primitive[@id='b']/operations/op[@id='o']"
    assert found.attribute == "interval"


def test_a_set_that_a_ticket_rule_leaves_out() -> None:
    assert ("", "", "ticket-rule", "ticket U is revoked here") in told(explain(stages("s")))
    assert ("", "", "ticket-rule") not in [each[:3] for each in told(explain(stages("s", u=True)))]
    gone = [each for each in told(explain(stages("s", u=True))) if each[2] == "ticket-rule"]
    assert gone
    assert {each[3] for each in gone} == {"ticket U is granted here (taken away)"}
    assert {each[0].split("/")[0] for each in gone} == {"rule[@id='r']"}


def test_an_element_that_is_put_there_later() -> None:
    element = document.parse_element(dummy("n").encode())
    found = explain([Stage("published", "", None), Stage("xslt", "x.xsl", None), Stage("edited", "here", element)])
    assert told(found)[0] == ("", "primitive", "edited", "here")
    assert {each.step for each in found} == {"edited"}


def test_an_id_that_begins_another_is_another() -> None:
    assert find_in(SOURCE.lines, "i-i") is None
    assert find_in(SOURCE.lines, "a").tag == "primitive"
