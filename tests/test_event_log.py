"""The agent's events: numbered without holes, replayed as they were told, and what happens when a disk is full."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from qmfagent.agent import load_schema
from qmfagent.errors import Refused, SchemaError
from qmfagent.journal.store import Journal, Retention
from qmfagent.objects.event_log import MAX_PAGE, MAX_PAGE_BYTES, EventLog
from qmfagent.qmf.checks import check_results
from tests.full_disk import fill_the_disk

SCHEMA = load_schema()
PUBLISHED = {"site": "b", "ticket": "T", "term": "0.1", "version": "0.1.0", "digest": ""}


def published(**values: Any) -> dict[str, Any]:
    return {**PUBLISHED, **values}


@pytest.fixture
def make() -> Iterator[Callable[..., EventLog]]:
    with ExitStack() as stack:

        def event_log(path: Path | None = None, **retention: int) -> EventLog:
            log = EventLog(SCHEMA, Journal(path, Retention(**retention)))
            stack.callback(log.close)
            return log

        yield event_log


def replay(log: EventLog, since: int, limit: int = 100) -> dict[str, Any]:
    site = SCHEMA.object_class("Site")
    method = site.method("events")
    assert method is not None
    return check_results(site, method, log.replay(since, limit))


def test_events_are_numbered_from_one(make: Any) -> None:
    log = make()
    assert log.attributes()["seq"] == 0
    assert [log.record("published", published(), 7)["seq"] for _ in range(3)] == [1, 2, 3]
    assert log.attributes() == {"journal": log.describe()["journal"], "seq": 3, "head": log.journal.head}
    assert (log.describe()["first_event"], log.describe()["last_event"]) == (1, 3)


def test_one_that_does_not_fit_its_class_has_no_number(make: Any) -> None:
    log = make()
    with pytest.raises(SchemaError):
        log.record("published", {"site": "b"}, 7)
    with pytest.raises(SchemaError):
        log.record("published", published(digest=5), 7)
    with pytest.raises(SchemaError):
        log.record("unheard-of", {}, 7)
    assert log.record("published", published(), 7)["seq"] == 1


def test_an_event_is_replayed_as_it_was_told(make: Any) -> None:
    log = make()
    told = log.record("publish_failed", {"site": "b", "ticket": "T", "reason": "clash", "message": "m"}, 99)
    answer = replay(log, 0)
    assert answer["events"] == [{"name": "publish_failed", "seq": 1, "severity": 3, "timestamp": 99, "values": told}]
    assert (answer["last"], answer["more"], answer["journal"]) == (1, False, log.attributes()["journal"])


def test_pages_follow_each_other(make: Any) -> None:
    log = make()
    for n in range(25):
        log.record("published", published(digest=str(n)), 7)
    seen, more = [], True
    while more:
        page = replay(log, seen[-1] if seen else 0, 10)
        seen += [event["seq"] for event in page["events"]]
        more = page["more"]
    assert seen == list(range(1, 26))
    assert replay(log, 25) == {"journal": page["journal"], "events": [], "last": 25, "more": False}
    assert replay(log, 3, 0)["more"] is True


def test_a_page_is_bounded_whatever_is_asked_for(make: Any) -> None:
    log = make()
    for _ in range(MAX_PAGE + 1):
        log.record("published", published(), 7)
    assert len(replay(log, 0, 2**32 - 1)["events"]) == MAX_PAGE
    for _ in range(3):
        log.record("published", published(digest="x" * (MAX_PAGE_BYTES // 2)), 7)
    page = replay(log, MAX_PAGE + 1)
    assert (len(page["events"]), page["more"]) == (1, True)


def test_what_is_too_old_is_refused_with_where_to_go_on(make: Any) -> None:
    log = make(max_entries=100)
    for _ in range(150):
        log.record("published", published(), 7)
    first = log.describe()["first_event"]
    with pytest.raises(
        Refused, match=f"only those from {first} on; read everything afresh, and resume from {first - 1}"
    ) as old:
        log.replay(first - 2, 10)
    assert old.value.reason == "too-old"
    assert log.replay(first - 1, 10)["events"][0]["seq"] == first


def test_a_number_of_the_future_is_of_another_journal(make: Any) -> None:
    log = make()
    log.record("published", published(), 7)
    with pytest.raises(Refused, match="the newest event here is 1: 2 was an event of an earlier journal") as refused:
        log.replay(2, 10)
    assert refused.value.reason == "too-old"


def test_what_an_agent_of_another_version_recorded_is_told_all_the_same(make: Any, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    journal.append("event", "of_old", 7, {"site": "b"})
    journal.close()
    (event,) = replay(make(tmp_path / "journal.db"), 0)["events"]
    assert (event["name"], event["severity"]) == ("of_old", 7)


def test_with_a_full_disk_events_go_on_under_new_numbers(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = make(tmp_path / "journal.db")
    log.record("published", published(), 7)
    before = log.attributes()
    fill_the_disk(monkeypatch)
    assert log.record("published", published(), 7)["seq"] == 1
    after = log.attributes()
    assert after["journal"] != before["journal"]
    assert "disk is full" in caplog.text
    Journal(tmp_path / "journal.db").close()
