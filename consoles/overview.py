"""What the overview shows: a row a ticket, a column a site, a word and its reasons in each cell.

Rules of this file: pure. A state is a word first, and a colour beside it; `tone` is ok, info, warn, bad or none.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from consoles.picture import Lacking, Picture
from consoles.tickets import BY_THE_CLOCK, HOLDER, UNKNOWN, TicketAt, TicketStatus
from consoles.values import Object
from consoles.words import moment, number_of

_HOLDS = {
    # Noted beside the state, whether something waits or not.
    "paused": "",
    "pinned": "",
    "manual": "waits for somebody to replicate it",
    "schedule": "waits for its schedule",
    "window": "waits for its window",
}


@dataclass(frozen=True, slots=True)
class Note:
    """Something besides the state, in a word or two; `why` says more, empty where there is no more."""

    word: str
    tone: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One ticket at one site. `reached` is whether this console can ask the site, `plan` whether to offer a plan there."""

    site: str
    word: str
    tone: str
    why: str = ""
    notes: tuple[Note, ...] = ()
    reached: bool = True
    plan: bool = False
    heal: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One ticket: its holders, and a cell for each site."""

    ticket: str
    holders: tuple[str, ...]
    cells: tuple[Cell, ...]

    @property
    def split(self) -> bool:
        """Whether more than one site holds it."""
        return len(self.holders) > 1


@dataclass(frozen=True, slots=True)
class Head:
    """One site. `peers` are those that its agent is connected with, `lost_peers` those that it is not."""

    site: str
    reached: bool
    node: str = ""
    version: str = ""
    connected: bool = False
    lost_peers: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole of it; `unreachable` are URLs and why nobody answers there."""

    heads: tuple[Head, ...]
    rows: tuple[Row, ...]
    unreachable: tuple[tuple[str, str], ...]

    @property
    def splits(self) -> tuple[Row, ...]:
        """The tickets that more than one site holds."""
        return tuple(row for row in self.rows if row.split)


def overview(picture: Picture, allowed: Set[tuple[str, str]]) -> Overview:
    """The overview of a picture; `allowed` are the sites and tickets that the user may have a plan of."""
    objects = {site.site: site for site in picture.sites}
    return Overview(
        tuple(_head(name, objects.get(name), picture.tickets) for name in picture.names),
        tuple(_row(ticket, picture, objects.keys(), allowed) for ticket in picture.tickets),
        tuple(sorted(picture.unreachable.items())),
    )


def _head(name: str, site: Object | None, tickets: tuple[TicketStatus, ...]) -> Head:
    holds = tuple(ticket.name for ticket in tickets if name in ticket.holders)
    if site is None:
        return Head(name, reached=False, holds=holds)
    there = tuple(str(peer["site"]) for peer in site.values["peers"] if peer["connected"])
    lost = tuple(str(peer["site"]) for peer in site.values["peers"] if not peer["connected"])
    return Head(
        name,
        reached=True,
        node=site.values["hostname"],
        version=site.values["cib_version"],
        connected=site.values["connected"],
        lost_peers=lost,
        holds=holds,
        peers=there,
    )


def _row(ticket: TicketStatus, picture: Picture, reached: Set[str], allowed: Set[tuple[str, str]]) -> Row:
    by_site = {at.site: at for at in ticket.sites}
    split = len(ticket.holders) > 1
    cells = []
    for name in picture.names:
        at = by_site.get(name, TicketAt(name, UNKNOWN))
        may = (name, ticket.name) in allowed
        cells.append(_cell(at, picture.lacking.get((ticket.name, name)), split=split, reached=name in reached, may=may))
    return Row(ticket.name, ticket.holders, tuple(cells))


def _cell(at: TicketAt, lacking: Lacking | None, *, split: bool, reached: bool, may: bool) -> Cell:
    word, tone, why = _state(at, lacking, split=split)
    notes = tuple(_notes(at))
    follows = at.state not in (HOLDER, UNKNOWN)
    return Cell(
        at.site,
        word,
        tone,
        why,
        notes,
        reached,
        plan=follows and reached and may,
        heal=bool(at.drift) and reached and may,
    )


def _state(at: TicketAt, lacking: Lacking | None, *, split: bool) -> tuple[str, str, str]:
    """The word for a state, its tone, and why."""
    match at.state:
        case "holder":
            return ("holder, split", "bad", "more than one site holds this ticket") if split else ("holder", "info", "")
        case "in-sync":
            return "in sync", "ok", ""
        case "behind":
            return _behind(at, lacking), "warn", _held(at)
        case "blocked":
            return "blocked", "bad", f"{at.reason}: {at.message}" if at.message else at.reason
        case "unreachable":
            return "unreachable", "bad", at.message
        case "idle":
            return "idle", "none", at.message
        case other:
            return other, "none", ""


def _behind(at: TicketAt, lacking: Lacking | None) -> str:
    if not at.applied:
        return "not delivered yet"
    if lacking is None or not lacking.count:
        return "behind"
    return f"{lacking.count}{' or more' if lacking.least else ''} behind"


def _held(at: TicketAt) -> str:
    """Why a publication waits, and until when, where the site says so."""
    until = f", until {moment(at.next_run)}" if at.hold in BY_THE_CLOCK and at.next_run else ""
    return _HOLDS.get(at.hold, at.hold) + until


def _notes(at: TicketAt) -> list[Note]:
    notes = []
    if at.drift:
        notes.append(Note(f"drifted ({number_of(at.drift, 'field')})", "warn", "edited here since it was delivered"))
    if at.standby:
        notes.append(Note("standby", "warn", "what depends on the ticket is stopped"))
    if at.paused:
        notes.append(Note("paused", "warn", "nothing is applied or healed here by itself"))
    if at.pinned:
        notes.append(Note("pinned", "warn", "nothing newer is applied here by itself"))
    return notes
