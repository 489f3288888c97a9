"""A plan in words: lines with a style each, for a terminal or any other surface.

Rules of this file: it takes the plan as plain values (Plan.to_map), so that whoever received one over the bus renders it
alike. Styles are add, remove, change, note, warning, error, head and plain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from qmfagent.cib import document
from qmfagent.cib.ownership import is_ownership_tag

Line = tuple[str, str]

# The colour of each style that has one, by its ANSI name.
COLOURS = {"add": "green", "remove": "red", "change": "yellow", "error": "red", "warning": "yellow", "note": "cyan"}


def plan_lines(plan: Mapping[str, Any], site: str = "the target") -> Iterator[Line]:
    """The plan, line by line: problems first, then what changes, then what was left out."""
    for problem in plan["problems"]:
        yield problem["severity"], f"{problem['severity']}: {problem['message']}"
    changes = [c for c in plan["changes"] if not is_ownership_tag(c["member"])]
    records = [c for c in plan["changes"] if is_ownership_tag(c["member"])]
    if not plan["changes"]:
        yield "head", f"ticket {plan['ticket']}: nothing to do at {site}"
    else:
        yield "head", f"ticket {plan['ticket']}: {count(changes)} at {site} (CIB {plan['base']['version']})"
    for change in changes:
        yield from _change_lines(change)
    if records:
        yield "note", f"besides, {count(records)} to the record of what is owned for the ticket"
    if plan["adopted"]:
        yield "note", f"adopted (here before, owned for the ticket from now on): {', '.join(plan['adopted'])}"
    for use in plan["overrides"]:
        if use["places"]:
            yield "note", f"override {use['value']!r} in {len(use['places'])} place(s): {', '.join(use['places'])}"
    for boundary in plan["boundaries"]:
        ends = f"{', '.join(boundary['inside'])} to {', '.join(boundary['outside'])}"
        yield "note", f"left out at the holder: {boundary['kind']} {boundary['id']}, which ties {ends}"


def count(changes: list[Any]) -> str:
    """ "3 changes", "1 change", "no change"."""
    return {0: "no change", 1: "1 change"}.get(len(changes), f"{len(changes)} changes")


def _change_lines(change: Mapping[str, Any]) -> Iterator[Line]:
    operation, what = change["operation"], f"{change['kind']} {change['id']}".rstrip()
    part = "" if change["member"] in ("", change["id"]) else f" in {change['member']}"
    if operation == "create":
        yield "add", f"+ create {what}{part}"
        yield from (("add", f"+   {text}") for text in _indented(change["content"]))
    elif operation == "delete":
        yield "remove", f"- delete {what}{part}"
        yield from (("remove", f"-   {text}") for text in _indented(change["content"]))
    elif operation == "move":
        yield "change", f"~ move {what}{part} to place {change['position'] + 1}"
    else:
        yield "change", f"~ modify {what}{part}"
        for attribute in change["attributes"]:
            if attribute["old"] is not None:
                yield "remove", f"-   {attribute['name']}={attribute['old']!r}"
            if attribute["new"] is not None:
                yield "add", f"+   {attribute['name']}={attribute['new']!r}"


def _indented(content: str) -> list[str]:
    return document.pretty(document.parse_element(content.encode())).decode().splitlines()
