"""The journal as replication sees it: records that are events too, their documents, and where this site stands.

Rules of this file: what is recorded here is told like any event. Where the journal's file can't be written any more, records go
on in memory (see event_log.py), and nobody here takes notice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol

from qmfagent.errors import CibError, Refused
from qmfagent.journal.entry import Entry, State
from qmfagent.journal.store import Journal
from qmfagent.replication.ports import Recorded
from qmfagent.replication.standing import STANDING, Standing

_log = logging.getLogger(__name__)


class Recorder(Protocol):
    """Records an event and tells it: what Announcer.record is."""

    def __call__(
        self, name: str, values: Mapping[str, Any], *, documents: Iterable[bytes] = (), state: State | None = None
    ) -> int:
        """The event's number. Raises SchemaError for one that does not fit its class."""
        ...


class SiteLedger:
    """The Ledger of replication's ports. `journal` gives the journal that events go to now, `record` records one there."""

    def __init__(self, journal: Callable[[], Journal], record: Recorder) -> None:
        self._journal = journal
        self._record = record
        self._read: dict[str, tuple[Entry, Standing | None]] = {}

    def record(
        self,
        name: str,
        values: Mapping[str, Any],
        *,
        documents: Iterable[bytes] = (),
        standing: Standing | None = None,
    ) -> int:
        """Record an event of that class and tell it: its number. Raises SchemaError for one that does not fit its class, and
        keeps nothing then."""
        state = (standing.ticket, standing.to_values()) if standing else None
        return self._record(name, values, documents=documents, state=state)

    def recorded(self, number: int) -> Recorded:
        """One record. Raises Refused (unknown-change) where it is not kept, JournalError where it can't be read."""
        journal = self._journal()
        entry = journal.entry(number)
        if entry is None:
            raise Refused(
                "unknown-change",
                f"there is no change {number} in this site's journal, which goes from {journal.first} to {journal.last}",
                hint="take a number that its history shows",
            )
        return _record(entry)

    def of_ticket(self, ticket: str, names: Collection[str], limit: int, before: int = 0) -> list[Recorded]:
        """The newest records of that ticket, or of any where it is empty, with one of these names; newest first; with
        `before`, of those with a lower number.

        Raises JournalError where they can't be read.
        """
        return [_record(entry) for entry in self._journal().newest(ticket, names, limit, before)]

    def document(self, digest: str) -> bytes | None:
        """The document of that SHA-256 (hexadecimal); None where it is not kept. Raises JournalError where it is damaged."""
        return self._journal().document(digest)

    def standings(self) -> Mapping[str, Standing]:
        """Where this site stands, by ticket; a standing that can't be understood is left out."""
        found = ((key, self._standing(carrier)) for key, carrier in self._journal().states().items())
        return {key: standing for key, standing in found if standing}

    def _standing(self, carrier: Entry) -> Standing | None:
        """The standing that an entry carries. It is asked for at every change of the CIB, so each entry is read once."""
        known, standing = self._read.get(carrier.key, (None, None))
        if known is not carrier:
            standing = _standing(carrier)
            self._read[carrier.key] = carrier, standing
        return standing


def told_anew(carrier: Entry) -> tuple[str, dict[str, Any]]:
    """The name and the values of the event that tells anew the standing which an entry carries."""
    standing = _standing(carrier) or Standing(carrier.key)
    return STANDING, {"site": str(carrier.values.get("site", "")), **standing.told()}


def _standing(carrier: Entry) -> Standing | None:
    try:
        return Standing.from_values(carrier.state_values)
    except (CibError, KeyError, TypeError) as error:
        _log.warning("entry %d of the journal has a standing that can't be read: %s", carrier.seq, error)
        return None


def _record(entry: Entry) -> Recorded:
    return Recorded(entry.seq, entry.name, entry.time_ns, entry.values)
