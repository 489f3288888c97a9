"""The agent's QMF objects: where the protocol finds what a query asks for.

Rules of this file: names are stable, `Class:name` for the life of what they stand for, whichever agent process tells of
it. Objects of the CIB come from the newest snapshot. While the CIB can't be seen there are none: nobody may take for a claim
to a ticket what may be long over. The Site tells the version that was seen last.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from qmfagent import __version__
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.ticket import BoothView, TicketState, noted
from qmfagent.cib.version import Version
from qmfagent.errors import Disconnected
from qmfagent.objects.snapshot import NANOSECONDS, SnapshotObjects, Values
from qmfagent.qmf.data import Data
from qmfagent.qmf.schema import Schema
from qmfagent.replication.applying.plans import Plans, Prepared
from qmfagent.replication.following.replica import Replica, Replicas


class Inventory:
    """Objects of `site`.

    `source` names where its CIB is read, `following` tells how a ticket is followed, `peers` the Site's peers, `version` the
    version that the CIB was seen at last: it may be ahead of the newest snapshot by changes that concern no object; `events`
    what the Site tells of its events; `booth` what booth says of a ticket that is in a state.
    """

    def __init__(
        self,
        schema: Schema,
        site: str,
        source: str,
        replicas: Replicas,
        plans: Plans,
        following: Callable[[str], Values],
        peers: Callable[[], list[dict[str, Any]]],
        version: Callable[[], Version | None],
        events: Callable[[], Values],
        booth: Callable[[TicketState], BoothView] = noted,
    ) -> None:
        self._schema = schema
        self.site = site
        self._source = source
        self._replicas = replicas
        self._plans = plans
        self._following = following
        self._peers = peers
        self._version = version
        self._events = events
        self._booth = booth
        self.last: SnapshotObjects | None = None
        self.config_changes = 0
        self.connected = False

    @property
    def current(self) -> SnapshotObjects | None:
        """The objects of the newest snapshot; None while the CIB can't be seen."""
        return self.last if self.connected else None

    def renew(self, snapshot: Snapshot) -> tuple[SnapshotObjects, SnapshotObjects]:
        """Take over a newer snapshot: the objects of the last one (of this one where it is the first), and of this one."""
        renewed = SnapshotObjects(self.site, snapshot, self._following, self._booth)
        before, self.last = self.last or renewed, renewed
        self.connected = True
        return before, renewed

    def lost(self) -> None:
        """The CIB can't be seen any more."""
        self.connected = False

    def seen(self) -> SnapshotObjects:
        """The objects of the newest snapshot. Raises Disconnected while the CIB can't be seen."""
        if self.current is None:
            raise Disconnected("the CIB can't be read now", hint="is the cluster running?")
        return self.current

    def tickets(self) -> set[str]:
        """Names of the tickets that are known here, from the newest snapshot even while the CIB can't be seen."""
        return {*(self.last.tickets() if self.last else ()), *(replica.ticket for replica in self._replicas)}

    def holds(self, ticket: str) -> bool:
        """Whether this site holds a ticket, as far as it can see."""
        return self.current is not None and ticket in self.current.held

    def objects(self, class_name: str) -> Iterable[Data]:
        """All objects of a class."""
        for name in self._names(class_name):
            values = self._values(class_name, name)
            if values is not None:
                yield self._data(class_name, name, values)

    def find(self, object_name: str) -> Data | None:
        """The object of that name, or None."""
        class_name, _, name = object_name.partition(":")
        values = self._values(class_name, name)
        return None if values is None else self._data(class_name, name, values)

    def replica(self, replica: Replica) -> Data:
        """The object of a replica."""
        return self._data("Replica", replica.name, self._replica_values(replica))

    def _data(self, class_name: str, name: str, values: Values) -> Data:
        return Data.of(self._schema.object_class(class_name), f"{class_name}:{name}", values)

    def _names(self, class_name: str) -> Iterable[str]:
        if class_name == "Site":
            return [self.site]
        if class_name == "Replica":
            return [replica.name for replica in self._replicas]
        if class_name == "Plan":
            return [prepared.plan.token for prepared in self._plans]
        current = self.current
        if current is None:
            return []
        return {
            "Ticket": lambda: sorted(self.tickets()),
            "Resource": current.resources,
            "Node": current.nodes,
            "Constraint": current.constraints,
        }[class_name]()

    def _values(self, class_name: str, name: str) -> Values | None:
        if class_name == "Site":
            return self._site_values() if name == self.site else None
        if class_name == "Replica":
            ticket, _, remote = name.rpartition(":")
            found = self._replicas.find(ticket, remote)
            return self._replica_values(found) if found else None
        if class_name == "Plan":
            prepared = self._plans.find(name)
            return self._plan_values(prepared) if prepared else None
        current = self.current
        if current is None:
            return None
        if class_name == "Ticket":
            known = current.knows_ticket(name) or self._replicas.of_ticket(name)
            return current.ticket(name) if known else None
        lookups = {
            "Resource": current.resource,
            "Node": current.node,
            "Constraint": current.constraint,
        }
        return lookups[class_name](name) if class_name in lookups else None

    def _site_values(self) -> Values:
        snapshot = self.last.snapshot if self.last else None
        return {
            "name": self.site,
            "hostname": socket.gethostname(),
            "version": __version__,
            "cib_version": str(self._version() or ""),
            "validate_with": snapshot.validate_with if snapshot else "",
            "connected": self.connected,
            "source": self._source,
            "peers": self._peers(),
            **self._events(),
            "resources": len(snapshot.references.resources) if snapshot else 0,
            "config_changes": self.config_changes,
        }

    def _replica_values(self, replica: Replica) -> Values:
        values = asdict(replica)
        return {**values, "site": self.site, "applied_at": replica.applied_at * NANOSECONDS}

    def _plan_values(self, prepared: Prepared) -> Values:
        plan, source = prepared.plan, prepared.source
        return {
            "token": plan.token,
            "site": self.site,
            "ticket": plan.ticket,
            "cause": prepared.cause,
            "publisher": source.site,
            "digest": source.digest,
            "changes": len(plan.changes),
            "problems": [asdict(problem) for problem in plan.problems],
            "base_version": str(plan.base_version),
        }
