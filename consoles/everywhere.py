"""One ticket at all sites at once: planned everywhere first, then applied site by site, all or none.

Rules of this file: nothing is written before every plan is known. The first failure ends it, and what was written is rolled
back, newest first, each by the number of its change. A site whose answer is missing may have written: that is told, as is what
can't be undone. A rollback pins the replica, so that no automatic mode repeats what failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from consoles.tickets import TicketStatus
from consoles.values import Applied, Object, Plan
from qmfagent.errors import ConnectionLost, QmfAgentError, Refused, RequestTimeout

APPLIED, UNCHANGED, FAILED = "applied", "unchanged", "failed"
UNDONE, NOT_UNDONE, NOT_TRIED, UNKNOWN = "rolled-back", "not-rolled-back", "not-tried", "unknown"


@dataclass(frozen=True, slots=True)
class SitePlan:
    """The plan for one site; None where there is none, and `problem` says why it can't be applied, empty where it can."""

    site: str
    plan: Plan | None
    problem: str = ""

    @property
    def good(self) -> bool:
        """Whether it can be applied, or has nothing to do."""
        return not self.problem


@dataclass(frozen=True, slots=True)
class SiteOutcome:
    """What became of one site: `state` is one of the names above, `message` says why, `applied` is what was written."""

    site: str
    state: str
    applied: Applied | None = None
    message: str = ""


class Sites(Protocol):
    """What is asked of a console for this: AsyncConsole is one."""

    async def query(self, class_name: str) -> list[Object]: ...
    async def tickets(self) -> list[TicketStatus]: ...
    async def plan(self, site: str, ticket: str, adopt: bool = False) -> Plan: ...
    async def plan_rollback(self, site: str, change: int) -> Plan: ...
    async def apply(self, site: str, token: str) -> Applied: ...


async def plan_everywhere(console: Sites, ticket: str, adopt: bool = False) -> list[SitePlan]:
    """The plans of every site but the holder, by name; those that only others know of have none.

    Raises Refused (no-holder, split) where no site, or more than one, holds the ticket.
    """
    objects, statuses = await asyncio.gather(console.query("Site"), console.tickets())
    holder = single_holder(statuses, ticket)
    reached = {found.site for found in objects}
    known = reached | {str(peer["site"]) for found in objects for peer in found.values["peers"]}
    return await asyncio.gather(
        *(
            _plan(console, site, ticket, adopt) if site in reached else _unreachable(site)
            for site in sorted(known - {holder})
        )
    )


def single_holder(statuses: Iterable[TicketStatus], ticket: str) -> str:
    """The site that holds a ticket. Raises Refused (no-holder, split) where none does, or more than one."""
    holders = next((status.holders for status in statuses if status.name == ticket), ())
    if len(holders) != 1:
        raise _no_single_holder(ticket, holders)
    return holders[0]


async def apply_everywhere(
    console: Sites, plans: Iterable[SitePlan], tell: Callable[[SiteOutcome], None] = lambda outcome: None
) -> list[SiteOutcome]:
    """Apply the plans that are good, one after the other; where one fails, roll the others back.

    `tell` is called with each step as it is done. The outcome of every site, in the order of `plans`.
    """
    outcomes: dict[str, SiteOutcome] = {}

    def note(outcome: SiteOutcome) -> None:
        outcomes[outcome.site] = outcome
        tell(outcome)

    good = [each.plan for each in plans if each.good and each.plan is not None]
    failed = False
    for plan in good:
        if failed or not plan.token:
            note(SiteOutcome(plan.site, NOT_TRIED if failed else UNCHANGED))
            continue
        outcome = await _apply(console, plan)
        note(outcome)
        failed = outcome.state != APPLIED
    if failed:
        for written in reversed([outcome for outcome in outcomes.values() if outcome.state == APPLIED]):
            note(await _undo(console, written))
    return [outcomes[plan.site] for plan in good]


def succeeded(outcomes: Sequence[SiteOutcome]) -> bool:
    """Whether every site has what it was to have."""
    return all(outcome.state in (APPLIED, UNCHANGED) for outcome in outcomes)


async def _plan(console: Sites, site: str, ticket: str, adopt: bool) -> SitePlan:
    try:
        plan = await console.plan(site, ticket, adopt)
    except QmfAgentError as error:
        return SitePlan(site, None, str(error))
    return SitePlan(site, plan, "; ".join(str(error["message"]) for error in plan.errors))


async def _unreachable(site: str) -> SitePlan:
    return SitePlan(site, None, f"this console can't reach {site}; name its URL too")


async def _apply(console: Sites, plan: Plan) -> SiteOutcome:
    try:
        return SiteOutcome(plan.site, APPLIED, await console.apply(plan.site, plan.token))
    except (ConnectionLost, RequestTimeout) as error:
        return SiteOutcome(plan.site, UNKNOWN, message=f"{error}; see 'qmfconsole history --site {plan.site}'")
    except QmfAgentError as error:
        return SiteOutcome(plan.site, FAILED, message=str(error))


async def _undo(console: Sites, written: SiteOutcome) -> SiteOutcome:
    assert written.applied is not None
    site, change = written.site, written.applied.change
    try:
        plan = await console.plan_rollback(site, change)
        plan.require_applicable()
        if plan.token:
            await console.apply(site, plan.token)
    except QmfAgentError as error:
        hint = f"roll it back with 'qmfconsole rollback {change} --at {site}'"
        return SiteOutcome(site, NOT_UNDONE, written.applied, f"{error}; {hint}")
    return SiteOutcome(site, UNDONE, written.applied, "pinned: 'qmfconsole ticket unpin' lets it follow again")


def _no_single_holder(ticket: str, holders: Sequence[str]) -> Refused:
    if holders:
        return Refused(
            "split",
            f"ticket {ticket!r} is claimed by {' and '.join(holders)} at once; nothing is replicated",
            hint="revoke it at all of them but one",
        )
    return Refused(
        "no-holder", f"no site that can be reached holds ticket {ticket!r}", hint="name the URL of its holder too"
    )
