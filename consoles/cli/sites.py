"""`qmfconsole sites`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from consoles.cli.options import json_option
from consoles.cli.output import print_json, print_table, unreachable_list
from consoles.cli.status import DONE
from consoles.settings import Settings
from consoles.values import Object
from consoles.words import words

_HELD = ["eq", "granted", ["quote", True]]


@click.command("sites")
@json_option
@click.pass_obj
def sites_command(settings: Settings, as_json: bool) -> int:
    """List the sites: node of the agent, CIB version, tickets held, and the sites it is connected with."""
    with settings.console() as console:
        sites = [
            _summary(site, held)
            for site, held in _with_tickets(console.query("Site"), console.query("Ticket", where=_HELD))
        ]
        unreachable = console.unreachable()
    if as_json:
        print_json({"sites": sites, "unreachable": unreachable_list(unreachable)})
    else:
        print_table(["site", "node", "CIB version", "tickets held", "connected with"], map(_row, sites))
    return DONE


def _with_tickets(sites: Iterable[Object], tickets: Iterable[Object]) -> Iterable[tuple[Object, list[str]]]:
    held = [(ticket.site, ticket.values["name"]) for ticket in tickets]
    for site in sites:
        yield site, [name for holder, name in held if holder == site.site]


def _summary(site: Object, held: list[str]) -> dict[str, Any]:
    return {
        "site": site.site,
        "node": site.values["hostname"],
        "cib_version": site.values["cib_version"],
        "cib_connected": site.values["connected"],
        "source": site.values["source"],
        "tickets": held,
        "peers": site.values["peers"],
    }


def _row(site: dict[str, Any]) -> list[str | tuple[str, str]]:
    version = site["cib_version"] if site["cib_connected"] else (f"not connected ({site['cib_version']})", "red")
    peers = [f"{peer['site']}{'' if peer['connected'] else ' (lost)'}" for peer in site["peers"]]
    style = "" if all(peer["connected"] for peer in site["peers"]) else "yellow"
    return [site["site"], site["node"], version, words(site["tickets"]), (words(peers), style)]
