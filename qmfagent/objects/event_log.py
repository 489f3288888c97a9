"""The agent's events: checked, numbered, kept in the journal, and told again to whoever missed some.

Rules of this file: an event gets its number when it is recorded, and only one that fits its class is. Every entry of the
journal is an event, so that numbers have no holes for those who listen. Events that can't be written to the journal's file go
on in memory with new numbers (a new journal id), and what held goes on to hold: an agent with a full disk has to go on
replicating, and consoles are told.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from qmfagent.errors import JournalError, Refused, SchemaError
from qmfagent.journal.entry import Entry, State
from qmfagent.journal.memory import go_on_in_memory
from qmfagent.journal.store import Journal
from qmfagent.qmf.checks import check_values
from qmfagent.qmf.codec import UInt64
from qmfagent.qmf.schema import Schema

EVENT = "event"
"""The journal's kind of what is recorded here."""
MAX_PAGE = 500
MAX_PAGE_BYTES = 256 * 1024
"""How many events one answer holds at most, and how much content, unless a single one is larger."""
_UNKNOWN_SEVERITY = 7

_log = logging.getLogger(__name__)


class EventLog:
    """The events of one agent, in `journal`, which is closed with it."""

    def __init__(self, schema: Schema, journal: Journal) -> None:
        self._schema = schema
        self._journal = journal

    @property
    def journal(self) -> Journal:
        """The journal that events go to now."""
        return self._journal

    @property
    def last(self) -> int:
        """The number of the newest event; 0 before the first."""
        return self._journal.last

    def record(
        self,
        name: str,
        values: Mapping[str, Any],
        now_ns: int,
        *,
        documents: Iterable[bytes] = (),
        state: State | None = None,
    ) -> dict[str, Any]:
        """Take down an event of the class `name`: its values, with its number among them as `seq`. `documents` and `state` are
        kept with it, as Journal.append does.

        Raises SchemaError for one that does not fit its class; it has no number then.
        """
        documents = list(documents)
        check_values(self._schema.event_class(name), {**values, "seq": self.last + 1})
        try:
            entry = self._journal.append(EVENT, name, now_ns, values, documents=documents, state=state)
        except JournalError as error:
            _log.error("%s; events go on in memory, with new numbers", error)
            self._journal = go_on_in_memory(self._journal, now_ns)
            entry = self._journal.append(EVENT, name, now_ns, values, documents=documents, state=state)
        return {**values, "seq": UInt64(entry.seq)}

    def told_anew(self, after: int) -> list[tuple[str, dict[str, Any]]]:
        """The events that were recorded with number `after` because what told them first is not kept any more: their names,
        and their values as record gives them."""
        later = self._journal.since(after, MAX_PAGE) if self.last > after else []
        return [(entry.name, {**entry.values, "seq": UInt64(entry.seq)}) for entry in later]

    def replay(self, since: int, limit: int) -> dict[str, Any]:
        """The out arguments of Site.events: at most `limit` events after number `since`, and no more than fit a message.

        Raises Refused (too-old) where the first of them is not here any more, or `since` is of another journal.
        """
        first, last = self._journal.first, self._journal.last
        if since > last:
            raise Refused(
                "too-old",
                f"the newest event here is {last}: {since} was an event of an earlier journal",
                hint=f"read everything afresh, and resume from {last}",
            )
        if since < first - 1:
            raise Refused(
                "too-old",
                f"the events after {since} are not kept any more, only those from {first} on",
                hint=f"read everything afresh, and resume from {first - 1}",
            )
        entries = self._journal.since(since, min(limit, MAX_PAGE), MAX_PAGE_BYTES)
        return {
            "journal": self._journal.id,
            "events": [self._told(entry) for entry in entries],
            "last": last,
            "more": (entries[-1].seq if entries else since) < last,
        }

    def attributes(self) -> dict[str, Any]:
        """What the agent's heartbeats tell of its events: the journal's id, and the number and the hash of the newest."""
        return {"journal": self._journal.id, "seq": UInt64(self.last), "head": self._journal.head}

    def describe(self) -> dict[str, Any]:
        """What the Site object tells of them."""
        return {"journal": self._journal.id, "first_event": self._journal.first, "last_event": self.last}

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def _told(self, entry: Entry) -> dict[str, Any]:
        """An event as it was told when it happened."""
        return {
            "name": entry.name,
            "seq": entry.seq,
            "severity": self._severity(entry.name),
            "timestamp": entry.time_ns,
            "values": {**entry.values, "seq": entry.seq},
        }

    def _severity(self, name: str) -> int:
        try:
            return self._schema.event_class(name).severity or 0
        except SchemaError:  # recorded by an agent of another version
            return _UNKNOWN_SEVERITY
