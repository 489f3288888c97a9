"""Making a closure self-contained: definitions that its members borrow by id-ref are written out, and taken back.

Rules of this file: a definition inside the closure stays where it is, and references to it stay references. One that
stands elsewhere (in another resource, in the defaults) is copied into every member that refers to it, under ids of that
member's own (`MEMBER.ID`): closures of different tickets may borrow the same definition, and each id must stay unique at
every site. Further references in the same member point to its copy.
Source: Pacemaker Explained, "Reusing Rules and Options" (id-ref).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    inside = {str(e.get("id")) for elements in members.values() for each in elements for e in document.named(each)}
    writer = _Writer(snapshot, inside)
    written = {
        str(element.get("id")): writer.line(element)
        for elements in members.values()
        for element in sorted(elements, key=lambda e: str(e.get("id")))
    }
    return {section: {(i := str(e.get("id"))): written[i] for e in elements} for section, elements in members.items()}


def restore_references(element: etree._Element, current: etree._Element, published: etree._Element) -> etree._Element:
    """`element`, a member as published elsewhere, with the id-refs that `current`, the same member here, has.

    `published` is `current` as this site would publish it. A site that had published a member gets it back in the form it
    had, once another site holds the ticket. Where something borrowed has changed since, all of the member stays written
    out: its references may lead to one another.
    """
    restored = deepcopy(element)
    for user, written in list(_written_here(current, published)):
        found = next((e for e in restored.iter(str(written.tag)) if _same(e, written)), None)
        parent = None if found is None else found.getparent()
        if found is None or parent is None:
            return element
        parent.replace(found, etree.Element(str(user.tag), {str(k): str(v) for k, v in user.attrib.items()}))
    lost = {e.get("id") for e in document.named(element)} - {e.get("id") for e in document.named(restored)}
    return element if any(str(reference) in lost for reference in restored.xpath(".//@id-ref")) else restored


def _written_here(
    current: etree._Element, published: etree._Element
) -> Iterator[tuple[etree._Element, etree._Element]]:
    """Every reference in `current`, with what stands in its place in `published`, where that is something else."""
    for here, there in zip(current.iterchildren("*"), published.iterchildren("*"), strict=False):
        if here.get("id-ref") is None:
            yield from _written_here(here, there)
        elif not _same(here, there):
            yield here, there


def _same(one: etree._Element, other: etree._Element) -> bool:
    return one.tag == other.tag and document.canonical(one) == document.canonical(other)


class _Writer:
    """Writes out one closure's references. `inside`: every id that the closure defines itself."""

    def __init__(self, snapshot: Snapshot, inside: set[str]) -> None:
        self._snapshot = snapshot
        self._inside = inside
        self._copies: dict[str, tuple[str, str, str]] = {}

    def line(self, member: etree._Element) -> bytes:
        """The canonical line of a member, with what it borrows from outside written out."""
        identifier = str(member.get("id"))
        if member.find(".//*[@id-ref]") is None:
            return self._snapshot.lines[identifier]
        copy = deepcopy(member)
        self._write_out(copy, identifier)
        return document.canonical(copy)

    def _write_out(self, element: etree._Element, member: str) -> None:
        for user in element.findall(".//*[@id-ref]"):
            reference = str(user.get("id-ref"))
            if reference in self._inside or reference in self._copies:
                continue
            definition = self._definition(user, reference, member)
            name = user.get("name", definition.get("name", ""))
            renamed = name if name != definition.get("name", "") else ""
            identifier = self._id(member, reference, renamed)
            parent = user.getparent()
            assert parent is not None
            if identifier in self._copies:
                parent.replace(user, etree.Element(str(user.tag), {"id-ref": identifier}))
            else:
                copy = deepcopy(definition)
                copy.tail = None
                self._rename(copy, member, renamed)
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

    def _rename(self, copy: etree._Element, member: str, name: str = "") -> None:
        """Give a copied definition and its parts ids of the member's own; a part copied before becomes a reference to it."""
        if (own := copy.get("id")) and copy.tag not in document.REFERENCE_TAGS:
            identifier = self._id(member, own, name)
            parent = copy.getparent()
            if identifier in self._copies and parent is not None:
                parent.replace(copy, etree.Element(str(copy.tag), {"id-ref": identifier}))
                return
            self._copies[identifier] = (member, own, name)
            copy.set("id", identifier)
            if name:
                copy.set("name", name)
        for part in list(copy.iterchildren("*")):
            self._rename(part, member)

    def _id(self, member: str, reference: str, name: str) -> str:
        key = (member, reference, name)
        identifier = ".".join(part for part in key if part)
        while identifier in self._snapshot.ids or self._copies.get(identifier, key) != key:
            identifier += "."
        return identifier
