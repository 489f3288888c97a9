"""`qmfconsole diff` and `qmfconsole replicate`.

Rules of this file: nothing is applied that was not shown: what is applied is named by the token of the plan that was
printed, and only with --yes, or a yes on the terminal.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from consoles.cli.output import print_json, print_line, print_plan
from consoles.cli.settings import Settings, adopt_option, json_option
from consoles.cli.status import CHANGES, DONE, ERROR
from consoles.values import Applied, Plan

to_option = click.option("--to", "site", metavar="SITE", required=True, help="The site that receives.")


@click.command("diff")
@click.argument("ticket")
@to_option
@adopt_option
@json_option
@click.pass_obj
def diff_command(settings: Settings, ticket: str, site: str, adopt: bool, as_json: bool) -> int:
    """Show what replication of a TICKET from its holder would change at a site. Changes nothing.

    Exit status: 0 nothing to do, 2 there are changes, 1 the plan can't be applied.
    """
    with settings.console() as console:
        plan = console.plan(site, ticket, adopt)
    _print_plan(plan, as_json)
    return _status(plan)


@click.command("replicate")
@click.argument("ticket")
@to_option
@adopt_option
@click.option("--plan", "plan_only", is_flag=True, help="Show the plan and stop.")
@click.option("--yes", is_flag=True, help="Apply the plan without asking.")
@json_option
@click.pass_obj
def replicate_command(
    settings: Settings, ticket: str, site: str, adopt: bool, plan_only: bool, yes: bool, as_json: bool
) -> int:
    """Replicate a TICKET from its holder to a site: show the plan, ask, apply exactly that plan.

    Exit status: 0 applied or nothing to do, 1 the plan can't be applied, 2 there are changes and they were not applied
    (--plan, or the answer was no).
    """
    if plan_only and yes:
        raise click.UsageError("--plan and --yes exclude each other")
    if not (plan_only or yes) and (as_json or not sys.stdin.isatty()):
        raise click.UsageError("nobody can be asked here: give --yes to apply the plan, or --plan to see it only")
    with settings.console() as console:
        plan = console.plan(site, ticket, adopt)
        if plan_only or not plan.token:
            _print_plan(plan, as_json, applied=None)
            return _status(plan)
        if not as_json:
            _print_plan(plan, as_json)
        if not yes and not click.confirm(f"Apply this at {site}?"):
            return CHANGES
        applied = console.apply(site, plan.token)
    if as_json:
        _print_plan(plan, as_json, applied=applied)
    else:
        changes = "1 change" if applied.changes == 1 else f"{applied.changes} changes"
        print_line(f"applied {changes} at {site}; its CIB is at version {applied.version}", "green")
    return DONE


def _print_plan(plan: Plan, as_json: bool, **more: Applied | None) -> None:
    if not as_json:
        print_plan(plan)
        return
    extra = {key: None if it is None else {"changes": it.changes, "version": it.version} for key, it in more.items()}
    document: dict[str, Any] = {"site": plan.site, "ticket": plan.ticket, "token": plan.token, "plan": plan.content}
    print_json({**document, **extra})


def _status(plan: Plan) -> int:
    if plan.errors:
        return ERROR
    return CHANGES if plan.changes else DONE
