"""Which of the agent's objects have changed since they were looked at last.

Rules of this file: pure. It is looked when somebody is to be told, and two states are compared, however many changes lie
between them. Few objects of a class are compared one by one; of resources and constraints only those that the difference of
the two snapshots can concern, so that the cost follows the change. What is told has really changed: its values differ. When a
ticket expires is not looked at, since booth puts that off all the time: it is told with the next change, and to whoever asks.
Replicas are not in here: they tell of themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from qmfagent.cib.plans.difference import compare_members
from qmfagent.cib.references import Constraint
from qmfagent.objects.inventory import Inventory
from qmfagent.objects.snapshot import SnapshotObjects, Values
from qmfagent.qmf.data import Data
from qmfagent.qmf.schema import Schema

_FEW = ("Site", "Ticket", "Node", "Plan")
_RENEWED = "expires"


class ChangedObjects:
    """The changes of an inventory, whose objects are of the classes of `schema`."""

    CLASSES = (*_FEW, "Resource", "Constraint")

    def __init__(self, schema: Schema, inventory: Inventory) -> None:
        self._schema = schema
        self._inventory = inventory
        self._few: dict[str, Data] | None = None
        self._many: SnapshotObjects | None = None

    def forget(self) -> None:
        """Nobody is to be told: keep nothing, and begin anew with the next look."""
        self._few = self._many = None

    def take(self, now_ns: int) -> list[Data]:
        """The objects that have changed since the last look, nothing at the first one; those that are gone are marked so."""
        before, self._few = self._few, self._now()
        earlier, self._many = self._many, self._inventory.current
        if before is None:
            return []
        changed = _compare(before, self._few, now_ns)
        if earlier is not self._many:
            changed += self._differing(earlier, self._many, now_ns)
        return changed

    def _now(self) -> dict[str, Data]:
        return {data.object_id.object_name: data for name in _FEW for data in self._inventory.objects(name)}

    def _differing(self, before: SnapshotObjects | None, after: SnapshotObjects | None, now_ns: int) -> list[Data]:
        """The resources and constraints that differ. While the CIB can't be seen there are none."""
        if before is not None and after is not None:
            resources, constraints = _concerned(before, after)
        else:
            every = [objects for objects in (before, after) if objects is not None]
            resources = {identifier for objects in every for identifier in objects.resources()}
            constraints = {identifier for objects in every for identifier in objects.constraints()}
        old, new = ({**self._resources(o, resources), **self._constraints(o, constraints)} for o in (before, after))
        return _compare(old, new, now_ns)

    def _resources(self, objects: SnapshotObjects | None, identifiers: Iterable[str]) -> dict[str, Data]:
        return {} if objects is None else self._data("Resource", {i: objects.resource(i) for i in identifiers})

    def _constraints(self, objects: SnapshotObjects | None, identifiers: Iterable[str]) -> dict[str, Data]:
        return {} if objects is None else self._data("Constraint", {i: objects.constraint(i) for i in identifiers})

    def _data(self, class_name: str, values: Mapping[str, Values | None]) -> dict[str, Data]:
        schema_class = self._schema.object_class(class_name)
        named = {f"{class_name}:{identifier}": each for identifier, each in values.items() if each is not None}
        return {name: Data.of(schema_class, name, each) for name, each in named.items()}


def _compare(before: Mapping[str, Data], after: Mapping[str, Data], now_ns: int) -> list[Data]:
    changed = [
        replace(data, update_ts=now_ns)
        for name, data in after.items()
        if name not in before or _lasting(before[name]) != _lasting(data)
    ]
    return changed + [data.deleted(now_ns) for name, data in before.items() if name not in after]


def _lasting(data: Data) -> Values:
    return {name: value for name, value in data.values.items() if name != _RENEWED}


def _concerned(before: SnapshotObjects, after: SnapshotObjects) -> tuple[set[str], set[str]]:
    """The ids of resources and constraints that the difference of two snapshots can concern."""
    members: set[str] = set()
    if not after.snapshot.same_configuration(before.snapshot):
        members.update(i for i, _, _ in compare_members(before.snapshot.lines, after.snapshot.lines))
        members.update(_keys_that_differ(before.tickets_of, after.tickets_of))
        members |= before.owned ^ after.owned
        # A pattern, or a tag, may come to name other resources without a change of the constraint itself.
        members.update(c.id for c in set(_constraints(before)) ^ set(_constraints(after)))
    tops = {*members, *_tops_in_another_state(before, after)}
    parts = {part for objects in (before, after) for part in _parts(objects, tops)}
    return parts | members, members


def _constraints(objects: SnapshotObjects) -> list[Constraint]:
    return objects.snapshot.references.constraints


def _keys_that_differ(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    return (key for key in before.keys() | after.keys() if before.get(key) != after.get(key))


def _tops_in_another_state(before: SnapshotObjects, after: SnapshotObjects) -> Iterator[str]:
    """The top-level resources with a part whose state differs: those of the collections it is in follow from that."""
    differing = set(before.unmanaged ^ after.unmanaged)
    if before.snapshot.status is not after.snapshot.status:
        differing.update(_keys_that_differ(before.states, after.states))
        differing.update(_keys_that_differ(before.under_way, after.under_way))
        differing.update(_keys_that_differ(before.fail_counts, after.fail_counts))
    for identifier in differing:
        for objects in (before, after):
            if (top := objects.snapshot.references.container.get(identifier)) is not None:
                yield top


def _parts(objects: SnapshotObjects, tops: set[str]) -> Iterator[str]:
    """The resources that are in one of these top-level resources, or are it."""
    return (part for part, top in objects.snapshot.references.container.items() if top in tops)
