"""What happened at all sites, put together, one page after the other.

Rules of this file: pure. A site's records keep their order, by number, whatever its clock says; between sites time decides. A
page is followed by the one that begins below the numbers that it ended with.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from consoles.happened import happened
from consoles.numbers import whole_number
from consoles.words import words
from qmfagent.cib.plans.report_html import changes_html
from qmfagent.errors import UnknownObject

PAGE = 50
"""Records of a page."""
UNDOABLE = frozenset({"applied", "rolled_back", "drift_healed"})
"""Records of changes, which can be rolled back."""
_TONES = {
    "applied": "ok",
    "apply_failed": "bad",
    "publish_failed": "bad",
    "drift_found": "warn",
    "rolled_back": "warn",
    "ticket_changed": "info",
}
_OWN = frozenset({"number", "name", "time", "ticket", "diff", "kept"})

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One record of one site: `time` in nanoseconds, `text` what it says, `undoable` whether it is a change."""

    time: int
    site: str
    number: int
    name: str
    tone: str
    ticket: str
    by: str
    text: str

    @property
    def what(self) -> str:
        """Its name for people."""
        return self.name.replace("_", " ")

    @property
    def undoable(self) -> bool:
        """Whether it is a change, which may be rolled back."""
        return self.name in UNDOABLE


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One record in full: names and values, and what it changed; it is not `kept` where that is not known any more."""

    row: Row
    values: tuple[tuple[str, str], ...]
    html: Markup
    kept: bool


def history_page(found: Mapping[str, Sequence[Record]], size: int = PAGE) -> tuple[tuple[Row, ...], dict[str, int]]:
    """The newest `size` of these records, by site and newest first, and below which number each site goes on; nothing where
    there is no more. A site has to be asked for `size` records."""
    merged = list(heapq.merge(*(_stamped(site, records) for site, records in found.items()), key=lambda each: each[0]))
    shown = [row for _, row in merged[:size]]
    if len(merged) <= size and all(len(records) < size for records in found.values()):
        return tuple(shown), {}
    below = {site: records[0]["number"] + 1 if records else 1 for site, records in found.items()}
    below |= {row.site: row.number for row in shown}
    return tuple(shown), below


def record_row(site: str, record: Record) -> Row:
    """One record as a row."""
    name = str(record["name"])
    return Row(
        record["time"],
        site,
        record["number"],
        name,
        _TONES.get(name, "none"),
        words(record.get("ticket", "")),
        words(record.get("by", "")),
        happened(record),
    )


def change_view(site: str, record: Record) -> ChangeView:
    """One record in full. Raises CibError where a change holds no XML."""
    values = tuple((name, words(value)) for name, value in record.items() if name not in _OWN)
    html = Markup(changes_html(record["diff"])) if record["diff"] else Markup()  # noqa: S704 - escaped where it is made
    return ChangeView(record_row(site, record), values, html, bool(record["kept"]))


def read_below(given: Iterable[str]) -> dict[str, int]:
    """Where each site goes on, from what a link says: SITE:NUMBER. Raises UnknownObject."""
    below = {}
    for text in given:
        site, _, number = text.rpartition(":")
        place = whole_number(number)
        if not site or place is None:
            raise UnknownObject(f"{text!r} is no place in a history", hint="begin with the newest")
        below[site] = place
    return below


def _stamped(site: str, records: Iterable[Record]) -> Iterator[tuple[tuple[int, str], Row]]:
    """Rows, newest first, with what they are sorted by: no row before one of a higher number of its site."""
    time: int | None = None
    for record in records:
        time = record["time"] if time is None else min(time, record["time"])
        yield (-time, site), record_row(site, record)
