"""The scripting API for programs without asyncio.

Rules of this file: every method only waits for the one of the same name in asynchronous.py, where it is described. The
event loop runs in a thread of its own from enter to exit; calls may come from any thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from types import TracebackType
from typing import Any

from consoles.asynchronous import TIMEOUT, AsyncConsole, log
from consoles.loop_thread import LoopThread
from consoles.subscription import Subscription
from consoles.tickets import TicketStatus
from consoles.values import Announcement, Applied, Object, Plan, Position
from qmfagent.bus.security.credentials import Credentials
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.qmf.classes import SchemaClass


class Console:
    """A console of one or more sites. `with` connects and closes it."""

    def __init__(
        self,
        urls: Iterable[str],
        tls: TlsConfig | None = None,
        *,
        credentials: Credentials | None = None,
        timeout: float = TIMEOUT,
        on_problem: Callable[[str], None] = log.warning,
    ) -> None:
        """As AsyncConsole; `on_problem` is called in the console's own thread."""
        self._console = AsyncConsole(urls, tls, credentials=credentials, timeout=timeout, on_problem=on_problem)
        self._loop = LoopThread()

    def __enter__(self) -> Console:
        """Connect, as AsyncConsole does."""
        self._loop.start()
        try:
            self._loop.run(self._console.__aenter__())
        except BaseException:
            self._loop.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._loop.run(self._console.__aexit__(kind, error, at))
        finally:
            self._loop.stop()

    def sites(self) -> list[str]:
        """See AsyncConsole.sites."""
        return self._loop.run(self._console.sites())

    def unreachable(self) -> dict[str, str]:
        """See AsyncConsole.unreachable."""
        return self._loop.run(self._console.unreachable())

    def site(self, name: str) -> Object:
        """See AsyncConsole.site."""
        return self._loop.run(self._console.site(name))

    def query(
        self, class_name: str, site: str | None = None, where: list[Any] | None = None, name: str | None = None
    ) -> list[Object]:
        """See AsyncConsole.query."""
        return self._loop.run(self._console.query(class_name, site, where, name))

    def schema(self, site: str, class_name: str) -> SchemaClass:
        """See AsyncConsole.schema."""
        return self._loop.run(self._console.schema(site, class_name))

    def tickets(self) -> list[TicketStatus]:
        """See AsyncConsole.tickets."""
        return self._loop.run(self._console.tickets())

    def subscribe(
        self,
        events: Collection[str] | None = None,
        sites: Collection[str] | None = None,
        since: Mapping[str, Position | int] | None = None,
    ) -> Events:
        """See AsyncConsole.subscribe. Use it with `with`, and iterate with `for`, which waits for the next event."""

        async def subscribe() -> Subscription:
            return self._console.subscribe(events, sites, since)

        return Events(self._loop, self._loop.run(subscribe()))

    def call(self, site: str, object_name: str, method: str, /, **arguments: Any) -> dict[str, Any]:
        """See AsyncConsole.call."""
        return self._loop.run(self._console.call(site, object_name, method, **arguments))

    def plan(self, site: str, ticket: str, adopt: bool = False) -> Plan:
        """See AsyncConsole.plan."""
        return self._loop.run(self._console.plan(site, ticket, adopt))

    def apply(self, site: str, token: str) -> Applied:
        """See AsyncConsole.apply."""
        return self._loop.run(self._console.apply(site, token))

    def replicate(self, ticket: str, to: str, adopt: bool = False) -> Applied:
        """See AsyncConsole.replicate."""
        return self._loop.run(self._console.replicate(ticket, to, adopt))


class Events:
    """An iterator over events and announcements; a context manager that ends the subscription."""

    def __init__(self, loop: LoopThread, subscription: Subscription) -> None:
        self._loop = loop
        self._subscription = subscription

    def close(self) -> None:
        """End the subscription."""

        async def close() -> None:
            self._subscription.close()

        self._loop.run(close())

    def __enter__(self) -> Events:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Events:
        return self

    def __next__(self) -> Announcement:
        return self.next()

    def next(self, timeout: float | None = None) -> Announcement:
        """The next event or announcement. Raises TimeoutError where none comes within `timeout` seconds, None for ever;
        StopIteration once the subscription has ended."""
        try:
            return self._loop.run(self._next(timeout))
        except StopAsyncIteration:
            raise StopIteration from None

    async def _next(self, seconds: float | None) -> Announcement:
        # In the loop, because a timeout out here could come after the event was taken, and lose it.
        async with asyncio.timeout(seconds):
            return await anext(self._subscription)
