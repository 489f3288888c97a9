"""What a drill tells."""

from __future__ import annotations

from typing import Any

from consoles.values import Object
from consoles.web.views.drill import drill_view, last_drills

RESULT: dict[str, Any] = {
    "ticket": "T",
    "version": "0.9.0",
    "ok": False,
    "running": [{"resource": "web", "role": "Started", "nodes": ["n1", "n2"]}],
    "blocked": [{"resource": "vip", "role": "Started", "reason": "node", "message": "n1 is in standby"}],
    "actions": [{"action": "start", "resource": "web", "source": "", "target": "n1", "reason": ""}],
    "problems": [{"code": "behind", "severity": "warning", "message": "not the newest"}],
}


def test_everything_of_it_is_there() -> None:
    view = drill_view("siteb", RESULT)
    assert view.verdict == "Not all of it would run: ticket T granted to siteb"
    assert view.running == (("web", "Started", "n1, n2"),)
    assert view.blocked == (("vip would not run: n1 is in standby", "node"),)
    assert view.actions == (("ok", "start web on n1"),)
    assert view.problems == (("warning", "not the newest"),)
    assert drill_view("siteb", {**RESULT, "ok": True}).verdict.startswith("All of it would run")


def test_the_last_drills_are_those_of_sites_without_the_ticket() -> None:
    def ticket(site: str, *, granted: bool, at: int = 0) -> Object:
        values = {"name": "T", "granted": granted, "drilled_at": at, "drill_failures": 1}
        return Object(site, "Ticket", "Ticket:T", values)

    found = last_drills([ticket("c", granted=False, at=5), ticket("b", granted=False), ticket("a", granted=True)])
    assert [(each.site, each.time) for each in found] == [("b", 0), ("c", 5)]
