"""Which parameters of resource agents are private, as their metadata say.

Rules of this file: asking for metadata runs the agent, as root, so only agents with a plain name are asked about, and by who
calls this only those that the cluster has or may have. An answer is kept for the life of this process, that there is none for
some minutes: the agent may be installed meanwhile. Nobody waits for long, and what is not known is told as not known.
Source: crm_resource(8), --show-metadata; OCF resource agent API, resource-agent metadata, `private` of a parameter.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable

from qmfagent.cib import document
from qmfagent.cib.truth import is_true
from qmfagent.errors import CibError, ClusterError
from qmfagent.pacemaker.tools import Tools

MAX_BYTES = 1024 * 1024
MAX_AGENTS = 1000
WAIT = 10.0
AGAIN = 300.0
_AT_ONCE = 2

# Only these tell of their parameters: what systemd and the others run has none.
_TOLD = re.compile(r"ocf:[A-Za-z0-9_][\w.-]*:[A-Za-z0-9_][\w.-]*|stonith:[A-Za-z0-9_][\w.-]*", re.ASCII)
_PARAMETERLESS = re.compile(r"(?:systemd|lsb|service|upstart|heartbeat):.*", re.DOTALL)

_LOG = logging.getLogger(__name__)

Ask = Callable[[str], Awaitable[bytes]]


class AgentMetadata:
    """What is known of the agents of this node."""

    def __init__(self, ask: Ask | None = None, wait: float = WAIT) -> None:
        """`ask` gives the metadata of an agent, by default as crm_resource does; it raises ClusterError. `wait` is in
        seconds."""
        self._ask = ask or Tools(wait).metadata
        self._wait = wait
        self._private: dict[str, frozenset[str]] = {}
        self._failed: dict[str, float] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    def private_parameters(self, agent: str) -> frozenset[str] | None:
        """The private parameters of an agent (class:provider:type); None where they are not known."""
        return frozenset() if _PARAMETERLESS.fullmatch(agent) else self._private.get(agent)

    def want(self, agents: Iterable[str]) -> list[asyncio.Task[None]]:
        """Ask about the agents that are not known yet, in the background; what does so."""
        return [task for agent in agents if (task := self._task(agent))]

    async def learn(self, agents: Iterable[str]) -> None:
        """Ask about the agents that are not known yet; return when that is done, or has taken too long."""
        tasks = self.want(agents)
        if tasks:
            await asyncio.wait(tasks, timeout=self._wait)

    async def stop(self) -> None:
        """Ask no more."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _task(self, agent: str) -> asyncio.Task[None] | None:
        if agent in self._private or not _TOLD.fullmatch(agent) or len(self._private) >= MAX_AGENTS:
            return None
        loop = asyncio.get_running_loop()
        if loop.time() - self._failed.get(agent, -AGAIN) < AGAIN:
            return None
        if agent not in self._asking:
            task = self._asking[agent] = loop.create_task(self._read(agent))
            task.add_done_callback(lambda done: self._asking.pop(agent, None))
        return self._asking[agent]

    async def _read(self, agent: str) -> None:
        try:
            async with self._at_once:
                self._private[agent] = _private_in(await self._ask(agent), agent)
        except (ClusterError, CibError) as error:
            if len(self._failed) < MAX_AGENTS:
                self._failed[agent] = asyncio.get_running_loop().time()
            _LOG.info("nothing is known of the parameters of %s, so all are hidden: %s", agent, error.message)


class NoMetadata(AgentMetadata):
    """What serves where there are no agents to ask, as with a CIB in a file: no parameter is private by its agent."""

    def private_parameters(self, agent: str) -> frozenset[str]:
        """None at all."""
        return frozenset()

    def want(self, agents: Iterable[str]) -> list[asyncio.Task[None]]:
        """Nobody can be asked."""
        return []


def _private_in(metadata: bytes, agent: str) -> frozenset[str]:
    """The names of the private parameters in an agent's metadata. Raises CibError where those are no XML."""
    # What agents write has a document type, which is never followed.
    text = re.sub(rb"<!DOCTYPE[^>\[]*>", b"", metadata, count=1)
    root = document.parse_element(text, f"the metadata of {agent}", MAX_BYTES)
    return frozenset(
        parameter.get("name", "") for parameter in root.iter("parameter") if is_true(parameter.get("private", ""))
    )
