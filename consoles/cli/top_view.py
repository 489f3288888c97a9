"""What `qmfconsole top` shows: the matrix of tickets and sites, the sites, what happened last.

Rules of this file: pure. It fits the terminal: every row is one line, and what has no place is cut. Nothing is shown that
words.py has not made safe.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from consoles.cli.watch import announcement_line
from consoles.overview import Cell, Head, Overview
from consoles.values import Announcement
from consoles.words import safe

KEYS = "q quit   up/down scroll the tickets"
LEAST_EVENTS = 3
"""Lines that events have at least."""

_STYLES = {"ok": "green", "info": "bold green", "warn": "yellow", "bad": "bold red", "none": "dim"}
_BESIDES = 6
"""Lines of headings, and of nothing."""


@dataclass(frozen=True, slots=True)
class Screen:
    """What is on the screen: the matrix, the events from the oldest to the newest, the first ticket that is shown, and the
    time of day."""

    overview: Overview
    events: Sequence[Announcement]
    first: int
    time: str


def render(screen: Screen, width: int, height: int) -> RenderableType:
    """The screen as `height` lines of `width` columns."""
    overview = screen.overview
    tickets, sites, events = shares(height, len(overview.rows), len(overview.heads), len(overview.unreachable))
    first = first_shown(screen.first, len(overview.rows), tickets)
    shown = overview.rows[first : first + tickets]
    hidden = len(overview.rows) - len(shown)
    more = f"   tickets {first + 1} to {first + len(shown)} of {len(overview.rows)}" if hidden else ""
    parts: list[RenderableType] = [
        _line(f"qmfconsole top   {screen.time}   {KEYS}{more}", "reverse", width),
        _table(
            ["ticket", *(head.site for head in overview.heads)],
            ([Text(safe(row.ticket), style="bold"), *map(_cell, row.cells)] for row in shown),
        ),
        *([_line("no ticket is known at any site", "dim")] if not overview.rows else []),
        Text(),
        _table(["site", "node", "CIB version", "holds", "connected with"], map(_site, overview.heads[:sites])),
        *(_line(f"{url}: {why}", "bold red") for url, why in overview.unreachable),
        Text(),
        _line("last events", "bold"),
        *(_line(*announcement_line(item)) for item in list(screen.events)[-events:]),
    ]
    return Group(*parts)


def shares(height: int, tickets: int, sites: int, unreachable: int) -> tuple[int, int, int]:
    """How many lines tickets, sites and events get of a screen."""
    free = max(height - _BESIDES - unreachable - (tickets == 0), 0)
    for_sites = min(sites, max(free - LEAST_EVENTS - min(tickets, 1), 0))
    for_tickets = min(tickets, max(free - for_sites - LEAST_EVENTS, 1))
    return for_tickets, for_sites, max(free - for_sites - for_tickets, 1)


def first_shown(wanted: int, tickets: int, lines: int) -> int:
    """The first ticket that is shown where `wanted` is asked for: the last ones fill the lines."""
    return max(0, min(wanted, tickets - lines))


def _table(headers: Iterable[str], rows: Iterable[Iterable[Text]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    for header in headers:
        table.add_column(Text(safe(header)), no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*row)
    return table


def _cell(cell: Cell) -> Text:
    # Why somebody has to look is worth the room; why all is well is not.
    why = f": {cell.why}" if cell.why and cell.tone in ("warn", "bad") else ""
    text = Text(safe(f"{cell.word}{why}"), style=_STYLES[cell.tone])
    for note in cell.notes:
        text.append(", ", style="default not bold not dim")
        text.append(safe(note.word), style=_STYLES[note.tone])
    return text


def _site(head: Head) -> list[Text]:
    if not head.reached:
        return [Text(safe(head.site), style="bold"), Text("can't be reached", style="bold red")]
    version = (
        Text(safe(head.version)) if head.connected else Text(f"not connected ({safe(head.version)})", style="bold red")
    )
    peers = Text(safe(", ".join(head.peers)))
    if head.lost_peers:
        peers.append(safe(f"{', ' if head.peers else ''}lost: {', '.join(head.lost_peers)}"), style="bold red")
    return [
        Text(safe(head.site), style="bold"),
        Text(safe(head.node)),
        version,
        Text(safe(", ".join(head.holds))),
        peers,
    ]


def _line(text: str, style: str = "", width: int = 0) -> Text:
    return Text(safe(text).ljust(width), style=style, no_wrap=True, overflow="ellipsis")
