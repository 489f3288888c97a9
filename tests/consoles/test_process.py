"""The command as a process of its own: terminals, pipes, interrupts."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

# Whoever runs the tests in the background may have them ignore interrupts, and children inherit that.
ARGUMENTS = ["env", "--default-signal=INT", sys.executable, "-m", "consoles.main"]
WAIT = 60.0


@asynccontextmanager
async def process(*arguments: str, **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    started = await asyncio.create_subprocess_exec(*ARGUMENTS, *arguments, **options)
    try:
        async with asyncio.timeout(WAIT):
            yield started
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()


async def on_a_terminal(answer: bytes, *arguments: str) -> tuple[int, str]:
    """The status and output of the command on a terminal, where `answer` is typed once it asks."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    environment.pop("NO_COLOR", None)
    async with process(*arguments, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as running:
        os.close(theirs)
        loop = asyncio.get_running_loop()
        output = b""
        while True:
            try:
                output += await loop.run_in_executor(None, os.read, ours, 4096)
            except OSError:  # how a terminal ends
                break
            if answer and output.rstrip().endswith(b"[y/N]:"):
                os.write(ours, answer)
                answer = b""
        status = await running.wait()
    os.close(ours)
    return status, output.decode()


@pytest.mark.parametrize(("answer", "status", "applies"), [(b"y\n", 0, 1), (b"n\n", 2, 0), (b"\x04", 130, 0)])
async def test_replicate_asks_on_a_terminal(siteb: Any, answer: bytes, status: int, applies: int) -> None:
    got, output = await on_a_terminal(answer, "--url", siteb.url, "replicate", "db", "--to", "siteb")
    assert got == status, output
    assert "\x1b[32m+   value='10.2.0.10'" in output
    assert ("applied 1 change" in re.sub(r"\x1b\[\d*m", "", output)) == bool(applies)
    assert [method for _, method, _ in siteb.calls].count("apply") == applies


async def test_what_is_being_done_is_shown_on_a_terminal_alone(siteb: Any) -> None:
    command = ("--url", siteb.url, "replicate", "db", "--to", "siteb", "--yes")
    _, output = await on_a_terminal(b"", *command)
    assert "planning at siteb" in output
    assert "applying at siteb" in output
    assert output.rstrip().endswith("\x1b[0m")  # after the spinner there is the last line
    _, output = await on_a_terminal(b"", *command, "--json")
    assert "planning" not in output
    assert json.loads(output)["applied"]["change"] == 17
    pipe = asyncio.subprocess.PIPE
    async with process(*command, stdout=pipe, stderr=pipe) as running:
        out, err = await running.communicate()
    assert (running.returncode, err) == (0, b"")
    assert b"planning" not in out


async def test_there_is_no_colour_in_a_pipe(siteb: Any) -> None:
    pipe = asyncio.subprocess.PIPE
    async with process("--url", siteb.url, "diff", "db", "--to", "siteb", stdout=pipe, stderr=pipe) as running:
        out, err = await running.communicate()
    assert (running.returncode, err) == (2, b"")
    assert b"+   value='10.2.0.10'\n" in out
    assert b"\x1b" not in out


async def test_watch_goes_on_through_a_lost_connection_until_interrupted(siteb: Any) -> None:
    pipe = asyncio.subprocess.PIPE
    async with process("--url", siteb.url, "watch", "--json", stdout=pipe, stderr=pipe) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        first = asyncio.create_task(running.stdout.readline())
        while not first.done():
            siteb.event("applied", count=1)
            await asyncio.wait([first], timeout=0.02)
        seen = [json.loads(await first)]
        await siteb.stop()
        await siteb.start()
        while seen[-1]["type"] != "site_found":
            seen.append(json.loads(await running.stdout.readline()))
        siteb.event("applied", count=2)
        # Before it comes what was under way when the connection was lost.
        while seen[-1]["type"] != "event" or seen[-1]["values"]["count"] != 2:
            seen.append(json.loads(await running.stdout.readline()))
        running.send_signal(signal.SIGINT)
        assert await running.wait() == 130
        assert b"Traceback" not in await running.stderr.read()
    assert [each["type"] for each in seen if each["type"] != "event"] == ["site_lost", "site_found"]
    numbers = [each["seq"] for each in seen if each["type"] == "event"]
    assert numbers == list(range(numbers[0], siteb.log.last + 1))


async def test_a_reader_that_goes_ends_it_quietly(siteb: Any) -> None:
    pipe = asyncio.subprocess.PIPE
    async with process("--url", siteb.url, "watch", stdout=pipe, stderr=pipe) as running:
        assert running.stderr is not None
        transport = running._transport.get_pipe_transport(1)  # type: ignore[attr-defined]
        transport.close()
        ended = asyncio.create_task(running.wait())
        while not ended.done():
            siteb.event("applied", count=1)
            await asyncio.wait([ended], timeout=0.02)
        assert running.returncode == 1
        assert await running.stderr.read() == b""
