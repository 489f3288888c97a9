"""Making a closure self-contained: definitions that its members borrow by id-ref are written out, and taken back.

Rules of this file: a definition inside the closure stays where it is, and references to it stay references. One that
stands elsewhere (in another resource, in the defaults) is copied to the first member, by id, that refers to it, with its own
id; later places keep their references. So the id stays unique, every reference has its target, and the same members give the
same lines in whatever order the document has them.
Source: Pacemaker Explained, "Reusing Rules and Options" (id-ref).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError


def write_out_references(
    snapshot: Snapshot, members: Mapping[str, Sequence[etree._Element]]
) -> dict[str, dict[str, bytes]]:
    """The canonical lines of `members` by section and id, every id-ref resolved inside them.

    Raises CibError where an id-ref names nothing, or something of another kind.
    """
    writer = _Writer(
        snapshot, {str(e.get("id")) for elements in members.values() for each in elements for e in document.named(each)}
    )
    written = {
        str(element.get("id")): writer.line(element)
        for elements in members.values()
        for element in sorted(elements, key=lambda e: str(e.get("id")))
    }
    return {section: {(i := str(e.get("id"))): written[i] for e in elements} for section, elements in members.items()}


def restore_references(element: etree._Element, current: etree._Element, lent: Mapping[str, bytes]) -> None:
    """Put an id-ref into `element`, a member as published, where `current`, the same member here, borrows that definition.

    `lent` holds the canonical definitions that this site would itself write out when it published, by id: a site that
    had published a member gets it back in the form it had, once another site holds the ticket.
    """
    for user in current.iterfind(".//*[@id-ref]"):
        reference = str(user.get("id-ref"))
        written = next((e for e in element.iter(str(user.tag)) if e.get("id") == reference), None)
        if written is not None and lent.get(reference) == document.canonical(written):
            parent = written.getparent()
            assert parent is not None
            parent.replace(written, etree.Element(str(user.tag), {str(k): str(v) for k, v in user.attrib.items()}))


class _Writer:
    """Writes out one closure's references. `defined`: every id that is inside the closure by now."""

    def __init__(self, snapshot: Snapshot, defined: set[str]) -> None:
        self._snapshot = snapshot
        self._defined = defined
        self._renamed: dict[str, str] = {}

    def line(self, member: etree._Element) -> bytes:
        """The canonical line of a member, with what it borrows from outside written out."""
        if member.find(".//*[@id-ref]") is None:
            return self._snapshot.lines[str(member.get("id"))]
        copy = deepcopy(member)
        self._write_out(copy, str(member.get("id")))
        return document.canonical(copy)

    def _write_out(self, element: etree._Element, member: str) -> None:
        for user in element.findall(".//*[@id-ref]"):
            reference = str(user.get("id-ref"))
            if reference in self._defined:
                if reference in self._renamed and not user.get("name"):
                    user.set("name", self._renamed[reference])
                continue
            copy = deepcopy(self._definition(user, reference, member))
            copy.tail = None
            self._refer_back(copy)
            name, own_name = user.get("name"), copy.get("name")
            if name and own_name and name != own_name:
                self._renamed[reference] = own_name
                copy.set("name", name)
            self._defined.update(str(e.get("id")) for e in document.named(copy))
            parent = user.getparent()
            assert parent is not None
            parent.replace(user, copy)
            self._write_out(copy, member)

    def _definition(self, user: etree._Element, reference: str, member: str) -> etree._Element:
        definition = self._snapshot.ids.get(reference)
        if definition is None:
            raise CibError(
                f"{member}: {user.tag!s} refers to {reference!r}, which does not exist", hint="correct its id-ref"
            )
        if definition.tag != user.tag:
            raise CibError(f"{member}: {user.tag!s} refers to {reference!r}, which is a {definition.tag!s}")
        return definition

    def _refer_back(self, copy: etree._Element) -> None:
        """Turn parts of a definition that another place has brought inside already into references to it."""
        for part in list(copy.iterchildren("*")):
            identifier = str(part.get("id"))
            if part.tag not in document.REFERENCE_TAGS and identifier in self._defined:
                reference = etree.Element(str(part.tag), {"id-ref": identifier})
                if identifier in self._renamed:
                    reference.set("name", self._renamed[identifier])
                copy.replace(part, reference)
            else:
                self._refer_back(part)
