"""What `top` shows, for every size of a terminal."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from consoles.cli.terminal import keys_of
from consoles.cli.top_view import Screen, first_shown, render, shares
from consoles.overview import Cell, Head, Note, Overview, Row
from consoles.values import Event, SiteLost

EVENT = Event("paris", "applied", {"ticket": "db", "message": "\x1b[2J"}, 5, 1_700_000_000_000_000_000, 7)


def matrix(tickets: int = 1, sites: int = 2) -> Overview:
    names = [f"site{number}" for number in range(sites)]
    rows = tuple(
        Row(
            f"ticket{number}",
            tuple(names[:1]),
            tuple(
                Cell(
                    name,
                    "behind",
                    "warn",
                    "waits for its window",
                    (Note("drifted (2 fields)", "warn"), Note("paused", "warn")),
                )
                for name in names
            ),
        )
        for number in range(tickets)
    )
    return Overview(tuple(Head(name, True, "node1", "0.7.0", True) for name in names), rows, ())


def drawn(overview: Overview, width: int = 200, height: int = 30, first: int = 0, events: int = 1) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=width, height=height, highlight=False, markup=False, emoji=False)
    console.print(render(Screen(overview, [EVENT] * events, first, "12:34:56"), width, height))
    return file.getvalue().rstrip("\n").split("\n")


def test_what_there_is_to_see() -> None:
    cells = (
        Cell("lyon", "blocked", "bad", "clash: primitive 'vip' is here already"),
        Cell("paris", "holder", "info"),
    )
    heads = (
        Head("lyon", False),
        Head("paris", True, "paris1", "0.7.0", True, ("lyon",), ("db",), ("oslo",)),
    )
    overview = Overview(heads, (Row("db", ("paris",), cells),), (("amqps://lyon", "no connection"),))
    lines = drawn(overview)
    assert lines[0].startswith("qmfconsole top   12:34:56")
    assert lines[1].split() == ["ticket", "lyon", "paris"]
    assert "blocked: clash: primitive 'vip' is here already" in lines[2]
    assert lines[2].rstrip().endswith("holder")
    assert [line.split() for line in lines[4:7]] == [
        ["site", "node", "CIB", "version", "holds", "connected", "with"],
        ["lyon", "can't", "be", "reached"],
        ["paris", "paris1", "0.7.0", "db", "oslo,", "lost:", "lyon"],
    ]
    assert lines[7] == "amqps://lyon: no connection"
    assert " paris 7 applied db message=" in lines[-1]
    assert "\\x1b[2J" in lines[-1]


def test_notes_and_reasons_are_in_the_cell() -> None:
    assert "behind: waits for its window, drifted (2 fields), paused" in drawn(matrix())[2]


def test_a_lost_site_is_among_the_events() -> None:
    file = io.StringIO()
    Console(file=file, width=80).print(render(Screen(matrix(), [SiteLost("oslo")], 0, ""), 80, 24))
    assert "site oslo is lost" in file.getvalue()


@settings(max_examples=60, deadline=None)
@given(
    tickets=st.integers(0, 40),
    sites=st.integers(0, 12),
    events=st.integers(0, 40),
    width=st.integers(20, 200),
    height=st.integers(1, 60),
    first=st.integers(0, 50),
)
def test_it_always_fits(tickets: int, sites: int, events: int, width: int, height: int, first: int) -> None:
    lines = drawn(matrix(tickets, sites), width, height, first, events)
    assert max(map(len, lines)) <= width
    # Below that it is cut by the screen.
    assert len(lines) <= max(height, 9)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(0, 40), st.integers(0, 12), st.integers(0, 60))
def test_every_ticket_can_be_scrolled_to(height: int, tickets: int, sites: int, wanted: int) -> None:
    lines = shares(height, tickets, sites, 0)[0]
    assert 0 <= first_shown(wanted, tickets, lines) <= max(0, tickets - lines)
    assert first_shown(tickets, tickets, lines) + lines >= tickets


@pytest.mark.parametrize(
    ("typed", "keys"),
    [("q", ["q"]), ("\x1b[A\x1bOBj", ["up", "down", "down"]), ("\x1b", ["\x1b"]), ("xQ", ["x", "q"]), ("", [])],
)
def test_keys(typed: str, keys: list[str]) -> None:
    assert keys_of(typed) == keys
