"""What a drill tells, and what drills there were.

Rules of this file: pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from consoles.values import Object
from qmfagent.cib.plans.report import action_style, action_words, blocked_words

_TONES = {"add": "ok", "remove": "bad", "change": "warn"}


@dataclass(frozen=True, slots=True)
class DrillView:
    """The result of a drill. `running` are resource, role and nodes; `blocked` a sentence and its reason; `actions` a tone
    and a sentence; `problems` a severity and a sentence."""

    verdict: str
    ok: bool
    version: str
    running: tuple[tuple[str, str, str], ...]
    blocked: tuple[tuple[str, str], ...]
    actions: tuple[tuple[str, str], ...]
    problems: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LastDrill:
    """When a ticket was drilled at a site last (nanoseconds, 0 for never), and how many resources could not run."""

    ticket: str
    site: str
    time: int
    failures: int


def drill_view(site: str, result: Mapping[str, Any]) -> DrillView:
    """The result of Site.drill at a site."""
    verdict = "All of it would run" if result["ok"] else "Not all of it would run"
    return DrillView(
        f"{verdict}: ticket {result['ticket']} granted to {site}",
        bool(result["ok"]),
        result["version"],
        tuple((each["resource"], each["role"], ", ".join(each["nodes"])) for each in result["running"]),
        tuple((blocked_words(each), each["reason"]) for each in result["blocked"]),
        tuple((_TONES.get(action_style(each), "none"), action_words(each)) for each in result["actions"]),
        tuple((problem["severity"], problem["message"]) for problem in result["problems"]),
    )


def last_drills(tickets: Iterable[Object]) -> tuple[LastDrill, ...]:
    """The last drill of each ticket at each site that does not hold it, by ticket and site."""
    return tuple(
        LastDrill(ticket.values["name"], ticket.site, ticket.values["drilled_at"], ticket.values["drill_failures"])
        for ticket in sorted(tickets, key=lambda each: (each.values["name"], each.site))
        if not ticket.values["granted"]
    )
