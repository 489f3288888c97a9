"""Reading the facts from the parts of the agent that have them.

Rules of this file: nothing is counted here that is known elsewhere, and nothing is read that costs more with the size of the
configuration: no closure, no object of a resource. What tickets there are other sites tell too, so their number is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from qmfagent.bus.load import BusLoad
from qmfagent.cib.ticket import TicketState
from qmfagent.cib.version import Version
from qmfagent.errors import JournalError
from qmfagent.journal.store import Journal
from qmfagent.objects.inventory import Inventory
from qmfagent.replication.drill import LastDrill
from qmfagent.replication.following.replica import TO, Replica, Replicas
from qmfagent.replication.ports import Ledger
from qmfagent.replication.standing import Standing
from qmfagent.telemetry.facts import Facts, JournalFacts, ReplicaFacts, TicketFacts
from qmfagent.telemetry.lag import MAX_PUBLICATIONS, Lag, lag

MAX_TICKETS = 1000
"""Tickets that are told of; each is a number of time series."""

PUBLISHED = "published"
"""The event that a publication is."""


class LoadedBus(Protocol):
    """What carries the agent's messages."""

    @property
    def load(self) -> BusLoad:
        """What it has to do now."""


class Reader:
    """Reads the facts of one agent."""

    def __init__(
        self,
        *,
        inventory: Inventory,
        version: Callable[[], Version | None],
        replicas: Replicas,
        standing: Callable[[str], Standing],
        drilled: Callable[[str], LastDrill],
        peers: Callable[[], Iterable[dict[str, Any]]],
        bus: LoadedBus,
        journal: Callable[[], Journal],
        lasting: bool,
        ledger: Ledger,
        now_ns: Callable[[], int],
    ) -> None:
        """`version` is the one that the CIB was seen at last, `standing` where the site stands with a ticket, `drilled` its
        last drill, `peers` the other sites as the Site object lists them, `journal` the one that events go to now; `lasting`
        says that it is to be in a file. `now_ns` gives nanoseconds since the epoch."""
        self._inventory = inventory
        self._version = version
        self._replicas = replicas
        self._standing = standing
        self._drilled = drilled
        self._peers = peers
        self._bus = bus
        self._journal = journal
        self._lasting = lasting
        self._ledger = ledger
        self._now_ns = now_ns

    def read(self) -> Facts:
        """The facts as they are now. It does not wait for anything, and belongs to the event loop's thread."""
        inventory, last = self._inventory, self._inventory.last
        replicas = list(self._replicas)
        known = sorted({*(last.tickets() if last else ()), *(replica.ticket for replica in replicas)})
        told = known[:MAX_TICKETS]
        journal = self._journal()
        return Facts(
            site=inventory.site,
            connected=inventory.connected,
            version=self._version(),
            resources=len(last.snapshot.references.resources) if last else 0,
            config_changes=inventory.config_changes,
            tickets=tuple(self._ticket(name) for name in told),
            left_out=len(known) - len(told),
            replicas=tuple(self._of_replicas(replicas, frozenset(told))),
            peers=tuple((str(peer["site"]), bool(peer["connected"])) for peer in self._peers()),
            bus=self._bus.load,
            journal=JournalFacts(
                size=journal.size,
                entries=journal.last - journal.first + 1,
                last=journal.last,
                failed=self._lasting and journal.path is None,
            ),
        )

    def problem(self) -> str:
        """Why the agent can't do its work now, in words; empty where it can."""
        if not self._inventory.connected:
            return "the CIB can't be read now"
        return self._bus.load.problem

    def _ticket(self, name: str) -> TicketFacts:
        current = self._inventory.current
        state = current.snapshot.tickets.get(name, TicketState(name)) if current else None
        standing, drilled = self._standing(name), self._drilled(name)
        return TicketFacts(
            name=name,
            granted=state.granted if state else None,
            standby=state.standby if state else None,
            paused=standing.paused,
            pinned=bool(standing.pinned),
            drilled_at=drilled.at,
            drill_ok=drilled.ok,
            drill_failures=drilled.failures,
        )

    def _of_replicas(self, replicas: Iterable[Replica], tickets: frozenset[str]) -> Iterable[ReplicaFacts]:
        published: dict[str, list[tuple[str, int]]] = {}
        for replica in replicas:
            if replica.ticket not in tickets:
                continue
            if replica.direction != TO:
                yield ReplicaFacts(replica, None)
            elif replica.applied == replica.published:
                yield ReplicaFacts(replica, Lag())
            else:
                if replica.ticket not in published:
                    published[replica.ticket] = self._published(replica.ticket)
                yield ReplicaFacts(replica, lag(published[replica.ticket], replica.applied, self._now_ns()))

    def _published(self, ticket: str) -> list[tuple[str, int]]:
        """Digests and times of the ticket's newest publications, newest first; none where the journal can't be read."""
        try:
            records = self._ledger.of_ticket(ticket, (PUBLISHED,), MAX_PUBLICATIONS)
        except JournalError:
            return []
        return [(str(record.values["digest"]), record.time_ns) for record in records]
