"""Applies, as tasks: what is told while they are under way, and what has changed where they are refused.

Rules of this file: progress is what the site's own events tell. Whatever else fails, what the apply ended in is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from consoles.asynchronous import AsyncConsole
from consoles.everywhere import APPLIED, UNCHANGED, UNDONE, SiteOutcome, apply_everywhere
from consoles.happened import happened
from consoles.reasons import reason_of
from consoles.subscription import Subscription
from consoles.values import Applied, Event
from consoles.web.work import ALL, Proposal, Task
from qmfagent.cib.plans.report import counted
from qmfagent.errors import QmfAgentError

SETTLE = 5.0
"""Seconds after the outcome that the state of resources is told."""
MOST_SINCE = 200
"""Events that are looked through for what has changed since a plan was made."""
TOLD = ("applying", "applied", "rolled_back", "drift_healed", "apply_failed", "resource_changed")
CHANGING = frozenset(
    {"config_changed", "ticket_changed", "applied", "rolled_back", "drift_healed", "drift_found", "published"}
)
"""Events that may be why a plan is refused."""
_TONES = {"applying": "info", "apply_failed": "bad", "resource_changed": "none"}


@dataclass(frozen=True, slots=True)
class Ended:
    """How an apply ended: what was written at one site, or the outcome of every site; or, where it was refused, what its
    site told since the plan was made, as records of a history."""

    applied: Applied | None = None
    outcomes: tuple[SiteOutcome, ...] = ()
    error: QmfAgentError | None = None
    since: tuple[Mapping[str, Any], ...] = ()


async def apply(console: AsyncConsole, proposal: Proposal, task: Task) -> None:
    """Apply what was proposed; the outcome of the task is an Ended."""
    sites = [each.site for each in proposal.plans]
    with console.subscribe(events=TOLD, sites=sites) as events:
        listening = asyncio.create_task(_listen(events, task))
        try:
            task.outcome = await (
                _all(console, proposal, task) if proposal.purpose.site == ALL else _one(console, proposal)
            )
            task.writing = False
            task.renew()
            if task.outcome.error is None:
                await asyncio.wait([listening], timeout=SETTLE)
        finally:
            listening.cancel()


def outcome_words(outcome: SiteOutcome) -> str:
    """What became of one site."""
    if outcome.state == APPLIED and outcome.applied is not None:
        return f"applied: {counted(outcome.applied.changes)}, as change {outcome.applied.change}"
    return f"{outcome.state}: {outcome.message}" if outcome.message else outcome.state


def outcome_tone(outcome: SiteOutcome) -> str:
    """The tone it is told in."""
    return {APPLIED: "ok", UNCHANGED: "ok", UNDONE: "warn"}.get(outcome.state, "bad")


async def _one(console: AsyncConsole, proposal: Proposal) -> Ended:
    (only,) = proposal.plans
    try:
        return Ended(await console.apply(only.site, proposal.token))
    except QmfAgentError as error:
        return Ended(error=error, since=await _since(console, only.site, proposal.seen.get(only.site, 0), error))


async def _all(console: AsyncConsole, proposal: Proposal, task: Task) -> Ended:
    def tell(outcome: SiteOutcome) -> None:
        task.tell(outcome.site, outcome_tone(outcome), outcome_words(outcome))

    return Ended(outcomes=tuple(await apply_everywhere(console, proposal.plans, tell)))


async def _since(console: AsyncConsole, site: str, seen: int, error: QmfAgentError) -> tuple[Mapping[str, Any], ...]:
    """What a site told after its event `seen` that may be why it refuses; nothing where that can't be had."""
    if reason_of(error) in ("", "forbidden"):
        return ()
    try:
        found = await console.call(site, f"Site:{site}", "events", since=seen, limit=MOST_SINCE)
    except QmfAgentError:
        return ()
    return tuple(
        {**event["values"], "name": event["name"], "number": event["seq"], "time": event["timestamp"]}
        for event in found["events"]
        if event["name"] in CHANGING
    )


async def _listen(events: Subscription, task: Task) -> None:
    async for event in events:
        if isinstance(event, Event) and (text := _words(event)):
            task.tell(event.site, _TONES.get(event.name, "ok"), text, event.timestamp)


def _words(event: Event) -> str:
    """An event in words; nothing for those of a resource that tell of no state."""
    text = happened({"name": event.name, **event.values})
    if event.name == "resource_changed":
        return text if event.values["role"] else ""
    return text if event.name == "applying" else f"{event.name.replace('_', ' ')}: {text}"
