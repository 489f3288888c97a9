"""The closure of a ticket: all configuration that depends on it, and nothing else.

Rules of this file:
- It starts from every rsc_ticket constraint that names the ticket and takes what they refer to, whole.
- A template that a member is made from comes along; a set or operation list that a member refers to by id-ref from
  outside the closure is written out in it, so that no other resource has to travel.
- A constraint or tag comes along when everything it refers to is inside. When only a part is, it is a Boundary.
- Cluster options, nodes, defaults, ACLs, alerts and fencing topology never do, nor the tags that record ownership.
- Every member depends on the ticket. Where its constraints name a part of a collection only, the other parts may not:
  they are told apart as `independent`, for a warning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.inline import write_out_references
from qmfagent.cib.closure.membership import Boundary, Membership, membership
from qmfagent.cib.ownership import is_ownership_tag, tag_element, was_replicated
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError, UnknownTicket


@dataclass(frozen=True)
class Closure:
    """What depends on `ticket`: canonical lines of its members by id, in the order of SECTIONS and then of the document.

    `boundaries` were left out; `independent` primitives came along as parts of a collection, yet run without the ticket.
    """

    ticket: str
    sections: Mapping[str, Mapping[str, bytes]]
    boundaries: tuple[Boundary, ...] = ()
    independent: tuple[str, ...] = ()

    @cached_property
    def lines(self) -> dict[str, bytes]:
        """The members' canonical lines by id."""
        return {**self.sections["resources"], **self.sections["constraints"], **self.sections["tags"]}

    @cached_property
    def document(self) -> etree._Element:
        """The closure as an element, one line feed between members. Nobody may edit it."""
        return etree.fromstring(self.canonical, etree.XMLParser(resolve_entities=False, no_network=True))

    @cached_property
    def canonical(self) -> bytes:
        """The closure as a CIB document, one member a line, sorted by id: equal bytes mean equal closures."""
        parts = [b"<cib><configuration>"]
        for section in document.SECTIONS:
            members = self.sections.get(section, {})
            parts.append(f"<{section}>".encode())
            parts.extend(members[identifier] for identifier in sorted(members))
            parts.append(f"</{section}>".encode())
        parts.append(b"</configuration></cib>\n")
        return b"\n".join(parts)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `canonical`, hexadecimal."""
        return hashlib.sha256(self.canonical).hexdigest()

    @cached_property
    def ids(self) -> frozenset[str]:
        """The id of every element in the closure, at whatever depth."""
        return frozenset(str(e.get("id")) for e in document.named(self.document))

    def renewed(self, lines: Mapping[str, bytes]) -> Closure:
        """The closure with other lines for some members; lines of members that it has not are passed over."""
        sections = {
            section: {**members, **{i: lines[i] for i in ours}} if (ours := lines.keys() & members.keys()) else members
            for section, members in self.sections.items()
        }
        return replace(self, sections=sections)

    def as_cib(self, validate_with: str) -> bytes:
        """The closure inside an otherwise empty CIB that Pacemaker's tools take, indented."""
        source = document.parse_element(self.canonical)
        cib = etree.Element("cib", {"validate-with": validate_with} if validate_with else {})
        cib.attrib.update({"admin_epoch": "0", "epoch": "0", "num_updates": "0"})
        configuration = etree.SubElement(cib, "configuration")
        for name in ("crm_config", "nodes", *document.SECTIONS):
            found = source.find(f"configuration/{name}")
            if name != "tags" or (found is not None and len(found)):
                configuration.append(etree.Element(name) if found is None else found)
        etree.SubElement(cib, "status")
        return document.pretty(cib)


def closure(snapshot: Snapshot, ticket: str) -> Closure:
    """The closure of `ticket` in `snapshot`; empty where the ticket was replicated before and no constraint names it now.

    Raises UnknownTicket where nothing has ever named it, and CibError where its constraints or the members refer to
    what does not exist.
    """
    kept = snapshot.closures.get(ticket)
    if isinstance(kept, Closure):
        return kept
    tickets = snapshot.references.tickets
    if ticket not in tickets and not was_replicated(snapshot, ticket):
        known = ", ".join(tickets) or "none"
        raise UnknownTicket(f"no rsc_ticket constraint names ticket {ticket!r}", hint=f"tickets named here: {known}")
    found = membership(snapshot, ticket)
    sections = _written_out(snapshot, found) if snapshot.references.borrowing else _picked(snapshot, found)
    result = Closure(ticket, sections, found.boundaries, found.independent)
    snapshot.closures[ticket] = result
    return result


def from_document(ticket: str, data: bytes, name: str = "the publication") -> Closure:
    """Read a closure from a CIB document that holds nothing else, and check that it is one.

    Raises CibError where it holds configuration of another kind, an ownership tag, or a resource that would not depend
    on the ticket.
    """
    snapshot = Snapshot.parse(data, name)
    check_shape(snapshot, name)
    lines = iter(snapshot.lines.items())
    given = {section: dict(islice(lines, len(snapshot.section(section)))) for section in document.SECTIONS}
    if not any(given.values()):
        return Closure(ticket, given)
    try:
        found = closure(snapshot, ticket)
    except UnknownTicket as error:
        raise CibError(f"{name} is no closure of ticket {ticket!r}: {error.message}") from None
    surplus = [identifier for identifier in snapshot.lines if identifier not in found.lines]
    if surplus:
        raise CibError(
            f"{name} holds {', '.join(surplus[:5])}, which would not depend on ticket {ticket!r}",
            hint="everything that is replicated has to depend on its ticket",
        )
    if any(found.lines[i] != line for i, line in snapshot.lines.items()):
        raise CibError(f"{name} refers to what it does not hold")
    return Closure(ticket, given, independent=found.independent)


def check_shape(snapshot: Snapshot, name: str) -> None:
    """Raises CibError where a document has other sections, or other members in them, than a closure."""
    sections = [str(section.tag) for section in snapshot.configuration.iterchildren("*")]
    for section in sections:
        tags = {str(member.tag) for member in snapshot.section(section)}
        strange = tags - document.MEMBER_TAGS.get(section, frozenset())
        if strange:
            raise CibError(f"{name} holds {min(strange)} in {section}, which never belongs to a ticket")
    if len(set(sections)) < len(sections):
        raise CibError(f"{name} has a section twice")
    if len(snapshot.members) < sum(len(snapshot.section(section)) for section in sections):
        raise CibError(f"{name} has a member without an id, or two with the same id")
    records = [identifier for identifier in snapshot.members if is_ownership_tag(identifier)]
    if records:
        raise CibError(f"{name} holds {records[0]}, an id that is kept for the record of what is owned")


def _picked(snapshot: Snapshot, found: Membership) -> dict[str, dict[str, bytes]]:
    lines = snapshot.lines
    return {
        "resources": {i: lines[i] for i in found.resources},
        "constraints": {i: lines[i] for i in found.constraints},
        "tags": {i: _tag_line(snapshot, i, ends) for i, ends in found.tags.items()},
    }


def _written_out(snapshot: Snapshot, found: Membership) -> dict[str, dict[str, bytes]]:
    members = snapshot.members
    sections = {"resources": found.resources, "constraints": found.constraints}
    lines = write_out_references(snapshot, {s: [members[i] for i in ids] for s, ids in sections.items()})
    return {**lines, "tags": {i: _tag_line(snapshot, i, ends) for i, ends in found.tags.items()}}


def _tag_line(snapshot: Snapshot, identifier: str, ends: tuple[str, ...]) -> bytes:
    """The tag's own line where it refers to just these ids; else a tag without the others."""
    whole = ends == snapshot.references.tags[identifier]
    return snapshot.lines[identifier] if whole else tag_element(identifier, ends)
