"""`qmfconsole web` as a process: where it may listen, what it prints, how it is told to end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from consoles.main import cli
from tests.sites.pair import SitePair

pytestmark = pytest.mark.asyncio(loop_scope="session")
PROGRAM = ["env", "--default-signal=INT", sys.executable, "-m", "consoles.main"]
WAIT = 120.0


@asynccontextmanager
async def served(*arguments: str, **environment: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The process, once it has said where it is, and that address."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **environment}
    )
    try:
        async with asyncio.timeout(WAIT):
            assert process.stdout is not None
            address = (await process.stdout.readline()).decode().removeprefix("web console at ").strip()
            yield process, address
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_it_serves_until_it_is_told_to_end(pair: SitePair, tmp_path: Path) -> None:
    """Also while a page follows what happens; the service manager hears when it is ready."""
    urls = [part for site in pair.sites for part in ("--url", pair.a.bus.url(site))]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        loop = asyncio.get_running_loop()
        arguments = (*urls, "web", "--listen", "http://127.0.0.1:0")
        async with served(*arguments, NOTIFY_SOCKET=str(tmp_path / "notify")) as (process, address):
            assert (await loop.sock_recv(manager, 4096)).startswith(b"READY=1\nSTATUS=web console at http://127.0.0.1:")
            assert process.stdout is not None
            link = (await process.stdout.readline()).decode().removeprefix("open it once with: ").strip()
            assert link.startswith(f"{address}open/")
            async with httpx.AsyncClient(base_url=address, follow_redirects=True, timeout=WAIT) as client:
                page = (await client.get(link)).text
                # One site is enough to sign in; the other is found while pages are looked at.
                while "siteb" not in page:
                    page = (await client.get("/")).text
                another = (await process.stdout.readline()).decode()
                assert link not in another
                assert another.startswith("open it once with: ")
                async with client.stream("GET", "/live/overview") as stream:
                    lines = stream.aiter_lines()
                    while await anext(lines) != "event: overview":
                        pass
                    process.send_signal(signal.SIGTERM)
                    async for _ in lines:
                        pass
            assert await process.wait() == 0
            assert process.stderr is not None
            log = (await process.stderr.read()).decode()
            assert "anonymous (127.0.0.1): signed in by link" in log
            assert "Traceback" not in log
            assert link.rpartition("/")[2] not in log
            assert await loop.sock_recv(manager, 4096) == b"STOPPING=1\nSTATUS=stopping"


async def test_it_is_mounted_where_a_proxy_has_it(pair: SitePair) -> None:
    arguments = (
        "--listen",
        "http://127.0.0.1:0",
        "--name",
        "sites.example",
        "--root-path",
        "/geo",
        "--proxy",
        "127.0.0.1",
    )
    async with served("--url", pair.a.bus.url("sitea"), "web", *arguments) as (process, address):
        assert address.endswith("/geo/")
        assert process.stdout is not None
        token = (await process.stdout.readline()).decode().strip().rpartition("/")[2]
        headers = {"Host": "sites.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
        base = address.removesuffix("geo/")
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=WAIT) as client:
            answer = await client.get(f"/open/{token}")
            assert answer.headers["location"] == "/geo/"
            assert answer.headers["set-cookie"].startswith("__Host-qmfconsole-443=")
            assert answer.headers["strict-transport-security"]
            cookies = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
            page = (await client.get("/", headers=cookies)).text
            assert 'href="/geo/static/' in page
            assert 'sse-connect="/geo/live/overview"' in page
            assert 'href="/"' not in page
            assert (await client.get("/", headers={"Host": "evil.example"})).status_code == 400
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
        assert process.stderr is not None
        assert b"anonymous (192.0.2.7): signed in by link" in await process.stderr.read()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--listen", "127.0.0.1:8080"], "no address to listen at"),
        (["--listen", "http://127.0.0.1"], "no address to listen at"),
        (["--listen", "http://127.0.0.1:x"], "no address to listen at"),
        (["--listen", "http://127.0.0.1:8080/path"], "no address to listen at"),
        (["--listen", "ftp://127.0.0.1:8080"], "no address to listen at"),
        (["--listen", "https://127.0.0.1:8080"], "https:// goes with --tls-certificate"),
        (["--listen", "http://0.0.0.0:8080"], "everybody would act as this console: add --login"),
        (["--listen", "http://example.com:8080", "--login"], "passwords would travel unencrypted"),
        (["--listen", "http://[::]:8080", "--login"], "passwords would travel unencrypted"),
        (["--tls-key", __file__], "--tls-certificate and --tls-key belong together"),
        (["--tls-key", __file__, "--tls-certificate", __file__], "https:// goes with"),
        (["--root-path", "geo"], "does not begin with a slash"),
    ],
)
async def test_what_is_not_safe_is_no_usage(arguments: list[str], says: str) -> None:
    outcome = CliRunner().invoke(cli, ["web", *arguments])
    assert outcome.exit_code == 2
    assert says in " ".join(outcome.output.split())


async def test_where_users_log_in_it_has_no_user_of_its_own(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret")
    password.chmod(0o600)
    outcome = CliRunner().invoke(cli, ["--user", "bob", "--password-file", str(password), "web", "--login"])
    assert outcome.exit_code == 2
    assert "leave out --user and --password-file" in " ".join(outcome.output.split())


async def test_a_password_that_would_travel_unencrypted_is_refused_before_anything_is_served() -> None:
    arguments = ["--url", "amqp://192.0.2.1:5672", "web", "--login", "--listen", "http://127.0.0.1:0"]
    outcome = await asyncio.to_thread(subprocess.run, [*PROGRAM, *arguments], capture_output=True, timeout=WAIT)
    assert outcome.returncode == 1
    assert b"would go unencrypted to amqp://192.0.2.1:5672" in outcome.stderr
    assert outcome.stdout == b""


async def test_no_other_command_pays_for_the_web_and_without_it_the_command_says_what_to_install() -> None:
    script = (
        "import sys\n"
        "from consoles.main import run\n"
        "assert not {'starlette', 'uvicorn', 'jinja2'} & sys.modules.keys()\n"
        "sys.modules['starlette'] = None\n"
        "sys.exit(run(['web']))\n"
    )
    outcome = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script], capture_output=True, timeout=WAIT)
    assert (outcome.returncode, outcome.stdout) == (1, b"")
    assert b"pip install 'qmfagent[web]'" in outcome.stderr
    assert b"Traceback" not in outcome.stderr
