"""The command line through a broker: all sites behind one URL, and who did what."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.rabbitmq.server import RabbitMq
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.buses import CONSOLE, AtRabbitMq, credentials
from tests.sites.pair import WAIT, SitePair


@pytest.fixture
async def pair(tmp_path: Path, rabbitmq: RabbitMq) -> AsyncIterator[SitePair]:
    rabbitmq.forget()
    async with SitePair(tmp_path, SOURCE, TARGET, mode="manual", bus=AtRabbitMq(rabbitmq)) as sites:
        yield sites


async def qmfconsole(url: str, folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the command as a user does; its exit status and output."""
    password = folder / "password"
    password.touch(mode=0o600)
    password.write_text(credentials(CONSOLE).password)
    login = ("--url", url, "--user", CONSOLE, "--password-file", str(password))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "consoles.main", *login, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), WAIT)
    return process.returncode or 0, output.decode()


async def when_found(url: str, folder: Path, found: Callable[[str], bool], *arguments: str) -> tuple[int, str]:
    """The same, once it has found who is asked for: it gives others than the first that answers a moment, which may be over
    too soon on a busy machine."""
    async with asyncio.timeout(WAIT):
        while True:
            status, output = await qmfconsole(url, folder, *arguments)
            if found(output):
                return status, output


def first_column(output: str) -> set[str]:
    """What the lines begin with."""
    return {line.split()[0] for line in output.splitlines() if line}


async def test_a_person_replicates_through_the_broker(pair: SitePair, rabbitmq: RabbitMq, tmp_path: Path) -> None:
    both = {"sitea", "siteb"}
    status, output = await when_found(rabbitmq.url, tmp_path, lambda told: both <= first_column(told), "sites")
    assert status == 0, output
    assert first_column(output) == {"site", *both}
    replicate = ("replicate", "T", "--to", "siteb", "--yes")
    status, output = await when_found(rabbitmq.url, tmp_path, lambda told: "there is no site" not in told, *replicate)
    assert status == 0, output
    assert "web" in pair.b.snapshot.members
    assert (await pair.b.event("applied", publisher="sitea")).values["by"] == CONSOLE


async def test_a_password_that_is_wrong_is_told_in_a_line(rabbitmq: RabbitMq, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text("guess")
    status, output = await qmfconsole(rabbitmq.url, tmp_path, "--password-file", str(wrong), "sites")
    assert status == 4
    assert output.count("\n") == 1
    assert f"user '{CONSOLE}' was not let in" in output
