"""Pacemaker's patchsets, format 2: applied to a tree as Pacemaker applies them.

Rules of this file: modifications and deletions take effect in the order they stand, then creations and moves in the
order of their positions; until its turn, what is moved stands behind all its siblings, so that it takes no place in front
of any. A patchset that does not fit is a PatchError, and the tree it was tried on is to be thrown away.
So is one with a path that several elements answer to: Pacemaker writes such paths for elements without an id, and whoever
guesses ends up with another CIB than it has.
Source: Pacemaker 2.1, lib/common/patchset.c, apply_v2_patchset.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import deepcopy

from lxml import etree

from qmfagent.cib.version import Version
from qmfagent.errors import PatchError

_STEP = re.compile(r"[A-Za-z_][\w.-]*(\[@id='[^'\"<>&]*'\])?|comment\(\)|comment")
_MEMBER = re.compile(r"/cib/configuration/(?:resources|constraints|tags)/[\w.-]+\[@id='([^']*)'\]")
_MEMBER_SECTION = re.compile(r"/cib/configuration/(?:resources|constraints|tags)(?=/|$)")
_SECTION = re.compile(r"/cib/configuration/([\w.-]+)")


def versions(patchset: etree._Element, current: Version) -> tuple[Version, Version]:
    """The versions a `diff` element leads from and to; what its source does not name is taken from `current`.

    Raises PatchError where it is of another format or has no versions.
    """
    if patchset.tag != "diff" or patchset.get("format") != "2":
        raise PatchError(f"a <{patchset.tag!s}> of format {patchset.get('format', '1')} is no patchset of format 2")
    source, target = patchset.find("version/source"), patchset.find("version/target")
    if source is None or target is None:
        raise PatchError("a patchset without source and target version cannot be placed")
    return Version.of({**current.attributes(), **_attributes(source)}), Version.of(_attributes(target))


def below(changes: list[etree._Element], path: str) -> list[etree._Element]:
    """The changes whose path is `path` or below it."""
    return [c for c in changes if (p := c.get("path", "")) == path or p.startswith(path + "/")]


def result_attributes(change: etree._Element) -> dict[str, str]:
    """The attributes an element has after a modification. Raises PatchError where the change carries no result."""
    result = change.find("change-result")
    if result is None or not len(result):
        raise PatchError(f"the modification of {change.get('path')} has no change-result")
    return _attributes(result[0])


def touched_members(changes: list[etree._Element]) -> set[str] | None:
    """Ids of the top-level members that the changes touch; None where that cannot be told from their paths."""
    touched: set[str] = set()
    for change in changes:
        path = change.get("path", "")
        member = _MEMBER.match(path)
        if member:
            touched.add(member[1])
        elif change.get("operation") == "create" and _SECTION.fullmatch(path):
            touched.update(str(e.get("id")) for e in change.iterchildren("*"))
        elif change.get("operation") == "create" and path == "/cib/configuration":
            touched.update(str(e.get("id")) for section in change for e in section.iterchildren("*"))
        elif path == "/cib/configuration" or _MEMBER_SECTION.match(path):
            return None
    return touched


def member_path(change: etree._Element) -> str:
    """The path of the top-level member that a change touches; empty where it touches none."""
    member = _MEMBER.match(change.get("path", ""))
    return member[0] if member else ""


def apply_changes(root: etree._Element, changes: Sequence[etree._Element], root_path: str) -> None:
    """Apply `change` elements to `root`, which stands at `root_path`, in place. Raises PatchError."""
    placed = []
    for change in changes:
        operation = change.get("operation")
        target = _find(root, change, root_path)
        if operation in ("create", "move"):
            element = _required(target, change)
            if operation == "move":
                _required(element.getparent(), change).append(element)
            placed.append((_position(change), change, element))
        elif operation == "delete":
            if target is not None:
                _required(target.getparent(), change).remove(target)
        elif operation == "modify":
            attributes = result_attributes(change)
            element = _required(target, change)
            element.attrib.clear()
            element.attrib.update(attributes)
        else:
            raise PatchError(f"unknown operation {operation!r} at {change.get('path')}")
    for position, change, target in sorted(placed, key=lambda item: item[0]):
        if change.get("operation") == "create":
            if not len(change):
                raise PatchError(f"the creation below {change.get('path')} has no element")
            target.insert(position, deepcopy(change[0]))
        else:
            parent = _required(target.getparent(), change)
            parent.remove(target)
            parent.insert(position, target)


def _find(root: etree._Element, change: etree._Element, root_path: str) -> etree._Element | None:
    path = change.get("path", "")
    if path == root_path:
        return root
    steps = re.split(r"/(?![^\[]*\])", path[len(root_path) + 1 :])
    if not all(_STEP.fullmatch(step) for step in steps):
        raise PatchError(f"{path!r} is no path of Pacemaker's")
    element: etree._Element | None = root
    for step in steps:
        if element is None:
            return None
        if step.startswith("comment"):
            return _comment_at(element, change)
        element = _child(element, step, path)
    return element


def _child(element: etree._Element, step: str, path: str) -> etree._Element | None:
    if step.endswith("]"):
        return element.find(step)
    found = element.findall(step)
    if len(found) > 1:
        raise PatchError(f"{path!r} can mean any of {len(found)} elements: <{step}> has no id")
    return found[0] if found else None


def _comment_at(parent: etree._Element, change: etree._Element) -> etree._Element | None:
    position = _position(change)
    node = parent[position] if position < len(parent) else None
    return node if isinstance(node, etree._Comment) else None


def _position(change: etree._Element) -> int:
    text = change.get("position", "0")
    if not text.isdecimal():
        raise PatchError(f"{text!r} is no position, at {change.get('path')}")
    return int(text)


def _required(element: etree._Element | None, change: etree._Element) -> etree._Element:
    if element is None:
        raise PatchError(f"{change.get('operation')}: nothing stands at {change.get('path')}")
    return element


def _attributes(element: etree._Element) -> dict[str, str]:
    return {str(k): str(v) for k, v in element.attrib.items()}
