"""`qmfconsole replicate-now`: the holder has another site plan and apply, and this console need not reach that site."""

from __future__ import annotations

import sys

import click

from consoles.cli.approval import applied_document, applied_words
from consoles.cli.names import naming_tickets
from consoles.cli.options import json_option, ticket_argument, to_option
from consoles.cli.output import print_json, print_line
from consoles.cli.progress import working
from consoles.cli.status import CHANGES, DONE
from consoles.everywhere import single_holder
from consoles.settings import Settings


@click.command("replicate-now")
@ticket_argument
@to_option
@click.option("--yes", is_flag=True, help="Do it without asking.")
@json_option
@click.pass_obj
def replicate_now_command(settings: Settings, ticket: str, site: str, yes: bool, as_json: bool) -> int:
    """Have the holder of a TICKET replicate it to a site at once: the holder's agent asks that site's to plan and apply, and
    nobody looks at the plan. A plan that would overwrite what was edited there is refused.

    Exit status: 0 applied or nothing to do, 2 the answer was no.
    """
    if not yes and (as_json or not sys.stdin.isatty()):
        raise click.UsageError("nobody can be asked here: give --yes to replicate without a look at the plan")
    with settings.console() as console:
        with naming_tickets(console, ticket):
            holder = single_holder(console.tickets(), ticket)
        question = f"Replicate {ticket} from {holder} to {site} without a look at the plan?"
        if not yes and not click.confirm(question):
            return CHANGES
        with working(f"{holder} replicates {ticket} to {site}", silent=as_json):
            applied = console.replicate_now(holder, ticket, site)
    if as_json:
        document = {"site": site, "ticket": ticket, "holder": holder, "applied": applied_document(applied)}
        print_json(document)
    elif applied.changes:
        print_line(f"applied {applied_words(applied)}", "green")
    else:
        print_line(f"ticket {ticket}: nothing to do at {site}")
    return DONE
