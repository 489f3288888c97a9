"""One other site's agent, as a console sees it.

Rules of this file: the session is its owner's, and may have other agents too; the site counts as reachable while its own
agent is heard. Each time that the agent appears, and whenever something of what it told was missed, the listener starts over
with it (peer_up), as often as that takes. Nothing that a peer sends ends more than its own handling.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Protocol

from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from qmfagent import __version__
from qmfagent.bus.console.event_stream import EventGap
from qmfagent.bus.console.session import ConsoleSession
from qmfagent.cib.ticket import Term
from qmfagent.config import Peer
from qmfagent.errors import BusError, ConnectionLost, QmfAgentError, Refused, RemoteError, RequestTimeout
from qmfagent.peers.witness import Witness
from qmfagent.policy.versions import check_version, version_told
from qmfagent.qmf.console_events import AgentInfo, EventReceived
from qmfagent.qmf.data import Data
from qmfagent.replication.authority import Claim
from qmfagent.trace import continuing

VENDOR, PRODUCT = "clusterlabs.org", "qmfagent"

QUERY_TIMEOUT = 10.0
CALL_TIMEOUT = 30.0

_log = logging.getLogger(__name__)


def agent_name(site: str) -> str:
    """The QMF name of a site's agent."""
    return f"{VENDOR}:{PRODUCT}:{site}"


class PeerListener(Protocol):
    """Who is told what the peers do."""

    async def peer_up(self, site: str) -> None:
        """A site can be reached, for the first time or again, or some of its events were missed. Raises BusError."""

    def peer_down(self, site: str) -> None:
        """A site can't be reached any more."""

    def peer_event(self, site: str, name: str, values: Mapping[str, Any]) -> None:
        """A site raised an event; the running task belongs to its trace."""

    def peer_data(self, site: str, class_name: str, values: Mapping[str, Any]) -> None:
        """A site tells of an object that has changed."""


class PeerLink:
    """The link to one peer."""

    def __init__(self, peer: Peer, session: ConsoleSession, listener: PeerListener) -> None:
        """`session` is one where the peer's agent is; its owner tells this link what happens there."""
        self.peer = peer
        self.up = False
        self.version: str | None = None
        self.witness = Witness(peer.site)
        self._agent = agent_name(peer.site)
        self._session = session
        self._listener = listener
        self._greeting: asyncio.Task[None] | None = None

    def check_version(self) -> None:
        """Raise Refused (version) where nothing is taken from an agent of the version that was announced there."""
        if self.version is not None:
            check_version(self.peer.site, self.version, __version__)

    @property
    def reason(self) -> str:
        """Why nothing is taken from the agent there, whoever holds the ticket: `version`, or empty where that is not so."""
        try:
            self.check_version()
        except Refused as refused:
            return refused.reason
        return ""

    def close(self) -> None:
        """Begin nothing any more."""
        self._end_greeting()

    async def claim(self, ticket: str) -> Claim | None:
        """What the site says of the ticket now; None where it can't see its own cluster, or be reached after all.

        Raises RequestTimeout and RemoteError where it is there and does not tell.
        """
        site, arguments = self.peer.site, {"ticket": ticket}
        try:
            values = await self._session.call(self._agent, f"Site:{site}", "claim", arguments, timeout=QUERY_TIMEOUT)
        except ConnectionLost:
            return None
        except (RequestTimeout, RemoteError) as error:
            if isinstance(error, RemoteError) and error.reason == "disconnected":
                return None
            raise type(error)(
                f"site {site} does not tell whether it holds ticket {ticket!r}: {error.message}"
            ) from error
        return Claim(site, values.get("granted") is True, Term.parse(str(values.get("term", ""))))

    async def call(self, object_name: str, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call a method at the site. Raises BusError."""
        self._require_up()
        return await self._session.call(self._agent, object_name, method, arguments, timeout=CALL_TIMEOUT)

    async def query(self, class_name: str) -> list[Mapping[str, Any]]:
        """The values of all objects of a class at the site. Raises BusError."""
        self._require_up()
        return [d.values for d in await self._session.query(self._agent, class_name, timeout=QUERY_TIMEOUT)]

    def _require_up(self) -> None:
        if not self.up:
            raise ConnectionLost(f"site {self.peer.site} can't be reached at {self.peer.url}")

    def take(self, event: EventReceived | EventGap) -> None:
        """Work through an event of any agent at the session, or a lack of some."""
        try:
            if isinstance(event, EventGap):
                if self.up:
                    self._greet()
            elif event.agent == self._agent and event.class_name == "events_missed":
                self._greet()
            elif event.agent == self._agent:
                with continuing(event.traceparent):
                    self._listener.peer_event(self.peer.site, event.class_name, event.values)
        except Exception:
            _log.exception("an event of site %s could not be worked through", self.peer.site)

    def told(self, agent: str, data: Data) -> None:
        """Take an object that any agent at the session tells of."""
        if agent == self._agent:
            self._listener.peer_data(self.peer.site, data.class_name, data.values)

    def appeared(self, agent: AgentInfo) -> None:
        """Take note that an agent is there."""
        if agent.name == self._agent:
            _log.info("site %s is reachable at %s", self.peer.site, self.peer.url)
            self.up = True
            self._greet()

    def announced(self, agent: AgentInfo) -> None:
        """Take note of what an agent announces of itself."""
        if agent.name == self._agent:
            self.version = version_told(agent.attributes)
            self.witness.take(agent.attributes)

    def lost(self, agent: AgentInfo) -> None:
        """Take note that an agent is gone."""
        if agent.name == self._agent:
            _log.warning("site %s is not reachable any more", self.peer.site)
            self.up = False
            self._end_greeting()
            self._listener.peer_down(self.peer.site)

    def _greet(self) -> None:
        self._end_greeting()
        self._greeting = asyncio.get_running_loop().create_task(self._start_over())

    def _end_greeting(self) -> None:
        if self._greeting is not None:
            self._greeting.cancel()
            self._greeting = None

    async def _start_over(self) -> None:
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(BusError), wait=wait_random_exponential(multiplier=0.2, max=30)
            ):
                with attempt:
                    await self._once()
        except Exception:
            _log.exception("what site %s tells of itself could not be worked through", self.peer.site)

    async def _once(self) -> None:
        try:
            await self._listener.peer_up(self.peer.site)
        except QmfAgentError as error:
            _log.warning("site %s: %s", self.peer.site, error)
            raise
