"""An agent with the usual limit of open files, in a process of its own, and more connections than that."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmfagent.bus.console.session import ConsoleSession
from tests.ports import free_port

CIB = (
    '<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config/><nodes/>'
)
CIB += "<resources/><constraints/></configuration><status/></cib>"
SOFT, CONNECTIONS, CROWD = 100, 60, 400
WAIT = 120.0


@pytest.fixture
def log(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Where an agent listens whose soft limit is too low, and its log."""
    port, log = free_port(), tmp_path / "log"
    (tmp_path / "cib.xml").write_text(CIB)
    (tmp_path / "agent.toml").write_text(
        f'site = "here"\n[cib]\nfile = "cib.xml"\n[listen]\nurl = "amqp://127.0.0.1:{port}"\n'
        f'[limits]\nconnections = {CONNECTIONS}\n[journal]\nfile = "journal"\n'
        '[[access]]\nidentity = "anonymous"\nrole = "viewer"\n'
    )
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    command = [sys.executable, "-m", "qmfagent", "run", "--config", str(tmp_path / "agent.toml")]
    with (
        log.open("wb") as out,
        subprocess.Popen(
            ["prlimit", f"--nofile={SOFT}:{hard}", *command], stderr=out, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        ) as process,
    ):
        yield port, log
        process.terminate()
        assert process.wait(WAIT) == 0


async def test_a_crowd_does_not_use_up_the_open_files(log: tuple[int, Path]) -> None:
    port, written = log
    async with asyncio.timeout(WAIT), ConsoleSession(f"amqp://127.0.0.1:{port}", connect_timeout=WAIT) as console:
        agent = await console.wait_agent(timeout=WAIT)
        crowd = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(CROWD)))
        assert await console.query(agent.name, "Site", timeout=WAIT)
        for _, writer in crowd:
            writer.transport.abort()
    assert "ERROR" not in written.read_text()
    assert "Too many open files" not in written.read_text()


def test_a_hard_limit_that_is_too_low_is_told(tmp_path: Path) -> None:
    code = "import logging; logging.basicConfig(); from qmfagent.descriptors import allow_connections as a; a(512)"
    done = subprocess.run(
        ["prlimit", "--nofile=300:300", sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "300 are allowed: raise LimitNOFILE" in done.stderr
