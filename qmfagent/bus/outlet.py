"""The outbound end of one link.

Rules of this file: a message waits here, as bytes, until the peer has given credit for it and the engine can get rid
of it; what waits is bounded. A message that nobody awaits goes out settled, unless the peer wants to settle itself; a
message with a future goes out unsettled, and the future tells its outcome.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from proton import Delivery, Sender

from qmfagent.bus.engine import Engine
from qmfagent.bus.limits import Limits
from qmfagent.errors import ConnectionLost, RemoteError

Outcome = asyncio.Future[None]


class Outlet:
    """Bounded queue in front of one sending link."""

    def __init__(
        self, engine: Engine, link: Sender, limits: Limits, *, on_overflow: Callable[[Outlet], None] | None = None
    ) -> None:
        self._on_overflow = on_overflow
        self._engine = engine
        self._link = link
        self._session = link.session
        self._limits = limits
        self._queue: deque[tuple[bytes, Outcome | None]] = deque()
        self._queued_bytes = 0
        self._awaited: dict[str, Outcome] = {}
        self._tag = 0

    def offer(self, data: bytes, outcome: Outcome | None = None) -> bool:
        """Send a message as soon as the peer can take it; whether there was room for it.

        A single message is never too large for an empty queue. `outcome` is completed when the peer has accepted the
        message; it fails with RemoteError where the peer refused it, with ConnectionLost where the link ended first.
        """
        full = len(self._queue) >= self._limits.queue_messages
        if self._queue and (full or self._queued_bytes + len(data) > self._limits.queue_bytes):
            if self._on_overflow is not None:
                self._on_overflow(self)
            return False
        self._queue.append((data, outcome))
        self._queued_bytes += len(data)
        self.flush()
        return True

    def flush(self) -> None:
        """Hand waiting messages to the engine while there is credit and the engine is not full itself."""
        link = self._link
        sent = False
        while self._queue and link.credit > 0 and not self._engine.paused:
            if self._session.outgoing_bytes > self._limits.window or link.unsettled > self._limits.queue_messages:
                break
            data, outcome = self._queue.popleft()
            self._queued_bytes -= len(data)
            if outcome is None or not outcome.done():
                self._send(data, outcome)
                sent = True
        if link.drain_mode and not self._queue:
            link.drained()
            sent = True
        if sent:
            self._engine.schedule_flush()

    def settled(self, delivery: Delivery) -> None:
        """Take the peer's outcome of a message that was sent unsettled."""
        if delivery.remote_state == Delivery.RECEIVED and not delivery.settled:
            return
        outcome = self._awaited.pop(delivery.tag, None)
        if outcome is not None and not outcome.done():
            if delivery.remote_state == Delivery.ACCEPTED:
                outcome.set_result(None)
            else:
                outcome.set_exception(RemoteError(_refusal(delivery)))
        delivery.settle()

    def close(self, reason: str) -> None:
        """Drop what waits; everything awaited fails with ConnectionLost."""
        waiting = [outcome for _, outcome in self._queue if outcome is not None]
        for outcome in [*self._awaited.values(), *waiting]:
            if not outcome.done():
                outcome.set_exception(ConnectionLost(reason))
        self._awaited.clear()
        self._queue.clear()
        self._queued_bytes = 0

    def _send(self, data: bytes, outcome: Outcome | None) -> None:
        self._tag += 1
        tag = str(self._tag)
        delivery = self._link.delivery(tag)
        self._link.stream(data)
        self._link.advance()
        if outcome is not None:
            self._awaited[tag] = outcome
        elif self._link.snd_settle_mode != Sender.SND_UNSETTLED:
            delivery.settle()


def _refusal(delivery: Delivery) -> str:
    condition = delivery.remote.condition
    if condition is None:
        return f"the peer did not accept the message ({delivery.remote_state})"
    return f"the peer rejected the message: {condition.name} {condition.description or ''}".rstrip()
