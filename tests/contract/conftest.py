"""The subjects of the contract suite: the three stores, each with the world around it.

A `Subject` runs a store in a worker process (worker.py) and can do what happens to a CIB from outside: an edit with
cibadmin, a ticket with crm_ticket, a cluster (or file) that goes away and comes back, a status that never rests.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from qmfagent import errors
from qmfagent.cib.snapshot import Snapshot
from tests.lab.lab import Lab

_SECONDS = 60.0

EMPTY = """\
<cib admin_epoch="0" epoch="1" num_updates="0" validate-with="pacemaker-3.9">
  <configuration>
    <crm_config/>
    <nodes/>
    <resources/>
    <constraints/>
  </configuration>
  <status/>
</cib>
"""


class Subject(ABC):
    """A store in its worker process, and its world."""

    kind: str

    def __init__(self) -> None:
        self.changes: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._churns: list[asyncio.subprocess.Process] = []

    @abstractmethod
    def argv(self, command: Sequence[str]) -> list[str]:
        """The command line that runs `command` where the CIB is."""

    @abstractmethod
    def vanish(self) -> None:
        """Take the CIB away."""

    @abstractmethod
    def come_back(self) -> None:
        """Bring it back."""

    @abstractmethod
    def churn_argv(self, rate: float, count: int, padding: int) -> list[str]:
        """The command line that changes the status `count` times."""

    worker_arguments: list[str]
    environment: dict[str, str]

    async def start(self) -> None:
        """Start the worker."""
        self._process = await asyncio.create_subprocess_exec(
            *self.argv([sys.executable, "-m", "tests.contract.worker", *self.worker_arguments]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=2**26,
        )  # fmt: skip
        self._listening = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """End the worker in order; it must end by itself, without an error."""
        for churn in self._churns:
            if churn.returncode is None:
                churn.kill()
            async with asyncio.timeout(_SECONDS):
                await churn.communicate()
        assert self._process
        assert self._process.stdin
        self._process.stdin.close()
        async with asyncio.timeout(_SECONDS):
            assert await self._process.wait() == 0
        await self._listening

    async def _listen(self) -> None:
        assert self._process
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            message = json.loads(line)
            if "id" in message:
                self._answers.pop(message["id"]).set_result(message)
            else:
                self.changes.put_nowait(message)

    async def do(self, command: str, **arguments: Any) -> Any:
        """One command of the worker's; its error is raised here as the class it was."""
        assert self._process
        assert self._process.stdin
        number = len(self._answers) + 1
        while number in self._answers:
            number += 1
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self._process.stdin.write(json.dumps({"id": number, "do": command, **arguments}).encode() + b"\n")
        async with asyncio.timeout(_SECONDS):
            message = await answer
        if "error" in message:
            raise getattr(errors, message["error"])(message["text"])
        return message["result"]

    async def next_change(self, **expected: Any) -> dict[str, Any]:
        """The next change whose fields are as `expected`; earlier ones are passed over."""
        async with asyncio.timeout(_SECONDS):
            while True:
                item = await self.changes.get()
                change: dict[str, Any] = item.get("change", {})
                if change and all(change[name] == value for name, value in expected.items()):
                    return change

    async def next_loss(self) -> str:
        """The next time the store says that it lost sight of the CIB."""
        async with asyncio.timeout(_SECONDS):
            while True:
                item = await self.changes.get()
                if "lost" in item:
                    return str(item["lost"])

    def forget_changes(self) -> None:
        """Drop what was told so far."""
        while not self.changes.empty():
            self.changes.get_nowait()

    async def run(self, *command: str, check: bool = True) -> str:
        """Run a tool where the CIB is; its output."""
        process = await asyncio.create_subprocess_exec(
            *self.argv(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=os.environ | self.environment,
        )  # fmt: skip
        async with asyncio.timeout(_SECONDS):
            output, words = await process.communicate()
        assert process.returncode == 0 or not check, f"{command}: {words.decode()}"
        return output.decode()

    async def truth(self) -> Snapshot:
        """The CIB as cibadmin has it."""
        return Snapshot.parse((await self.run("cibadmin", "--query")).encode())

    async def edit(self, identifier: str) -> None:
        """Somebody else creates a primitive."""
        await self.run("cibadmin", "--create", "--scope=resources", f"--xml-text={primitive(identifier)}")

    async def churn(self, rate: float, count: int, padding: int = 0) -> asyncio.subprocess.Process:
        """Start to change the status, `rate` times a second; see churn.py."""
        process = await asyncio.create_subprocess_exec(*self.churn_argv(rate, count, padding), stdout=subprocess.PIPE)
        self._churns.append(process)
        assert process.stdout
        # Killed any earlier, nsenter(1) would leave it behind.
        async with asyncio.timeout(_SECONDS):
            assert await process.stdout.readline() == b"begun\n"
        return process

    @asynccontextmanager
    async def suspended(self) -> AsyncIterator[None]:
        """Let the worker stand still meanwhile, as on a machine under load."""
        assert self._process
        pid = self._process.pid
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        os.kill(children[0] if children else pid, signal.SIGSTOP)
        try:
            yield
        finally:
            # nsenter(1) stops with its child, and has to be continued, too.
            for each in (*children, pid):
                os.kill(each, signal.SIGCONT)


class Live(Subject):
    """A store of the live CIB of the lab's first site."""

    def __init__(self, kind: str, lab: Lab) -> None:
        super().__init__()
        self.environment = {}
        self.kind = kind
        self.worker_arguments = [kind]
        self._lab = lab
        lab.reset("sitea")

    def argv(self, command: Sequence[str]) -> list[str]:
        return self._lab.argv("sitea", command)

    def vanish(self) -> None:
        self._lab.stop_cluster("sitea")

    def come_back(self) -> None:
        self._lab.start_cluster("sitea")

    def churn_argv(self, rate: float, count: int, padding: int) -> list[str]:
        return self.argv([sys.executable, "-m", "tests.contract.churn", "live", str(rate), str(count), str(padding)])


class File(Subject):
    """A store of a CIB file, edited from outside with CIB_file."""

    kind = "file"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        path.write_text(EMPTY)
        self.worker_arguments = ["file", str(path)]
        self.environment = {"CIB_file": str(path)}

    def argv(self, command: Sequence[str]) -> list[str]:
        return list(command)

    def vanish(self) -> None:
        self._path.rename(self._path.with_suffix(".away"))

    def come_back(self) -> None:
        self._path.with_suffix(".away").rename(self._path)

    def churn_argv(self, rate: float, count: int, padding: int) -> list[str]:
        return [sys.executable, "-m", "tests.contract.churn", str(self._path), str(rate), str(count)]


def primitive(identifier: str) -> str:
    """A resource that any site can run."""
    return f'<primitive id="{identifier}" class="ocf" provider="pacemaker" type="Dummy"/>'


@pytest_asyncio.fixture(
    params=[
        pytest.param("libcib", marks=pytest.mark.lab),
        pytest.param("tools", marks=pytest.mark.lab),
        pytest.param("file", marks=pytest.mark.pacemaker),
    ]
)
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    """Each store in turn, started, with an empty configuration."""
    kind: str = request.param
    if kind == "file":
        request.getfixturevalue("pacemaker_tools")
        made: Subject = File(tmp_path / "cib.xml")
    else:
        made = Live(kind, request.getfixturevalue("lab"))
    await made.start()
    await made.next_change(resync=True)
    yield made
    await made.stop()
