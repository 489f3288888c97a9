"""`qmfconsole top`: all sites and tickets on one screen, as they change.

Rules of this file: it shows and changes nothing. What it shows is made in top_view.py from what live.py keeps up to date.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import replace

import click
from rich.console import Console, ConsoleDimensions
from rich.live import Live as Display

from consoles.asynchronous import AsyncConsole
from consoles.cli.status import DONE, INTERRUPTED
from consoles.cli.terminal import full_screen
from consoles.cli.top_view import Screen, first_shown, render, shares
from consoles.live import Live
from consoles.overview import Overview, overview
from consoles.picture import Picture
from consoles.settings import Settings
from consoles.values import Announcement

REFRESH = 5.0
"""Seconds until everything is read afresh, also what no event tells of, such as who has lost whom."""
PACE = 0.1
"""Seconds between two pictures."""
EVENTS = 200
"""Events that are kept, for a larger screen than there is now."""


@click.command("top")
@click.pass_obj
def top_command(settings: Settings) -> int:
    """Show all tickets and sites on one screen, live: who holds each ticket, where its replicas stand, what happened last.

    Keys: q quits, up and down scroll the tickets.
    """
    screen = Console(highlight=False, markup=False, emoji=False)
    if not sys.stdout.isatty() or screen.is_dumb_terminal:
        raise click.UsageError(
            "top needs a terminal that it can draw on: use 'qmfconsole tickets' for the state now, or 'qmfconsole watch' "
            "for events as they happen; both have --json"
        )
    # Who can't be reached is on the screen; a warning beside it would spoil it.
    return asyncio.run(_Top(screen).run(replace(settings, on_problem=lambda problem: None)))


class _Top:
    """The view, from the first picture to the end."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._overview = Overview((), (), ())
        self._events: deque[Announcement] = deque(maxlen=EVENTS)
        self._first = 0
        self._changed = asyncio.Event()
        self._status: int | None = None

    async def run(self, settings: Settings) -> int:
        """Show it until a key or a signal ends it; the exit status."""
        live = Live(settings.async_console)
        async with live.console as console:
            self._take(await live.picture())
            tasks = [asyncio.create_task(each) for each in (self._follow(live), self._listen(console), _refresh(live))]
            try:
                with (
                    Display(
                        console=self._screen,
                        screen=True,
                        auto_refresh=False,
                        redirect_stdout=False,
                        redirect_stderr=False,
                    ) as display,
                    full_screen(self._key, self._changed.set, lambda: self._end(INTERRUPTED)),
                ):
                    return await self._draw(display, tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await live.stop()

    async def _draw(self, display: Display, tasks: list[asyncio.Task[None]]) -> int:
        while self._status is None:
            for task in tasks:
                if task.done():
                    task.result()
            self._changed.clear()
            width, height = self._size()
            # Also for who has COLUMNS in the environment: the size is that of the terminal, whatever it becomes.
            self._screen.size = ConsoleDimensions(width, height)
            now = time.strftime("%H:%M:%S")
            display.update(render(Screen(self._overview, self._events, self._first, now), width, height), refresh=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):  # for the time of day
                    await self._changed.wait()
                    await asyncio.sleep(PACE)
        return self._status

    async def _follow(self, live: Live) -> None:
        number = 0
        while True:
            picture = await live.after(number)
            number = picture.number
            self._take(picture)

    async def _listen(self, console: AsyncConsole) -> None:
        with console.subscribe() as events:
            async for item in events:
                self._events.append(item)
                self._changed.set()

    def _take(self, picture: Picture) -> None:
        self._overview = overview(picture, frozenset())
        self._changed.set()

    def _key(self, key: str) -> None:
        if key == "q":
            self._end(DONE)
        elif key in ("up", "down"):
            rows = len(self._overview.rows)
            height = self._size()[1]
            lines = shares(height, rows, len(self._overview.heads), len(self._overview.unreachable))[0]
            self._first = first_shown(self._first + (1 if key == "down" else -1), rows, lines)
            self._changed.set()

    def _end(self, status: int) -> None:
        self._status = status
        self._changed.set()

    def _size(self) -> tuple[int, int]:
        width, height = os.get_terminal_size(sys.stdout.fileno())
        return width or 80, height or 24  # a terminal that was never told its size


async def _refresh(live: Live) -> None:
    while True:
        await asyncio.sleep(REFRESH)
        await live.refresh()
