"""The holder's record of what it publishes, in its own CIB: the ownership tag of each ticket, and nothing else.

Rules of this file: pure. A holder never applies anything, so the patchset touches those tags alone, whatever else the
configuration holds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.difference import Change, creation, deletion, member_changes, to_patchset
from qmfagent.cib.ownership import tag_id, tag_line
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError


def is_recorded(snapshot: Snapshot, ticket: str, members: Collection[str]) -> bool:
    """Whether the ownership tag of `ticket` refers to just these members."""
    return set(snapshot.references.tags.get(tag_id(ticket), ())) == set(members)


def record_patchset(snapshot: Snapshot, records: Mapping[str, Collection[str]]) -> bytes:
    """The patchset (format 2) that makes the ownership tag of each ticket refer to its members, which are some.

    Raises CibError where something else bears a tag's id.
    """
    edits: list[Change] = []
    deletions: list[Change] = []
    created: list[etree._Element] = []
    for ticket, members in records.items():
        tag = document.parse_element(tag_line(ticket, members))
        current = snapshot.members.get(tag_id(ticket))
        if current is None:
            created.append(tag)
            continue
        if current.tag != "tag":
            raise CibError(
                f"the {current.tag!s} {tag_id(ticket)!r} has an id that is kept for the record of what is replicated"
            )
        path = document.element_path(current)
        changes = member_changes(current, tag, path)
        if changes is None:
            deletions.append(deletion(current, path, ""))
            created.append(tag)
        else:
            edits += changes
    return to_patchset([*deletions, *edits, *_creations(snapshot, created, len(deletions))], snapshot.version)


def _creations(snapshot: Snapshot, tags: list[etree._Element], deleted: int) -> list[Change]:
    parent = snapshot.configuration.find("tags")
    if parent is not None:
        end = len(parent) - deleted
        return [creation(tag, "/cib/configuration/tags", end + n, str(tag.get("id"))) for n, tag in enumerate(tags)]
    section = etree.Element("tags")
    section.extend(tags)
    return [creation(section, "/cib/configuration", len(snapshot.configuration), "")] if tags else []
