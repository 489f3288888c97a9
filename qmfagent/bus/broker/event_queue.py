"""The agent's events on their way to a broker.

Rules of this file: events leave in the order they were raised; each stays here until the broker has confirmed it, and is sent
again where the connection ended first. So a receiver may see one twice, and drops it by its number. What waits is bounded:
the oldest go first, and consoles see by the numbers that some are missing.
"""

from __future__ import annotations

import logging
from asyncio import Future
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from itertools import count

from qmfagent.bus.connection.outlet import RELEASED
from qmfagent.errors import BusError, ConnectionLost, InputError, RemoteError
from qmfagent.qmf.message import Message

log = logging.getLogger(__name__)

MAX_EVENTS = 10_000
"""Events that wait for a broker that is not there."""
WINDOW = 100
"""Events under way, unconfirmed, at a time."""


class EventQueue:
    """A bounded queue in front of one self-healing connection; `dropped` events have had to make room for others."""

    def __init__(self, post: Callable[[Message], Future[None]], limit: int = MAX_EVENTS) -> None:
        """`post` sends an event now; its future completes with the broker's confirmation. Raises BusError, InputError."""
        self._post = post
        self._limit = limit
        self._numbers = count()
        self._waiting: dict[int, Message] = {}
        self._unsent: list[int] = []  # a heap
        self._under_way: set[int] = set()
        self.dropped = 0

    def __len__(self) -> int:
        """How many events the broker has not confirmed."""
        return len(self._waiting)

    def put(self, event: Message) -> None:
        """Send an event as soon as that can be."""
        if len(self._waiting) >= self._limit:
            dropped = next(iter(self._waiting))
            log.warning("%d events are waiting for the broker, the oldest is dropped", self._limit)
            del self._waiting[dropped]
            self.dropped += 1
        number = next(self._numbers)
        self._waiting[number] = event
        heappush(self._unsent, number)
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as the window allows."""
        while self._unsent and len(self._under_way) < WINDOW:
            number = self._unsent[0]
            try:
                if number in self._waiting:
                    confirmation = self._post(self._waiting[number])
                    self._under_way.add(number)
                    confirmation.add_done_callback(partial(self._confirmed, number))
            except InputError as error:
                log.error("an event can't be sent: %s", error)
                del self._waiting[number]
            except BusError as error:
                log.debug("%d events wait for the broker: %s", len(self._waiting), error)
                return
            heappop(self._unsent)

    def _confirmed(self, number: int, confirmation: Future[None]) -> None:
        self._under_way.discard(number)
        error = None if confirmation.cancelled() else confirmation.exception()
        if isinstance(error, ConnectionLost) and number in self._waiting:
            heappush(self._unsent, number)
            return
        if isinstance(error, RemoteError) and error.reason != RELEASED:
            log.warning("the broker refused an event: %s", error)
        self._waiting.pop(number, None)
        self.flush()
