"""A web console on a port of loopback, in the event loop of the test."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from starlette.applications import Starlette

from consoles.client import AsyncConsole
from consoles.web.app import Connect, Options, create_app
from consoles.web.links import Links
from consoles.web.server import Front, Server
from consoles.web.sessions import Sessions

WAIT = 60.0


class WholeConsole(AsyncConsole):
    """A console that reaches its sites before it is used, one at each of its URLs.

    Whoever signs in waits for the first of them, and a moment for the others: where the machine has much else to do, pages
    would begin without some.
    """

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        async with asyncio.timeout(WAIT):
            while len(await self.sites()) < len(self._links):
                await asyncio.sleep(0.01)
        return self


def connect_to(urls: Iterable[str]) -> Connect:
    """What makes the consoles of sessions, at these URLs."""
    at = list(urls)
    return lambda credentials, on_replica: WholeConsole(
        at, credentials=credentials, timeout=WAIT, on_problem=lambda problem: None, on_replica=on_replica
    )


@dataclass
class Served:
    """One web console. `async with` serves it. Options are those of consoles.web.app; `port` 0 is any."""

    connect: Connect
    front: Front = field(default_factory=Front)
    sessions: Sessions = field(default_factory=Sessions)
    links: Links = field(default_factory=Links)
    options: dict[str, Any] = field(default_factory=dict)
    port: int = 0

    async def __aenter__(self) -> Self:
        options = {"hosts": ("127.0.0.1", "localhost"), "identity": "anonymous"} | self.options
        self.app: Starlette = create_app(Options(self.connect, **options), sessions=self.sessions, links=self.links)
        self._server = Server(self.app, self.front)
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._task = asyncio.create_task(self._server.serve([listener]))
        async with asyncio.timeout(WAIT):
            while not self._server.started:
                await asyncio.sleep(0.005)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.stop()
        async with asyncio.timeout(WAIT):
            await self._task

    @property
    def url(self) -> str:
        """Where it is."""
        scheme = "https" if self.front.certificate else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    def link(self) -> str:
        """A link that signs in once."""
        return f"{self.url}/open/{self.links.renew()}"
