"""Changes of configuration as events tell them: bounded in number and size, and without secrets.

Rules of this file: pure. However much has changed, what is told fits an event: what is left out is counted, and a text that
was cut ends in an ellipsis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from qmfagent.cib.plans.difference import AttributeChange, Change
from qmfagent.policy.redaction import Concealer
from qmfagent.policy.secrets import HIDDEN

MAX_CHANGES = 200
"""Changes told in one event."""
MAX_ATTRIBUTES = 20
"""Attributes told of one changed element."""
MAX_TEXT, MAX_NAME = 500, 60
"""Characters of a value or path, and of the name of an attribute."""


def short(text: str, length: int = MAX_TEXT) -> str:
    """A text, cut where it is longer than that."""
    return text if len(text) <= length else text[: length - 1] + "\N{HORIZONTAL ELLIPSIS}"


def told(changes: Sequence[Change], concealer: Concealer) -> dict[str, Any]:
    """The event arguments `changes` and `truncated`: maps of operation, kind, id, path and, for a modification, the
    attributes as they are now and as they were (old), empty where there are none."""
    return {
        "changes": [_told(change, concealer) for change in changes[:MAX_CHANGES]],
        "truncated": max(0, len(changes) - MAX_CHANGES),
    }


def _told(change: Change, concealer: Concealer) -> dict[str, Any]:
    part: dict[str, Any] = {
        "operation": change.operation,
        "kind": change.kind,
        "id": short(change.id),
        "path": short(change.path),
    }
    if change.operation == "modify":
        entries = list(islice(change.attributes, MAX_ATTRIBUTES))
        hidden = {entry.name for entry in entries if _is_secret(change.path, entry, concealer)}
        part["attributes"] = _values({entry.name: entry.new for entry in entries}, hidden)
        part["old"] = _values({entry.name: entry.old for entry in entries}, hidden)
    return part


def _is_secret(path: str, entry: AttributeChange, concealer: Concealer) -> bool:
    return any(concealer.hides(path, entry.name, value or "") for value in (entry.old, entry.new))


def _values(values: Mapping[str, str | None], hidden: set[str]) -> dict[str, str]:
    return {
        short(name, MAX_NAME): HIDDEN if value and name in hidden else short(value or "")
        for name, value in values.items()
    }
