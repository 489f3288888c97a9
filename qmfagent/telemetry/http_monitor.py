"""The monitor that tells over HTTP."""

from __future__ import annotations

from collections.abc import Callable

from qmfagent.config.http import HttpConfig
from qmfagent.policy.access import Access
from qmfagent.telemetry.facts import Facts
from qmfagent.telemetry.meters import Meters
from qmfagent.telemetry.pages import Pages
from qmfagent.telemetry.server import HttpServer


class HttpMonitor:
    """A Monitor: its meters, and where they can be read."""

    def __init__(self, config: HttpConfig, access: Access, site: str) -> None:
        """`access` says who may look, where that can be told."""
        self._config = config
        self._access = access
        self._meters = Meters(site)
        self._server: HttpServer | None = None
        self.event = self._meters.event
        self.measure = self._meters.measure

    async def start(self, read: Callable[[], Facts], problem: Callable[[], str]) -> int:
        """Listen: the port. Raises ConfigError for certificates that can't be used, BusError where the address can't be had."""
        pages = Pages(self._access, read, problem, self._meters.registry)
        self._server = HttpServer(self._config, pages.answer)
        return await self._server.start()

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            await self._server.stop()
