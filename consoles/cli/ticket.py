"""`qmfconsole tickets` and `qmfconsole ticket`."""

from __future__ import annotations

from typing import Any

import click

from consoles.cli.output import print_json, print_line, print_table, unreachable_list
from consoles.cli.settings import Settings, json_option
from consoles.cli.status import DONE
from consoles.tickets import HOLDER, TicketAt, TicketStatus

_STYLES = {HOLDER: "bold green", "in-sync": "green", "behind": "yellow", "blocked": "red", "unreachable": "red"}
_DONE = {"grant": "granted to", "revoke": "revoked from", "standby": "in standby at", "activate": "active at"}


@click.command("tickets")
@json_option
@click.pass_obj
def tickets_command(settings: Settings, as_json: bool) -> int:
    """Show for each ticket which site holds it, and where its replicas stand at the others."""
    with settings.console() as console:
        tickets = console.tickets()
        unreachable = console.unreachable()
    if as_json:
        print_json({"tickets": [_document(each) for each in tickets], "unreachable": unreachable_list(unreachable)})
        return DONE
    sites = sorted({at.site for ticket in tickets for at in ticket.sites})
    rows = []
    for ticket in tickets:
        cells = {at.site: (_words(at, split=len(ticket.holders) > 1), _STYLES.get(at.state, "")) for at in ticket.sites}
        rows.append([ticket.name, *(cells.get(site, "") for site in sites)])
    print_table(["ticket", *sites], rows)
    return DONE


@click.command("ticket")
@click.argument("action", type=click.Choice(list(_DONE)))
@click.argument("ticket")
@click.option("--site", required=True, help="The site to do it at.")
@json_option
@click.pass_obj
def ticket_command(settings: Settings, action: str, ticket: str, site: str, as_json: bool) -> int:
    """Grant a TICKET to a site or revoke it, put it in standby or activate it again, as crm_ticket does."""
    with settings.console() as console:
        console.call(site, f"Ticket:{ticket}", action)
    if as_json:
        print_json({"site": site, "ticket": ticket, "action": action})
    else:
        print_line(f"ticket {ticket} is {_DONE[action]} {site}")
    return DONE


def _document(ticket: TicketStatus) -> dict[str, Any]:
    sites = [
        {
            "site": at.site,
            "state": at.state,
            "standby": at.standby,
            "mode": at.mode,
            "reason": at.reason,
            "message": at.message,
        }
        for at in ticket.sites
    ]
    return {"ticket": ticket.name, "holders": list(ticket.holders), "sites": sites}


def _words(at: TicketAt, *, split: bool) -> str:
    parts = [f"{at.state}: {at.reason}" if at.reason else at.state]
    if at.state == HOLDER and split:
        parts.append("one of several")
    if at.standby:
        parts.append("standby")
    if at.mode and at.state != HOLDER:
        parts.append(at.mode)
    return ", ".join(parts)
