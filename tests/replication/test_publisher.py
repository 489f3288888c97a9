"""The holder's part: what is announced and when, what is recorded, what a broken closure leads to."""

from __future__ import annotations

import pytest

from qmfagent.cib.ownership import owned_ids, tag_id
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError, ClusterError, Disconnected, Refused, UnknownTicket
from qmfagent.replication.publishing.publisher import Publisher
from tests.replication.conftest import SOURCE
from tests.replication.fakes import SIGNERS, MemoryLedger, MemoryStore

BROKEN = SOURCE.replace(b'rsc="web" ticket', b'rsc="wbe" ticket')
REVOKED = SOURCE.replace(b'granted="true"', b'granted="false"')
EDITED = SOURCE.replace(b"10.1.0.10", b"10.1.0.11").replace(b'epoch="5"', b'epoch="6"')
MEMBERS = {"vip", "web", "ticket-vip", "ticket-web", "web-with-vip"}


class Holder:
    """Site a and its publisher."""

    def __init__(self, cib: bytes = SOURCE) -> None:
        self.store = MemoryStore(cib)
        self.events = MemoryLedger()
        self.publisher = Publisher("a", self.store, self.events, SIGNERS["a"])

    async def becomes(self, cib: bytes) -> list[str]:
        """Let the CIB become this; the digests that are announced."""
        self.store.current = Snapshot.parse(cib)
        return await self.update()

    async def update(self) -> list[str]:
        return [publication.digest for publication in await self.publisher.update(self.store.current)]


@pytest.fixture
async def holder() -> Holder:
    """A holder that has announced what it holds."""
    holder = Holder()
    assert await holder.update()
    return holder


async def test_what_is_held_is_recorded_and_announced() -> None:
    holder = Holder()
    (digest,) = await holder.update()
    assert owned_ids(holder.store.current, "T") == MEMBERS
    (event,) = holder.events.named("published")
    assert (event["ticket"], event["site"], event["digest"]) == ("T", "a", digest)
    assert (event["term"], event["version"]) == ("0.1700000000", "0.5.0")


async def test_only_a_change_of_the_closure_is_announced(holder: Holder) -> None:
    assert await holder.update() == []
    assert await holder.becomes(SOURCE.replace(b"local-a", b"local-b")) == []
    assert len(await holder.becomes(EDITED)) == 1
    assert len(holder.events.named("published")) == 2


async def test_a_new_grant_is_announced_though_nothing_else_changed(holder: Holder) -> None:
    assert len(await holder.becomes(SOURCE.replace(b"1700000000", b"1700000001"))) == 1


async def test_what_is_not_held_is_not_published(holder: Holder) -> None:
    assert await holder.becomes(REVOKED) == []
    with pytest.raises(Refused) as refused:
        holder.publisher.current(holder.store.current, "T")
    assert refused.value.reason == "not-holder"
    assert len(await holder.becomes(SOURCE)) == 1


async def test_everything_is_announced_again_when_asked_for(holder: Holder) -> None:
    holder.publisher.again()
    assert len(await holder.update()) == 1
    assert await holder.update() == []


async def test_a_ticket_without_constraints_is_unknown() -> None:
    holder = Holder(SOURCE.replace(b'ticket="T"', b'ticket="U"'))
    assert await holder.update() == []
    with pytest.raises(UnknownTicket):
        holder.publisher.current(holder.store.current, "T")


async def test_a_broken_closure_is_told_once_and_the_last_publication_stays(holder: Holder) -> None:
    good = holder.publisher.current(holder.store.current, "T")
    for _ in range(2):
        assert await holder.becomes(BROKEN) == []
    (event,) = holder.events.named("publish_failed")
    assert (event["site"], event["ticket"], event["reason"]) == ("a", "T", "invalid")
    assert "wbe" in event["message"]
    assert holder.publisher.current(holder.store.current, "T") == good
    assert len(await holder.becomes(SOURCE)) == 1
    await holder.becomes(BROKEN)
    assert len(holder.events.named("publish_failed")) == 2


async def test_a_closure_that_was_never_good_is_an_error() -> None:
    holder = Holder(BROKEN)
    assert await holder.update() == []
    with pytest.raises(CibError, match="wbe"):
        holder.publisher.current(holder.store.current, "T")


async def test_the_last_publication_of_another_grant_does_not_stand_in(holder: Holder) -> None:
    await holder.becomes(BROKEN.replace(b"1700000000", b"1700000001"))
    with pytest.raises(CibError):
        holder.publisher.current(holder.store.current, "T")


async def test_a_record_that_cannot_be_written_is_told_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    holder = Holder()
    holder.store.problem = ClusterError("no room")
    assert len(await holder.update()) == 1
    await holder.update()
    assert caplog.text.count("no room") == 1
    holder.store.problem = Disconnected("away")
    await holder.update()
    holder.store.problem = None
    await holder.update()
    assert owned_ids(holder.store.current, "T") == MEMBERS


async def test_a_record_that_somebody_else_was_faster_than_follows_silently(caplog: pytest.LogCaptureFixture) -> None:
    holder = Holder()
    old = holder.store.current
    holder.store.current = Snapshot.parse(SOURCE.replace(b"local-a", b"local-b"))
    assert len(await holder.publisher.update(old)) == 1
    assert tag_id("T") not in holder.store.current.members
    await holder.update()
    assert owned_ids(holder.store.current, "T") == MEMBERS
    assert caplog.text == ""


async def test_an_id_that_is_kept_for_the_record_is_never_overwritten(caplog: pytest.LogCaptureFixture) -> None:
    strange = f'<primitive id="{tag_id("T")}" class="ocf" provider="pacemaker" type="Dummy"/></resources>'.encode()
    holder = Holder(SOURCE.replace(b"</resources>", strange))
    assert len(await holder.update()) == 1
    assert holder.store.current.members[tag_id("T")].tag == "primitive"
    assert "kept for the record" in caplog.text


async def test_an_empty_closure_keeps_its_record(holder: Holder) -> None:
    """It tells a withdrawal from a ticket that nobody knows."""
    members = holder.store.current
    text = members.to_element()
    constraints = text.find("configuration/constraints")
    assert constraints is not None
    constraints.clear()
    holder.store.current = Snapshot.of(text)
    (digest,) = await holder.update()
    assert holder.publisher.current(holder.store.current, "T").digest == digest
    assert tag_id("T") in holder.store.current.members


async def test_without_a_key_nothing_is_published_and_that_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    store, events = MemoryStore(SOURCE), MemoryLedger()
    publisher = Publisher("a", store, events, None)
    for _ in range(2):
        assert await publisher.update(store.current) == []
    assert [(event["ticket"], event["reason"]) for event in events.named("publish_failed")] == [("T", "unsigned")]
    assert [record.message for record in caplog.records if "signing_key" in record.message] == [
        caplog.records[0].message
    ]
    assert owned_ids(store.current, "T") == set()
    with pytest.raises(Refused, match="signing_key") as refused:
        publisher.current(store.current, "T")
    assert refused.value.reason == "unsigned"
