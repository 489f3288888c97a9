"""One write to the CIB: announced before, told of after, and settled after a crash.

Rules of this file: who holds the ticket, what was taken already and the configuration are looked at again before every write.
What is to be written is recorded before it, and what came of it after it; a record of the first kind that nothing follows is
settled by what the CIB shows. Writes follow one another.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakSet

from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.plans.members import read_members
from qmfagent.cib.plans.since import changed_since
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version
from qmfagent.errors import CibError, ConfigurationChanged, QmfAgentError, Refused, WriteRejected
from qmfagent.replication.applying.intent import APPLY_FAILED, APPLYING, OUTCOMES, Intent
from qmfagent.replication.applying.plans import Prepared, Source
from qmfagent.replication.applying.recovery import was_written
from qmfagent.replication.holders import Holders
from qmfagent.replication.order import check_grant, check_order
from qmfagent.replication.ports import CibStore, Ledger, Recorded
from qmfagent.replication.reasons import INTERRUPTED, message_of, reason_of
from qmfagent.replication.standings import Standings
from qmfagent.trace import current_trace, span

RECOVERY = "recovery"
"""Who settles what was left unfinished."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did: the number of changes written, the CIB's version afterwards, and, as `change`, the number that the
    journal has it under. `cause` is what the plan was for."""

    ticket: str
    publisher: str
    digest: str
    changes: int
    version: Version
    cause: str
    change: int


class Writer:
    """Writes what was planned for `site`, and keeps the record of it."""

    def __init__(self, site: str, store: CibStore, ledger: Ledger, holders: Holders, standings: Standings) -> None:
        self._site = site
        self._store = store
        self._ledger = ledger
        self._holders = holders
        self._standings = standings
        self.writing = asyncio.Lock()
        self._recovered = False
        self._announced: WeakSet[QmfAgentError] = WeakSet()

    async def write(self, prepared: Prepared, by: str) -> Applied:
        """Carry out a plan without errors, for `by`. A failure of the write itself is announced here, but for
        ConfigurationChanged: who planned may plan again and have done with it.

        Raises Refused (holder, split, no-holder, holder-changed, stale), BusError where a site can't be asked, and
        ClusterError, above all ConfigurationChanged.
        """
        async with self.writing:
            if not self._recovered:
                self._recover(await self._store.snapshot())
            await self._check(prepared)
            intent = self._intent(prepared, by)
            self._ledger.record(
                APPLYING,
                self._told(intent.to_values()),
                documents=self._unkept(prepared.before, prepared.delivered),
                standing=self._standings.get(intent.ticket),
            )
            try:
                with span("write"):
                    version = await self._written(prepared)
            except ConfigurationChanged:
                raise
            except QmfAgentError as error:
                self.failed(intent.ticket, prepared.source, error, by)
                self._announced.add(error)
                raise
            number = self._done(intent, version)
            self._standings.remember(prepared.delivered)
        return Applied(intent.ticket, intent.publisher, intent.digest, intent.count, version, intent.cause, number)

    def failed(self, ticket: str, source: Source, error: QmfAgentError, by: str) -> None:
        """Announce that `ticket` was not applied, unless that was done for this very error."""
        if error in self._announced:
            return
        self._fail(ticket, source, reason_of(error), message_of(error), by)

    async def recover(self, snapshot: Snapshot) -> None:
        """Settle every write that was announced and never told of again, by what `snapshot` shows. At the latest that is done
        before the first write."""
        async with self.writing:
            self._recover(snapshot)

    def _recover(self, snapshot: Snapshot) -> None:
        for ticket in sorted(self._ledger.standings()):
            newest = self._ledger.of_ticket(ticket, (APPLYING, *OUTCOMES), 1)
            if newest and newest[0].name == APPLYING:
                self._settle(newest[0], snapshot)
        self._recovered = True

    # -- before the write

    async def _check(self, prepared: Prepared) -> None:
        plan, publication = prepared.plan, prepared.publication
        try:
            claim = await self._holders.check(plan.ticket, publication.site if publication else "")
            if publication and claim:
                check_grant(claim, publication)
            if publication:
                check_order(self._standings.get(plan.ticket), publication)
        except Refused as refused:
            since = changed_since(prepared.base, await self._store.snapshot())
            if not since:
                raise
            raise Refused(refused.reason, f"{refused.message}; {since}", hint=refused.hint) from None
        snapshot = await self._store.snapshot()
        if snapshot.config_digest != plan.base_digest:
            raise _changed(prepared, snapshot)

    def _intent(self, prepared: Prepared, by: str) -> Intent:
        plan, delivered = prepared.plan, prepared.delivered.digest
        return Intent(
            ticket=plan.ticket,
            cause=prepared.cause,
            publisher=prepared.source.site,
            digest=prepared.source.digest,
            before=prepared.before.digest,
            delivered=delivered,
            adopted=plan.adopted,
            count=len(plan.changes),
            undone=prepared.change,
            standing=self._standings.after(prepared),
            by=by,
        )

    def _unkept(self, *documents: Closure) -> list[bytes]:
        """Those that the ledger does not have as what was delivered last."""
        last = self._standings.get(documents[0].ticket).delivered
        return [each.canonical for each in documents if each.digest != last]

    # -- the write

    async def _written(self, prepared: Prepared) -> Version:
        """Write; the version that the CIB has then."""
        plan = prepared.plan
        try:
            return await self._store.apply(plan.patchset, plan.base_digest)
        except ConfigurationChanged:
            raise _changed(prepared, await self._store.snapshot()) from None
        except WriteRejected:
            raise
        except QmfAgentError as error:
            # The answer may have been lost, and not the write.
            try:
                snapshot = await self._store.snapshot()
            except QmfAgentError:
                raise error from None
            if was_written(snapshot, plan.ticket, prepared.before.lines, plan.adopted, prepared.delivered.lines):
                return snapshot.version
            raise

    # -- after the write

    def _done(self, intent: Intent, version: Version) -> int:
        values = {**intent.done_values(), "version": str(version)}
        standing = intent.stands(self._standings.get(intent.ticket))
        return self._ledger.record(intent.outcome, self._told(values), standing=standing)

    def _fail(self, ticket: str, source: Source, reason: str, message: str, by: str) -> None:
        values = {"ticket": ticket, "publisher": source.site, "digest": source.digest}
        self._ledger.record(APPLY_FAILED, self._told({**values, "reason": reason, "message": message, "by": by}))

    def _told(self, values: dict[str, Any]) -> dict[str, Any]:
        return {"site": self._site, **values, "trace": current_trace()}

    def _settle(self, record: Recorded, snapshot: Snapshot) -> None:
        intent = Intent.from_values(record.values)
        _log.warning("the agent stopped while change %d was written; looking whether it was", record.number)
        try:
            written = self._was_written(intent, snapshot)
        except CibError as error:
            _log.error("what change %d was to write can't be read: %s", record.number, error)
            written = False
        if written:
            self._done(replace(intent, by=RECOVERY), snapshot.version)
        else:
            message = "the agent stopped while this was written, and nothing of it is in the CIB"
            self._fail(intent.ticket, Source(intent.publisher, intent.digest), INTERRUPTED, message, RECOVERY)

    def _was_written(self, intent: Intent, snapshot: Snapshot) -> bool:
        documents = [self._ledger.document(digest) for digest in (intent.before, intent.delivered)]
        before, delivered = (
            read_members(intent.ticket, each, "a document of the journal").lines if each else {} for each in documents
        )
        return was_written(snapshot, intent.ticket, before, intent.adopted, delivered)


def _changed(prepared: Prepared, snapshot: Snapshot) -> ConfigurationChanged:
    since = changed_since(prepared.base, snapshot)
    what = since or "since the plan, beside resources, constraints and tags"
    return ConfigurationChanged(f"the configuration has changed {what}", hint="plan again")
