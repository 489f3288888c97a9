"""What the page of an apply shows while it goes on, and in the end.

Rules of this file: pure, but for looking at a task that goes on meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from consoles.everywhere import APPLIED, UNKNOWN, succeeded
from consoles.reasons import reason_of
from consoles.values import Applied
from consoles.web.applying import Ended, outcome_tone, outcome_words
from consoles.web.views.history import Row, record_row
from consoles.web.work import ALL, Proposal, Task, Told
from qmfagent.cib.plans.report import counted
from qmfagent.errors import ConnectionLost, QmfAgentError, RequestTimeout

_PURPOSES = {"rollback": "rolled back", "heal": "healed"}


@dataclass(frozen=True, slots=True)
class SiteResult:
    """What became of one site; `change` is the number of what was written there and stands, 0 where nothing does."""

    site: str
    tone: str
    text: str
    change: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """An apply: `running` until its outcome is known, and not `over` until nothing more will be told. `told` are the steps.

    Where it failed, `problem`, `reason` and `hint` say so, `since` what its site told after the plan was made, and it is
    `uncertain` where it may have been carried out all the same.
    """

    headline: str
    tone: str
    running: bool
    over: bool
    told: tuple[Told, ...]
    results: tuple[SiteResult, ...] = ()
    problem: str = ""
    reason: str = ""
    hint: str = ""
    since: tuple[Row, ...] = ()
    uncertain: bool = False


def progress(proposal: Proposal, task: Task) -> Progress:
    """An apply as it is now."""
    told = tuple(task.told)
    where = "all sites" if proposal.purpose.site == ALL else proposal.purpose.site
    ticket = proposal.purpose.ticket
    ended = task.outcome if isinstance(task.outcome, Ended) else Ended(error=task.error)
    if ended.error is not None:
        return _failed(
            f"Ticket {ticket} is not applied at {where}", ended.error, ended.since, told, where, over=task.over
        )
    if ended.applied is not None:
        done = _PURPOSES.get(proposal.purpose.kind, "applied")
        return Progress(
            f"Ticket {ticket} is {done} at {where}",
            "ok",
            running=False,
            over=task.over,
            told=told,
            results=(_result(ended.applied),),
        )
    if ended.outcomes:
        good = succeeded(ended.outcomes)
        results = tuple(
            SiteResult(
                each.site,
                outcome_tone(each),
                outcome_words(each),
                each.applied.change if each.applied is not None and each.state == APPLIED else 0,
            )
            for each in ended.outcomes
        )
        verdict = "is applied everywhere" if good else "is not applied everywhere"
        uncertain = any(each.state == UNKNOWN for each in ended.outcomes)
        return Progress(
            f"Ticket {ticket} {verdict}",
            "ok" if good else "bad",
            running=False,
            over=task.over,
            told=told,
            results=results,
            uncertain=uncertain,
        )
    return Progress(f"Applying ticket {ticket} at {where}", "info", running=True, over=task.over, told=told)


def _failed(
    headline: str,
    error: QmfAgentError,
    since: tuple[Mapping[str, Any], ...],
    told: tuple[Told, ...],
    site: str,
    *,
    over: bool,
) -> Progress:
    uncertain = isinstance(error, ConnectionLost | RequestTimeout)
    if uncertain:
        headline = "It is not known whether it was applied"
    return Progress(
        headline,
        "warn" if uncertain else "bad",
        running=False,
        over=over,
        told=told,
        problem=error.message,
        reason=reason_of(error),
        hint=error.hint,
        since=tuple(record_row(site, record) for record in reversed(since)),
        uncertain=uncertain,
    )


def _result(applied: Applied) -> SiteResult:
    text = f"{counted(applied.changes)} as change {applied.change}; its CIB is at version {applied.version}"
    return SiteResult(applied.site, "ok", text, applied.change)
