"""`qmfconsole diff`, `replicate`, `rollback` and `heal`: what changes the configuration of a site."""

from __future__ import annotations

import click

from consoles.cli.approval import approve, plan_option, plan_status, show_plan, yes_option
from consoles.cli.completion import complete_targets
from consoles.cli.everywhere import replicate_everywhere
from consoles.cli.names import naming_tickets
from consoles.cli.options import adopt_option, at_option, json_option, ticket_argument, to_option
from consoles.cli.progress import working
from consoles.settings import Settings

EVERYWHERE = "all"


@click.command("diff")
@ticket_argument
@to_option
@adopt_option
@json_option
@click.pass_obj
def diff_command(settings: Settings, ticket: str, site: str, adopt: bool, as_json: bool) -> int:
    """Show what replication of a TICKET from its holder would change at a site. Changes nothing.

    Exit status: 0 nothing to do, 2 there are changes, 1 the plan can't be applied.
    """
    with (
        settings.console() as console,
        naming_tickets(console, ticket),
        working(f"planning at {site}", silent=as_json),
    ):
        plan = console.plan(site, ticket, adopt)
    show_plan(plan, as_json)
    return plan_status(plan)


@click.command("replicate")
@ticket_argument
@click.option(
    "--to",
    "site",
    metavar="SITE",
    required=True,
    shell_complete=complete_targets,
    help="The site that receives, or 'all' for every one.",
)
@adopt_option
@plan_option
@yes_option
@click.option("--partial", is_flag=True, help="With --to all: apply where the plan is good, although others are not.")
@json_option
@click.pass_obj
def replicate_command(
    settings: Settings, ticket: str, site: str, adopt: bool, plan_only: bool, yes: bool, partial: bool, as_json: bool
) -> int:
    """Replicate a TICKET from its holder to a site: show the plan, ask, apply exactly that plan.

    With --to all: plan everywhere first, apply only where every plan is good, and roll the others back when one fails.

    Exit status: 0 applied or nothing to do, 1 the plan can't be applied, 2 there are changes and they were not applied
    (--plan, or the answer was no).
    """
    if site == EVERYWHERE:
        return replicate_everywhere(
            settings, ticket, adopt=adopt, plan_only=plan_only, yes=yes, partial=partial, as_json=as_json
        )
    if partial:
        raise click.UsageError("--partial goes with --to all")
    return approve(
        settings,
        site,
        lambda console: console.plan(site, ticket, adopt),
        ticket=ticket,
        plan_only=plan_only,
        yes=yes,
        as_json=as_json,
    )


@click.command("rollback")
@click.argument("change", type=click.IntRange(min=1))
@at_option
@plan_option
@yes_option
@json_option
@click.pass_obj
def rollback_command(settings: Settings, change: int, site: str, plan_only: bool, yes: bool, as_json: bool) -> int:
    """Bring what was delivered to a site back to how it was before a CHANGE, as 'history' numbers it: show the plan, ask,
    apply. The site is pinned then: nothing newer is applied by itself until 'ticket unpin'.

    Exit status: as replicate.
    """
    return approve(
        settings,
        site,
        lambda console: console.plan_rollback(site, change),
        plan_only=plan_only,
        yes=yes,
        as_json=as_json,
    )


@click.command("heal")
@ticket_argument
@at_option
@plan_option
@yes_option
@json_option
@click.pass_obj
def heal_command(settings: Settings, ticket: str, site: str, plan_only: bool, yes: bool, as_json: bool) -> int:
    """Undo what was edited at a site of what was delivered there for a TICKET: show the plan, ask, apply.

    Exit status: as replicate.
    """
    return approve(
        settings,
        site,
        lambda console: console.plan_heal(site, ticket),
        ticket=ticket,
        plan_only=plan_only,
        yes=yes,
        as_json=as_json,
    )
