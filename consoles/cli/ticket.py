"""`qmfconsole tickets` and `qmfconsole ticket`."""

from __future__ import annotations

from typing import Any

import click

from consoles.cli.names import naming_tickets
from consoles.cli.options import at_option, json_option, ticket_argument
from consoles.cli.output import print_json, print_line, print_table, unreachable_list
from consoles.cli.status import DONE
from consoles.settings import Settings
from consoles.ticket_actions import ACTIONS
from consoles.tickets import HOLDER, TicketAt, TicketStatus

_STYLES = {HOLDER: "bold green", "in-sync": "green", "behind": "yellow", "blocked": "red", "unreachable": "red"}


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
    if not tickets:
        print_line("no ticket is known: no rsc_ticket constraint names one, and none was ever granted")
        return DONE
    sites = sorted({at.site for ticket in tickets for at in ticket.sites})
    rows = []
    for ticket in tickets:
        cells = {at.site: (_words(at, split=len(ticket.holders) > 1), _STYLES.get(at.state, "")) for at in ticket.sites}
        rows.append([ticket.name, *(cells.get(site, "") for site in sites)])
    print_table(["ticket", *sites], rows)
    return DONE


@click.command("ticket")
@click.argument("action", type=click.Choice(list(ACTIONS)))
@ticket_argument
@at_option
@json_option
@click.pass_obj
def ticket_command(settings: Settings, action: str, ticket: str, site: str, as_json: bool) -> int:
    """Grant a TICKET to a site or revoke it, put it in standby or activate it again, as crm_ticket or booth do.

    Or say how the site follows it: pause (nothing is applied or healed by itself) until resume; pin (nothing newer is
    applied by itself than what is there now, as after a rollback) until unpin.
    """
    with settings.console() as console, naming_tickets(console, ticket):
        console.call(site, f"Ticket:{ticket}", action)
    if as_json:
        print_json({"site": site, "ticket": ticket, "action": action})
    else:
        print_line(f"ticket {ticket} is {ACTIONS[action]} {site}")
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
            "hold": at.hold,
            "drift": at.drift,
            "paused": at.paused,
            "pinned": at.pinned,
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
    if at.drift:
        parts.append(f"drifted ({at.drift} field{'s' if at.drift > 1 else ''})")
    parts += [word for word, holds in (("paused", at.paused), ("pinned", at.pinned)) if holds]
    if at.mode and at.state != HOLDER:
        parts.append(at.mode)
    return ", ".join(parts)
