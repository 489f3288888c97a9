"""Making a closure self-contained: definitions that its members borrow by id-ref are written out, and taken back.

Rules of this file: a definition inside the closure stays where it is, and references to it stay references. One that
stands elsewhere (in another resource, in the defaults) is copied to every place that refers to it, under ids of that place's
own (`PLACE.ID` after the element that holds the reference, its parts `PLACE.ID.PART`): closures of different tickets may
borrow the same definition, each id must stay unique at every site, and no place may depend on which other one comes first.
Source: Pacemaker Explained, "Reusing Rules and Options" (id-ref).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError

# Definitions that borrow others in turn: how deep, and how many elements one closure may gain by it.
_MAX_NESTING = 16
_MAX_COPIES = 200_000


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
    had, once another site holds the ticket. What was borrowed and has changed since stays written out.
    """
    restored = deepcopy(element)
    for user, written in list(_written_here(current, published)):
        found = next((e for e in restored.iter(str(written.tag)) if _same(e, written)), None)
        parent = None if found is None else found.getparent()
        if found is not None and parent is not None:
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
        self._copies: set[str] = set()

    def line(self, member: etree._Element) -> bytes:
        """The canonical line of a member, with what it borrows from outside written out."""
        identifier = str(member.get("id"))
        if member.find(".//*[@id-ref]") is None:
            return self._snapshot.lines[identifier]
        copy = deepcopy(member)
        self._write_out(copy, identifier, 0)
        return document.canonical(copy)

    def _write_out(self, element: etree._Element, member: str, depth: int) -> None:
        for user in element.findall(".//*[@id-ref]"):
            reference = str(user.get("id-ref"))
            # What stood in one that was written out has gone with it.
            if reference in self._inside or element not in user.iterancestors():
                continue
            definition = self._definition(user, reference, member)
            if depth > _MAX_NESTING or len(self._copies) > _MAX_COPIES:
                raise CibError(
                    f"{member}: {user.tag!s} refers to {reference!r}, which borrows in a circle or without end"
                )
            name = user.get("name", definition.get("name", ""))
            renamed = name if name != definition.get("name", "") else ""
            place = next(str(e.get("id")) for e in user.iterancestors() if e.get("id"))
            parent = user.getparent()
            assert parent is not None
            copy = deepcopy(definition)
            copy.tail = None
            self._rename(copy, self._id(place, reference, renamed))
            if renamed:
                copy.set("name", renamed)
            parent.replace(user, copy)
            self._write_out(copy, member, depth + 1)

    def _definition(self, user: etree._Element, reference: str, member: str) -> etree._Element:
        definition = self._snapshot.ids.get(reference)
        if definition is None:
            raise CibError(
                f"{member}: {user.tag!s} refers to {reference!r}, which does not exist", hint="correct its id-ref"
            )
        if definition.tag != user.tag:
            raise CibError(f"{member}: {user.tag!s} refers to {reference!r}, which is a {definition.tag!s}")
        return definition

    def _rename(self, copy: etree._Element, identifier: str) -> None:
        """Give a copied definition the id and its parts ids below it."""
        for part in list(document.named(copy)):
            part.set("id", identifier if part is copy else self._id(identifier, str(part.get("id"))))

    def _id(self, *parts: str) -> str:
        identifier = ".".join(part for part in parts if part)
        while identifier in self._snapshot.ids or identifier in self._copies:
            identifier += "."
        self._copies.add(identifier)
        return identifier
