"""What the page of a plan shows: the plan itself, what stands against it, and what to do about that.

Rules of this file: pure. The plan is what report_html makes of it; what to do next is said here, for each problem once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from consoles.everywhere import SitePlan
from consoles.values import Plan
from qmfagent.cib.plans.report import tally, visible_changes
from qmfagent.cib.plans.report_html import plan_html

NEXT_STEPS: Mapping[str, str] = {
    "agent-not-allowed": "Put the agent into agents under [replication] of this site, if it is to be trusted.",
    "clash": "Rename one of the two elements. Where the local one depends on the ticket already, it can be taken over.",
    "drift": "The plan overwrites that edit. To keep it, make it an override in the site file, or the same edit at the holder.",
    "drifted": "Heal the edit first, which takes it back; or make it an override in the site file to keep it.",
    "holder": "Replicate from here to the others: a site that holds the ticket never applies.",
    "in-use": "Change or delete the local element that refers to it first.",
    "independent": "Let the ticket constraint name the whole collection at the holder, or apply it knowing that.",
    "no-agent": "Install the resource agent on every node of this site, then plan again.",
    "no-parameter": "Correct the parameter at the holder, or update the resource agent here.",
    "override-unused": "Correct its select in the site file, or remove it, unless it is for a ticket that is still to come.",
    "pattern": "Narrow the pattern at the holder, so that it reaches no local resource.",
    "schema": "Correct it at the holder, or update Pacemaker here where it does not know the holder's schema.",
    "ticket-rule": "Write it as a ticket rule at the holder, in a way that a site can settle.",
    "verify": "Correct it at the holder, or with an override here.",
}
"""What to do about a problem, by its code."""

READY, NOTHING, REFUSED = "ready", "nothing", "refused"


@dataclass(frozen=True, slots=True)
class PlanView:
    """One plan. `state` is READY where it can be applied, NOTHING where there is nothing to do, REFUSED where an error forbids
    it; `steps` say what to do about its problems. `adopt` and `heal` are whether to offer a plan that takes over local
    elements, or one that takes back edits."""

    site: str
    ticket: str
    html: Markup
    state: str
    steps: tuple[str, ...]
    adopt: bool = False
    heal: bool = False


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One site of a plan for all: how much changes there, or why it can't; with the plan in full where there is one."""

    site: str
    good: bool
    what: str
    warnings: int
    view: PlanView | None


def plan_view(plan: Plan) -> PlanView:
    """The page of a plan. Raises CibError where a change holds no XML."""
    problems = [problem for problem in plan.content["problems"] if problem["severity"] in ("error", "warning")]
    codes = dict.fromkeys(str(problem["code"]) for problem in problems)
    return PlanView(
        plan.site,
        plan.ticket,
        Markup(plan_html(plan.content, plan.site)),  # noqa: S704 - escaped where it is made
        REFUSED if plan.errors else READY if plan.token else NOTHING,
        tuple(NEXT_STEPS[code] for code in codes if code in NEXT_STEPS),
        adopt="clash" in codes,
        heal="drifted" in codes,
    )


def plan_rows(plans: tuple[SitePlan, ...]) -> tuple[PlanRow, ...]:
    """The plans for all sites, one row each. Raises as plan_view does."""
    return tuple(_row(each) for each in plans)


def _row(each: SitePlan) -> PlanRow:
    if each.plan is None:
        return PlanRow(each.site, good=False, what=each.problem, warnings=0, view=None)
    warnings = sum(problem["severity"] == "warning" for problem in each.plan.content["problems"])
    changes = visible_changes(each.plan.content)
    what = each.problem or (tally(changes) if each.plan.changes else "nothing to do")
    return PlanRow(each.site, each.good, what, warnings, plan_view(each.plan))
