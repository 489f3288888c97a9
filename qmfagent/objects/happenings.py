"""What happened between two snapshots of the CIB, as events: their names and values.

Rules of this file: pure. A change of the configuration is one config_changed with all its parts, and a resource_changed
for each resource it touches; what the status did to tickets and resources follows. What booth rewrites all the time (when
a ticket expires) is not looked at, or there would be an event every few seconds. Events are bounded in number and size,
however much has changed: what is left out is counted (`truncated`), and a text that was cut ends in an ellipsis.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.change import CibChange
from qmfagent.cib.plans.difference import compare_members
from qmfagent.objects.snapshot import SnapshotObjects
from qmfagent.policy.lookup import Source
from qmfagent.policy.redaction import Concealer
from qmfagent.policy.secrets import HIDDEN, Secrets
from qmfagent.policy.told import MAX_ATTRIBUTES, MAX_CHANGES, MAX_NAME, short

Event = tuple[str, Mapping[str, Any]]


def happenings(before: SnapshotObjects, after: SnapshotObjects, change: CibChange, secrets: Secrets) -> Iterator[Event]:
    """The events that a change of the CIB gives rise to, without `secrets`."""
    old, new = before.snapshot, after.snapshot
    who = {"client": change.client, "user": change.user}
    if not new.same_configuration(old):
        changes = _parts(before, after, change, secrets)
        yield (
            "config_changed",
            {
                "site": after.site,
                "source_version": str(old.version),
                "version": str(new.version),
                "changes": changes[:MAX_CHANGES],
                "truncated": max(0, len(changes) - MAX_CHANGES),
                "origin": change.origin,
                **who,
            },
        )
        yield from _resource_events(_touched(before, after))
    if old.tickets != new.tickets:
        for name in sorted(old.tickets.keys() | new.tickets.keys()):
            if old.tickets.get(name) != new.tickets.get(name):
                kept = {key: after.ticket(name)[key] for key in ("site", "granted", "standby", "term")}
                yield "ticket_changed", {"ticket": name, **kept, **who}
    if old.status is not new.status and before.states != after.states:
        moved = [i for i in sorted(after.states) if before.states.get(i) != after.states[i]]
        gone = sorted(before.states.keys() - after.states.keys())
        yield from _resource_events([("state", after, identifier) for identifier in [*moved, *gone]])


Touched = tuple[str, SnapshotObjects, str]


def _touched(before: SnapshotObjects, after: SnapshotObjects) -> list[Touched]:
    """The top-level resources that differ: what happened to each, and where its values are to be taken from."""
    return [
        (_operation(earlier, later), after if later else before, identifier)
        for identifier, earlier, later in compare_members(before.snapshot.lines, after.snapshot.lines)
    ]


def _resource_events(touched: Iterable[Touched]) -> Iterator[Event]:
    """An event for each of the first MAX_CHANGES resources; the last of them counts the others."""
    resources = [each for each in touched if each[1].is_resource(each[2])]
    truncated = max(0, len(resources) - MAX_CHANGES)
    for number, (kind, objects, identifier) in enumerate(islice(resources, MAX_CHANGES), 1):
        values = objects.resource(identifier)
        assert values is not None
        kept = {key: values[key] for key in ("site", "id", "role", "nodes")}
        left_out = truncated if number == MAX_CHANGES else 0
        yield "resource_changed", {"change": kind, "truncated": left_out, **kept}


def _parts(
    before: SnapshotObjects, after: SnapshotObjects, change: CibChange, secrets: Secrets
) -> list[dict[str, Any]]:
    if change.patchset is None:
        differing = compare_members(before.snapshot.lines, after.snapshot.lines)
        return [{"operation": _operation(a, b), "id": i, "kind": _kind(b or a), "path": ""} for i, a, b in differing]
    concealer = Concealer(secrets, Source.of_snapshot(before.snapshot), Source.of_snapshot(after.snapshot))
    return [
        _part(each, concealer)
        for each in document.parse_element(change.patchset).iterfind("change")
        if _is_configuration(each)
    ]


def _operation(before: bytes, after: bytes) -> str:
    """What happened to a member, from its lines, empty where it was not there."""
    return "modify" if before and after else "create" if after else "delete"


def _kind(line: bytes) -> str:
    """The tag of a member, from its canonical line: there may be thousands, too many to parse."""
    return line[1:].partition(b" ")[0].decode()


def _is_configuration(change: etree._Element) -> bool:
    return change.get("path", "").startswith("/cib/configuration")


def _part(change: etree._Element, concealer: Concealer) -> dict[str, Any]:
    operation, path = change.get("operation", ""), change.get("path", "")
    named = next(change.iterchildren("*"), None) if operation == "create" else None
    last = path.rpartition("/")[2]
    part: dict[str, Any] = {
        "operation": operation,
        "kind": str(named.tag) if named is not None else last.partition("[")[0],
        "id": short(named.get("id", "") if named is not None else last.partition("@id='")[2].removesuffix("']")),
        "path": short(path),
    }
    if operation == "modify":
        entries = islice(change.iterfind("change-list/change-attr"), MAX_ATTRIBUTES)
        part["attributes"] = {
            short(name, MAX_NAME): HIDDEN if value and concealer.hides(path, name, value) else short(value)
            for name, value in ((entry.get("name", ""), entry.get("value", "")) for entry in entries)
        }
    return part
