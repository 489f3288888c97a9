"""What each end knows of where a replica stands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from qmfagent.cib.ownership import owned_ids
from qmfagent.policy.modes import TicketPolicy
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.pair import SitePair, until

OVERRIDE = """[[override]]
select = "primitive[@id='vip']/instance_attributes/nvpair[@name='ip']"
value = "{}"
"""


async def test_what_happens_to_the_ticket_elsewhere_leaves_the_holders_view(pair: SitePair) -> None:
    await pair.a.replica("T", "siteb", state="in-sync")
    looked = pair.a.agent._applier.plan  # type: ignore[union-attr]
    done: list[str] = []

    async def plan(ticket: str, **options: bool) -> object:
        try:
            return await looked(ticket, **options)
        finally:
            done.append(ticket)

    pair.a.agent._applier.plan = plan  # type: ignore[union-attr, method-assign, assignment]
    await pair.b.ticket("T", "standby")
    await until(lambda: bool(done), "that sitea has looked at the ticket")
    await pair.a.replica("T", "siteb", direction="to", state="in-sync", reason="")


async def test_a_holder_that_restarts_knows_at_once_who_is_up_to_date(pair: SitePair) -> None:
    await pair.a.replica("T", "siteb", state="in-sync")
    await pair.a.stop()
    await pair.a.start()
    await pair.a.replica("T", "siteb", direction="to", state="in-sync", mode="automatic")


async def test_a_holder_that_publishes_late_knows_it_too(pair: SitePair) -> None:
    """What the other site tells may come before this one has announced anything."""
    await pair.a.replica("T", "siteb", state="in-sync")
    await until(lambda: owned_ids(pair.a.snapshot, "T") != frozenset(), "the record at sitea")
    await pair.a.stop()
    store, apply = pair.a.store, pair.a.store.apply
    assert pair.a.config.cib_file is not None
    text = pair.a.config.cib_file.read_bytes()
    begin, end = text.index(b"<tags>"), text.index(b"</tags>") + len(b"</tags>")
    pair.a.config.cib_file.write_bytes(text[:begin] + text[end:])  # so that there is a record to be written

    async def late(patchset: bytes, digest: str) -> object:
        await pair.a.sees_peers()
        await pair.a.replica("T", "siteb", direction="to")
        return await apply(patchset, digest)

    store.apply = late  # type: ignore[method-assign, assignment]
    await pair.a.start()
    await pair.a.event("published")
    await pair.a.replica("T", "siteb", direction="to", state="in-sync")


async def test_the_mode_is_that_of_the_receiving_end(tmp_path: Path) -> None:
    sites = SitePair(tmp_path, SOURCE, TARGET)
    sites.b.config = replace(
        sites.b.config, replication=replace(sites.b.config.replication, tickets={"T": TicketPolicy("manual")})
    )
    async with sites:
        await sites.a.replica("T", "siteb", direction="to", state="behind", mode="manual")
        await sites.b.replica("T", "sitea", direction="from", state="behind", mode="manual")


async def test_a_peer_that_was_never_there_is_unreachable_and_then_behind(tmp_path: Path) -> None:
    sites = SitePair(tmp_path, SOURCE, TARGET, mode="manual")
    await sites.a.start()
    try:
        await sites.a.replica("T", "siteb", direction="to", state="unreachable")
        await sites.b.start()
        await sites.a.replica("T", "siteb", direction="to", state="behind")
    finally:
        await sites.stop()


async def test_a_plan_with_errors_blocks_in_manual_mode_too(tmp_path: Path) -> None:
    local = b'<primitive id="vip" class="ocf" provider="pacemaker" type="Dummy"/><primitive id="local-b"'
    target = TARGET.replace(b'<primitive id="local-b"', local)
    async with SitePair(tmp_path, SOURCE, target, mode="manual") as sites:
        for site, other in ((sites.b, "sitea"), (sites.a, "siteb")):
            found = await site.replica("T", other, state="blocked", reason="clash")
            assert "'vip'" in found["message"]
        assert sites.b.seen("apply_failed") == []


def edit(path: Path, text: str) -> None:
    """Save a file as editors do, in one step: it is read again and again meanwhile."""
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").replace(path)


async def test_a_site_file_is_read_for_every_plan(tmp_path: Path) -> None:
    """An edit takes effect with the next publication; a fault in it is a refusal that both ends show until it is mended."""
    site_file = tmp_path / "b.toml"
    site_file.write_text(OVERRIDE.format("10.2.0.10"))
    sites = SitePair(tmp_path, SOURCE, TARGET)
    sites.use_site_file(sites.b, site_file)
    async with sites:
        await sites.b.event("applied")
        edit(site_file, OVERRIDE.format("10.2.0.11"))
        await sites.a.set_value("vip-ip", "10.1.0.11")
        await until(lambda: sites.b.snapshot.ids["vip-ip"].get("value") == "10.2.0.11", "the edited value")

        edit(site_file, '[[override]]\nselect = "["\nvalue = "x"\n')
        await sites.a.set_value("vip-ip", "10.1.0.12")
        for site, other in ((sites.b, "sitea"), (sites.a, "siteb")):
            found = await site.replica("T", other, state="blocked", reason="invalid")
            assert "b.toml" in found["message"]
        await sites.b.event("apply_failed", reason="invalid", by="automatic", publisher="sitea")
        assert sites.b.snapshot.ids["vip-ip"].get("value") == "10.2.0.11"

        edit(site_file, OVERRIDE.format("10.2.0.12"))
        await until(lambda: sites.b.snapshot.ids["vip-ip"].get("value") == "10.2.0.12", "that it is tried again")
        await sites.a.replica("T", "siteb", state="in-sync", reason="")
