"""`qmfconsole replicate --to all`: one table of all plans, one question, all sites or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from consoles.cli.approval import applied_document, applied_words, require_somebody_to_ask
from consoles.cli.names import naming_tickets
from consoles.cli.output import print_json, print_line, print_plan, print_table, warn
from consoles.cli.progress import working
from consoles.cli.status import CHANGES, DONE, ERROR
from consoles.everywhere import APPLIED, UNCHANGED, UNDONE, SiteOutcome, SitePlan, succeeded
from consoles.settings import Settings
from consoles.synchronous import Console
from qmfagent.cib.plans.report import count

_STYLES = {APPLIED: "green", UNCHANGED: "green", UNDONE: "yellow"}


def replicate_everywhere(
    settings: Settings, ticket: str, *, adopt: bool, plan_only: bool, yes: bool, partial: bool, as_json: bool
) -> int:
    """Plan everywhere, show it, ask, apply everywhere; the exit status."""
    require_somebody_to_ask(plan_only=plan_only, yes=yes, as_json=as_json)
    with settings.console() as console:
        with naming_tickets(console, ticket), working("planning at every site", silent=as_json):
            plans = console.plan_everywhere(ticket, adopt)
        good = [each for each in plans if each.good]
        changing = [each for each in good if each.plan is not None and each.plan.changes]
        bad = len(plans) - len(good)
        if not as_json:
            _show_plans(plans)
        stopped = _stopped(bad, len(changing), plan_only=plan_only, partial=partial)
        if stopped is None and not yes:
            everywhere = ", ".join(each.site for each in changing)
            stopped = None if click.confirm(f"Apply this at {everywhere}?") else CHANGES
        outcomes = (
            [] if stopped is not None else _apply(console, plans, [each.site for each in changing], silent=as_json)
        )
    if as_json:
        print_json({"ticket": ticket, "sites": _documents(plans, outcomes)})
    if stopped is not None:
        return stopped
    return DONE if succeeded(outcomes) and not bad else ERROR


def _stopped(bad: int, changing: int, *, plan_only: bool, partial: bool) -> int | None:
    """The exit status where nothing is to be applied; None where something is."""
    if bad and not partial:
        if not plan_only:
            warn("nothing is applied, since not every plan is good; --partial applies those that are")
        return ERROR
    if not changing:
        return ERROR if bad else DONE
    return CHANGES if plan_only else None


def _show_plans(plans: Sequence[SitePlan]) -> None:
    for each in plans:
        if each.plan is not None and (each.plan.changes or each.plan.errors):
            print_plan(each.plan)
    print_table(["site", "plan", "warnings"], map(_row, plans))


def _row(each: SitePlan) -> list[str | tuple[str, str]]:
    if each.plan is None or not each.good:
        return [each.site, (each.problem, "red"), ""]
    warnings = sum(problem["severity"] == "warning" for problem in each.plan.content["problems"])
    what = count(each.plan.changes) if each.plan.changes else "nothing to do"
    return [each.site, (what, "green"), (str(warnings), "yellow") if warnings else ""]


def _apply(console: Console, plans: Sequence[SitePlan], sites: Sequence[str], *, silent: bool) -> list[SiteOutcome]:
    """Apply at these sites, telling of each as it is done; JSON is one document, at the end."""
    with working(f"applying at {sites[0]} (1 of {len(sites)})", silent=silent) as progress:

        def told(outcome: SiteOutcome) -> None:
            if silent:
                return
            with progress.aside():
                _tell(outcome)
            if outcome.state == APPLIED and outcome.site in sites[:-1]:
                done = sites.index(outcome.site) + 1
                progress.step(f"applying at {sites[done]} ({done + 1} of {len(sites)})")
            elif outcome.state not in (APPLIED, UNCHANGED):
                progress.step("rolling back what was applied")

        return console.apply_everywhere(plans, told)


def _tell(outcome: SiteOutcome) -> None:
    what = applied_words(outcome.applied) if outcome.state == APPLIED and outcome.applied else outcome.message
    print_line(f"{outcome.site}: {outcome.state}{f': {what}' if what else ''}", _STYLES.get(outcome.state, "red"))


def _documents(plans: Sequence[SitePlan], outcomes: Sequence[SiteOutcome]) -> list[dict[str, Any]]:
    by_site = {outcome.site: outcome for outcome in outcomes}
    return [_document(each, by_site.get(each.site)) for each in plans]


def _document(each: SitePlan, outcome: SiteOutcome | None) -> dict[str, Any]:
    return {
        "site": each.site,
        "problem": each.problem,
        "token": each.plan.token if each.plan else "",
        "plan": each.plan.content if each.plan else None,
        "state": outcome.state if outcome else None,
        "message": outcome.message if outcome else "",
        "applied": applied_document(outcome.applied if outcome else None),
    }
