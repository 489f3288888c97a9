"""What replication has delivered for a ticket, recorded inside the CIB itself.

Rules of this file: one tag per ticket refers to every member that was delivered (or, at the holder, published). It
lives in the CIB, so that it survives a failover of the agent, and Pacemaker ignores it: a tag changes nothing. Only
what a tag of its ticket refers to is ever changed or deleted by an apply.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.sax.saxutils import quoteattr

from qmfagent.cib.snapshot import Snapshot

PREFIX = "qmfagent-owned-"


def tag_id(ticket: str) -> str:
    """The id of a ticket's ownership tag: characters that an XML id can't hold are written as `_xHEX_`."""
    return PREFIX + re.sub(r"[^A-Za-z0-9.-]", lambda m: f"_x{ord(m[0]):x}_", ticket)


def is_ownership_tag(identifier: str) -> bool:
    """Whether a tag of this id is such a record."""
    return identifier.startswith(PREFIX)


def owned_ids(snapshot: Snapshot, ticket: str) -> frozenset[str]:
    """Ids of the members owned for `ticket` that still exist."""
    found = snapshot.owned.get(ticket)
    if found is None:
        recorded = snapshot.references.tags.get(tag_id(ticket), ())
        found = snapshot.owned[ticket] = frozenset(recorded).intersection(snapshot.lines)
    return found


def all_owned_ids(snapshot: Snapshot) -> frozenset[str]:
    """Ids of the members owned for any ticket."""
    return frozenset(other_owners(snapshot, ""))


def other_owners(snapshot: Snapshot, ticket: str) -> dict[str, str]:
    """For every member that is owned for another ticket than `ticket`, the id of the ownership tag that says so."""
    return {
        reference: tag
        for tag, references in snapshot.references.tags.items()
        if is_ownership_tag(tag) and tag != tag_id(ticket)
        for reference in references
    }


def was_replicated(snapshot: Snapshot, ticket: str) -> bool:
    """Whether the snapshot holds an ownership tag for `ticket`."""
    return tag_id(ticket) in snapshot.references.tags


def tag_line(ticket: str, members: Iterable[str]) -> bytes:
    """The canonical line of the ownership tag that refers to `members`; empty where there are none."""
    ordered = sorted(members)
    return tag_element(tag_id(ticket), ordered) if ordered else b""


def tag_element(identifier: str, references: Iterable[str]) -> bytes:
    """The canonical line of a tag."""
    inner = "".join(f"<obj_ref id={quoteattr(reference)}></obj_ref>" for reference in references)
    return f"<tag id={quoteattr(identifier)}>{inner}</tag>".encode()
