"""Drift: how what is owned for a ticket differs from what was delivered.

Rules of this file: pure. What is the same to the byte is not looked into, so that the cost is that of comparing lines. A
member that was taken out of the ownership tag and still exists is no longer owned, and is its administrator's own business;
one that is gone has drifted, wherever the tag stands. The order of what Pacemaker takes as a set is no drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qmfagent.cib import document
from qmfagent.cib.ownership import owned_ids
from qmfagent.cib.plans.difference import Change, creation, deletion, member_changes
from qmfagent.cib.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Drift:
    """Owned members that differ from what was delivered: their canonical lines now by id, empty for one that is gone; and
    the changes that made them so."""

    members: Mapping[str, bytes]
    changes: tuple[Change, ...] = ()

    @property
    def fields(self) -> int:
        """How many fields differ: each attribute of a modified element, and each element that came, went or moved."""
        return sum(len(change.attributes) or 1 for change in self.changes)


def find_drift(snapshot: Snapshot, ticket: str, delivered: Mapping[str, bytes]) -> Drift:
    """How the members owned for `ticket` in `snapshot` differ from `delivered`, their canonical lines by id.

    Raises CibError where a line is no XML.
    """
    members: dict[str, bytes] = {}
    changes: list[Change] = []
    owned = owned_ids(snapshot, ticket)
    for identifier, now in differing_lines(snapshot, delivered).items():
        found = _explained(identifier, delivered[identifier], now) if not now or identifier in owned else []
        if found:
            members[identifier] = now
            changes += found
    return Drift(members, tuple(changes))


def differing_lines(snapshot: Snapshot, delivered: Mapping[str, bytes]) -> dict[str, bytes]:
    """The members that are not what was delivered, byte for byte, with their lines now; empty for one that is gone."""
    lines = snapshot.lines
    return {i: lines.get(i, b"") for i, line in delivered.items() if lines.get(i) != line}


def _explained(identifier: str, before: bytes, now: bytes) -> list[Change]:
    old = document.parse_element(before, f"what was delivered as {identifier}")
    path = document.member_path(old)
    if not now:
        return [deletion(old, path, identifier)]
    new = document.parse_element(now, identifier)
    changes = member_changes(old, new, path)
    if changes is None:
        parent = document.member_path(new).rpartition("/")[0]
        return [deletion(old, path, identifier), creation(new, parent, -1, identifier)]
    return changes
