"""Events as rows, and how far a page has come."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consoles.values import Event, Gap, Position, SiteFound, SiteLost
from consoles.web.views.events import Wanted, after, newest_first, read_positions, row, write_positions
from qmfagent.errors import UnknownObject

PLACES = st.dictionaries(st.text(min_size=1), st.builds(Position, st.integers(0, 2**64 - 1), st.uuids().map(str)))


def event(name: str = "applied", seq: int = 1, site: str = "paris", time: int = 10, **values: Any) -> Event:
    return Event(site, name, {"site": site, "seq": seq, **values}, 5, time, seq, "j")


def test_what_a_row_says() -> None:
    shown = row(event("ticket_changed", 7, ticket="db", granted=True, standby=False))
    assert (shown.what, shown.text, shown.ticket, shown.number, shown.change) == (
        "ticket changed",
        "granted",
        "db",
        7,
        7,
    )
    assert (shown.severity, shown.tone) == ("note", "info")
    assert ("granted", "yes") in shown.values
    assert row(event("resource_changed", 8, id="vip")).change == 0


def test_what_no_version_of_ours_knows_is_told_by_its_values() -> None:
    assert row(event("invented", 3, ticket="db", why="who knows")).text == "why=who knows"


def test_announcements() -> None:
    assert row(Gap("amqp://paris", 3, "slow", "paris")).text == "3 event(s) are missing here (paris): slow"
    assert (row(SiteLost("paris")).text, row(SiteLost("paris")).tone) == ("site paris is lost", "warn")
    assert (row(SiteFound("paris")).text, row(SiteFound("paris")).tone) == ("site paris is found", "info")


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (Wanted(), True),
        (Wanted("paris", "applied", "db", "note"), True),
        (Wanted(site="lyon"), False),
        (Wanted(event="planned"), False),
        (Wanted(ticket="web"), False),
        (Wanted(level="warn"), False),
    ],
)
def test_what_is_wanted(wanted: Wanted, shown: bool) -> None:
    assert wanted.has(event(ticket="db")) is shown


def test_gaps_and_lost_sites_pass_every_filter_but_that_of_the_site() -> None:
    wanted = Wanted("paris", "applied", "db", "error")
    assert wanted.has(SiteLost("paris"))
    assert wanted.has(Gap("amqp://paris", None, "lost"))
    assert not wanted.has(SiteLost("lyon"))


def test_newest_first_whatever_a_clock_says() -> None:
    events = [event(seq=1, time=100), event(seq=2, time=50), event(seq=1, site="lyon", time=70)]
    assert [(each.site, each.number) for each in newest_first(events, Wanted())] == [
        ("paris", 2),
        ("paris", 1),
        ("lyon", 1),
    ]
    assert len(newest_first(events, Wanted(), 1)) == 1


@given(PLACES)
def test_positions_come_back_as_they_were(positions: dict[str, Position]) -> None:
    assert read_positions(write_positions(positions)) == positions
    assert "\n" not in write_positions(positions)


def test_a_position_that_is_none() -> None:
    with pytest.raises(UnknownObject):
        read_positions("paris=yesterday")


def test_positions_move_with_what_comes() -> None:
    moved = after({}, event(seq=5))
    assert moved == {"paris": Position(5, "j")}
    assert after(moved, SiteLost("paris")) == moved
    assert after(moved, Gap("amqp://paris", 3, "old", "paris", 9)) == {"paris": Position(9)}
    assert after(moved, Event("paris", "applied", {}, 5, 0)) == moved
