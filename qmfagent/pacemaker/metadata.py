"""Which resource agents there are, and which parameters they have, as their metadata say.

Rules of this file: asking for metadata runs the agent, as root, so only agents with a plain name are asked about, and by who
calls this only those that the cluster has or may have. An answer is kept for the life of this process, that there is none for
some minutes, unless somebody needs to know: the agent may be installed meanwhile. Nobody waits for long, and what is not known
is told as not known.
Source: crm_resource(8), --show-metadata; OCF resource agent API, resource-agent metadata, `private` and `required` of a
parameter.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from qmfagent.cib import document
from qmfagent.cib.truth import is_true
from qmfagent.errors import CibError, ClusterError, UnknownObject
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


@dataclass(frozen=True, slots=True)
class Parameters:
    """The names of an agent's parameters; of those among them that are private; and of those that have to be given, since
    they have no default."""

    names: frozenset[str]
    private: frozenset[str]
    required: frozenset[str]


_NONE = Parameters(frozenset(), frozenset(), frozenset())


class AgentMetadata:
    """What is known of the agents of this node."""

    def __init__(self, ask: Ask | None = None, wait: float = WAIT) -> None:
        """`ask` gives the metadata of an agent, by default as crm_resource does; it raises UnknownObject where there is no
        such agent, and ClusterError. `wait` is in seconds."""
        self._ask = ask or Tools(wait).metadata
        self._wait = wait
        self._known: dict[str, Parameters] = {}
        self._absent: set[str] = set()
        self._failed: dict[str, float] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    def private_parameters(self, agent: str) -> frozenset[str] | None:
        """The private parameters of an agent (class:provider:type); None where they are not known."""
        known = _NONE if _PARAMETERLESS.fullmatch(agent) else self._known.get(agent)
        return None if known is None else known.private

    def parameters(self, agent: str) -> Parameters | None:
        """The parameters of an agent (class:provider:type); None where they are not known, as of classes that tell of none."""
        return self._known.get(agent)

    def want(self, agents: Iterable[str]) -> list[asyncio.Task[None]]:
        """Ask about the agents that are not known yet, in the background; what does so."""
        return [task for agent in agents if (task := self._task(agent))]

    async def learn(self, agents: Iterable[str]) -> None:
        """Ask about the agents that are not known yet; return when that is done, or has taken too long."""
        tasks = self.want(agents)
        if tasks:
            await asyncio.wait(tasks, timeout=self._wait)

    async def missing(self, agents: Iterable[str]) -> frozenset[str]:
        """Which of these agents are not installed on this node, as far as that can be told; learns about the others.

        Those that were not there the last time are asked about again.
        """
        asked = frozenset(agents)
        for agent in asked & self._absent:
            self._failed.pop(agent, None)
        await self.learn(asked)
        return asked & self._absent

    def silent(self, agents: Iterable[str]) -> frozenset[str]:
        """Which of these agents were asked and did not tell of their parameters, though they are installed."""
        return (frozenset(agents) & self._failed.keys()) - self._absent

    async def stop(self) -> None:
        """Ask no more."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _task(self, agent: str) -> asyncio.Task[None] | None:
        if agent in self._known or not _TOLD.fullmatch(agent) or len(self._known) >= MAX_AGENTS:
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
                self._known[agent] = _parameters_in(await self._ask(agent), agent)
                self._absent.discard(agent)
        except (ClusterError, CibError, UnknownObject) as error:
            self._absent.discard(agent)
            if isinstance(error, UnknownObject) and len(self._absent) < MAX_AGENTS:
                self._absent.add(agent)
            if len(self._failed) < MAX_AGENTS:
                self._failed[agent] = asyncio.get_running_loop().time()
            _LOG.info("nothing is known of the parameters of %s, so all are hidden: %s", agent, error.message)


class NoMetadata(AgentMetadata):
    """What serves where there are no agents to ask, as with a CIB in a file: no parameter is private by its agent, and none
    is missing."""

    def private_parameters(self, agent: str) -> frozenset[str]:
        """None at all."""
        return frozenset()

    def want(self, agents: Iterable[str]) -> list[asyncio.Task[None]]:
        """Nobody can be asked."""
        return []


def _parameters_in(metadata: bytes, agent: str) -> Parameters:
    """The parameters in an agent's metadata. Raises CibError where those are no XML."""
    # What agents write has a document type, which is never followed.
    text = re.sub(rb"<!DOCTYPE[^>\[]*>", b"", metadata, count=1)
    found = list(document.parse_element(text, f"the metadata of {agent}", MAX_BYTES).iter("parameter"))
    return Parameters(
        frozenset(each.get("name", "") for each in found),
        frozenset(each.get("name", "") for each in found if is_true(each.get("private", ""))),
        frozenset(
            each.get("name", "")
            for each in found
            if is_true(each.get("required", "")) and each.find("content[@default]") is None
        ),
    )
