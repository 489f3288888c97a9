"""The semantic difference of configuration: what changed, by id, in the order that matters to Pacemaker.

Rules of this file: members and their parts are told apart by tag and id. The order of attributes never matters; the order
of children matters except where Pacemaker takes them as a set. A part that no path can name (no id, and not the only one of
its tag) is never edited in place: what holds it is replaced. Changes come in an order in which Pacemaker's format 2 can
carry them: deletions and modifications, then creations and moves with their final positions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.version import Version

UNORDERED = frozenset(
    {
        "resources",
        "constraints",
        "tags",
        "tag",
        "operations",
        "instance_attributes",
        "meta_attributes",
        "utilization",
    }
)

Key = tuple[str, str, str, str, int]
"""A child among its siblings: tag, id, id-ref, the name that a reference gives what it borrows, and its number among such."""

# A member that differs: its id, and its canonical line before and after; an absent one is empty.
MemberDifference = tuple[str, bytes, bytes]


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """One attribute of a modified element; None where it is absent before or after."""

    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a patchset.

    `operation` is create, modify, delete or move; `kind` and `id` name the element changed, `member` the top-level member
    it is part of (for a section that is created whole, the only one in it; empty where there are several); `path` is the
    element's own path, for a creation its parent's. `position` is the place among the parent's children after everything
    before it was done (creations and moves). `content` is the canonical element: as it will be, or as it was for a
    deletion; without its children for a modification, empty for a move.
    """

    operation: str
    kind: str
    id: str
    member: str
    path: str
    position: int = -1
    attributes: tuple[AttributeChange, ...] = ()
    content: bytes = b""


class _Unnameable(Exception):
    """Raised inside this file alone: a difference below an element that no path can reach; its holder is replaced."""


def compare_members(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[MemberDifference]:
    """Members that differ between two sets of canonical lines."""
    changed = [(i, line, new.get(i, b"")) for i, line in old.items() if new.get(i) != line]
    return changed + [(i, b"", line) for i, line in new.items() if i not in old]


def member_changes(old: etree._Element, new: etree._Element, path: str) -> list[Change] | None:
    """The changes that turn one member into another of the same tag and id; None where it has to be replaced whole."""
    if old.tag != new.tag:
        return None
    try:
        return list(_compare(old, new, path, str(new.get("id"))))
    except _Unnameable:
        return None


def creation(element: etree._Element, parent_path: str, position: int, member: str) -> Change:
    """The change that puts `element` below `parent_path`."""
    return Change(
        "create", str(element.tag), _name(element), member, parent_path, position, (), document.canonical(element)
    )


def deletion(element: etree._Element, path: str, member: str) -> Change:
    """The change that deletes `element`, which stands at `path`."""
    return Change("delete", str(element.tag), _name(element), member, path, content=document.canonical(element))


def to_patchset(changes: Sequence[Change], base: Version) -> bytes:
    """The changes as a format-2 patchset for `cibadmin --patch`, which fits the configuration of `base` and no other.

    Its source names no num_updates, so that changes of the status don't refuse it.
    Source: Pacemaker 2.1, lib/common/patchset.c, xml_patch_version_check.
    """
    diff = etree.Element("diff", {"format": "2"})
    version = etree.SubElement(diff, "version")
    source = base.attributes()
    del source["num_updates"]
    etree.SubElement(version, "source", source)
    etree.SubElement(version, "target", base.after_configuration_change().attributes())
    diff.extend(to_elements(changes))
    return etree.tostring(diff, encoding="utf-8")


def to_elements(changes: Sequence[Change]) -> list[etree._Element]:
    """The `change` elements of such a patchset."""
    elements = []
    for change in changes:
        element = etree.Element("change", {"operation": change.operation, "path": change.path})
        if change.position >= 0:
            element.set("position", str(change.position))
        if change.operation == "create":
            element.append(document.parse_element(change.content))
        elif change.operation == "modify":
            _append_modification(element, change)
        elements.append(element)
    return elements


def _append_modification(element: etree._Element, change: Change) -> None:
    changes = etree.SubElement(element, "change-list")
    for attribute in change.attributes:
        entry = etree.SubElement(changes, "change-attr", {"name": attribute.name})
        if attribute.new is None:
            entry.set("operation", "unset")
        else:
            entry.set("operation", "set")
            entry.set("value", attribute.new)
    result = document.parse_element(change.content)
    etree.SubElement(element, "change-result").append(result)


def _compare(old: etree._Element, new: etree._Element, path: str, member: str) -> Iterator[Change]:
    if dict(old.attrib) != dict(new.attrib):
        yield _modification(old, new, path, member)
    before, after = _keyed(old), _keyed(new)
    gone = [key for key in before if key not in after]
    replaced: set[Key] = set()
    for key in before:
        if key not in after:
            continue
        child, successor = before[key], after[key]
        if document.canonical(child) == document.canonical(successor):
            continue
        if not _nameable(child, old):
            raise _Unnameable
        try:
            yield from list(_compare(child, successor, f"{path}/{document.path_step(child)}", member))
        except _Unnameable:
            replaced.add(key)
    for key in [*gone, *replaced]:
        child = before[key]
        if not _nameable(child, old):
            raise _Unnameable
        yield deletion(child, f"{path}/{document.path_step(child)}", member)
    yield from _placements(old, before, after, set(gone) | replaced, path, member)


def _placements(
    old: etree._Element,
    before: Mapping[Key, etree._Element],
    after: Mapping[Key, etree._Element],
    deleted: set[Key],
    path: str,
    member: str,
) -> Iterator[Change]:
    """Creations and moves below one element. Comments count as children, as they do for Pacemaker."""
    keys = {id(element): key for key, element in before.items()}
    order: list[Key | None] = [key for child in old if (key := keys.get(id(child))) not in deleted]
    if old.tag in UNORDERED:
        for key, element in after.items():
            if key not in before or key in deleted:
                yield creation(element, path, len(order), member)
                order.append(key)
        return
    position = 0
    for key, element in after.items():
        while position < len(order) and order[position] is None:
            position += 1
        if key not in order:
            yield creation(element, path, position, member)
            order.insert(position, key)
        elif order[position] != key:
            if not _nameable(element, old):
                raise _Unnameable
            order.remove(key)
            order.insert(position, key)
            yield Change("move", key[0], _name(element), member, f"{path}/{document.path_step(before[key])}", position)
        position += 1


def _modification(old: etree._Element, new: etree._Element, path: str, member: str) -> Change:
    names = sorted({str(n) for n in old.attrib} | {str(n) for n in new.attrib})
    attributes = tuple(
        AttributeChange(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)
    )
    bare = etree.Element(new.tag, {str(k): str(v) for k, v in new.attrib.items()})
    return Change("modify", str(new.tag), _name(new), member, path, -1, attributes, document.canonical(bare))


def _name(element: etree._Element) -> str:
    return str(element.get("id") or element.get("id-ref") or "")


def _keyed(element: etree._Element) -> dict[Key, etree._Element]:
    seen: Counter[tuple[str, str, str, str]] = Counter()
    keyed = {}
    for child in element.iterchildren("*"):
        borrowed = child.get("id-ref", "")
        # What borrows stands beside what it borrows from, in whatever order, and beside others that borrow the same.
        alike = (str(child.tag), child.get("id", ""), borrowed, child.get("name", "") if borrowed else "")
        keyed[(*alike, seen[alike])] = child
        seen[alike] += 1
    return keyed


def _nameable(child: etree._Element, parent: etree._Element) -> bool:
    if child.get("id"):
        return len(parent.findall(f"{child.tag!s}[@id='{child.get('id')}']")) == 1
    return len(parent.findall(str(child.tag))) == 1
