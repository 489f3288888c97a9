"""The view of a site: its resources in order, found and counted."""

from __future__ import annotations

from typing import Any

import pytest

from consoles.overview import overview
from consoles.picture import Picture
from consoles.tickets import ticket_statuses
from consoles.values import Event, Gap, Object, SiteFound
from consoles.web.site_watch import changed_resources
from consoles.web.views.site import A_PAGE, Wanted, resource_rows, site_view


def resource(identifier: str, parent: str = "", kind: str = "primitive", **values: Any) -> Object:
    empty = {"agent": "ocf:pacemaker:Dummy", "tickets": [], "owned": False, "role": "", "nodes": []}
    all_values = {"id": identifier, "site": "paris", "kind": kind, "parent": parent, **empty, **values}
    return Object("paris", "Resource", f"Resource:{identifier}", all_values)


AGENT = {"hostname": "n1", "cib_version": "0.7.0", "connected": True}
NESTED = [
    resource("clone", kind="clone", nodes=["n1", "n3"]),
    resource("alone", role="Started", nodes=["n1"]),
    resource("group", "clone", kind="group", role="Started", nodes=["n1", "n2"]),
    resource("part", "group", role="Failed", nodes=["n2"], tickets=["db"]),
]


def test_parts_come_after_their_collections() -> None:
    rows = resource_rows(NESTED, Wanted()).rows
    assert [(row.id, row.depth) for row in rows] == [("clone", 0), ("group", 1), ("part", 2), ("alone", 0)]
    assert [(row.word, row.tone) for row in rows] == [
        ("parts differ", "none"),
        ("Started", "ok"),
        ("Failed", "bad"),
        ("Started", "ok"),
    ]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted("PART"), ["part"]),
        (Wanted("n2"), ["group", "part"]),
        (Wanted("db"), ["part"]),
        (Wanted(state="Started"), ["group", "alone"]),
        (Wanted("n1", "Failed"), []),
        (Wanted("nothing", page=7), []),
    ],
)
def test_what_is_asked_for(wanted: Wanted, found: list[str]) -> None:
    shown = resource_rows(NESTED, wanted)
    assert [row.id for row in shown.rows] == found
    assert (shown.total, shown.found, shown.page, shown.pages) == (4, len(found), 1, 1)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, []),
        ({"managed": True, "failures": 0, "pending": ""}, []),
        ({"managed": False}, ["unmanaged"]),
        ({"failures": 1}, ["1 failure"]),
        ({"failures": 12}, ["12 failures"]),
        ({"failures": 1_000_000}, ["fail count INFINITY"]),
        ({"managed": False, "failures": 2, "pending": "Stopping"}, ["Stopping ...", "2 failures", "unmanaged"]),
    ],
)
def test_what_is_said_beside_the_state(values: dict[str, Any], words: list[str]) -> None:
    """Agents of 0.1.0 tell none of it."""
    (row,) = resource_rows([resource("r", **values)], Wanted()).rows
    assert [note.word for note in row.notes] == words


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({}, "online"),
        ({"maintenance": False}, "online"),
        ({"maintenance": True}, "maintenance"),
        ({"maintenance": True, "standby": True}, "standby"),
        ({"maintenance": True, "online": False}, "offline"),
    ],
)
def test_the_word_for_a_node(values: dict[str, Any], word: str) -> None:
    site = Object("paris", "Site", "Site:paris", {"peers": [], "first_event": 1, "last_event": 0, **AGENT})
    node = Object("paris", "Node", "Node:n1", {"name": "n1", "online": True, "standby": False, **values})
    view = site_view(site, overview(Picture(1, (site,), ()), frozenset()), [node], [], [])
    assert [each.word for each in view.nodes] == [word]


def test_many_are_paged() -> None:
    many = [resource(f"r{number}") for number in range(10_000)]
    last = resource_rows(many, Wanted(page=1_000_000))
    assert (last.total, last.pages, last.page) == (10_000, 50, 50)
    assert [row.id for row in last.rows] == [f"r{number}" for number in range(10_000 - A_PAGE, 10_000)]


def test_parents_that_are_not_there_or_go_round_hide_nothing_else() -> None:
    odd = [resource("a", "b"), resource("b", "a"), resource("c", "gone")]
    assert [row.id for row in resource_rows(odd, Wanted()).rows] == ["c"]


def test_nodes_tickets_and_peers() -> None:
    peers = [{"site": "lyon", "url": "amqp://lyon", "connected": True}]
    values = {"peers": peers, "first_event": 3, "last_event": 7, **AGENT}
    site = Object("paris", "Site", "Site:paris", values)
    node = {"site": "paris", "id": "1", "standby": True}
    nodes = [
        Object("paris", "Node", name, {**node, "name": name, "online": online})
        for name, online in (("n2", False), ("n1", True))
    ]
    ticket = Object("paris", "Ticket", "Ticket:db", {"name": "db", "granted": True, "standby": False, "mode": "manual"})
    picture = Picture(1, (site,), tuple(ticket_statuses([ticket], [])))
    view = site_view(site, overview(picture, frozenset()), nodes, [ticket], NESTED)
    assert [(each.name, each.word, each.active) for each in view.nodes] == [("n1", "standby", 1), ("n2", "offline", 1)]
    assert [(row.name, row.cell.word) for row in view.tickets] == [("db", "holder")]
    assert [(peer.site, peer.connected, peer.seq) for peer in view.peers] == [("lyon", True, 0)]
    assert view.events == 5


def test_which_resources_are_read_afresh() -> None:
    def event(name: str, **values: Any) -> Event:
        return Event("paris", name, values, 6, 0)

    def moved(identifier: str, truncated: int = 0, change: str = "state") -> Event:
        return event("resource_changed", id=identifier, truncated=truncated, change=change)

    assert changed_resources([moved("a"), event("published"), moved("b")]) == {"a", "b"}
    assert changed_resources([moved("a", truncated=3)]) is None
    assert changed_resources([moved("a", change="modify")]) is None
    assert changed_resources([event("config_changed")]) is None
    assert changed_resources([SiteFound("paris")]) is None
    assert changed_resources([Gap("amqp://paris", 3, "slow")]) is None
