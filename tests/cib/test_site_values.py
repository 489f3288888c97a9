"""The examples of docs/howto/site-values.md do what the page says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.mangling.explain import explain, site_stages
from qmfagent.cib.mangling.mangle import Mangled, SiteRules, mangle
from qmfagent.cib.mangling.overrides import parse_site_file
from qmfagent.cib.mangling.transform import Stylesheet, transform
from qmfagent.cib.ticket import TicketState
from tests.cib.helpers import cib, dummy, pairs, ticket

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "site-values.md").read_text(encoding="utf-8")
OPERATION = '<operations><op id="db-start" name="start" interval="0s" timeout="60s"/></operations>'


def examples(kind: str) -> list[str]:
    """The examples of that kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def published() -> Closure:
    """The closure of vip, which has the sets of the page and one of its own, and of db."""
    own = pairs("vip-own", ip="10.1.0.10")
    resources = dummy("vip", "".join(examples("xml")) + own) + dummy("db", OPERATION)
    return closure(cib(resources, ticket("c", "vip") + ticket("d", "db")), "T")


def delivered(report: TicketState) -> Mangled:
    """What the site of the page makes of it, where the ticket report is in that state."""
    overrides = parse_site_file(examples("toml")[0].encode(), "lyon-site.toml")
    steps = tuple(Stylesheet("lyon.xsl", text.encode()) for text in examples("xslt"))
    return mangle(published(), {"report": report}, SiteRules("lyon-site.toml", overrides, steps), transform)


def ids(found: Closure) -> set[str]:
    return {str(e.get("id")) for e in document.named(found.document)}


@pytest.mark.parametrize(
    ("report", "used"), [(TicketState("report", granted=True), True), (TicketState("report"), False)]
)
def test_the_three_ways_together(report: TicketState, used: bool) -> None:
    found = delivered(report)
    assert ("vip-standby" in ids(found.closure)) is used
    assert {"vip-paris-rule", "vip-lyon-rule"} <= ids(found.closure)
    assert not found.problems
    assert [len(use.places) for use in found.uses] == [3, 1]
    root = found.closure.document
    assert root.xpath("//nvpair[@name='ip']/@value") == ["10.2.0.10"] * 3
    assert root.xpath("//op/@timeout") == ["120s"]
    assert root.xpath("//nvpair[@name='nic']/@value") == (["bond0"] if used else [])


def test_the_sets_are_what_pacemakers_schema_takes(schema: etree.RelaxNG) -> None:
    assert schema.validate(document.parse(published().as_cib("pacemaker-3.9"))), schema.error_log


def table(heading: str) -> Iterable[str]:
    """The first column of the table under a heading, without the header."""
    rows = PAGE.partition(heading)[2].partition("| --- |")[2].split("\n\n")[0].splitlines()[1:]
    return (row.split("|")[1].strip().strip("`") for row in rows)


def test_explain_names_steps_that_the_page_has() -> None:
    rules = SiteRules(
        "s", parse_site_file(examples("toml")[0].encode(), "s"), (Stylesheet("x", examples("xslt")[0].encode()),)
    )
    steps = explain(
        site_stages("vip-standby", published(), {"report": TicketState("report", granted=True)}, rules, transform)
    )
    assert {step.step for step in steps} <= set(table("## Which step gave a value"))
    assert [step.value for step in steps if step.field.endswith("nvpair[@id='vip-standby-nic']/@value")] == [
        "eth1",
        "bond0",
    ]
