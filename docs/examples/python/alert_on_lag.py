#!/usr/bin/env python3
"""Tell how long each publication takes to every site, and say so where one is late: a metric and an alert of one's own.

    python3 alert_on_lag.py --limit 60

Prints `lag TICKET SITE SECONDS` when a site has a publication, `late TICKET SITE` when it should have had it. It is also the
example of how to use the API with asyncio: one loop follows the events while a timer runs for every site.
Exit status: 1 for an error, else it runs until it is stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from consoles.client import AsyncConsole, Event, QmfAgentError, from_environment


class Lag:
    """What each site is to have of each ticket, what it has, and since when it waits."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._wanted: dict[tuple[str, str], str] = {}
        self._has: dict[tuple[str, str], str] = {}
        self._waiting: dict[tuple[str, str], tuple[float, asyncio.TimerHandle]] = {}

    def published(self, site: str, ticket: str, digest: str) -> None:
        """A site is to have this from now on. One that waits already goes on waiting; it may also have heard of it earlier."""
        self._wanted[site, ticket] = digest
        if self._has.get((site, ticket)) != digest and (site, ticket) not in self._waiting:
            timer = asyncio.get_running_loop().call_later(self._limit, say, f"late {ticket} {site}")
            self._waiting[site, ticket] = time.monotonic(), timer

    def arrived(self, site: str, ticket: str, digest: str) -> None:
        """A site has this now."""
        self._has[site, ticket] = digest
        if self._wanted.get((site, ticket)) == digest and (site, ticket) in self._waiting:
            begun, timer = self._waiting.pop((site, ticket))
            timer.cancel()
            say(f"lag {ticket} {site} {time.monotonic() - begun:.2f}")


async def follow(console: AsyncConsole, lag: Lag) -> None:
    """Follow the events, for ever."""
    with console.subscribe(events=("published", "applied", "in_sync")) as events:
        async for item in events:
            if not isinstance(item, Event):
                continue  # a site that is lost or found, or a gap: what it had on its way will be late
            ticket, digest = item.values["ticket"], item.values["digest"]
            if item.name != "published":
                lag.arrived(item.site, ticket, digest)
                continue
            for site in await console.sites():
                if site != item.site:
                    lag.published(site, ticket, digest)


def say(text: str) -> None:
    """Print one line at once."""
    print(text, flush=True)


async def main() -> int:
    """Follow all sites; the exit status."""
    parser = argparse.ArgumentParser(description="Tell how long each publication takes to every site.")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds after which a site is late")
    given = parser.parse_args()
    try:
        async with from_environment().async_console() as console:
            say(f"following {', '.join(await console.sites())}")
            await follow(console, Lag(given.limit))
    except QmfAgentError as error:
        print(f"alert_on_lag: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
