"""What happened, in a few words: events, among them those that make the history of a ticket.

Rules of this file: pure. An event that is not known here, as one of an agent of another version, is told by its values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from consoles.words import number_of, words
from qmfagent.cib.plans.report import counted

_NAMED = 5
"""Changes of a configuration that are named, the rest is counted."""
_DONE = {"create": "created", "modify": "changed", "delete": "deleted", "move": "moved"}
_SAID = frozenset({"number", "name", "time", "ticket", "by", "site", "trace"})


def happened(change: Mapping[str, Any]) -> str:
    """One record of a history as text, without what its columns say."""
    try:
        return _WORDS[change["name"]](change)
    except KeyError:
        return words(
            {name: value for name, value in change.items() if name not in _SAID and value not in ("", [], None)}
        )


def _written(change: Mapping[str, Any]) -> str:
    return f"{counted(change['count'])} from {change['publisher']}"


def _planned(change: Mapping[str, Any]) -> str:
    return _written(change) if change["cause"] == "publication" else f"{change['cause']}: {counted(change['count'])}"


def _configured(change: Mapping[str, Any]) -> str:
    made = counted(len(change["changes"]) + change["truncated"])
    named = [
        " ".join(filter(None, (_DONE.get(each["operation"], each["operation"]), each["kind"], each["id"])))
        for each in change["changes"][:_NAMED]
    ]
    more = ["..."] if len(change["changes"]) > _NAMED or change["truncated"] else []
    return f"{made} by {_who(change)}: {', '.join(named + more)}"


def _failed(change: Mapping[str, Any]) -> str:
    return f"{change['reason']}: {change['message']}"


def _drifted(change: Mapping[str, Any]) -> str:
    return f"{number_of(change['count'], 'field')} changed by {_who(change)}"


def _who(change: Mapping[str, Any]) -> str:
    return " with ".join(filter(None, (change["user"], change["client"]))) or "nobody knows whom"


def _held(change: Mapping[str, Any]) -> str:
    held = [word for word, holds in (("paused", change["paused"]), ("pinned", change["pinned"])) if holds]
    return " and ".join(held) or "held no more"


def _moved(change: Mapping[str, Any]) -> str:
    return ("granted" if change["granted"] else "not granted") + (", standby" if change["standby"] else "")


def _to_be_written(change: Mapping[str, Any]) -> str:
    return f"writes {_planned(change)}"


def _resource(change: Mapping[str, Any]) -> str:
    done = _DONE.get(change["change"])
    there = change["change"] != "delete"
    state = " on ".join(filter(None, (change["role"], ", ".join(change["nodes"])))) if there else ""
    facts = [f"was {done}"] * bool(done) + [f"is {state}"] * bool(state)
    more = [f"and {change['truncated']} more resources"] * bool(change["truncated"])
    return ", ".join([f"{change['id']} {' and '.join(facts)}".rstrip(), *more])


def _standing(change: Mapping[str, Any]) -> str:
    origin = f" from {change['publisher']}" if change["publisher"] else ""
    held = f", {_held(change)}" if change["paused"] or change["pinned"] else ""
    return f"{_published(change)}{origin}{held}"


def _published(change: Mapping[str, Any]) -> str:
    return f"version {change['version']} of term {change['term']}"


def _drilled(change: Mapping[str, Any]) -> str:
    return "all would run" if change["ok"] else f"{change['failures']} would not run"


_WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "published": _published,
    "planned": _planned,
    "applied": _written,
    "rolled_back": lambda change: f"change {change['undone']} undone, {counted(change['count'])}",
    "drift_healed": lambda change: counted(change["count"]),
    "apply_failed": _failed,
    "publish_failed": _failed,
    "drift_found": _drifted,
    "drift_cleared": lambda change: "",
    "hold_changed": _held,
    "ticket_changed": _moved,
    "drill_done": _drilled,
    "config_changed": _configured,
    "applying": _to_be_written,
    "in_sync": lambda change: f"with {change['publisher']}",
    "resource_changed": _resource,
    "standing": _standing,
}
