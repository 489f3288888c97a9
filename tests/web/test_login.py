"""Logging in with users of the agents: over HTTPS, to a real agent that knows them, in a process of its own.

Rules of this file: Cyrus SASL is set up once in the life of a process, so the agent has its own.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from consoles.client import AsyncConsole
from consoles.web.attempts import A_MINUTE, Attempts
from consoles.web.server import Front
from qmfagent.bus.security.credentials import Credentials
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.errors import ConnectionLost, RemoteError
from tests.certificates import CertificateAuthority
from tests.ports import free_port
from tests.web.served import Served, WholeConsole
from tests.web.sites import SOURCE

pytestmark = pytest.mark.asyncio(loop_scope="session")
WAIT = 120.0
PATIENCE = 0.5
ANNA, BOB = Credentials("anna@qmfagent", "open sesame"), Credentials("bob@qmfagent", "open barley")

_CONFIG = """\
site = "paris"
[cib]
file = "paris.xml"
[listen]
url = "amqps://127.0.0.1:{port}"
password_url = "amqps://127.0.0.1:{password_port}"
users = "users.sasldb"
[tls]
certificate = "{tls.certificate}"
key = "{tls.key}"
ca = "{tls.ca}"
[[access]]
identity = "anna@qmfagent"
role = "administrator"
[[access]]
identity = "bob@qmfagent"
role = "viewer"
"""


@dataclass(frozen=True)
class Agent:
    """The agent, where users log in, and what it logs."""

    url: str
    tls: TlsConfig
    log: Path

    def console(self, credentials: Credentials | None, **options: object) -> AsyncConsole:
        """A console of a user."""
        ca = TlsConfig(None, None, self.tls.ca)
        quiet = {"on_problem": lambda problem: None, "timeout": WAIT}
        return WholeConsole([self.url], ca, credentials=credentials, **quiet, **options)  # type: ignore[arg-type]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def agent(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Agent]:
    """An agent that runs and can be reached; anna is an administrator there, bob a viewer."""
    folder = tmp_path_factory.mktemp("login")
    tls = CertificateAuthority(folder, "ca").issue("paris")
    users = folder / "users.sasldb"
    for user in (ANNA, BOB):
        command = ["saslpasswd2", "-c", "-p", "-f", str(users), "-u", "qmfagent", user.user.partition("@")[0]]
        subprocess.run(command, input=user.password.encode(), check=True)
    users.chmod(0o600)
    (folder / "paris.xml").write_bytes(SOURCE)
    password_port = free_port()
    (folder / "paris.toml").write_text(_CONFIG.format(port=free_port(), password_port=password_port, tls=tls))
    running = Agent(f"amqps://localhost:{password_port}", tls, folder / "paris.log")
    with running.log.open("wb") as log:
        command = [sys.executable, "-m", "qmfagent", "run", "--config", str(folder / "paris.toml")]
        process = await asyncio.create_subprocess_exec(*command, stderr=log)
    try:
        async with asyncio.timeout(WAIT):
            while True:
                try:
                    async with running.console(ANNA):
                        break
                except ConnectionLost:
                    assert process.returncode is None, running.log.read_text()
                    await asyncio.sleep(0.05)
        yield running
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def web(agent: Agent) -> AsyncIterator[Served]:
    """A web console where users log in, over HTTPS."""
    served = Served(
        lambda credentials, on_replica: agent.console(credentials, on_replica=on_replica),
        Front(agent.tls.certificate, agent.tls.key),
        options={"login": True, "patience": PATIENCE},
    )
    async with served:
        yield served


@pytest_asyncio.fixture(loop_scope="session")
async def client(web: Served, agent: Agent) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody's browser; nobody has tried to log in yet."""
    web.app.state.attempts = Attempts()
    url = web.url.replace("127.0.0.1", "localhost")
    trusting = ssl.create_default_context(cafile=agent.tls.ca)
    async with httpx.AsyncClient(base_url=url, verify=trusting, headers={"Origin": url}, timeout=WAIT) as made:
        yield made


async def log_in(client: httpx.AsyncClient, user: str, password: str) -> httpx.Response:
    return await client.post("/login", data={"user": user, "password": password})


async def test_a_user_logs_in_and_is_named(web: Served, client: httpx.AsyncClient) -> None:
    answer = await log_in(client, ANNA.user, ANNA.password)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert re.match(rf"__Host-qmfconsole-{web.port}=[\w-]+; .*; Secure$", answer.headers["set-cookie"])
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    page = (await client.get("/")).text
    assert ANNA.user in page
    assert "holder" in page
    assert (await client.get("/login")).headers["location"] == "/"


async def test_every_failure_has_the_same_answer_and_takes_as_long(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(user: str, password: str) -> str:
        began = time.monotonic()
        answer = await log_in(client, user, password)
        assert time.monotonic() - began >= PATIENCE
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        return re.sub(r'value="[^"]*"', "", answer.text)

    pages = await asyncio.gather(
        fail(ANNA.user, "wrong"),
        fail("nobody@qmfagent", ANNA.password),
        fail(ANNA.user, ""),
        fail("", ""),
        fail("x" * 5000, "y" * 5000),
        fail("anna\nforged line", "\u0000"),
    )
    assert len(set(pages)) == 1
    assert "Wrong user or password, or no site can be reached." in pages[0]
    assert (await client.get("/")).status_code == 303
    assert ANNA.password not in caplog.text


async def test_attempts_are_bounded(client: httpx.AsyncClient, web: Served) -> None:
    web.app.state.attempts = Attempts(lambda: 0.0)  # however long these take, they come at once
    answers = await asyncio.gather(*(log_in(client, BOB.user, "wrong") for _ in range(A_MINUTE + 2)))
    assert sorted(answer.status_code for answer in answers) == [401] * A_MINUTE + [429] * 2
    assert (await log_in(client, BOB.user, BOB.password)).status_code == 429


async def test_no_link_opens_it(web: Served, client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/open/{web.links.renew()}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


async def test_the_agent_knows_whom_it_serves(
    agent: Agent, web: Served, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "consoles.web")
    for user, allowed in ((BOB, False), (ANNA, True)):
        client.cookies.clear()
        await log_in(client, user.user, user.password)
        session = web.sessions.find(next(iter(client.cookies.values())))
        assert session is not None
        assert await session.permissions.may("paris", "Ticket.standby", "T") == allowed
        if allowed:
            await session.console.call("paris", "Ticket:T", "standby")
        else:
            with pytest.raises(RemoteError, match="bob@qmfagent") as error:
                await session.console.call("paris", "Ticket:T", "standby")
            assert error.value.code == 6
        assert f"{user.user} (127.0.0.1): logged in" in caplog.messages
    audited = [
        json.loads(line.partition("qmfagent.audit: ")[2])
        for line in agent.log.read_text().splitlines()
        if "audit: " in line
    ]
    assert [(line["who"], line["what"], line["result"]) for line in audited] == [
        (BOB.user, "Ticket.standby", "forbidden"),
        (ANNA.user, "Ticket.standby", "done"),
    ]


async def test_signing_out_closes_the_connections(agent: Agent, web: Served, client: httpx.AsyncClient) -> None:
    await log_in(client, ANNA.user, ANNA.password)
    session = web.sessions.find(next(iter(client.cookies.values())))
    assert session is not None
    assert (await client.post("/logout", data={"csrf": session.csrf})).status_code == 303
    assert session.ended.is_set()
    with pytest.raises(ConnectionLost):
        await session.console.site("paris")
    assert (await client.get("/")).status_code == 303
