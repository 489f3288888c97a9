"""Making a closure self-contained: definitions that its members borrow by id-ref are written out, and taken back.

Rules of this file: a definition inside the closure stays where it is, and references to it stay references. One that
stands elsewhere (in another resource, in the defaults) is copied to the first place that refers to it, with its id; later
places keep their references. So the id stays unique and every reference has its target.
Source: Pacemaker Explained, "Reusing Rules and Options" (id-ref).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError

_MAX_NESTING = 16


def write_out_references(
    snapshot: Snapshot, members: Mapping[str, Sequence[etree._Element]]
) -> dict[str, dict[str, bytes]]:
    """The canonical lines of `members` by section and id, every id-ref resolved inside them.

    Raises CibError where an id-ref names nothing, or something of another kind.
    """
    defined = {str(e.get("id")) for elements in members.values() for member in elements for e in document.named(member)}
    lines: dict[str, dict[str, bytes]] = {}
    for section, elements in members.items():
        lines[section] = {}
        for element in elements:
            identifier = str(element.get("id"))
            if element.find(".//*[@id-ref]") is None:
                lines[section][identifier] = snapshot.lines[identifier]
            else:
                copy = deepcopy(element)
                _write_out(snapshot, copy, identifier, defined, 0)
                lines[section][identifier] = document.canonical(copy)
    return lines


def restore_references(snapshot: Snapshot, element: etree._Element, current: etree._Element) -> etree._Element:
    """`element`, a member as published, with an id-ref again where `current`, the same member here, borrows an equal definition.

    A site that had published a member gets it back in this form, once another site holds the ticket.
    """
    own = {str(e.get("id")) for e in document.named(current)}
    for user in current.findall(".//*[@id-ref]"):
        reference = str(user.get("id-ref"))
        lent = snapshot.ids.get(reference)
        written = element.find(f".//{user.tag!s}[@id='{reference}']")
        if lent is None or written is None or reference in own:
            continue
        if document.canonical(lent) == document.canonical(written):
            parent = written.getparent()
            assert parent is not None
            parent.replace(written, etree.Element(str(user.tag), {str(k): str(v) for k, v in user.attrib.items()}))
    return element


def _write_out(snapshot: Snapshot, element: etree._Element, member: str, defined: set[str], depth: int) -> None:
    for user in element.findall(".//*[@id-ref]"):
        reference = str(user.get("id-ref"))
        if reference in defined:
            continue
        definition = snapshot.ids.get(reference)
        if definition is None or depth > _MAX_NESTING:
            raise CibError(
                f"{member}: {user.tag!s} refers to {reference!r}, which does not exist", hint="correct its id-ref"
            )
        if definition.tag != user.tag:
            raise CibError(f"{member}: {user.tag!s} refers to {reference!r}, which is a {definition.tag!s}")
        copy = deepcopy(definition)
        copy.tail = None
        if user.get("name"):
            copy.set("name", str(user.get("name")))
        defined.update(str(e.get("id")) for e in document.named(copy))
        parent = user.getparent()
        assert parent is not None
        parent.replace(user, copy)
        _write_out(snapshot, copy, member, defined, depth + 1)
