"""`qmfconsole watch`: events as they happen, one line each."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import click

from consoles.cli.output import print_json, print_line, warn
from consoles.cli.settings import Settings, json_option
from consoles.cli.status import DONE, UNREACHABLE
from consoles.cli.words import elided, moment, safe, words
from consoles.subscription import Subscription
from consoles.values import Announcement, Event, Gap, SiteLost
from qmfagent.qmf.opcodes import SEVERITIES

EVENTS = (
    "config_changed",
    "ticket_changed",
    "resource_changed",
    "published",
    "publish_failed",
    "in_sync",
    "applied",
    "apply_failed",
)
VALUE_WIDTH = 80


@click.command("watch")
@click.option("--event", "names", multiple=True, type=click.Choice(EVENTS), help="Only these events; may be repeated.")
@click.option("--site", "sites", multiple=True, help="Only events of these sites; may be repeated.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many events.")
@click.option("--for", "seconds", type=click.FloatRange(min=0, min_open=True), help="End after so many seconds.")
@json_option
@click.pass_obj
def watch_command(
    settings: Settings,
    names: tuple[str, ...],
    sites: tuple[str, ...],
    count: int | None,
    seconds: float | None,
    as_json: bool,
) -> int:
    """Print events as they happen, until Ctrl-C, or until there were so many, or for so long.

    Lost and found sites and missing events are told too; they do not count. Exit status: 4 where --for is over before
    there were as many events as --count says, else 0.
    """
    return asyncio.run(_watch(settings, names, sites, count, seconds, as_json))


async def _watch(
    settings: Settings,
    names: tuple[str, ...],
    sites: tuple[str, ...],
    count: int | None,
    seconds: float | None,
    as_json: bool,
) -> int:
    async with settings.async_console() as console:
        with console.subscribe(names or None, sites or None) as events:
            for site in sorted(set(sites) - set(await console.sites())):
                warn(f"site {site!r} does not answer yet; waiting for it")
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await _print(events, count, as_json)
                    return DONE
    return DONE if count is None else UNREACHABLE


async def _print(events: Subscription, count: int | None, as_json: bool) -> None:
    printed = 0
    async for item in events:
        if as_json:
            print_json(_document(item), indent=None)
        else:
            print_line(*_line(item))
        printed += isinstance(item, Event)
        if printed == count:
            return


def _document(item: Announcement) -> dict[str, Any]:
    if isinstance(item, Event):
        return {
            "type": "event",
            "site": item.site,
            "event": item.name,
            "severity": SEVERITIES[item.severity] if 0 <= item.severity < len(SEVERITIES) else str(item.severity),
            "timestamp": item.timestamp,
            "values": dict(item.values),
        }
    if isinstance(item, Gap):
        return {"type": "gap", "url": item.url, "missed": item.missed, "reason": item.reason}
    return {"type": "site_lost" if isinstance(item, SiteLost) else "site_found", "site": item.site}


def _line(item: Announcement) -> tuple[str, str]:
    """A line and its style."""
    if isinstance(item, Event):
        values = (
            f"{safe(key)}={elided(words(value), VALUE_WIDTH)}" for key, value in item.values.items() if key != "site"
        )
        style = "red" if item.severity <= 3 else "yellow" if item.severity == 4 else ""
        return f"{moment(item.timestamp)} {item.site} {item.name} {' '.join(values)}".rstrip(), style
    if isinstance(item, Gap):
        missed = "some events are" if item.missed is None else f"{item.missed} event(s) are"
        return f"-- {missed} missing here ({item.url}): {item.reason}", "magenta"
    return f"-- site {item.site} is {'lost' if isinstance(item, SiteLost) else 'found'}", "magenta"
