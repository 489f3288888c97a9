"""From the CIB to the agent: every change becomes objects, events and publications.

Rules of this file: it passes on, in this order; what a change means is decided elsewhere. What fails is told, and made good by
the next change: its snapshot holds everything.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from qmfagent.cib.change import CibChange, CibLost
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import Disconnected
from qmfagent.objects.happenings import happenings
from qmfagent.objects.inventory import Inventory
from qmfagent.objects.snapshot import SnapshotObjects
from qmfagent.peers.peers import Peers
from qmfagent.policy.redaction import RedactedCib
from qmfagent.policy.secret_places import agents_in
from qmfagent.policy.secrets import Secrets
from qmfagent.replication.following.drift_watch import DriftWatch
from qmfagent.replication.following.replica import Replicas
from qmfagent.replication.following.subscriber import Subscriber
from qmfagent.replication.publishing.publisher import Publisher
from qmfagent.trace import current_traceparent, fail, note, span

_log = logging.getLogger(__name__)


class WatchedStore(Protocol):
    """The store whose changes are watched; `client` is the name of its own writes in the CIB."""

    client: str

    async def snapshot(self) -> Snapshot:
        """The newest snapshot. Raises Disconnected."""

    def changes(self) -> AsyncIterator[CibChange | CibLost]:
        """Every change after the call."""


class CibWatch:
    """Works through the changes of one site's CIB."""

    def __init__(
        self,
        store: WatchedStore,
        first: Snapshot,
        *,
        inventory: Inventory,
        replicas: Replicas,
        peers: Peers,
        publisher: Publisher,
        subscriber: Subscriber,
        drift: DriftWatch,
        secrets: Secrets,
        redacted: RedactedCib,
        learn: Callable[[set[str]], object],
        asking: Callable[[Iterable[str]], Iterable[str]],
        emit: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        """`first` is a snapshot to begin with; `learn` has the metadata of agents looked up, `asking` gives the tickets whose
        ticket rules ask for any of some others, `emit` raises an event."""
        self._store = store
        self._first = first
        self._inventory = inventory
        self._replicas = replicas
        self._peers = peers
        self._publisher = publisher
        self._subscriber = subscriber
        self._drift = drift
        self._secrets = secrets
        self._redacted = redacted
        self._learn = learn
        self._asking = asking
        self._emit = emit
        self._unpublished = True

    async def begin(self) -> AsyncIterator[CibChange | CibLost]:
        """Take the CIB as it is now, since it may have changed before anybody listened; what run() is to work through."""
        changes = self._store.changes()
        try:
            self._first = await self._store.snapshot()
            self._inventory.renew(self._first)
        except Disconnected:
            self._inventory.renew(self._first)
            self._inventory.lost()
        return changes

    async def run(self, changes: AsyncIterator[CibChange | CibLost]) -> None:
        """Work through every change, until cancelled."""
        if self._inventory.connected:
            await self._take(CibChange(self._first))
        async for change in changes:
            if isinstance(change, CibLost):
                _log.warning("the CIB can't be seen any more: %s", change.reason)
                self._inventory.lost()
            else:
                await self._take(change)

    async def _take(self, change: CibChange) -> None:
        again = not self._inventory.connected
        before, after = self._inventory.renew(change.snapshot)
        concerning = again or self._unpublished or _concerns_publications(before.snapshot, after.snapshot)
        with self._traced(change) if concerning else nullcontext():
            try:
                self._tell(before, after, change)
                if again:
                    _log.info("the CIB can be seen again, at %s", change.snapshot.version)
                    self._publisher.again()
                    self._subscriber.wake_blocked()
                if concerning:
                    self._drift.changed(change)
                    self._unpublished = True
                    await self._publish(change.snapshot)
                    self._unpublished = False
            except Exception as error:
                _log.exception("CIB %s could not be worked through", change.snapshot.version)
                fail(error)

    def _traced(self, change: CibChange) -> AbstractContextManager[None]:
        """The span of a change. What the agent writes itself begins none: it came of something that has a trace."""
        if change.client == self._store.client:
            return nullcontext()
        return span("change", version=str(change.snapshot.version), client=change.client, user=change.user)

    def _tell(self, before: SnapshotObjects, after: SnapshotObjects, change: CibChange) -> None:
        """Raise the events that a change gives rise to, and wake whom they concern."""
        if before is after or before.snapshot.references is not after.snapshot.references:
            self._learn(agents_in(after.snapshot.configuration))
        self._replicas.unpublished(after.held)
        for name, values in happenings(before, after, change, self._secrets):
            self._emit(name, values)
            if name == "config_changed":
                self._inventory.config_changes += 1
                self._redacted.forget()
                self._subscriber.wake_blocked()
            if name == "ticket_changed" and self._peers.sites:
                for ticket in {values["ticket"], *self._asking([values["ticket"]])}:
                    self._subscriber.wake(ticket)

    async def _publish(self, snapshot: Snapshot) -> None:
        with span("publish") if current_traceparent() else nullcontext():
            published = await self._publisher.update(snapshot)
            note(tickets=tuple(publication.ticket for publication in published))
        for publication in published:
            self._replicas.published(publication.ticket, publication.digest, self._peers.sites)


def _concerns_publications(before: Snapshot, after: Snapshot) -> bool:
    """Whether something has changed that publications are made of."""
    return before.tickets != after.tickets or not after.same_configuration(before)
