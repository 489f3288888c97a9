"""What is another value at another site, between two agents: ticket rules, and where a value comes from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from qmfagent.cib import document
from qmfagent.errors import RemoteError
from tests.cib.ticket_rules import attributes, expression, rule
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.pair import Site, SitePair, until

_IDENTITY = (
    '<xsl:template match="@*|node()"><xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy></xsl:template>'
)
_STEP = (
    f'<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">{_IDENTITY}'
    '<xsl:template match="nvpair[@name=\'nic\']/@value"><xsl:attribute name="value">eth9</xsl:attribute></xsl:template>'
    '<xsl:template match="nvpair[@name=\'password\']/@value"><xsl:attribute name="value">s3cret-b</xsl:attribute>'
    "</xsl:template></xsl:stylesheet>"
)
_SITE_FILE = """\
xslt = ["b.xsl"]

[[override]]
select = "nvpair[@id='vip-ip']"
value = "10.2.0.10"
"""

BACKUP = attributes("backup", rule("r1", expression("e1", "eq", "revoked", "T")), name="nic", value="eth1")
MAIN = attributes("main", rule("r2", expression("e2", "ne", "revoked", "T")), name="nic", value="eth0")
GUARDED = attributes(
    "guarded",
    rule("r3", expression("e3", "eq", "revoked", "T") + expression("e4", "eq", "granted", "U")),
    name="password",
    value="s3cret-a",
)


def source() -> bytes:
    """The holder's CIB with these sets in vip."""
    cib = document.parse(SOURCE)
    vip = cib.find(".//primitive[@id='vip']")
    for text in (BACKUP, MAIN, GUARDED):
        vip.insert(0, etree.fromstring(text))
    return etree.tostring(cib)


def target() -> bytes:
    """The other site's CIB, which knows of ticket U."""
    cib = document.parse(TARGET)
    status = cib.find("status")
    tickets = status.find("tickets")
    tickets = etree.SubElement(status, "tickets") if tickets is None else tickets
    etree.SubElement(tickets, "ticket_state", id="U", granted="false")
    return etree.tostring(cib)


@pytest.fixture
async def sites(tmp_path: Path) -> AsyncIterator[SitePair]:
    """The two sites, of which siteb has a site file and an XSLT step."""
    (tmp_path / "b.xsl").write_text(_STEP)
    (tmp_path / "site-b.toml").write_text(_SITE_FILE)
    pair = SitePair(tmp_path, source(), target())
    pair.use_site_file(pair.b, tmp_path / "site-b.toml")
    async with pair:
        await pair.b.event("applied")
        yield pair


async def explained(site: Site, identifier: str) -> list[tuple[str, str, str]]:
    """Field, value and step of what explain answers."""
    steps: list[dict[str, Any]] = (await site.call(f"Site:{site.name}", "explain", id=identifier))["steps"]
    return [(each["field"], each["value"], each["step"]) for each in steps]


async def test_ticket_rules_are_settled_where_they_arrive(sites: SitePair) -> None:
    there = sites.b.snapshot.ids
    assert "backup" in there
    assert {"r1", "main", "guarded"}.isdisjoint(there)
    assert {"r1", "main", "guarded", "r3"} <= sites.a.snapshot.ids.keys()


async def test_a_ticket_that_a_rule_asks_for_has_it_planned_again(sites: SitePair) -> None:
    await sites.b.ticket("U", "grant")
    await until(lambda: "guarded" in sites.b.snapshot.ids, "the set that asks for ticket U")
    assert "r3" not in sites.b.snapshot.ids
    await sites.b.ticket("U", "revoke")
    await until(lambda: "guarded" not in sites.b.snapshot.ids, "the set gone again")


async def test_ticket_rules_outlive_a_move_of_the_ticket_and_back(sites: SitePair) -> None:
    before = document.canonical(sites.a.snapshot.members["vip"])
    await sites.a.ticket("T", "revoke")
    await sites.b.ticket("T", "grant")
    await sites.b.create("constraints", '<rsc_location id="vip-here" rsc="vip" node="n1" score="1"/>')
    await until(lambda: "vip-here" in sites.a.snapshot.members, "what siteb has added, at sitea")
    there = document.parse_element(document.canonical(sites.a.snapshot.members["vip"]))
    there.find(".//nvpair[@id='vip-ip']").set("value", "10.1.0.10")
    there.find(".//nvpair[@id='backup-n']").set("value", "eth1")
    assert document.canonical(there) == before


async def test_a_value_is_explained_step_by_step(sites: SitePair) -> None:
    published = [("", "nvpair", "published"), ("name", "ip", "published"), ("value", "10.1.0.10", "published")]
    assert await explained(sites.b, "vip-ip") == [*published, ("value", "10.2.0.10", "override")]
    assert ("value", "eth9", "xslt") in await explained(sites.b, "backup-n")
    assert ("", "", "ticket-rule") in await explained(sites.b, "main")
    await sites.b.set_value("vip-ip", "10.2.0.99")
    await sites.b.event("drift_found")
    steps = (await sites.b.call("Site:siteb", "explain", id="vip-ip"))["steps"]
    assert [each["value"] for each in steps[2:]] == ["10.1.0.10", "10.2.0.10", "10.2.0.99"]
    assert "line 4 of " in steps[-2]["detail"]
    assert steps[-1]["step"] == "edited"
    assert "administrator" in steps[-1]["detail"]


async def test_all_of_a_resource_is_explained(sites: SitePair) -> None:
    steps = await explained(sites.b, "vip")
    assert steps[0] == ("", "primitive", "published")
    assert ("type", "IPaddr2", "published") in steps
    field = "instance_attributes[@id='backup']/nvpair[@id='backup-n']/@value"
    assert [step for step in steps if step[0] == field] == [(field, "eth1", "published"), (field, "eth9", "xslt")]
    assert any(each[2] == "ticket-rule" and each[0].startswith("instance_attributes[@id='main']") for each in steps)


async def test_what_is_this_sites_own_is_called_that(sites: SitePair) -> None:
    assert {step for _, _, step in await explained(sites.b, "local-b")} == {"local"}
    steps = (await sites.a.call("Site:sitea", "explain", id="vip-ip"))["steps"]
    assert {each["detail"] for each in steps} == {"this site's own, published for ticket T"}


async def test_secrets_are_not_told(sites: SitePair) -> None:
    applied = len(sites.b.seen("applied"))
    await sites.b.ticket("U", "grant")
    # The set that asks for ticket U: in the file, and known to the agent too.
    await until(lambda: len(sites.b.seen("applied")) > applied, "another apply at siteb")
    assert "guarded" in sites.b.snapshot.ids
    steps = await explained(sites.b, "guarded-n")
    assert [value for field, value, _ in steps if field == "value"] == ["******", "******"]
    assert "s3cret" not in str(await explained(sites.b, "vip"))


async def test_without_the_holder_what_was_delivered_is_told(sites: SitePair) -> None:
    await sites.a.stop()
    await sites.b.set_value("vip-ip", "10.2.0.99")
    await sites.b.event("drift_found")
    async with asyncio.timeout(30):
        steps = (await sites.b.call("Site:siteb", "explain", id="vip-ip"))["steps"]
    assert [(each["value"], each["step"]) for each in steps[2:]] == [
        ("10.2.0.10", "delivered"),
        ("10.2.0.99", "edited"),
    ]
    assert "what is published now is not known" in steps[0]["detail"]
    await sites.a.start()


async def test_an_id_that_is_nowhere(sites: SitePair) -> None:
    with pytest.raises(RemoteError, match="no element here has the id 'nowhere'"):
        await sites.b.call("Site:siteb", "explain", id="nowhere")
