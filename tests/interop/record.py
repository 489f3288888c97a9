"""Records a pair of agents of this tree, for the releases to come: python -m tests.interop.record

Rules of this file: what is recorded is what went over the wire, message by message, as it was encoded. It is run once a
release, in the tree of that release; in that of an earlier one, with this folder copied into it. Nothing of the machine gets
into the recording: agents listen on loopback, keys are made for the occasion, and public ones alone are kept.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self
from unittest.mock import patch

import proton

import qmfagent
from qmfagent.config import Listen
from tests.interop.frames import Frames
from tests.interop.life import SOURCE, STEPS, TARGET
from tests.sites.buses import Embedded
from tests.sites.pair import SitePair

RECORDINGS = Path(__file__).parent / "recordings"
LIFE = "life.jsonl.gz"
IN, OUT = "in", "out"
NODE, USER = "node1", "hacluster"
"""Who the recorded agents take themselves for."""


class Tap:
    """Passes connections on to a port of loopback, and each message in them to `keep`, with the way that it went."""

    def __init__(self, port: int, keep: Callable[[str, bytes], None]) -> None:
        self._port = port
        self._keep = keep
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def url(self) -> str:
        """Where to connect."""
        assert self._server is not None
        return f"amqp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.close()  # the agent does not listen yet
            return
        await asyncio.gather(self._pump(reader, back, IN), self._pump(there, writer, OUT), return_exceptions=True)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: str) -> None:
        frames = Frames()
        with suppress(OSError):
            while data := await source.read(65536):
                for message in frames.feed(data):
                    self._keep(way, message)
                sink.write(data)
                await sink.drain()
        sink.close()


class Tapped(Embedded):
    """Every agent listens itself, and is reached by way of a tap."""

    def __init__(self) -> None:
        super().__init__()
        self.taps: dict[str, Tap] = {}

    def listens(self, site: str) -> str:
        """Where the agent of a site listens."""
        return super().url(site)

    def url(self, site: str) -> str:
        """That of its tap."""
        return self.taps[site].url

    def config(self, site: str) -> dict[str, Any]:
        """It listens behind the tap."""
        return {"listen": Listen(self.listens(site), heartbeat=1)}


class Recording:
    """Lines of what goes over the wire, as tests.interop.recorded reads them."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self._told: set[bytes] = set()

    def keep(self, site: str, way: str, message: bytes) -> None:
        """Take down one message; what is told to many, once."""
        amqp = proton.Message()
        amqp.decode(message)
        properties = amqp.properties or {}
        if properties.get("method") == "indication" and amqp.correlation_id is None:
            if message in self._told:
                return
            self._told.add(message)
        self.lines.append(
            {
                "site": site,
                "way": way,
                "what": str(properties.get("qmf.opcode", "")),
                "amqp": base64.b64encode(message).decode(),
            }
        )

    def write(self, path: Path) -> None:
        """Write it: lines of JSON, compressed."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{json.dumps(line)}\n" for line in self.lines)
        path.write_bytes(gzip.compress(text.encode(), mtime=0))


async def record(recording: Recording, folder: Path) -> None:
    """Record the life of a pair; `folder` holds what it needs meanwhile."""
    bus = Tapped()
    async with AsyncExitStack() as stack:
        for name in ("sitea", "siteb"):
            port = int(bus.listens(name).rpartition(":")[2])
            bus.taps[name] = await stack.enter_async_context(Tap(port, partial(recording.keep, name)))
        sites = SitePair(folder, SOURCE, TARGET, mode="manual", bus=bus)
        keys = {name: (folder / f"{name}.sign.pub").read_text() for name in bus.taps}
        recording.lines.append({"version": version(), "verify_keys": keys})
        recording.lines.append({"step": "start"})
        await sites.start()
        try:
            for step in STEPS:
                recording.lines.append({"step": step.name})
                for site in sites.sites.values():
                    assert site.agent is not None
                    site.agent._announcer.heartbeat()
                await step.act(sites)
                await step.ask(sites)
        finally:
            await sites.stop()


def version() -> str:
    """That of this tree; 0.1.0 did not know its own."""
    return str(getattr(qmfagent, "__version__", "0.1.0"))


def main() -> None:
    """Record, and write what was recorded where the tests find it."""
    recording = Recording()
    with (
        patch("socket.gethostname", return_value=NODE),
        patch("os.uname", return_value=os.uname_result(("Linux", NODE, "", "", ""))),
        patch("pwd.getpwuid", return_value=SimpleNamespace(pw_name=USER)),
        tempfile.TemporaryDirectory() as folder,
    ):
        asyncio.run(record(recording, Path(folder)))
    path = RECORDINGS / version() / LIFE
    recording.write(path)
    sys.stdout.write(f"{path}: {len(recording.lines)} lines, {path.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
