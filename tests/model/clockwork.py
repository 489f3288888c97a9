"""An event loop in which time passes only when nothing else can happen, and the store that a made-up site is killed at.

Rules of this file: the same calls give the same order of events, always. Threads are played in the loop's own one.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from lxml import etree

from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version
from qmfagent.pacemaker import tickets
from qmfagent.pacemaker.tools import TicketAction
from tests.replication.fakes import MemoryStore


class _InPlace(ThreadPoolExecutor):
    """Does at once what is given to a thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:
            done.set_exception(error)
        return done


class _Leaping(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Waits for nothing, and counts the seconds that it was to wait."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found and timeout:
            self.passed += timeout
        return found


class Loop(asyncio.SelectorEventLoop):
    """The event loop. Its time is the seconds that somebody has waited for."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)
        self.set_default_executor(_InPlace(1))

    def time(self) -> float:
        return self._leaping.passed


class Killed(BaseException):
    """The agent was killed here."""


class Fuse:
    """Kills an agent at one of the points that it passes: after `left` others, or never where that is None."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.passed: list[str] = []

    def point(self, name: str) -> None:
        """Pass a point, or die there."""
        self.passed.append(name)
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            self.left = None
            raise Killed(name)


class SiteStore(MemoryStore):
    """A site's CIB, which outlives its agent. What the agent writes is shown to `look`, as it was before and is after;
    `meanwhile` is done once, right before the next write of the agent."""

    def __init__(self, cib: bytes, fuse: Fuse, look: Callable[[Snapshot, Snapshot], None]) -> None:
        super().__init__(cib)
        self._fuse = fuse
        self._look = look
        self.meanwhile: Callable[[], None] | None = None

    async def apply(self, patchset: bytes, expected_config_digest: str) -> Version:
        self._fuse.point("before the write")
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        before = self.current
        version = await super().apply(patchset, expected_config_digest)
        if self.current is not before:
            self._look(before, self.current)
        self._fuse.point("after the write")
        return version

    def edit(self, patchset: bytes) -> None:
        """Change the configuration as an administrator does."""
        self.current = self.current.advance(etree.fromstring(patchset))

    def ticket(self, name: str, action: TicketAction, now: int) -> None:
        """Change a ticket's state as crm_ticket does at `now`."""
        changes = tickets.changes(self.current, name, action, now)
        diff = etree.Element("diff", format="2")
        versions = etree.SubElement(diff, "version")
        etree.SubElement(versions, "source", self.current.version.attributes())
        etree.SubElement(versions, "target", self.current.version.after_status_change().attributes())
        diff.extend(changes)
        if changes:
            self.current = self.current.advance(diff)
