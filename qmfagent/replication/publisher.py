"""The holder's part: notice that a closure has changed, record what is published, announce it.

Rules of this file: only what this site holds is published, and only when the closure itself changes; what else happens in
the CIB is nobody's business. The record of what was published is written before it is announced: when the ticket moves,
this site must know what came from it, to follow the next holder's deletions.
"""

from __future__ import annotations

import logging

from qmfagent.cib.closure import Closure, closure
from qmfagent.cib.planning import make_plan
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError, ClusterError, Refused, UnknownTicket
from qmfagent.replication.ports import CibStore, EventSink
from qmfagent.replication.publication import Publication

_log = logging.getLogger(__name__)


class Publisher:
    """Publishes the tickets that `site` holds, from `store`."""

    def __init__(self, site: str, store: CibStore, emit: EventSink) -> None:
        self._site = site
        self._store = store
        self._emit = emit
        self._published: dict[str, Publication] = {}
        self._faults: dict[str, str] = {}

    def published(self, ticket: str) -> Publication | None:
        """The newest publication of a ticket that this site holds."""
        return self._published.get(ticket)

    async def update(self, snapshot: Snapshot) -> list[Publication]:
        """Announce what has changed since the last call; the new publications."""
        held = {name: state for name, state in snapshot.tickets.items() if state.granted}
        for name in self._published.keys() - held.keys():
            del self._published[name]
        announced = []
        for name in sorted(held):
            found = self._closure(snapshot, name)
            if found is None:
                continue
            earlier = self._published.get(name)
            if earlier and (earlier.digest, earlier.term) == (found.digest, held[name].term):
                continue
            await self._record(snapshot, found)
            publication = self._publication(snapshot, found)
            self._published[name] = publication
            announced.append(publication)
            values = publication.to_values()
            self._emit("published", {"ticket": name, **{k: values[k] for k in ("site", "term", "version", "digest")}})
        return announced

    def current(self, snapshot: Snapshot, ticket: str) -> Publication:
        """The publication of `ticket` as of `snapshot`.

        Raises Refused (not-holder) where the ticket is not granted here, UnknownTicket, and CibError.
        """
        state = snapshot.tickets.get(ticket)
        if state is None or not state.granted:
            raise Refused("not-holder", f"{self._site} does not hold ticket {ticket!r} and publishes nothing for it")
        found = closure(snapshot, ticket)
        known = self._published.get(ticket)
        if known and (known.digest, known.term) == (found.digest, state.term):
            return known
        return self._publication(snapshot, found)

    def _publication(self, snapshot: Snapshot, found: Closure) -> Publication:
        return Publication(
            site=self._site,
            ticket=found.ticket,
            term=snapshot.tickets[found.ticket].term,
            version=snapshot.version,
            digest=found.digest,
            validate_with=snapshot.validate_with,
            xml=found.canonical,
        )

    def _closure(self, snapshot: Snapshot, ticket: str) -> Closure | None:
        try:
            found = closure(snapshot, ticket)
        except UnknownTicket:
            return None
        except CibError as error:
            if self._faults.get(ticket) != str(error):
                self._faults[ticket] = str(error)
                _log.error("ticket %s is not published: %s", ticket, error)
            return None
        self._faults.pop(ticket, None)
        return found

    async def _record(self, snapshot: Snapshot, found: Closure) -> None:
        """Record what is published. An empty closure keeps its last record, which tells a withdrawal from an unknown ticket."""
        if not found.lines:
            return
        plan = make_plan(snapshot, found, adopt=True)
        if plan.errors:
            _log.error("ticket %s: what is published can't be recorded: %s", found.ticket, plan.errors[0].message)
        if not plan.token:
            return
        try:
            await self._store.apply(plan.patchset, plan.base_digest)
        except ClusterError as error:
            _log.warning("ticket %s: what is published could not be recorded in the CIB: %s", found.ticket, error)
