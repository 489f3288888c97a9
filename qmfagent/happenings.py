"""What happened between two snapshots of the CIB, as events: their names and values.

Rules of this file: pure. A change of the configuration is one config_changed with all its parts, and a resource_changed
for each resource it touches; what the status did to tickets and resources follows. What booth rewrites all the time (when
a ticket expires) is not looked at, or there would be an event every few seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.change import CibChange
from qmfagent.cib.difference import compare_members
from qmfagent.objects import SnapshotObjects

Event = tuple[str, Mapping[str, Any]]

MAX_CHANGES = 200


def happenings(before: SnapshotObjects, after: SnapshotObjects, change: CibChange) -> Iterator[Event]:
    """The events that a change of the CIB gives rise to."""
    old, new = before.snapshot, after.snapshot
    who = {"client": change.client, "user": change.user}
    if old.configuration is not new.configuration and old.config_digest != new.config_digest:
        changes = _parts(before, after, change)
        yield (
            "config_changed",
            {
                "site": after.site,
                "source_version": str(old.version),
                "version": str(new.version),
                "changes": changes[:MAX_CHANGES],
                "origin": change.origin,
                **who,
            },
        )
        yield from _resource_changes(before, after)
    if old.tickets != new.tickets:
        for name in sorted(old.tickets.keys() | new.tickets.keys()):
            if old.tickets.get(name) != new.tickets.get(name):
                kept = {key: after.ticket(name)[key] for key in ("site", "granted", "standby", "term")}
                yield "ticket_changed", {"ticket": name, **kept, **who}
    if old.status is not new.status and before.states != after.states:
        for identifier in sorted(after.states.keys() | before.states.keys()):
            if before.states.get(identifier) != after.states.get(identifier) and (values := after.resource(identifier)):
                yield "resource_changed", _resource(values, "state")


def _resource_changes(before: SnapshotObjects, after: SnapshotObjects) -> Iterator[Event]:
    for identifier, earlier, later in compare_members(before.snapshot.lines, after.snapshot.lines):
        kind = "modify" if earlier and later else "create" if later else "delete"
        values = (after if later else before).resource(identifier)
        if values is not None:
            yield "resource_changed", _resource(values, kind)


def _resource(values: Mapping[str, Any], change: str) -> dict[str, Any]:
    return {"change": change, **{key: values[key] for key in ("site", "id", "role", "nodes")}}


def _parts(before: SnapshotObjects, after: SnapshotObjects, change: CibChange) -> list[dict[str, Any]]:
    if change.patchset is None:
        differing = compare_members(before.snapshot.lines, after.snapshot.lines)
        return [
            {"operation": "modify" if a and b else "create" if b else "delete", "id": i, "kind": "", "path": ""}
            for i, a, b in differing
        ]
    return [
        _part(each) for each in document.parse_element(change.patchset).iterfind("change") if _is_configuration(each)
    ]


def _is_configuration(change: etree._Element) -> bool:
    return change.get("path", "").startswith("/cib/configuration")


def _part(change: etree._Element) -> dict[str, Any]:
    operation, path = change.get("operation", ""), change.get("path", "")
    named = change[0] if operation == "create" and len(change) else None
    last = path.rpartition("/")[2]
    part: dict[str, Any] = {
        "operation": operation,
        "kind": str(named.tag) if named is not None else last.partition("[")[0],
        "id": named.get("id", "") if named is not None else last.partition("@id='")[2].removesuffix("']"),
        "path": path,
    }
    if operation == "modify":
        part["attributes"] = {e.get("name", ""): e.get("value", "") for e in change.iterfind("change-list/change-attr")}
    return part
