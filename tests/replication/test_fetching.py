"""Publications on their way: whole at first, then what is new; never taken for what they are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError, Refused
from qmfagent.replication.publishing.fetching import Fetcher
from qmfagent.replication.publishing.publication import Publication
from qmfagent.replication.publishing.publisher import REMEMBERED, Publisher
from tests.replication.conftest import SOURCE
from tests.replication.fakes import ACCEPTANCE, SIGNERS, FakeRemotes, MemoryLedger, MemoryStore, publication


class Holder(FakeRemotes):
    """Site a, that publishes; `told` are its answers, which `spoil` may change on their way."""

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore(SOURCE)
        self.publisher = Publisher("a", self.store, MemoryLedger(), SIGNERS["a"])
        self.told: list[Publication] = []
        self.spoil = lambda told: told

    async def edit(self, number: int) -> None:
        """Give the address another value."""
        text = SOURCE.replace(b"10.1.0.10", b"10.9.%d.%d" % divmod(number, 256))
        self.store.current = Snapshot.parse(text.replace(b'epoch="5"', b'epoch="%d"' % (6 + number)))
        await self.publisher.update(self.store.current)

    async def publication(self, site: str, ticket: str, known: str = "") -> Publication:
        values = self.publisher.current(self.store.current, ticket, known).to_values()
        self.told.append(self.spoil(Publication.from_values(ticket, values)))
        return self.told[-1]


@pytest.fixture
async def holder() -> Holder:
    """A holder that has published."""
    holder = Holder()
    await holder.publisher.update(holder.store.current)
    return holder


async def taken(fetcher: Fetcher) -> str:
    """What is fetched now, by the digest of its closure."""
    announced = await fetcher.announced("a", "T")
    found = await fetcher.closure(announced)
    assert found.digest == announced.digest
    return found.digest


async def test_the_first_comes_whole_and_the_next_as_what_is_new(holder: Holder) -> None:
    fetcher = Fetcher(holder, ACCEPTANCE.signers)
    first = await taken(fetcher)
    await holder.edit(1)
    second = await taken(fetcher)
    assert first != second
    whole, update = holder.told
    assert (whole.base, update.base) == ("", first)
    assert b'id="vip"' in update.xml
    assert b'id="web"' not in update.xml
    await taken(fetcher)
    assert len(holder.told[-1].xml) < 200


async def test_what_the_holder_does_not_remember_comes_whole(holder: Holder) -> None:
    fetcher = Fetcher(holder, ACCEPTANCE.signers)
    await taken(fetcher)
    for number in range(REMEMBERED + 1):
        await holder.edit(number)
    await taken(fetcher)
    assert holder.told[-1].base == ""
    holder.publisher = Publisher("a", holder.store, MemoryLedger(), SIGNERS["a"])
    await holder.edit(REMEMBERED + 1)
    await taken(fetcher)
    assert holder.told[-1].base == ""


async def test_what_does_not_come_out_as_announced_is_asked_for_whole(holder: Holder) -> None:
    fetcher = Fetcher(holder, ACCEPTANCE.signers)
    await taken(fetcher)
    await holder.edit(1)
    holder.spoil = lambda told: replace(told, xml=told.xml.replace(b"10.9.0.1", b"10.6.6.6")) if told.base else told
    await taken(fetcher)
    assert [told.base != "" for told in holder.told] == [False, True, False]


async def test_a_whole_one_that_is_spoilt_is_refused(holder: Holder) -> None:
    fetcher = Fetcher(holder, ACCEPTANCE.signers)
    holder.spoil = lambda told: replace(told, xml=told.xml.replace(b"10.1.0.10", b"10.6.6.6"))
    with pytest.raises(CibError, match="has digest"):
        await taken(fetcher)


async def test_an_update_is_verified_as_the_whole_is(holder: Holder) -> None:
    fetcher = Fetcher(holder, ACCEPTANCE.signers)
    await taken(fetcher)
    await holder.edit(1)
    holder.spoil = lambda told: replace(told, digest="0" * 64)
    with pytest.raises(Refused) as refusal:
        await fetcher.announced("a", "T")
    assert refusal.value.reason == "bad-signature"


async def test_nobody_answers_for_another_site() -> None:
    remotes = FakeRemotes(published={"a": publication("b")})
    with pytest.raises(CibError, match="says that it is 'b'"):
        await Fetcher(remotes, ACCEPTANCE.signers).announced("a", "T")
