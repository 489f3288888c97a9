"""The scripting API for asyncio.

Rules of this file: a question to all sites is put to them at once, and a site that fails to answer is reported through
`on_problem`, not fatal unless none answers; a question to one site ends in its answer or an error. A site that is seen
by way of several URLs counts once. Nothing here repeats a call that may have been carried out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from types import TracebackType
from typing import Any, TypeVar

from consoles.link import AGENT_PREFIX, Link, site_of
from consoles.nearest import suggestion
from consoles.operations import Operations
from consoles.resumption import Resumption
from consoles.subscription import Subscription
from consoles.tickets import TicketStatus, ticket_statuses
from consoles.values import Event, Object, Position, SiteFound, SiteLost
from qmfagent.bus.security.credentials import Credentials
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.bus.url import BusUrl
from qmfagent.errors import BusError, ConfigError, ConnectionLost, RequestTimeout, UnknownObject
from qmfagent.qmf.classes import SchemaClass
from qmfagent.qmf.console_events import EventReceived
from qmfagent.qmf.data import Data

log = logging.getLogger(__name__)

TIMEOUT = 20.0
CONNECT_TIMEOUT = 5.0
PATIENCE = 1.0
"""Seconds that the other URLs get once the first one is up."""
SLOW = {"drill": 90.0}
"""Methods that are waited for longer, for so many seconds at least: a drill gets 60, and may have to wait for its turn."""

_Answer = TypeVar("_Answer")


class AsyncConsole(Operations):
    """A console of one or more sites. `async with` connects and closes it."""

    def __init__(
        self,
        urls: Iterable[str],
        tls: TlsConfig | None = None,
        *,
        credentials: Credentials | None = None,
        timeout: float = TIMEOUT,
        on_problem: Callable[[str], None] = log.warning,
        on_replica: Callable[[Object], None] | None = None,
    ) -> None:
        """Prepare a console at `urls`: each site's own listener, or a broker where all agents are seen.

        `tls` is what amqps URLs need; with `credentials` the console logs in with a password, else with its certificate.
        `timeout` (seconds) bounds every single request but those that are SLOW, and connecting, which gets 5 s at most.
        `on_problem` is called with what went wrong at one of several sites, in words; `on_replica` with each Replica object
        that has changed, as soon as its agent tells of it. Raises ConfigError for URLs or certificates that can't be used.
        """
        urls = list(dict.fromkeys(urls))
        if not urls:
            raise ConfigError(
                "a console needs at least one bus URL", hint="write amqp://HOST:PORT or amqps://HOST:PORT"
            )
        if tls is not None and not any(BusUrl.parse(url).secure for url in urls):
            raise ConfigError("certificates are given, but no URL uses them", hint="write amqps://")
        on_object = (lambda site, data: on_replica(_object(site, data))) if on_replica else None
        self._links = [
            Link(url, tls, credentials, self._found, self._lost, self._heard, on_object, ("Replica",)) for url in urls
        ]
        self._timeout = timeout
        self._on_problem = on_problem
        self._subscriptions: set[Subscription] = set()

    async def __aenter__(self) -> AsyncConsole:
        """Connect. Raises ConnectionLost where no URL can be reached; reports those that can't."""
        try:
            await self._join()
            problems = await self.unreachable()
            if len(problems) == len(self._links):
                raise ConnectionLost("; ".join(problems.values()), hint="is an agent running there?")
        except BaseException:
            await self._close()
            raise
        for problem in problems.values():
            self._on_problem(problem)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._close()

    # -- sites

    async def sites(self) -> list[str]:
        """The sites that can be reached now, by name."""
        return sorted({site for link in self._links for site in link.sites})

    async def unreachable(self) -> dict[str, str]:
        """The URLs that can't be reached now, and why, in words."""
        problems = [(link.url, await link.problem()) for link in self._links]
        return {url: problem for url, problem in problems if problem}

    async def site(self, name: str) -> Object:
        """The Site object of one site. Raises as query does."""
        found = await self.query("Site", name, name=name)
        if not found:
            raise UnknownObject(f"the agent of {name!r} has no Site object", hint="is it an agent of this version?")
        return found[0]

    # -- what there is

    async def query(
        self, class_name: str, site: str | None = None, where: list[Any] | None = None, name: str | None = None
    ) -> list[Object]:
        """The objects of a class at one site, or at all.

        `where` is a QMF v2 predicate, such as `["eq", "granted", ["quote", True]]`; `name` asks for one object alone,
        with or without its class (`Ticket:db`, `db`). Raises UnknownObject and ConnectionLost for a site that is not
        there, ConnectionLost where there is none at all, RequestTimeout, and what the agent answers as RemoteError.
        """
        if site is not None:
            return await self._query_site(site, class_name, where, name)
        sites = await self.sites()
        if not sites:
            urls = ", ".join(link.url for link in self._links)
            raise ConnectionLost(f"no agent of a site answers at {urls}", hint="is it running, and is the URL right?")
        answers = await self._gather(sites, [self._query_site(each, class_name, where, name) for each in sites])
        return [item for answer in answers for item in answer]

    async def schema(self, site: str, class_name: str) -> SchemaClass:
        """The description of a class by a site's agent. Raises UnknownObject where it has none of that name."""
        link = await self._link(site)
        return await link.session.schema(AGENT_PREFIX + site, class_name, timeout=self._timeout)

    async def classes(self, site: str) -> list[SchemaClass]:
        """The descriptions of all classes of objects and events by a site's agent, in its order; events have a severity."""
        link, agent = await self._link(site), AGENT_PREFIX + site
        ids = await link.session.classes(agent, timeout=self._timeout)
        asked = (link.session.schema(agent, each.name, kind=each.kind, timeout=self._timeout) for each in ids)
        return list(await asyncio.gather(*asked))

    async def tickets(self) -> list[TicketStatus]:
        """All tickets of all sites: who holds each, and where its replicas stand."""
        tickets, replicas = await asyncio.gather(self.query("Ticket"), self.query("Replica"))
        return ticket_statuses(tickets, replicas)

    def subscribe(
        self,
        events: Collection[str] | None = None,
        sites: Collection[str] | None = None,
        since: Mapping[str, Position | int] | None = None,
    ) -> Subscription:
        """The events from now on, of these names and sites, None for all; Gap, SiteLost and SiteFound among them.

        Of a site that is in `since`, they are those after that place: the `position` of the last event that was worked
        through, or its number alone, 0 for all that the site still has. However often the connection is lost meanwhile, each
        event of a site comes once, in order; where one can't be had any more there is a Gap.

        Use it with `with`, and iterate with `async for`.
        """
        places = {site: Position(place) if isinstance(place, int) else place for site, place in (since or {}).items()}
        streams = {link.url: link.session.events() for link in self._links}
        resumption = Resumption(self, places, sites)
        subscription = Subscription(streams, self._read, resumption, events, sites, self._subscriptions.discard)
        self._subscriptions.add(subscription)
        for link in self._links:
            for site in link.sites:
                if self._route(site) is link:
                    resumption.known(site, link.url)
                    if site in places:
                        subscription.heard(site, link.url)
        return subscription

    def numbers(self, site: str) -> tuple[str, int] | None:
        """The journal of a site and the number of its newest event, as its agent has announced them; None where it has not."""
        link = self._route(site)
        return link.numbers(site) if link else None

    # -- what is done

    async def call(self, site: str, object_name: str, method: str, /, **arguments: Any) -> dict[str, Any]:
        """Call a method of an object at a site; its output arguments.

        Raises RemoteError where the agent refuses or fails (`reason` names a refusal); ConnectionLost and RequestTimeout
        where its answer is missing, and it is unknown whether the call was carried out.
        """
        link = await self._link(site)
        timeout = max(self._timeout, SLOW.get(method, 0.0))
        try:
            return await link.session.call(AGENT_PREFIX + site, object_name, method, arguments, timeout=timeout)
        except (ConnectionLost, RequestTimeout) as error:
            raise type(error)(
                f"no answer of {site} to {method}: {error.message}",
                hint="it may have been carried out all the same: look before you repeat it",
            ) from error

    # -- inside

    async def _join(self) -> None:
        """Connect all links: until the first is up, and those that have neither come up nor failed PATIENCE longer."""
        joining = {link.join(min(CONNECT_TIMEOUT, self._timeout)) for link in self._links}
        up = False
        while joining:
            timeout = min(PATIENCE, self._timeout) if up else None
            done, joining = await asyncio.wait(joining, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                return
            up = up or any(each.result() for each in done)

    async def _query_site(self, site: str, class_name: str, where: list[Any] | None, name: str | None) -> list[Object]:
        link = await self._link(site)
        if name is not None:
            name = f"{class_name}:{name.removeprefix(f'{class_name}:')}"
        found = await link.session.query(AGENT_PREFIX + site, class_name, name, where, timeout=self._timeout)
        return [_object(site, data) for data in found]

    async def _gather(self, sites: list[str], requests: list[Awaitable[_Answer]]) -> list[_Answer]:
        """The answers of those sites that gave one; raises the first failure where none did."""
        answers = await asyncio.gather(*requests, return_exceptions=True)
        good = [answer for answer in answers if not isinstance(answer, BaseException)]
        failures = [
            (site, answer) for site, answer in zip(sites, answers, strict=True) if isinstance(answer, BaseException)
        ]
        for site, failure in failures:
            if not good or not isinstance(failure, BusError | UnknownObject):
                raise failure
            self._on_problem(f"{site}: {failure}")
        return good

    async def _link(self, site: str) -> Link:
        """The link a site is reached by. Raises UnknownObject, and ConnectionLost where a link that is down may lead to it."""
        link = self._route(site) or await self._joined(site)
        if link is not None:
            return link
        known = suggestion(site, await self.sites(), "sites that answer")
        problems = await self.unreachable()
        if problems:
            raise ConnectionLost(f"site {site!r} can't be reached: {'; '.join(problems.values())}", hint=known)
        raise UnknownObject(f"there is no site {site!r} here", hint=known)

    async def _joined(self, site: str) -> Link | None:
        """The link a site is reached by, where it is one that was still coming up."""
        joining = {link.joining for link in self._links if link.joining is not None and not link.joining.done()}
        while joining and self._route(site) is None:
            _, joining = await asyncio.wait(joining, return_when=asyncio.FIRST_COMPLETED)
        return self._route(site)

    def _route(self, site: str) -> Link | None:
        return next((link for link in self._links if site in link.sites), None)

    def _read(self, url: str, event: EventReceived) -> Event | None:
        site = site_of(event.agent)
        link = self._route(site)
        if not site or (link is not None and link.url != url):
            return None
        seq = event.values.get("seq")
        number = seq if isinstance(seq, int) else 0
        return Event(site, event.class_name, event.values, event.severity, event.timestamp, number)

    def _found(self, site: str) -> None:
        for subscription in list(self._subscriptions):
            subscription.announce(SiteFound(site))
        self._heard(site)

    def _heard(self, site: str) -> None:
        link = self._route(site)
        if link is not None:
            for subscription in list(self._subscriptions):
                subscription.heard(site, link.url)

    def _lost(self, site: str) -> None:
        if self._route(site) is None:
            for subscription in list(self._subscriptions):
                subscription.announce(SiteLost(site))

    async def _close(self) -> None:
        for subscription in list(self._subscriptions):
            subscription.close()
        await asyncio.gather(*(link.leave() for link in self._links))


def _object(site: str, data: Data) -> Object:
    return Object(site, data.class_name, data.object_id.object_name, data.values)
