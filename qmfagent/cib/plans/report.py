"""A plan in words: lines with a style each, for a terminal or any other surface.

Rules of this file: it takes the plan as plain values (Plan.to_map), so that whoever received one over the bus renders it
alike; what is said in one sentence is said here, and report_html.py says the same. Styles are add, remove, change, note,
warning, error, head and plain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qmfagent.cib import document
from qmfagent.cib.ownership import is_ownership_tag

Line = tuple[str, str]

# The colour of each style that has one, by its ANSI name.
COLOURS = {"add": "green", "remove": "red", "change": "yellow", "error": "red", "warning": "yellow", "note": "cyan"}

OVERRIDE_DIFF = "what this site's own rules changed of the publication:"
PREVIEW = "what the cluster would do:"

_MADE = {"create": "created", "modify": "modified", "delete": "deleted", "move": "moved"}
_CAUSES = {"rollback": " to roll back", "healing": " to heal drift"}
_ACTION_STYLES = {"start": "add", "promote": "add", "stop": "remove", "demote": "remove", "fence": "remove"}


def plan_lines(plan: Mapping[str, Any], site: str = "the target") -> Iterator[Line]:
    """The plan, line by line: problems first, then what changes, what the site's own rules did, what was left out, and
    what the cluster would do."""
    for problem in plan["problems"]:
        yield problem["severity"], f"{problem['severity']}: {problem['message']}"
    yield "head", heading(plan, site)
    if plan["upgrade"]:
        yield "change", f"~ {upgrade_words(plan['upgrade'])}"
    for change in visible_changes(plan):
        yield from change_lines(change)
    yield from (("note", note) for note in plan_notes(plan))
    yield from (("note", override_words(use)) for use in plan["overrides"] if use["places"])
    if plan["override_changes"]:
        yield "head", OVERRIDE_DIFF
        for change in plan["override_changes"]:
            yield from ((style, f"  {text}") for style, text in change_lines(change))
    for boundary in plan["boundaries"]:
        yield "note", boundary_words(boundary)
    if plan["preview"]:
        yield from preview_lines(plan["preview"])


def heading(plan: Mapping[str, Any], site: str) -> str:
    """How much the plan changes, and where."""
    if not plan["changes"]:
        return f"ticket {plan['ticket']}: nothing to do at {site}"
    changes = visible_changes(plan)
    why = _CAUSES.get(plan["cause"], "")
    return f"ticket {plan['ticket']}: {count(changes)}{why} at {site} (CIB {plan['base']['version']})"


def visible_changes(plan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The changes but for those of the record of what is owned."""
    return [change for change in plan["changes"] if not is_ownership_tag(change["member"])]


def plan_notes(plan: Mapping[str, Any]) -> Iterator[str]:
    """What is to be said of a plan besides its changes: where it comes from, its records and adoptions."""
    if plan["publication"]:
        yield f"from the publication of {plan['publication']['site']}, CIB {plan['publication']['version']}"
    records = len(plan["changes"]) - len(visible_changes(plan))
    if records:
        yield f"besides, {counted(records)} to the record of what is owned for the ticket"
    if plan["adopted"]:
        yield f"adopted (here before, owned for the ticket from now on): {', '.join(plan['adopted'])}"


def override_words(use: Mapping[str, Any]) -> str:
    """What an override touched, which is something."""
    return f"{override_heading(use)} {', '.join(use['places'])}"


def override_heading(use: Mapping[str, Any]) -> str:
    """The same without the places."""
    return f"override {use['value']!r} (line {use['line']} of the site file) in {places(len(use['places']))}:"


def places(number: int) -> str:
    """ "1 place", "3 places"."""
    return "1 place" if number == 1 else f"{number} places"


def boundary_words(boundary: Mapping[str, Any]) -> str:
    """What stayed at the holder, and why."""
    ends = f"{', '.join(boundary['inside'])} to {', '.join(boundary['outside'])}"
    return f"left out at the holder: {boundary['kind']} {boundary['id']}, which ties {ends}"


def upgrade_words(upgrade: Mapping[str, Any]) -> str:
    """Which schema is raised to which."""
    return f"raise validate-with from {upgrade['from']} to {upgrade['to']}"


def preview_lines(preview: Mapping[str, Any]) -> Iterator[Line]:
    """A preview, line by line."""
    if preview["reason"]:
        yield "note", f"no preview: {preview['reason']}"
        return
    yield "head", PREVIEW
    if not preview["actions"]:
        yield "plain", "  nothing starts, stops or moves"
    for action in preview["actions"]:
        yield action_style(action), f"  {action_words(action)}"
    for action in preview["anyway"]:
        yield "note", f"  {anyway_words(action)}"
    for blocked in preview["blocked"]:
        yield "warning", f"  {blocked_words(blocked)}"


def action_words(action: Mapping[str, Any]) -> str:
    """One thing that the cluster would do, with the scheduler's reason where it gives one."""
    source, target = action["source"], action["target"]
    if source and target and source != target:
        where = f" from {source} to {target}"
    else:
        where = (
            f" on {target or source}" if action["resource"] and (target or source) else f" {target or source}".rstrip()
        )
    what = f"{action['action']} {action['resource']}".rstrip() + where
    return f"{what} ({action['reason']})" if action["reason"] else what


def anyway_words(action: Mapping[str, Any]) -> str:
    """One thing that the cluster would do without the plan too."""
    return f"without the plan too: {action_words(action)}"


def action_style(action: Mapping[str, Any]) -> str:
    """The style that an action is shown in."""
    return _ACTION_STYLES.get(action["action"].partition(" ")[0].lower(), "change")


def blocked_words(blocked: Mapping[str, Any]) -> str:
    """Which resource would not run, or not be promoted, and why."""
    what = "be promoted" if blocked["role"] == "Promoted" else "run"
    return f"{blocked['resource']} would not {what}: {blocked['message']}"


def count(changes: Sequence[Any]) -> str:
    """ "3 changes", "1 change", "no change"."""
    return counted(len(changes))


def counted(number: int) -> str:
    """The same for so many."""
    return {0: "no change", 1: "1 change"}.get(number, f"{number} changes")


def tally(changes: Sequence[Mapping[str, Any]]) -> str:
    """ "3 changes: 2 created, 1 deleted"; how many there are of each kind."""
    made = {word: sum(change["operation"] == name for change in changes) for name, word in _MADE.items()}
    kinds = ", ".join(f"{number} {word}" for word, number in made.items() if number)
    return f"{count(changes)}: {kinds}" if kinds else count(changes)


def change_words(change: Mapping[str, Any]) -> str:
    """What a change does to which element."""
    what = f"{change['operation']} {change['kind']} {change['id']}".rstrip()
    part = "" if change["member"] in ("", change["id"]) else f" in {change['member']}"
    place = f" to place {change['position'] + 1}" if change["operation"] == "move" else ""
    return f"{what}{part}{place}"


def content_lines(change: Mapping[str, Any]) -> list[str]:
    """What is created or deleted, as indented XML; nothing for other changes."""
    if change["operation"] not in ("create", "delete"):
        return []
    return document.pretty(document.parse_element(change["content"].encode())).decode().splitlines()


def change_lines(change: Mapping[str, Any]) -> Iterator[Line]:
    """One change, with what it holds."""
    style, sign = {"create": ("add", "+"), "delete": ("remove", "-")}.get(change["operation"], ("change", "~"))
    yield style, f"{sign} {change_words(change)}"
    yield from ((style, f"{sign}   {text}") for text in content_lines(change))
    for attribute in change["attributes"]:
        if attribute["old"] is not None:
            yield "remove", f"-   {attribute['name']}={attribute['old']!r}"
        if attribute["new"] is not None:
            yield "add", f"+   {attribute['name']}={attribute['new']!r}"
