"""From members that differ to the changes of one patchset.

Rules of this file: it decides nothing: whatever differs is carried over. What can't be edited in place is replaced, and what is
created stands at the end of its section.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lxml import etree

from qmfagent.cib import document, patch
from qmfagent.cib.plans import difference
from qmfagent.cib.plans.difference import Change, MemberDifference
from qmfagent.cib.snapshot import Snapshot


def edits(
    target: Snapshot,
    differing: Iterable[MemberDifference],
    elements: Mapping[str, etree._Element],
    *,
    exact: bool = False,
) -> list[Change]:
    """The changes that give `target` the members that differ, as `elements` has them by id; one without a line before is
    created, one without a line after deleted.

    With `exact` they have their lines to the byte then, also where Pacemaker does not care for an order.
    """
    deletions, modifications, created = [], [], []
    for identifier, before, after in differing:
        if not before:
            if identifier not in target.members:
                created.append(elements[identifier])
            continue
        current = target.members[identifier]
        path = document.element_path(current)
        edit = difference.member_changes(current, elements[identifier], path) if after else None
        if edit is not None and exact and _edited(current, edit, path) != after:
            edit = None
        if edit is None:
            deletions.append(difference.deletion(current, path, identifier))
            if after:
                created.append(elements[identifier])
        else:
            modifications += edit
    return [*deletions, *modifications, *_creations(target, deletions, created)]


def _edited(member: etree._Element, changes: list[Change], path: str) -> bytes:
    """The canonical line of a member after changes, in which the order of what Pacemaker takes as a set may be another."""
    element = document.parse_element(document.canonical(member))
    patch.apply_changes(element, difference.to_elements(changes), path)
    return document.canonical(element)


def _creations(target: Snapshot, deletions: list[Change], created: list[etree._Element]) -> Iterable[Change]:
    for section in document.SECTIONS:
        members = [e for e in created if document.section_of(e) == section]
        parent = target.configuration.find(section)
        if members and parent is None:
            element = etree.Element(section)
            element.extend(members)
            only = str(element[0].get("id")) if len(element) == 1 else ""
            yield difference.creation(element, "/cib/configuration", len(target.configuration), only)
        elif members and parent is not None:
            path = f"/cib/configuration/{section}"
            kept = len(parent) - sum(d.path.startswith(path + "/") for d in deletions)
            for offset, element in enumerate(members):
                yield difference.creation(element, path, kept + offset, str(element.get("id")))
