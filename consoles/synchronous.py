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
from consoles.everywhere import SiteOutcome, SitePlan, apply_everywhere, plan_everywhere
from consoles.loop_thread import LoopThread
from consoles.permissions import Permissions
from consoles.subscription import Subscription
from consoles.tickets import TicketStatus
from consoles.values import Announcement, Applied, Configuration, Object, Plan, Position
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

    def classes(self, site: str) -> list[SchemaClass]:
        """See AsyncConsole.classes."""
        return self._loop.run(self._console.classes(site))

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

    def plan_rollback(self, site: str, change: int) -> Plan:
        """See AsyncConsole.plan_rollback."""
        return self._loop.run(self._console.plan_rollback(site, change))

    def plan_heal(self, site: str, ticket: str) -> Plan:
        """See AsyncConsole.plan_heal."""
        return self._loop.run(self._console.plan_heal(site, ticket))

    def replicate_now(self, holder: str, ticket: str, to: str) -> Applied:
        """See AsyncConsole.replicate_now."""
        return self._loop.run(self._console.replicate_now(holder, ticket, to))

    def discard(self, site: str, token: str) -> None:
        """See AsyncConsole.discard."""
        self._loop.run(self._console.discard(site, token))

    def configuration(self, site: str, path: str = "") -> Configuration:
        """See AsyncConsole.configuration."""
        return self._loop.run(self._console.configuration(site, path))

    def history(self, site: str, ticket: str = "", limit: int = 50, before: int = 0) -> list[Mapping[str, Any]]:
        """See AsyncConsole.history."""
        return self._loop.run(self._console.history(site, ticket, limit, before))

    def change(self, site: str, number: int) -> Mapping[str, Any]:
        """See AsyncConsole.change."""
        return self._loop.run(self._console.change(site, number))

    def drill(self, site: str, ticket: str) -> Mapping[str, Any]:
        """See AsyncConsole.drill."""
        return self._loop.run(self._console.drill(site, ticket))

    def explain(self, site: str, identifier: str) -> list[Mapping[str, str]]:
        """See AsyncConsole.explain."""
        return self._loop.run(self._console.explain(site, identifier))

    def permissions(self, site: str) -> Permissions:
        """See AsyncConsole.permissions."""
        return self._loop.run(self._console.permissions(site))

    def verify_journal(self, site: str) -> Mapping[str, Any]:
        """See AsyncConsole.verify_journal."""
        return self._loop.run(self._console.verify_journal(site))

    def plan_everywhere(self, ticket: str, adopt: bool = False) -> list[SitePlan]:
        """See consoles.everywhere.plan_everywhere."""
        return self._loop.run(plan_everywhere(self._console, ticket, adopt))

    def apply_everywhere(
        self, plans: Iterable[SitePlan], tell: Callable[[SiteOutcome], None] = lambda outcome: None
    ) -> list[SiteOutcome]:
        """See consoles.everywhere.apply_everywhere; `tell` is called in the console's own thread."""
        return self._loop.run(apply_everywhere(self._console, plans, tell))

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
