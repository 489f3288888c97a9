"""`qmfagent check`: the health of agents and of their replication, for Nagios and what speaks like it.

Rules of this file: one line on standard output and one of four exit statuses, whatever happens. It is a console, and so its
place is here; qmfagent/__main__.py puts it among the commands of the agent, where administrators look for it.
Source: Monitoring Plugins Development Guidelines, "Plugin Return Codes", "Plugin Options".
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from consoles.cli.completion import complete_sites, complete_tickets
from consoles.cli.connecting import connection_options
from consoles.health import LAGGING, Limit, Seen, Status, Verdict, judge, said
from consoles.settings import settings_of
from consoles.synchronous import Console
from consoles.tickets import HOLDER, TicketStatus, ticket_statuses
from qmfagent.errors import BusError, ConfigError, QmfAgentError, UnknownObject
from qmfagent.telemetry.lag import Lag, lag

PUBLISHED, DRILLED = "published", "drill_done"
MOST = 500
"""Records of a ticket's history that are looked at: all that one answer has."""

_SECONDS = click.FloatRange(min=0)
_FIELDS = click.IntRange(min=0)


class _Plugin(click.Command):
    """A command whose wrong usage ends as that of a plugin does."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the arguments. Raises Exit for what can't be read, once that is said."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            raise _ended(said(Status.UNKNOWN, error.format_message())) from None


@click.command("check", cls=_Plugin)
@connection_options
@click.option(
    "--site", "sites", multiple=True, shell_complete=complete_sites, help="Of this site alone. May be repeated."
)
@click.option(
    "--ticket", "tickets", multiple=True, shell_complete=complete_tickets, help="Of this ticket alone. May be repeated."
)
@click.option(
    "-w", "--warning", type=_SECONDS, default=300, show_default=True, help="Seconds of lag above which it is a warning."
)
@click.option(
    "-c",
    "--critical",
    type=_SECONDS,
    default=3600,
    show_default=True,
    help="Seconds of lag above which it is critical.",
)
@click.option(
    "--drift-warning",
    type=_FIELDS,
    default=0,
    show_default=True,
    help="Fields that differ from what was delivered above which it is a warning.",
)
@click.option("--drift-critical", type=_FIELDS, help="The same for critical. Default: never.")
@click.option(
    "--verify-journal", is_flag=True, help="Have the sites verify their journals too, which reads all of them."
)
@click.pass_context
def check_command(
    context: click.Context,
    /,
    sites: tuple[str, ...],
    tickets: tuple[str, ...],
    warning: float,
    critical: float,
    drift_warning: int,
    drift_critical: int | None,
    verify_journal: bool,
    **options: Any,
) -> int:
    """Check agents and the replication between their sites, as a plugin of Nagios or Icinga.

    It asks as a console does, and may do with the role viewer. CIB, peers, tickets that two sites hold, replicas that are
    blocked or behind, drift, and failed drills are looked at. Exit status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
    """
    logging.getLogger("qmfagent").addHandler(logging.NullHandler())  # what matters is in the verdict
    problems: list[str] = []
    try:
        with settings_of(context, problems.append).console() as console:
            seen = _look(console, sites, tickets, verify=verify_journal)
        # What was found out while they were asked stands in the same list.
        seen = replace(seen, problems=[*problems, *seen.problems])
        verdict = judge(seen, Limit(warning, critical), Limit(drift_warning, drift_critical))
    except click.UsageError as error:
        verdict = said(Status.UNKNOWN, error.format_message())
    except ConfigError as error:
        verdict = said(Status.UNKNOWN, str(error))
    except BusError as error:
        verdict = said(Status.CRITICAL, str(error))
    except QmfAgentError as error:
        verdict = said(Status.UNKNOWN, str(error))
    except Exception as error:
        # A traceback would end in status 1, which is a warning.
        verdict = said(Status.UNKNOWN, f"a fault of this program: {error!r}")
    raise _ended(verdict)


def _ended(verdict: Verdict) -> click.exceptions.Exit:
    click.echo(verdict.line)
    return click.exceptions.Exit(verdict.status)


def _look(console: Console, sites: Collection[str], tickets: Collection[str], *, verify: bool) -> Seen:
    """What there is to see. Raises as Console.query does."""
    objects = [site for site in console.query("Site") if not sites or site.site in sites]
    answering = {site.site for site in objects}
    problems = [f"{site}: its agent can't be reached" for site in sorted(set(sites) - answering)]
    everywhere = console.query("Ticket")
    known = [
        status
        for status in ticket_statuses(everywhere, console.query("Replica"))
        if not tickets or status.name in tickets
    ]
    problems += [f"{name}: no site knows this ticket" for name in sorted(set(tickets) - {each.name for each in known})]
    if verify:
        problems += _damaged(console, sorted(answering))
    shown = [_only(status, sites) for status in known]
    drilled = [
        (str(ticket.values["name"]), ticket.site)
        for ticket in everywhere
        if ticket.values["drilled_at"]
        and ticket.site in answering
        and (not tickets or ticket.values["name"] in tickets)
    ]
    return Seen(objects, shown, _lags(console, known, sites), _failed(console, drilled), problems)


def _only(status: TicketStatus, sites: Collection[str]) -> TicketStatus:
    """A ticket at those sites, all where there are none, and at its holders: two of them are every site's affair."""
    wanted = tuple(at for at in status.sites if not sites or at.site in sites or at.state == HOLDER)
    return TicketStatus(status.name, wanted)


def _lags(console: Console, statuses: Iterable[TicketStatus], sites: Collection[str]) -> dict[tuple[str, str], Lag]:
    """The lags of the sites that may be behind a holder that can be asked, by ticket and site."""
    found: dict[tuple[str, str], Lag] = {}
    for status in statuses:
        waiting = [at for at in status.sites if at.state in LAGGING and (not sites or at.site in sites)]
        if not waiting or len(status.holders) != 1:
            continue
        published = [
            (str(change["digest"]), int(change["time"]))
            for change in _history(console, status.holders[0], status.name)
            if change["name"] == PUBLISHED
        ]
        for at in waiting:
            found[status.name, at.site] = lag(published, at.applied, time.time_ns())
    return found


def _failed(console: Console, drilled: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those tickets and sites whose newest drill found that something would not run."""
    return [
        (ticket, site)
        for ticket, site in drilled
        if not next((each["ok"] for each in _history(console, site, ticket) if each["name"] == DRILLED), True)
    ]


def _history(console: Console, site: str, ticket: str) -> Sequence[Mapping[str, Any]]:
    return console.history(site, ticket, MOST)


def _damaged(console: Console, sites: Iterable[str]) -> list[str]:
    problems = []
    for site in sites:
        try:
            console.verify_journal(site)
        except (BusError, UnknownObject) as error:
            problems.append(f"{site}: the journal: {error}")
    return problems
