"""`top` as a process on a terminal of its own: what is drawn, keys, sizes, signals, and what it leaves behind."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

WAIT = 60.0
ENTER, LEAVE, SHOW_CURSOR = b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?25h"


class Terminal:
    """The process and its terminal, whose attributes were `before` until it was started."""

    def __init__(self, ours: int, theirs: int, before: Any, process: asyncio.subprocess.Process) -> None:
        self.before = before
        self.process = process
        self.output = b""
        self._ours, self._theirs = ours, theirs
        self._came = asyncio.Event()
        asyncio.get_running_loop().add_reader(ours, self._read)

    def _read(self) -> None:
        self.output += os.read(self._ours, 65536)
        self._came.set()

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def attributes(self) -> Any:
        return termios.tcgetattr(self._theirs)

    @property
    def screen(self) -> list[str]:
        """The lines that were drawn last, as far as they have come."""
        text = self.output.rpartition(b"\x1b[H")[2].decode(errors="replace")
        return [line.rstrip() for line in re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", text).splitlines()]

    async def shows(self, condition: Callable[[list[str]], bool]) -> None:
        while not condition(self.screen):
            self._came.clear()
            await self._came.wait()

    async def ended(self) -> int:
        status = await self.process.wait()
        while select.select([self._ours], [], [], 0)[0]:  # what is still to be read
            self._read()
        return status


@asynccontextmanager
async def top(*urls: str, command: str = "top") -> AsyncIterator[Terminal]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    before = termios.tcgetattr(theirs)
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    arguments = [part for url in urls for part in ("--url", url)]
    process = await asyncio.create_subprocess_exec(
        *("env", "--default-signal=INT", sys.executable, "-m", "consoles.main", *arguments, command),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        env={**environment, "TERM": "xterm"},
    )
    terminal = Terminal(ours, theirs, before, process)
    try:
        async with asyncio.timeout(WAIT):
            yield terminal
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)
        os.close(theirs)


def says(*words: str) -> Callable[[list[str]], bool]:
    """Whether each is in a line of the screen."""
    return lambda lines: all(any(word in line for line in lines) for word in words)


async def test_it_shows_what_changes(sites: Any) -> None:
    sitea, siteb = sites
    async with top(sitea.url, siteb.url) as terminal:
        await terminal.shows(says("ticket", "holder", "blocked: clash", "siteb-node1", "last events"))
        (replica,) = siteb.objects_by_class["Replica"]
        siteb.objects_by_class["Replica"] = [
            replace(replica, values={**replica.values, "state": "in-sync", "reason": "", "message": "", "drift": 3})
        ]
        (ticket,) = siteb.objects_by_class["Ticket"]
        siteb.objects_by_class["Ticket"] = [replace(ticket, values={**ticket.values, "paused": True})]
        siteb.event("hold_changed", ticket="db", paused=True, pinned=7)
        await terminal.shows(says("paused", "hold_changed db paused and pinned"))
        terminal.resize(12, 60)
        await terminal.shows(lambda lines: lines[:1] != [] and len(lines[0]) <= 60 and says("sitea-node1")(lines))
        terminal.type(b"q")
        assert await terminal.ended() == 0
        assert ENTER in terminal.output
        assert terminal.output.rindex(LEAVE) > terminal.output.rindex(ENTER)
        assert terminal.output.rstrip().endswith((LEAVE, SHOW_CURSOR))
        assert terminal.attributes == terminal.before


@pytest.mark.parametrize(("typed", "number"), [(b"\x03", None), (b"", signal.SIGTERM)])
async def test_an_interrupt_leaves_the_terminal_as_it_was(siteb: Any, typed: bytes, number: int | None) -> None:
    async with top(siteb.url) as terminal:
        await terminal.shows(says("siteb-node1"))
        assert terminal.attributes != terminal.before
        if number is None:
            terminal.type(typed)
        else:
            terminal.process.send_signal(number)
        assert await terminal.ended() == 130
        assert LEAVE in terminal.output
        assert SHOW_CURSOR in terminal.output
        assert b"Traceback" not in terminal.output
        assert terminal.attributes == terminal.before


async def test_a_site_that_is_lost_is_shown(sites: Any) -> None:
    sitea, siteb = sites
    async with top(sitea.url, siteb.url) as terminal:
        await terminal.shows(says("siteb-node1"))
        await siteb.stop()
        await terminal.shows(says("site siteb is lost", "can't be reached"))
        terminal.type(b"q")
        assert await terminal.ended() == 0


async def test_nobody_there_is_told_on_the_screen_that_was(qmfconsole: Any) -> None:
    async with top("amqp://127.0.0.1:1") as terminal:
        assert await terminal.ended() == 4
        assert ENTER not in terminal.output


async def test_without_a_terminal_it_names_what_to_use_instead(siteb: Any, qmfconsole: Any) -> None:
    outcome = await qmfconsole("top", at=[siteb])
    assert (outcome.status, outcome.out) == (64, "")
    assert "qmfconsole tickets" in outcome.err
    assert "qmfconsole watch" in outcome.err
