"""What the agent tells who started it: systemd, or a resource agent."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consoles.client import Console
from qmfagent.errors import QmfAgentError
from qmfagent.service_manager import ServiceManager
from tests.ports import free_port
from tests.replication.conftest import SOURCE

WAIT = 120.0


class Receiver:
    """Who waits at a NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(WAIT)

    def told(self) -> list[str]:
        """The lines of the next datagram. Raises TimeoutError."""
        return self._socket.recv(4096).decode().splitlines()

    def close(self) -> None:
        """Stop waiting."""
        self._socket.close()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    made = Receiver(tmp_path / "notify")
    yield made
    made.close()


@pytest.fixture
def configured(tmp_path: Path) -> Callable[..., tuple[Path, str]]:
    """Writes a configuration for an agent on a CIB file that lets anybody look: its path and the URL."""

    def write(rest: str = "") -> tuple[Path, str]:
        url = f"amqp://127.0.0.1:{free_port()}"
        path = tmp_path / "agent.toml"
        access = '[[access]]\nidentity = "anonymous"\nrole = "viewer"\n'
        path.write_text(f'site = "here"\n[cib]\nfile = "cib.xml"\n[listen]\nurl = "{url}"\n{access}{rest}')
        return path, url

    return write


async def start(path: Path, receiver: Receiver, **more: str) -> asyncio.subprocess.Process:
    """An agent that tells this receiver how it gets on."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "qmfagent", "run", "--config", str(path),
        env={**os.environ, "NOTIFY_SOCKET": str(receiver.path), **more}, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip


async def test_it_is_ready_once_consoles_can_connect_and_not_before(
    configured: Callable[..., tuple[Path, str]], receiver: Receiver, tmp_path: Path
) -> None:
    path, url = configured()
    process = await start(path, receiver)
    try:
        first = await asyncio.to_thread(receiver.told)
        assert first == ["STATUS=waiting for the CIB (file)"]
        with pytest.raises(QmfAgentError):
            await asyncio.to_thread(connect, url)
        (tmp_path / "cib.xml").write_bytes(SOURCE)
        assert await asyncio.to_thread(receiver.told) == ["READY=1", "STATUS=serving site here"]
        # At the first try: had it been told a moment too early, this would be refused now and then.
        assert await asyncio.to_thread(connect, url) == ["here"]
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(receiver.told) == ["STOPPING=1", "STATUS=stopping"]
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def connect(url: str) -> list[str]:
    """The sites that a console finds there; it does not wait for the port to be open, but for the agent to announce itself."""
    with Console([url]) as console:
        deadline = time.monotonic() + WAIT
        while not console.sites() and time.monotonic() < deadline:
            time.sleep(0.05)
        return [found.site for found in console.query("Site")]


async def test_what_keeps_it_from_starting_is_told(
    configured: Callable[..., tuple[Path, str]], receiver: Receiver
) -> None:
    path, _ = configured("colour = 1\n")
    process = await start(path, receiver)
    assert await process.wait() == 1
    (status,) = await asyncio.to_thread(receiver.told)
    assert status.startswith("STATUS=")
    assert "colour" in status


async def test_signs_of_life_come_twice_as_often_as_they_are_expected(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is measured is how long it means to wait: how long it does is the machine's affair."""
    sleep, slept = asyncio.sleep, []

    async def shorter(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0.01)

    monkeypatch.setattr(asyncio, "sleep", shorter)
    variables = {"NOTIFY_SOCKET": str(receiver.path), "WATCHDOG_USEC": "200000", "WATCHDOG_PID": str(os.getpid())}
    manager = ServiceManager.of_environment(variables)
    assert variables == {}
    living = asyncio.create_task(manager.live())
    for _ in range(4):
        assert await asyncio.to_thread(receiver.told) == ["WATCHDOG=1"]
    assert set(slept) == {0.1}
    living.cancel()


@pytest.mark.parametrize("variables", [{}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"}])
async def test_none_are_given_where_nobody_expects_them_of_us(variables: dict[str, str]) -> None:
    await asyncio.wait_for(ServiceManager.of_environment(variables).live(), WAIT)


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "no\0path", "x" * 200])
def test_whoever_is_not_there_is_not_missed(address: str) -> None:
    manager = ServiceManager(address)
    manager.status("words")
    manager.ready("words")
    manager.stopping()


def test_words_can_forge_no_line(receiver: Receiver) -> None:
    ServiceManager(str(receiver.path)).status("a\nREADY=1 " + "b" * 9999)
    (line,) = receiver.told()
    assert line.startswith("STATUS=a READY=1 b")
    assert len(line) < 600


def test_a_name_in_the_abstract_namespace(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as abstract:
        abstract.settimeout(WAIT)
        abstract.bind(f"\0{tmp_path}")
        ServiceManager(f"@{tmp_path}").ready("words")
        assert abstract.recv(100) == b"READY=1\nSTATUS=words"
