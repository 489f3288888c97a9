"""A tool that is started before it is needed, and waits for its document.

Rules of this file: most of the time that a small tool takes is its start. After each use one more is started, once what the use
was for has had its time; what nobody has used for a while is ended, so that a site at rest has no process that waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from qmfagent.errors import ClusterError
from qmfagent.pacemaker.process import end, finish, start

DELAY = 0.1
"""Seconds from the end of a use to the start of the next process."""

KEPT = 60.0
"""Seconds for which a process waits."""


class SpareTool:
    """Runs one command, which reads a document from its standard input."""

    def __init__(self, command: Sequence[str], limit: float) -> None:
        """`limit` is what one run may take from when it has its document, in seconds."""
        self._command = command
        self._limit = limit
        self._waiting: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def run(self, document: bytes) -> tuple[int, bytes, str]:
        """Its exit code, its output, and what it says on standard error. Raises ClusterError as process.run does."""
        process, self._waiting = self._waiting, None
        if process is None or process.returncode is not None:
            process = await start(self._command, True)
        try:
            return await finish(process, self._command, document, self._limit)
        finally:
            if self._keeping is not None:
                self._keeping.cancel()
            self._keeping = asyncio.get_running_loop().create_task(self._keep())

    async def stop(self) -> None:
        """Let nothing wait any more."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)

    async def _keep(self) -> None:
        await asyncio.sleep(DELAY)
        with suppress(ClusterError):
            process = self._waiting = await start(self._command, True)
            try:
                await asyncio.sleep(KEPT)
            finally:
                if self._waiting is process:
                    self._waiting = None
                    await end(process)
