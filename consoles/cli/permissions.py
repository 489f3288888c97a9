"""`qmfconsole permissions`: who the console is to the agents, and what it may do."""

from __future__ import annotations

from typing import Any

import click

from consoles.cli.options import json_option, site_option
from consoles.cli.output import print_json, print_line, print_table, unreachable_list
from consoles.cli.status import DONE
from consoles.permissions import Permission, Permissions
from consoles.settings import Settings


@click.command("permissions")
@site_option
@json_option
@click.pass_obj
def permissions_command(settings: Settings, site: str | None, as_json: bool) -> int:
    """Show who you are to the agents, and which of their methods you may call. Every call is decided anew all the same."""
    with settings.console() as console:
        found = [console.permissions(each) for each in ([site] if site else console.sites())]
        unreachable = console.unreachable()
    if as_json:
        print_json({"sites": list(map(_document, found)), "unreachable": unreachable_list(unreachable)})
        return DONE
    for each in found:
        if each.permitted is None:
            print_line(f"{each.site} does not tell: its agent is older than 0.2.0", "yellow")
            continue
        print_line(f"{each.site}: you are {each.identity}", "bold")
        print_table(["  method", "for"], [[f"  {one.name}", _subject(one)] for one in each.permitted])
    return DONE


def _document(found: Permissions) -> dict[str, Any]:
    permitted = None if found.permitted is None else [_permission(each) for each in found.permitted]
    return {"site": found.site, "identity": found.identity, "permitted": permitted}


def _permission(each: Permission) -> dict[str, Any]:
    return {
        "class": each.class_name,
        "method": each.method,
        "any": each.any,
        "tickets": sorted(each.tickets),
        "remote": each.remote,
    }


def _subject(each: Permission) -> str:
    tickets = "everything" if each.any else f"tickets {', '.join(sorted(each.tickets))}"
    return f"{tickets}, with {each.remote}" if each.remote else tickets
