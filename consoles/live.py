"""What a console shows all the time: all sites and tickets, kept up to date.

Rules of this file: one subscription to all events, and to the Replica objects that agents tell of at once. An event tells what
to read afresh, and only that is, a moment later, so that what comes together is read once. Nothing is read while nobody looks.
What has no answer stays as it was and is asked for again. Readers wait for a newer picture and may leave out any number of
them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

from consoles.asynchronous import AsyncConsole
from consoles.picture import CLASSES, Lacking, Objects, Picture, count_lacking
from consoles.tickets import BY_THE_CLOCK, TicketStatus
from consoles.values import Announcement, Event, Gap, Object, SiteFound
from qmfagent.errors import ConnectionLost, QmfAgentError, RequestTimeout

DEBOUNCE = 0.1
"""Seconds that what has changed is collected before it is read."""
RETRY = 2.0
"""Seconds until what could not be read is tried again, and what no event tells of is looked at."""
HISTORY = 200
"""Entries of a holder's history that are looked through for publications."""
_OF_NO_CONCERN = frozenset({"resource_changed"})
"""Events that change nothing in a picture."""

log = logging.getLogger(__name__)


class Live:
    """The newest picture of one console, and who waits for a newer one."""

    def __init__(self, connect: Callable[[Callable[[Object], None]], AsyncConsole]) -> None:
        """`connect` makes the console, which calls what it is given with each Replica object that has changed."""
        self.console = connect(self._replica)
        self._objects = Objects()
        self._picture = Picture()
        self._renewed = asyncio.Event()
        self._stale: defaultdict[str, set[str]] = defaultdict(set)
        self._work = asyncio.Event()
        self._reading = False
        self._wanted = asyncio.Event()
        self._readers = 0
        self._lacking: dict[tuple[str, str, str], tuple[tuple[str, str], Lacking]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def picture(self) -> Picture:
        """The picture as it is now, everything that was told so far in it."""
        late = bool(self._reading and self._stale)
        if not self._tasks or self._stale or self._reading:
            picture = await self.after(self._picture.number)
            if not late or not (self._stale or self._reading):
                return picture
            # What was being read may be older than what was told meanwhile.
            return await self.after(picture.number)
        return self._picture

    async def after(self, number: int) -> Picture:
        """The first picture there is after that number; waits for it."""
        self._start()
        self._readers += 1
        self._wanted.set()
        try:
            while self._picture.number <= number:
                await self._renewed.wait()
            return self._picture
        finally:
            self._readers -= 1
            if not self._readers:
                self._wanted.clear()

    async def refresh(self) -> None:
        """Have everything read afresh, also what no event tells of."""
        for site in await self.console.sites():
            self._mark(site, CLASSES)

    async def stop(self) -> None:
        """Follow nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- what is heard

    def _start(self) -> None:
        if not self._tasks:
            loop = asyncio.get_running_loop()
            self._tasks = [loop.create_task(each) for each in (self._listen(), self._keep_up(), self._look_again())]

    async def _listen(self) -> None:
        with self.console.subscribe() as events:
            for site in await self.console.sites():
                self._mark(site, CLASSES)
            self._work.set()  # a console that reaches nobody has a picture too
            async for item in events:
                self._heard(item)

    async def _look_again(self) -> None:
        """Have a new picture where other URLs lead nowhere now: of an agent that was silent before, no event tells that its
        connection is lost too."""
        while True:
            await asyncio.sleep(RETRY)
            await self._wanted.wait()
            if await self.console.unreachable() != self._picture.unreachable:
                self._work.set()

    def _heard(self, item: Announcement) -> None:
        match item:
            case Event(name="published"):
                ticket = str(item.values.get("ticket", ""))
                self._lacking = {key: each for key, each in self._lacking.items() if key[:2] != (item.site, ticket)}
                self._mark(item.site, ("Site", "Ticket"))
            case Event(name=name):
                if name not in _OF_NO_CONCERN:
                    self._mark(item.site, ("Site", "Ticket"))
            case SiteFound() | Gap(site=str()) if item.site:
                self._mark(item.site, CLASSES)
            case Gap():
                for site in self._objects.sites:
                    self._mark(site, CLASSES)
            case _:
                self._mark(item.site, ())

    def _replica(self, item: Object) -> None:
        self._objects.put(item)
        # Until when it is held stands in the Ticket object, and no event says that the time there has passed.
        self._mark(item.site, ("Ticket",) if item.values.get("hold") in BY_THE_CLOCK else ())

    def _mark(self, site: str, classes: Iterable[str]) -> None:
        self._stale[site].update(classes)
        self._work.set()

    # -- what is read

    async def _keep_up(self) -> None:
        while True:
            await self._work.wait()
            await self._wanted.wait()
            await asyncio.sleep(DEBOUNCE)
            self._work.clear()
            stale, self._stale = self._stale, defaultdict(set)
            self._reading = True
            try:
                await asyncio.gather(*(self._read(site, name) for site, names in stale.items() for name in names))
                await self._renew()
            except Exception:
                # A fault of ours must not leave every page of this session as it is.
                log.exception("the sites could not be looked at")
            finally:
                self._reading = False

    async def _read(self, site: str, class_name: str) -> None:
        try:
            self._objects.replace(site, class_name, await self.console.query(class_name, site))
        except QmfAgentError as error:
            log.debug("%s of %s can't be read: %s", class_name, site, error)
            if isinstance(error, ConnectionLost | RequestTimeout) and site in await self.console.sites():
                asyncio.get_running_loop().call_later(RETRY, self._mark, site, (class_name,))

    async def _renew(self) -> None:
        sites = await self.console.sites()
        statuses = self._objects.statuses(sites)
        self._picture = Picture(
            self._picture.number + 1,
            tuple(self._objects.of("Site", sites)),
            statuses,
            await self._count(statuses, sites),
            await self.console.unreachable(),
        )
        self._renewed.set()
        self._renewed = asyncio.Event()

    async def _count(self, statuses: Iterable[TicketStatus], sites: Collection[str]) -> dict[tuple[str, str], Lacking]:
        """What each site lacks that is behind a single holder that can be asked."""
        behind = [
            (status.holders[0], status.name, at.site, (at.applied, at.published))
            for status in statuses
            if len(status.holders) == 1 and status.holders[0] in sites
            for at in status.sites
            if at.state == "behind" and at.applied
        ]
        counted = await asyncio.gather(*(self._lacks(*each) for each in behind))
        return {(ticket, site): found for (_, ticket, site, _), found in zip(behind, counted, strict=True) if found}

    async def _lacks(self, holder: str, ticket: str, site: str, digests: tuple[str, str]) -> Lacking | None:
        known = self._lacking.get((holder, ticket, site))
        if known is not None and known[0] == digests:
            return known[1]
        try:
            found = count_lacking(await self.console.history(holder, ticket, HISTORY), digests[0])
        except QmfAgentError as error:
            log.debug("the history of %s at %s can't be read: %s", ticket, holder, error)
            return None
        self._lacking[holder, ticket, site] = digests, found
        return found
