"""One session with the agents of all peers that are at one URL: one site's own listener, or a broker with any number of them.

Rules of this file: what the session tells goes to every link, and each takes what its own agent says. At a broker the session
is a durable subscriber by this site's name, so that the events of an absence are heard when it is over.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from qmfagent.bus.console.session import ConsoleSession
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.config import BrokerConfig, Peer
from qmfagent.peers.link import PeerLink, PeerListener, agent_name
from qmfagent.qmf.console_events import AgentInfo
from qmfagent.qmf.data import Data

_log = logging.getLogger(__name__)

DATA_CLASSES = ("Replica",)
EVENT_CLASSES = ("published", "ticket_changed")
"""What there is to hear of a peer; everything else is for people."""


class PeerSession:
    """The session, and the links to its peers."""

    def __init__(
        self,
        site: str,
        peers: Iterable[Peer],
        listener: PeerListener,
        *,
        tls: TlsConfig | None = None,
        broker: BrokerConfig | None = None,
    ) -> None:
        """`site` is this site, `peers` have one URL and certificate name; `broker` is given where that URL is the broker's.

        Raises ConfigError for a URL, certificates or credentials that can't be used.
        """
        peers = list(peers)
        self._url = peers[0].url
        self._shared = broker is not None
        if tls and peers[0].certificate_name:
            tls = replace(tls, peer_name=peers[0].certificate_name)
        self._session = ConsoleSession(
            self._url,
            tls=broker.tls if broker else tls,
            credentials=broker.credentials if broker else None,
            user=broker.user if broker else "",
            dialect=broker.dialect if broker else "",
            subscriber=site if broker else "",
            on_agent=self._appeared,
            on_lost=self._lost,
            on_announced=self._announced,
            on_data=self._told,
            data_classes=DATA_CLASSES,
            event_classes=EVENT_CLASSES,
        )
        self.links = [PeerLink(peer, self._session, listener) for peer in peers]

    async def run(self) -> None:
        """Keep the session until cancelled."""
        self._session.start()
        try:
            with self._session.events() as events:
                async for event in events:
                    for link in self.links:
                        link.take(event)
        finally:
            for link in self.links:
                link.close()
            await self._session.stop()

    def _appeared(self, agent: AgentInfo) -> None:
        expected = [agent_name(link.peer.site) for link in self.links]
        if agent.name not in expected and not self._shared:
            sites = ", ".join(link.peer.site for link in self.links)
            _log.warning("at %s is the agent %s, not that of site %s", self._url, agent.name, sites)
        for link in self.links:
            link.appeared(agent)

    def _announced(self, agent: AgentInfo) -> None:
        for link in self.links:
            link.announced(agent)

    def _lost(self, agent: AgentInfo) -> None:
        for link in self.links:
            link.lost(agent)

    def _told(self, agent: str, data: Data) -> None:
        for link in self.links:
            link.told(agent, data)
