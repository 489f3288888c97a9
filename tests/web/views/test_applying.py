"""What the page of an apply shows, whatever it ends in."""

from __future__ import annotations

import pytest

from consoles.everywhere import SiteOutcome, SitePlan
from consoles.values import Applied, Plan
from consoles.web.applying import Ended
from consoles.web.views.applying import progress
from consoles.web.work import ALL, Proposal, Purpose, Task
from qmfagent.errors import ConnectionLost, QmfAgentError, RemoteError
from tests.consoles.conftest import PLAN

APPLIED = Applied("siteb", "db", 2, "0.8.0", 17)


def proposal(kind: str = "replicate", site: str = "siteb") -> Proposal:
    plans = (SitePlan("siteb", Plan("siteb", "db", PLAN["token"], PLAN)),)
    return Proposal("t", Purpose(kind, "db", site), plans, {})


def task(outcome: Ended | None = None, error: QmfAgentError | None = None, *, over: bool = True) -> Task:
    made = Task()
    made.outcome, made.error, made.over = outcome, error, over
    return made


def test_while_it_is_under_way_its_steps_are_told() -> None:
    going = task(over=False)
    going.tell("siteb", "info", "writes 2 changes", 7)
    shown = progress(proposal(), going)
    assert (shown.headline, shown.running, shown.over) == ("Applying ticket db at siteb", True, False)
    assert [(step.time, step.text) for step in shown.told] == [(7, "writes 2 changes")]


@pytest.mark.parametrize(("kind", "word"), [("replicate", "applied"), ("rollback", "rolled back"), ("heal", "healed")])
def test_what_was_written_is_named_by_its_change(kind: str, word: str) -> None:
    shown = progress(proposal(kind), task(Ended(APPLIED), over=False))
    assert (shown.headline, shown.tone, shown.running) == (f"Ticket db is {word} at siteb", "ok", False)
    assert (shown.results[0].change, shown.results[0].text) == (
        17,
        "2 changes as change 17; its CIB is at version 0.8.0",
    )


def test_a_refusal_tells_its_reason_and_what_happened_since() -> None:
    refusal = RemoteError("no plan has that token", reason="unknown-token")
    since = tuple(
        {"name": "ticket_changed", "number": number, "time": number, "ticket": "db", "granted": True, "standby": False}
        for number in (4, 5)
    )
    shown = progress(proposal(), task(Ended(error=refusal, since=since)))
    assert (shown.tone, shown.reason, shown.uncertain) == ("bad", "unknown-token", False)
    assert [row.number for row in shown.since] == [5, 4]


def test_a_missing_answer_is_no_failure() -> None:
    shown = progress(proposal(), task(Ended(error=ConnectionLost("gone"))))
    assert (shown.headline, shown.tone, shown.uncertain) == ("It is not known whether it was applied", "warn", True)


def test_a_task_that_failed_is_told_too() -> None:
    shown = progress(proposal(), task(error=QmfAgentError("this has failed")))
    assert (shown.running, shown.problem) == (False, "this has failed")


@pytest.mark.parametrize(
    ("states", "headline", "tone", "uncertain"),
    [
        (("applied", "unchanged"), "Ticket db is applied everywhere", "ok", False),
        (("rolled-back", "failed"), "Ticket db is not applied everywhere", "bad", False),
        (("not-rolled-back", "unknown"), "Ticket db is not applied everywhere", "bad", True),
    ],
)
def test_all_sites(states: tuple[str, str], headline: str, tone: str, uncertain: bool) -> None:
    outcomes = tuple(SiteOutcome(state, state, APPLIED) for state in states)
    shown = progress(proposal(site=ALL), task(Ended(outcomes=outcomes)))
    assert (shown.headline, shown.tone, shown.uncertain) == (headline, tone, uncertain)
    assert [result.change for result in shown.results] == [17 if state == "applied" else 0 for state in states]
