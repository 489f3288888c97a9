"""What `qmfagent certs` makes and prints, used by real agents and consoles over real TLS."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from consoles.client import AsyncConsole
from consoles.main import run
from qmfagent.bus.client.connection import Connection
from qmfagent.bus.listener.listener import Listener
from qmfagent.bus.security.credentials import Credentials
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.errors import ConnectionLost
from qmfagent.keys.command import certs_command
from tests.ports import free_port
from tests.replication.conftest import SOURCE

WAIT = 120.0
BOB = Credentials("bob@qmfagent", "open sesame")


def make(*arguments: str) -> str:
    outcome = CliRunner().invoke(certs_command, arguments)
    assert outcome.exit_code == 0, outcome.output
    return outcome.output


@dataclass(frozen=True)
class Agents:
    """Two agents that run with what the command made and printed."""

    directory: Path
    ports: dict[str, int]
    password_port: int

    def tls(self, name: str = "") -> TlsConfig:
        own = (self.directory / f"{name}.pem", self.directory / f"{name}.key") if name else (None, None)
        return TlsConfig(*own, self.directory / "ca.pem")


@pytest.fixture
async def agents(tmp_path: Path) -> AsyncIterator[Agents]:
    """Both sites of a pair, as the printed lines say; paris lets users in by password too."""
    printed = {
        "paris": make("--out", str(tmp_path), "--site", "paris", "--host", "localhost"),
        "lyon": make("--out", str(tmp_path), "--site", "lyon", "--host", "127.0.0.1"),
        "admin": make("--out", str(tmp_path), "--console", "admin"),
    }
    ports = {"paris": free_port(), "lyon": free_port()}
    password_port = free_port()
    blocks = {
        name: [re.sub(r"(?m)^#.*", "", each) for each in re.split(r"(?m)^(?=# )", text)]
        for name, text in printed.items()
    }
    users = tmp_path / "users.sasldb"
    saslpasswd2 = ["saslpasswd2", "-c", "-p", "-f", str(users), "-u", "qmfagent", "bob"]
    subprocess.run(saslpasswd2, input=BOB.password.encode(), check=True)
    users.chmod(0o600)
    for site, other in (("paris", "lyon"), ("lyon", "paris")):
        (tmp_path / f"{site}.xml").write_bytes(SOURCE)
        own, others = blocks[site][-2], blocks[other][-1]
        own = own.replace("0.0.0.0:5671", f"127.0.0.1:{ports[site]}")
        if site == "paris":
            passwords = f'password_url = "amqps://127.0.0.1:{password_port}"\nusers = "users.sasldb"\n'
            own = own.replace("[tls]", f"{passwords}[tls]")
        bob = '[[access]]\nidentity = "bob@qmfagent"\nrole = "viewer"\n'
        console = next(block for block in blocks["admin"] if "identity" in block)
        config = f'site = "{site}"\n[cib]\nfile = "{site}.xml"\n'
        config += own + others.replace(":5671", f":{ports[other]}") + console + bob
        (tmp_path / f"{site}.toml").write_text(config)
    async with AsyncExitStack() as stack:
        for site in ports:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "qmfagent",
                "run",
                "--config",
                str(tmp_path / f"{site}.toml"),
            )
            stack.push_async_callback(process.wait)
            stack.callback(process.terminate)
        yield Agents(tmp_path, ports, password_port)


async def console(url: str, stack: AsyncExitStack, **options: Any) -> AsyncConsole:
    """A console, as soon as the agent there can be reached and has told which site it is."""
    async with asyncio.timeout(WAIT):
        while True:
            try:
                made = await stack.enter_async_context(AsyncConsole([url], **options))
                break
            except ConnectionLost:
                await asyncio.sleep(0.2)
        while not await made.sites():
            await asyncio.sleep(0.1)
    return made


async def test_agents_and_consoles_use_what_was_made_as_was_printed(agents: Agents) -> None:
    async with AsyncExitStack() as stack:
        by_certificate = await console(f"amqps://localhost:{agents.ports['paris']}", stack, tls=agents.tls("admin"))
        by_password = await console(
            f"amqps://localhost:{agents.password_port}",
            stack,
            tls=agents.tls(),
            credentials=BOB,
        )
        for each in (by_certificate, by_password):
            async with asyncio.timeout(WAIT):
                while not (await each.site("paris")).values["peers"][0]["connected"]:
                    await asyncio.sleep(0.1)


async def test_the_console_command_logs_in_with_a_password(
    agents: Agents, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"amqps://localhost:{agents.password_port}"
    async with AsyncExitStack() as stack:
        await console(url, stack, tls=agents.tls(), credentials=BOB)
    good, wrong = agents.directory / "good", agents.directory / "wrong"
    for file, password in ((good, BOB.password), (wrong, "open barley")):
        file.write_text(password)
        file.chmod(0o600)
    options = ["--url", url, "--ca", str(agents.directory / "ca.pem"), "--timeout", "60"]
    user = ["--user", BOB.user, "--password-file"]
    capsys.readouterr()
    assert await asyncio.to_thread(run, [*options, *user, str(wrong), "sites"]) == 4
    assert "user 'bob@qmfagent' was not let in" in capsys.readouterr().err
    monkeypatch.setenv("QMFCONSOLE_USER", BOB.user)
    monkeypatch.setenv("QMFCONSOLE_PASSWORD_FILE", str(good))
    assert await asyncio.to_thread(run, [*options, "sites"]) == 0
    assert "paris" in capsys.readouterr().out


async def test_a_listener_with_a_consoles_certificate_is_refused(tmp_path: Path) -> None:
    make("--out", str(tmp_path), "--site", "paris", "--host", "localhost", "--console", "admin")
    files = [
        TlsConfig(tmp_path / f"{name}.pem", tmp_path / f"{name}.key", tmp_path / "ca.pem", "admin")
        for name in ("admin", "paris")
    ]
    listener = Listener("amqps://127.0.0.1:0", tls=files[0], on_message=lambda message, identity: None)
    port = await listener.start()
    client = Connection(f"amqps://127.0.0.1:{port}", tls=files[1], addresses=(), on_message=lambda message: None)
    client.start()
    try:
        with pytest.raises(ConnectionLost, match="certificate verify failed"):
            await client.wait_up(WAIT, patient=False)
    finally:
        await client.stop()
        await listener.stop()
