"""Plans that a person says yes to: shown, asked about, applied by their token.

Rules of this file: nothing is applied that was not shown: what is applied is named by the token of the plan that was
printed, and only with --yes, or a yes on the terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from consoles.cli.names import naming_tickets
from consoles.cli.output import print_json, print_line, print_plan
from consoles.cli.progress import working
from consoles.cli.status import CHANGES, DONE, ERROR
from consoles.settings import Settings
from consoles.synchronous import Console
from consoles.values import Applied, Plan
from qmfagent.cib.plans.report import counted

plan_option = click.option("--plan", "plan_only", is_flag=True, help="Show the plan and stop.")
yes_option = click.option("--yes", is_flag=True, help="Apply the plan without asking.")


def require_somebody_to_ask(*, plan_only: bool, yes: bool, as_json: bool) -> None:
    """Raise UsageError where the options exclude each other, or leave a question that nobody could answer."""
    if plan_only and yes:
        raise click.UsageError("--plan and --yes exclude each other")
    if not (plan_only or yes) and (as_json or not sys.stdin.isatty()):
        raise click.UsageError("nobody can be asked here: give --yes to apply the plan, or --plan to see it only")


def approve(
    settings: Settings,
    site: str,
    make_plan: Callable[[Console], Plan],
    *,
    plan_only: bool,
    yes: bool,
    as_json: bool,
    ticket: str = "",
) -> int:
    """Show the plan that `make_plan` makes at a site, ask, apply exactly that plan; the exit status. `ticket` is the one that
    was named for it."""
    require_somebody_to_ask(plan_only=plan_only, yes=yes, as_json=as_json)
    with settings.console() as console:
        with naming_tickets(console, ticket), working(f"planning at {site}", silent=as_json):
            plan = make_plan(console)
        if plan_only or not plan.token:
            show_plan(plan, as_json, applied=None)
            return plan_status(plan)
        if not as_json:
            show_plan(plan, as_json)
        if not yes and not click.confirm(f"Apply this at {plan.site}?"):
            return CHANGES
        with working(f"applying at {plan.site}", silent=as_json):
            applied = console.apply(plan.site, plan.token)
    if as_json:
        show_plan(plan, as_json, applied=applied)
    else:
        print_line(f"applied {applied_words(applied)}", "green")
    return DONE


def applied_words(applied: Applied) -> str:
    """ "2 changes at site-b as change 17; its CIB is at version 0.8.0"."""
    number = f" as change {applied.change}" if applied.change else ""
    return f"{counted(applied.changes)} at {applied.site}{number}; its CIB is at version {applied.version}"


def applied_document(applied: Applied | None) -> dict[str, Any] | None:
    """What was applied, for JSON."""
    if applied is None:
        return None
    return {"changes": applied.changes, "version": applied.version, "change": applied.change}


def show_plan(plan: Plan, as_json: bool, **more: Applied | None) -> None:
    """Print a plan, in JSON with what else is known."""
    if not as_json:
        print_plan(plan)
        return
    extra = {key: applied_document(value) for key, value in more.items()}
    document: dict[str, Any] = {"site": plan.site, "ticket": plan.ticket, "token": plan.token, "plan": plan.content}
    print_json({**document, **extra})


def plan_status(plan: Plan) -> int:
    """The exit status that a plan alone ends in."""
    if plan.errors:
        return ERROR
    return CHANGES if plan.changes else DONE
