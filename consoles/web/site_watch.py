"""The nodes and resources of one site, kept up to date for one page.

Rules of this file: an event tells what to read afresh. A resource is read by itself, with the collections it is in, unless so
many have changed that reading all is less. No event tells of a node, so those few are read whenever there is a look at all; nor
of fail counts and of what is under way: so a look without an event is at all resources where they are few, else at those that
something was under way with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from consoles.asynchronous import AsyncConsole
from consoles.subscription import Subscription
from consoles.values import Announcement, Event, Object

TOGETHER = 0.1
"""Seconds that events which come together may be apart."""
MANY = 50
"""Resources that have changed from which on all of them are read."""
FEW = 500
"""Resources up to which all of them are read at a look."""
_MOST_EVENTS = 1000


class SiteWatch:
    """The newest Node and Resource objects of a site."""

    def __init__(self, console: AsyncConsole, site: str) -> None:
        self.site = site
        self.nodes: list[Object] = []
        self._console = console
        self._resources: dict[str, Object] = {}

    @property
    def resources(self) -> list[Object]:
        """The Resource objects, in the agent's order."""
        return list(self._resources.values())

    async def read(self) -> None:
        """Read all of it. Raises as AsyncConsole.query does."""
        self.nodes, resources = await asyncio.gather(
            self._console.query("Node", self.site), self._console.query("Resource", self.site)
        )
        self._resources = {str(each.values["id"]): each for each in resources}

    async def take(self, items: Iterable[Announcement]) -> None:
        """Read afresh what these events are about. Raises as AsyncConsole.query does."""
        changed = changed_resources(items)
        if changed == set():
            changed = None if len(self._resources) <= FEW else self._busy()
        if changed is None or len(changed) > MANY:
            await self.read()
            return
        self.nodes = await self._console.query("Node", self.site)
        for identifier in list(changed):
            changed.update(self._collections(identifier))
        found = await asyncio.gather(
            *(self._console.query("Resource", self.site, name=f"Resource:{each}") for each in sorted(changed))
        )
        self._resources |= {str(each.values["id"]): each for objects in found for each in objects}

    def _busy(self) -> set[str]:
        """The ids of the resources that something was under way with."""
        return {identifier for identifier, each in self._resources.items() if each.values.get("pending", "")}

    def _collections(self, identifier: str) -> Iterable[str]:
        """The ids of the collections that a resource is in."""
        seen = {identifier}
        while identifier in self._resources:
            identifier = str(self._resources[identifier].values["parent"])
            if not identifier or identifier in seen:
                break
            seen.add(identifier)
            yield identifier


def changed_resources(items: Iterable[Announcement]) -> set[str] | None:
    """The ids of the resources whose state alone has changed by these events; None where it may be anything."""
    changed: set[str] = set()
    for item in items:
        match item:
            case Event(name="resource_changed", values={"change": "state", "id": str(identifier), "truncated": 0}):
                changed.add(identifier)
            case Event(name="resource_changed" | "config_changed" | "applied" | "rolled_back" | "drift_healed"):
                return None
            case Event():
                pass
            case _:
                return None
    return changed


async def together(events: Subscription) -> list[Announcement]:
    """The next event, and those that come with it. May be cancelled without losing one. Raises StopAsyncIteration."""
    items = [await anext(events)]
    with suppress(TimeoutError, StopAsyncIteration):
        async with asyncio.timeout(TOGETHER):
            while len(items) < _MOST_EVENTS:
                items.append(await anext(events))
    return items
