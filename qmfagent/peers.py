"""The other sites' agents, seen as a console sees them: the Remotes port of replication, over QMF.

Rules of this file: one session for each peer, which keeps itself connected. A site counts as reachable while its agent is
heard. What a peer tells decides nothing by itself: claims are asked for afresh, publications are verified by who uses them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from qmfagent.bus.session import ConsoleSession
from qmfagent.bus.tls import TlsConfig
from qmfagent.cib.ticket import Term
from qmfagent.config import Peer
from qmfagent.errors import BusError, QmfAgentError, UnknownObject
from qmfagent.qmf.console_events import AgentInfo, EventReceived
from qmfagent.replication.authority import Claim
from qmfagent.replication.publication import Publication

VENDOR, PRODUCT = "clusterlabs.org", "qmfagent"

_TIMEOUT = 10.0
_log = logging.getLogger(__name__)


def agent_name(site: str) -> str:
    """The QMF name of a site's agent."""
    return f"{VENDOR}:{PRODUCT}:{site}"


class PeerListener(Protocol):
    """Who is told what the peers do."""

    async def peer_up(self, site: str) -> None:
        """A site can be reached, again or for the first time."""

    def peer_down(self, site: str) -> None:
        """A site can't be reached any more."""

    def peer_event(self, site: str, name: str, values: Mapping[str, Any]) -> None:
        """A site raised an event."""


class Peers:
    """All other sites of the configuration."""

    def __init__(self, peers: Iterable[Peer], tls: TlsConfig | None, listener: PeerListener) -> None:
        """Raises ConfigError for a URL or certificates that can't be used."""
        self._links = {peer.site: _Link(peer, tls, listener) for peer in peers}

    @property
    def sites(self) -> list[str]:
        """The sites of the configuration."""
        return list(self._links)

    def describe(self) -> list[dict[str, Any]]:
        """The peers as the Site object lists them."""
        return [{"site": link.peer.site, "url": link.peer.url, "connected": link.up} for link in self._links.values()]

    async def run(self) -> None:
        """Keep the sessions until cancelled."""
        async with asyncio.TaskGroup() as group:
            for link in self._links.values():
                group.create_task(link.run())

    async def claims(self, ticket: str) -> list[Claim]:
        """What every reachable site says of the ticket now; a site that fails to answer is left out."""
        answers = await asyncio.gather(*(link.claim(ticket) for link in self._links.values() if link.up))
        return [claim for claim in answers if claim is not None]

    async def publication(self, site: str, ticket: str) -> Publication:
        """What the site publishes for the ticket. Raises BusError, CibError."""
        values = await self.call(site, f"Site:{site}", "publication", {"ticket": ticket})
        return Publication.from_values(ticket, values)

    async def call(self, site: str, object_name: str, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call a method at a site. Raises BusError, and UnknownObject for a site that is no peer."""
        return await self._link(site).session.call(
            agent_name(site), object_name, method, arguments, timeout=_TIMEOUT * 3
        )

    async def query(self, site: str, class_name: str) -> list[Mapping[str, Any]]:
        """The values of all objects of a class at a site. Raises BusError."""
        found = await self._link(site).session.query(agent_name(site), class_name, timeout=_TIMEOUT)
        return [data.values for data in found]

    def _link(self, site: str) -> _Link:
        if site not in self._links:
            known = ", ".join(self._links) or "none"
            raise UnknownObject(
                f"site {site!r} is no peer of this agent; its peers: {known}", hint="add a [[peer]] for it"
            )
        return self._links[site]


class _Link:
    def __init__(self, peer: Peer, tls: TlsConfig | None, listener: PeerListener) -> None:
        self.peer = peer
        self.up = False
        if tls and peer.certificate_name:
            tls = replace(tls, peer_name=peer.certificate_name)
        self.session = ConsoleSession(peer.url, tls=tls, on_agent=self._appeared, on_lost=self._lost)
        self._listener = listener
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        self.session.start()
        try:
            with self.session.events() as events:
                async for event in events:
                    if isinstance(event, EventReceived) and event.agent == agent_name(self.peer.site):
                        self._pass_on(event)
        finally:
            await self.session.stop()

    def _pass_on(self, event: EventReceived) -> None:
        try:
            self._listener.peer_event(self.peer.site, event.class_name, event.values)
        except Exception:
            # A peer of another version, or one that lies, must not end this agent.
            _log.exception("event %s of site %s could not be worked through", event.class_name, self.peer.site)

    async def claim(self, ticket: str) -> Claim | None:
        site = self.peer.site
        try:
            found = await self.session.query(agent_name(site), object_name=f"Ticket:{ticket}", timeout=_TIMEOUT)
        except BusError as error:
            _log.warning("site %s does not tell of ticket %s: %s", site, ticket, error)
            return None
        if not found:
            return None
        values = found[0].values
        return Claim(site, values.get("granted") is True, Term.parse(str(values.get("term", ""))))

    def _appeared(self, agent: AgentInfo) -> None:
        if agent.name == agent_name(self.peer.site):
            _log.info("site %s is reachable at %s", self.peer.site, self.peer.url)
            self.up = True
            task = asyncio.get_running_loop().create_task(self._greet())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _lost(self, agent: AgentInfo) -> None:
        if agent.name == agent_name(self.peer.site):
            _log.warning("site %s is not reachable any more", self.peer.site)
            self.up = False
            self._listener.peer_down(self.peer.site)

    async def _greet(self) -> None:
        try:
            await self._listener.peer_up(self.peer.site)
        except QmfAgentError as error:
            _log.warning("site %s: %s", self.peer.site, error)
