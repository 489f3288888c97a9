"""Events of a history in words."""

from __future__ import annotations

from typing import Any

import pytest

from consoles.announcements import EVENTS
from consoles.happened import happened
from qmfagent.agent import load_schema
from qmfagent.objects.history import NAMES
from tests.consoles.conftest import empty


def record(name: str, **values: Any) -> dict[str, Any]:
    return {"name": name, "number": 7, "ticket": "db", **values}


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (record("applied", count=1, publisher="sitea"), "1 change from sitea"),
        (record("planned", cause="publication", count=0, publisher="sitea"), "no change from sitea"),
        (record("planned", cause="rollback", count=3, publisher="sitea"), "rollback: 3 changes"),
        (record("rolled_back", undone=6, count=3), "change 6 undone, 3 changes"),
        (record("apply_failed", reason="split", message="two claim it"), "split: two claim it"),
        (record("drift_found", count=2, user="root", client="cibadmin"), "2 fields changed by root with cibadmin"),
        (record("drift_found", count=1, user="", client=""), "1 field changed by nobody knows whom"),
        (record("hold_changed", paused=True, pinned=6), "paused and pinned"),
        (record("hold_changed", paused=False, pinned=0), "held no more"),
        (record("ticket_changed", granted=True, standby=True), "granted, standby"),
        (record("drill_done", ok=False, failures=2), "2 would not run"),
        (
            record(
                "config_changed",
                changes=[{"operation": "modify", "kind": "nvpair", "id": "vip-ip"}] * 6,
                truncated=1,
                user="root",
                client="cibadmin",
            ),
            f"7 changes by root with cibadmin: {', '.join(['changed nvpair vip-ip'] * 5)}, ...",
        ),
        (
            record(
                "config_changed",
                changes=[
                    {"operation": "create", "kind": "primitive", "id": "web"},
                    {"operation": "delete", "kind": "rsc_location", "id": "web-on-n1"},
                    {"operation": "move", "kind": "", "id": "db"},
                ],
                truncated=0,
                user="root",
                client="",
            ),
            "3 changes by root: created primitive web, deleted rsc_location web-on-n1, moved db",
        ),
        (
            record("applying", cause="publication", count=3, publisher="sitea", digest="f" * 64),
            "writes 3 changes from sitea",
        ),
        (record("in_sync", publisher="sitea", digest="f" * 64), "with sitea"),
        (
            record("resource_changed", id="web", change="state", role="Started", nodes=["n1", "n2"], truncated=0),
            "web is Started on n1, n2",
        ),
        (
            record("resource_changed", id="web", change="create", role="", nodes=[], truncated=2),
            "web was created, and 2 more resources",
        ),
        (
            record("resource_changed", id="web", change="delete", role="Stopped", nodes=[], truncated=0),
            "web was deleted",
        ),
        (
            record("resource_changed", id="web", change="modify", role="Stopped", nodes=[], truncated=0),
            "web was changed and is Stopped",
        ),
        (
            record("standing", publisher="sitea", term="0.1", version="0.5.0", paused=False, pinned=6),
            "version 0.5.0 of term 0.1 from sitea, pinned",
        ),
        (record("of_another_version", what="x", nothing=""), "what=x"),
        (record("applied", size=1), "size=1"),
    ],
)
def test_what_is_said(told: dict[str, Any], text: str) -> None:
    assert happened(told) == text


@pytest.mark.parametrize("name", sorted({*NAMES, *EVENTS}))
def test_every_event_has_words_of_its_own(name: str) -> None:
    values = empty(load_schema().event_class(name))
    assert "=" not in happened({"name": name, "number": 1, **values})
