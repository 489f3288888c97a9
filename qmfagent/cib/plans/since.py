"""What has happened to a configuration since a plan was made on it, in words.

Rules of this file: pure. Kinds, ids and names of attributes are told, never a value: what is told of a refusal is redacted
nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from qmfagent.cib import document
from qmfagent.cib.plans.difference import compare_members, member_changes
from qmfagent.cib.snapshot import Snapshot

MAX_NAMED = 10


def changed_since(base: Mapping[str, bytes], now: Snapshot) -> str:
    """The members that differ between `base` (canonical lines by id) and `now`, ten at most, and who wrote last; empty where
    none does."""
    differing = compare_members(base, now.lines)
    if not differing:
        return ""
    named = [_told(*each) for each in differing[:MAX_NAMED]]
    if len(differing) > MAX_NAMED:
        named.append(f"and {len(differing) - MAX_NAMED} more")
    return f"since the plan: {', '.join(named)}{_writer(now.head)}"


def changed_names(before: bytes, after: bytes) -> list[str]:
    """What differs between two canonical lines of one member: the attributes' names, and the elements that came or went."""
    old, new = document.parse_element(before), document.parse_element(after)
    changes = member_changes(old, new, "")
    if changes is None:
        return ["all of it"]
    names = []
    for change in changes:
        element = f"{change.kind} {change.id}".rstrip()
        attributes = "/".join(attribute.name for attribute in change.attributes)
        names.append(f"{attributes} of {element}" if attributes else f"{element} ({change.operation})")
    return names


def _told(identifier: str, before: bytes, after: bytes) -> str:
    kind = document.parse_element(after or before).tag
    if not before or not after:
        return f"{kind!s} {identifier!r} was {'deleted' if before else 'created'}"
    names = changed_names(before, after)
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"{kind!s} {identifier!r} was changed ({'; '.join(names[:MAX_NAMED]) or 'in its order'}{more})"


def _writer(head: Mapping[str, str]) -> str:
    user, client = head.get("update-user", ""), head.get("update-client", "")
    if not user and not client:
        return ""
    return f"; the last change is by {user or 'an unknown user'}" + (f" with {client}" if client else "")
