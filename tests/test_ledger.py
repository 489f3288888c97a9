"""The journal as replication sees it: records are events; where a site stands outlives restarts, retention and full disks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from qmfagent.agent import load_schema
from qmfagent.announcer import Announcer
from qmfagent.cib.ticket import Term
from qmfagent.cib.version import Version
from qmfagent.errors import Refused, SchemaError
from qmfagent.journal.store import Journal, Retention
from qmfagent.objects.event_log import EventLog
from qmfagent.objects.ledger import SiteLedger, told_anew
from qmfagent.qmf.agent import Agent
from qmfagent.qmf.message import Message
from qmfagent.replication.ports import Ledger
from qmfagent.replication.standing import Standing
from tests.full_disk import fill_the_disk

SCHEMA = load_schema()
DELIVERED = b"<cib>delivered</cib>"
DIGEST = sha256(DELIVERED).hexdigest()
STANDING = Standing("T", "a", Term(0, 7), Version(0, 5, 0), "d" * 64, DIGEST, pinned=3)


class Told:
    """One site's ledger, and what it has told the bus: the number before each message, and the message."""

    def __init__(self, path: Path | None = None, **retention: int) -> None:
        self.events = EventLog(SCHEMA, Journal(path, Retention(**retention), retell=told_anew))
        agent = Agent("v", "p", "b", schema=SCHEMA, source=None)  # type: ignore[arg-type]
        self.sent: list[tuple[int, Message]] = []
        announcer = Announcer("b", agent, self.events, lambda message, after: self.sent.append((after, message)))
        self.ledger = SiteLedger(lambda: self.events.journal, announcer.record)

    def published(self, ticket: str = "T", **more: Any) -> int:
        values = {"site": "b", "ticket": ticket, "term": "0.1", "version": "0.1.0", "digest": ""}
        return self.ledger.record("published", values, **more)

    def names(self) -> list[str]:
        """The events told, and that each was told with the number before its own."""
        told = [(after, message.body[0]) for after, message in self.sent]
        assert [after for after, _ in told] == [event["_values"]["seq"] - 1 for _, event in told]
        return [event["_schema_id"]["_class_name"] for _, event in told]


@pytest.fixture
def make() -> Iterator[Callable[..., Told]]:
    with ExitStack() as stack:

        def told(path: Path | None = None, **retention: int) -> Told:
            made = Told(path, **retention)
            stack.callback(made.events.close)
            return made

        yield told


def test_a_record_is_an_event_with_its_number(make: Any) -> None:
    site = make()
    ledger: Ledger = site.ledger
    assert [site.published(), site.published("U")] == [1, 2]
    assert site.names() == ["published", "published"]
    record = ledger.recorded(2)
    assert (record.number, record.name, record.values["ticket"]) == (2, "published", "U")
    assert [r.number for r in ledger.of_ticket("U", ["published"], 5)] == [2]


def test_a_record_that_does_not_fit_its_class_is_none(make: Any) -> None:
    site = make()
    with pytest.raises(SchemaError):
        site.published(documents=[DELIVERED], standing=STANDING, ticket=5)
    assert (site.sent, site.ledger.standings(), site.ledger.document(DIGEST)) == ([], {}, None)


@pytest.mark.parametrize("number", [0, 2, 2**63])
def test_a_record_that_is_not_there(make: Any, number: int) -> None:
    site = make()
    site.published()
    with pytest.raises(Refused, match=f"no change {number} in this site's journal, which goes from 1 to 1") as refused:
        site.ledger.recorded(number)
    assert refused.value.reason == "unknown-change"


def test_standings_and_their_documents_outlive_a_restart(make: Any, tmp_path: Path) -> None:
    site = make(tmp_path / "journal.db")
    site.published(documents=[DELIVERED], standing=STANDING)
    site.events.close()
    again = make(tmp_path / "journal.db")
    assert again.ledger.standings() == {"T": STANDING}
    assert again.ledger.document(DIGEST) == DELIVERED
    assert again.ledger.document("0" * 64) is None


def test_a_standing_that_retention_would_lose_is_told_anew(make: Any) -> None:
    site = make(max_entries=100)
    site.published(documents=[DELIVERED], standing=STANDING)
    for _ in range(250):
        site.published("U")
    assert site.names().count("standing") == 2
    assert [event["seq"] for event in site.events.replay(site.events.last - 50, 100)["events"]][-1] == site.events.last
    assert (site.ledger.standings(), site.ledger.document(DIGEST)) == ({"T": STANDING}, DELIVERED)
    (told,) = site.ledger.of_ticket("T", ["standing"], 1)
    assert (told.values["site"], told.values["pinned"], told.values["term"]) == ("b", 3, "0.7")
    site.events.journal.verify()


def test_a_standing_of_another_version_is_left_out(make: Any, tmp_path: Path) -> None:
    site = make(max_entries=100)
    site.events.journal.append("event", "published", 7, {"site": "b"}, state=("T", {"unheard": "of"}))
    assert site.ledger.standings() == {}
    for _ in range(150):
        site.published("U")
    assert site.names().count("standing") == 1


def test_with_a_full_disk_standings_go_on_in_memory(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site = make(tmp_path / "journal.db")
    site.published(documents=[DELIVERED], standing=STANDING)
    fill_the_disk(monkeypatch)
    other = b"<cib>other</cib>"
    assert site.published("U", documents=[other], standing=Standing("U")) == 2
    assert site.ledger.recorded(1).name == "standing"
    assert site.ledger.standings() == {"T": STANDING, "U": Standing("U")}
    assert [site.ledger.document(sha256(each).hexdigest()) for each in (DELIVERED, other)] == [DELIVERED, other]
    assert "disk is full" in caplog.text
