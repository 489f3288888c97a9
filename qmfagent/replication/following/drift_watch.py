"""Watching for drift: local edits of what was delivered, told as soon as the CIB has changed.

Rules of this file: what this site's own applies write is no drift, nor is anything at a site that holds the ticket. Whoever
changed a member last is named as its author; where that is not known for certain, nobody is. Each state of drift is told once,
and that it is gone. Nothing is compared while a write is under way, since what was delivered and what stands in the CIB belong
together only before and after it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

from qmfagent.cib.change import CibChange
from qmfagent.cib.plans.difference import Change
from qmfagent.cib.plans.drift import Drift, differing_lines, find_drift
from qmfagent.cib.plans.members import pick_members
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version
from qmfagent.errors import QmfAgentError
from qmfagent.policy.lookup import Source
from qmfagent.policy.redaction import Concealer
from qmfagent.policy.secrets import Secrets
from qmfagent.policy.told import told
from qmfagent.replication.applying.applier import Applier
from qmfagent.replication.applying.intent import CHANGES
from qmfagent.replication.following.replica import Replicas
from qmfagent.replication.following.worker import Worker
from qmfagent.replication.ports import CibStore, Ledger

FOUND, CLEARED = "drift_found", "drift_cleared"
RETRY = 30.0

_log = logging.getLogger(__name__)


class Author(NamedTuple):
    """Who changed something: a program, a user and a node; empty where that is not known."""

    client: str = ""
    user: str = ""
    origin: str = ""


class _Suspect(NamedTuple):
    """A member that differs from what was delivered: its line now (empty where it is gone), and the edit that made it so."""

    line: bytes
    author: Author
    version: Version


class DriftWatch:
    """Watches what was delivered at `site`, whose own writes have the name `client` in the CIB.

    `on_drift` is called with a ticket, whenever its members were found to differ from what was delivered.
    """

    def __init__(
        self,
        site: str,
        client: str,
        store: CibStore,
        applier: Applier,
        ledger: Ledger,
        replicas: Replicas,
        secrets: Secrets,
        on_drift: Callable[[str], object],
    ) -> None:
        self._site = site
        self._client = client
        self._store = store
        self._applier = applier
        self._ledger = ledger
        self._replicas = replicas
        self._secrets = secrets
        self._on_drift = on_drift
        self._suspects: dict[str, dict[str, _Suspect]] = {}
        self._known: dict[str, tuple[Change, ...]] = {}
        self._worker = Worker(self._look)
        self.wake = self._worker.wake
        self.run = self._worker.run

    def changed(self, change: CibChange) -> None:
        """The configuration or a ticket has changed: have those tickets looked at whose members are concerned."""
        for ticket in self._ledger.standings():
            before = self._suspects.get(ticket)
            differing = differing_lines(change.snapshot, self._applier.measured(ticket, change.snapshot))
            if before is not None and differing == {identifier: suspect.line for identifier, suspect in before.items()}:
                if self._worker.sleeps(ticket):
                    self.wake(ticket)
                continue
            author, known = self._author(ticket, change), before or {}
            self._suspects[ticket] = {
                identifier: known[identifier]
                if identifier in known and known[identifier].line == line
                else _Suspect(line, author, change.snapshot.version)
                for identifier, line in differing.items()
            }
            self.wake(ticket)

    def _author(self, ticket: str, change: CibChange) -> Author:
        """Who made a change. What was missed is explained by the CIB's last write, where that was the only one since ours."""
        if change.client or change.patchset is not None:
            return Author(change.client, change.user, change.origin)
        head, version = change.snapshot.head, change.snapshot.version
        last = self._ledger.of_ticket(ticket, CHANGES, 1)
        ours = Version.parse(str(last[0].values["version"])) if last else None
        alone = ours is not None and (version.admin_epoch, version.epoch) == (ours.admin_epoch, ours.epoch + 1)
        if not alone or head.get("update-client", "") == self._client:
            return Author()
        return Author(*(head.get(f"update-{name}", "") for name in Author._fields))

    async def _look(self, ticket: str, _: str) -> None:
        try:
            async with self._applier.quiet:
                snapshot = await self._store.snapshot()
                delivered = self._applier.measured(ticket, snapshot)
            drift = find_drift(snapshot, ticket, delivered)
            self._tell(ticket, drift, delivered, snapshot)
        except QmfAgentError as error:
            _log.warning("ticket %s can't be looked at for drift: %s", ticket, error)
            self._worker.wake_later(RETRY, ticket)
        except Exception:
            # A fault of ours with one ticket must not end the watch over the others.
            _log.exception("ticket %s can't be looked at for drift", ticket)
        else:
            if drift.members:
                self._on_drift(ticket)

    def _tell(self, ticket: str, drift: Drift, delivered: Mapping[str, bytes], snapshot: Snapshot) -> None:
        self._replicas.drifted(ticket, drift.fields)
        known = self._known.get(ticket)
        if drift.changes == known:
            return
        self._known[ticket] = drift.changes
        # What was told before the agent started is not told again.
        last = self._ledger.of_ticket(ticket, (FOUND, CLEARED), 1) if known is None else []
        earlier = last[0].values if last and last[0].name == FOUND else None
        if not drift.changes:
            if known or earlier is not None:
                self._ledger.record(CLEARED, {"site": self._site, "ticket": ticket})
            return
        sources = Source.of_snapshot(snapshot), Source.of_closure(pick_members(ticket, delivered, delivered))
        shown = {**told(drift.changes, Concealer(self._secrets, *sources)), "count": drift.fields}
        if earlier is None or {**earlier, **shown} != earlier:
            author = self._author_of(ticket, drift)
            self._ledger.record(FOUND, {"site": self._site, "ticket": ticket, **shown, **author._asdict()})

    def _author_of(self, ticket: str, drift: Drift) -> Author:
        """Who made the newest of these edits."""
        suspects = self._suspects.get(ticket, {})
        newest = max(
            (suspect for identifier, suspect in suspects.items() if identifier in drift.members),
            key=lambda suspect: suspect.version,
            default=None,
        )
        return newest.author if newest else Author()
