"""The agent as a process: how it starts, what it says, how it ends."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from qmfagent.pacemaker import atomic
from tests.certificates import write_signing_keys
from tests.ports import free_port
from tests.replication.conftest import SOURCE

WAIT = 120.0


class Process:
    """A running agent and what it has said on standard error."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""

    async def says(self, words: str) -> None:
        """Read until it has said these words."""
        assert self.process.stderr is not None
        while words not in self.said:
            line = await self.process.stderr.readline()
            assert line, f"it ended without {words!r}: {self.said}"
            self.said += line.decode()

    async def ends(self) -> int:
        """Wait for the end; the exit status."""
        assert self.process.stderr is not None
        self.said += (await self.process.stderr.read()).decode()
        return await self.process.wait()


@pytest.fixture
def configured(tmp_path: Path) -> Callable[..., Path]:
    """Writes a configuration for an agent on a CIB file; the path of it."""

    def write(listen: str = "", rest: str = "", cib: bytes = SOURCE) -> Path:
        if cib:
            (tmp_path / "cib.xml").write_bytes(cib)
        path = tmp_path / "agent.toml"
        listen = listen or f"amqp://127.0.0.1:{free_port()}"
        path.write_text(f'site = "here"\n[cib]\nfile = "cib.xml"\n[listen]\nurl = "{listen}"\nheartbeat = 1\n{rest}')
        return path

    return write


@asynccontextmanager
async def agent(path: Path, *options: str) -> AsyncIterator[Process]:
    command = sys.executable, "-m", "qmfagent", "run", "--config", str(path), *options
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(WAIT):
            yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def failure(path: Path) -> str:
    """What the agent says when it refuses to start."""
    async with agent(path) as running:
        assert await running.ends() == 1
    lines = running.said.splitlines()
    assert lines[-1].startswith("qmfagent: ")
    assert "Traceback" not in running.said
    return lines[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_cleanly(configured: Callable[..., Path], number: signal.Signals) -> None:
    async with agent(configured()) as running:
        await running.says("listening at")
        running.process.send_signal(number)
        assert await running.ends() == 0
    assert "Traceback" not in running.said


async def test_its_log_is_json_where_that_is_asked_for(configured: Callable[..., Path]) -> None:
    async with agent(configured(), "--log-format", "json") as running:
        await running.says("listening at")
        running.process.send_signal(signal.SIGTERM)
        assert await running.ends() == 0
    told = [json.loads(line) for line in running.said.splitlines()]
    assert {line["site"] for line in told} == {"here"}
    assert any(line["message"].startswith("listening at") for line in told)


async def test_a_signal_ends_it_while_it_waits_for_the_cib(configured: Callable[..., Path]) -> None:
    async with agent(configured(cib=b"")) as running:
        await running.says("waiting for the CIB")
        running.process.send_signal(signal.SIGTERM)
        assert await running.ends() == 0
    assert "Traceback" not in running.said


async def test_it_starts_once_the_cib_is_there(configured: Callable[..., Path]) -> None:
    path = configured(cib=b"")
    async with agent(path) as running:
        await running.says("waiting for the CIB")
        (path.parent / "cib.xml").write_bytes(SOURCE)
        await running.says("listening at")


async def test_an_address_in_use_is_one_clear_line(configured: Callable[..., Path]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = await failure(configured(f"amqp://127.0.0.1:{taken.getsockname()[1]}"))
    assert "can't listen at" in said
    assert "is another agent running there?" in said


@pytest.mark.parametrize(
    ("listen", "rest", "words"),
    [
        ("amqp://0.0.0.0:0", "", "without TLS"),
        ("amqps://127.0.0.1:0", "", "needs TLS"),
        ("", '[replication]\nsite_file = "gone.toml"\n', "gone.toml"),
        ("", "colour = 1\n", "colour"),
    ],
)
async def test_what_it_cannot_start_with_is_one_clear_line(
    configured: Callable[..., Path], listen: str, rest: str, words: str
) -> None:
    assert words in await failure(configured(listen, rest))


async def test_a_site_file_with_a_fault_is_named_with_its_line(configured: Callable[..., Path]) -> None:
    path = configured(rest='[replication]\nsite_file = "site.toml"\n')
    (path.parent / "site.toml").write_text('[[override]]\nselect = "///"\nvalue = "x"\n')
    said = await failure(path)
    assert "site.toml" in said
    assert "line 2" in said


async def test_the_log_is_calm_in_the_steady_state(configured: Callable[..., Path], tmp_path: Path) -> None:
    """Several heartbeats and a write of its CIB file later, nothing has been said but how it started."""
    write_signing_keys(tmp_path, "here")
    keys = '[replication]\nsigning_key = "here.sign.key"\n'
    path = configured(rest=f'{keys}[[access]]\nidentity = "anonymous"\nrole = "viewer"\n')
    async with agent(path) as running:
        await running.says("listening at")
        # It records there what it publishes: written meanwhile, one of the two would undo the other. And a file that is seen
        # half-written is complained of.
        cib = path.parent / "cib.xml"
        while b"qmfagent-owned-T" not in cib.read_bytes():
            await asyncio.sleep(0.01)
        atomic.replace(cib, cib.read_bytes() + b"\n")
        said: Coroutine[Any, Any, None] = running.says("nothing of the kind")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(said, 2.5)
    assert len(running.said.splitlines()) == 2
    assert "watchfiles" not in running.said


async def test_what_an_agent_lacks_to_be_of_use_is_told(configured: Callable[..., Path]) -> None:
    async with agent(configured()) as running:
        await running.says("nobody may connect")
        await running.says("has no key to sign publications with")
