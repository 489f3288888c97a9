"""`qmfconsole drill`: what a site would do with a ticket, before it has to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from consoles.cli.names import naming_tickets
from consoles.cli.options import at_option, json_option, ticket_argument
from consoles.cli.output import print_json, print_lines
from consoles.cli.progress import working
from consoles.cli.status import DONE, ERROR
from consoles.settings import Settings
from qmfagent.cib.plans.report import Line, action_style, action_words, blocked_words


@click.command("drill")
@ticket_argument
@at_option
@json_option
@click.pass_obj
def drill_command(settings: Settings, ticket: str, site: str, as_json: bool) -> int:
    """Simulate the grant of a TICKET at a site on the configuration it has: what would run where, what would not, and why.
    Changes nothing.

    Exit status: 0 all would run, 1 something would not, or it can't be told.
    """
    with (
        settings.console() as console,
        naming_tickets(console, ticket),
        working(f"simulating at {site} that {ticket} is granted there", silent=as_json),
    ):
        result = console.drill(site, ticket)
    if as_json:
        print_json({"site": site, **result})
    else:
        print_lines(_lines(site, result))
    return DONE if result["ok"] else ERROR


def _lines(site: str, result: Mapping[str, Any]) -> Iterator[Line]:
    for problem in result["problems"]:
        yield problem["severity"], f"{problem['severity']}: {problem['message']}"
    verdict = "all of it would run" if result["ok"] else "not all of it would run"
    yield "head", f"ticket {result['ticket']} granted to {site} (CIB {result['version']}): {verdict}"
    for running in result["running"]:
        yield "add", f"  {running['resource']}: {running['role']} on {', '.join(running['nodes'])}"
    for blocked in result["blocked"]:
        yield "error", f"  {blocked_words(blocked)}"
    if result["actions"]:
        yield "head", "what the cluster would do:"
    for action in result["actions"]:
        yield action_style(action), f"  {action_words(action)}"
