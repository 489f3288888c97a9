"""The matrix of tickets and sites, from objects as agents tell of them."""

from __future__ import annotations

from typing import Any

import pytest

from consoles.overview import Overview, overview
from consoles.picture import Lacking, Objects, Picture, count_lacking
from consoles.values import Object
from consoles.words import moment

SITE = {"hostname": "node1", "cib_version": "0.7.0", "connected": True, "peers": []}
TICKET = {"name": "db", "granted": False, "standby": False, "mode": "manual", "paused": False, "pinned": 0}
REPLICA = {
    "ticket": "db",
    "remote": "paris",
    "direction": "from",
    "state": "in-sync",
    "hold": "",
    "reason": "",
    "message": "",
    "published": "d1",
    "applied": "d1",
    "drift": 0,
}


def shown(
    *, lyon: dict[str, Any] | None = None, replica: dict[str, Any] | None = None, lacking: Lacking | None = None
) -> Overview:
    """Paris holds db, Lyon follows: with these values of its Ticket and Replica."""
    objects = Objects()
    for site in ("paris", "lyon"):
        objects.put(Object(site, "Site", f"Site:{site}", SITE))
    objects.put(Object("paris", "Ticket", "Ticket:db", TICKET | {"granted": True}))
    objects.put(Object("lyon", "Ticket", "Ticket:db", TICKET | (lyon or {})))
    objects.put(Object("lyon", "Replica", "Replica:db:paris", REPLICA | (replica or {})))
    reached = ("paris", "lyon")
    return overview(
        Picture(
            1,
            tuple(objects.of("Site", reached)),
            objects.statuses(reached),
            {("db", "lyon"): lacking} if lacking else {},
        ),
        {("lyon", "db"), ("paris", "db")},
    )


OPENS = 1_800_000_000_000_000_000
BEHIND = {"state": "behind", "published": "d2"}


@pytest.mark.parametrize(
    ("replica", "lacking", "word", "tone", "why"),
    [
        ({}, None, "in sync", "ok", ""),
        (BEHIND, Lacking(1), "1 behind", "warn", ""),
        (BEHIND, Lacking(7, least=True), "7 or more behind", "warn", ""),
        (BEHIND, None, "behind", "warn", ""),
        (BEHIND | {"applied": ""}, None, "not delivered yet", "warn", ""),
        (BEHIND | {"hold": "manual"}, Lacking(1), "1 behind", "warn", "waits for somebody to replicate it"),
        (BEHIND | {"hold": "window"}, Lacking(2), "2 behind", "warn", "waits for its window"),
        (BEHIND | {"hold": "schedule"}, Lacking(2), "2 behind", "warn", "waits for its schedule"),
        (
            {"state": "blocked", "reason": "clash", "message": "vip is here already"},
            None,
            "blocked",
            "bad",
            "clash: vip is here already",
        ),
        ({"state": "unreachable"}, None, "unreachable", "bad", ""),
        ({"state": "of another version"}, None, "of another version", "none", ""),
    ],
)
def test_a_state_is_a_word_and_its_reason(
    replica: dict[str, Any], lacking: Lacking | None, word: str, tone: str, why: str
) -> None:
    (row,) = shown(replica=replica, lacking=lacking).rows
    lyon, paris = row.cells
    assert (lyon.word, lyon.tone, lyon.why) == (word, tone, why)
    assert (paris.word, paris.notes) == ("holder", ())


@pytest.mark.parametrize(
    ("hold", "next_run", "why"),
    [
        ("window", OPENS, f"waits for its window, until {moment(OPENS)}"),
        ("schedule", OPENS, f"waits for its schedule, until {moment(OPENS)}"),
        ("schedule", 0, "waits for its schedule"),
        ("manual", OPENS, "waits for somebody to replicate it"),
        ("pinned", 0, ""),
        ("paused", OPENS, ""),
    ],
)
def test_what_waits_for_a_time_says_until_when(hold: str, next_run: int, why: str) -> None:
    (row,) = shown(lyon={"next_run": next_run}, replica=BEHIND | {"hold": hold}).rows
    assert row.cells[0].why == why


def test_what_is_besides_the_state_is_noted() -> None:
    (row,) = shown(lyon={"paused": True, "pinned": 5, "standby": True}, replica={"drift": 3}).rows
    assert [note.word for note in row.cells[0].notes] == ["drifted (3 fields)", "standby", "paused", "pinned"]
    assert row.cells[0].heal
    (row,) = shown(replica={"drift": 1}).rows
    assert [note.word for note in row.cells[0].notes] == ["drifted (1 field)"]


def test_a_split_is_told_of_every_holder() -> None:
    found = shown(lyon={"granted": True})
    assert [row.ticket for row in found.splits] == ["db"]
    assert [(cell.word, cell.tone) for cell in found.rows[0].cells] == [("holder, split", "bad")] * 2
    assert found.rows[0].holders == ("lyon", "paris")
    assert not shown().splits


def test_only_what_the_user_may_is_offered_and_only_where_it_can_be_asked() -> None:
    (row,) = shown().rows
    assert [(cell.site, cell.plan) for cell in row.cells] == [("lyon", True), ("paris", False)]
    picture = Picture(1, (), Objects().statuses(()))
    assert overview(picture, {("lyon", "db")}).rows == ()


def test_a_site_that_only_others_know_has_a_column_and_a_head() -> None:
    peers = [{"site": "oslo", "connected": False}, {"site": "lyon", "connected": True}]
    picture = Picture(1, (Object("paris", "Site", "Site:paris", SITE | {"peers": peers}),), ())
    found = overview(picture, set())
    assert [(head.site, head.reached, head.lost_peers) for head in found.heads] == [
        ("lyon", False, ()),
        ("oslo", False, ()),
        ("paris", True, ("oslo",)),
    ]


def test_publications_are_counted_back_to_the_one_that_is_there() -> None:
    history = [
        {"name": "published", "digest": "d4"},
        {"name": "hold_changed"},
        {"name": "published", "digest": "d3"},
        {"name": "published", "digest": "d2"},
        {"name": "published", "digest": "d1"},
    ]
    assert count_lacking(history, "d2") == Lacking(2)
    assert count_lacking(history, "d4") == Lacking(0)
    assert count_lacking(history, "d0") == Lacking(4, least=True)


def test_what_a_lost_site_said_counts_no_more() -> None:
    objects = Objects()
    objects.put(Object("paris", "Ticket", "Ticket:db", TICKET | {"granted": True}))
    assert objects.statuses(["paris"])[0].holders == ("paris",)
    assert objects.statuses([]) == ()
    objects.replace("paris", "Ticket", [])
    assert objects.of("Ticket", ["paris"]) == []
