"""The other sites' agents, seen as a console sees them: the Remotes port of replication, over QMF.

Rules of this file: what a peer tells decides nothing by itself: claims are asked for afresh, publications are verified by who
uses them. A site that can't be reached has no say, or its outage would end replication between the others; one that is there
and does not answer has one that nobody knows, and that is an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from qmfagent.bus.security.tls import TlsConfig
from qmfagent.config import BrokerConfig, Peer
from qmfagent.errors import UnknownObject
from qmfagent.peers.link import PeerLink, PeerListener
from qmfagent.peers.session import PeerSession
from qmfagent.replication.authority import Claim
from qmfagent.replication.publishing.publication import Publication


class Peers:
    """All other sites of the configuration."""

    def __init__(
        self,
        peers: Iterable[Peer],
        tls: TlsConfig | None,
        listener: PeerListener,
        *,
        site: str = "",
        broker: BrokerConfig | None = None,
    ) -> None:
        """`site` is this site, `broker` where it meets those peers that have the broker's URL.

        Raises ConfigError for a URL, certificates or credentials that can't be used.
        """
        places: dict[tuple[str, str], list[Peer]] = {}
        for peer in peers:
            places.setdefault((peer.url, peer.certificate_name), []).append(peer)
        self._sessions = [
            PeerSession(site, there, listener, tls=tls, broker=broker if broker and broker.url == url else None)
            for (url, _), there in places.items()
        ]
        self._links = {link.peer.site: link for session in self._sessions for link in session.links}

    @property
    def sites(self) -> list[str]:
        """The sites of the configuration."""
        return list(self._links)

    def describe(self) -> list[dict[str, Any]]:
        """The peers as the Site object lists them."""
        return [
            {
                "site": link.peer.site,
                "url": link.peer.url,
                "connected": link.up,
                "version": link.version or "",
                "reason": link.reason,
                **link.witness.newest.to_values(),
            }
            for link in self._links.values()
        ]

    async def run(self) -> None:
        """Keep the sessions until cancelled."""
        async with asyncio.TaskGroup() as group:
            for session in self._sessions:
                group.create_task(session.run())

    async def claims(self, ticket: str) -> list[Claim]:
        """What every reachable site says of the ticket now. Raises RequestTimeout and RemoteError where one does not say."""
        links = [link for link in self._links.values() if link.up]
        answers = await asyncio.gather(*(link.claim(ticket) for link in links), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in answers if isinstance(answer, Claim)]

    async def publication(self, site: str, ticket: str, known: str = "") -> Publication:
        """What the site publishes for the ticket, told against the publication of digest `known` where it can be.

        Raises Refused (version) where its agent is of a version that nothing is taken from, BusError, and CibError.
        """
        self._link(site).check_version()
        values = await self.call(site, f"Site:{site}", "publication", {"ticket": ticket, "known": known})
        return Publication.from_values(ticket, values)

    async def call(self, site: str, object_name: str, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call a method at a site. Raises BusError, and UnknownObject for a site that is no peer."""
        return await self._link(site).call(object_name, method, arguments)

    async def query(self, site: str, class_name: str) -> list[Mapping[str, Any]]:
        """The values of all objects of a class at a site. Raises as call does."""
        return await self._link(site).query(class_name)

    def _link(self, site: str) -> PeerLink:
        if site not in self._links:
            known = ", ".join(self._links) or "none"
            raise UnknownObject(
                f"site {site!r} is no peer of this agent; its peers: {known}", hint="add a [[peer]] for it"
            )
        return self._links[site]
