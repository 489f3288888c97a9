"""A store of the CIB in a process of its own, driven by JSON lines, so that it can run inside a namespace of the lab.

    python -m tests.contract.worker libcib | tools | file PATH

Input, one object a line: {"id": n, "do": NAME, ...arguments}. Output: {"id": n, "result": ...} or {"id": n, "error":
CLASS, "text": ...} for each, in any order, and {"change": {...}} or {"lost": REASON} as they come.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from lxml import etree

from qmfagent.cib.change import CibChange, CibLost
from qmfagent.errors import QmfAgentError
from qmfagent.pacemaker.file import FileCib
from qmfagent.pacemaker.live import open_live

CLIENT = "contract"


def _print(item: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(item) + "\n")
    sys.stdout.flush()


class Worker:
    """One store and the commands on it; each command is a method named `do_NAME`."""

    def __init__(self, kind: str, path: str = "") -> None:
        self._store = FileCib(Path(path), CLIENT) if kind == "file" else open_live(CLIENT, kind)  # type: ignore[arg-type]

    async def run(self) -> None:
        """Serve until the end of standard input."""
        changes = self._store.changes()
        await self._store.start()
        tell = asyncio.create_task(self._tell(changes))
        reader = asyncio.StreamReader(limit=2**26)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        serving = set()
        while line := await reader.readline():
            serving.add(asyncio.create_task(self._serve(json.loads(line))))
        await self._store.stop()
        await tell

    async def _tell(self, changes: Any) -> None:
        async for item in changes:
            if isinstance(item, CibLost):
                _print({"lost": item.reason})
            else:
                assert isinstance(item, CibChange)
                _print({"change": {
                    "version": str(item.snapshot.version), "digest": item.snapshot.config_digest,
                    "patchset": None if item.patchset is None else item.patchset.decode(),
                    "client": item.client, "user": item.user, "origin": item.origin, "resync": item.resync,
                }})  # fmt: skip

    async def _serve(self, request: dict[str, Any]) -> None:
        number = request.pop("id")
        try:
            result = await getattr(self, f"do_{request.pop('do')}")(**request)
        except QmfAgentError as error:
            _print({"id": number, "error": type(error).__name__, "text": str(error)})
        else:
            _print({"id": number, "result": result})

    async def do_snapshot(self) -> dict[str, Any]:
        snapshot = await self._store.snapshot()
        return {
            "version": str(snapshot.version),
            "digest": snapshot.config_digest,
            "xml": etree.tostring(snapshot.to_element()).decode(),
            "tickets": {name: [state.granted, state.standby] for name, state in snapshot.tickets.items()},
        }

    async def do_apply(self, patchset: str, digest: str) -> str:
        return str(await self._store.apply(patchset.encode(), digest))

    async def do_ticket(self, name: str, action: str) -> None:
        await self._store.ticket(name, action)  # type: ignore[arg-type]

    async def do_source(self) -> list[Any]:
        return [self._store.source, self._store.connected]

    async def do_version(self) -> str:
        return str(self._store.version)

    async def do_rss(self) -> int:
        pages = Path("/proc/self/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


asyncio.run(Worker(*sys.argv[1:]).run())
