"""The holder's record of what it publishes, in its own CIB: the ownership tag of each ticket, and nothing else.

Rules of this file: pure. A holder never applies anything, so the patchset touches those tags alone, whatever else the
configuration holds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from qmfagent.cib import document
from qmfagent.cib.ownership import tag_id, tag_line
from qmfagent.cib.plans.difference import MemberDifference, to_patchset
from qmfagent.cib.plans.edits import edits
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError


def is_recorded(snapshot: Snapshot, ticket: str, members: Collection[str]) -> bool:
    """Whether the ownership tag of `ticket` refers to just these members."""
    return set(snapshot.references.tags.get(tag_id(ticket), ())) == set(members)


def record_patchset(snapshot: Snapshot, records: Mapping[str, Collection[str]]) -> bytes:
    """The patchset (format 2) that makes the ownership tag of each ticket refer to its members, which are some.

    Raises CibError where something else bears a tag's id.
    """
    differing: list[MemberDifference] = []
    for ticket, members in records.items():
        identifier, line = tag_id(ticket), tag_line(ticket, members)
        current = snapshot.members.get(identifier)
        if current is not None and current.tag != "tag":
            raise CibError(
                f"the {current.tag!s} {identifier!r} has an id that is kept for the record of what is replicated"
            )
        differing.append((identifier, snapshot.lines.get(identifier, b""), line))
    elements = {identifier: document.parse_element(line) for identifier, _, line in differing}
    return to_patchset(edits(snapshot, differing, elements), snapshot.version)
