"""History: what happened to tickets, what one change did, and that the journal it comes from verifies; at real sites too."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from qmfagent.cib.plans.members import pick_members
from qmfagent.cib.snapshot import Snapshot
from qmfagent.config.journal import JournalConfig
from qmfagent.errors import Refused, RemoteError
from qmfagent.objects.history import History
from qmfagent.policy.roles import Role, permits, writes
from qmfagent.policy.secrets import Secrets
from qmfagent.replication.ports import nothing_to_learn
from tests.replication.conftest import SOURCE, TARGET
from tests.replication.fakes import MemoryLedger
from tests.sites.pair import WAIT, Site, SitePair, until

SECRET = SOURCE.replace(b'name="ip" value="10.1.0.10"', b'name="passwd" value="hunter2"')


def document(cib: bytes, *ids: str) -> bytes:
    lines = Snapshot.parse(cib).lines
    return pick_members("T", lines, ids or tuple(lines)).canonical


def applied(ledger: MemoryLedger, before: bytes, delivered: bytes) -> int:
    number = ledger.record("published", {}, documents=[before, delivered])
    digests = {data: digest for digest, data in ledger.documents.items()}
    values = {
        "site": "b",
        "ticket": "T",
        "before": digests[before],
        "delivered": digests[delivered],
        "count": 1,
        "seq": 9,
    }
    assert number
    return ledger.record("applied", {**values, "by": "CN=admin"})


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture
def history(ledger: MemoryLedger) -> History:
    return History(ledger, Secrets(), nothing_to_learn)


def test_a_line_tells_what_a_person_wants_to_know(ledger: MemoryLedger, history: History) -> None:
    number = applied(ledger, document(TARGET), document(SOURCE))
    (line,) = history.newest("T", 50)["changes"]
    time = ledger.recorded(number).time_ns
    assert line == {"number": number, "name": "applied", "time": time, "ticket": "T", "count": 1, "by": "CN=admin"}


def test_what_is_no_change_of_a_ticket_is_left_out(ledger: MemoryLedger, history: History) -> None:
    for name in ("in_sync", "applying", "standing", "config_changed", "published", "drift_found"):
        ledger.record(name, {"ticket": "T", "changes": [{"id": "vip"}]})
    found = history.newest("T", 50)["changes"]
    assert [(line["name"], "changes" in line) for line in found] == [("drift_found", False), ("published", False)]


def test_it_is_bounded_whatever_is_asked_for(ledger: MemoryLedger, history: History) -> None:
    for _ in range(600):
        ledger.record("published", {"ticket": "T"})
    assert len(history.newest("T", 2**32 - 1)["changes"]) == 500


def test_one_page_follows_the_other(ledger: MemoryLedger, history: History) -> None:
    for _ in range(5):
        ledger.record("drift_cleared", {"ticket": "T"})
    pages = [history.newest("T", 2), history.newest("T", 2, 4), history.newest("T", 2, 2)]
    assert [[line["number"] for line in page["changes"]] for page in pages] == [[5, 4], [3, 2], [1]]


async def test_a_change_is_told_as_a_difference(ledger: MemoryLedger, history: History) -> None:
    moved = SOURCE.replace(b"10.1.0.10", b"10.1.0.11")
    number = applied(ledger, document(SOURCE, "vip"), document(moved, "vip", "web"))
    record = (await history.change(number))["record"]
    assert (record["number"], record["name"], record["kept"]) == (number, "applied", True)
    told = [
        (c["operation"], c["id"], [(a["name"], a["old"], a["new"]) for a in c["attributes"]]) for c in record["diff"]
    ]
    assert told == [("modify", "vip-ip", [("value", "10.1.0.10", "10.1.0.11")]), ("create", "web", [])]


async def test_no_secret_is_told(ledger: MemoryLedger, history: History) -> None:
    number = applied(ledger, document(SECRET, "vip"), document(SECRET.replace(b"hunter2", b"hunter3"), "vip"))
    record = (await history.change(number))["record"]
    assert record["diff"][0]["id"] == "vip-ip"
    deleted = (await history.change(applied(ledger, document(SECRET, "vip"), document(TARGET))))["record"]
    assert {c["operation"] for c in deleted["diff"]} == {"delete", "create"}
    assert "hunter" not in str(record) + str(deleted)


async def test_a_change_whose_documents_are_gone_is_told_without(ledger: MemoryLedger, history: History) -> None:
    number = applied(ledger, document(TARGET), document(SOURCE))
    ledger.documents.popitem()
    record = (await history.change(number))["record"]
    assert (record["kept"], record["diff"]) == (False, [])
    other = ledger.record("ticket_changed", {"ticket": "T", "granted": True})
    assert (await history.change(other))["record"]["kept"] is False


async def test_a_change_that_is_not_there(history: History) -> None:
    with pytest.raises(Refused) as refused:
        await history.change(7)
    assert refused.value.reason == "unknown-change"


# -- at real sites


@pytest.fixture
async def sites(tmp_path: Path) -> AsyncIterator[SitePair]:
    """Two sites whose journals are files, and signed."""
    pair = SitePair(tmp_path, SOURCE, TARGET)
    for site in (pair.a, pair.b):
        journal = JournalConfig(tmp_path / f"{site.name}.db")
        site.config = replace(site.config, journal=journal, listen=replace(site.config.listen, heartbeat=1))
    async with pair:
        await pair.b.event("applied", ticket="T")
        yield pair


async def witnessed(site: Site, by: Site, number: int) -> None:
    """Wait until a site was told of an entry of another's journal."""
    assert by.agent is not None
    peers = by.agent.peers
    await until(lambda: any(p["site"] == site.name and p["seq"] >= number for p in peers.describe()), "a witness")


async def test_the_history_of_a_replica(sites: SitePair) -> None:
    await sites.a.set_value("vip-ip", "10.1.0.99")
    await until(lambda: len(sites.b.seen("applied")) == 2, "the second apply")
    found = (await sites.b.call("Site:siteb", "history", ticket="T"))["changes"]
    applies = [line for line in found if line["name"] == "applied"]
    assert [line["publisher"] for line in applies] == ["sitea", "sitea"]
    record = (await sites.b.call("Site:siteb", "change", change=applies[0]["number"]))["record"]
    assert [(c["operation"], c["id"]) for c in record["diff"]] == [("modify", "vip-ip")]
    assert (await sites.b.call("Site:siteb", "history", ticket="U"))["changes"] == []
    assert len((await sites.b.call("Site:siteb", "history", limit=1))["changes"]) == 1
    assert "published" in [line["name"] for line in (await sites.a.call("Site:sitea", "history"))["changes"]]


async def test_a_journal_is_verified_against_what_others_were_told(sites: SitePair) -> None:
    number = int(sites.b.seen("applied")[-1].values["seq"])
    await witnessed(sites.b, sites.a, number)
    verified = await sites.b.call("Site:siteb", "verify_journal")
    assert (verified["first"], verified["signed"], verified["signed_from"]) == (1, True, 1)
    assert verified["last"] >= number
    (witness,) = verified["witnesses"]
    assert (witness["site"], witness["journal"]) == ("sitea", verified["journal"])


async def test_entries_that_were_cut_off_while_the_agent_was_down_are_missed(sites: SitePair) -> None:
    b = sites.b
    number = int(b.seen("applied")[-1].values["seq"])
    await witnessed(b, sites.a, number)
    await b.stop()
    with closing(sqlite3.connect(b.config.journal.file)) as connection, connection:
        connection.execute("DELETE FROM entries WHERE seq > 1")
        connection.execute("DELETE FROM documents")
    await b.start()
    await b.sees_peers()
    with pytest.raises(
        RemoteError, match=r"but site sitea was told of entry|another one than site sitea was told of"
    ) as found:
        await b.call("Site:siteb", "verify_journal")
    assert found.value.reason == "damaged"


async def test_a_changed_entry_is_found_by_the_agent(sites: SitePair) -> None:
    with closing(sqlite3.connect(sites.b.config.journal.file, timeout=WAIT)) as connection, connection:
        # Without waiting for the disk: an agent that can't write for a second gives up this journal and begins another.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("UPDATE entries SET time = 8 WHERE seq = 1")
    with pytest.raises(RemoteError, match="entry 1 is not what was recorded") as found:
        await sites.b.call("Site:siteb", "verify_journal")
    assert found.value.reason == "damaged"


def test_reading_is_for_every_role() -> None:
    for method in ("history", "change", "verify_journal"):
        assert permits(Role.VIEWER, "Site", method)
        assert not writes("Site", method)
