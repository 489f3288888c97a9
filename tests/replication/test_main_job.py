"""The main job between two agents: what depends on a ticket follows its holder, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.closure import closure
from qmfagent.cib.ownership import owned_ids, tag_id
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.buses import SITE_BUSES, SiteBus
from tests.sites.pair import SitePair, until

pytestmark = pytest.mark.parametrize("site_bus", SITE_BUSES, indirect=True)

MEMBERS = {"vip", "web", "ticket-vip", "ticket-web", "web-with-vip"}


async def test_the_closure_arrives_and_local_resources_stay(pair: SitePair) -> None:
    await pair.b.event("applied", ticket="T", publisher="sitea")
    there = pair.b.snapshot
    assert owned_ids(there, "T") == MEMBERS
    assert closure(there, "T").digest == closure(pair.a.snapshot, "T").digest
    assert "local-a" not in there.members
    assert "local-b" in there.members


async def test_a_changed_value_follows(pair: SitePair) -> None:
    await pair.b.event("applied")
    await pair.a.set_value("vip-ip", "10.1.0.99")
    await until(lambda: pair.b.snapshot.ids["vip-ip"].get("value") == "10.1.0.99", "the new address at siteb")
    await until(lambda: len(pair.b.seen("applied")) == 2, "the second apply")


async def test_what_is_deleted_at_the_holder_is_gone_and_nothing_else(pair: SitePair) -> None:
    await pair.b.event("applied")
    local = document.canonical(pair.b.snapshot.members["local-b"])
    await pair.a.delete("web-with-vip", "ticket-web", "web")
    await until(lambda: "web" not in pair.b.snapshot.members, "web gone at siteb")
    there = pair.b.snapshot
    assert owned_ids(there, "T") == {"vip", "ticket-vip"}
    assert document.canonical(there.members["local-b"]) == local


async def test_a_change_outside_the_closure_is_not_published(pair: SitePair) -> None:
    await pair.b.event("applied")
    published = len(pair.a.seen("published"))
    await pair.a.create("resources", '<primitive id="other" class="ocf" provider="pacemaker" type="Dummy"/>')
    await pair.a.event("config_changed", client="administrator")
    await pair.a.set_value("vip-ip", "10.1.0.98")
    await until(lambda: pair.b.snapshot.ids["vip-ip"].get("value") == "10.1.0.98", "the next publication")
    await pair.a.event("published", digest=closure(pair.a.snapshot, "T").digest)
    assert len(pair.a.seen("published")) == published + 1


async def test_the_direction_turns_round_with_the_ticket(pair: SitePair) -> None:
    await pair.b.event("applied")
    await pair.a.ticket("T", "revoke")
    await pair.b.ticket("T", "grant")
    await pair.b.event("published")
    await pair.b.delete("web-with-vip", "ticket-web", "web")
    await until(lambda: "web" not in pair.a.snapshot.members, "web gone at sitea, where it was made")
    await pair.b.set_value("vip-ip", "10.2.0.1")
    await until(lambda: pair.a.snapshot.ids["vip-ip"].get("value") == "10.2.0.1", "the address from siteb")
    assert "local-a" in pair.a.snapshot.members


async def test_own_applies_never_echo(pair: SitePair) -> None:
    await pair.b.event("applied")
    await pair.a.set_value("vip-ip", "10.1.0.97")
    await until(lambda: len(pair.b.seen("applied")) == 2, "the second apply")
    assert pair.b.seen("published") == []
    assert pair.a.seen("applied") == []


async def test_a_site_that_was_away_catches_up(pair: SitePair) -> None:
    await pair.b.event("applied")
    await pair.b.stop()
    await pair.a.set_value("vip-ip", "10.1.0.77")
    await pair.a.delete("web-with-vip")
    await pair.b.start()
    await until(lambda: "web-with-vip" not in pair.b.snapshot.members, "the deletion at siteb")
    assert pair.b.snapshot.ids["vip-ip"].get("value") == "10.1.0.77"


async def test_the_holder_knows_how_far_the_other_site_is(pair: SitePair) -> None:
    await pair.a.replica("T", "siteb", state="in-sync", direction="to")
    await pair.b.replica("T", "sitea", state="in-sync", direction="from", mode="automatic")
    await pair.b.stop()
    await pair.a.replica("T", "siteb", state="unreachable")
    await pair.a.set_value("vip-ip", "10.1.0.66")
    await pair.a.replica("T", "siteb", state="unreachable", published=closure(pair.a.snapshot, "T").digest)
    await pair.b.start()
    found = await pair.a.replica("T", "siteb", state="in-sync")
    assert found["published"] == found["applied"] == closure(pair.a.snapshot, "T").digest


async def test_a_sites_own_values_are_kept(tmp_path: Path, site_bus: SiteBus) -> None:
    site_file = tmp_path / "site-b.toml"
    site_file.write_text(
        "[[override]]\nselect = \"primitive[@id='vip']/instance_attributes/nvpair[@name='ip']\"\nvalue = \"10.2.0.10\"\n"
    )
    sites = SitePair(tmp_path, SOURCE, TARGET, bus=site_bus)
    sites.use_site_file(sites.b, site_file)
    await sites.start()
    try:
        await sites.b.event("applied")
        assert sites.b.snapshot.ids["vip-ip"].get("value") == "10.2.0.10"
        await sites.a.set_value("vip-ip", "10.1.0.11")
        await sites.b.event("in_sync")
        assert sites.b.snapshot.ids["vip-ip"].get("value") == "10.2.0.10"
    finally:
        await sites.stop()


async def test_an_xslt_step_is_put_into_effect(tmp_path: Path, site_bus: SiteBus) -> None:
    (tmp_path / "b.xsl").write_text(
        '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
        '<xsl:template match="@*|node()"><xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy></xsl:template>'
        '<xsl:template match="nvpair[@name=\'ip\']/@value"><xsl:attribute name="value">10.3.0.1</xsl:attribute>'
        "</xsl:template></xsl:stylesheet>"
    )
    (tmp_path / "site-b.toml").write_text('xslt = ["b.xsl"]\n')
    sites = SitePair(tmp_path, SOURCE, TARGET, bus=site_bus)
    sites.use_site_file(sites.b, tmp_path / "site-b.toml")
    await sites.start()
    try:
        await sites.b.event("applied")
        assert sites.b.snapshot.ids["vip-ip"].get("value") == "10.3.0.1"
    finally:
        await sites.stop()


async def test_an_applied_publication_is_one_write(pair: SitePair) -> None:
    before = pair.b.snapshot.version
    await pair.b.event("applied")
    assert pair.b.snapshot.version.epoch <= max(before.epoch, 9) + 1
    changed = await pair.b.event("config_changed")
    assert changed.values["client"] == "qmfagent"


async def test_everything_withdrawn_is_deleted_by_hand_alone(pair: SitePair) -> None:
    await pair.b.event("applied")
    await pair.a.delete("web-with-vip", "ticket-web", "ticket-vip")
    await pair.b.event("apply_failed", reason="withdrawn")
    assert "vip" in pair.b.snapshot.members
    await pair.b.call("Replica:T:sitea", "replicate_now")
    assert not {"vip", "web", "ticket-vip"} & pair.b.snapshot.members.keys()
    assert tag_id("T") not in pair.b.snapshot.members
    assert "local-b" in pair.b.snapshot.members


async def test_a_clash_blocks_until_it_is_gone(tmp_path: Path, site_bus: SiteBus) -> None:
    local = b'<primitive id="vip" class="ocf" provider="pacemaker" type="Dummy"/><primitive id="local-b"'
    sites = SitePair(tmp_path, SOURCE, TARGET.replace(b'<primitive id="local-b"', local), bus=site_bus)
    await sites.start()
    try:
        failed = await sites.b.event("apply_failed", reason="clash")
        assert "primitive 'vip'" in failed.values["message"]
        await sites.a.replica("T", "siteb", state="blocked", reason="clash")
        assert "web" not in sites.b.snapshot.members
        await sites.b.delete("vip")
        await sites.b.event("applied")
        assert sites.b.snapshot.members["vip"].get("type") == "IPaddr2"
    finally:
        await sites.stop()


async def test_group_order_follows(pair: SitePair) -> None:
    await pair.b.event("applied")
    primitives = "".join(f'<primitive id="g{i}" class="ocf" provider="pacemaker" type="Dummy"/>' for i in (1, 2))
    await pair.a.create("resources", f'<group id="g">{primitives}</group>')
    await pair.a.create("constraints", '<rsc_ticket id="ticket-g" rsc="g" ticket="T"/>')
    await until(lambda: "g" in pair.b.snapshot.members, "the group")
    member = pair.a.snapshot.members["g"]
    renewed = etree.fromstring(document.canonical(member))
    renewed[:] = reversed(list(renewed))
    await pair.a.change(member, renewed)
    await until(
        lambda: [e.get("id") for e in pair.b.snapshot.members["g"]] == ["g2", "g1"], "the members' new order at siteb"
    )


@pytest.mark.parametrize("action", ["standby", "activate"])
async def test_ticket_changes_are_events(pair: SitePair, action: str) -> None:
    if action == "activate":
        await pair.a.ticket("T", "standby")
    await pair.a.ticket("T", action)
    event = await pair.a.event("ticket_changed", ticket="T", standby=action == "standby")
    assert event.values["granted"] is True
