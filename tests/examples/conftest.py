"""Two real agents, and the examples run against them as what they are: programs of their own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.sites.pair import SitePair

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
WAIT = 60.0

SOURCE = b"""
<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="5" num_updates="0"><configuration>
<crm_config/><nodes/>
<resources>
  <primitive id="vip" class="ocf" provider="pacemaker" type="Dummy">
    <instance_attributes id="vip-ia"><nvpair id="vip-fake" name="fake" value="one"/></instance_attributes></primitive>
</resources>
<constraints><rsc_ticket id="db-vip" rsc="vip" ticket="db" loss-policy="stop"/></constraints>
</configuration><status><tickets>
  <ticket_state id="db" granted="true" last-granted="1700000000"/></tickets></status></cib>
"""

TARGET = b"""
<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="9" num_updates="0" have-quorum="1"><configuration>
<crm_config><cluster_property_set id="o">
  <nvpair id="o-s" name="stonith-enabled" value="false"/></cluster_property_set></crm_config>
<nodes><node id="1" uname="b1"/></nodes>
<resources/><constraints/>
</configuration><status><node_state id="1" uname="b1" in_ccm="true" crmd="online" join="member" expected="member">
  <lrm id="1"><lrm_resources/></lrm></node_state></status></cib>
"""


@dataclass(frozen=True)
class Ended:
    """What a run of an example came to."""

    status: int
    out: str
    err: str


class Running:
    """An example that is running."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self, skip: str = "\n") -> str:
        """The next line that it prints and that does not begin with `skip`."""
        assert self._process.stdout is not None
        while True:
            line = (await self._process.stdout.readline()).decode()
            if not line.startswith(skip):
                assert line, f"it ended: {(await self.end()).err}"
                return line.rstrip("\n")

    async def end(self, answer: str = "") -> Ended:
        """Type an answer, and wait until it has ended."""
        out, err = await self._process.communicate(answer.encode())
        assert self._process.returncode is not None
        return Ended(self._process.returncode, out.decode(), err.decode())

    def stop(self) -> None:
        """End it as a service manager does."""
        self._process.terminate()


Start = Callable[..., AbstractAsyncContextManager[Running]]


@asynccontextmanager
async def started(*command: str | Path, **environment: str) -> AsyncIterator[Running]:
    """A program, until it has ended; it has WAIT seconds in all."""
    pipe = asyncio.subprocess.PIPE
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("QMFCONSOLE_")}
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, env=inherited | environment
    )
    try:
        async with asyncio.timeout(WAIT):
            yield Running(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[SitePair]:
    """Both agents, in manual mode; siteb is behind with ticket db."""
    sites = SitePair(tmp_path, SOURCE, TARGET, mode="manual")
    await sites.start()
    await sites.b.replica("db", "sitea", state="behind")
    yield sites
    await sites.stop()


@pytest.fixture
def urls(pair: SitePair) -> str:
    """Where the agents are, as QMFCONSOLE_URL has it."""
    return f"{pair.a.config.listen.url},{pair.b.config.listen.url}"


@pytest.fixture
def python(urls: str, tmp_path: Path) -> Start:
    """Starts an example in Python at both sites."""

    def start(name: str, *arguments: str, url: str = urls) -> AbstractAsyncContextManager[Running]:
        script = EXAMPLES / "python" / f"{name}.py"
        return started(
            sys.executable,
            script,
            *arguments,
            QMFCONSOLE_URL=url,
            QMFCONSOLE_TIMEOUT="30",
            XDG_CONFIG_HOME=str(tmp_path),
        )

    return start
