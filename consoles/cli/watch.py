"""`qmfconsole watch`: events as they happen, one line each."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from consoles.announcements import EVENTS, severity_word, told
from consoles.cli.completion import complete_sites
from consoles.cli.options import json_option
from consoles.cli.output import print_json, print_line, warn
from consoles.cli.places import PlaceFile, read_since
from consoles.cli.status import DONE, UNREACHABLE
from consoles.happened import happened
from consoles.settings import Settings
from consoles.subscription import Subscription
from consoles.values import Announcement, Event, Gap, SiteLost
from consoles.words import elided, moment

TEXT_WIDTH = 300
"""Characters of what an event tells."""


@click.command("watch")
@click.option("--event", "names", multiple=True, type=click.Choice(EVENTS), help="Only these events; may be repeated.")
@click.option(
    "--site", "sites", multiple=True, shell_complete=complete_sites, help="Only events of these sites; may be repeated."
)
@click.option("--count", type=click.IntRange(min=1), help="End after so many events.")
@click.option("--for", "seconds", type=click.FloatRange(min=0, min_open=True), help="End after so many seconds.")
@click.option(
    "--since",
    multiple=True,
    metavar="[SITE=][JOURNAL:]NUMBER",
    help="Begin after the event of that number (0: with the oldest there is), of one site or of each; may be repeated.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Go on after the last event printed, as this file has it; it is kept up to date.",
)
@json_option
@click.pass_obj
def watch_command(
    settings: Settings,
    names: tuple[str, ...],
    sites: tuple[str, ...],
    count: int | None,
    seconds: float | None,
    since: tuple[str, ...],
    resume: Path | None,
    as_json: bool,
) -> int:
    """Print events as they happen, until Ctrl-C, or until there were so many, or for so long.

    Lost and found sites and missing events are told too; they do not count. What was missed while the connection was lost
    is printed too, once and in order, as long as the site still has it. Exit status: 4 where --for is over before
    there were as many events as --count says, else 0.
    """
    return asyncio.run(_watch(settings, _Wanted(names, sites, count, seconds, since), resume, as_json))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which events are to be printed, and how many, and for how long."""

    names: tuple[str, ...]
    sites: tuple[str, ...]
    count: int | None
    seconds: float | None
    since: tuple[str, ...]


async def _watch(settings: Settings, wanted: _Wanted, resume: Path | None, as_json: bool) -> int:
    file = PlaceFile(resume) if resume else None
    sites, count = wanted.sites, wanted.count
    read_since(wanted.since, ())
    async with settings.async_console() as console:
        places = read_since(wanted.since, sites or await console.sites())
        places |= file.places if file else {}
        with console.subscribe(wanted.names or None, sites or None, places) as events:
            for site in sorted(set(sites) - set(await console.sites())):
                warn(f"site {site!r} does not answer yet; waiting for it")
            with suppress(TimeoutError):
                async with asyncio.timeout(wanted.seconds):
                    await _print(events, count, file, as_json)
                    return DONE
    return DONE if count is None else UNREACHABLE


async def _print(events: Subscription, count: int | None, file: PlaceFile | None, as_json: bool) -> None:
    printed = 0
    async for item in events:
        if as_json:
            print_json(_document(item), indent=None)
        else:
            print_line(*announcement_line(item))
        if isinstance(item, Event):
            printed += 1
            if file:
                file.take(item)
        if printed == count:
            return


def _document(item: Announcement) -> dict[str, Any]:
    if isinstance(item, Event):
        return {
            "type": "event",
            "site": item.site,
            "event": item.name,
            "seq": item.seq,
            "journal": item.journal,
            "severity": severity_word(item.severity),
            "timestamp": item.timestamp,
            "values": dict(item.values),
        }
    if isinstance(item, Gap):
        return {
            "type": "gap",
            "url": item.url,
            "site": item.site,
            "missed": item.missed,
            "resume": item.resume,
            "reason": item.reason,
        }
    return {"type": "site_lost" if isinstance(item, SiteLost) else "site_found", "site": item.site}


def announcement_line(item: Announcement) -> tuple[str, str]:
    """A line that tells of an event or an announcement, and its style."""
    if isinstance(item, Event):
        style = "red" if item.severity <= 3 else "yellow" if item.severity == 4 else ""
        told_of = happened({**item.values, "name": item.name})
        head = f"{moment(item.timestamp)} {item.site} {item.seq} {item.name}"
        return " ".join(filter(None, (head, str(item.values.get("ticket", "")), elided(told_of, TEXT_WIDTH)))), style
    return f"-- {told(item)}", "magenta"
