"""Events as rows: which are wanted, what each says, and where it leads.

Rules of this file: pure. How far a page has come is the position of the last event of each site, as one text, so that a browser
can say it: `SITE=JOURNAL:NUMBER&SITE=...`, names and values quoted as in a query.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from consoles.announcements import severity_word, told
from consoles.happened import happened
from consoles.values import Announcement, Event, Gap, Position, SiteLost
from consoles.words import elided, words
from qmfagent.errors import UnknownObject

RECENT = 200
"""Events that a page begins with at most."""
MOST_SITES = 1000
"""Sites that a page can tell the positions of."""
LEVELS = (
    ("", "any"),
    ("info", "info and above"),
    ("note", "notice and above"),
    ("warn", "warning and above"),
    ("error", "errors"),
)
"""What to choose from: the least severe that is shown, and that in words."""

_NUMBERS = {severity_word(number): number for number in range(8)}
_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are asked for; what is empty is no limit. `level` is the word of the least severe ones."""

    site: str = ""
    event: str = ""
    ticket: str = ""
    level: str = ""

    def has(self, item: Announcement) -> bool:
        """Whether something is to be shown; what is announced of a site always is."""
        if self.site and item.site and item.site != self.site:
            return False
        if not isinstance(item, Event):
            return True
        return (
            (not self.event or item.name == self.event)
            and (not self.ticket or item.values.get("ticket") == self.ticket)
            and item.severity <= _NUMBERS.get(self.level, 7)
        )


@dataclass(frozen=True, slots=True)
class Row:
    """An event, or what is announced between events (without `name` and `time`). `values` are all that it tells, in words;
    `change` is its number where the history has more of it."""

    site: str
    text: str
    tone: str
    name: str = ""
    time: int = 0
    severity: str = ""
    ticket: str = ""
    number: int = 0
    change: int = 0
    values: tuple[tuple[str, str], ...] = ()

    @property
    def what(self) -> str:
        """Its name for people."""
        return self.name.replace("_", " ")


def row(item: Announcement) -> Row:
    """The row of something that came."""
    if not isinstance(item, Event):
        lost = isinstance(item, Gap | SiteLost)
        return Row(item.site, told(item), "warn" if lost else "info")
    ticket, values = item.values.get("ticket"), {name: item.values[name] for name in item.values if name != "seq"}
    named = ticket if isinstance(ticket, str) else ""
    return Row(
        item.site,
        elided(happened({**values, "name": item.name}), _TEXT),
        _tone(item.severity),
        item.name,
        item.timestamp,
        severity_word(item.severity),
        named,
        item.seq,
        item.seq if named else 0,
        tuple((str(name), elided(words(value), _TEXT)) for name, value in values.items() if name != "site"),
    )


def newest_first(events: Iterable[Event], wanted: Wanted, most: int = RECENT) -> tuple[Row, ...]:
    """The newest of these that are wanted; a site's own keep their order, whatever its clock says."""
    latest: dict[str, int] = {}
    stamped = []
    for event in events:
        latest[event.site] = max(latest.get(event.site, 0), event.timestamp)
        if wanted.has(event):
            stamped.append(((latest[event.site], event.seq), event))
    stamped.sort(key=lambda each: each[0], reverse=True)
    return tuple(row(event) for _, event in stamped[:most])


def after(positions: Mapping[str, Position], item: Announcement) -> Mapping[str, Position]:
    """The positions of a page once it has had an item."""
    if isinstance(item, Event) and item.seq:
        return {**positions, item.site: item.position}
    if isinstance(item, Gap) and item.site and item.resume is not None:
        return {**positions, item.site: Position(item.resume)}
    return positions


def write_positions(positions: Mapping[str, Position]) -> str:
    """Positions as one text."""
    return urlencode({site: str(position) for site, position in sorted(positions.items())})


def read_positions(text: str) -> dict[str, Position]:
    """What write_positions gives. Raises UnknownObject for a position that is none, and for more than MOST_SITES."""
    try:
        found = parse_qsl(text, max_num_fields=MOST_SITES)
    except ValueError:
        raise UnknownObject(
            f"these are places among the events of more than {MOST_SITES} sites", hint="load the page of events anew"
        ) from None
    return {site: Position.parse(position) for site, position in found}


def _tone(severity: int) -> str:
    if severity <= 3:
        return "bad"
    return {4: "warn", 5: "info"}.get(severity, "none")
