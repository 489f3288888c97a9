"""A plan as HTML: a fragment for the page of somebody else.

Rules of this file: it says what report.py says, of the same plain values. Elements carry classes and no style, script or
link: the look is the page's. What is long is folded (`details`), so that a large plan can be read. Every text goes through
lxml, which escapes it; the fragment is XML too. Class names come from fixed lists, never from the plan, which may be another
site's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lxml import etree

from qmfagent.cib.plans import report

FEW = 40
"""Items of a list that is shown unfolded."""
SHORT = 12
"""Lines of an element that is shown unfolded, and places of an override."""

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SEVERITIES = frozenset({"error", "warning", "note"})
_OPERATIONS = frozenset({"create", "delete", "modify", "move"})


def plan_html(plan: Mapping[str, Any], site: str = "the target") -> str:
    """The plan as a `section` element of class `plan`, whose parts docs/reference/plan.md lists, each only where it has
    something to say. Raises CibError where a change holds no XML."""
    root = etree.Element("section", {"class": "plan"})
    _add(root, "h2", text=report.heading(plan, site))
    if plan["problems"]:
        _list(root, "problems", [(_known(p["severity"], _SEVERITIES), _problem(p)) for p in plan["problems"]])
    if plan["upgrade"]:
        _add(root, "p", "upgrade", report.upgrade_words(plan["upgrade"]))
    _changes(root, report.visible_changes(plan))
    notes = list(report.plan_notes(plan))
    if notes:
        _list(root, "notes", [("note", note) for note in notes])
    _overrides(root, plan)
    if plan["boundaries"]:
        left_out = _folded(root, "boundaries", f"left out at the holder: {len(plan['boundaries'])}", plan["boundaries"])
        _list(left_out, "notes", [("note", report.boundary_words(boundary)) for boundary in plan["boundaries"]])
    if plan["preview"]:
        _preview(root, plan["preview"])
    return etree.tostring(root, encoding="unicode")


def changes_html(changes: Sequence[Mapping[str, Any]]) -> str:
    """Changes alone, as they stand in a plan: those that an earlier one made, say. Raises CibError as plan_html does."""
    root = etree.Element("section", {"class": "plan"})
    _changes(root, changes)
    return etree.tostring(root, encoding="unicode")


def _problem(problem: Mapping[str, Any]) -> str:
    return f"{problem['severity']}: {problem['message']}"


def _changes(
    parent: etree._Element, changes: Sequence[Mapping[str, Any]], overrides: Sequence[Mapping[str, Any]] = ()
) -> None:
    if not changes:
        return
    items = _add(_folded(parent, "diff", report.tally(changes), changes), "ol", "changes")
    for change in changes:
        item = _add(items, "li", _known(change["operation"], _OPERATIONS))
        _add(item, "span", "what", report.change_words(change))
        for use in overrides:
            if _is_of(change, use):
                _add(item, "span", "by", f" by the override at line {use['line']}")
        content = report.content_lines(change)
        if content:
            inside = item
            if len(content) > SHORT:
                inside = _folded(item, "long", f"{len(content)} lines", content, few=SHORT)
            tag = "ins" if change["operation"] == "create" else "del"
            _add(_add(inside, "pre", "content"), tag, text="\n".join(content))
        for attribute in change["attributes"]:
            line = _add(item, "div", "attribute")
            _add(line, "code", "name", attribute["name"])
            for tag, value in (("del", attribute["old"]), ("ins", attribute["new"])):
                if value is not None:
                    _add(line, tag, text=value)


def _is_of(change: Mapping[str, Any], use: Mapping[str, Any]) -> bool:
    """Whether a change of the override diff is one that this override made: its places name attributes but for values."""
    return any(
        change["path"] + ("" if attribute["name"] == "value" else f"/@{attribute['name']}") in use["places"]
        for attribute in change["attributes"]
    )


def _overrides(parent: etree._Element, plan: Mapping[str, Any]) -> None:
    uses = [use for use in plan["overrides"] if use["places"]]
    if not (uses or plan["override_changes"]):
        return
    section = _add(parent, "section", "override-diff")
    _add(section, "h3", text=report.OVERRIDE_DIFF)
    if uses:
        items = _add(section, "ul", "overrides")
        for use in uses:
            item = _add(items, "li", "note")
            if len(use["places"]) > SHORT:
                heading, found = report.override_heading(use), use["places"]
                _add(_folded(item, "long", heading, found, few=SHORT), "p", text=f" {', '.join(found)}")
            else:
                item.text = _safe(report.override_words(use))
    _changes(section, plan["override_changes"], uses)


def _preview(parent: etree._Element, preview: Mapping[str, Any]) -> None:
    section = _add(parent, "section", "preview")
    if preview["reason"]:
        _list(section, "actions", [("note", f"no preview: {preview['reason']}")])
        return
    _add(section, "h3", text=report.PREVIEW)
    actions, anyway = preview["actions"], preview["anyway"]
    because = _folded(section, "because", f"because of this plan: {len(actions)}", actions) if actions else section
    told = [(report.action_style(action), report.action_words(action)) for action in actions]
    _list(because, "actions", told or [("plain", "nothing starts, stops or moves")])
    if preview["blocked"]:
        _list(section, "actions", [("warning", report.blocked_words(blocked)) for blocked in preview["blocked"]])
    if anyway:
        apart = _folded(section, "anyway", f"what would happen anyway: {len(anyway)}", anyway)
        _list(apart, "actions", [("note", report.anyway_words(action)) for action in anyway])


def _folded(parent: etree._Element, name: str, summary: str, items: Sequence[Any], few: int = FEW) -> etree._Element:
    """A `details` element for these items, open where they are few."""
    found = etree.SubElement(parent, "details", {"class": name, **({"open": "open"} if len(items) <= few else {})})
    _add(found, "summary", text=summary)
    return found


def _list(parent: etree._Element, name: str, items: Iterable[tuple[str, str]]) -> None:
    found = _add(parent, "ul", name)
    for kind, text in items:
        _add(found, "li", kind, text)


def _add(parent: etree._Element, tag: str, name: str = "", text: str = "") -> etree._Element:
    """An element below `parent` of class `name`; with text, if only an empty one, so that no tag stands for both ends."""
    element = etree.SubElement(parent, tag, {"class": name} if name else {})
    element.text = _safe(text)
    return element


def _safe(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _known(name: str, names: frozenset[str]) -> str:
    return name if name in names else "other"
