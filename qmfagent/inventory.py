"""The agent's QMF objects: where the protocol finds what a query asks for.

Rules of this file: names are stable, `Class:name` for the life of what they stand for, whichever agent process tells of
it. Objects of the CIB come from the newest snapshot; while the cluster can't be seen there are none of them but the Site.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from qmfagent.cib.snapshot import Snapshot
from qmfagent.objects import NANOSECONDS, SnapshotObjects, Values
from qmfagent.qmf.data import Data
from qmfagent.qmf.schema import Schema
from qmfagent.replication.replica import Replica, Replicas


class Inventory:
    """Objects of `site`. `source` names where its CIB is read, `mode` gives a ticket's mode, `peers` the Site's peers."""

    def __init__(
        self,
        schema: Schema,
        site: str,
        source: str,
        replicas: Replicas,
        mode: Callable[[str], str],
        peers: Callable[[], list[dict[str, Any]]],
    ) -> None:
        self._schema = schema
        self.site = site
        self._source = source
        self._replicas = replicas
        self._mode = mode
        self._peers = peers
        self.current: SnapshotObjects | None = None
        self.config_changes = 0
        self.connected = False

    def renew(self, snapshot: Snapshot) -> SnapshotObjects:
        """Take over a newer snapshot; the objects made from it."""
        self.current = SnapshotObjects(self.site, snapshot, self._mode)
        self.connected = True
        return self.current

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
        return self._data("Replica", f"{replica.ticket}:{replica.remote}", self._replica_values(replica))

    def _data(self, class_name: str, name: str, values: Values) -> Data:
        return Data.of(self._schema.object_class(class_name), f"{class_name}:{name}", values)

    def _names(self, class_name: str) -> Iterable[str]:
        if class_name == "Site":
            return [self.site]
        if class_name == "Replica":
            return [f"{replica.ticket}:{replica.remote}" for replica in self._replicas]
        current = self.current
        if current is None:
            return []
        return {
            "Ticket": self._tickets,
            "Resource": current.resources,
            "Node": current.nodes,
            "Constraint": current.constraints,
        }[class_name]()

    def _values(self, class_name: str, name: str) -> Values | None:
        if class_name == "Site":
            return self._site_values() if name == self.site else None
        if class_name == "Replica":
            found = [r for r in self._replicas if f"{r.ticket}:{r.remote}" == name]
            return self._replica_values(found[0]) if found else None
        current = self.current
        if current is None:
            return None
        if class_name == "Ticket":
            return current.ticket(name) if name in self._tickets() else None
        lookups = {
            "Resource": current.resource,
            "Node": current.node,
            "Constraint": current.constraint,
        }
        return lookups[class_name](name) if class_name in lookups else None

    def _tickets(self) -> list[str]:
        """The tickets that this site knows, or that another site has told of."""
        known = self.current.tickets() if self.current else ()
        return sorted({*known, *(replica.ticket for replica in self._replicas)})

    def _site_values(self) -> Values:
        snapshot = self.current.snapshot if self.current else None
        return {
            "name": self.site,
            "hostname": socket.gethostname(),
            "cib_version": str(snapshot.version) if snapshot else "",
            "validate_with": snapshot.validate_with if snapshot else "",
            "connected": self.connected,
            "source": self._source,
            "peers": self._peers(),
            "resources": len(snapshot.references.resources) if snapshot else 0,
            "config_changes": self.config_changes,
        }

    def _replica_values(self, replica: Replica) -> Values:
        values = asdict(replica)
        return {**values, "site": self.site, "applied_at": replica.applied_at * NANOSECONDS}
