"""The holder's own configuration: what it records there, and that nothing of its own is ever taken from it."""

from __future__ import annotations

from pathlib import Path

from qmfagent.cib.ownership import owned_ids, tag_id
from qmfagent.cib.snapshot import Snapshot
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.pair import SitePair, until

MEMBERS = {"vip", "web", "ticket-vip", "ticket-web", "web-with-vip"}


async def test_a_resource_taken_off_the_ticket_stays_at_the_holder(pair: SitePair) -> None:
    """It goes at the other site, where an apply has delivered it; here it is the administrator's."""
    await pair.b.event("applied")
    await pair.a.delete("web-with-vip", "ticket-web")
    await until(lambda: "web" not in pair.b.snapshot.members, "web gone at siteb")
    await until(lambda: owned_ids(pair.a.snapshot, "T") == {"vip", "ticket-vip"}, "the record at sitea")
    assert "web" in pair.a.snapshot.members


async def test_the_record_touches_nothing_else(pair: SitePair) -> None:
    await until(lambda: owned_ids(pair.a.snapshot, "T") == MEMBERS, "the record at sitea")
    here = dict(pair.a.snapshot.lines)
    del here[tag_id("T")]
    assert here == Snapshot.parse(SOURCE).lines


async def test_a_record_that_goes_comes_back(pair: SitePair) -> None:
    await until(lambda: tag_id("T") in pair.a.snapshot.members, "the record at sitea")
    await pair.a.delete(tag_id("T"))
    await until(lambda: owned_ids(pair.a.snapshot, "T") == MEMBERS, "the record at sitea, again")


async def test_a_broken_closure_keeps_the_last_publication_and_says_so(pair: SitePair) -> None:
    await pair.b.event("applied")
    good = (await pair.a.call("Site:sitea", "publication", ticket="T"))["digest"]
    path = pair.a.config.cib_file
    assert path is not None
    whole = path.read_bytes()
    # As no tool of Pacemaker's would write it, but an editor may.
    broken = whole.replace(b'<rsc_ticket id="ticket-web" rsc="web"', b'<rsc_ticket id="ticket-web" rsc="wbe"')
    assert broken != whole
    path.write_bytes(broken)
    failed = await pair.a.event("publish_failed", ticket="T", reason="invalid")
    assert "wbe" in failed.values["message"]
    assert (await pair.a.call("Site:sitea", "publication", ticket="T"))["digest"] == good
    assert not (await pair.b.call("Site:siteb", "plan", ticket="T"))["token"]
    assert "web" in pair.b.snapshot.members
    announced = len(pair.a.seen("published"))
    path.write_bytes(whole)
    await until(lambda: len(pair.a.seen("published")) == announced + 1, "that it is published again")


async def test_several_tickets_are_recorded_in_one_write(tmp_path: Path) -> None:
    more = b'<rsc_ticket id="ticket-local" rsc="local-a" ticket="U" loss-policy="stop"/></constraints>'
    granted = b'<ticket_state id="U" granted="true" last-granted="1700000000"/></tickets>'
    source = SOURCE.replace(b"</constraints>", more).replace(b"</tickets>", granted)
    sites = SitePair(tmp_path, source, TARGET)
    await sites.start()
    try:
        await until(lambda: owned_ids(sites.a.snapshot, "U") == {"local-a", "ticket-local"}, "the record of U")
        assert owned_ids(sites.a.snapshot, "T") == MEMBERS
        assert sites.a.snapshot.version.epoch == 6
        await sites.b.event("applied", ticket="U")
        await sites.b.event("applied", ticket="T")
    finally:
        await sites.stop()
