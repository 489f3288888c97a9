"""`qmfconsole history`, and `qmfconsole show CHANGE`: what has happened to tickets, and what one change did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from consoles.cli.completion import complete_tickets
from consoles.cli.names import unknown_ticket
from consoles.cli.options import json_option, site_option
from consoles.cli.output import print_json, print_line, print_lines, print_pairs, print_table, unreachable_list, warn
from consoles.cli.status import DONE
from consoles.happened import happened
from consoles.settings import Settings
from consoles.synchronous import Console
from consoles.words import moment, words
from qmfagent.cib.plans.report import change_lines
from qmfagent.errors import BusError, UnknownObject

_STYLES = {"apply_failed": "red", "publish_failed": "red", "drift_found": "yellow", "rolled_back": "yellow"}


@click.command("history")
@click.argument("ticket", required=False, default="", shell_complete=complete_tickets)
@site_option
@click.option(
    "--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="So many changes of each site."
)
@json_option
@click.pass_obj
def history_command(settings: Settings, ticket: str, site: str | None, limit: int, as_json: bool) -> int:
    """Show what has happened to a TICKET, or to all, newest first: publications, applies, rollbacks, drift, grants.

    The number of a change, at its site, is what 'show' and 'rollback' go by.
    """
    with settings.console() as console:
        found = [
            (each, change)
            for each in ([site] if site else console.sites())
            for change in _of_site(console, each, ticket, limit, alone=bool(site))
        ]
        unreachable = console.unreachable()
        if ticket and not found and (problem := unknown_ticket(console, ticket)):
            warn(problem)
    found.sort(key=lambda pair: pair[1]["time"], reverse=True)
    if as_json:
        changes = [{"site": each, **change} for each, change in found]
        print_json({"changes": changes, "unreachable": unreachable_list(unreachable)})
    else:
        print_table(["time", "site", "change", "what", "ticket", "by", ""], (_row(each, made) for each, made in found))
    return DONE


def show_change(settings: Settings, number: int, site: str | None, *, as_json: bool) -> int:
    """Print one change of a site, which need not be named where there is but one; the exit status."""
    with settings.console() as console:
        at = site or _only(console.sites())
        change = console.change(at, number)
    if as_json:
        print_json({"site": at, **change})
        return DONE
    print_line(f"change {number} at {at}: {change['name']}", "bold")
    shown = {name: value for name, value in change.items() if name not in ("number", "name", "time", "diff", "kept")}
    print_pairs([("  time", moment(change["time"])), *((f"  {name}", words(value)) for name, value in shown.items())])
    for each in change["diff"]:
        print_lines(change_lines(each))
    return DONE


def _of_site(console: Console, site: str, ticket: str, limit: int, *, alone: bool) -> list[Mapping[str, Any]]:
    try:
        return console.history(site, ticket, limit)
    except BusError as error:
        if alone:
            raise
        warn(f"{site}: {error}")
        return []


def _only(sites: list[str]) -> str:
    if len(sites) != 1:
        raise UnknownObject(
            "each site numbers its changes by itself", hint=f"say whose it is: --site {'|'.join(sites) or 'SITE'}"
        )
    return sites[0]


def _row(site: str, change: Mapping[str, Any]) -> list[str | tuple[str, str]]:
    what = str(change["name"])
    return [
        moment(change["time"]),
        site,
        str(change["number"]),
        (what, _STYLES.get(what, "")),
        words(change.get("ticket", "")),
        words(change.get("by", "")),
        happened(change),
    ]
