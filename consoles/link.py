"""One bus URL, and the sites behind it: one where an agent listens itself, any number at a broker.

Rules of this file: a link stays up by itself, from enter to exit; being down is a state, not an error. It knows nothing
of other links.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress

from qmfagent.bus.console.session import ConsoleSession
from qmfagent.bus.security.credentials import Credentials
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.bus.url import BusUrl
from qmfagent.errors import BusError, RequestTimeout
from qmfagent.qmf.console_events import AgentInfo
from qmfagent.qmf.data import Data

AGENT_PREFIX = "clusterlabs.org:qmfagent:"
"""What the QMF name of a site's agent begins with; the site's name follows."""


WATCH = 3600.0
"""Seconds to wait for an announcement, over and over."""


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
        on_events: Callable[[str], None],
        on_object: Callable[[str, Data], None] | None = None,
        classes: Collection[str] = (),
    ) -> None:
        """`on_site` is called with each site that appears, or appears again, `on_site_lost` with each that is gone,
        `on_events` with each that announces new events. Where there is an `on_object`, it is called with each object of
        `classes` that a site tells of by itself since it has changed, or is gone (`delete_ts`).

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
            on_data=lambda agent, data: on_object(site_of(agent), data) if on_object and site_of(agent) else None,
            data_classes=classes if on_object else (),
        )
        self._on_events = on_events
        self._joining: asyncio.Task[bool] | None = None
        self._watching: asyncio.Task[None] | None = None

    def join(self, patience: float) -> asyncio.Task[bool]:
        """Begin to connect; the task gives True once the link is up and its agents are known.

        It gives False where the first attempt has failed, or takes more than `patience` seconds; the link goes on trying. The
        first agent has as long to answer: one that has much to do is not to be taken for none.
        """
        if self._joining is None:
            loop = asyncio.get_running_loop()
            self._joining = loop.create_task(self._join(patience), name=f"joining {self.url}")
            self._watching = loop.create_task(self._watch(), name=f"watching {self.url}")
        return self._joining

    @property
    def joining(self) -> asyncio.Task[bool] | None:
        """What join() gave; None before it and after leave()."""
        return self._joining

    async def leave(self) -> None:
        """Close the link."""
        for task in (self._joining, self._watching):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self._joining = self._watching = None
        await self.session.stop()

    def numbers(self, site: str) -> tuple[str, int] | None:
        """The journal of a site and the number of its newest event, as announced last; None where it has announced none."""
        return next((_numbers(agent) for agent in self.session.known_agents if site_of(agent.name) == site), None)

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
            await self.session.agents(patience)
        return True

    async def _watch(self) -> None:
        """Tell of every announcement of new events."""
        told: dict[str, tuple[str, int] | None] = {}
        while True:
            with suppress(RequestTimeout):
                agent = await self.session.wait_agent(lambda agent: _numbers(agent) != told.get(agent.name), WATCH)
                told[agent.name] = _numbers(agent)
                _tell(self._on_events, agent)


def _numbers(agent: AgentInfo) -> tuple[str, int] | None:
    journal, seq = agent.attributes.get("journal"), agent.attributes.get("seq")
    return (journal, seq) if isinstance(journal, str) and journal and isinstance(seq, int) else None


def _tell(callback: Callable[[str], None], agent: AgentInfo) -> None:
    if site := site_of(agent.name):
        callback(site)
