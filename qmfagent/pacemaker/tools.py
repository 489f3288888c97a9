"""Pacemaker's command-line tools: cibadmin(8), crm_ticket(8) and crm_resource(8).

Rules of this file: a command is a list of arguments, never a line for a shell; documents go through standard input;
every command has a time limit, and is killed when it is exceeded or when its caller is cancelled. Environment variables
that would point the tools at another CIB (CIB_file, CIB_shadow, ...) are taken away.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Literal

from qmfagent.errors import ClusterError, Disconnected, WriteRejected

TicketAction = Literal["grant", "revoke", "standby", "activate"]

# Exit codes of Pacemaker's tools (include/crm/common/results.h, enum crm_exit_e).
OK = 0
ERROR = 1
INSUFFICIENT_PRIVILEGES = 4
OS_ERROR = 71  # ECOMM: the daemon went away
SCHEMA_VALIDATION = 78
DISCONNECTED = 102
OLD = 103

_CONNECT_FAILURES = frozenset({OS_ERROR, DISCONNECTED})


class Tools:
    """Runs the tools against the cluster of this node."""

    def __init__(self, timeout: float = 60.0) -> None:
        """`timeout` is the limit for one command, in seconds."""
        self._timeout = timeout

    async def query(self) -> bytes:
        """The whole CIB as this node has it. Raises Disconnected or ClusterError."""
        return await self._checked(["cibadmin", "--query", "--local"])

    async def head(self) -> bytes:
        """The cib element alone, which tells the version. Raises Disconnected or ClusterError."""
        return await self._checked(["cibadmin", "--query", "--local", "--no-children"])

    async def patch(self, patchset: bytes) -> tuple[int, str]:
        """Apply a patchset: the exit code, and Pacemaker's words where it is not 0. Raises Disconnected."""
        command = ["cibadmin", "--patch", "--xml-pipe"]
        code, _, words = await self._run(command, patchset)
        if code in _CONNECT_FAILURES:
            raise Disconnected(f"cibadmin: {words}")
        return code, words

    async def ticket(self, name: str, action: TicketAction) -> None:
        """Grant or revoke ticket `name`, or set it standby or active, as crm_ticket does when it is told --force.

        Raises WriteRejected, Disconnected or ClusterError.
        """
        command = ["crm_ticket", f"--ticket={name}", f"--{action}", "--force"]
        code, _, words = await self._run(command)
        if code == INSUFFICIENT_PRIVILEGES:
            raise WriteRejected(f"crm_ticket may not {action} ticket {name}: {words}")
        self._check(command, code, words)

    async def metadata(self, agent: str) -> bytes:
        """The metadata of a resource agent (class:provider:type), which runs it. Raises Disconnected or ClusterError."""
        return await self._checked(["crm_resource", "--show-metadata", agent])

    async def _checked(self, command: Sequence[str]) -> bytes:
        code, output, words = await self._run(command)
        self._check(command, code, words)
        return output

    def _check(self, command: Sequence[str], code: int, words: str) -> None:
        if code in _CONNECT_FAILURES:
            raise Disconnected(f"{command[0]}: {words}", hint="see whether pacemakerd runs")
        if code != OK:
            raise ClusterError(f"{' '.join(command)}: exit {code}: {words}")

    async def _run(self, command: Sequence[str], document: bytes | None = None) -> tuple[int, bytes, str]:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL if document is None else asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={k: v for k, v in os.environ.items() if not k.startswith("CIB_")} | {"LC_ALL": "C"},
            )
        except OSError as error:
            raise ClusterError(
                f"{command[0]} can't be run: {error.strerror}", hint="install pacemaker-cli-utils"
            ) from None
        try:
            async with asyncio.timeout(self._timeout):
                output, errors = await process.communicate(document)
        except TimeoutError:
            raise ClusterError(f"{' '.join(command)}: no end after {self._timeout:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return process.returncode, output, errors.decode(errors="replace").strip()
