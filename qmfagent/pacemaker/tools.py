"""Pacemaker's command-line tools: cibadmin(8), crm_ticket(8) and crm_resource(8).

Rules of this file: what the exit code of a tool means is settled here; how it is run, in process.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from qmfagent.errors import ClusterError, Disconnected, UnknownObject, WriteRejected
from qmfagent.pacemaker.process import run

TicketAction = Literal["grant", "revoke", "standby", "activate"]

# Exit codes of Pacemaker's tools (include/crm/common/results.h, enum crm_exit_e).
OK = 0
ERROR = 1
INSUFFICIENT_PRIVILEGES = 4
OS_ERROR = 71  # ECOMM: the daemon went away
SCHEMA_VALIDATION = 78
DISCONNECTED = 102
NO_SUCH = 105
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
        """The metadata of a resource agent (class:provider:type), which runs it.

        Raises UnknownObject where there is no such agent on this node, Disconnected or ClusterError.
        """
        command = ["crm_resource", "--show-metadata", agent]
        code, output, words = await self._run(command)
        # One that fails when it is asked gives the same code.
        if code == NO_SUCH and not await self._is_there(agent):
            raise UnknownObject(f"there is no agent {agent} on this node")
        self._check(command, code, words)
        return output

    async def _is_there(self, agent: str) -> bool:
        kind, _, name = agent.rpartition(":")
        code, output, _ = await self._run(["crm_resource", "--list-agents", kind])
        return code == OK and name in output.decode(errors="replace").split()

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
        return await run(command, document, self._timeout)
