"""The history of what is replicated here: what happened to tickets, newest first, and what one change did.

Rules of this file: it is what the journal keeps, in words that a person wants to see: what led to no change of a ticket, of its
configuration or of how it is followed is left out. Documents are told as differences, without secrets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.plans.closure_difference import closure_changes
from qmfagent.cib.plans.members import read_members
from qmfagent.policy.lookup import Source
from qmfagent.policy.redaction import Concealer
from qmfagent.policy.secret_places import agents_in
from qmfagent.policy.secrets import Secrets
from qmfagent.replication.ports import AgentsLearner, Ledger, Recorded

NAMES = frozenset(
    {
        "published",
        "publish_failed",
        "planned",
        "applied",
        "apply_failed",
        "rolled_back",
        "drift_found",
        "drift_cleared",
        "drift_healed",
        "hold_changed",
        "ticket_changed",
        "drill_done",
    }
)
"""The events that make the history."""
MAX_LISTED = 500
# What a line of the history does not tell: it is known, or large, or of use to Site.change alone.
_UNTOLD = frozenset({"seq", "site", "changes", "before", "delivered", "steps"})


class History:
    """The history of one site."""

    def __init__(self, ledger: Ledger, secrets: Secrets, learn: AgentsLearner) -> None:
        """`learn` has what is known of agents completed before a difference is shown."""
        self._ledger = ledger
        self._secrets = secrets
        self._learn = learn

    def newest(self, ticket: str, limit: int, before: int = 0) -> dict[str, Any]:
        """The out arguments of Site.history: at most `limit` records of a ticket, or of all where it is empty, newest first;
        with `before`, of those with a lower number."""
        found = self._ledger.of_ticket(ticket, NAMES, min(limit, MAX_LISTED), before)
        return {"changes": [_line(record) for record in found]}

    async def change(self, number: int) -> dict[str, Any]:
        """The out arguments of Site.change: one record, and what it changed. Raises Refused (unknown-change)."""
        record = self._ledger.recorded(number)
        found = [self._closure(record, name) for name in ("before", "delivered")]
        diff: list[dict[str, Any]] = []
        closures = [each for each in found if each is not None]
        if len(closures) == len(found):
            await self._learn({agent for each in closures for agent in agents_in(each.document)})
            diff = await asyncio.to_thread(self._difference, *closures)
        return {"record": {**_line(record), "kept": len(closures) == len(found), "diff": diff}}

    def _closure(self, record: Recorded, name: str) -> Closure | None:
        """The document that a record names so; None where it names none, or it is not kept."""
        digest = record.values.get(name)
        data = self._ledger.document(digest) if isinstance(digest, str) and digest else None
        if data is None:
            return None
        return read_members(str(record.values.get("ticket", "")), data, f"document {name} of change {record.number}")

    def _difference(self, before: Closure, delivered: Closure) -> list[dict[str, Any]]:
        concealer = Concealer(self._secrets, Source.of_closure(before), Source.of_closure(delivered))
        return concealer.changes(closure_changes(before, delivered))


def _line(record: Recorded) -> dict[str, Any]:
    """A record as a line of the history."""
    told: Mapping[str, Any] = {name: value for name, value in record.values.items() if name not in _UNTOLD}
    return {"number": record.number, "name": record.name, "time": record.time_ns, **told}
