"""Where this site stands with each ticket, and what was delivered for it last.

Rules of this file: the ledger is the truth. What was delivered is read from there once, and kept as long as it stands: it
shares its lines with the snapshots that it came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.plans.members import pick_members, read_members
from qmfagent.cib.snapshot import Snapshot
from qmfagent.replication.applying.plans import Prepared
from qmfagent.replication.order import taken
from qmfagent.replication.ports import Ledger
from qmfagent.replication.standing import Standing


class Standings:
    """The standings in `ledger`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._last: dict[str, tuple[str, Closure]] = {}

    def get(self, ticket: str) -> Standing:
        """Where this site stands with `ticket`; an empty standing where there was nothing yet."""
        return self._ledger.standings().get(ticket) or Standing(ticket)

    def last(self, ticket: str) -> Closure:
        """What was delivered last for `ticket`; empty where that is not known.

        Raises CibError where the document that is kept of it can't be read.
        """
        digest = self.get(ticket).delivered
        known, last = self._last.get(ticket, ("", _nothing(ticket)))
        if digest == known:
            return last
        data = self._ledger.document(digest) if digest else None
        last = read_members(ticket, data, f"what was delivered for ticket {ticket!r}") if data else _nothing(ticket)
        self._last[ticket] = digest, last
        return last

    def measured(self, ticket: str, snapshot: Snapshot) -> Mapping[str, bytes]:
        """The canonical lines, by id, of the same, as far as `snapshot` has to be like that; none where it may be otherwise."""
        state = snapshot.tickets.get(ticket)
        return self.last(ticket).lines if self.get(ticket).measures(state) else {}

    def after(self, prepared: Prepared) -> Standing:
        """Where the site stands with the plan's ticket once that is carried out, or is found to be so already."""
        standing, delivered = self.get(prepared.plan.ticket), prepared.delivered
        document = delivered.digest if delivered.lines else ""
        if prepared.publication:
            return taken(standing, prepared.publication, document)
        return replace(standing, delivered=document, pinned=prepared.change or standing.pinned)

    def remember(self, delivered: Closure) -> None:
        """Take note of what was delivered last, as the ledger has it already."""
        self._last[delivered.ticket] = delivered.digest if delivered.lines else "", delivered


def _nothing(ticket: str) -> Closure:
    return pick_members(ticket, {}, ())
