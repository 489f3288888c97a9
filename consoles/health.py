"""Whether sites and their replication are well, as a monitoring plugin tells it.

Rules of this file: pure. What may cost a failover, or is a fault by itself, is critical; what a person should look at soon is a
warning. A lag is known to who can ask the holder; where nobody can, that a site is behind is a warning by itself.
Source: Monitoring Plugins Development Guidelines, "Plugin Output for Nagios", "Threshold and Ranges".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from consoles.tickets import TicketAt, TicketStatus
from consoles.values import Object
from consoles.words import safe
from qmfagent.telemetry.lag import Lag

NAME = "QMFAGENT"
BEHIND, BLOCKED, UNREACHABLE = LAGGING = ("behind", "blocked", "unreachable")
"""States of a replica that may lack publications."""


class Status(IntEnum):
    """The exit statuses of a plugin."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Limit:
    """A value is a warning, or critical, above these; None for never."""

    warning: float | None
    critical: float | None

    def judge(self, value: float) -> Status:
        """What a value is."""
        if self.critical is not None and value > self.critical:
            return Status.CRITICAL
        return Status.WARNING if self.warning is not None and value > self.warning else Status.OK

    def __str__(self) -> str:
        """Both, as performance data has them."""
        return ";".join("" if limit is None else f"{limit:g}" for limit in (self.warning, self.critical))


@dataclass(frozen=True, slots=True)
class Seen:
    """What a console has found.

    `sites` are the Site objects, `tickets` the statuses of tickets. `lags` are known lags by ticket and receiving site,
    `drills` the tickets whose newest drill found that something would not run, with the site. `problems` are what could not be
    asked, or is damaged, in words.
    """

    sites: Sequence[Object]
    tickets: Sequence[TicketStatus]
    lags: Mapping[tuple[str, str], Lag] = field(default_factory=dict)
    drills: Collection[tuple[str, str]] = ()
    problems: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not well."""

    status: Status
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is told: the worst status, and one line."""

    status: Status
    line: str


def judge(seen: Seen, lag: Limit, drift: Limit) -> Verdict:
    """The verdict on what was found; the limits are of seconds of lag and of fields of drift."""
    # By their status, and in the order in which they were found.
    found = sorted(_findings(seen, lag, drift), key=lambda each: -each.status)
    status = found[0].status if found else Status.OK
    text = "; ".join(finding.text for finding in found) or _well(seen)
    return said(status, text, _figures(seen, lag, drift))


def said(status: Status, text: str, figures: str = "") -> Verdict:
    """A verdict in the form of a plugin's line, in which a bar divides text and figures."""
    line = f"{NAME} {status.name} - {safe(text).replace('|', '/')}"
    return Verdict(status, f"{line} | {figures}" if figures else line)


def _findings(seen: Seen, lag: Limit, drift: Limit) -> Iterator[Finding]:
    for problem in seen.problems:
        yield Finding(Status.CRITICAL, problem)
    for site in seen.sites:
        if not site.values["connected"]:
            yield Finding(Status.CRITICAL, f"{site.site}: the CIB can't be read")
        for peer in site.values["peers"]:
            if not peer["connected"]:
                yield Finding(Status.WARNING, f"{site.site}: {peer['site']} can't be reached")
    for ticket in seen.tickets:
        if len(ticket.holders) > 1:
            yield Finding(Status.CRITICAL, f"{ticket.name}: held by {' and '.join(ticket.holders)}")
        for at in ticket.sites:
            yield from _at(ticket.name, at, seen.lags.get((ticket.name, at.site)), lag, drift)
    for name, where in sorted(seen.drills):
        yield Finding(Status.WARNING, f"{name} at {where}: the last drill failed")


def _at(ticket: str, at: TicketAt, known: Lag | None, lag: Limit, drift: Limit) -> Iterator[Finding]:
    where = f"{ticket} at {at.site}"
    if at.state == BLOCKED:
        yield Finding(Status.CRITICAL, f"{where}: blocked ({at.reason}: {at.message})")
    if known is not None:
        status = lag.judge(known.seconds)
        if status is not Status.OK:
            publications = f"{known.publications} publication{'s' if known.publications != 1 else ''}"
            yield Finding(status, f"{where}: {publications} behind for {known.seconds:.0f} s{_why(at)}")
    elif at.state == BEHIND:
        yield Finding(
            Status.WARNING, f"{where}: behind{_why(at)}, for how long its holder knows: give the URL of that too"
        )
    status = drift.judge(at.drift)
    if status is not Status.OK:
        yield Finding(status, f"{where}: drifted ({at.drift} field{'s' if at.drift != 1 else ''})")


def _why(at: TicketAt) -> str:
    return f" ({at.hold})" if at.hold else ""


def _well(seen: Seen) -> str:
    sites, tickets = len(seen.sites), len(seen.tickets)
    held = ", ".join(f"{ticket.name} at {ticket.holders[0]}" for ticket in seen.tickets if ticket.holders)
    counted = f"{sites} site{'s' if sites != 1 else ''}, {tickets} ticket{'s' if tickets != 1 else ''}"
    return f"{counted}; {held}" if held else counted


def _figures(seen: Seen, lag: Limit, drift: Limit) -> str:
    """The performance data: the worst values of all tickets, so that there are as many whatever the tickets are."""
    everywhere = [at for ticket in seen.tickets for at in ticket.sites]
    seconds = max((each.seconds for each in seen.lags.values()), default=0.0)
    behind = max((each.publications for each in seen.lags.values()), default=0)
    fields = max((at.drift for at in everywhere), default=0)
    peers = [peer["connected"] for site in seen.sites for peer in site.values["peers"]]
    figures = {
        "lag": f"{seconds:.0f}s;{lag};0",
        "behind": f"{behind};;;0",
        "drift": f"{fields};{drift};0",
        "blocked": f"{sum(at.state == BLOCKED for at in everywhere)};;;0",
        "peers": f"{sum(peers)};;;0;{len(peers)}",
        "tickets": f"{len(seen.tickets)};;;0",
        "events": f"{sum(site.values['last_event'] for site in seen.sites)}c",
    }
    return " ".join(f"{name}={value}" for name, value in figures.items())
