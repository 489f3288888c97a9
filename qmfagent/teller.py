"""Telling consoles of changed objects in time: the agent's subscriptions and pushes, and the clock.

Rules of this file: what is told, and to whom, is qmf.Agent's; here it meets the time and the bus. While nobody is to be told,
nothing is looked at and nothing kept. Between two messages everything else has its turn, since there may be thousands of
objects. A fault ends one round, never the telling.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from qmfagent.objects.changed import ChangedObjects
from qmfagent.qmf.agent import Agent
from qmfagent.qmf.indications import Taken
from qmfagent.qmf.message import Message

_log = logging.getLogger(__name__)

_NANOSECONDS = 1_000_000_000
_PAUSE = 1.0
"""Seconds to wait after a fault."""


class Teller:
    """Tells of the changes of one agent's objects."""

    def __init__(self, agent: Agent, changes: ChangedObjects, taken: Taken, send: Callable[[Message], None]) -> None:
        """`taken` says whether anybody receives what is sent to an address; `send` sends a message, it must not raise."""
        self._agent = agent
        self._changes = changes
        self._taken = taken
        self._send = send
        self._sooner = asyncio.Event()

    def wake(self) -> None:
        """Something may be due earlier than it was: a request has come."""
        now = time.time_ns()
        if self._agent.next_due(now) <= now:
            self._sooner.set()

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            await self._wait()
            try:
                await self._tell()
            except Exception:
                _log.exception("consoles could not be told of changed objects")
                await asyncio.sleep(_PAUSE)

    async def _wait(self) -> None:
        """Wait until something is due. What is slept by is not set back with the clock."""
        now = time.time_ns()
        left = (self._agent.next_due(now) - now) / _NANOSECONDS
        with suppress(TimeoutError):
            async with asyncio.timeout(max(left, 0.0)):
                await self._sooner.wait()
        self._sooner.clear()

    async def _tell(self) -> None:
        now = time.time_ns()
        if self._agent.listened_to(self._changes.CLASSES, self._taken):
            self._agent.changed(self._changes.take(now))
        else:
            self._changes.forget()
        for message in self._agent.due(now, self._taken):
            self._send(message)
            await asyncio.sleep(0)
