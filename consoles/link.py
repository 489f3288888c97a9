"""One bus URL, and the sites behind it: one where an agent listens itself, any number at a broker.

Rules of this file: a link stays up by itself, from enter to exit; being down is a state, not an error. It knows nothing
of other links.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from qmfagent.bus.credentials import Credentials
from qmfagent.bus.session import ConsoleSession
from qmfagent.bus.tls import TlsConfig
from qmfagent.bus.url import BusUrl
from qmfagent.errors import BusError
from qmfagent.qmf.console_events import AgentInfo

AGENT_PREFIX = "clusterlabs.org:qmfagent:"
"""What the QMF name of a site's agent begins with; the site's name follows."""


def site_of(agent: str) -> str:
    """The site whose agent has that QMF name; empty where it is no agent of a site."""
    return agent.removeprefix(AGENT_PREFIX) if agent.startswith(AGENT_PREFIX) else ""


class Link:
    """A console session at one URL."""

    def __init__(
        self,
        url: str,
        tls: TlsConfig | None,
        credentials: Credentials | None,
        on_site: Callable[[str], None],
        on_site_lost: Callable[[str], None],
    ) -> None:
        """`on_site` is called with each site that appears, or appears again, `on_site_lost` with each that is gone.

        `tls` is for amqps URLs and not used for others. With `credentials` the console logs in with a password.
        Raises ConfigError for a URL, certificates or credentials that can't be used.
        """
        self.url = url
        self.session = ConsoleSession(
            url,
            tls=tls if BusUrl.parse(url).secure else None,
            credentials=credentials,
            on_agent=lambda agent: _tell(on_site, agent),
            on_lost=lambda agent: _tell(on_site_lost, agent),
        )
        self._joining: asyncio.Task[bool] | None = None

    def join(self, patience: float) -> asyncio.Task[bool]:
        """Begin to connect; the task gives True once the link is up and its agents are known.

        It gives False where the first attempt has failed, or takes more than `patience` seconds; the link goes on trying.
        """
        if self._joining is None:
            self._joining = asyncio.get_running_loop().create_task(self._join(patience), name=f"joining {self.url}")
        return self._joining

    async def leave(self) -> None:
        """Close the link."""
        if self._joining is not None:
            self._joining.cancel()
            with suppress(asyncio.CancelledError):
                await self._joining
            self._joining = None
        await self.session.stop()

    @property
    def sites(self) -> set[str]:
        """The sites that can be reached here now."""
        return {site for agent in self.session.known_agents if (site := site_of(agent.name))}

    async def problem(self) -> str:
        """Why the link is down, in words; empty where it is up."""
        if self.session.connected:
            return ""
        try:
            await self.session.agents(0)
        except BusError as error:
            return error.message
        return ""

    async def _join(self, patience: float) -> bool:
        self.session.start()
        try:
            await self.session.wait_up(patience, patient=False)
        except BusError:
            return False
        with suppress(BusError):  # lost again already: the session locates its agents when it is back
            await self.session.agents()
        return True


def _tell(callback: Callable[[str], None], agent: AgentInfo) -> None:
    if site := site_of(agent.name):
        callback(site)
