"""The holder's part: notice that a closure has changed, record what is published, announce it.

Rules of this file: only what this site holds is published, and only when the closure itself changes; what else happens in
the CIB is nobody's business. The record of what was published is written before it is announced: when the ticket moves,
this site must know what came from it, to follow the next holder's deletions. A closure that is broken for the moment is
announced as a failure, and the last good publication stays. One ticket's trouble is none of the others'.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable

from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.closure.closure_update import changed_members, sharing
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError, ConfigurationChanged, QmfAgentError, Refused, UnknownTicket
from qmfagent.replication.ports import CibStore, EventSink
from qmfagent.replication.publishing.publication import Publication
from qmfagent.replication.publishing.record import is_recorded, record_patchset
from qmfagent.replication.publishing.signature import Signer
from qmfagent.replication.reasons import message_of, reason_of

REMEMBERED = 16
"""Closures of a ticket that publications can be told against; they share the members that did not change."""

_log = logging.getLogger(__name__)


class Publisher:
    """Publishes the tickets that `site` holds, from `store`."""

    def __init__(self, site: str, store: CibStore, emit: EventSink, signer: Signer | None) -> None:
        """`signer` signs what is published; without one nothing can be."""
        self._site = site
        self._store = store
        self._emit = emit
        self._signer = signer
        self._published: dict[str, Publication] = {}
        self._closures: dict[str, OrderedDict[str, Closure]] = {}
        self._unannounced: set[str] = set()
        self._faults: dict[str, str] = {}
        self._unrecorded = ""

    def again(self) -> None:
        """Announce everything at the next update, changed or not: this site could not be asked for a while."""
        self._unannounced.update(self._published)

    async def update(self, snapshot: Snapshot) -> list[Publication]:
        """Announce what has changed since the last call; the new publications."""
        held = {name: state for name, state in snapshot.tickets.items() if state.granted}
        for name in self._published.keys() - held.keys():
            del self._published[name]
        for name in self._closures.keys() - held.keys():
            del self._closures[name]
        for name in self._faults.keys() - held.keys():
            del self._faults[name]
        if self._signer is None:
            self._cannot_sign(sorted(held.keys() & set(snapshot.references.tickets)))
            return []
        closures = [found for name in sorted(held) if (found := self._closure(snapshot, name))]
        await self._record(snapshot, closures)
        announced = []
        for found in closures:
            name = found.ticket
            earlier = self._published.get(name)
            same = earlier is not None and (earlier.digest, earlier.term) == (found.digest, held[name].term)
            if earlier is None or not same:
                self._published[name] = self._publication(snapshot, found)
            elif name not in self._unannounced:
                continue
            self._unannounced.discard(name)
            announced.append(self._published[name])
            values = self._published[name].to_values()
            self._emit("published", {"ticket": name, **{k: values[k] for k in ("site", "term", "version", "digest")}})
        return announced

    def current(self, snapshot: Snapshot, ticket: str, known: str = "") -> Publication:
        """The publication of `ticket` as of `snapshot`; where its closure is broken there, the last good one of this grant.

        `known` is the digest of one that whoever asks has: where it is remembered here, the answer is told against it.
        Raises Refused where the ticket is not granted here (not-holder) or this site can't sign (unsigned), UnknownTicket,
        and CibError.
        """
        state = snapshot.tickets.get(ticket)
        if state is None or not state.granted:
            raise Refused("not-holder", f"{self._site} does not hold ticket {ticket!r} and publishes nothing for it")
        if self._signer is None:
            raise self._no_key()
        last = self._published.get(ticket)
        good = last if last and last.term == state.term else None
        try:
            found = closure(snapshot, ticket)
        except CibError:
            if good is None:
                raise
            return good
        now = good if good and good.digest == found.digest else self._publication(snapshot, found)
        return self._since(known, now, found)

    def _since(self, known: str, publication: Publication, found: Closure) -> Publication:
        """A publication told against that of digest `known`, where that is remembered."""
        remembered = self._closures.get(publication.ticket)
        earlier = remembered.get(known) if remembered else None
        return publication.since(known, *changed_members(earlier, found)) if earlier else publication

    def _remember(self, found: Closure) -> None:
        remembered = self._closures.setdefault(found.ticket, OrderedDict())
        last = next(reversed(remembered.values())) if remembered else Closure(found.ticket, {})
        remembered[found.digest] = sharing(found, last)
        remembered.move_to_end(found.digest)
        if len(remembered) > REMEMBERED:
            remembered.popitem(last=False)

    def _publication(self, snapshot: Snapshot, found: Closure) -> Publication:
        assert self._signer is not None
        self._remember(found)
        unsigned = Publication(
            site=self._site,
            ticket=found.ticket,
            term=snapshot.tickets[found.ticket].term,
            version=snapshot.version,
            digest=found.digest,
            validate_with=snapshot.validate_with,
            xml=found.canonical,
        )
        return self._signer.signed(unsigned)

    def _closure(self, snapshot: Snapshot, ticket: str) -> Closure | None:
        try:
            found = closure(snapshot, ticket)
        except UnknownTicket:
            self._published.pop(ticket, None)
            return None
        except CibError as error:
            self._failed(ticket, error)
            return None
        if self._faults.pop(ticket, None):
            self._unannounced.add(ticket)
        return found

    def _no_key(self) -> Refused:
        return Refused(
            "unsigned",
            f"{self._site} has no key to sign publications with, and publishes nothing",
            hint="make one with 'qmfagent certs' and name it as signing_key under [replication]",
        )

    def _cannot_sign(self, tickets: Iterable[str]) -> None:
        """Announce it for each ticket, and log it once."""
        error = self._no_key()
        for ticket in tickets:
            if not self._faults:
                _log.error("%s", error)
            if ticket not in self._faults:
                self._announce_failure(ticket, error)

    def _failed(self, ticket: str, error: CibError) -> None:
        message = message_of(error)
        if self._faults.get(ticket) != message:
            _log.error("ticket %s is not published: %s", ticket, message)
            self._announce_failure(ticket, error)

    def _announce_failure(self, ticket: str, error: QmfAgentError) -> None:
        self._faults[ticket] = message = message_of(error)
        values = {"site": self._site, "ticket": ticket, "reason": reason_of(error), "message": message}
        self._emit("publish_failed", values)

    async def _record(self, snapshot: Snapshot, closures: list[Closure]) -> None:
        """Record what is published, in one write.

        An empty closure keeps its last record, which tells a withdrawal from an unknown ticket.
        """
        records = {found.ticket: found.lines for found in closures if found.lines}
        missing = {t: members for t, members in records.items() if not is_recorded(snapshot, t, members)}
        problem = ""
        if missing:
            try:
                await self._store.apply(record_patchset(snapshot, missing), snapshot.config_digest)
            except ConfigurationChanged:
                return  # Somebody was faster; that change is on its way here, and leads to another try.
            except QmfAgentError as error:
                problem = message_of(error)
        if problem and problem != self._unrecorded:
            _log.warning(
                "what is published is not recorded in the CIB yet, which the next change tries again: %s", problem
            )
        self._unrecorded = problem
